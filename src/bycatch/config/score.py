"""From a YAML file of `bycatch score` to a plan; what can be wrong is found before work begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bycatch.anomaly.plan import CutPlan, SamplePlan, ScorePlan
from bycatch.config.files import Loaded, absolute, file_of, read_configuration
from bycatch.config.messages import validated
from bycatch.config.score_checks import (
    check_files,
    check_hunt,
    check_values,
    input_plan,
    pixel_plans,
)
from bycatch.config.score_methods import method_plans, reference_plan
from bycatch.config.score_schema import SampleConfig, ScoreConfig


@dataclass(frozen=True)
class LoadedScores(Loaded):
    """Scores, ready to be learned.

    Attributes
    ----------
    plan : ScorePlan
    resolved, output
        As in `bycatch.config.files.Loaded`.
    """

    plan: ScorePlan

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Files that the run reads, without the names of trees inside of them."""
        return tuple(file_of(name) for sample in self.plan.samples for name in sample.path)


def load_scores(
    path: Path | str,
    output: Path | str | None = None,
    *,
    inverse: bool = False,
    device: str | None = None,
) -> LoadedScores:
    """Read, check and resolve the configuration of `bycatch score`.

    Parameters
    ----------
    path : Path or str
        YAML file; relative paths inside of it resolve against its folder.
    output : Path or str, optional
        Run folder instead of the file's own, relative to the working directory.
    inverse : bool
        As the key `inverse`, whatever the file says.
    device : str, optional
        Instead of the key `device`.

    Raises
    ------
    InputError
        Where the file or an input file is missing.
    ConfigError
        Where a key or a value makes no sense; names the key, what is there and what is expected.
    ExpressionError, ColumnError
        Where an expression cannot be parsed or names a column that the files do not have.
    """
    path = Path(path)
    content = dict(read_configuration(path))
    if inverse:
        content["inverse"] = True
    if device is not None:
        content["device"] = device
    return build_scores(content, base=path.parent, source=str(path), output=output, name=path.stem)


def build_scores(
    content: Mapping[str, Any],
    *,
    base: Path,
    source: str = "configuration",
    output: Path | str | None = None,
    name: str = "score",
) -> LoadedScores:
    """Check and resolve a configuration that is already a mapping.

    Parameters
    ----------
    content : mapping
        As in the YAML file.
    base : Path
        Folder against which relative paths resolve.
    source : str
        How messages call the configuration.
    output : Path or str, optional
        Run folder instead of the configuration's own.
    name : str
        Name of the default run folder.

    Raises
    ------
    BycatchError
        As for `load_scores`.
    """
    config = validated(ScoreConfig, content, source)
    base = base.resolve()
    check_values(config, source)
    check_hunt(config, source)
    inputs = input_plan(config, source)
    methods = method_plans(config, inputs, source)
    reference = reference_plan(config, inputs, source)
    samples = check_files(config, _samples(config), inputs, base, source)
    pixels, variants = pixel_plans(config, inputs, source)
    folder = Path(output) if output is not None else base / (config.output or f"runs/{name}")
    plan = ScorePlan(
        background=samples[0],
        signals=samples[1:],
        inputs=inputs,
        methods=methods,
        weight=config.data.weight,
        mass=config.data.mass,
        pixels=pixels,
        variants=variants,
        contamination=config.contamination,
        folds=config.folds if config.train == "data" else 0,
        test_fraction=config.test_fraction,
        inverse=config.inverse,
        reference=reference,
        cuts=_cuts(config),
        nonfinite=config.nonfinite,
        seed=config.seed,
    )
    return LoadedScores(_resolved(config, base), folder, plan)


def _samples(config: ScoreConfig) -> tuple[SamplePlan, ...]:
    """Return the samples with the cuts and limits that apply to all of them, before globs."""
    data = config.data
    named = {"background": data.background, **data.signals}
    return tuple(
        SamplePlan(name, sample.path, _both(data.where, sample.where), sample.limit or data.limit)
        for name, sample in named.items()
    )


def _both(first: str | None, second: str | None) -> str | None:
    if first is None or second is None:
        return first or second
    return f"({first}) & ({second})"


def _cuts(config: ScoreConfig) -> CutPlan | None:
    if config.data.mass is None:
        return None
    hunt = config.hunt
    signal = hunt.signal if hunt.signal is not None else max(config.contamination) or 0.01
    return CutPlan(
        cuts=hunt.cuts,
        signal=signal,
        bins=hunt.bins,
        range=hunt.range,
        family=hunt.family,
        order=hunt.order,
        toys=hunt.toys,
    )


def _resolved(config: ScoreConfig, base: Path) -> dict[str, Any]:
    """Return the configuration with defaults and absolute paths, without the output folder."""
    resolved = config.model_dump(mode="json", exclude={"output"})
    data = resolved["data"]
    named: list[tuple[dict[str, Any], SampleConfig]] = [
        (data["background"], config.data.background)
    ]
    named += [(data["signals"][name], sample) for name, sample in config.data.signals.items()]
    for block, sample in named:
        block["path"] = [absolute(base, path) for path in sample.path]
    if config.supervised is None:
        resolved["supervised"] = False
    for key in ("representation", "features", "preprocessing"):
        if resolved[key] is None:
            del resolved[key]
    for method in resolved["methods"]:
        if method["label"] is None:
            del method["label"]
    return resolved
