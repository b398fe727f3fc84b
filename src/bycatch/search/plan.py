"""What a search is going to do: the keys of its YAML file, which are its plan.

A plan is plain frozen data: two equal plans give equal results, and its hash names the run.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BeforeValidator, Field, Strict, WithJsonSchema, model_validator

from bycatch.fields import (
    INTERVAL_SCHEMA,
    Block,
    Expression,
    FolderOf,
    Fraction,
    Interval,
    OpenBlock,
    Paths,
    Positive,
    Share,
    Text,
    Whole,
    interval,
    is_number,
)
from bycatch.statistics.plan import BackgroundPlan


def _intervals(value: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError("a list of intervals [[low, high], ...]")
    if all(map(is_number, value)):
        value = [value]
    try:
        return tuple(interval(item) for item in value)
    except ValueError as error:
        raise ValueError(f"a list of intervals [[low, high], ...], each {error}") from None


def _windows(value: Any) -> Any:
    return None if value is None else _intervals(value)


def _bins(value: Any) -> Any:
    if value == "auto":
        return value
    if is_number(value):
        if value > 0:
            return float(value)
    elif isinstance(value, (list, tuple)) and len(value) > 2 and all(map(is_number, value)):
        edges = tuple(map(float, value))
        if all(low < high for low, high in pairwise(edges)):
            return edges
    raise ValueError("a positive bin width, a list of rising edges, or auto")


def _sidebands(value: Any) -> Any:
    if value is None:
        return value
    if is_number(value):
        if 0 < value < 1:
            return float(value)
        raise ValueError("a fraction of the mass between 0 and 1, or a list of intervals")
    return _intervals(value)


def _folds(value: Any) -> Any:
    if value == "half" or (isinstance(value, int) and not isinstance(value, bool) and value >= 3):
        return value
    raise ValueError("a whole number of at least 3 (train, stop early, apply), or half")


_INTERVALS_SCHEMA: dict[str, Any] = {"type": "array", "items": INTERVAL_SCHEMA}


def _schema(*choices: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": list(choices)})


class InjectionPlan(Block):
    """Signal events that are added to the data before anything else, for studies."""

    path: Paths = Field(description="File, list of files or glob with the signal events.")
    where: Expression | None = Field(None, description="Cut on the signal events.")
    count: Annotated[Whole, Field(ge=0)] = Field(
        description="Number of events over the full mass range, drawn without replacement."
    )


class DataPlan(Block):
    """Where the events come from."""

    path: Paths = Field(
        description="File, list of files or glob (Parquet, HDF5, ROOT, npz, CSV); "
        "`file.root:Events` names a tree."
    )
    where: Expression | None = Field(None, description="Cut: an expression of the columns.")
    weight: Expression | None = Field(
        None, description="Expression of the signed event weight; 1 where absent."
    )
    fraction: Fraction = Field(
        1.0, description="Random fraction of the events to use, drawn from the seed."
    )
    inject: InjectionPlan | None = Field(None, description="Signal to inject, for studies.")


class ScanPlan(Block):
    """Windows of equal relative width, one after the other."""

    first: Positive = Field(description="Centre of the first window.")
    last: Positive = Field(description="Centre of the last window, at most.")
    width: Share = Field(description="Full width of a window, a fraction of its centre.")
    step: Positive = Field(
        0.5, description="Distance of neighbouring centres, a fraction of the width."
    )


class RegionPlan(Block):
    """Binning, fit range, signal windows and training sidebands, in units of the resonance."""

    omitted = ("windows", "scan")

    bins: Annotated[
        float | tuple[float, ...] | Literal["auto"],
        BeforeValidator(_bins),
        _schema(
            {"type": "number"}, {"type": "array", "items": {"type": "number"}}, {"const": "auto"}
        ),
    ] = Field("auto", description="Bin width, a list of edges, or auto.")
    fit_range: Interval = Field(description="Where the background is fitted; windows lie inside.")
    windows: Annotated[
        tuple[tuple[float, float], ...] | None,
        BeforeValidator(_windows),
        _schema(_INTERVALS_SCHEMA, {"type": "null"}),
    ] = Field(None, description="Signal windows [[low, high], ...]; or give `scan`.")
    scan: ScanPlan | None = Field(None, description="Windows by a rule; or give `windows`.")
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
            raise ValueError("with exactly one of 'windows' and 'scan'")
        return self


class MethodPlan(OpenBlock):
    """One way to score events; further keys are options of the template or of the classifier."""

    omitted = ("classifier", "name")

    template: Text = Field(
        description="What stands in for the background: cwola, cathode or anode; with `truth` the "
        "yardsticks ideal and supervised."
    )
    classifier: Text | None = Field(
        None,
        description="What learns: trees, network, lightgbm or hgb; left out where the template has "
        "a score of its own (anode).",
    )
    label: Annotated[str, Strict(), Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")] | None = Field(
        None,
        # `name` is the older spelling. The resolved configuration keeps it, so that runs that were
        # begun with it continue.
        validation_alias=AliasChoices("label", "name"),
        serialization_alias="name",
        description="Name in the result, where template and classifier do not tell enough; `name` "
        "is read, too.",
    )

    @property
    def name(self) -> str:
        """Name in results and file names, for example ``cwola-trees``."""
        return self.label or "-".join(filter(None, (self.template, self.classifier)))

    @property
    def options(self) -> tuple[tuple[str, object], ...]:
        """Further keyword arguments of the classifier."""
        own = self.own_options
        return tuple(sorted(item for item in self.given.items() if item[0] not in own))

    @property
    def template_options(self) -> tuple[tuple[str, object], ...]:
        """Keyword arguments of the template."""
        own = self.own_options
        return tuple(sorted(item for item in self.given.items() if item[0] in own))

    @property
    def own_options(self) -> tuple[str, ...]:
        """Names of the template's options that a file can give."""
        from bycatch.template import template_options  # noqa: PLC0415 - methods load late

        # the background is an object that the run hands over
        return tuple(key for key in template_options(self.template) if key != "background")


