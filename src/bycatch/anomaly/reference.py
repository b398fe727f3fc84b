"""The supervised reference: what labels would buy, on the same rows and the same representation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.anomaly.plan import Preprocessing, ReferencePlan, ScorePlan
from bycatch.anomaly.sample import Processes
from bycatch.anomaly.trainings import Rows, Training
from bycatch.learn import make_classifier, make_tagger
from bycatch.tasks.random import child_seed, stream

DEFAULTS = {"vector": "trees", "image": "cnn", "set": "deep_sets"}
"""Supervised model by the layout of a row."""

_VALIDATION = 0.2


def fit_reference(
    reference: ReferencePlan,
    training: Training,
    rows: Rows,
    plan: ScorePlan,
    sample: Processes,
    pixels: Preprocessing | None,
) -> Any:
    """Train a classifier of background against one signal.

    Parameters
    ----------
    reference : ReferencePlan
    training : Training
    rows : Rows
        Background and that signal, of the same training half or folds as the scores'.
    plan : ScorePlan
    sample : Processes
    pixels : Preprocessing, optional

    Returns
    -------
    NeuralTagger or ClassifierEnsemble

    Raises
    ------
    DataError, FitError
        Where the rows cannot serve, or a training diverges.
    """
    members = reference.members * rows.n_folds
    inputs = sample.inputs.rows(sample.row[rows.learn], pixels, flat=reference.flat)
    seen = np.ones((members, len(rows.learn)), dtype=bool) if rows.train is None else rows.train
    judged = np.stack([_validation(seen[m], plan.seed, m) for m in range(members)])
    make = make_tagger if reference.tagger else make_classifier
    model: Any = make(reference.name, members, **reference.options)
    further = {"mask": inputs["mask"]} if "mask" in inputs else {}
    return model.fit(
        inputs["x"],
        (sample.process[rows.learn] > 0).astype(np.int8),
        sample.weight[rows.learn],
        train=seen & ~judged,
        validate=judged,
        seed=child_seed(plan.seed, "supervised", training.signal or ""),
        **further,
    )


def _validation(seen: NDArray[np.bool_], seed: int, member: int) -> NDArray[np.bool_]:
    """Choose a fifth of the rows that a member may see."""
    rows = np.flatnonzero(seen)
    order = stream(seed, "supervised", "split", member).permutation(len(rows))
    judged = np.zeros(len(seen), dtype=bool)
    judged[rows[order[: max(1, round(_VALIDATION * len(rows)))]]] = True
    return judged
