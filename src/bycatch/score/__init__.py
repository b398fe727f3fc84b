"""Anomaly scores a(x) of events, learned without labels of a signal.

What to use when: start with ``pca``, ``mahalanobis`` and ``isolation_forest``, which take seconds
and are hard to beat; docs/howto/which-score.md says what each of the others adds. `SCORES` holds
them by name; each is one file of this room.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bycatch.errors import InputError
from bycatch.registry import Registry

if TYPE_CHECKING:
    from bycatch.score.base import Score

__all__ = ["SCORES", "load_score", "make_score", "score_class", "score_options"]

SCORES: Registry[type[Score]] = Registry(
    "score",
    {
        "pca": "bycatch.score.pca:PcaScore",
        "mahalanobis": "bycatch.score.mahalanobis:Mahalanobis",
        "isolation_forest": "bycatch.score.isolation_forest:IsolationForestScore",
        "autoencoder": "bycatch.score.autoencoder:Autoencoder",
        "adversarial_autoencoder": "bycatch.score.adversarial_autoencoder:AdversarialAutoencoder",
        "vae": "bycatch.score.vae:Vae",
        "likelihood_vae": "bycatch.score.likelihood_vae:LikelihoodVae",
        "dirichlet_vae": "bycatch.score.dirichlet_vae:DirichletVae",
        "swae": "bycatch.score.swae:Swae",
        "nae": "bycatch.score.nae:Nae",
        "wnae": "bycatch.score.wnae:Wnae",
        "recurrent_vae": "bycatch.score.recurrent_vae:RecurrentVae",
        "jet_clr": "bycatch.score.jet_clr:JetClr",
        "anomaly_clr": "bycatch.score.anomaly_clr:AnomalyClr",
        "anomaly_clr_plus": "bycatch.score.anomaly_clr_plus:AnomalyClrPlus",
        "flow": "bycatch.score.flow:FlowScore",
        "cocktail": "bycatch.score.cocktail:Cocktail",
    },
    "bycatch.scores",
)
"""Classes of scores by their name in a configuration."""

score_class = SCORES.__getitem__
"""The class of a score by its name; ConfigError where there is none."""
score_options = SCORES.options
"""Options of a score with their defaults."""


def make_score(name: str, **options: Any) -> Score:
    """Return a score that has learned nothing yet.

    Parameters
    ----------
    name : str
        Key of `SCORES`.
    **options
        Of that score, see `score_options`.

    Raises
    ------
    ConfigError
        Where the score or an option is unknown, or a value makes no sense.
    """
    score: Score = SCORES.make(name, **options)
    score.check_options()
    return score


def load_score(folder: Path) -> Score:
    """Read a score of any kind that `save` wrote.

    Raises
    ------
    InputError
        Where the folder is missing, damaged, or holds something else.
    """
    from bycatch.learn.checkpoint import read_kind  # noqa: PLC0415 - loads safetensors

    name = read_kind(folder).removeprefix("score-")
    if name not in SCORES:
        raise InputError(f"{folder} holds a model of kind '{name}', which is no score.")
    score: Score = SCORES.load(folder, name)
    return score
