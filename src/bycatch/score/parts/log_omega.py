"""log Omega of a trained energy, by annealing from a Gaussian."""

from __future__ import annotations

import torch
from torch import Tensor

from bycatch.learn.annealing import GaussianBase, LogPartition, log_partition
from bycatch.learn.langevin import Langevin
from bycatch.learn.neural import Noise
from bycatch.learn.threads import one_torch_thread
from bycatch.score.parts.energy import Energy, thermal_width
from bycatch.tasks.random import child_seed

_CHAINS = 256
_MOVES = Langevin(3, 0.5, metropolis=True)
_WIDER = 1.2
"""Width of the Gaussian in units of what the data and the temperature have together."""


def estimate_log_omega(score: Energy) -> LogPartition:
    """Estimate log Omega of each member, over the coordinates in which energies are measured.

    Chains start from a Gaussian with the widths of the data and of the temperature together, and
    move at each of ``score.annealing`` temperatures.

    Raises
    ------
    DataError
        Where weights are not finite, as in `bycatch.learn.annealing.log_partition`.
    """
    parameters = {name: value.to(score.device) for name, value in score.parameters_.items()}
    spread = parameters["spread"]
    thermal = thermal_width(parameters["temperature"], spread.shape[2])
    width = _WIDER * (spread.square() + thermal.square().unsqueeze(2)).sqrt()
    narrowest = width.amin(dim=(1, 2))

    def unit(beta: float) -> Tensor:
        # Precisions add as the energies do.
        inverse = beta / thermal[:, 0].square() + (1.0 - beta) / narrowest.square()
        return inverse.rsqrt()

    noise = Noise([child_seed(score.seed, "member", m, "annealing") for m in range(score.members)])
    with one_torch_thread(), torch.no_grad():
        return log_partition(
            lambda u: score.energy(parameters, u) / parameters["temperature"],
            GaussianBase(torch.zeros_like(width), width),
            noise,
            _MOVES,
            n_chains=_CHAINS,
            temperatures=score.annealing,
            unit=unit,
        )
