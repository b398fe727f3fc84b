"""Exported scores: the same numbers, events per second, and the share of what no program can beat.

Run from the project's root::

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/bench_onnx.py

Every score of the 21 features (`likelihood_vae` and its parts, `vae`, `autoencoder`, `nae`) and the
`nae` on images of 20x20 pixels is trained for a moment on random rows (the time of a graph does not
depend on its weights), exported with one member, compared with Python over a million events, or
100,000 images, and timed with ONNX Runtime on one thread at batch 1 and 1,000. Each is timed a few
times in turn with its bounds, because other programs disturb: the best is stated, with the least.

The bounds are the bare matrix products of the graph, and these with its bare elementary functions
(exponential, logarithm, square root, quotient, each element that the graph computes), both with
torch on one thread into memory that is there.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from _jobs import table

from bycatch.learn.threads import one_torch_thread
from bycatch.represent.lepton_stream import FEATURES
from bycatch.score import make_score
from bycatch.trigger.cost import Timing, matmul_bound, measure, size_of
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


ENERGY = {"energy_steps": 4, "energy_rounds": 1, "buffer": 200}
CASES: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
    "likelihood_vae": (
        "stream",
        ("total", "reconstruction", "kl", "latent"),
        {"features": list(FEATURES)},
    ),
    "vae": ("stream", ("reconstruction", "kl"), {}),
    "autoencoder": ("stream", ("reconstruction",), {}),
    "nae": ("stream", ("energy",), ENERGY),
    "nae_images": ("images", ("energy",), {"layout": "image", **ENERGY}),
}


FUNCTIONS = {
    "Exp": torch.exp,
    "Log": torch.log,
    "Sqrt": torch.sqrt,
    "Reciprocal": torch.reciprocal,
    "Div": torch.reciprocal,
    "Sigmoid": torch.sigmoid,
    "Softplus": torch.log1p,
    "Tanh": torch.tanh,
    "Erf": torch.erf,
}


def functions(path: Path) -> list[tuple[str, int]]:
    """Return the elementary functions of a graph with the numbers of each for one event."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(str(path)), strict_mode=True).graph
    open_shapes = {
        entry.name: [dim.dim_value or 1 for dim in entry.type.tensor_type.shape.dim]
        for entry in (*graph.value_info, *graph.output)
    }
    return [
        (node.op_type, int(np.prod(open_shapes[node.output[0]])))
        for node in graph.node
        if node.op_type in FUNCTIONS
    ]


def functions_bound(found: list[tuple[str, int]], batch: int, seconds: float) -> float:
    """Return the seconds that the elementary functions of a batch take, the median of many."""
    pairs = [(FUNCTIONS[name], torch.rand(n * batch) + 0.5) for name, n in found]
    outs = [torch.empty_like(values) for _, values in pairs]
    times: list[float] = []
    end = time.perf_counter() + seconds
    with one_torch_thread(), torch.no_grad():
        while len(times) < 10 or time.perf_counter() < end:
            start = time.perf_counter()
            for (function, values), out in zip(pairs, outs, strict=True):
                function(values, out=out)
            times.append(time.perf_counter() - start)
    return float(np.median(times))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scores", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--seconds", type=float, default=0.4)
    parser.add_argument("--repeats", type=int, default=16)
    options = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for score in options.scores:
            for name in CASES[score][1]:
                lines.append(row(score, name, Path(folder), options))
                print(lines[-1], f"load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    head = ["score", ">parameters", ">multiplications", ">parity", ">batch 1 us"]
    head += [">batch 1,000 events/s (least)", ">bare products", ">share"]
    head += [">products and functions", ">share"]
    print("\n".join(table(head, lines)))


def row(score: str, name: str, folder: Path, options: argparse.Namespace) -> list[str]:
    """Return the numbers of one score."""
    rows, n = (stream_rows, 1_000_000) if CASES[score][0] == "stream" else (images, 100_000)
    method = score.removesuffix("_images")
    model = make_score(method, **QUICK, **CASES[score][2]).fit(rows(2000, 0))
    path = export_onnx(model, folder / f"{score}-{name}.onnx", name=name, members=[0])
    graph, size = OnnxScore(path), size_of(path)
    X = rows(n, 1)
    parity = check_parity(model, graph, X, members=[0])
    own, seconds = functions(path), options.seconds
    one: list[Timing] = []
    many: list[Timing] = []
    products, both = [], []
    for _ in range(options.repeats):
        one.append(measure(graph, X, batch=1, seconds=seconds / 3))
        many.append(measure(graph, X, batch=1000, seconds=seconds))
        products.append(matmul_bound(size.products, 1000, seconds=seconds / 2).median)
        both.append(functions_bound(own, 1000, seconds / 2))
    rates = [found.events_per_second for found in many]
    bounds = 1000.0 / min(products), 1000.0 / (min(products) + min(both))
    quickest = min(one, key=lambda found: found.median)
    return [
        f"{score} {name}",
        f"{size.parameters:,}",
        f"{size.multiplications:,}",
        f"{parity.largest:.1e}",
        f"{1e6 * quickest.median:.0f}",
        f"{max(rates):,.0f} ({min(rates):,.0f})",
        f"{bounds[0]:,.0f}",
        f"{max(rates) / bounds[0]:.2f}",
        f"{bounds[1]:,.0f}",
        f"{max(rates) / bounds[1]:.2f}",
    ]


if __name__ == "__main__":
    main()
