"""A convolutional network on jet images.

What to use when: where images are what there is. The position of a constituent within its pixel,
and everything that is not energy, is lost.

References
----------
L. de Oliveira et al., "Jet-images - deep learning edition", arXiv:1511.05190;
S. Macaluso and D. Shih, "Pulling out all the tops with computer vision and deep learning",
arXiv:1803.00107.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import DataError
from bycatch.learn.inputs import root_mean_square
from bycatch.learn.members import MemberRows, check_option
from bycatch.learn.nets.image_cnn import draw_image_cnn, image_cnn, sides
from bycatch.learn.taggers.base import NeuralTagger

__all__ = ["ImageTagger"]


class ImageTagger(NeuralTagger):
    """Convolutions and maxima over 2x2 pixels, then dense layers.

    Pixels are raised to a power and divided by their root mean square over the training rows.

    Parameters
    ----------
    members : int
    channels : sequence of int
        Of the first layer, which has 4x4 pixels and stride 2, and of the 3x3 layers after it.
    hidden : sequence of int
        Units of the dense layers.
    power : float
        Exponent of the pixels; below 1 the network sees soft pixels better.
    steps, rounds, patience, batch_size, learning_rate, weight_decay, dtype, device
        As in `bycatch.learn.taggers.base.NeuralTagger`.
    """

    kind = "cnn"
    citation = "jet-images"
    representation = "images"
    axes = ("height", "width")

    def __init__(
        self,
        members: int = 1,
        *,
        channels: Sequence[int] = (24, 24, 48),
        hidden: Sequence[int] = (64,),
        power: float = 0.5,
        steps: int = 3000,
        rounds: int = 15,
        patience: int = 6,
        batch_size: int = 256,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.0,
        dtype: Literal["float32", "float64"] = "float32",
        device: str = "cpu",
    ) -> None:
        super().__init__(
            members,
            steps=steps,
            rounds=rounds,
            patience=patience,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            dtype=dtype,
            device=device,
        )
        check_option("channels", len(channels), 1)
        check_option("power", power, 1e-3)
        for name, layers in (("channels", channels), ("hidden", hidden)):
            for units in layers:
                check_option(name, units, 1)
        self.channels = tuple(channels)
        self.hidden = tuple(hidden)
        self.power = power

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        height, width = shape
        if sides(min(shape), len(self.channels))[-1] < 1:
            message = (
                f"Images of {height}x{width} pixels are too small for {len(self.channels)} layers, "
                "each of which halves them: give fewer 'channels'."
            )
            raise DataError(message)
        dtype = getattr(torch, self.dtype)
        return draw_image_cnn((height, width), self.channels, self.hidden, rngs, dtype)

    def _scaling(
        self, columns: Mapping[str, NDArray[Any]], rows: Sequence[MemberRows]
    ) -> dict[str, NDArray[np.float64]]:
        return {"scale": root_mean_square(columns["x"], self.power, rows)}

    def logit(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return log p/(1-p), see `bycatch.learn.taggers.base.NeuralTagger.logit`."""
        x = columns["x"]
        # Generated images may have negative pixels; their power keeps the sign.
        scaled = torch.copysign(x.abs() ** self.power, x) / parameters["scale"]
        return image_cnn(parameters, scaled)
