"""Fixtures that every test may use."""

from __future__ import annotations

import fcntl
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[], Any]], Any]:
    """Return a function that makes a thing once per run of the tests, for all workers.

    The name must be the run's own; the thing is what JSON can hold, floats exactly. Who asks while
    another worker makes it waits, which costs no time of the processor.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # each worker has a folder of its own in that of the run

    def get(name: str, make: Callable[[], Any]) -> Any:
        path = folder / f"once-{name}.json"
        with (folder / f"once-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                path.write_text(json.dumps(make()))
        return json.loads(path.read_text())

    return get


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
