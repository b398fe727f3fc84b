"""Events as 19 objects in fixed places: missing ET, 4 electrons, 4 muons, 10 jets.

What to use when: for networks that read an event's objects themselves, in the layout of the
ADC2021 challenge. Use the mask: an empty place is no object of pt, eta and phi zero; and use sine
and cosine of phi wherever a distance matters.

References
----------
E. Govorkova et al., "LHC physics dataset for unsupervised new physics detection at 40 MHz",
arXiv:2107.02157, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import DataError
from bycatch.events.public.adc2021 import SLOTS
from bycatch.events.table import Events
from bycatch.kinematics.particles import order_by, owners, pad
from bycatch.represent.base import Representation, flat_column, ragged_columns


@dataclass(frozen=True)
class Place:
    """Which objects of one kind stand in the table.

    Attributes
    ----------
    kind : str
        Prefix of the columns.
    pt_min : float, in GeV
        Softest object (inclusive).
    eta_max : float
        Largest absolute pseudorapidity (exclusive).
    """

    kind: str
    pt_min: float
    eta_max: float

    @property
    def count(self) -> int:
        """Number of places, as in the challenge's files."""
        rows = SLOTS[self.kind]
        count: int = rows.stop - rows.start
        return count


PLACES = (
    Place("electron", 3.0, 3.0),
    Place("muon", 3.0, 2.1),
    Place("jet", 15.0, 4.0),
)
"""After the missing ET, in the rows of `bycatch.events.public.adc2021.SLOTS`, with its cuts."""

_NUMBERS = ("pt", "eta", "phi")
_TURNED = ("pt", "eta", "sin_phi", "cos_phi")


def event_objects(events: Events, *, sin_cos: bool = False) -> Representation:
    """Return the objects of each event.

    Parameters
    ----------
    events : Events
        met_pt and met_phi; of variable length electron_, muon_ and jet_ pt, eta and phi.
    sin_cos : bool
        Give sine and cosine of phi in place of phi.

    Returns
    -------
    Representation
        Values of shape (n_events, 19, 3) or (n_events, 19, 4), zero in empty places; each kind
        sorted by falling pt (GeV). The missing ET has eta 0 and is always there. Objects beyond
        the places or the cuts of `PLACES` are left out.

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If the lists' lengths differ, or a value is not finite.
    """
    met, phi = flat_column(events, "met_pt"), flat_column(events, "met_phi")
    rows = [np.stack([met, np.zeros_like(met), phi], axis=1)[:, None]]
    masks = [np.ones((len(events), 1), dtype=np.bool_)]
    for place in PLACES:
        values, mask = _place(events, place)
        rows.append(values)
        masks.append(mask)
    table, there = np.concatenate(rows, axis=1), np.concatenate(masks, axis=1)
    if sin_cos:
        angle = table[..., 2]
        # the cosine of an empty place would be 1
        turned = [np.where(there, turn(angle), 0.0) for turn in (np.sin, np.cos)]
        table = np.stack([table[..., 0], table[..., 1], *turned], axis=2)
    return Representation(table.astype(np.float32), there, _TURNED if sin_cos else _NUMBERS)


def represent(events: Events, **options: Any) -> Representation:
    """Return `event_objects`, under the name that all representations share."""
    return event_objects(events, **options)


@dataclass(frozen=True, eq=False)
class ScaleObjects:
    """Scaling of the objects: each kind by its own mean and standard deviation.

    Angles, sines and cosines are kept as they are. Empty places stay zero.

    Attributes
    ----------
    mean, scale : ndarray of shape (19, n_names)
        0 and 1 for what is kept; equal for all places of a kind.
    names : tuple of str
        Of the features.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    names: tuple[str, ...]

    @classmethod
    def fit(cls, background: Representation, label: NDArray[np.int8] | None = None) -> ScaleObjects:
        """Measure mean and standard deviation of pt and eta on background events.

        Parameters
        ----------
        background : Representation
            Of `event_objects`.
        label : ndarray of shape (n_events,), optional
            Truth, only to refuse events that are not background.

        Returns
        -------
        ScaleObjects

        Raises
        ------
        DataError
            If a label is 1, or no object of a kind is there.
        """
        signal = 0 if label is None else int(np.count_nonzero(np.asarray(label) == 1))
        if signal:
            raise DataError(
                f"{signal} of {len(background)} events have label 1; objects are scaled by the "
                "background alone, so select label 0 first."
            )
        there = _mask_of(background)
        mean, scale = np.zeros(background.values.shape[1:]), np.ones(background.values.shape[1:])
        for kind, rows in SLOTS.items():
            inside = there[:, rows]
            if not inside.any():
                raise DataError(f"There is no {kind} in {len(background)} events to be scaled by.")
            for column in range(2):
                values = background.values[:, rows, column][inside].astype(np.float64)
                spread = float(values.std())
                # The eta of the missing ET is zero in all events; it stays as it is.
                mean[rows, column] = values.mean()
                # a constant column is only shifted
                scale[rows, column] = spread if spread > 0.0 else 1.0
        return cls(mean, scale, background.names)

    def transform(self, objects: Representation) -> Representation:
        """Return the scaled objects.

        Parameters
        ----------
        objects : Representation
            With the names that this was fitted on.

        Returns
        -------
        Representation

        Raises
        ------
        DataError
            If the names differ.
        """
        if objects.names != self.names:
            raise DataError(
                f"The scaling was fitted on {self.names}, but these objects are {objects.names}."
            )
        there = _mask_of(objects)
        values = np.where(there[..., None], (objects.values - self.mean) / self.scale, 0.0)
        return Representation(values.astype(np.float32), there, objects.names)


def _place(events: Events, place: Place) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the objects of one kind, of shape (n_events, count, 3), and their mask."""
    flat, counts = ragged_columns(events, tuple(f"{place.kind}_{name}" for name in _NUMBERS))
    pt, eta, _ = flat.values()
    kept = (pt >= place.pt_min) & (np.abs(eta) < place.eta_max)
    owner = owners(counts)[kept]
    left = np.bincount(owner, minlength=len(counts))
    values = np.stack([column[kept] for column in flat.values()], axis=1)
    order = order_by(values[:, 0], left)  # None: sorted already, which saves a copy
    return pad(values if order is None else values[order], left, place.count)


def _mask_of(objects: Representation) -> NDArray[np.bool_]:
    places = SLOTS["jet"].stop
    if objects.mask is None or objects.values.ndim != 3 or objects.values.shape[1] != places:
        raise DataError(
            f"These are not {places} objects with a mask, but values of shape "
            f"{objects.values.shape}; make them with event_objects."
        )
    return objects.mask
