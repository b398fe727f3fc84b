"""Learned objects, written once: ensembles of classifiers, the training loop, checkpoints.

What to use when
----------------
``trees``
    The default. Fast, robust against uninformative and badly scaled features.
``network``
    A smooth score without ties, from another family of functions; slower, and much worse where many
    features carry no information (arXiv:2309.13111).
``lightgbm``, ``hgb``
    A named engine of boosted trees; ``trees`` is the faster one of the two (see
    `bycatch.learn.trees`).

Importing this package imports neither torch nor LightGBM nor scikit-learn.
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bycatch.errors import ConfigError, nearest
from bycatch.learn.checkpoint import read_kind

if TYPE_CHECKING:
    from bycatch.learn.base import ClassifierEnsemble

__all__ = ["CLASSIFIERS", "classifier_options", "load_classifier", "make_classifier"]

CLASSIFIERS: dict[str, str] = {
    "trees": "bycatch.learn.trees:LightGBMEnsemble",
    "lightgbm": "bycatch.learn.trees:LightGBMEnsemble",
    "hgb": "bycatch.learn.hgb:HistGradientBoostingEnsemble",
    "network": "bycatch.learn.ensemble:NetworkEnsemble",
}
"""Name in a configuration file -> ``module:class``."""


def _classifier_class(name: str) -> type[Any]:
    if name not in CLASSIFIERS:
        message = (
            f"There is no classifier '{name}'; the nearest names are {nearest(name, CLASSIFIERS)}."
        )
        raise ConfigError(message)
    module, _, attribute = CLASSIFIERS[name].partition(":")
    return cast("type[Any]", getattr(importlib.import_module(module), attribute))


def classifier_options(name: str) -> dict[str, object]:
    """Return the options of a classifier with their defaults.

    Parameters
    ----------
    name : str
        Key of `CLASSIFIERS`.

    Returns
    -------
    dict
        Option -> default value, without `members`.

    Raises
    ------
    ConfigError
        Where there is no such classifier.
    """
    parameters = inspect.signature(_classifier_class(name)).parameters
    return {key: value.default for key, value in parameters.items() if key != "members"}


def make_classifier(name: str, members: int, **options: object) -> ClassifierEnsemble:
    """Return an untrained ensemble.

    Parameters
    ----------
    name : str
        Key of `CLASSIFIERS`.
    members : int
        Number of members.
    **options
        Options of that classifier, see `classifier_options`.

    Returns
    -------
    ClassifierEnsemble

    Raises
    ------
    ConfigError
        Where the classifier or an option is unknown, or a value makes no sense.
    """
    known = classifier_options(name)
    unknown = [option for option in options if option not in known]
    if unknown:
        message = (
            f"Classifier '{name}' has no option '{unknown[0]}'; the nearest options are "
            f"{nearest(unknown[0], known)}."
        )
        raise ConfigError(message)
    return cast("ClassifierEnsemble", _classifier_class(name)(members=members, **options))


def load_classifier(folder: Path) -> ClassifierEnsemble:
    """Read an ensemble of any kind that `save` wrote.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    ClassifierEnsemble

    Raises
    ------
    InputError
        Where the folder is missing, damaged, or holds something else.
    """
    return cast("ClassifierEnsemble", _classifier_class(read_kind(folder)).load(folder))
