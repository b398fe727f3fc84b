"""The second look at the configuration of `bycatch score`: keys that do not fit together."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bycatch.anomaly.plan import LAYOUTS, InputPlan, Preprocessing, SamplePlan
from bycatch.config.score_schema import ScoreConfig
from bycatch.errors import BycatchError, ColumnError, ConfigError, ExpressionError, nearest

_GIVEN_BY_THE_RUN = ("constituents", "mask", "events", "dtype")
_FEW = 64


def check_values(config: ScoreConfig, source: str) -> None:
    """Check values against each other (ConfigError)."""
    if len(set(config.contamination)) < len(config.contamination):
        raise ConfigError(
            f"{source}: 'contamination' has a value twice: {list(config.contamination)}."
        )
    if "background" in config.data.signals:
        raise ConfigError(f"{source}: a signal is named 'background'; give it another name.")
    if len(config.data.signals) > 120:
        raise ConfigError(
            f"{source}: 'data.signals' names {len(config.data.signals)}; at most 120 fit."
        )


def check_hunt(config: ScoreConfig, source: str) -> None:
    """Check range, family and order of the hunts' background (ConfigError)."""
    from bycatch.statistics.fits.background import FAMILIES  # noqa: PLC0415 - rooms load late

    hunt = config.hunt
    if hunt.range is not None and not hunt.range[0] < hunt.range[1]:
        raise ConfigError(
            f"{source}: 'hunt.range' is {list(hunt.range)}, but must have low below high."
        )
    if hunt.family != "auto" and hunt.family not in FAMILIES:
        raise ConfigError(
            f"{source}: 'hunt.family' is {hunt.family!r}, which does not exist; the nearest are "
            f"{nearest(hunt.family, ['auto', *FAMILIES])}."
        )
    if hunt.order != "auto" and hunt.family != "auto":
        orders = FAMILIES[hunt.family].orders
        if hunt.order not in orders:
            raise ConfigError(
                f"{source}: 'hunt.order' is {hunt.order}, but the family {hunt.family!r} has "
                f"{', '.join(map(str, orders))} parameters; choose one of them, or auto."
            )


def input_plan(config: ScoreConfig, source: str) -> InputPlan:
    """Return what models eat.

    For images without ``power`` and ``smear``, which `pixel_plans` returns.

    Raises
    ------
    ConfigError
        Where a representation or an option does not exist.
    """
    if config.features is not None:
        return InputPlan("features", features=tuple(config.features.items()))
    chosen = config.representation
    if chosen is None:
        raise ConfigError(f"{source}: give 'representation' or 'features'.")
    known = [name for name in LAYOUTS if name != "features"]
    if chosen.name not in known:
        raise ConfigError(
            f"{source}: 'representation.name' is {chosen.name!r}, which does not exist; the "
            f"nearest are {nearest(chosen.name, known)}."
        )
    options = dict(chosen.model_extra or {})
    names = _options_of(chosen.name)
    for option in options:
        if option not in names:
            raise ConfigError(
                f"{source}: 'representation' has the unknown key {option!r}; the nearest keys are "
                f"{nearest(option, ['name', *names])}."
            )
    if chosen.name == "images":
        options = {k: v for k, v in options.items() if k not in {"power", "smear"}}
    return InputPlan(chosen.name, options)


def _options_of(name: str) -> list[str]:
    """Return the options of a representation."""
    from importlib import import_module  # noqa: PLC0415

    functions = {
        "images": "jet_images",
        "constituents": "constituent_features",
        "substructure": "subjettiness_basis",
        "objects": "event_objects",
        "lepton_stream": "lepton_stream_features",
        "particle_flow": "represent",
    }
    module = import_module(f"bycatch.represent.{name}")
    function: Callable[..., Any] = getattr(module, functions[name])
    return [key for key in inspect.signature(function).parameters if key not in _GIVEN_BY_THE_RUN]


