"""AnomalyCLR+: a representation made only by what events are like and what they are not like.

What to use when: as `anomaly_clr`, where batches are large or the anomalous changes are trusted:
its loss has no sum over other events, so that it is bounded, each event counts on its own, and
memory grows with the number of rows and not with its square. What is not among the anomalous
changes it has no reason to see.

References
----------
.. [1] Dillon, Favaro, Feiden, Modak, Plehn, "Anomalies, representations, and self-supervision",
   arXiv:2301.04660.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bycatch.errors import ConfigError
from bycatch.learn.augmentations import ANOMALOUS
from bycatch.learn.contrastive import cosine
from bycatch.score.anomaly_clr import AnomalyClr


class AnomalyClrPlus(AnomalyClr):
    """`bycatch.score.anomaly_clr.AnomalyClr` with the loss of AnomCLR+; the same options.

    Without anomalous changes all events would get the same representation, so that there must be
    one.
    """

    kind = "anomaly_clr_plus"

    def check_options(self) -> None:
        """Refuse options that make no sense (ConfigError)."""
        super().check_options()
        if not self.anomalous:
            raise ConfigError(
                "The option 'anomalous' names nothing, but 'anomaly_clr_plus' learns from it "
                f"alone; give some of {', '.join(ANOMALOUS)}."
            )

    def contrast(self, z: Sequence[Tensor], changed: Tensor | None, weight: Tensor) -> Tensor:  # noqa: ARG002
        """Return the loss of AnomCLR+; where nothing could be changed, the attraction alone."""
        pull = cosine(z[0], z[1])
        push = torch.where(torch.as_tensor(changed), cosine(z[0], z[2]), 0.0)
        return (push - pull) / self.temperature
