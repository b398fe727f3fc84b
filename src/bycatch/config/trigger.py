"""The YAML file of `bycatch trigger`: its keys, their checks, and the plan they turn into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bycatch.config.files import Loaded, absolute, file_of, read_configuration
from bycatch.config.messages import validated
from bycatch.config.schema import Expression, Paths, Real, Text
from bycatch.errors import ColumnError, ConfigError, InputError, nearest
from bycatch.trigger.plan import ModelPlan, ProcessPlan, TriggerPlan
from bycatch.trigger.rates import Luminosity, Normalisation, normalisation_of, process_rates

__all__ = ["LoadedTrigger", "TriggerConfig", "build_trigger", "load_trigger"]

Positive = Annotated[Real, Field(gt=0)]
Fraction = Annotated[Real, Field(gt=0, le=1)]
Name = Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]
_NORMALISATION = (
    "cross_section", "acceptance", "trigger", "fraction", "events_per_month", "uncertainty",
)  # fmt: skip


def _listed(value: Any) -> Any:
    """Let a single number stand for a list of one."""
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else value


Positives = Annotated[tuple[Positive, ...], BeforeValidator(_listed), Field(min_length=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RepresentationConfig(BaseModel):
    """What the score eats; further keys are options of the representation."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Text = Field(description="lepton_stream, objects, particle_flow, images ...")


class ScoreConfig(_Model):
    """The score: a column of scored files, or a saved score that is applied to the events."""

    column: Expression | None = Field(None, description="Column or expression of scored files.")
    folder: Text | None = Field(None, description="Folder of a saved score.")
    name: Text | None = Field(None, description="Which of its scores; the first by default.")
    representation: RepresentationConfig | None = Field(None, description="What the score eats.")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.column is None) == (self.folder is None):
            message = "with exactly one of 'column' and 'folder'"
            raise ValueError(message)
        if (self.folder is None) != (self.representation is None):
            message = "with 'representation' where there is 'folder', and only there"
            raise ValueError(message)
        return self


class LuminosityConfig(_Model):
    """Luminosity of a collider that runs a part of the time."""

    instantaneous: Positive = Field(description="In 1 / (cm^2 s).")
    live_fraction: Fraction = Field(1.0, description="Fraction of the month with data taking.")


class ProcessConfig(_Model):
    """The files of one process, and what turns its events into a rate."""

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


