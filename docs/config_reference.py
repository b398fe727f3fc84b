"""Write the pages of the configurations' keys from the pydantic models that check them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bycatch.config.score_schema import ScoreConfig
from bycatch.evaluate.comparison_plan import ComparePlan
from bycatch.hunt.task import HuntTask
from bycatch.search.plan import SearchPlan
from bycatch.trigger.plan import TriggerPlan

__all__ = ["PAGES", "Page", "reference", "write_reference"]


@dataclass(frozen=True)
class Page:
    """Keys of one verb's YAML file.

    Attributes
    ----------
    title, verb : str
    model : type of BaseModel
    source : str
        File that holds the model.
    prefix : str
        Of the names of its blocks, left out in titles.
    text : str
        Further sentences of the introduction.
    """

    title: str
    verb: str
    model: type[BaseModel]
    source: str
    prefix: str = ""
    text: str = ""


_DRY_RUN = "`bycatch {verb} FILE --dry-run` prints the file with all defaults."
_EXPRESSIONS = """Expressions are the columns' names
with `+ - * / **`, comparisons, `&`, `|`, `~`, indices of variable-length columns (`Jet_pt[:, 0]`)
and the usual numpy functions (`minimum`, `where`, `abs`, `log` ...)."""

PAGES: dict[str, Page] = {
    "config.md": Page(
        "Every key of a search",
        "search",
        SearchPlan,
        "src/bycatch/search/plan.py",
        text=f"{_EXPRESSIONS}\n{_DRY_RUN}",
    ),
    "config-score.md": Page(
        "Every key of scores without labels",
        "score",
        ScoreConfig,
        "src/bycatch/config/score_schema.py",
        prefix="Score",
        text=f"{_EXPRESSIONS}\n{_DRY_RUN}",
    ),
    "config-trigger.md": Page(
        "Every key of a trigger",
        "trigger",
        TriggerPlan,
        "src/bycatch/trigger/plan.py",
        text=f"{_EXPRESSIONS}\n{_DRY_RUN}",
    ),
    "config-compare.md": Page(
        "Every key of a comparison of scores",
        "compare",
        ComparePlan,
        "src/bycatch/evaluate/comparison_plan.py",
        prefix="Compare",
        text="`bycatch compare` takes runs and tables themselves, too, where all keys have their\n"
        "defaults.",
    ),
    "config-hunt.md": Page(
        "Every key of a bump hunt",
        "hunt",
        HuntTask,
        "src/bycatch/hunt/task.py",
        text="`bycatch hunt` takes its input and\nthe same keys as options, too.",
    ),
}
"""Pages by file name."""

HEAD = """# {title}

<!-- Made by docs/config_reference.py from {source}: change it there. -->

`bycatch {verb}` reads one YAML file with these keys. Relative paths resolve against the folder of
the file. An unknown key is an error that names the nearest ones. {text}
"""


def write_reference(folder: Path) -> None:
    """Write the pages where they changed, so that Sphinx does not rebuild for nothing."""
    for name, page in PAGES.items():
        path, text = folder / name, reference(page)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def reference(page: Page) -> str:
    """Return a page: one table for each block, and the JSON schema."""
    schema = page.model.model_json_schema()
    definitions = schema.get("$defs", {})
    text = page.text.format(verb=page.verb)
    parts = [HEAD.format(title=page.title, verb=page.verb, source=page.source, text=text)]
    parts.append(_block("The file", schema, definitions, page.prefix))
    parts += [
        _block(f"Block `{_short(name, page.prefix)}`", block, definitions, page.prefix)
        for name, block in definitions.items()
    ]
    parts.append(f"## JSON schema\n\n```json\n{json.dumps(schema, indent=1)}\n```\n")
    return "\n".join(parts)


def _short(name: str, prefix: str) -> str:
    """Return the name of a block; the whole one where nothing else is left."""
    whole = name.removesuffix("Config").removesuffix("Plan")
    return (whole.removeprefix(prefix) or whole).lower()


def _block(title: str, schema: dict[str, Any], definitions: dict[str, Any], prefix: str) -> str:
    required = set(schema.get("required", []))
    lines = [f"## {title}", "", schema.get("description", ""), ""]
    lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, field in schema["properties"].items():
        default = "(required)" if key in required else _default(field.get("default"))
        text = _described(field, definitions).replace("|", "\\|")
        lines.append(f"| `{key}` | {_type(field, prefix)} | {default} | {text} |")
    return "\n".join([*lines, ""])


def _described(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Return a key's meaning; a block's own where the key does not say more."""
    block = definitions.get(field.get("$ref", "").rpartition("/")[2], {})
    return str(field.get("description") or block.get("description", ""))


def _default(value: Any) -> str:
    return "" if value is None else f"`{json.dumps(value)}`"


def _type(field: dict[str, Any], prefix: str) -> str:
    """Return a field's type in words."""
    if "$ref" in field:
        return f"block `{_short(field['$ref'].rpartition('/')[2], prefix)}`"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type(choice, prefix) for choice in field["anyOf"]))
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    kind = field.get("type", "any")
    if kind == "array":
        return f"list of {_type(field['items'], prefix)}" if "items" in field else "list"
    names = {"string": "text", "integer": "whole number", "null": "nothing"}
    return _mapping(field, prefix) if kind == "object" else names.get(kind, kind)


def _mapping(field: dict[str, Any], prefix: str) -> str:
    """Return what a mapping holds; where its keys have a pattern, the values stand below that."""
    patterns = field.get("patternProperties", {})
    values = next(iter(patterns.values()), field.get("additionalProperties"))
    blocks = isinstance(values, dict) and "$ref" in values
    return f"mapping of names to {_type(values, prefix) if blocks else 'texts'}"
