"""Kinds of particle-flow candidates: what the detector writes and the representations read."""

from __future__ import annotations

KINDS = ("charged_hadron", "neutral_hadron", "photon", "electron", "muon")
"""Names by the code that stands in the columns ``constituent_kind`` and ``particle_kind``."""

CHARGED_HADRON, NEUTRAL_HADRON, PHOTON, ELECTRON, MUON = range(len(KINDS))
