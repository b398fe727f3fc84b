"""YAML in, one sentence out: where a configuration is wrong, what is there, what is expected."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from bycatch.errors import ConfigError, nearest

Model = TypeVar("Model", bound=BaseModel)

_EXPECTED = {
    "string_type": "a text",
    "string_too_short": "a text that is not empty",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "tuple_type": "a list",
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "too_short": "not empty",
}
_LIMITS = {
    "greater_than": ("larger than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("smaller than", "lt"),
    "less_than_equal": ("at most", "le"),
}


class _Loader(yaml.SafeLoader):
    """YAML as people read it: 1e-5 is a number, only true and false are booleans."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping; a key that stands twice is an error, not silently the last."""
        seen = set()
        for key, _ in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is not None and name in seen:
                problem = f"the key {name!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag.rpartition(":")[2] not in {"bool", "float", "timestamp"}
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^([-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


def parse_yaml(text: str, source: str) -> Mapping[str, Any]:
    """Parse a configuration.

    Parameters
    ----------
    text : str
    source : str
        Name of the file, for messages.

    Raises
    ------
    ConfigError
        Where it is no YAML (with the line), or no mapping of keys to values.
    """
    try:
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(
            f"{source}{where}: this is no valid YAML ({error.problem or error.context})."
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(
            f"{source}: this is no valid YAML ({str(error).splitlines()[0]})."
        ) from error
    if not isinstance(content, dict):
        raise ConfigError(
            f"{source} holds {_shown(content)}, but must hold keys and values such as 'data:'."
        )
    return content


def validated(model: type[Model], content: Mapping[str, Any], source: str) -> Model:
    """Check a configuration against its model.

    Raises
    ------
    ConfigError
        One sentence about the first problem; unknown keys come first since they explain others.
    """
    try:
        return model.model_validate(dict(content))
    except ValidationError as error:
        problems = error.errors(include_url=False)
        problems.sort(key=lambda problem: problem["type"] != "extra_forbidden")
        sentence = _sentence(model, dict(problems[0]))
        others = len(problems) - 1
        more = f" ({others} further problem{'s' * (others > 1)} after that)" if others else ""
        raise ConfigError(f"{source}: {sentence}{more}.") from None


def _sentence(model: type[BaseModel], problem: Mapping[str, Any]) -> str:
    location = problem["loc"]
    key = key_path(location)
    kind = problem["type"]
    if kind == "extra_forbidden":
        keys = _keys_at(model, location[:-1])
        place = f" in {key_path(location[:-1])!r}" if len(location) > 1 else ""
        return (
            f"unknown key {location[-1]!r}{place}; the nearest keys are "
            f"{nearest(str(location[-1]), keys)}"
        )
    if kind == "missing":
        there = problem["input"]
        near = nearest(str(location[-1]), there) if isinstance(there, dict) else "(nothing)"
        return f"the key {key!r} is missing; the nearest keys that are there are {near}"
    return f"{key!r} is {_shown(problem['input'])}, but must be {_expected(problem)}"


def _expected(problem: Mapping[str, Any]) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return str(context["expected"])
    if kind in _LIMITS:
        words, limit = _LIMITS[kind]
        return f"{words} {context[limit]}"
    return _EXPECTED.get(kind) or f"such that this holds: {problem['msg']}"


def key_path(location: tuple[str | int, ...]) -> str:
    """Return the path of a key as people write it: ``methods[0].template``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _keys_at(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """List the keys that exist where `location` points."""
    current = model
    for part in location:
        if isinstance(part, str) and part in current.model_fields:
            found = _model_in(current.model_fields[part].annotation)
            current = found or current
    return list(current.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _model_in(part)
        if found is not None:
            return found
    return None


def _shown(value: Any) -> str:
    """Return a value as a short text for a message."""
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a mapping of keys" + (
            f" ({', '.join(map(repr, list(value)[:3]))})" if value else ""
        )
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
