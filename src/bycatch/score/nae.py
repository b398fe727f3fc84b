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

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from bycatch.learn.members import check_option
from bycatch.score.parts.energy_based import EnergyScore
from bycatch.score.parts.neural import Noise

__all__ = ["Nae"]


class Nae(EnergyScore):
    """The energy of a normalized autoencoder.

    Parameters
    ----------
    members : int
    network : {"dense", "conv"}
        Dense layers, or 3x3 convolutions with a mean over 2x2 pixels before dense layers.
    layout : {"vector", "image"}, optional
        What a row is: a vector for ``dense``, an image for ``conv`` by default.
    components : int, optional
        Principal components of the inputs that the energy is a function of, and in which chains
        move; the score is blind to what lies outside of them. By default 36 for images, and the
        standardised features themselves for vectors.
    hidden : sequence of int
        Units of the encoder's dense layers; the decoder has them in reverse.
    n_latent : int
        Coordinates of the unit sphere in the bottleneck; it has one dimension less.
    channels : sequence of int
        Of the convolutions of ``conv``.
    temperature : float
        In units of that at which the pre-trained autoencoder's held-out error is thermal.
    latent_steps, input_steps : int
        Steps of the chains on the sphere, of new chains only, and in the space of the inputs.
    latent_noise : float
        Of a step on the sphere, in radians.
    input_noise : float
        Of a step in the space of the inputs, in units of their thermal width.
    clip : float, optional
        Greatest length of the slope of E/T of each chain, in units of an inverse radian, or of an
        inverse thermal width.
    box : float, optional
        Chains stay within plus and minus this number in each (standardised) coordinate.
    metropolis : bool
        Accept steps so that chains have the energy's distribution exactly.
    replay : float
        Fraction of the chains that go on from the buffer; the others are new.
    buffer : int
        Chains of each member that are kept.
    regulariser : float
        Weight of the squared energy of negative samples, in units of the pre-trained autoencoder's
        energy E0: gamma in E+ - E- + gamma E-^2. It pulls E- to E0 / (2 gamma), wherever the data
        are; keep it far below 1/2, or zero.
    energy_steps : int
        Gradient steps after the pre-training, which has `steps`; with 0 this is a plain autoencoder
        with its latent space on the sphere.
    energy_rounds : int
        Equal parts of these, after each of which a state is judged.
    energy_learning_rate : float
        At its highest.
    backoffs : int
        How often a member may diverge and go on from its best state with a third of the rate.
    annealing : int
        Temperatures by which log Omega is estimated, for the score ``negative_log_p``; 0 for none.
    seed, validation, steps, rounds, patience, batch_size, learning_rate, weight_decay, dtype,
    device
        As in `bycatch.score.parts.neural.NeuralScore`; rounds and patience of the pre-training.

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

    def __init__(
        self,
        members: int = 1,
        *,
        network: Literal["dense", "conv"] = "dense",
        layout: Literal["vector", "image"] | None = None,
        components: int | None = None,
        hidden: Sequence[int] = (100, 50),
        n_latent: int = 3,
        channels: Sequence[int] = (8, 8),
        temperature: float = 1.0,
        latent_steps: int = 10,
        latent_noise: float = 0.1,
        input_steps: int = 15,
        input_noise: float = 0.4,
        clip: float | None = 50.0,
        box: float | None = None,
        metropolis: bool = True,
        replay: float = 0.95,
        buffer: int = 5000,
        regulariser: float = 0.0,
        energy_steps: int = 1200,
        energy_rounds: int = 12,
        energy_learning_rate: float = 3e-4,
        backoffs: int = 3,
        annealing: int = 0,
        seed: int = 0,
        validation: float = 0.1,
        steps: int = 1500,
        rounds: int = 10,
        patience: int = 10,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        dtype: Literal["float32", "float64"] = "float32",
        device: str = "cpu",
    ) -> None:
        super().__init__(
            members,
            network=network,
            layout=layout,
            components=components,
            hidden=hidden,
            n_latent=n_latent,
            channels=channels,
            temperature=temperature,
            latent_steps=latent_steps,
            latent_noise=latent_noise,
            input_steps=input_steps,
            input_noise=input_noise,
            clip=clip,
            box=box,
            metropolis=metropolis,
            replay=replay,
            buffer=buffer,
            energy_steps=energy_steps,
            energy_rounds=energy_rounds,
            energy_learning_rate=energy_learning_rate,
            backoffs=backoffs,
            annealing=annealing,
            seed=seed,
            validation=validation,
            steps=steps,
            rounds=rounds,
            patience=patience,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            dtype=dtype,
            device=device,
        )
        self.regulariser = regulariser

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        check_option("regulariser", self.regulariser, 0.0, 0.5)

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
