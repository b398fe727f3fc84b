"""The supervised yardstick: signal against background, by truth.

What to use when: in studies with truth, to see what a dedicated search for exactly this signal
could do with the same features and classifier.

Weak spot: it needs truth, so it is never a search; and it learns from the signal that is in the
window of the sample (few events make a poor supervised classifier: give extra signal to
`bycatch.learn.make_classifier` directly for an upper bound, as `benchmarks/bench_sensitivity.py`
does).

References
----------
.. [1] Hallin et al., "Classifying anomalies through outer density estimation", arXiv:2109.00546
   (fully supervised).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bycatch.statistics.region import Region
from bycatch.template._common import (
    assemble,
    interval,
    require_events,
    require_finite,
    require_truth,
)
from bycatch.template.base import Template, TrainingSet


class Supervised(Template):
    """Class 1 is the window's true signal, class 0 its true background."""

    name: ClassVar[str] = "supervised"
    citation: ClassVar[str] = "cathode"
    needs_truth: ClassVar[bool] = True

    def training_set(
        self,
        mass: NDArray[np.float64],
        X: NDArray[np.float32],
        weight: NDArray[np.float64],
        region: Region,
        label: NDArray[np.int8] | None = None,
        seed: int = 0,  # noqa: ARG002 - nothing is drawn
    ) -> TrainingSet:
        """Return signal against background of the window; see `Template.training_set`."""
        require_finite(mass, X, weight)
        truth = require_truth(label, self.name)
        inside = region.in_window(mass)
        window = interval(region.window)
        signal = np.flatnonzero(inside & (truth == 1))
        require_events(signal, f"with label 1 in the window {window}", "check 'truth'")
        background = np.flatnonzero(inside & (truth == 0))
        require_events(background, f"with label 0 in the window {window}", "check 'truth'")
        return assemble(X, signal, weight[signal], background, weight[background], region)
