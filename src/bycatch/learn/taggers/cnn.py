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

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import DataError
from bycatch.learn.inputs import root_mean_square
from bycatch.learn.members import MemberRows, check_option
from bycatch.learn.nets.image_cnn import draw_image_cnn, image_cnn, sides
from bycatch.learn.neural import Columns
from bycatch.learn.options import option
from bycatch.learn.taggers.base import NeuralTagger


class ImageTagger(NeuralTagger):
    """Convolutions and maxima over 2x2 pixels, then dense layers.

    Pixels are raised to a power and divided by their root mean square over the training rows.
    """

    kind = "cnn"
    citation = "jet-images"
    representation = "images"
    axes = ("height", "width")

    channels: Sequence[int] = option(
        default=(24, 24, 48),
        least=1,
        says="Of the first layer, which has 4x4 pixels and stride 2, and of the 3x3 layers after "
        "it.",
    )
    hidden: Sequence[int] = option(default=(64,), least=1, says="Units of the dense layers.")
    power: float = option(
        default=0.5,
        least=1e-3,
        says="Exponent of the pixels; below 1 the network sees soft pixels better.",
    )
    rounds = 15
    patience = 6
    learning_rate = 2e-3

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        check_option("channels", len(self.channels), 1)

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        height, width = shape
        if sides(min(shape), len(self.channels))[-1] < 1:
            raise DataError(
                f"Images of {height}x{width} pixels are too small for {len(self.channels)} layers, "
                "each of which halves them: give fewer 'channels'."
            )
        dtype = getattr(torch, self.dtype)
        return draw_image_cnn((height, width), self.channels, self.hidden, rngs, dtype)

    def _scaling(
        self, columns: Columns, rows: Sequence[MemberRows]
    ) -> dict[str, NDArray[np.float64]]:
        return {"scale": root_mean_square(columns["x"], self.power, rows)}

    def logit(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return log p/(1-p), see `bycatch.learn.neural.NeuralClassifier.logit`."""
        x = columns["x"]
        # Generated images may have negative pixels; their power keeps the sign.
        scaled = torch.copysign(x.abs() ** self.power, x) / parameters["scale"]
        return image_cnn(parameters, scaled)
