"""A factory of search results that no search has made: every shape that a page must survive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from bycatch.search.result import (
    Check,
    DensityCurve,
    Evaluation,
    FeatureComparison,
    LearningCurve,
    Look,
    SearchResult,
    Spectrum,
    TemplateEstimate,
)
from bycatch.search.template_estimate import counting_z
from bycatch.statistics.significance.global_p import binomial_interval

METHODS = ("cwola-trees", "cwola-network", "ideal-trees", "supervised-network")
SIDE_BY_SIDE = ("cathode-spline-trees", "anode")
"""Two methods whose names do not say what they are; `CONFIGURED` does."""
CONFIGURED: dict[str, dict[str, Any]] = {
    "cwola-trees": {"template": "cwola", "classifier": "trees", "name": None},
    "cwola-network": {"template": "cwola", "classifier": "network", "name": None},
    "ideal-trees": {"template": "ideal", "classifier": "trees", "name": None},
    "supervised-network": {"template": "supervised", "classifier": "network", "name": None},
    "cathode-spline-trees": {
        "template": "cathode",
        "classifier": "trees",
        "name": "cathode-spline-trees",
        "density": "spline",
    },
    "anode": {"template": "anode", "classifier": None, "name": None},
}
POINTS = (0.1, 0.01, 0.001)
FEATURES = ("m_light", "delta_m", "tau21_light", "tau21_heavy")
FAILURE = "The fit did not converge in 50 steps: widen the fit range or lower the order."
UNKNOWN_BIAS = (
    "The template's bias is unknown, since no window that does not overlap this one expects "
    "selected events: scan more windows, widen 'fit_range' or loosen the working point."
)
YARDSTICK = "'{}' is a yardstick that uses truth, not an estimate."
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


def _estimate(look: Look, method: int, n_windows: int) -> TemplateEstimate:
    """Return what a template says that is right on average, and off by a known bias."""
    if look.method in CONFIGURED and CONFIGURED[look.method]["template"] in ("ideal", "supervised"):
        return TemplateEstimate(status=YARDSTICK.format(look.method))
    truth = 6000 * look.working_point
    background, finite = 1.02 * truth, 0.6 * np.sqrt(truth)
    if n_windows < 2:
        return TemplateEstimate(background, finite, status=UNKNOWN_BIAS)
    apart = max(1, n_windows - 3)
    statistical = float(1.3 / np.sqrt(apart * truth))
    spread = None if apart < 2 else 0.03
    total = float(np.hypot(statistical, spread or 0.0))
    bias = (0.01, -0.02, 0.03, 0.0)[method % 4]
    systematic = background * float(np.hypot(bias, total))
    z = float(counting_z(look.n_window, background, np.hypot(finite, systematic)))
    return TemplateEstimate(
        background=background,
        background_error=finite,
        delta_sys=bias,
        delta_sys_error=total,
        delta_sys_statistical=statistical,
        delta_sys_spread=spread,
        n_windows=apart,
        systematic=systematic,
        local_p=float(norm.sf(z)),
        local_z=z,
    )


def _density(
    rng: np.random.Generator, name: str, windows: Sequence[tuple[float, float]]
) -> DensityCurve:
    rounds = np.arange(10)
    loss = 5.315 + 0.06 * np.exp(-rounds / 2) + 2e-3 * np.maximum(rounds - 7, 0)
    loss = loss + rng.normal(0, 4e-4, rounds.size)
    return DensityCurve(
        name=name,
        windows=tuple(windows),
        train_loss=tuple((1.4 + 0.5 * np.exp(-rounds / 2)).tolist()),
        validation_loss=tuple(loss.tolist()),
        best=int(np.argmin(loss)),
        n_events=48_210,
    )


def _with_template(look: Look, method: int, n_windows: int) -> Look:
    return replace(look, template=_estimate(look, method, n_windows))


def _densities(
    rng: np.random.Generator, methods: Sequence[str], windows: Sequence[tuple[float, float]]
) -> tuple[DensityCurve, ...]:
    """Return a density for all windows, and for the method with splines one per window."""
    templates = {CONFIGURED.get(name, {}).get("template") for name in methods}
    shared = [_density(rng, "matching", windows)] if "anode" in templates else []
    if "cathode" not in templates:
        return tuple(shared)
    own = [_density(rng, f"spline-{low:g}-{high:g}", [(low, high)]) for low, high in windows]
    return (*shared, *own)


def _failed(look: Look) -> Look:
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
    eps_b = eps_s ** (2.2 + 0.4 * (METHODS.index(method) if method in METHODS else 0))
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
    names = list(methods)
    looks = [_with_template(x, names.index(x.method), n_windows) for x in looks]
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
            "regions": {"bins": 100.0, "fit_range": [2700.0, 6500.0], "sidebands": 0.12},
            "methods": [CONFIGURED[name] for name in methods if name in CONFIGURED],
            "folds": 5,
            "members": 10,
            "background": {"family": "dijet", "order": "auto"},
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
        "densities": _densities(rng, methods, windows),
    }
    return SearchResult(**{**fields, **changes})


def build_broken_result() -> SearchResult:
    """Return two methods in three windows: template estimates, failed looks, missing numbers.

    The middle window is the best one. The template of ``anode`` is off by 30 % at 10 %, expects
    twice what the fit does at 1 %, and has no number at 0.1 %; in the first window both fits at
    0.1 % failed.
    """
    result = build_result(n_windows=3, methods=SIDE_BY_SIDE, signal=0, seed=3)
    windows = sorted({look.window for look in result.looks})
    looks = []
    for look in result.looks:
        template = look.template
        assert template is not None
        if look.method == "anode" and look.working_point == 0.1:
            template = replace(template, delta_sys=0.3, systematic=0.31 * 612.0)
        if look.method == "anode" and look.working_point == 0.01:
            template = replace(template, background=120.0, delta_sys=0.02, systematic=12.0)
        if look.method == "anode" and look.working_point == 0.001:
            template = TemplateEstimate(status=UNKNOWN_BIAS)
        changed = replace(look, template=template)
        if look.window == windows[0] and look.working_point == 0.001:
            changed = replace(_failed(look), template=None)
        if look.window == windows[1] and look.method == "cathode-spline-trees":
            p = float(norm.sf(3.2))
            better = look.working_point == 0.1
            changed = replace(changed, local_z=3.2, local_p=p) if better else changed
        looks.append(changed)
    best = next(look for look in looks if look.local_z == 3.2)
    usable = sum(look.local_p is not None for look in looks)
    return replace(result, looks=tuple(looks), best=best, n_looks=usable)


@pytest.fixture(scope="session")
def broken_result() -> SearchResult:
    return build_broken_result()


@pytest.fixture(scope="session")
def make_result() -> Callable[..., SearchResult]:
    return build_result
