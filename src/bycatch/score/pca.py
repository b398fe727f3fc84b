"""Principal components: an event is anomalous where a linear subspace cannot hold it.

What to use when: always, first. It takes a second, has no free choice but the number of components,
and is within a few points of AUC of autoencoders on jet images. A linear autoencoder converges to
the same subspace.

References
----------
.. [1] Farina, Nakai, Shih, "Searching for new physics with deep autoencoders", arXiv:1808.08992
   (the baseline there).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.learn.inputs import training_weights
from bycatch.learn.members import MemberRows
from bycatch.learn.options import option
from bycatch.score.base import Inputs, Score
from bycatch.score.parts.principal import principal_components


class PcaScore(Score):
    """The squared distance to the span of the leading principal components.

    Attributes
    ----------
    mean_, scale_ : ndarray of shape (n_members, n_features)
    components_ : ndarray of shape (n_members, components, n_features)
    explained_ : ndarray of shape (n_members, components)
        Fraction of the variance.
    """

    kind = "pca"
    has_latent = True
    citation = "deep-autoencoders"
    score_names = ("reconstruction", "latent")

    components: int = option(default=6, least=1, says="Principal components that are normal.")
    standardise: bool = option(
        default=True,
        says="Divide features by their standard deviation first; not wanted for pixels.",
    )
    layout: str = option(default="vector", among=("vector", "image"), says="What a row is.")

    def _fit(self, inputs: Inputs, rows: Sequence[MemberRows]) -> None:
        x = _flat(inputs)
        if self.components > x.shape[1]:
            raise DataError(
                f"The option 'components' is {self.components}, but there are {x.shape[1]} "
                "features; give at most as many."
            )
        weights = training_weights(rows, len(x))
        found = [principal_components(x, w, self.components, self.standardise) for w in weights]
        self.mean_, self.scale_, self.components_, self.explained_ = map(
            np.stack, zip(*found, strict=True)
        )

    def _member_scores(
        self, inputs: Inputs, members: Sequence[int], name: str
    ) -> NDArray[np.float64]:
        x = _flat(inputs)
        result = np.empty((len(members), len(x)))
        for place, member in enumerate(members):
            z, latent = self._projected(x, member)
            if name == "latent":
                result[place] = (latent**2).sum(axis=1)
            else:
                result[place] = ((z - latent @ self.components_[member]) ** 2).mean(axis=1)
        return result

    def _contributions(
        self, inputs: Inputs, members: Sequence[int], name: str
    ) -> NDArray[np.float64]:
        if name != "reconstruction":
            return super()._contributions(inputs, members, name)
        x = _flat(inputs)
        total = np.zeros(x.shape)
        for member in members:
            z, latent = self._projected(x, member)
            total += (z - latent @ self.components_[member]) ** 2
        return np.asarray((total / (len(members) * x.shape[1])).reshape(inputs["x"].shape))

    def _projected(
        self, x: NDArray[np.float64], member: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the scaled rows and their coordinates along the components."""
        z = (x - self.mean_[member]) / self.scale_[member]
        return z, z @ self.components_[member].T

    def _latent(self, inputs: Inputs, member: int) -> NDArray[np.float64]:
        return self._projected(_flat(inputs), member)[1]

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        size = int(np.prod(self.shape_))
        return {
            "mean": (self.members, size),
            "scale": (self.members, size),
            "components": (self.members, self.components, size),
            "explained": (self.members, self.components),
        }


def _flat(inputs: Inputs) -> NDArray[np.float64]:
    x = inputs["x"]
    return np.asarray(x.reshape(len(x), int(np.prod(x.shape[1:]))).astype(np.float64))
