"""The entries under 'methods': which options belong to the template and which to the classifier."""

from __future__ import annotations

from bycatch.config.schema import MethodConfig, SearchConfig
from bycatch.errors import BycatchError, ConfigError, nearest
from bycatch.search.plan import MethodPlan

__all__ = ["check_methods", "method_plan"]

_OBJECTS = ("background",)
"""Arguments of templates that no file can give."""


def check_methods(config: SearchConfig, source: str) -> None:
    """Check names, options and their values, and that no two methods have one name.

    Raises
    ------
    ConfigError
        Where a template, a classifier or an option does not exist (lists the nearest), a value
        makes no sense, a classifier is missing or not wanted, truth is needed and not named, or a
        name stands twice.
    """
    for index, method in enumerate(config.methods):
        key = f"methods[{index}]"
        _check_names(key, method, source)
        _check_truth(method, config, source)
        _check_options(key, method, source)
    names = [method_plan(method).name for method in config.methods]
    for name in names:
        if names.count(name) > 1:
            message = (
                f"{source}: 'methods' lists {name} twice; each pair of template and classifier can "
                "stand once: give one of them another 'name', or remove it."
            )
            raise ConfigError(message)


def method_plan(method: MethodConfig) -> MethodPlan:
    """Return the plan of a method: its further keys parted into the template's and the rest.

    Parameters
    ----------
    method : MethodConfig
        Of a template that exists.
    """
    options = method.model_extra or {}
    own = _template_options(method)
    return MethodPlan(
        template=method.template,
        classifier=method.classifier,
        options=tuple(sorted(item for item in options.items() if item[0] not in own)),
        template_options=tuple(sorted(item for item in options.items() if item[0] in own)),
        label=method.name,
    )


def _template_options(method: MethodConfig) -> list[str]:
    from bycatch.template import template_options  # noqa: PLC0415 - the rooms of methods load late

    return [key for key in template_options(method.template) if key not in _OBJECTS]


def _check_names(key: str, method: MethodConfig, source: str) -> None:
    from bycatch.learn import CLASSIFIERS  # noqa: PLC0415
    from bycatch.template import TEMPLATES  # noqa: PLC0415

    _known(f"{key}.template", method.template, list(TEMPLATES), source)
    own = TEMPLATES[method.template].own_classifier
    if method.classifier is None and not own:
        there = nearest("classifier", method.model_extra or {})
        message = (
            f"{source}: the key '{key}.classifier' is missing; the nearest keys that are there "
            f"are {there}. Name one of {nearest('trees', CLASSIFIERS)}."
        )
        raise ConfigError(message)
    if method.classifier is None:
        return
    if own:
        message = (
            f"{source}: '{key}.classifier' is {method.classifier!r}, but the template "
            f"{method.template!r} has a score of its own: remove the key."
        )
        raise ConfigError(message)
    _known(f"{key}.classifier", method.classifier, list(CLASSIFIERS), source)


def _known(key: str, name: str, existing: list[str], source: str) -> None:
    if name not in existing:
        message = (
            f"{source}: {key!r} is {name!r}, which does not exist; "
            f"the nearest are {nearest(name, existing)}."
        )
        raise ConfigError(message)


def _check_truth(method: MethodConfig, config: SearchConfig, source: str) -> None:
    from bycatch.template import TEMPLATES  # noqa: PLC0415

    if TEMPLATES[method.template].needs_truth and config.truth is None:
        message = (
            f"{source}: the template {method.template!r} uses truth labels, but there is no "
            "key 'truth'; add it, or choose another template."
        )
        raise ConfigError(message)


def _check_options(key: str, method: MethodConfig, source: str) -> None:
    """Make the method's objects once, so that every value is checked before work begins."""
    from bycatch.learn import classifier_options, make_classifier, make_density  # noqa: PLC0415
    from bycatch.search.densities import template_of  # noqa: PLC0415
    from bycatch.template import InterpolatedTemplate  # noqa: PLC0415

    plan = method_plan(method)
    known = _template_options(method)
    known += [] if plan.classifier is None else list(classifier_options(plan.classifier))
    for option, _ in (*plan.options, *plan.template_options):
        if option not in known:
            message = (
                f"{source}: {key!r} has the unknown key {option!r}; the nearest keys are "
                f"{nearest(option, ['template', 'classifier', 'name', *known])}."
            )
            raise ConfigError(message)
    try:
        template = template_of(plan)
        if isinstance(template, InterpolatedTemplate):
            for name, options in template.learned():
                make_density(name, 1, **dict(options))
        if plan.classifier is not None and plan.options:
            make_classifier(plan.classifier, 1, **dict(plan.options))
    except BycatchError as error:
        message = f"{source}: {key!r}: {error}"
        raise ConfigError(message) from error
    except (TypeError, AttributeError, ValueError) as error:
        message = (
            f"{source}: {key!r} ({plan.name}) has an option of the wrong kind ({error}); see "
            "docs/howto/which-method.md for what each expects."
        )
        raise ConfigError(message) from error
