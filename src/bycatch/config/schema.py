"""The keys of a search's YAML file, each with its type, its default and what it means."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    WithJsonSchema,
    model_validator,
)

__all__ = [
    "BackgroundConfig",
    "DataConfig",
    "InjectConfig",
    "MethodConfig",
    "RegionsConfig",
    "ScanConfig",
    "SearchConfig",
]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _expression(value: Any) -> Any:
    """Let a bare number stand for the expression of that number."""
    return str(value) if _is_number(value) else value


def _listed(value: Any) -> Any:
    """Let a single path stand for a list of one."""
    return [value] if isinstance(value, str) else value


def _interval(value: Any) -> tuple[float, float]:
    if not (isinstance(value, (list, tuple)) and len(value) == 2 and all(map(_is_number, value))):
        message = "an interval [low, high]"
        raise ValueError(message)
    low, high = map(float, value)
    if not low < high:
        message = "an interval [low, high] with low below high"
        raise ValueError(message)
    return low, high


def _intervals(value: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, (list, tuple)) or not value:
        message = "a list of intervals [[low, high], ...]"
        raise ValueError(message)
    if all(map(_is_number, value)):
        value = [value]
    try:
        return tuple(_interval(item) for item in value)
    except ValueError as error:
        message = f"a list of intervals [[low, high], ...], each {error}"
        raise ValueError(message) from None


def _windows(value: Any) -> Any:
    return None if value is None else _intervals(value)


def _bins(value: Any) -> Any:
    if value == "auto":
        return value
    if _is_number(value):
        if value > 0:
            return float(value)
    elif isinstance(value, (list, tuple)) and len(value) > 2 and all(map(_is_number, value)):
        edges = tuple(map(float, value))
        if all(low < high for low, high in pairwise(edges)):
            return edges
    message = "a positive bin width, a list of rising edges, or auto"
    raise ValueError(message)


def _sidebands(value: Any) -> Any:
    if value is None:
        return value
    if _is_number(value):
        if 0 < value < 1:
            return float(value)
        message = "a fraction of the mass between 0 and 1, or a list of intervals"
        raise ValueError(message)
    return _intervals(value)


def _folds(value: Any) -> Any:
    if value == "half" or (isinstance(value, int) and not isinstance(value, bool) and value >= 3):
        return value
    message = "a whole number of at least 3 (train, stop early, apply), or half"
    raise ValueError(message)


def _order(value: Any) -> Any:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    message = "a number of parameters, or auto"
    raise ValueError(message)


Text = Annotated[str, Strict(), Field(min_length=1)]
Real = Annotated[float, Strict(), AllowInfNan(False)]
Whole = Annotated[int, Strict()]
Expression = Annotated[Text, BeforeValidator(_expression)]
Paths = Annotated[tuple[Text, ...], BeforeValidator(_listed), Field(min_length=1)]

_INTERVAL_SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {"type": "number"},
    "minItems": 2,
    "maxItems": 2,
}
_INTERVALS_SCHEMA: dict[str, Any] = {"type": "array", "items": _INTERVAL_SCHEMA}


def _schema(*choices: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": list(choices)})


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InjectConfig(_Model):
    """Signal events that are added to the data before anything else, for studies."""

    path: Paths = Field(description="File, list of files or glob with the signal events.")
    where: Expression | None = Field(None, description="Cut on the signal events.")
    count: Annotated[Whole, Field(ge=0)] = Field(
        description="Number of events over the full mass range, drawn without replacement."
    )


class DataConfig(_Model):
    """Where the events come from."""

    path: Paths = Field(
        description="File, list of files or glob (Parquet, HDF5, ROOT, npz, CSV); "
        "`file.root:Events` names a tree."
    )
    where: Expression | None = Field(None, description="Cut: an expression of the columns.")
    weight: Expression | None = Field(
        None, description="Expression of the signed event weight; 1 where absent."
    )
    fraction: Annotated[Real, Field(gt=0, le=1)] = Field(
        1.0, description="Random fraction of the events to use, drawn from the seed."
    )
    inject: InjectConfig | None = Field(None, description="Signal to inject, for studies.")


class ScanConfig(_Model):
    """Windows of equal relative width, one after the other."""

    first: Annotated[Real, Field(gt=0)] = Field(description="Centre of the first window.")
    last: Annotated[Real, Field(gt=0)] = Field(description="Centre of the last window, at most.")
    width: Annotated[Real, Field(gt=0, lt=1)] = Field(
        description="Full width of a window, a fraction of its centre."
    )
    step: Annotated[Real, Field(gt=0)] = Field(
        0.5, description="Distance of neighbouring centres, a fraction of the width."
    )


class RegionsConfig(_Model):
    """Binning, fit range, signal windows and training sidebands, in units of the resonance."""

    bins: Annotated[
        float | tuple[float, ...] | Literal["auto"],
        BeforeValidator(_bins),
        _schema(
            {"type": "number"}, {"type": "array", "items": {"type": "number"}}, {"const": "auto"}
        ),
    ] = Field("auto", description="Bin width, a list of edges, or auto.")
    fit_range: Annotated[
        tuple[float, float], BeforeValidator(_interval), WithJsonSchema(_INTERVAL_SCHEMA)
    ] = Field(description="Where the background is fitted; windows lie inside.")
    windows: Annotated[
        tuple[tuple[float, float], ...] | None,
        BeforeValidator(_windows),
        _schema(_INTERVALS_SCHEMA, {"type": "null"}),
    ] = Field(None, description="Signal windows [[low, high], ...]; or give `scan`.")
    scan: ScanConfig | None = Field(None, description="Windows by a rule; or give `windows`.")
    sidebands: Annotated[
        float | tuple[tuple[float, float], ...] | None,
        BeforeValidator(_sidebands),
        _schema({"type": "number"}, _INTERVALS_SCHEMA, {"type": "null"}),
    ] = Field(
        None,
        description="Training sidebands: the width of each side as a fraction of the mass, or "
        "intervals; the whole fit range outside of the window where absent.",
    )

    @model_validator(mode="before")
    @classmethod
    def _hoist_scan(cls, value: Any) -> Any:
        """Read ``windows: {scan: {...}}`` as ``scan: {...}``."""
        windows = value.get("windows") if isinstance(value, dict) else None
        if isinstance(windows, dict) and set(windows) == {"scan"} and "scan" not in value:
            return {**value, "windows": None, "scan": windows["scan"]}
        return value

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.windows is None) == (self.scan is None):
            message = "with exactly one of 'windows' and 'scan'"
            raise ValueError(message)
        return self


class MethodConfig(BaseModel):
    """One way to score events; further keys are options of the template or of the classifier."""

    model_config = ConfigDict(extra="allow", frozen=True)

    template: Text = Field(
        description="What stands in for the background: cwola, cathode or anode; with `truth` the "
        "yardsticks ideal and supervised."
    )
    classifier: Text | None = Field(
        None,
        description="What learns: trees, network, lightgbm or hgb; left out where the template has "
        "a score of its own (anode).",
    )
    name: Annotated[str, Strict(), Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")] | None = Field(
        None, description="Name in the result, where template and classifier do not tell enough."
    )


class BackgroundConfig(_Model):
    """The smooth spectrum under a peak."""

    family: Text = Field("dijet", description="Family of functions: dijet, cms, exppoly ...")
    order: Annotated[
        int | Literal["auto"],
        BeforeValidator(_order),
        _schema({"type": "integer"}, {"const": "auto"}),
    ] = Field("auto", description="Number of parameters; auto chooses with the window masked.")


class SearchConfig(_Model):
    """A search for a resonance of unknown mass and decay."""

    data: DataConfig = Field(description="Where the events come from.")
    resonance: Expression = Field(description="Expression of the resonant feature.")
    features: dict[str, Expression] = Field(
        min_length=1, description="Name and expression of each feature that the classifiers see."
    )
    truth: Expression | None = Field(
        None, description="Expression of the truth label; used for evaluation only."
    )
    regions: RegionsConfig = Field(description="Binning, fit range, windows and sidebands.")
    methods: tuple[MethodConfig, ...] = Field(
        min_length=1, description="Ways to score events; all are looked at and paid for."
    )
    folds: Annotated[
        int | Literal["half"],
        BeforeValidator(_folds),
        _schema({"type": "integer", "minimum": 3}, {"const": "half"}),
    ] = Field(5, description="k of the nested k-fold; half trains on one half, searches the other.")
    members: Annotated[Whole, Field(ge=1)] = Field(10, description="Classifiers per fold.")
    working_points: tuple[Annotated[Real, Field(gt=0, le=1)], ...] = Field(
        (0.1, 0.01, 0.001), min_length=1, description="Background efficiencies of the cuts."
    )
    background: BackgroundConfig = Field(
        default_factory=lambda: BackgroundConfig.model_validate({}),
        description="The smooth spectrum under a peak.",
    )
    toys: Annotated[Whole, Field(ge=1)] = Field(
        1000, description="Pseudo-data sets for the global p-value."
    )
    seed: Annotated[Whole, Field(ge=0)] = Field(1, description="Where all random numbers start.")
    nonfinite: Literal["refuse", "drop"] = Field(
        "refuse", description="What to do with events that have a NaN or infinite feature."
    )
    validation: Text | None = Field(
        None, description="Run folder of `bycatch validate` whose measured correction is applied."
    )
    output: Text | None = Field(
        None, description="Run folder; `runs/NAME` after the name of the file where absent."
    )