class TriggerConfig(_Model):
    """A score that shall become a trigger."""

    score: ScoreConfig = Field(description="What the threshold is set on.")
    background: dict[Name, ProcessConfig] = Field(
        min_length=1, description="Processes of the mixture by name; no training events."
    )
    signals: dict[Name, ProcessConfig] = Field(
        default_factory=dict, description="Benchmarks by name."
    )
    weight: Expression | None = Field(
        None, description="Event weight; `weight` for files of bycatch simulate, else 1."
    )
    luminosity: Positive | LuminosityConfig = Field(
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
    level: Annotated[Real, Field(gt=0, lt=1)] = Field(
        0.6827, description="Confidence level of intervals."
    )
    output: Text | None = Field(None, description="Run folder; `runs/NAME` where absent.")


@dataclass(frozen=True)
class LoadedTrigger(Loaded):
    """A trigger, ready to be worked out.

    Attributes
    ----------
    plan : TriggerPlan
    resolved, output
        As in `bycatch.config.files.Loaded`.
    """

    plan: TriggerPlan

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Files that the run reads."""
        processes = (*self.plan.background, *self.plan.signals)
        files = [file_of(name) for p in processes for name in p.path]
        if isinstance(self.plan.score, ModelPlan):
            files += sorted(x for x in Path(self.plan.score.folder).iterdir() if x.is_file())
        return tuple(files)


def load_trigger(path: Path | str, output: Path | str | None = None) -> LoadedTrigger:
    """Read, check and resolve a configuration; paths in it resolve against its folder.

    Parameters
    ----------
    path : Path or str
    output : Path or str, optional
        Run folder instead of the file's own, relative to the working directory.

    Raises
    ------
    InputError, ConfigError, ExpressionError, ColumnError
        Where a file, key, value, expression or column is wrong.
    """
    path = Path(path)
    return build_trigger(
        read_configuration(path), base=path.parent, source=str(path), output=output, name=path.stem
    )


def build_trigger(
    content: Mapping[str, Any],
    *,
    base: Path,
    source: str = "configuration",
    output: Path | str | None = None,
    name: str = "trigger",
) -> LoadedTrigger:
    """Check and resolve a configuration that is already a mapping; see `load_trigger`."""
    config = validated(TriggerConfig, content, source)
    base = base.resolve()
    _check_values(config, source)
    score = _score(config.score, base, source)
    background = _processes(config, config.background, score, base, signal=False)
    signals = _processes(config, config.signals, score, base, signal=True)
    for process in signals:
        if process.normalisation.selected is None:
            message = (
                f"{source}: 'signals.{process.name}' needs 'acceptance' and 'trigger', since its "
                "files were not made by bycatch simulate; efficiencies in the tables are absolute."
            )
            raise ConfigError(message)
    luminosity = _luminosity(config.luminosity)
    known = {process.name: process.normalisation for process in background}
    try:
        rates = process_rates(known, luminosity, config.events_per_month)
    except ConfigError as error:
        message = f"{source}: {error}"
        raise ConfigError(message) from None
    plan = TriggerPlan(
        score=score,
        background=background,
        signals=signals,
        rates=rates,
        luminosity=luminosity,
        budgets=config.budget,
        of=config.of,
        menu=config.menu,
        events=config.events,
        s_over_b=config.s_over_b,
        tail_start=config.tail_start,
        level=config.level,
    )
    folder = Path(output) if output is not None else base / (config.output or f"runs/{name}")
    return LoadedTrigger(_resolved(config, base), folder, plan)


def _check_values(config: TriggerConfig, source: str) -> None:
    """Check keys against each other."""
    if config.of == "pure_rate" and config.menu is None:
        message = f"{source}: 'of' is pure_rate, which needs 'menu': the existing menu's decision."
        raise ConfigError(message)
    both = sorted(set(config.background) & set(config.signals))
    if both:
        message = f"{source}: {both[0]!r} stands under 'background' and under 'signals'."
        raise ConfigError(message)


def _luminosity(value: float | LuminosityConfig) -> Luminosity:
    if isinstance(value, LuminosityConfig):
        return Luminosity.from_instantaneous(value.instantaneous, value.live_fraction)
    return Luminosity(value)


def _score(config: ScoreConfig, base: Path, source: str) -> str | ModelPlan:
    if config.column is not None:
        return config.column
    from bycatch.learn.checkpoint import read_kind  # noqa: PLC0415 - loads safetensors
    from bycatch.represent import REPRESENTATIONS  # noqa: PLC0415

    assert config.representation is not None  # noqa: S101 - the model checked it
    representation = config.representation.name
    if representation not in REPRESENTATIONS:
        message = (
            f"{source}: 'score.representation.name' is {representation!r}, which does not exist; "
            f"the nearest are {nearest(representation, REPRESENTATIONS)}."
        )
        raise ConfigError(message)
    folder = absolute(base, str(config.folder))
    read_kind(Path(folder))
    return ModelPlan(folder, representation, config.representation.model_extra or {}, config.name)


def _processes(
    config: TriggerConfig,
    processes: Mapping[str, ProcessConfig],
    score: str | ModelPlan,
    base: Path,
    *,
    signal: bool,
) -> tuple[ProcessPlan, ...]:
    from bycatch.events import column_names, resolve_paths  # noqa: PLC0415 - loads the readers
    from bycatch.events.simulate.files import simulation_info  # noqa: PLC0415

    found = []
    for name, process in processes.items():
        path = resolve_paths(list(process.path), base)
        try:
            infos = [simulation_info(file) for file in path if file.endswith(".parquet")]
        except InputError:
            infos = []
        known = Normalisation()
        if len(infos) == len(path):
            known = normalisation_of(infos, signal=signal)
        columns = column_names(path[0])
        weight = config.weight or ("weight" if infos and "weight" in columns else None)
        place = f"{'signals' if signal else 'background'}.{name}"
        _check_columns(path[0], columns, {
            "score.column": score if isinstance(score, str) else None,
            "menu": config.menu,
            "weight": weight,
            f"{place}.where": process.where,
        })  # fmt: skip
        given = {key: getattr(process, key) for key in _NORMALISATION}
        found.append(ProcessPlan(name, path, process.where, weight, known.updated(given)))
    return tuple(found)


def _check_columns(path: str, columns: list[str], expressions: Mapping[str, str | None]) -> None:
    """Check that the columns that expressions name exist."""
    from bycatch.events.expressions import parse  # noqa: PLC0415

    for key, text in expressions.items():
        if text is None:
            continue
        for name in sorted(parse(text).names - set(columns)):
            message = (
                f"{path} has no column {name!r}, which {key!r} uses; "
                f"the nearest columns are {nearest(name, columns)}."
            )
            raise ColumnError(message)


def _resolved(config: TriggerConfig, base: Path) -> dict[str, Any]:
    """Return the configuration with defaults and absolute paths, without the output folder."""
    resolved = config.model_dump(mode="json", exclude={"output"}, exclude_none=True)
    for kind in ("background", "signals"):
        for process in resolved[kind].values():
            process["path"] = [absolute(base, path) for path in process["path"]]
    if "folder" in resolved["score"]:
        resolved["score"]["folder"] = absolute(base, resolved["score"]["folder"])
    return resolved
