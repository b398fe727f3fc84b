"""AnomalyCLR: a representation of events that ignores the detector and notes what is unusual.

What to use when: events as lists of reconstructed objects (`bycatch.represent.objects`), where an
autoencoder of the raw numbers spends itself on angles and empty places. It needs an opinion on
which changes of an event are physical and which are anomalous; `bycatch.learn.augmentations` has
those of the paper, none of which knows a signal. Leave each out in turn and look
(benchmarks/bench_contrastive.py).

References
----------
.. [1] Dillon, Favaro, Feiden, Modak, Plehn, "Anomalies, representations, and self-supervision",
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
from bycatch.learn.augmentations import (
    ANOMALOUS,
    KINDS,
    PHYSICAL,
    EventLayout,
    anomalous_event,
    physical_event,
)
from bycatch.learn.inputs import constituent_scaling
from bycatch.learn.members import MemberRows, check_option
from bycatch.learn.neural import Noise
from bycatch.learn.options import option
from bycatch.score.base import Inputs
from bycatch.score.parts.contrastive import ContrastiveScore, Views, check_names

_LEAST = 1e-3  # GeV, below which the logarithm of pT does not follow
_LAYOUT = EventLayout()


class AnomalyClr(ContrastiveScore):
    """Contrastive learning on events with physical and anomalous augmentations.

    Rows are events of objects with pT (GeV), eta and phi, in the places of
    `bycatch.represent.objects`; an object without pT is not there, whatever the mask says. The
    transformer reads pT and its logarithm, eta, the sine and cosine of phi, and which kind an
    object is; its outputs are summed over objects, so that their number and total pT are easy to
    see. An event is compared with a physical change of itself, and with a physical change of one of
    its anomalous changes, so that the detector's resolution does not tell the two apart.

    Notes
    -----
    Scores: the head's (``reconstruction`` or ``negative_log_density``), ``mahalanobis``, and
    ``direction``, how far the projection points away from the mean direction of background.
    """

    kind = "anomaly_clr"
    citation = "anomaly-clr"

    physical: Sequence[str] = option(
        default=tuple(PHYSICAL), says="Keys of `bycatch.learn.augmentations.PHYSICAL`."
    )
    anomalous: Sequence[str] = option(
        default=tuple(ANOMALOUS),
        says="Keys of `bycatch.learn.augmentations.ANOMALOUS`, one of which acts on an event. "
        "Without any, the loss is that of symmetries alone.",
    )
    places: Sequence[int] = option(
        default=_LAYOUT.counts, says="Of missing ET, electrons, muons and jets."
    )
    pt_min: Sequence[float] = option(
        default=_LAYOUT.pt_min[1:], says="Thresholds of electrons, muons and jets."
    )
    eta_max: Sequence[float] = option(default=_LAYOUT.eta_max[1:], says="Their acceptance.")
    trigger_pt: float = option(
        default=_LAYOUT.trigger_pt, least=0.0, says="Threshold of the lepton that triggered."
    )
    steps = 3000
    batch_size = 128
    learning_rate = 2e-3

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of the inputs after the first."""
        return ("n_objects", "n_features")

    @property
    def layout(self) -> EventLayout:
        """Places and cuts of the objects."""
        return EventLayout(
            tuple(self.places), (0.0, *self.pt_min), (0.0, *self.eta_max), self.trigger_pt
        )

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        check_names("physical", self.physical, tuple(PHYSICAL))
        check_names("anomalous", self.anomalous, tuple(ANOMALOUS))
        expected = {"places": len(KINDS), "pt_min": len(KINDS) - 1, "eta_max": len(KINDS) - 1}
        for name, count in expected.items():
            values = getattr(self, name)
            if len(values) != count:
                raise ConfigError(
                    f"The option '{name}' is {tuple(values)!r}, but it must have {count} numbers, "
                    f"for {', '.join(KINDS[-count:])}."
                )
            for value in values:
                check_option(name, value, 0.0)
        check_option("places", self.places[0], 1, 1)

    def _n_tokens(self, shape: tuple[int, ...]) -> int:
        expected = (sum(self.places), 3)
        if shape != expected:
            raise DataError(
                f"The score '{self.kind}' takes {expected[0]} objects with pT, eta and phi, but "
                f"rows have the shape {shape}; use the representation 'objects', or give the option"
                " 'places'."
            )
        return 5 + len(self.places)

    def _scaling(self, inputs: Inputs, rows: Sequence[MemberRows]) -> dict[str, NDArray[Any]]:
        x, mask = inputs["x"], inputs["mask"]
        there = mask & (np.where(mask, x[..., 0], 0.0) > 0.0)
        pt = np.where(there, x[..., 0], 1.0).astype(np.float64)
        eta = np.where(there, x[..., 1], 0.0)
        values = np.stack([np.log(np.maximum(pt, _LEAST)), pt, eta], axis=-1)
        found = constituent_scaling(values, there, rows)
        return {name: found[name][:, None] for name in ("shift", "scale")}

    def prepared(self, columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return columns in the model's precision, and only objects that have pT."""
        found = super().prepared(columns)
        mask = found["mask"] & (found["x"][..., 0] > 0.0)
        return {**found, "x": found["x"].masked_fill(~mask.unsqueeze(-1), 0.0), "mask": mask}

    def views(self, columns: Mapping[str, Tensor], noise: Noise) -> Views:
        """Return the events, a physical change, and a changed anomalous change if there is one."""
        x, mask, layout = columns["x"], columns["mask"], self.layout
        positive = physical_event(x, mask, noise, layout, self.physical)
        if not self.anomalous:
            return Views((x, positive[0]), (mask, positive[1]))
        odd, its_mask, changed = anomalous_event(x, mask, noise, layout, self.anomalous)
        odd, its_mask = physical_event(odd, its_mask, noise, layout, self.physical)
        return Views((x, positive[0], odd), (mask, positive[1], its_mask), changed)

    def tokens(
        self, parameters: Mapping[str, Tensor], x: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return log pT, pT, eta, sine and cosine of phi, and the kind of each object."""
        pt = torch.where(mask, x[..., 0], 1.0)
        numbers = torch.stack([pt.clamp_min(_LEAST).log(), pt, x[..., 1]], dim=-1)
        numbers = (numbers - parameters["shift"]) / parameters["scale"]
        kind = self.layout.one_hot(x).expand(*x.shape[:3], -1)
        phi = x[..., 2:]
        return torch.cat([numbers, torch.sin(phi), torch.cos(phi), kind], dim=-1), None
