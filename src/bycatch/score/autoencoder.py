"""Autoencoders: an event is anomalous where a network with a bottleneck cannot give it back.

What to use when: after `pca`, to see whether curved subspaces help. ``dense`` for features and
(flattened) images or objects; ``conv`` for images, with far fewer numbers to learn; ``lola`` for
the constituents of a jet, which finds masses by itself. Not alone for a search: an autoencoder
rates simple events as normal whatever it was trained on ([3]_), so look at both directions, and at
the latent norm, which often prefers the other one.

References
----------
.. [1] Heimel, Kasieczka, Plehn, Thompson, "QCD or what?", arXiv:1808.08979.
.. [2] Farina, Nakai, Shih, "Searching for new physics with deep autoencoders", arXiv:1808.08992.
.. [3] Finke et al., "Autoencoders for unsupervised anomaly detection in high energy physics",
   arXiv:2104.09051.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from bycatch.score.parts.reconstruction import ReconstructionScore

__all__ = ["Autoencoder"]


class Autoencoder(ReconstructionScore):
    """Layers to a bottleneck and back; the score is the error of what comes back.

    Features are standardised; pixels are divided by their common root mean square.

    Parameters
    ----------
    members : int
    network : {"dense", "conv", "lola"}
        Dense layers; 3x3 convolutions, each with a mean over 2x2 pixels, before dense layers, and
        the mirror image of it; or combinations of four-momenta and their Lorentz invariants before
        dense layers, and dense layers back to the constituents.
    layout : {"vector", "image", "set"}, optional
        What a row is. By default a vector for ``dense``, which also takes the others and flattens
        them; always an image for ``conv`` and a set for ``lola``, whose objects have the features
        (pt, eta, phi), angles from some axis, or (px, py, pz, E), ordered.
    loss : {"mse", "chi2", "masked"}
        Mean over all inputs of the squared error, in units of the input's spread (padding of a set
        must come back as zeros); of the squared error in units of `uncertainty`; or of the squared
        error over what is there: the objects of a set, and the features or pixels that are not
        exactly zero, whose spread is measured without these zeros.
    uncertainty : float or sequence of float, optional
        For ``chi2``: the resolution of each feature in its own units, one for all or one per
        feature. For images it may be left out; pixels then have Poisson-like uncertainties, the
        square root of their mean over the training images (not below a hundredth of the mean of all
        pixels), in such a unit that the mean pixel has the root mean square of all. That is made
        for pixels that are energies, not powers of them.
    hidden : sequence of int
        Units of the encoder's dense layers; the decoder has them in reverse.
    n_latent : int
        Units of the bottleneck.
    channels : sequence of int
        Of the convolutions of ``conv``; each halves the sides of the image.
    combinations : int
        Of momenta that ``lola`` learns, beside the momenta themselves and their sum.
    seed, validation, steps, rounds, patience, batch_size, learning_rate, weight_decay, dtype,
    device
        As in `bycatch.score.parts.neural.NeuralScore`.
    """

    kind = "autoencoder"
    citation = "deep-autoencoders"

    def __init__(
        self,
        members: int = 1,
        *,
        network: Literal["dense", "conv", "lola"] = "dense",
        layout: Literal["vector", "image", "set"] | None = None,
        loss: Literal["mse", "chi2", "masked"] = "mse",
        uncertainty: float | Sequence[float] | None = None,
        hidden: Sequence[int] = (64, 32),
        n_latent: int = 6,
        channels: Sequence[int] = (8, 8),
        combinations: int = 10,
        seed: int = 0,
        validation: float = 0.1,
        steps: int = 4000,
        rounds: int = 20,
        patience: int = 20,
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
            loss=loss,
            uncertainty=uncertainty,
            hidden=hidden,
            n_latent=n_latent,
            channels=channels,
            combinations=combinations,
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
