"""The entries under 'methods': which options belong to the template and which to the classifier."""

from __future__ import annotations

from bycatch.errors import BycatchError, ConfigError, nearest
from bycatch.search.plan import MethodPlan, SearchPlan


def check_methods(config: SearchPlan, source: str) -> None:
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
    names = [method.name for method in config.methods]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"{source}: 'methods' lists {name} twice; each pair of template and classifier can "
                "stand once: give one of them another 'label', or remove it."
            )


def _check_names(key: str, method: MethodPlan, source: str) -> None:
    from bycatch.learn import CLASSIFIERS  # noqa: PLC0415
    from bycatch.template import TEMPLATES  # noqa: PLC0415

    own = TEMPLATES.checked(f"{key}.template", method.template, source).own_classifier
    if method.classifier is None and not own:
        there = nearest("classifier", method.given)
        raise ConfigError(
            f"{source}: the key '{key}.classifier' is missing; the nearest keys that are there "
            f"are {there}. Name one of {nearest('trees', CLASSIFIERS)}."
        )
    if method.classifier is None:
        return
    if own:
        raise ConfigError(
            f"{source}: '{key}.classifier' is {method.classifier!r}, but the template "
            f"{method.template!r} has a score of its own: remove the key."
        )
    CLASSIFIERS.checked(f"{key}.classifier", method.classifier, source)


def _check_truth(method: MethodPlan, config: SearchPlan, source: str) -> None:
    from bycatch.template import TEMPLATES  # noqa: PLC0415

    if TEMPLATES[method.template].needs_truth and config.truth is None:
        raise ConfigError(
            f"{source}: the template {method.template!r} uses truth labels, but there is no "
            "key 'truth'; add it, or choose another template."
        )


def _check_options(key: str, method: MethodPlan, source: str) -> None:
    """Make the method's objects once, so that every value is checked before work begins."""
    from bycatch.learn import classifier_options, make_classifier, make_density  # noqa: PLC0415
    from bycatch.search.densities import template_of  # noqa: PLC0415
    from bycatch.template import InterpolatedTemplate  # noqa: PLC0415

    known = list(method.own_options)
    known += [] if method.classifier is None else list(classifier_options(method.classifier))
    for option, _ in (*method.options, *method.template_options):
        if option not in known:
            raise ConfigError(
                f"{source}: {key!r} has the unknown key {option!r}; the nearest keys are "
                f"{nearest(option, ['template', 'classifier', 'label', *known])}."
            )
    try:
        template = template_of(method)
        if isinstance(template, InterpolatedTemplate):
            for name, options in template.learned():
                make_density(name, 1, **dict(options))
        if method.classifier is not None and method.options:
            make_classifier(method.classifier, 1, **dict(method.options))
    except BycatchError as error:
        raise ConfigError(f"{source}: {key!r}: {error}") from error
    except (TypeError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"{source}: {key!r} ({method.name}) has an option of the wrong kind ({error}); see "
            "docs/howto/which-method.md for what each expects."
        ) from error
