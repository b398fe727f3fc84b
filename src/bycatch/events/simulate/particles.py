"""Stable particles of the event record, as the particles that a detector or a jet is made of."""

from __future__ import annotations

from typing import Any

from bycatch.events.simulate.process import Batch


def ragged_like(pattern: Any, values: Any) -> Any:
    """Give flat `values` the shape of the ragged array `pattern`, without copying.

    Parameters
    ----------
    pattern : awkward array of shape (n_events, var)
    values : ndarray of shape (n_particles,)

    Returns
    -------
    awkward array of shape (n_events, var)
    """
    import awkward as ak  # noqa: PLC0415 - slow to import

    return ak.unflatten(values, ak.num(pattern))


def final_state(batch: Batch, *, visible: bool = True) -> Any:
    """Return the stable particles of each event.

    Parameters
    ----------
    batch : Batch
    visible : bool
        Leave out what no detector sees: neutrinos and stable dark matter. False keeps them, for
        the truth of missing momentum.

    Returns
    -------
    awkward array of shape (n_events, var)
        Particles: records of px, py, pz, E (GeV), id (int32), charge (int8, in e) and index, the
        position in the event record (int32).
    """
    import awkward as ak  # noqa: PLC0415 - slow to import
    import numpy as np  # noqa: PLC0415 - beside awkward

    record = batch.record
    keep = record.status > 0
    if visible:
        seen = batch.table.visible(ak.to_numpy(ak.flatten(record.id)))
        keep = keep & ragged_like(keep, seen)
    index = ak.local_index(record, axis=1)[keep]
    stable = record[keep]
    codes = stable.id
    charge = batch.table.charge(ak.to_numpy(ak.flatten(codes)))
    return ak.zip(
        {
            "px": stable.p.px,
            "py": stable.p.py,
            "pz": stable.p.pz,
            "E": stable.p.e,
            "id": codes,
            "charge": ragged_like(codes, charge),
            "index": ak.values_astype(index, np.int32),
        }
    )