def pixel_plans(
    config: ScoreConfig, inputs: InputPlan, source: str
) -> tuple[Preprocessing | None, tuple[Preprocessing, ...]]:
    """Return how images are reweighted, and the other ways to try.

    Raises
    ------
    ConfigError
        Where there are no images to reweight, or a number makes no sense.
    """
    from bycatch.represent.images import check_reweighting  # noqa: PLC0415

    asked = config.preprocessing
    if inputs.name != "images" or config.representation is None:
        if asked is not None:
            raise ConfigError(
                f"{source}: 'preprocessing' reweights pixels, but '{inputs.name}' has none; use "
                "the representation 'images', or remove the key."
            )
        return None, ()
    options: Mapping[str, Any] = config.representation.model_extra or {}
    try:
        own = Preprocessing(float(options.get("power", 1.0)), float(options.get("smear", 0.0)))
        check_reweighting(own.power, own.smear)
    except (BycatchError, TypeError, ValueError) as error:
        raise ConfigError(f"{source}: 'representation': {error}") from error
    if asked is None:
        return own, ()
    others = [replace(own, power=power) for power in asked.power]
    others += [replace(own, smear=smear) for smear in asked.smear]
    return own, tuple(dict.fromkeys(other for other in others if other != own))


def check_files(
    config: ScoreConfig,
    samples: tuple[SamplePlan, ...],
    inputs: InputPlan,
    base: Path,
    source: str,
) -> tuple[SamplePlan, ...]:
    """Check that files exist, have the columns that are asked for, and can be represented.

    Returns
    -------
    tuple of SamplePlan
        With files after globs were resolved.

    Raises
    ------
    InputError, ColumnError, ExpressionError
        Where a file, a column or an expression is wrong.
    ConfigError
        Where an option of the representation makes no sense.
    """
    from bycatch.events import resolve_paths  # noqa: PLC0415 - loads the readers

    shared = {"data.weight": config.data.weight, "data.mass": config.data.mass}
    shared |= {f"features.{name}": text for name, text in inputs.features}
    found = []
    for sample in samples:
        resolved = replace(sample, path=resolve_paths(list(sample.path), base))
        key = "data.background" if sample.name == "background" else f"data.signals.{sample.name}"
        _check_columns(resolved, shared | {f"{key}.where": sample.where})
        if not inputs.features:
            _try_representation(resolved, inputs, source)
        found.append(resolved)
    return tuple(found)


def _check_columns(sample: SamplePlan, expressions: Mapping[str, str | None]) -> None:
    from bycatch.events import column_names  # noqa: PLC0415
    from bycatch.events.expressions import parse  # noqa: PLC0415

    columns = column_names(sample.path)
    for key, text in expressions.items():
        if text is None:
            continue
        try:
            names = parse(text).names
        except ExpressionError as error:
            raise ExpressionError(f"{key!r}: {error}") from error
        for name in sorted(names - set(columns)):
            raise ColumnError(
                f"{sample.path[0]} has no column {name!r}, which {key!r} uses; "
                f"the nearest columns are {nearest(name, columns)}."
            )


def _try_representation(sample: SamplePlan, inputs: InputPlan, source: str) -> None:
    """Represent the first events of a file, to find missing columns and wrong options early."""
    from bycatch.anomaly.inputs import needed_columns  # noqa: PLC0415
    from bycatch.events import column_names, scan  # noqa: PLC0415
    from bycatch.represent import represent  # noqa: PLC0415

    columns = needed_columns(inputs.name, column_names(sample.path))
    first = next(iter(scan(sample.path, columns, chunk=_FEW)))
    try:
        represent(inputs.name, first, **inputs.options)
    except ColumnError as error:
        raise ColumnError(f"{sample.path[0]}: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{source}: 'representation': {error}") from error
    except (TypeError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"{source}: 'representation' ({inputs.name}) has an option of the wrong kind ({error})."
        ) from error
    except BycatchError:
        # What is wrong with these events is told, or dropped, when all of them are read.
        return
