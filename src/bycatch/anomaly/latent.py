"""What the latent spaces of scores do with events of each process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.anomaly.plan import ScorePlan
from bycatch.anomaly.sample import Processes
from bycatch.anomaly.train import Trained
from bycatch.anomaly.trainings import method_of, pixels_of
from bycatch.errors import DataError
from bycatch.evaluate.latent import LatentView, latent_view
from bycatch.tasks.random import child_seed

_MOST_CLUSTERS = 6
_REPLICAS = 50


@dataclass(frozen=True)
class Viewed:
    """The latent space of a method's first member.

    Attributes
    ----------
    method : str
    view : LatentView or None
        Of all processes together, each with the same sum of weights; None where `status` says why.
    latent : ndarray of shape (n_rows, n_latent)
    process : ndarray of str of shape (n_rows,)
    status : str
        ``ok``, or a sentence that says what is missing.
    """

    method: str
    view: LatentView | None
    latent: NDArray[np.float64]
    process: NDArray[np.str_]
    status: str = "ok"

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as JSON can hold them, without coordinates and covariances."""
        view = None if self.view is None else self.view.to_json()
        if view is not None and view["clusters"] is not None:
            del view["clusters"]["covariances"]
        names, counts = np.unique(self.process, return_counts=True)
        n = dict(zip(names.tolist(), counts.tolist(), strict=True))
        return {"method": self.method, "n": n, "view": view, "status": self.status}


def view_all(trained: Sequence[Trained], sample: Processes, plan: ScorePlan) -> list[Viewed]:
    """Look at the latent space of every method that has one.

    Parameters
    ----------
    trained : sequence of Trained
    sample : Processes
    plan : ScorePlan

    Returns
    -------
    list of Viewed
    """
    return [_viewed(item, sample, plan) for item in trained if item.latent is not None]


def _viewed(item: Trained, sample: Processes, plan: ScorePlan) -> Viewed:
    if item.latent is None:
        raise ValueError(f"'{item.training.name}' has no latent coordinates.")
    z, rows = item.latent, item.latent_rows
    process = sample.process[rows]
    names = np.asarray(plan.names)[process]
    method = item.training.method
    flat = method_of(item.training, plan).flat
    inputs = sample.inputs.rows(sample.row[rows], pixels_of(item.training, plan), flat=flat)
    options: dict[str, Any] = {
        # Padding of sets is nothing that could be recovered.
        "X": None if "mask" in inputs else inputs["x"],
        "n_inputs": int(np.prod(inputs["x"].shape[1:])),
        "label": names,
        "weight": _balanced(process, sample.weight[rows]),
        "replicas": _REPLICAS,
        "seed": child_seed(plan.seed, "latent", method),
    }
    status = "ok"
    for most in (_MOST_CLUSTERS, 0):
        try:
            view = latent_view(z, most_clusters=most, **options)
        except DataError as error:
            status = str(error)
        else:
            return Viewed(method, view, z, names, status)
    return Viewed(method, None, z, names, status)


def _balanced(process: NDArray[np.integer], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give each process the same sum of weights, so that purity by chance is one over them."""
    result = weight.copy()
    for k in np.unique(process):
        total = weight[process == k].sum()
        if total > 0.0:
            result[process == k] *= len(process) / total
    return result
