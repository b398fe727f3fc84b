"""What autoencoders share: networks with a bottleneck, and what an error of the output means.

Rows are vectors, images or sets of objects. The networks are dense layers, convolutions, or a
Lorentz layer before dense layers; the errors count all alike, in units of an uncertainty, or only
where there is something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import ConfigError, DataError
from bycatch.learn.inputs import constituent_scaling, root_mean_square, training_weights
from bycatch.learn.members import MemberRows, check_choice, check_option
from bycatch.learn.nets.conv_autoencoder import decode, draw_decoder, draw_encoder, encode
from bycatch.learn.nets.lola import LORENTZ_FEATURES, draw_lola, lola, momenta
from bycatch.learn.nets.mlp import draw_weights, forward
from bycatch.learn.options import Options, learned, option
from bycatch.score.base import Inputs
from bycatch.score.parts.neural import NeuralScore, part

LAYOUTS = {"dense": ("vector", "image", "set"), "conv": ("image",), "lola": ("set",)}
"""What each network eats, its default first."""

_AXES = {
    "vector": ("n_features",),
    "image": ("height", "width"),
    "set": ("n_constituents", "n_features"),
}
_FLOOR = 0.01
"""Smallest expected content of a pixel for its uncertainty, as a fraction of the mean pixel."""


class ErrorOptions(Options):
    """What an error of the output counts, for scores that leave the choice."""

    loss: Literal["mse", "chi2", "masked"] = option(
        default="mse",
        says="Mean over all inputs of the squared error, in units of the input's spread (padding "
        "of a set must come back as zeros); of the squared error in units of `uncertainty`; or of "
        "the squared error over what is there: the objects of a set, and the features or pixels "
        "that are not exactly zero, whose spread is measured without these zeros.",
    )
    uncertainty: float | Sequence[float] | None = option(
        default=None,
        least=1e-30,
        says="For ``chi2``: the resolution of each feature in its own units, one for all or one "
        "per feature. For images it may be left out; pixels then have Poisson-like uncertainties, "
        "the square root of their mean over the training images (not below a hundredth of the "
        "mean of all pixels), in such a unit that the mean pixel has the root mean square of "
        "all. That is made for pixels that are energies, not powers of them.",
    )


class ReconstructionScore(NeuralScore):
    """A score whose network gives back its input from a bottleneck."""

    score_names = ("reconstruction", "latent")

    network: Literal["dense", "conv", "lola"] = option(
        default="dense",
        says="Dense layers; 3x3 convolutions, each with a mean over 2x2 pixels, before dense "
        "layers, and the mirror image of it; or combinations of four-momenta and their Lorentz "
        "invariants before dense layers, and dense layers back to the constituents.",
    )
    layout: Literal["vector", "image", "set"] | None = option(
        default=None,
        says="What a row is. By default a vector for ``dense``, which also takes the others and "
        "flattens them; always an image for ``conv`` and a set for ``lola``, whose objects have "
        "the features (pt, eta, phi), angles from some axis, or (px, py, pz, E), ordered.",
    )
    loss: Literal["mse", "chi2", "masked"] = learned(default="mse")
    uncertainty: float | Sequence[float] | None = learned(default=None)
    hidden: Sequence[int] = option(
        default=(64, 32),
        least=1,
        says="Units of the encoder's dense layers; the decoder has them in reverse.",
    )
    n_latent: int = option(default=6, least=1, says="Units of the bottleneck.")
    channels: Sequence[int] = option(
        default=(8, 8),
        least=1,
        says="Of the convolutions of ``conv``; each halves the sides of the image.",
    )
    combinations: int = option(
        default=10,
        least=1,
        says="Of momenta that ``lola`` learns, beside the momenta themselves and their sum.",
    )

    @property
    def eats(self) -> str:
        """The layout of the rows: as the option says, or as the network wants."""
        return self.layout or LAYOUTS[self.network][0]

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of the inputs after the first."""
        return _AXES[self.eats]

    @property
    def masked(self) -> bool:
        """Whether rows are sets of objects with a mask."""
        return self.eats == "set"

    @property
    def has_latent(self) -> bool:
        """Whether there is a latent space to look at."""
        return True

    @property
    def has_graph(self) -> bool:
        """Whether its computation is the same for all events, so that a graph can hold it."""
        return self.network != "lola"

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        check_choice("layout", self.eats, LAYOUTS[self.network])
        check_option("channels", len(self.channels), 1)
        if self.uncertainty is None:
            if self.loss == "chi2" and self.eats != "image":
                raise ConfigError(
                    f"The option 'uncertainty' is missing, without which the loss 'chi2' of a "
                    f"{self.eats} has no units; give one number per feature."
                )
            return
        if self.loss != "chi2":
            raise ConfigError(
                f"The option 'uncertainty' is {self.uncertainty!r}, but the loss '{self.loss}' has "
                "no use for it; leave it out or choose the loss 'chi2'."
            )

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        dtype = getattr(torch, self.dtype)
        size = int(np.prod(shape))
        units = (*self.hidden, self.n_latent)
        if self.network == "conv":
            options = ((shape[0], shape[1]), self.channels, self.hidden, self.n_latent, rngs, dtype)
            encoder = draw_encoder(*options, per_block=1)
            decoder = draw_decoder(*options, per_block=1)
        else:
            first = {}
            n_in = size
            if self.network == "lola":
                first = draw_lola(shape[0], self.combinations, rngs, dtype)
                n_in = LORENTZ_FEATURES * first["energy"].shape[1]
            encoder = first | draw_weights((n_in, *units), rngs, dtype)
            decoder = draw_weights((*units[::-1], size), rngs, dtype)
        return {f"encoder.{name}": value for name, value in encoder.items()} | {
            f"decoder.{name}": value for name, value in decoder.items()
        }

    def _scaling(self, inputs: Inputs, rows: Sequence[MemberRows]) -> dict[str, NDArray[Any]]:
        """Measure ``shift`` and ``scale`` of all inputs, and what else the options need.

        Pixels are divided by their common root mean square, so that rare ones do not count more.
        ``sigma`` is the uncertainty of each input in units of its scale, ``momentum`` the mean sum
        of the objects' transverse momenta.
        """
        x = inputs["x"]
        if self.eats == "image":
            scale = root_mean_square(x, 1.0, rows)[:, 0]
            found = {"shift": np.zeros_like(scale), "scale": scale}
        elif self.eats == "set":
            found = constituent_scaling(x, inputs["mask"], rows)
            for name in ("shift", "scale"):
                found[name] = np.tile(found[name], (1, 1, x.shape[1]))
        else:
            found = _vector_scaling(x, self.loss == "masked", rows)
        if self.loss == "chi2":
            found["sigma"] = self._sigma(x, rows) / found["scale"]
        if self.network == "lola":
            found["momentum"] = _momentum(inputs, rows)
        return found

    def _sigma(self, x: NDArray[Any], rows: Sequence[MemberRows]) -> NDArray[np.float64]:
        """Return the uncertainty of each input, of shape (n_members, 1, n_inputs)."""
        size = int(np.prod(x.shape[1:]))
        if self.uncertainty is None:
            weights = training_weights(rows, len(x))
            mean = weights @ np.abs(x.reshape(len(x), size).astype(np.float64))
            mean /= weights.sum(axis=1, keepdims=True)
            typical = np.maximum(mean.mean(axis=1, keepdims=True), np.finfo(np.float32).tiny)
            # Relative to the mean pixel, whose uncertainty is the root mean square.
            relative = np.sqrt(np.maximum(mean / typical, _FLOOR))
            return np.asarray(relative[:, None] * root_mean_square(x, 1.0, rows)[:, 0])
        given = np.atleast_1d(np.asarray(self.uncertainty, dtype=np.float64))
        if len(given) not in {1, x.shape[-1]} or (self.eats == "image" and len(given) != 1):
            wanted = "one" if self.eats == "image" else f"one or {x.shape[-1]}"
            raise DataError(
                f"The option 'uncertainty' has {len(given)} numbers, but rows of the shape "
                f"{x.shape[1:]} need {wanted}."
            )
        one = np.broadcast_to(given, x.shape[-1:] if len(given) > 1 else (size,))
        return np.tile(one, (len(rows), 1, size // len(one)))

    def scaled(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return what the network gives back, of shape (n_members, n_rows, n_inputs)."""
        return (columns["x"].flatten(2) - parameters["shift"]) / parameters["scale"]

    def encoded(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return latent coordinates, of shape (n_members, n_rows, n_latent)."""
        encoder = part(parameters, "encoder.")
        x = columns["x"]
        if self.network == "lola":
            p = momenta(x) / parameters["momentum"]
            return forward(encoder, lola(encoder, p, columns["mask"]))
        z = self.scaled(parameters, columns)
        if self.network == "conv":
            return encode(encoder, z.reshape(x.shape))
        return forward(encoder, z)

    def decoded(self, parameters: Mapping[str, Tensor], latent: Tensor) -> Tensor:
        """Return the network's output, of shape (n_members, n_rows, n_inputs), in their scale."""
        decoder = part(parameters, "decoder.")
        if self.network == "conv":
            return decode(decoder, latent, (self.shape_[0], self.shape_[1])).flatten(2)
        return forward(decoder, latent)

    def errors(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return each input's part of the error, of shape (n_members, n_rows, n_inputs).

        Their sum is the score: the mean over inputs or, where zeros do not count, over the others.
        """
        return self.errors_at(parameters, columns, self.encoded(parameters, columns))

    def errors_at(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], latent: Tensor
    ) -> Tensor:
        """Return `errors` of what the decoder makes of other latent coordinates."""
        error = self.decoded(parameters, latent) - self.scaled(parameters, columns)
        if self.loss == "chi2":
            error = error / parameters["sigma"]
        if self.loss != "masked":
            return error.square() / error.shape[2]
        if self.eats == "set":
            counts = columns["mask"].unsqueeze(3).expand(columns["x"].shape).flatten(2)
        else:
            counts = columns["x"].flatten(2) != 0.0
        number = counts.sum(dim=2, keepdim=True).clamp(min=1)
        return error.square().masked_fill(~counts, 0.0) / number

    def losses(
        self,
        parameters: Mapping[str, Tensor],
        columns: Mapping[str, Tensor],
        noise: Any,  # noqa: ARG002
    ) -> Tensor:
        """Return the error of the reconstruction, of shape (n_members, n_rows)."""
        return self.errors(parameters, columns).sum(dim=2)

    def scores(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor], name: str
    ) -> Tensor:
        """Return the error of the reconstruction, or the squared norm in the latent space."""
        if name == "latent":
            return self.encoded(parameters, columns).square().sum(dim=2)
        return self.errors(parameters, columns).sum(dim=2)

    def _contributions(
        self, inputs: Inputs, members: Sequence[int], name: str
    ) -> NDArray[np.float64]:
        if name != "reconstruction":
            return super()._contributions(inputs, members, name)
        errors = self._map(self.errors, inputs, members).mean(axis=0)
        errors = errors.reshape(inputs["x"].shape)
        return np.asarray(errors.sum(axis=2) if self.masked else errors)


def _vector_scaling(
    x: NDArray[Any], masked: bool, rows: Sequence[MemberRows]
) -> dict[str, NDArray[np.float64]]:
    """Standardise each feature, over those rows where it is not zero if zeros do not count."""
    if not masked:
        wide = x.reshape(len(x), 1, -1)
        found = constituent_scaling(wide, np.ones(wide.shape[:2], dtype=bool), rows)
        return {name: found[name] for name in ("shift", "scale")}
    features = [
        constituent_scaling(x[:, None, [j]], x[:, [j]] != 0.0, rows) for j in range(x.shape[1])
    ]
    return {
        name: np.concatenate([f[name] for f in features], axis=2) for name in ("shift", "scale")
    }


def _momentum(inputs: Inputs, rows: Sequence[MemberRows]) -> NDArray[np.float64]:
    """Return the mean scalar sum of transverse momenta, of shape (n_members, 1, 1, 1)."""
    x = inputs["x"]
    if x.shape[2] not in {3, 4}:
        raise DataError(
            f"The network 'lola' needs (pt, eta, phi) or (px, py, pz, E) of each object, but was "
            f"given {x.shape[2]} features; choose another representation or the network 'dense'."
        )
    pt = np.where(
        inputs["mask"], x[..., 0] if x.shape[2] == 3 else np.hypot(x[..., 0], x[..., 1]), 0
    )
    weights = training_weights(rows, len(x))
    total = weights @ np.abs(pt).sum(axis=1, dtype=np.float64) / weights.sum(axis=1)
    return np.where(total > 0.0, total, 1.0)[:, None, None, None]
