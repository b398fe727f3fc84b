"""Autoencoders whose bottleneck is a sphere, and the coordinates in which their error is measured.

A sphere has no edge at which a closed manifold of data would have to be cut, and no outside to
which chains could drift. Images are seen through their leading principal components: in all other
directions they have next to no variance, and thermal noise there would give a sample away.

References
----------
.. [1] Batson, Haaf, Kahn, Roberts, "Topological obstructions to autoencoding", arXiv:2102.08380.
.. [2] Dillon et al., "A normalized autoencoder for LHC triggers", arXiv:2206.14225.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import DataError
from bycatch.learn.inputs import constituent_scaling, training_weights
from bycatch.learn.langevin import on_sphere
from bycatch.learn.members import MemberRows, check_choice, check_option
from bycatch.learn.nets.conv_autoencoder import decode, draw_decoder, draw_encoder, encode
from bycatch.learn.nets.mlp import draw_weights, forward
from bycatch.learn.neural import Noise
from bycatch.learn.options import option
from bycatch.score.base import Inputs
from bycatch.score.parts.neural import NeuralScore, part
from bycatch.score.parts.principal import principal_components

_LAYOUTS = ("vector", "image")
_IMAGE_COMPONENTS = 36


class SphereAutoencoder(NeuralScore):
    """An autoencoder with its latent space on the unit sphere."""

    network: Literal["dense", "conv"] = option(
        default="dense",
        says="Dense layers, or 3x3 convolutions with a mean over 2x2 pixels before dense layers.",
    )
    layout: Literal["vector", "image"] | None = option(
        default=None,
        says="What a row is: a vector for ``dense``, an image for ``conv`` by default.",
    )
    components: int | None = option(
        default=None,
        says="Principal components of the inputs that the energy is a function of, and in which "
        "chains move; the score is blind to what lies outside of them. By default 36 for images, "
        "and the standardised features themselves for vectors.",
    )
    hidden: Sequence[int] = option(
        default=(100, 50),
        least=1,
        says="Units of the encoder's dense layers; the decoder has them in reverse.",
    )
    n_latent: int = option(
        default=3,
        least=2,
        says="Coordinates of the unit sphere in the bottleneck; it has one dimension less.",
    )
    channels: Sequence[int] = option(
        default=(8, 8), least=1, says="Of the convolutions of ``conv``."
    )

    @property
    def eats(self) -> str:
        """The layout of the rows: as the option says, or as the network wants."""
        return self.layout or ("image" if self.network == "conv" else "vector")

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of the inputs after the first."""
        return ("height", "width") if self.eats == "image" else ("n_features",)

    @property
    def has_latent(self) -> bool:
        """Whether there is a latent space to look at."""
        return True

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        check_choice("layout", self.eats, ("image",) if self.network == "conv" else _LAYOUTS)
        check_option("channels", len(self.channels), 1)
        if self.components is not None:
            check_option("components", self.components, self.n_latent)

    def n_coordinates(self, shape: tuple[int, ...]) -> int:
        """Return the number of coordinates of the energy; DataError where they are too few."""
        size = int(np.prod(shape))
        if self.components is not None:
            found = self.components
        else:
            found = min(size, _IMAGE_COMPONENTS) if self.eats == "image" else size
        if not self.n_latent <= found <= size:
            raise DataError(
                f"Rows of {size} inputs cannot give {found} principal components, of which at "
                f"least n_latent = {self.n_latent} are needed; change one of these options."
            )
        return found

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        dtype = getattr(torch, self.dtype)
        size = self.n_coordinates(shape)
        units = (*self.hidden, self.n_latent)
        if self.network == "conv":
            options = ((shape[0], shape[1]), self.channels, self.hidden, self.n_latent, rngs, dtype)
            encoder = draw_encoder(*options, per_block=1)
            decoder = draw_decoder(*options, per_block=1)
        else:
            encoder = draw_weights((size, *units), rngs, dtype)
            decoder = draw_weights((*units[::-1], size), rngs, dtype)
        return {f"encoder.{name}": value for name, value in encoder.items()} | {
            f"decoder.{name}": value for name, value in decoder.items()
        }

    def _scaling(self, inputs: Inputs, rows: Sequence[MemberRows]) -> dict[str, NDArray[Any]]:
        """Measure the coordinates u of the energy.

        ``shift`` and ``scale`` of shape (n_members, 1, n_inputs), ``basis`` of shape
        (n_members, n_inputs, n_coordinates) and ``unit`` of shape (n_members, 1, 1), so that u has
        a mean square of 1; ``spread`` of shape (n_members, 1, n_coordinates), its deviation.
        """
        x = inputs["x"].reshape(len(inputs["x"]), -1)
        size = self.n_coordinates(inputs["x"].shape[1:])
        if self.components is None and self.eats == "vector":
            wide = x.reshape(len(x), 1, -1)
            found = constituent_scaling(wide, np.ones(wide.shape[:2], dtype=bool), rows)
            del found["count"]
            return {**found, "spread": np.ones((len(rows), 1, size))}
        weights = training_weights(rows, len(x))
        parts = [
            principal_components(x.astype(np.float64), w, size, self.eats == "vector")
            for w in weights
        ]
        mean, scale, basis, explained = map(np.stack, zip(*parts, strict=True))
        squares = [(((x - m) / s) ** 2).sum(axis=1) for m, s in zip(mean, scale, strict=True)]
        total = (weights * squares).sum(axis=1) / weights.sum(axis=1)
        variance = np.maximum(explained * total[:, None], 0.0)
        unit = np.sqrt(variance.mean(axis=1))
        unit = np.where(unit > 0.0, unit, 1.0)
        return {
            "shift": mean[:, None],
            "scale": scale[:, None],
            "basis": np.ascontiguousarray(basis.swapaxes(1, 2)),
            "unit": unit[:, None, None],
            "spread": np.sqrt(variance)[:, None] / unit[:, None, None],
        }

    def coordinates(
        self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]
    ) -> Tensor:
        """Return u of rows, of shape (n_members, n_rows, n_coordinates)."""
        z = (columns["x"].flatten(2) - parameters["shift"]) / parameters["scale"]
        return z @ parameters["basis"] / parameters["unit"] if "basis" in parameters else z

    def encoded(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return latent coordinates on the sphere, of shape (n_members, n_rows, n_latent)."""
        return self.projected(parameters, self.coordinates(parameters, columns))

    def projected(self, parameters: Mapping[str, Tensor], u: Tensor) -> Tensor:
        """Encode coordinates of shape (n_members, n_rows, n_coordinates)."""
        encoder = part(parameters, "encoder.")
        if self.network == "conv":
            image = u @ parameters["basis"].mT + parameters["shift"] / parameters["unit"]
            return on_sphere(encode(encoder, image.reshape(*u.shape[:2], *self.shape_)))
        return on_sphere(forward(encoder, u))

    def decoded(self, parameters: Mapping[str, Tensor], latent: Tensor) -> Tensor:
        """Return the decoder's coordinates, of shape (n_members, n_rows, n_coordinates)."""
        decoder = part(parameters, "decoder.")
        if self.network == "conv":
            image = decode(decoder, latent, (self.shape_[0], self.shape_[1])).flatten(2)
            return (image - parameters["shift"] / parameters["unit"]) @ parameters["basis"]
        return forward(decoder, latent)

    def energy(self, parameters: Mapping[str, Tensor], u: Tensor) -> Tensor:
        """Return E, the mean squared error of coordinates, of shape (n_members, n_rows)."""
        return (self.decoded(parameters, self.projected(parameters, u)) - u).square().mean(dim=2)

    def losses(
        self,
        parameters: Mapping[str, Tensor],
        columns: Mapping[str, Tensor],
        noise: Noise,  # noqa: ARG002
    ) -> Tensor:
        """Return the error of the reconstruction, which the pre-training minimises."""
        return self.energy(parameters, self.coordinates(parameters, columns))

    def errors(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return each input's part of the energy, of shape (n_members, n_rows, n_inputs)."""
        u = self.coordinates(parameters, columns)
        error = self.decoded(parameters, self.projected(parameters, u)) - u
        size = error.shape[2]
        if "basis" in parameters:
            error = error @ parameters["basis"].mT  # a rotation: the sum of squares stays
        return error.square() / size

    def _contributions(
        self, inputs: Inputs, members: Sequence[int], name: str
    ) -> NDArray[np.float64]:
        if name != "energy":
            return super()._contributions(inputs, members, name)
        errors = self._map(self.errors, inputs, members).mean(axis=0)
        return np.asarray(errors.reshape(inputs["x"].shape))