class SearchPlan(Block):
    """A search for a resonance of unknown mass and decay."""

    data: DataPlan = Field(description="Where the events come from.")
    resonance: Expression = Field(description="Expression of the resonant feature.")
    features: dict[str, Expression] = Field(
        min_length=1, description="Name and expression of each feature that the classifiers see."
    )
    truth: Expression | None = Field(
        None, description="Expression of the truth label; used for evaluation only."
    )
    regions: RegionPlan = Field(description="Binning, fit range, windows and sidebands.")
    methods: tuple[MethodPlan, ...] = Field(
        min_length=1, description="Ways to score events; all are looked at and paid for."
    )
    folds: Annotated[
        int | Literal["half"],
        BeforeValidator(_folds),
        _schema({"type": "integer", "minimum": 3}, {"const": "half"}),
    ] = Field(5, description="k of the nested k-fold; half trains on one half, searches the other.")
    members: Annotated[Whole, Field(ge=1)] = Field(10, description="Classifiers per fold.")
    working_points: tuple[Fraction, ...] = Field(
        (0.1, 0.01, 0.001), min_length=1, description="Background efficiencies of the cuts."
    )
    background: BackgroundPlan = Field(
        default_factory=lambda: BackgroundPlan.model_validate({}),
        description="The smooth spectrum under a peak.",
    )
    toys: Annotated[Whole, Field(ge=1)] = Field(
        1000, description="Pseudo-data sets for the global p-value."
    )
    seed: Annotated[Whole, Field(ge=0)] = Field(1, description="Where all random numbers start.")
    nonfinite: Literal["refuse", "drop"] = Field(
        "refuse", description="What to do with events that have a NaN or infinite feature."
    )
    validation: Annotated[Text, FolderOf("result.json")] | None = Field(
        None, description="Run folder of `bycatch validate` whose measured correction is applied."
    )
    output: Text | None = Field(
        None, description="Run folder; `runs/NAME` after the name of the file where absent."
    )
