"""Write the page of the configuration's keys from the pydantic models that check them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bycatch.config.schema import SearchConfig

__all__ = ["reference", "write_reference"]

HEAD = """# Every key of a search

<!-- Made by docs/config_reference.py from src/bycatch/config/schema.py: change it there. -->

`bycatch search` reads one YAML file with these keys. Relative paths resolve against the folder of
the file. An unknown key is an error that names the nearest ones. Expressions are the columns' names
with `+ - * / **`, comparisons, `&`, `|`, `~`, indices of variable-length columns (`Jet_pt[:, 0]`)
and the usual numpy functions (`minimum`, `where`, `abs`, `log` ...).
`bycatch search FILE --dry-run` prints the file with all defaults.
"""


def write_reference(path: Path) -> None:
    """Write the page where it changed, so that Sphinx does not rebuild for nothing."""
    text = reference()
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def reference() -> str:
    """Return the page: one table for each block, and the JSON schema."""
    schema = SearchConfig.model_json_schema()
    definitions = schema.get("$defs", {})
    parts = [HEAD, _block("The file", schema, definitions)]
    parts += [_block(_title(name), block, definitions) for name, block in definitions.items()]
    parts.append(f"## JSON schema\n\n```json\n{json.dumps(schema, indent=1)}\n```\n")
    return "\n".join(parts)


def _title(name: str) -> str:
    return f"Block `{name.removesuffix('Config').lower()}`"


def _block(title: str, schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    required = set(schema.get("required", []))
    lines = [f"## {title}", "", schema.get("description", ""), ""]
    lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, field in schema["properties"].items():
        default = "(required)" if key in required else _default(field.get("default"))
        text = _described(field, definitions).replace("|", "\\|")
        lines.append(f"| `{key}` | {_type(field)} | {default} | {text} |")
    return "\n".join([*lines, ""])


def _described(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Return a key's meaning; a block's own where the key does not say more."""
    block = definitions.get(field.get("$ref", "").rpartition("/")[2], {})
    return str(field.get("description") or block.get("description", ""))


def _default(value: Any) -> str:
    return "" if value is None else f"`{json.dumps(value)}`"


def _type(field: dict[str, Any]) -> str:
    """Return a field's type in words."""
    if "$ref" in field:
        return f"block `{field['$ref'].rpartition('/')[2].removesuffix('Config').lower()}`"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type(choice) for choice in field["anyOf"]))
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    kind = field.get("type", "any")
    if kind == "array":
        return f"list of {_type(field['items'])}" if "items" in field else "list"
    names = {
        "string": "text",
        "integer": "whole number",
        "null": "nothing",
        "object": "mapping of names to texts",
    }
    return names.get(kind, kind)
