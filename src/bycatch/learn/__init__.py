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

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bycatch.learn.checkpoint import read_kind
from bycatch.registry import Registry

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

CLASSIFIERS: Registry[type[Any]] = Registry(
    "classifier",
    {
        # two names of one class: what it does for its user, and the engine that does it
        "trees": "bycatch.learn.classifiers.trees:LightGBMEnsemble",
        "lightgbm": "bycatch.learn.classifiers.trees:LightGBMEnsemble",
        "hgb": "bycatch.learn.classifiers.hgb:HistGradientBoostingEnsemble",
        "network": "bycatch.learn.classifiers.network:NetworkEnsemble",
    },
    "bycatch.classifiers",
    apart=("members",),
)
"""Ensembles of classifiers by their name in a configuration."""

DENSITIES: Registry[type[Any]] = Registry(
    "density",
    {
        "matching": "bycatch.learn.densities.matching:MatchingEnsemble",
        "spline": "bycatch.learn.densities.flows:AutoregressiveSplineEnsemble",
        "coupling": "bycatch.learn.densities.flows:CouplingSplineEnsemble",
        "maf": "bycatch.learn.densities.flows:MafEnsemble",
    },
    "bycatch.densities",
    apart=("members",),
)
"""Conditional densities by their name in a configuration."""

TAGGERS: Registry[type[Any]] = Registry(
    "tagger",
    {
        "cnn": "bycatch.learn.taggers.cnn:ImageTagger",
        "deep_sets": "bycatch.learn.taggers.deep_sets:DeepSetsTagger",
        "transformer": "bycatch.learn.taggers.transformer:TransformerTagger",
        "mlp": "bycatch.learn.taggers.mlp:DenseTagger",
    },
    "bycatch.taggers",
    apart=("members",),
)
"""Supervised taggers of jets by name."""

classifier_options = CLASSIFIERS.options
"""Options of a classifier with their defaults, without `members`; see `Registry.options`."""
density_options = DENSITIES.options
"""Options of a density with their defaults, without `members`."""
tagger_options = TAGGERS.options
"""Options of a tagger with their defaults, without `members`."""


def density_citation(name: str) -> str:
    """Return the key of a density's paper in `bycatch.citations`."""
    return cast("str", DENSITIES[name].citation)


def make_classifier(name: str, members: int, **options: Any) -> ClassifierEnsemble:
    """Return an untrained ensemble of `CLASSIFIERS`.

    Raises
    ------
    ConfigError
        Where the classifier or an option is unknown, or a value makes no sense.
    """
    return cast("ClassifierEnsemble", CLASSIFIERS.make(name, members=members, **options))


def load_classifier(folder: Path) -> ClassifierEnsemble:
    """Read an ensemble of any kind that `save` wrote.

    Raises
    ------
    InputError
        Where the folder is missing or damaged.
    ConfigError
        Where it holds something else.
    """
    return cast("ClassifierEnsemble", CLASSIFIERS.load(folder, read_kind(folder)))


def make_density(name: str, members: int = 1, **options: Any) -> DensityEnsemble:
    """Return an untrained density of `DENSITIES`.

    Raises
    ------
    ConfigError
        Where the density or an option is unknown, or a value makes no sense.
    """
    return cast("DensityEnsemble", DENSITIES.make(name, members=members, **options))


def load_density(folder: Path) -> DensityEnsemble:
    """Read a density of any kind that `save` wrote.

    Raises
    ------
    InputError
        Where the folder is missing or damaged.
    ConfigError
        Where it holds something else.
    """
    return cast("DensityEnsemble", DENSITIES.load(folder, read_kind(folder)))


def make_tagger(name: str, members: int = 1, **options: Any) -> NeuralTagger:
    """Return an untrained tagger of `TAGGERS`.

    Raises
    ------
    ConfigError
        Where the tagger or an option is unknown, or a value makes no sense.
    """
    return cast("NeuralTagger", TAGGERS.make(name, members=members, **options))


def load_tagger(folder: Path) -> NeuralTagger:
    """Read a tagger of any kind that `save` wrote.

    Raises
    ------
    InputError
        Where the folder is missing or damaged.
    ConfigError
        Where it holds something else.
    """
    return cast("NeuralTagger", TAGGERS.load(folder, read_kind(folder)))
