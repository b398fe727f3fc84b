"""The configuration of `bycatch demo`: the embedded sample, with and without its signal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bycatch.config.load import build_search
from bycatch.config.plan import Loaded
from bycatch.search.plan import SearchPlan

SIGNAL_COUNT = 500
"""Injected events over the full mass range."""


def demo_search(
    *, signal: bool = True, seed: int = 1, output: Path | str | None = None
) -> Loaded[SearchPlan]:
    """Return the search of the demo.

    Parameters
    ----------
    signal : bool
        Whether to inject the W' of 3.5 TeV. Without, each seed searches another random half of
        the background.
    seed : int
    output : Path or str, optional
        Run folder; ``runs/demo`` in the working directory by default.

    Returns
    -------
    Loaded
    """
    from bycatch.events import demo  # noqa: PLC0415 - loads the readers

    data: dict[str, Any] = {"path": str(demo.BACKGROUND)}
    if signal:
        data["inject"] = {"path": str(demo.SIGNAL), "count": SIGNAL_COUNT}
    else:
        data["fraction"] = 0.5
    content = {
        "data": data,
        "resonance": "mjj",
        "features": {
            "m_light": "jL_mass / 1000",
            "delta_m": "(jH_mass - jL_mass) / 1000",
            "tau21_light": "jL_tau2 / (jL_tau1 + 1e-5)",
            "tau21_heavy": "jH_tau2 / (jH_tau1 + 1e-5)",
        },
        "truth": "label",
        "regions": {
            "bins": 100,
            "fit_range": [2700, 6500],
            "scan": {"first": 3150, "last": 4250, "width": 0.11, "step": 0.5},
            "sidebands": 0.12,
        },
        "methods": [
            {"template": "cwola", "classifier": "trees"},
            {"template": "cathode", "classifier": "trees"},
        ],
        "folds": 5,
        "members": 4,
        "working_points": [0.1, 0.01],
        "toys": 1000,
        "seed": seed,
    }
    return build_search(
        content, base=Path(), source="demo", output=output or Path("runs/demo"), name="demo"
    )
