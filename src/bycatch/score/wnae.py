"""Wasserstein normalized autoencoder: negative samples are pulled to the data themselves.

What to use when: as `nae`, where that one does not converge. It minimises the distance between data
and the energy's samples instead of the difference of their energies, so that its loss is never
negative and says how good a state is. Its chains cannot have Metropolis steps, for the gradient
flows through them; so they sample slightly more broadly than the energy says.

The distance is sliced: sorting along random directions, instead of an optimal transport whose cost
grows with the third power of the batch; weighted rows and batches of unlike size are no problem.

References
----------
.. [1] CMS Collaboration, "Wasserstein normalized autoencoder for anomaly detection",
   arXiv:2510.02168.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from bycatch.learn.members import check_option
from bycatch.learn.neural import Noise
from bycatch.learn.options import option
from bycatch.learn.wasserstein import sliced_wasserstein, unit_directions
from bycatch.score.parts.energy_based import EnergyScore


class Wnae(EnergyScore):
    """The energy of an autoencoder whose samples have been pulled to the data.

    Attributes
    ----------
    rounds_, best_round_, backoffs_, verdict_, log_omega_
        As in `bycatch.score.nae.Nae`.
    """

    kind = "wnae"
    citation = "wasserstein-normalized-autoencoder"
    further_citations = ("normalized-autoencoder", "topological-obstructions")

    through: int = option(
        default=5, says="Last steps of the input chains through which gradients flow."
    )
    directions: int = option(
        default=50, least=1, says="Along which the distance is measured in each step."
    )
    reconstruction: float = option(
        default=0.1,
        least=0.0,
        says="Weight of the error of the data, in units of that after pre-training, beside the "
        "distance: it keeps the autoencoder one, whose scale the distance alone does not fix.",
    )

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        check_option("through", self.through, 1, self.input_steps)

    @property
    def gradient_steps(self) -> int:
        """Steps of the input chains through which gradients flow."""
        return self.through

    def contrast(
        self,
        parameters: Mapping[str, Tensor],
        u: Tensor,
        weight: Tensor,
        samples: Tensor,
        noise: Noise,
    ) -> tuple[Tensor, Tensor]:
        """Return the squared distance between data and samples, and which samples are lost.

        References
        ----------
        CMS Collaboration, arXiv:2510.02168, with the sliced distance in place of the exact one.
        """
        positive = self.energy(parameters, u) / parameters["reference"]
        with torch.no_grad():
            negative = self.energy(parameters, samples) / parameters["reference"]
        lost = self.lost(positive, negative)
        directions = unit_directions(noise.normal((self.directions, u.shape[2]), u))
        distance = sliced_wasserstein(u, samples, directions, weight, (~lost).to(u.dtype))
        error = (weight * positive).sum(dim=1)
        return u.shape[1] * u.shape[2] * distance + self.reconstruction * error, lost
