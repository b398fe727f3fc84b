"""Preprocessing that goes into an exported graph, in front of the score."""

from __future__ import annotations

import torch
from torch import Tensor

from bycatch.errors import ConfigError
from bycatch.represent.images import check_reweighting

_REACH = 4.0
"""Standard deviations at which the Gaussian is cut off, as in `bycatch.represent.images`."""


class Pixels(torch.nn.Module):
    """What `bycatch.represent.images.reweighted` does, as part of a graph.

    Parameters
    ----------
    power : float
    smear : float
        In pixels.
    normalise : bool
        Divide each image by its sum, before and after.

    Raises
    ------
    ConfigError
        Where the power or the width makes no sense.
    """

    kernel: Tensor

    def __init__(self, power: float = 1.0, smear: float = 0.0, *, normalise: bool = True) -> None:
        super().__init__()
        check_reweighting(power, smear)
        self.power = power
        self.normalise = normalise
        reach = int(_REACH * smear + 0.5)
        x = torch.arange(-reach, reach + 1, dtype=torch.float64)
        kernel = torch.exp(-0.5 * (x / smear).square()) if smear > 0.0 else torch.ones(1)
        self.register_buffer("kernel", (kernel / kernel.sum()).float())

    def forward(self, x: Tensor) -> Tensor:
        """Return images of shape (n_rows, height, width)."""
        x = self._sum_to_one(x)
        if self.power != 1.0:
            x = torch.where(x > 0.0, x.clamp_min(1e-30) ** self.power, torch.zeros_like(x))
        width = len(self.kernel)
        if width > 1:
            x = x.unsqueeze(1)
            x = torch.nn.functional.conv2d(
                x, self.kernel.view(1, 1, -1, 1), padding=(width // 2, 0)
            )
            x = torch.nn.functional.conv2d(
                x, self.kernel.view(1, 1, 1, -1), padding=(0, width // 2)
            )
            x = x.squeeze(1)
        return self._sum_to_one(x)

    def _sum_to_one(self, x: Tensor) -> Tensor:
        if not self.normalise:
            return x
        total = x.sum(dim=(1, 2), keepdim=True)
        return torch.where(total > 0.0, x / total.clamp_min(1e-30), x)


class Columns(torch.nn.Module):
    """Choose and scale columns: hardware units to those that the score was trained in.

    Parameters
    ----------
    scale, offset : sequence of float
        Column j becomes ``scale[j] * x[j] + offset[j]``.

    Raises
    ------
    ConfigError
        Where they differ in length.
    """

    scale: Tensor
    offset: Tensor

    def __init__(self, scale: list[float], offset: list[float]) -> None:
        super().__init__()
        if len(scale) != len(offset):
            raise ConfigError(f"'scale' has {len(scale)} columns, but 'offset' has {len(offset)}.")
        self.register_buffer("scale", torch.tensor(scale))
        self.register_buffer("offset", torch.tensor(offset))

    def forward(self, x: Tensor) -> Tensor:
        """Return columns of shape (n_rows, n_features)."""
        return x * self.scale + self.offset
