"""Fixtures that every test may use."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

# Small fits run several times faster with one thread; set before numpy and torch are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the extra inputs; tests that use it skip where it is absent."""
    folder = Path(os.environ.get("BYCATCH_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"the extra inputs are not here: {folder}")
    return folder


def sketch(figure: Figure, kind: str, dpi: int = 200) -> bytes:
    """Draw a figure small and without its layout: what cannot be drawn still fails."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    if kind == "pdf":
        return b"%PDF"
    buffer = io.BytesIO()
    figure.set_layout_engine("none")
    figure.set_dpi(dpi / 10)
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def _sketches() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bycatch.report.html.figure_bytes", sketch)
        yield


# Figures take nine tenths of the time of a page; tests of its words and of the numbers sketch them.
sketched = pytest.fixture(_sketches, name="sketched")
module_sketched = pytest.fixture(_sketches, scope="module", name="module_sketched")
