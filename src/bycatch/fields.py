"""The kinds of values that plans hold: a field says once what it takes, and what it means.

A plan is a frozen `Block`: its fields are the keys of a YAML file, their descriptions are the
documentation. What a field holds is told by its type, so that `bycatch.config.plan` finds the files
(`Paths`), the folders (`FolderOf`) and the expressions of columns (`Expression`) of every plan.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self, TypeVar, get_args

from pydantic import (
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    Strict,
    WithJsonSchema,
    model_serializer,
)


@dataclass(frozen=True)
class Columns:
    """Mark of a field that is an expression of the columns of files."""


@dataclass(frozen=True)
class Files:
    """Mark of a field that names files of events."""


@dataclass(frozen=True)
class FolderOf:
    """Mark of a field that names a folder.

    Attributes
    ----------
    files : str
        Glob of the files in it whose replacement makes it another run.
    """

    files: str


def is_number(value: Any) -> bool:
    """Say whether a value is a number; true and false are none here."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def listed(value: Any) -> Any:
    """Let a single number stand for a list of one."""
    return [value] if is_number(value) else value


def interval(value: Any) -> tuple[float, float]:
    """Return ``[low, high]`` as a pair of numbers that rises (ValueError where it does not)."""
    if not (isinstance(value, (list, tuple)) and len(value) == 2 and all(map(is_number, value))):
        raise ValueError("an interval [low, high]")
    low, high = map(float, value)
    if not low < high:
        raise ValueError("an interval [low, high] with low below high")
    if math.isinf(high - low):
        raise ValueError("an interval [low, high] of finite numbers")
    return low, high


def named(key: str) -> BeforeValidator:
    """Let a text, or a list of texts, stand for a block of which `key` is the main key."""

    def expand(value: Any) -> Any:
        texts = isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value)
        return {key: value} if isinstance(value, str) or (texts and key == "path") else value

    return BeforeValidator(expand)


def _expression(value: Any) -> Any:
    """Let a bare number stand for the expression of that number."""
    return str(value) if is_number(value) else value


INTERVAL_SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {"type": "number"},
    "minItems": 2,
    "maxItems": 2,
}
Text = Annotated[str, Strict(), Field(min_length=1)]
Real = Annotated[float, Strict(), AllowInfNan(False)]
Whole = Annotated[int, Strict()]
Expression = Annotated[Text, BeforeValidator(_expression), Columns()]
Paths = Annotated[
    tuple[Text, ...],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    Field(min_length=1),
    Files(),
]
Interval = Annotated[
    tuple[float, float], BeforeValidator(interval), WithJsonSchema(INTERVAL_SCHEMA)
]
Positive = Annotated[Real, Field(gt=0)]
Positives = Annotated[tuple[Positive, ...], BeforeValidator(listed), Field(min_length=1)]
Fraction = Annotated[Real, Field(gt=0, le=1)]
Share = Annotated[Real, Field(gt=0, lt=1)]
Name = Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]


class Block(BaseModel):
    """A part of a plan: frozen, without keys that it does not know.

    Attributes
    ----------
    omitted : tuple of str
        Keys that the resolved configuration leaves out where they have no value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    omitted: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _without_omitted(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = handler(self)
        return {k: v for k, v in found.items() if v is not None or k not in self.omitted}

    def replace(self, **changes: Any) -> Self:
        """Return it with other values, which are not checked again."""
        return self.model_copy(update=changes)


class OpenBlock(Block):
    """A block whose further keys are options of what it names."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @property
    def given(self) -> dict[str, Any]:
        """The further keys."""
        return dict(self.model_extra or {})


class RepresentationPlan(OpenBlock):
    """What a model eats; further keys are options of the representation."""

    name: Text = Field(
        description="images, constituents, objects, particle_flow, substructure or lepton_stream."
    )


Some = TypeVar("Some", bound=Block)


def walk(
    block: Some, change: Callable[[str, object, Any], Any] | None = None, place: str = ""
) -> tuple[Some, list[tuple[str, object, Any]]]:
    """Go through the fields of a plan that are marked, the blocks inside of it included.

    Parameters
    ----------
    block : Block
    change : callable, optional
        Takes the path of a key, its mark and its value; returns what shall stand there.
    place : str
        Path of the block's own key.

    Returns
    -------
    block : Block
        With the changed values.
    found : list of (str, object, object)
        Path, mark and (changed) value of each marked field that has one.
    """
    found: list[tuple[str, object, Any]] = []

    def visit(value: Any, key: str, mark: object) -> Any:
        if isinstance(value, Block):
            changed, inside = walk(value, change, key)
            found.extend(inside)
            return changed
        if isinstance(value, dict):
            return {name: visit(item, f"{key}.{name}", mark) for name, item in value.items()}
        if isinstance(value, tuple) and not isinstance(mark, Files):
            return tuple(visit(item, f"{key}[{i}]", mark) for i, item in enumerate(value))
        if mark is None or value is None:
            return value
        value = change(key, mark, value) if change else value
        found.append((key, mark, value))
        return value

    changes = {}
    for name, field in type(block).model_fields.items():
        mark = next(_marks(field.annotation, *field.metadata), None)
        key = f"{place}.{name}" if place else name
        changes[name] = visit(getattr(block, name), key, mark)
    return (block.replace(**changes) if change else block), found


def _marks(annotation: Any, *metadata: object) -> Iterator[object]:
    """Yield the marks of a field, wherever they stand in its type."""
    for item in (*metadata, *getattr(annotation, "__metadata__", ())):
        if isinstance(item, (Columns, Files, FolderOf)):
            yield item
    for part in get_args(annotation):
        yield from _marks(part)
