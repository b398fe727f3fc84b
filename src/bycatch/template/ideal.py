"""The idealised anomaly detector: a template that is exactly the background.

What to use when: in studies with truth, to see how much of a method's loss is its template. No
weakly supervised method can do better with the same number of template events and the same signal.

Weak spot: it needs truth, and the perfect background must come from somewhere. Without an extra
sample it is taken from the window itself: a random part of the window's true background becomes
the template and the rest stays as data, so the classifier sees fewer background events (and a
larger signal fraction) than a method that uses the sidebands. Compare at equal template size and
equal signal, as `benchmarks/bench_sensitivity.py` does.

References
----------
.. [1] Hallin et al., "Classifying anomalies through outer density estimation", arXiv:2109.00546
   (idealised anomaly detector).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bycatch.learn.options import Options, option
from bycatch.statistics.region import Region
from bycatch.tasks.random import stream
from bycatch.template._common import (
    assemble,
    assemble_synthetic,
    interval,
    require_events,
    require_finite,
    require_truth,
)
from bycatch.template.base import Template, TrainingSet


class Ideal(Options, Template):
    """Class 1 is the window's data, class 0 true background of the same window."""

    name: ClassVar[str] = "ideal"
    citation: ClassVar[str] = "cathode"
    needs_truth: ClassVar[bool] = True

    background: tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float64]] | None = (
        option(
            default=None,
            kw_only=False,
            says="Mass, features and weight of extra background events that are not in the "
            "searched sample; those inside the window are the template, and all window events are "
            "data. None: the window's own background is split.",
        )
    )
    template_share: float = option(
        default=0.5,
        kw_only=False,
        says="Share of the window's true background that becomes the template, in (0, 1). Unused "
        "with `background`.",
    )

    def training_set(
        self,
        mass: NDArray[np.float64],
        X: NDArray[np.float32],
        weight: NDArray[np.float64],
        region: Region,
        label: NDArray[np.int8] | None = None,
        seed: int = 0,
    ) -> TrainingSet:
        """Return the window against true background; see `Template.training_set`."""
        require_finite(mass, X, weight)
        window = interval(region.window)
        inside = np.flatnonzero(region.in_window(mass))
        require_events(inside, f"in the window {window}", "move or widen it")
        if self.background is not None:
            return self._with_extra(self.background, X, weight, region, inside)
        truth = require_truth(label, self.name)
        true_background = inside[truth[inside] == 0]
        require_events(true_background, f"with label 0 in the window {window}", "check 'truth'")
        mixed = stream(seed, "ideal").permutation(true_background)
        n_template = round(self.template_share * mixed.size)
        template = np.sort(mixed[:n_template])
        require_events(template, f"left for the template of {window}", "widen it")
        data = np.setdiff1d(inside, template, assume_unique=True)
        return assemble(X, data, weight[data], template, weight[template], region)

    @staticmethod
    def _with_extra(
        background: tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float64]],
        X: NDArray[np.float32],
        weight: NDArray[np.float64],
        region: Region,
        inside: NDArray[np.int64],
    ) -> TrainingSet:
        extra_mass, extra_X, extra_weight = background
        require_finite(extra_mass, extra_X, extra_weight)
        chosen = np.flatnonzero(region.in_window(extra_mass))
        require_events(
            chosen, f"of the extra background in {interval(region.window)}", "give more of it"
        )
        return assemble_synthetic(
            X, inside, weight[inside], extra_X[chosen], extra_weight[chosen], region
        )
