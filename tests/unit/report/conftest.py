"""A factory of search results that no search has made: every shape that a page must survive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from bycatch.search.result import (
    Check,
    Evaluation,
    FeatureComparison,
    LearningCurve,
    Look,
    SearchResult,
    Spectrum,
)
from bycatch.search.significance.global_p import binomial_interval

METHODS = ("cwola-trees", "cwola-network", "ideal-trees", "supervised-network")
POINTS = (0.1, 0.01, 0.001)
FEATURES = ("m_light", "delta_m", "tau21_light", "tau21_heavy")
FAILURE = "The fit did not converge in 50 steps: widen the fit range or lower the order."
EDGES = np.arange(2700.0, 6501.0, 100.0)


def make_windows(number: int) -> list[tuple[float, float]]:
    if number == 1:
        return [(3300.0, 3700.0)]
    centres = np.linspace(3000.0, 5000.0, number)
    return [(round(0.945 * c, 1), round(1.055 * c, 1)) for c in centres]


def _spectrum(
    rng: np.random.Generator,
    method: str,
    window: tuple[float, float] | None,
    point: float,
    signal: float,
    weight: float,
) -> Spectrum:
    centres = 0.5 * (EDGES[1:] + EDGES[:-1])
    x = centres / 13000
    shape = (1 - x) ** 10 * x ** (-5.0)
    rate = point * 60_000 * shape / shape.sum()
    peak = norm.pdf(centres, 3500, 90)
    counts = rng.poisson(rate + signal * peak / peak.sum())
    return Spectrum(
        method=method,
        window=window,
        working_point=point,
        edges=tuple(EDGES.tolist()),
        counts=tuple((weight * counts).tolist()),
        errors=tuple((weight * np.sqrt(counts)).tolist()),
        fit=tuple((weight * rate).tolist()),
        fit_error=tuple((weight * np.sqrt(0.02 * rate + (0.02 * rate) ** 2)).tolist()),
    )


def _look(
    rng: np.random.Generator, method: str, window: tuple[float, float], point: float, z: float
) -> Look:
    background = 6000 * point
    p = float(norm.sf(z))
    return Look(
        method=method,
        window=window,
        working_point=point,
        efficiency=point * float(rng.normal(1, 0.02)),
        efficiency_error=0.03 * point,
        n_selected=int(60_000 * point),
        n_window=int(background + z * np.sqrt(background)),
        background=background,
        background_error=float(np.sqrt(background) / 3),
        systematic=0.01 * background,
        local_p=p,
        local_z=z,
        uncorrected_p=0.8 * p,
        dispersion=1.06,
        order=3,
        goodness_of_fit=float(rng.uniform(0.1, 0.9)),
    )


def _failed(look: Look) -> Look:
    from dataclasses import replace

    return replace(
        look,
        background=None,
        background_error=None,
        local_p=None,
        local_z=None,
        uncorrected_p=None,
        goodness_of_fit=None,
        status=FAILURE,
    )


def _features(
    rng: np.random.Generator, method: str, window: tuple[float, float], point: float
) -> list[FeatureComparison]:
    edges = np.linspace(0, 1, 26)
    width = edges[1] - edges[0]
    found = []
    for i, name in enumerate(FEATURES):
        template = rng.multinomial(
            5000, norm.pdf(edges[:-1], 0.6, 0.2) / norm.pdf(edges[:-1], 0.6, 0.2).sum()
        )
        shape = norm.pdf(edges[:-1], 0.6 - 0.12 * (4 - i) * 0.7, 0.12)
        selected = rng.multinomial(200, shape / shape.sum())
        s, t = selected / 200, template / 5000
        both = (s + t) > 0
        found.append(
            FeatureComparison(
                feature=name,
                method=method,
                window=window,
                working_point=point,
                edges=tuple(edges.tolist()),
                selected=tuple((s / width).tolist()),
                template=tuple((t / width).tolist()),
                selected_error=tuple((np.sqrt(selected) / 200 / width).tolist()),
                separation=float(0.5 * ((s - t)[both] ** 2 / (s + t)[both]).sum()),
            )
        )
    return found


def _curve(rng: np.random.Generator, method: str, window: tuple[float, float]) -> LearningCurve:
    steps = np.arange(60)
    train = 0.693 - 0.05 * (1 - np.exp(-steps / 20)) - 0.0004 * steps
    validation = 0.693 - 0.03 * (1 - np.exp(-steps / 15)) + 0.0002 * np.maximum(steps - 25, 0)
    noise = rng.normal(0, 5e-4, (2, steps.size))
    return LearningCurve(
        method,
        window,
        tuple((train + noise[0]).tolist()),
        tuple((validation + noise[1]).tolist()),
        tuple(int(b) for b in rng.integers(18, 35, 10)),
    )


def _evaluation(method: str, window: tuple[float, float]) -> Evaluation:
    eps_s = np.linspace(0.005, 1, 120)
    eps_b = eps_s ** (2.2 + 0.4 * METHODS.index(method))
    return Evaluation(
        method=method,
        window=window,
        auc=0.91,
        max_sic=9.3,
        n_signal=395,
        n_background=12_000,
        roc=tuple(zip(eps_b.tolist(), eps_s.tolist(), strict=True)),
    )


def _checks(methods: Sequence[str], windows: Sequence[tuple[float, float]]) -> list[Check]:
    checks = [Check("looks", True, f"{len(methods) * len(windows)} trainings were looked at.")]
    for method in methods:
        for window in windows:
            bad = method == "cwola-network" and window == windows[0]
            checks.append(
                Check(
                    "sculpting",
                    not bad,
                    "The selection leaves the shape of the sidebands alone (chi2/ndf = 1.02)."
                    if not bad
                    else "The selection changes the shape of the sidebands (chi2/ndf = 3.1, "
                    "p = 2e-6): a feature follows mjj; remove it or decorrelate it.",
                    method,
                    window,
                    {"p": 0.41},
                )
            )
    return checks


def build_result(
    n_windows: int = 9,
    methods: Sequence[str] = METHODS[:2],
    points: Sequence[float] = POINTS,
    signal: float = 150.0,
    n_toys: int = 1000,
    truth: bool = True,
    weight: float = 1.0,
    failed: int = 0,
    checks: bool = True,
    seed: int = 1,
    config: dict[str, Any] | None = None,
    **changes: Any,
) -> SearchResult:
    """Return a result as a search would give it; `failed` looks have no number."""
    rng = np.random.default_rng(seed)
    windows = make_windows(n_windows)
    hit = min(windows, key=lambda w: abs(sum(w) / 2 - 3500))
    looks, spectra = [], [_spectrum(rng, "inclusive", None, 1.0, signal, weight)]
    for method in methods:
        for window in windows:
            for point in points:
                eps_s = 0.6 * point**0.1
                z = float(rng.normal())
                if window == hit:
                    z += signal * eps_s / np.sqrt(6000 * point)
                looks.append(_look(rng, method, window, point, z))
                spectra.append(_spectrum(rng, method, window, point, signal * eps_s, weight))
    looks = [_failed(x) if i < failed else x for i, x in enumerate(looks)]
    good = [x for x in looks if x.local_p is not None]
    best = max(good, key=lambda x: x.local_z or 0.0) if good else looks[0]
    maxima = rng.normal(size=(n_toys, max(1, len(looks) // 2))).max(axis=1)
    beyond = int((maxima >= (best.local_z or 0.0)).sum())
    global_p = (beyond + 1) / (n_toys + 1)
    fields: dict[str, Any] = {
        "version": "0.1.0",
        "config": config
        or {
            "data": {"path": ["data/rd.parquet"], "where": "label == 0", "weight": None},
            "resonance": "mjj",
            "features": {"m_light": "minimum(j1_mass, j2_mass) / 1000"},
            "methods": [{"template": "cwola", "classifier": "trees"}],
            "toys": n_toys,
            "seed": 7,
            "output": "runs/demo",
        },
        "n_events": 60_600,
        "looks": tuple(looks),
        "best": best,
        "global_p": global_p,
        "global_p_interval": binomial_interval(beyond, n_toys) if n_toys else (0.0, 1.0),
        "global_z": float(norm.isf(global_p)),
        "n_toys": n_toys,
        "n_looks": len(looks),
        "extrapolation": {
            "bonferroni": min(1.0, len(looks) * (1.0 if best.local_p is None else best.local_p))
        },
        "calibrated_down_to": None,
        "checks": tuple(_checks(methods, windows)) if checks else (),
        "evaluation": tuple(_evaluation(m, w) for m in methods for w in windows) if truth else (),
        "citations": ("cwola-hunting", "lhco"),
        "spectra": tuple(spectra),
        "toy_maxima": tuple(maxima.tolist()),
        "features": tuple(
            f for m in methods for w in windows for p in points for f in _features(rng, m, w, p)
        ),
        "curves": tuple(_curve(rng, m, w) for m in methods for w in windows),
    }
    return SearchResult(**{**fields, **changes})


@pytest.fixture(scope="session")
def make_result() -> Callable[..., SearchResult]:
    return build_result
