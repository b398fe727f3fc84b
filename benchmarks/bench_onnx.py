"""Exported scores: the same numbers, events per second, and the share of the bare products.

Run from the project's root::

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/bench_onnx.py

Every score of the 21 features (`likelihood_vae` and its parts, `vae`, `autoencoder`) and the `nae`
on images of 20x20 pixels is trained for a moment on random rows (the time of a graph does not
depend on its weights), exported with one member, compared with Python over a million events, or
100,000 images, and timed with ONNX Runtime on one thread at batch 1 and 1,000. Beside each stands
the time of its matrix products alone.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _jobs import table

from bycatch.represent.lepton_stream import FEATURES
from bycatch.score import make_score
from bycatch.trigger.cost import matmul_bound, measure, size_of
from bycatch.trigger.onnx_export import OnnxScore, check_parity, export_onnx

QUICK = {"steps": 20, "rounds": 2, "batch_size": 128}
FLAGS = {"lepton_charge": (-1, 1), "lepton_is_electron": (0, 1)}


def stream_rows(n: int, seed: int) -> np.ndarray:
    """Return rows that look like the 21 features: counts, flags, positive and signed numbers."""
    rng = np.random.default_rng(seed)
    columns = []
    for name in FEATURES:
        if name in FLAGS:
            columns.append(rng.choice(FLAGS[name], n))
        elif name.startswith("n_"):
            columns.append(rng.poisson(30.0 if "hadrons" in name else 1.0, n))
        elif name.startswith("met_"):
            columns.append(rng.normal(0.0, 30.0, n))
        else:
            value = rng.lognormal(3.0, 1.0, n)
            columns.append(np.where(rng.random(n) < 0.3, 0.0, value))
    return np.stack(columns, axis=1).astype(np.float32)


def images(n: int, seed: int) -> np.ndarray:
    """Return images of 20x20 pixels that sum to one."""
    x = np.random.default_rng(seed).exponential(size=(n, 20, 20)) ** 4
    return (x / x.sum(axis=(1, 2), keepdims=True)).astype(np.float32)


CASES: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
    "likelihood_vae": (
        "stream",
        ("total", "reconstruction", "kl", "latent"),
        {"features": list(FEATURES)},
    ),
    "vae": ("stream", ("reconstruction", "kl"), {}),
    "autoencoder": ("stream", ("reconstruction",), {}),
    "nae": ("images", ("energy",), {"layout": "image"}),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scores", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for score in options.scores:
            names = CASES[score][1]
            lines += [row(score, name, Path(folder), options.seconds) for name in names]
    head = ["score", ">parameters", ">multiplications", ">parity", ">batch 1 us"]
    head += [">batch 1,000 events/s", ">bare products events/s", ">share"]
    print("\n".join(table(head, lines)))


def row(score: str, name: str, folder: Path, seconds: float) -> list[str]:
    """Return the numbers of one score."""
    rows, n = (stream_rows, 1_000_000) if CASES[score][0] == "stream" else (images, 100_000)
    model = make_score(score, **QUICK, **CASES[score][2]).fit(rows(2000, 0))
    path = export_onnx(model, folder / f"{score}-{name}.onnx", name=name, members=[0])
    graph, size = OnnxScore(path), size_of(path)
    X = rows(n, 1)
    parity = check_parity(model, graph, X, members=[0])
    one = measure(graph, X, batch=1, seconds=seconds)
    many = measure(graph, X, batch=1000, seconds=seconds)
    bound = matmul_bound(size.products, 1000, seconds=seconds)
    return [
        f"{score} {name}",
        f"{size.parameters:,}",
        f"{size.multiplications:,}",
        f"{parity.largest:.1e}",
        f"{1e6 * one.median:.1f} ({1e6 * one.low:.1f}-{1e6 * one.high:.1f})",
        f"{many.events_per_second:,.0f}",
        f"{bound.events_per_second:,.0f}",
        f"{many.events_per_second / bound.events_per_second:.2f}",
    ]


if __name__ == "__main__":
    main()
