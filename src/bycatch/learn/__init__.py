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
    `bycatch.learn.classifiers.trees`).

Densities p(x | c)
------------------
``matching``
    Conditional flow matching. One training serves many windows, with a head for each that is blind
    to it; evaluating and sampling solve a differential equation.
``spline``
    Autoregressive neural spline flow: exact likelihood in one pass, and the least biased samples
    of features with edges.
``coupling``, ``maf``
    Coupling-spline flow (samples in two passes) and masked autoregressive flow (as in the papers).

Taggers p(1|x) of jets, learned from truth labels
-------------------------------------------------
``deep_sets``, ``transformer``
    On constituents with a mask. The transformer is the better and the slower one.
``cnn``
    On 40x40 images.
``mlp``
    On the N-subjettiness basis.

Importing this package imports neither torch nor LightGBM nor scikit-learn.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bycatch.errors import ConfigError, nearest
from bycatch.learn.checkpoint import read_kind

if TYPE_CHECKING:
    from bycatch.learn.base import ClassifierEnsemble, DensityEnsemble
    from bycatch.learn.taggers.base import NeuralTagger

__all__ = [
    "CLASSIFIERS",
    "DENSITIES",
    "TAGGERS",
    "classifier_options",
    "density_citation",
    "density_options",
    "load_classifier",
    "load_density",
    "load_tagger",
    "make_classifier",
    "make_density",
    "make_tagger",
    "tagger_options",
]

CLASSIFIERS: dict[str, str] = {
    "trees": "bycatch.learn.classifiers.trees:LightGBMEnsemble",
    "lightgbm": "bycatch.learn.classifiers.trees:LightGBMEnsemble",
    "hgb": "bycatch.learn.classifiers.hgb:HistGradientBoostingEnsemble",
    "network": "bycatch.learn.classifiers.network:NetworkEnsemble",
}
"""Name in a configuration file -> ``module:class``."""

DENSITIES: dict[str, str] = {
    "matching": "bycatch.learn.densities.matching:MatchingEnsemble",
    "spline": "bycatch.learn.densities.flows:AutoregressiveSplineEnsemble",
    "coupling": "bycatch.learn.densities.flows:CouplingSplineEnsemble",
    "maf": "bycatch.learn.densities.flows:MafEnsemble",
}
"""Name in a configuration file -> ``module:class``."""

TAGGERS: dict[str, str] = {
    "cnn": "bycatch.learn.taggers.cnn:ImageTagger",
    "deep_sets": "bycatch.learn.taggers.deep_sets:DeepSetsTagger",
    "transformer": "bycatch.learn.taggers.transformer:TransformerTagger",
    "mlp": "bycatch.learn.taggers.mlp:DenseTagger",
}
"""Name of a supervised tagger -> ``module:class``."""


def _class(name: str, known: Mapping[str, str], kind: str) -> type[Any]:
    if name not in known:
        message = f"There is no {kind} '{name}'; the nearest names are {nearest(name, known)}."
        raise ConfigError(message)
    module, _, attribute = known[name].partition(":")
    return cast("type[Any]", getattr(importlib.import_module(module), attribute))


def _options(model: type[Any]) -> dict[str, object]:
    parameters = inspect.signature(model).parameters
    return {key: value.default for key, value in parameters.items() if key != "members"}


def _make(name: str, members: int, options: Mapping[str, object], model: type[Any]) -> Any:
    known = _options(model)
    unknown = [option for option in options if option not in known]
    if unknown:
        message = (
            f"'{name}' has no option '{unknown[0]}'; the nearest options are "
            f"{nearest(unknown[0], known)}."
        )
        raise ConfigError(message)
    return model(members=members, **options)


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
    return _options(_class(name, CLASSIFIERS, "classifier"))


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
    model = _class(name, CLASSIFIERS, "classifier")
    return cast("ClassifierEnsemble", _make(name, members, options, model))


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
    model = _class(read_kind(folder), CLASSIFIERS, "classifier")
    return cast("ClassifierEnsemble", model.load(folder))


def density_citation(name: str) -> str:
    """Return the key of a density's paper in `bycatch.report.citations`.

    Raises
    ------
    ConfigError
        Where there is no such density.
    """
    return cast("str", _class(name, DENSITIES, "density").citation)


def density_options(name: str) -> dict[str, object]:
    """Return the options of a density with their defaults.

    Parameters
    ----------
    name : str
        Key of `DENSITIES`.

    Returns
    -------
    dict
        Option -> default value, without `members`.

    Raises
    ------
    ConfigError
        Where there is no such density.
    """
    return _options(_class(name, DENSITIES, "density"))


def make_density(name: str, members: int = 1, **options: object) -> DensityEnsemble:
    """Return an untrained density.

    Parameters
    ----------
    name : str
        Key of `DENSITIES`.
    members : int
        Number of independent trainings.
    **options
        Options of that density, see `density_options`.

    Returns
    -------
    DensityEnsemble

    Raises
    ------
    ConfigError
        Where the density or an option is unknown, or a value makes no sense.
    """
    model = _class(name, DENSITIES, "density")
    return cast("DensityEnsemble", _make(name, members, options, model))


def load_density(folder: Path) -> DensityEnsemble:
    """Read a density of any kind that `save` wrote.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    DensityEnsemble

    Raises
    ------
    InputError
        Where the folder is missing, damaged, or holds something else.
    """
    return cast("DensityEnsemble", _class(read_kind(folder), DENSITIES, "density").load(folder))


def tagger_options(name: str) -> dict[str, object]:
    """Return the options of a tagger with their defaults.

    Parameters
    ----------
    name : str
        Key of `TAGGERS`.

    Returns
    -------
    dict
        Option -> default value, without `members`.

    Raises
    ------
    ConfigError
        Where there is no such tagger.
    """
    return _options(_class(name, TAGGERS, "tagger"))


def make_tagger(name: str, members: int = 1, **options: object) -> NeuralTagger:
    """Return an untrained tagger.

    Parameters
    ----------
    name : str
        Key of `TAGGERS`.
    members : int
        Number of independent trainings.
    **options
        Options of that tagger, see `tagger_options`.

    Returns
    -------
    NeuralTagger

    Raises
    ------
    ConfigError
        Where the tagger or an option is unknown, or a value makes no sense.
    """
    return cast("NeuralTagger", _make(name, members, options, _class(name, TAGGERS, "tagger")))


def load_tagger(folder: Path) -> NeuralTagger:
    """Read a tagger of any kind that `save` wrote.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    NeuralTagger

    Raises
    ------
    InputError
        Where the folder is missing, damaged, or holds something else.
    """
    return cast("NeuralTagger", _class(read_kind(folder), TAGGERS, "tagger").load(folder))
