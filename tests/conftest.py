"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

# Small fits run several times faster with one thread; set before numpy and torch are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the extra inputs; tests that use it skip where it is absent."""
    folder = Path(os.environ.get("BYCATCH_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"the extra inputs are not here: {folder}")
    return folder
