"""What `bycatch trigger` is asked for: the keys of its YAML file, which are its plan."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bycatch.evaluate.operating import LEVEL
from bycatch.fields import (
    Block,
    Expression,
    FolderOf,
    Fraction,
    Name,
    Paths,
    Positive,
    Positives,
    Real,
    RepresentationPlan,
    Share,
    Text,
)
from bycatch.trigger.rates import Luminosity


class ModelPlan(Block):
    """The score: a column of scored files, or a saved score that is applied to the events."""

    omitted = ("column", "folder", "name", "representation")

    column: Expression | None = Field(None, description="Column or expression of scored files.")
    folder: Annotated[Text, FolderOf("*")] | None = Field(
        None, description="Folder of a saved score."
    )
    name: Text | None = Field(None, description="Which of its scores; the first by default.")
    representation: RepresentationPlan | None = Field(None, description="What the score eats.")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.column is None) == (self.folder is None):
            raise ValueError("with exactly one of 'column' and 'folder'")
        if (self.folder is None) != (self.representation is None):
            raise ValueError("with 'representation' where there is 'folder', and only there")
        return self


class LuminosityPlan(Block):
    """Luminosity of a collider that runs a part of the time."""

    instantaneous: Positive = Field(description="In 1 / (cm^2 s).")
    live_fraction: Fraction = Field(1.0, description="Fraction of the month with data taking.")


class ProcessPlan(Block):
    """The files of one process, and what turns its events into a rate."""

    omitted = (
        "where", "cross_section", "acceptance", "trigger", "fraction", "events_per_month",
        "uncertainty",
    )  # fmt: skip

    path: Paths = Field(description="File, list of files or glob.")
    where: Expression | None = Field(None, description="Cut on the events.")
    cross_section: Positive | None = Field(None, description="In pb, before any selection.")
    acceptance: Fraction | None = Field(None, description="Fraction of events within reach.")
    trigger: Fraction | None = Field(
        None, description="Fraction of those that the existing trigger takes: the sample."
    )
    fraction: Annotated[Real, Field(ge=0, le=1)] | None = Field(
        None, description="Of all background events of the stream, instead of a cross section."
    )
    events_per_month: Positive | None = Field(None, description="In the stream, before the score.")
    uncertainty: Annotated[Real, Field(ge=0, lt=1)] | None = Field(
        None, description="Relative error of the rate; of a signal, of acceptance x trigger."
    )

    @property
    def rate(self) -> dict[str, float | None]:
        """What was given of the rate: the fields of `bycatch.trigger.rates.Normalisation`."""
        return self.model_dump(exclude={"path", "where"})


class TriggerPlan(Block):
    """A score that shall become a trigger."""

    omitted = ("weight", "events_per_month", "menu", "tail_start")

    score: ModelPlan = Field(description="What the threshold is set on.")
    background: dict[Name, ProcessPlan] = Field(
        min_length=1, description="Processes of the mixture by name; no training events."
    )
    signals: dict[Name, ProcessPlan] = Field(
        default_factory=dict, description="Benchmarks by name."
    )
    weight: Expression | None = Field(
        None, description="Event weight; `weight` for files of bycatch simulate, else 1."
    )
    luminosity: Positive | LuminosityPlan = Field(
        5.0, description="In 1/fb per month of 30 days, or a block `luminosity`."
    )
    events_per_month: Positive | None = Field(
        None, description="Background events per month before the score, of all processes."
    )
    budget: Positives = Field((30.0, 50.0, 300.0), description="Background events per day.")
    of: Literal["rate", "pure_rate"] = Field(
        "rate", description="What the budget counts: all events, or those the menu does not accept."
    )
    menu: Expression | None = Field(None, description="Whether the existing menu accepts an event.")
    events: Positives = Field(
        (10.0, 100.0), description="Signal events per month that cross sections are asked for."
    )
    s_over_b: Positive = Field(1.0 / 3.0, description="S/B that a cross section is asked for.")
    tail_start: Real | None = Field(
        None, description="Score over which the tail is fitted; by a rule where absent."
    )
    level: Share = Field(LEVEL, description="Confidence level of intervals.")
    output: Text | None = Field(None, description="Run folder; `runs/NAME` where absent.")

    @property
    def collected(self) -> Luminosity:
        """The luminosity of a month."""
        if isinstance(self.luminosity, LuminosityPlan):
            return Luminosity.from_instantaneous(
                self.luminosity.instantaneous, self.luminosity.live_fraction
            )
        return Luminosity(self.luminosity)
