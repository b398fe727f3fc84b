"""Pythia 8, seen as a source of batches of events.

References
----------
C. Bierlich et al., "A comprehensive guide to the physics and usage of PYTHIA 8.3",
arXiv:2203.11601.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bycatch.errors import ConfigError, DataError
from bycatch.events.simulate.library import pythia_library
from bycatch.events.simulate.prescale import Prescale, start_prescale

_MB_TO_PB = 1e9


def pythia_version() -> str:
    """Return the version of Pythia's package, such as ``8.317.2``."""
    pythia_library()
    return version("pythia8mc")


def make_pythia(settings: Sequence[str], seed: int) -> Any:
    """Return a silent Pythia with these settings, not yet initialised.

    Parameters
    ----------
    settings : sequence of str
        As in ``"HardQCD:all = on"``.
    seed : int
        From 0; turned into Pythia's range 1 to 900,000,000.

    Raises
    ------
    ConfigError
        If Pythia does not know a setting.
    InputError
        If Pythia is not installed.
    """
    pythia = pythia_library().Pythia("", False)
    fixed = ("Print:quiet = on", "Random:setSeed = on", f"Random:seed = {seed % 900_000_000 + 1}")
    for line in (*fixed, *settings):
        if not pythia.readString(line):
            raise ConfigError(
                f"Pythia does not know the setting {line!r}; see the manual of its settings."
            )
    return pythia


@dataclass(frozen=True)
class CrossSection:
    """Pythia's estimate after some events.

    Attributes
    ----------
    value, error : float, in pb
    n_tried : int
        Phase-space points that the estimate rests on.
    """

    value: float
    error: float
    n_tried: int


class ParticleTable:
    """Charge and visibility by particle code, looked up in Pythia's table once per code."""

    def __init__(self, particle_data: Any) -> None:
        self._data = particle_data

    def charge(self, codes: NDArray[np.integer]) -> NDArray[np.int8]:
        """Return the charges in units of e; quarks (thirds) are rounded towards zero."""
        return self._map(codes, lambda code: int(self._data.chargeType(code) / 3)).astype(np.int8)

    def visible(self, codes: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Return whether a detector sees a particle: not neutrinos, not stable dark matter."""
        return self._map(codes, lambda code: int(self._data.isVisible(code))).astype(bool)

    def _map(self, codes: NDArray[np.integer], value: Callable[[int], int]) -> NDArray[np.int64]:
        unique, inverse = np.unique(codes, return_inverse=True)
        values = np.array([value(int(code)) for code in unique], dtype=np.int64)
        return values[inverse]


class Generator:
    """An initialised Pythia that hands out batches.

    Parameters
    ----------
    settings : sequence of str
    seed : int
    setup : callable, optional
        See `bycatch.events.simulate.process.Process`.
    prescale : Prescale, optional
        Drop common events in the middle of their evolution, with weights.

    Attributes
    ----------
    shared : object
        What `setup` returned.
    table : ParticleTable

    Raises
    ------
    ConfigError
        If Pythia does not know a setting or cannot start with them.
    InputError
        If Pythia is not installed.
    """

    def __init__(
        self,
        settings: Sequence[str],
        seed: int,
        setup: Callable[[Any, int], Any] | None = None,
        prescale: Prescale | None = None,
    ) -> None:
        self._pythia = make_pythia(settings, seed)
        self._prescale = None if prescale is None else start_prescale(self._pythia, seed, prescale)
        self.shared = setup(self._pythia, seed) if setup is not None else None
        if not self._pythia.init():
            raise ConfigError(
                "Pythia cannot start with these settings: " + "; ".join(settings) + "."
            )
        self.table = ParticleTable(self._pythia.particleData)

    def batch(self, n_events: int) -> tuple[Any, Any, NDArray[np.float64]]:
        """Return the next events: record, info and weights, see `Batch`.

        Raises
        ------
        DataError
            If Pythia fails to make them.
        """
        events = self._pythia.nextBatch(n_events)  # an event that fails is tried again
        if len(events) != n_events:
            raise DataError(
                f"Pythia gave {len(events)} events of {n_events}; its settings leave it too little "
                "phase space."
            )
        weight = np.asarray(events.info.weights[:, 0], dtype=np.float64)
        if self._prescale is not None:
            weight = weight * self._prescale.weights(events.prt)
        return events.prt, events.info, weight

    def cross_section(self) -> CrossSection:
        """Return Pythia's estimate from all points tried so far, of kept and dropped events."""
        info = self._pythia.infoPython()
        unit = _MB_TO_PB
        if self._prescale is not None:  # Pythia counts what was kept
            unit *= self._prescale.judged / max(self._prescale.kept, 1)
        return CrossSection(info.sigmaGen() * unit, info.sigmaErr() * unit, int(info.nTried()))
