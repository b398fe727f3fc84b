"""What a run of `bycatch score` found, as plain frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch import __version__
from bycatch.anomaly.hunts import Hunted
from bycatch.anomaly.judge import Measured
from bycatch.anomaly.latent import Viewed
from bycatch.anomaly.sample import SampleSize
from bycatch.anomaly.sculpt import Sculpted
from bycatch.anomaly.transfer import Transferred
from bycatch.tasks.result import Result, document


@dataclass(frozen=True)
class Learned:
    """A method as it was used.

    Attributes
    ----------
    name, kind : str
    scores : tuple of str
        The default first.
    members : int
    n_parameters : int
        Numbers that a member learns; 0 where that says nothing.
    flat : bool
        Whether its rows are images or sets made into vectors.
    uses : str
        What it learns from beside the rows: ``label``, ``protected``, or nothing.
    citations : tuple of str
        Keys of its papers, its own first.
    """

    name: str
    kind: str
    scores: tuple[str, ...]
    members: int
    n_parameters: int
    flat: bool
    uses: str
    citations: tuple[str, ...]


@dataclass(frozen=True)
class Explained:
    """Mean contributions to the default score of a method.

    Attributes
    ----------
    method : str
    processes : tuple of str
    mean, error : ndarray of shape (n_processes, *places)
    n : tuple of int
        Events of each process.
    """

    method: str
    processes: tuple[str, ...]
    mean: NDArray[np.float64]
    error: NDArray[np.float64]
    n: tuple[int, ...]


@dataclass(frozen=True, repr=False)
class ScoreResult(Result):
    """Everything that the page tells.

    Attributes
    ----------
    config : mapping
        The resolved configuration.
    samples : tuple of SampleSize
    layout : str
        What a row is.
    names : tuple of str
        Of the features, or of the axes of a picture.
    methods : tuple of Learned
    reference : str or None
        Name of the supervised model.
    measured : tuple of Measured
    sculpted : tuple of Sculpted
    hunted : tuple of Hunted
    explained : tuple of Explained
    latent : tuple of Viewed
        For each method with a latent space.
    transfer : tuple of Transferred
        For each cocktail; ``result.json`` has this key only where there is one.
    """

    config: Mapping[str, Any]
    samples: tuple[SampleSize, ...]
    layout: str
    names: tuple[str, ...]
    methods: tuple[Learned, ...]
    reference: str | None
    measured: tuple[Measured, ...]
    sculpted: tuple[Sculpted, ...]
    hunted: tuple[Hunted, ...]
    explained: tuple[Explained, ...]
    latent: tuple[Viewed, ...] = ()
    transfer: tuple[Transferred, ...] = ()

    @property
    def citations(self) -> tuple[str, ...]:
        """Keys of `bycatch.citations` of all that was used, each once."""
        keys = ["bycatch"]
        for method in self.methods:
            keys += method.citations
        if any(item.direction == "inverse" for item in self.measured):
            keys.append("complexity-bias")
        if self.hunted:
            keys += ["bumphunter", "asymptotics"]
        return tuple(dict.fromkeys([*keys, "clopper-pearson"]))

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON can hold it; what is NaN or infinite becomes None."""
        return document(
            version=__version__,
            config=self.config,
            samples=self.samples,
            representation={"layout": self.layout, "names": self.names},
            methods=self.methods,
            reference=self.reference,
            scores=self.measured,
            sculpting=self.sculpted,
            hunts=self.hunted,
            contributions=self.explained,
            latent=self.latent,
            citations=self.citations,
            **({"transfer": self.transfer} if self.transfer else {}),
        )
