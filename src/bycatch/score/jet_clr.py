"""JetCLR: a representation of jets that ignores their symmetries, soft and collinear emission.

What to use when: constituents of jets (`bycatch.represent.constituents`) and a score that shall not
depend on how the jet is turned, where it points, and what is not infrared and collinear safe. With
`anomalous` it is AnomalyCLR for jets: the representation is told, too, which changes QCD does not
make. On events of objects use `anomaly_clr`.

References
----------
.. [1] Dillon, Kasieczka, Olischlager, Plehn, Sorrenson, Vogel, "Symmetries, safety, and
   self-supervision", arXiv:2108.04253.
.. [2] Dillon, Favaro, Feiden, Modak, Plehn, "Anomalies, representations, and self-supervision",
   arXiv:2301.04660.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bycatch.errors import ConfigError, DataError
from bycatch.learn.augmentations import ANOMALOUS_JETS, JETS, anomalous_jet, transformed_jet
from bycatch.learn.inputs import constituent_scaling
from bycatch.learn.members import MemberRows
from bycatch.learn.neural import Noise
from bycatch.learn.options import option
from bycatch.score.base import Inputs
from bycatch.score.parts.contrastive import ContrastiveScore, Views, check_names

_SOFTEST = -20.0  # of the logarithm of a fraction of the jet's pT


class JetClr(ContrastiveScore):
    """Contrastive learning on the constituents of a jet.

    Of each constituent three columns count: the logarithm of its pT in GeV and two angles from the
    jet's axis, as in `bycatch.represent.constituents`. Constituents count with their fraction of
    the jet's pT (see `bycatch.learn.nets.transformer.summed`), so that a soft one more or less
    changes nothing.

    Notes
    -----
    Scores: the head's (``reconstruction`` or ``negative_log_density``), ``mahalanobis``, and
    ``direction``, how far the projection points away from the mean direction of background.
    """

    kind = "jet_clr"
    citation = "jet-clr"
    further_citations = ("anomaly-clr",)

    columns: Sequence[int] = option(
        default=(0, 4, 5), says="Which columns are log pT and the two angles."
    )
    n_max: int = option(default=50, least=1, says="Constituents that are read, the first ones.")
    augmentations: Sequence[str] = option(
        default=tuple(JETS),
        says="Keys of `bycatch.learn.augmentations.JETS`; the first of the two views is turned, "
        "too.",
    )
    anomalous: Sequence[str] = option(
        default=(),
        says="Keys of `bycatch.learn.augmentations.ANOMALOUS_JETS`, one of which acts on a jet, "
        "before the symmetries. Without any, the default, the loss is that of JetCLR.",
    )
    steps = 2000
    batch_size = 128
    learning_rate = 2e-3

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of the inputs after the first."""
        return ("n_constituents", "n_features")

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        check_names("augmentations", self.augmentations, tuple(JETS))
        check_names("anomalous", self.anomalous, tuple(ANOMALOUS_JETS))
        if len(self.columns) != 3 or len(set(self.columns)) != 3 or min(self.columns) < 0:
            raise ConfigError(
                f"The option 'columns' is {tuple(self.columns)!r}, but it must name three columns: "
                "log pT and two angles."
            )

    def _n_tokens(self, shape: tuple[int, ...]) -> int:
        if max(self.columns) >= shape[-1]:
            raise DataError(
                f"The option 'columns' names column {max(self.columns)}, but constituents have "
                f"{shape[-1]} columns, counted from 0."
            )
        return 3

    def _scaling(self, inputs: Inputs, rows: Sequence[MemberRows]) -> dict[str, NDArray[Any]]:
        x, mask = inputs["x"][:, : self.n_max], inputs["mask"][:, : self.n_max]
        found = constituent_scaling(x[..., list(self.columns)], mask, rows)
        # Angles keep their origin, the axis, and share one scale: turning must not distort them.
        shift, scale = found["shift"][:, None], found["scale"][:, None]
        shift[..., 1:] = 0.0
        scale[..., 1:] = np.sqrt((scale[..., 1:] ** 2).mean(axis=-1, keepdims=True))
        return {"shift": shift, "scale": scale}

    def prepared(self, columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return pT (GeV) and the two angles of the first constituents."""
        found = super().prepared(columns)
        x, mask = found["x"][:, :, : self.n_max], found["mask"][:, :, : self.n_max]
        x = x[..., list(self.columns)]
        pt = torch.exp(x[..., :1]).masked_fill(~mask.unsqueeze(-1), 0.0)
        return {**found, "x": torch.cat([pt, x[..., 1:]], dim=-1), "mask": mask}

    def views(self, columns: Mapping[str, Tensor], noise: Noise) -> Views:
        """Return the turned jets, a change, and a changed anomalous change if there is one."""
        x, mask = columns["x"], columns["mask"]
        turned = [name for name in self.augmentations if name == "rotate"]
        first = transformed_jet(x, mask, noise, turned)
        second = transformed_jet(x, mask, noise, self.augmentations)
        if not self.anomalous:
            return Views((first[0], second[0]), (first[1], second[1]))
        odd, its_mask, changed = anomalous_jet(x, mask, noise, self.anomalous)
        odd, its_mask = transformed_jet(odd, its_mask, noise, self.augmentations)
        return Views((first[0], second[0], odd), (first[1], second[1], its_mask), changed)

    def tokens(
        self, parameters: Mapping[str, Tensor], x: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return scaled log pT and angles, and the logarithm of the fraction of the jet's pT."""
        pt = torch.where(mask, x[..., 0], 0.0)
        tiny = torch.finfo(pt.dtype).tiny
        fraction = pt / pt.sum(dim=2, keepdim=True).clamp_min(tiny)
        emphasis = fraction.clamp_min(tiny).log().clamp_min(_SOFTEST)
        log_pt = pt.clamp_min(tiny).log().unsqueeze(-1)
        numbers = torch.cat([log_pt, x[..., 1:]], dim=-1)
        return (numbers - parameters["shift"]) / parameters["scale"], emphasis
