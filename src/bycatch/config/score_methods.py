"""The entries under 'methods' of `bycatch score`: scores, their options and what they eat."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Literal

from bycatch.anomaly.plan import InputPlan, MethodPlan, ReferencePlan
from bycatch.config.score_schema import ScoreConfig, ScoreMethodConfig
from bycatch.errors import BycatchError, ConfigError, nearest
from bycatch.evaluate.score_tables import REFERENCE

_OWN = ("name", "label")
_RUN_WIDE = ("seed",)
"""Options that belong to the run."""


def method_plans(config: ScoreConfig, inputs: InputPlan, source: str) -> tuple[MethodPlan, ...]:
    """Make every score once, so that every value is checked before work begins.

    Parameters
    ----------
    config : ScoreConfig
    inputs : InputPlan
    source : str
        How messages call the configuration.

    Returns
    -------
    tuple of MethodPlan

    Raises
    ------
    ConfigError
        Where a score or an option does not exist (lists the nearest), a value makes no sense, a
        score cannot read the representation, lacks what it learns from, or a name stands twice.
    """
    plans: list[MethodPlan] = []
    for index, method in enumerate(config.methods):
        key = f"methods[{index}]"
        plan = _plan(key, method, config, inputs, source)
        if any(other.name == plan.name for other in plans) or plan.name == REFERENCE:
            raise ConfigError(
                f"{source}: '{key}' has the name {plan.name!r}, which is taken; give it another "
                "'label', or remove it."
            )
        plans.append(plan)
    return tuple(plans)


def _plan(
    key: str, method: ScoreMethodConfig, config: ScoreConfig, inputs: InputPlan, source: str
) -> MethodPlan:
    from bycatch.score import SCORES, score_options  # noqa: PLC0415 - loads late

    kind = SCORES.checked(f"{key}.name", method.name, source)
    known = [option for option in score_options(method.name) if option not in _RUN_WIDE]
    given = dict(method.model_extra or {})
    _check_known(key, given, known, source)
    options: dict[str, Any] = {"members": config.members}
    if "device" in known:
        options["device"] = config.device
    options |= given
    uses = _uses(key, kind, options, config, source)
    options, flat = _laid_out(key, method.name, options, known, inputs, source)
    return MethodPlan(method.label or method.name, method.name, options, flat, uses)


def _check_known(key: str, given: Mapping[str, Any], known: list[str], source: str) -> None:
    for option in given:
        if option in _RUN_WIDE:
            raise ConfigError(
                f"{source}: '{key}.{option}' belongs to the whole run; give '{option}' at the top "
                "of the file."
            )
        if option not in known:
            raise ConfigError(
                f"{source}: {key!r} has the unknown key {option!r}; the nearest keys are "
                f"{nearest(option, [*_OWN, *known])}."
            )


def _uses(
    key: str, score: type[Any], options: Mapping[str, Any], config: ScoreConfig, source: str
) -> Literal["", "label", "protected"]:
    """Say what a score learns from beside its rows, and check that there is such a thing."""
    arguments = inspect.signature(score.fit).parameters
    if "label" in arguments:
        if len(config.data.signals) < 2:
            raise ConfigError(
                f"{source}: {key!r} ({score.kind}) learns from signals and is tested on one that "
                "it did not see, so 'data.signals' needs at least 2, but there is 1."
            )
        return "label"
    if "protected" in arguments and options.get("protected_column") is None:
        if config.data.mass is None:
            raise ConfigError(
                f"{source}: {key!r} ({score.kind}) protects a variable, but there is no "
                "'data.mass'; add it, or the option 'protected_column'."
            )
        return "protected"
    return ""


def _laid_out(
    key: str,
    kind: str,
    options: dict[str, Any],
    known: list[str],
    inputs: InputPlan,
    source: str,
) -> tuple[dict[str, Any], bool]:
    """Choose the layout of the rows: their own, or flattened where a score knows vectors only."""
    choices = [options]
    if "layout" in known and "layout" not in options:
        own = {**options, "layout": inputs.layout}
        choices = [own] if inputs.layout == "vector" else [own, {**options, "layout": "vector"}]
    problems = []
    for choice in choices:
        try:
            return choice, _flattens(kind, choice, inputs)
        except BycatchError as error:
            problems.append(error)
        except (TypeError, AttributeError, ValueError) as error:
            problems.append(ConfigError(f"an option is of the wrong kind ({error})"))
    raise ConfigError(f"{source}: {key!r} ({kind}): {problems[0]}")


def _flattens(kind: str, options: Mapping[str, Any], inputs: InputPlan) -> bool:
    """Make a score, and say whether images or sets must become vectors for it."""
    from bycatch.score import make_score  # noqa: PLC0415

    score = make_score(kind, **options)
    eats = "set" if score.masked else "vector" if len(score.axes) == 1 else "image"
    if eats == inputs.layout:
        return False
    if eats == "vector":
        return True
    raise ConfigError(
        f"It reads {eats}s, but '{inputs.name}' makes {inputs.layout}s; choose another "
        "'representation', or another score."
    )


def reference_plan(config: ScoreConfig, inputs: InputPlan, source: str) -> ReferencePlan | None:
    """Make the supervised reference once.

    Raises
    ------
    ConfigError
        Where a model or an option does not exist, or it cannot read the representation.
    """
    from bycatch.anomaly.reference import DEFAULTS  # noqa: PLC0415
    from bycatch.learn import (  # noqa: PLC0415
        CLASSIFIERS,
        TAGGERS,
        classifier_options,
        make_classifier,
        make_tagger,
        tagger_options,
    )

    if config.supervised is None:
        return None
    name = config.supervised.name or DEFAULTS[inputs.layout]
    if name not in {*CLASSIFIERS, *TAGGERS}:
        raise ConfigError(
            f"{source}: 'supervised.name' is {name!r}, which does not exist; the nearest are "
            f"{nearest(name, [*CLASSIFIERS, *TAGGERS])}."
        )
    tagger = name in TAGGERS
    known = tagger_options(name) if tagger else classifier_options(name)
    options = dict(config.supervised.model_extra or {})
    members = options.pop("members", config.members)
    if "device" in known:
        options = {"device": config.device, **options}
    try:
        made: Any = make_tagger(name, members, **options) if tagger else None
        if made is None:
            make_classifier(name, members, **options)
    except BycatchError as error:
        raise ConfigError(f"{source}: 'supervised': {error}") from error
    except (TypeError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"{source}: 'supervised' has an option of the wrong kind ({error})."
        ) from error
    eats = "vector"
    if tagger:
        eats = "set" if made.masked else "vector" if len(made.axes) == 1 else "image"
    if eats not in {"vector", inputs.layout}:
        raise ConfigError(
            f"{source}: 'supervised.name' is {name!r}, which reads {eats}s, but '{inputs.name}' "
            f"makes {inputs.layout}s; use {DEFAULTS[inputs.layout]!r}."
        )
    return ReferencePlan(name, options, int(members), tagger, eats != inputs.layout)
