"""A small particle transformer on a jet's constituents.

What to use when: the best of the four where there are enough jets to learn from, and time.

References
----------
H. Qu, C. Li and S. Qian, "Particle transformer for jet tagging", arXiv:2202.03772.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import ConfigError, DataError
from bycatch.learn.inputs import constituent_scaling
from bycatch.learn.members import MemberRows, check_option
from bycatch.learn.nets.transformer import Sizes, draw_transformer, transformer
from bycatch.learn.taggers.base import NeuralTagger

__all__ = ["TransformerTagger"]


class TransformerTagger(NeuralTagger):
    """Self-attention between constituents, and a class token that looks at all of them.

    Its own differences from the paper: fewer and narrower layers, no dropout, no batch
    normalisation, and the pairwise features as they are for massless and collinear constituents.

    Parameters
    ----------
    members : int
    width : int
        Features of each constituent between the blocks; a multiple of `heads`.
    heads, blocks : int
    hidden : int
        Units between the two linear maps after each attention.
    pair_hidden : int
        Units of the network that turns pairwise features into a bias of the attention.
    pairs : sequence of int, optional
        Which three features are the logarithm of the transverse momentum and the two angles from
        the jet's axis; (0, 4, 5) for `bycatch.represent.constituents`. Without them the attention
        sees no pairwise features.
    steps, rounds, patience, batch_size, learning_rate, weight_decay, dtype, device
        As in `bycatch.learn.taggers.base.NeuralTagger`.
    """

    kind = "transformer"
    citation = "part"
    representation = "constituents"
    axes = ("n_constituents", "n_features")
    masked = True

    def __init__(
        self,
        members: int = 1,
        *,
        width: int = 48,
        heads: int = 4,
        blocks: int = 2,
        hidden: int = 96,
        pair_hidden: int = 8,
        pairs: Sequence[int] | None = None,
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
        sizes = {"width": width, "heads": heads, "blocks": blocks, "hidden": hidden}
        for name, value in {**sizes, "pair_hidden": pair_hidden}.items():
            check_option(name, value, 1)
        if width % heads:
            message = (
                f"The option 'width' is {width}, but it must be a multiple of 'heads', {heads}."
            )
            raise ConfigError(message)
        if pairs is not None and (len(set(pairs)) != 3 or len(pairs) != 3 or min(pairs) < 0):
            message = (
                f"The option 'pairs' is {pairs!r}, but it must name three features: log pt and two "
                "angles."
            )
            raise ConfigError(message)
        self.width = width
        self.heads = heads
        self.blocks = blocks
        self.hidden = hidden
        self.pair_hidden = pair_hidden
        self.pairs = None if pairs is None else tuple(pairs)

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        n_features = shape[-1]
        if self.pairs is not None and max(self.pairs) >= n_features:
            message = (
                f"The option 'pairs' names feature {max(self.pairs)}, but constituents have "
                f"{n_features} features, counted from 0."
            )
            raise DataError(message)
        pair_hidden = 0 if self.pairs is None else self.pair_hidden
        sizes = Sizes(n_features, self.width, self.heads, self.blocks, self.hidden, pair_hidden)
        return draw_transformer(sizes, rngs, getattr(torch, self.dtype))

    def _scaling(
        self, columns: Mapping[str, NDArray[Any]], rows: Sequence[MemberRows]
    ) -> dict[str, NDArray[np.float64]]:
        found = constituent_scaling(columns["x"], columns["mask"], rows)
        return {"shift": found["shift"][:, None], "scale": found["scale"][:, None]}

    def logit(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return log p/(1-p), see `bycatch.learn.taggers.base.NeuralTagger.logit`."""
        x, mask = columns["x"], columns["mask"]
        last = int(mask.any(dim=1).any(dim=0).nonzero().max()) + 1 if mask.any() else 1
        x, mask = x[:, :, :last], mask[:, :, :last]
        scaled = (x - parameters["shift"]) / parameters["scale"]
        scaled = scaled.masked_fill(~mask.unsqueeze(3), 0.0)
        pairs = None
        if self.pairs is not None:
            # In units of the typical pt, so that the features are of order one.
            unit = torch.zeros_like(parameters["shift"])
            unit[..., self.pairs[0]] = parameters["shift"][..., self.pairs[0]]
            pairs = (x - unit)[..., list(self.pairs)]
        return transformer(parameters, scaled, mask, self.heads, pairs)
