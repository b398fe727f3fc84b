"""A mixture of Gaussians: an event is anomalous where the density of all events is low."""

from __future__ import annotations

import numpy as np
from sklearn.mixture import GaussianMixture

from bycatch.learn.cell_resampling import positive_weights
from bycatch.learn.options import option
from bycatch.score.base import Score
from bycatch.tasks.random import child_seed, stream

_ARRAYS = ("weights_", "means_", "precisions_cholesky_")


class MixtureScore(Score):
    """Minus the logarithm of the density."""

    kind = "mixture"  # in configurations and on disk
    citation = "mixture"
    bibtex = """
@article{mixture,
  author = {Pearson, Karl},
  title = {{Contributions to the Mathematical Theory of Evolution}},
  year = {1894},
}
"""

    components: int = option(default=4, least=1, says="Gaussians.")

    def _fit(self, inputs, rows):
        self.models_ = []
        for m, r in enumerate(rows):
            # scikit-learn's mixtures know no weights: rows are drawn in proportion to them
            weight = positive_weights(inputs["x"][r.train], r.train_weight)
            rng = stream(self.seed, "mixture", m)
            drawn = rng.choice(r.train, size=len(r.train), p=weight / weight.sum())
            seed = child_seed(self.seed, "mixture", m) % 2**32
            model = GaussianMixture(self.components, random_state=seed)
            self.models_.append(model.fit(inputs["x"][drawn].astype(np.float64)))

    def _member_scores(self, inputs, members, name):
        x = inputs["x"].astype(np.float64)
        return np.stack([-self.models_[m].score_samples(x) for m in members])

    def _state(self):
        return {f"{m}.{name}": getattr(model, name)
                for m, model in enumerate(self.models_) for name in _ARRAYS}  # fmt: skip

    def _restore(self, arrays, notes):
        self.models_ = [GaussianMixture(self.components) for _ in range(self.members)]
        for m, model in enumerate(self.models_):
            for name in _ARRAYS:
                setattr(model, name, arrays[f"{m}.{name}"])
