"""How well the scores separate truth, where truth is known; never part of the search itself."""

from __future__ import annotations

import numpy as np

from bycatch.evaluate.roc import max_sic, roc
from bycatch.search.result import Evaluation
from bycatch.search.sample import Sample
from bycatch.search.scored import Scored
from bycatch.statistics.region import Region


def evaluate(sample: Sample, region: Region, method: str, scored: Scored) -> Evaluation | None:
    """Compare a method's scores with truth inside its window.

    Parameters
    ----------
    sample : Sample
    region : Region
    method : str
    scored : Scored

    Returns
    -------
    Evaluation or None
        None where there is no truth, or the window holds only one class.
    """
    if sample.label is None:
        return None
    inside = region.in_window(sample.mass) & scored.scored
    label = sample.label[inside]
    n_signal = int((label == 1).sum())
    n_background = int(label.size - n_signal)
    if n_signal == 0 or n_background == 0:
        return None
    curve = roc(scored.score[inside], label, sample.weight[inside])
    best = max_sic(curve).value
    return Evaluation(
        method=method,
        window=region.window,
        auc=curve.auc,
        max_sic=float(best) if np.isfinite(best) else 0.0,
        n_signal=n_signal,
        n_background=n_background,
        roc=curve.thin(),
    )
