"""Normalized autoencoder: a reconstruction error that is a density, so that simple is not normal.

What to use when: where a plain autoencoder calls simple events normal whatever it was trained on,
and one score shall serve both directions (train on A to find B, and the inverse). It takes some ten
times as long as the autoencoder that it starts from. Look at `verdict_` before you believe it:
where negative samples do not have the energy of the data, the chains do not sample what was
learned.

The autoencoder is trained first; then the energy of data falls and that of negative samples rises
until they are the same, which is the gradient of -log p ([1]_, eq. (9)). Negative samples come from
Langevin chains with exact Metropolis steps that start on the decoder's manifold and are kept in a
buffer. The temperature is such that an autoencoder's held-out error is thermal: T/2 for each
coordinate off the manifold. Only E/T enters, so that learning T as well would change nothing: the
energy itself finds its scale. A chain with an energy that one in a million has at this temperature
is stuck; it is not counted and starts anew.

Without labels the best state is chosen where held-out rows and negative samples are closest, in the
sliced Wasserstein distance, while their energies agree; a member that diverges goes back to it and
goes on more slowly (`rounds_`, `backoffs_`).

References
----------
.. [1] Yoon, Noh, Park, "Autoencoding under normalization constraints", arXiv:2105.05735.
.. [2] Dillon, Favaro, Plehn, Sorrenson, Kraemer, "A normalized autoencoder for LHC triggers",
   arXiv:2206.14225 (jet images, and the latent space on the sphere).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from bycatch.learn.neural import Noise
from bycatch.learn.options import option
from bycatch.score.parts.energy_based import EnergyScore


class Nae(EnergyScore):
    """The energy of a normalized autoencoder.

    Attributes
    ----------
    rounds_ : list of list of Round
        E+, E-, their ratio and the Wasserstein distance, per member and round of `energy_steps`.
    best_round_ : list of int
        That of the kept state; -1 for the state after pre-training.
    backoffs_ : list of Backoff
    verdict_ : list of str
        For each member, whether E-/E+ is within [0.9, 1.1] in the kept state.
    log_omega_ : LogPartition
        In nats, with its error, over the energy's coordinates; where `annealing` is given, and
        not after `load`.
    """

    kind = "nae"
    citation = "normalized-autoencoder"
    further_citations = ("normalized-autoencoder-jets", "topological-obstructions")

    metropolis: bool = option(
        default=True, says="Accept steps so that chains have the energy's distribution exactly."
    )
    regulariser: float = option(
        default=0.0,
        least=0.0,
        most=0.5,
        says="Weight of the squared energy of negative samples, in units of the pre-trained "
        "autoencoder's energy E0: gamma in E+ - E- + gamma E-^2. It pulls E- to E0 / (2 gamma), "
        "wherever the data are; keep it far below 1/2, or zero.",
    )

    def contrast(
        self,
        parameters: Mapping[str, Tensor],
        u: Tensor,
        weight: Tensor,
        samples: Tensor,
        noise: Noise,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor]:
        """Return E+ - E- + gamma E-^2 of each member, and which samples are lost.

        In units of the pre-trained autoencoder's energy; its gradient, without gamma, is that of
        -log p times T.

        References
        ----------
        Yoon et al., arXiv:2105.05735, eq. (9), and its section 4.2 for gamma.
        """
        positive = self.energy(parameters, u) / parameters["reference"]
        negative = self.energy(parameters, samples) / parameters["reference"]
        lost = self.lost(positive, negative)
        term = torch.where(lost, 0.0, negative - self.regulariser * negative.square())
        there = (~lost).sum(dim=1).clamp_min(1)
        # As many negative samples as rows, whose weights have a mean of 1.
        total = (weight * positive).sum(dim=1) - u.shape[1] * term.sum(dim=1) / there
        return total, lost
