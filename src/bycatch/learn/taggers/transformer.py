"""A small particle transformer on a jet's constituents.

What to use when: the best of the four where there are enough jets to learn from, and time.

References
----------
H. Qu, C. Li and S. Qian, "Particle transformer for jet tagging", arXiv:2202.03772.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import ConfigError, DataError
from bycatch.learn.inputs import constituent_scaling
from bycatch.learn.members import MemberRows
from bycatch.learn.nets.transformer import Sizes, draw_transformer, transformer
from bycatch.learn.neural import Columns
from bycatch.learn.options import option
from bycatch.learn.taggers.base import NeuralTagger


class TransformerTagger(NeuralTagger):
    """Self-attention between constituents, and a class token that looks at all of them.

    Its own differences from the paper: fewer and narrower layers, no dropout, no batch
    normalisation, and the pairwise features as they are for massless and collinear constituents.
    """

    kind = "transformer"
    citation = "part"
    representation = "constituents"
    axes = ("n_constituents", "n_features")
    masked = True

    width: int = option(
        default=48,
        least=1,
        says="Features of each constituent between the blocks; a multiple of `heads`.",
    )
    heads: int = option(default=4, least=1, says="Heads of each attention.")
    blocks: int = option(default=2, least=1, says="Attentions in a row.")
    hidden: int = option(
        default=96, least=1, says="Units between the two linear maps after each attention."
    )
    pair_hidden: int = option(
        default=8,
        least=1,
        says="Units of the network that turns pairwise features into a bias of the attention.",
    )
    pairs: Sequence[int] | None = option(
        default=None,
        says="Which three features are the logarithm of the transverse momentum and the two "
        "angles from the jet's axis; (0, 4, 5) for `bycatch.represent.constituents`. Without "
        "them the attention sees no pairwise features.",
    )
    rounds = 15
    patience = 6
    learning_rate = 2e-3

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        width, heads, pairs = self.width, self.heads, self.pairs
        if width % heads:
            raise ConfigError(
                f"The option 'width' is {width}, but it must be a multiple of 'heads', {heads}."
            )
        if pairs is not None and (len(set(pairs)) != 3 or len(pairs) != 3 or min(pairs) < 0):
            raise ConfigError(
                f"The option 'pairs' is {pairs!r}, but it must name three features: log pt and two "
                "angles."
            )

    def _initial(
        self, shape: tuple[int, ...], rngs: Sequence[np.random.Generator]
    ) -> dict[str, Tensor]:
        n_features = shape[-1]
        if self.pairs is not None and max(self.pairs) >= n_features:
            raise DataError(
                f"The option 'pairs' names feature {max(self.pairs)}, but constituents have "
                f"{n_features} features, counted from 0."
            )
        pair_hidden = 0 if self.pairs is None else self.pair_hidden
        sizes = Sizes(n_features, self.width, self.heads, self.blocks, self.hidden, pair_hidden)
        return draw_transformer(sizes, rngs, getattr(torch, self.dtype))

    def _scaling(
        self, columns: Columns, rows: Sequence[MemberRows]
    ) -> dict[str, NDArray[np.float64]]:
        found = constituent_scaling(columns["x"], columns["mask"], rows)
        return {"shift": found["shift"][:, None], "scale": found["scale"][:, None]}

    def logit(self, parameters: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """Return log p/(1-p), see `bycatch.learn.neural.NeuralClassifier.logit`."""
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
