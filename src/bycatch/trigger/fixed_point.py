"""Fixed-point numbers as a trigger's hardware has them, in NumPy and in training.

What to use when: `FixedPoint` says which numbers a wire can carry; `FixedPoint.quantise` is exact
in double precision as long as a format has at most 52 bits; `straight_through` does the same in
training, where its derivative is that of the identity inside of the range.

References
----------
.. [1] C. N. Coelho et al., "Automatic heterogeneous quantization of deep neural networks for
   low-latency inference on the edge for particle detectors", arXiv:2006.10159.
.. [2] Y. Bengio et al., "Estimating or propagating gradients through stochastic neurons",
   arXiv:1308.3432 (the straight-through estimator).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from bycatch.errors import ConfigError

_MOST_BITS = 52
_SPEC = re.compile(r"^(u?)fixed<\s*(\d+)\s*,\s*(-?\d+)\s*(?:,\s*(RND|TRN)\s*,\s*(SAT|WRAP)\s*)?>$")


@dataclass(frozen=True)
class FixedPoint:
    """A fixed-point format, in the terms of ``ap_fixed``.

    Attributes
    ----------
    width : int
        Bits in all.
    integer : int
        Bits before the point, the sign included.
    signed : bool
    rounding : {"RND", "TRN"}
        To the nearest, halves upwards, or downwards.
    overflow : {"SAT", "WRAP"}
        Stay at the end of the range, or drop the upper bits.
    """

    width: int
    integer: int
    signed: bool = True
    rounding: str = "RND"
    overflow: str = "SAT"

    def __post_init__(self) -> None:
        """Refuse a format that cannot be.

        Raises
        ------
        ConfigError
        """
        if not 1 <= self.width <= _MOST_BITS:
            raise ConfigError(
                f"A fixed-point number has 1 to {_MOST_BITS} bits here, but 'width' is "
                f"{self.width}."
            )
        if self.rounding not in {"RND", "TRN"} or self.overflow not in {"SAT", "WRAP"}:
            raise ConfigError(
                f"Rounding is 'RND' or 'TRN' and overflow 'SAT' or 'WRAP', not {self.rounding!r} "
                f"and {self.overflow!r}."
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``fixed<8,3>`` or ``ufixed<8,3,TRN,WRAP>``; rounding and saturation by default.

        Raises
        ------
        ConfigError
            Where the text is something else.
        """
        match = _SPEC.match(text.strip())
        if match is None:
            raise ConfigError(
                f"{text!r} is no fixed-point format: write fixed<WIDTH,INTEGER> or "
                "ufixed<WIDTH,INTEGER,RND|TRN,SAT|WRAP>."
            )
        unsigned, width, integer, rounding, overflow = match.groups()
        return cls(int(width), int(integer), not unsigned, rounding or "RND", overflow or "SAT")

    def __str__(self) -> str:
        """Return it as hls4ml writes it."""
        return (
            f"{'' if self.signed else 'u'}fixed<{self.width},{self.integer},{self.rounding},"
            f"{self.overflow}>"
        )

    @property
    def step(self) -> float:
        """Distance of neighbouring numbers."""
        return float(2.0 ** (self.integer - self.width))

    @property
    def limits(self) -> tuple[int, int]:
        """Least and greatest number, in steps."""
        if self.signed:
            return -(2 ** (self.width - 1)), 2 ** (self.width - 1) - 1
        return 0, 2**self.width - 1

    def steps(self, values: ArrayLike) -> NDArray[np.int64]:
        """Return the numbers that stand for some values, as integers in units of `step`."""
        scaled = np.asarray(values, dtype=np.float64) / self.step
        low, high = self.limits
        # floor(x + 1/2): halves go up, as hardware rounds, and not to even as numpy does
        whole = np.floor(scaled + 0.5 if self.rounding == "RND" else scaled)
        if self.overflow == "SAT":
            return np.asarray(np.clip(whole, low, high), dtype=np.int64)
        # Values far outside of an integer's range would be undefined there.
        return np.asarray(np.mod(whole - low, 2.0**self.width) + low, dtype=np.int64)

    def quantise(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return the representable numbers that stand for some values."""
        return np.asarray(self.steps(values) * self.step, dtype=np.float64)

    def covering(self, values: ArrayLike) -> FixedPoint:
        """Return the format of this width with the fewest integer bits that hold all values."""
        largest = float(np.max(np.abs(values), initial=0.0))
        bits = 0 if largest == 0.0 else int(np.floor(np.log2(largest))) + 1
        return FixedPoint(
            self.width, bits + int(self.signed), self.signed, self.rounding, self.overflow
        )


def straight_through(x: Tensor, form: FixedPoint) -> Tensor:
    """Quantise in the forward pass; let the gradient through where nothing saturates.

    Parameters
    ----------
    x : Tensor
    form : FixedPoint
        Must saturate: a number that wraps has no useful derivative.

    Returns
    -------
    Tensor

    Raises
    ------
    ConfigError
        Where the format wraps.
    """
    if form.overflow != "SAT":
        raise ConfigError(
            f"The format {form} wraps around and cannot be trained with: let it saturate."
        )
    low, high = (limit * form.step for limit in form.limits)
    inside = x.clamp(low, high)
    shift = 0.5 if form.rounding == "RND" else 0.0
    # The clamp is differentiable; what rounding adds is a constant.
    rounded = (torch.floor(inside.detach() / form.step + shift) * form.step).clamp(low, high)
    return inside + (rounded - inside.detach())
