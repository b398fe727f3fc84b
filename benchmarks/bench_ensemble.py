"""Training time of a batched ensemble against one PyTorch loop per member.

Run from the project's root::

    OMP_NUM_THREADS=1 python benchmarks/bench_ensemble.py --repeats 7

What is measured
----------------
50 members of 3x64 on 4 features, 16,384 training rows and 4,096 validation rows each, float32,
one thread. All three programs do the same gradient steps (Adam, weighted cross-entropy), validate
once per epoch and keep the best state:

``batched``      `NetworkEnsemble.fit` as it is, with all 50 members.
``DataLoader``   `torch.nn.Sequential`, `TensorDataset`, shuffling `DataLoader` (no worker
                 processes), `torch.optim.Adam`, as most published code does it.
``tensor loop``  the same network, but batches are slices of a permuted tensor and Adam is fused.

The two loops train 2 members and are scaled to 50: their members are independent and take the same
time. The time is the process's CPU time, which with one thread is the wall time on an idle core;
the three take turns in every repeat, so that other load on the machine hits all of them.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import copy
import platform
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from bycatch.learn.classifiers.network import NetworkEnsemble

MEMBERS, TIMED_MEMBERS = 50, 2
TRAIN, VALIDATE = 16_384, 4_096
EPOCHS = {128: 1, 512: 2, 2048: 4}

Batches = Callable[[int], Iterator[tuple[Tensor, Tensor, Tensor]]]


def problem() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    y = (np.arange(TRAIN + VALIDATE) % 2).astype(np.int8)
    X = rng.normal(size=(len(y), 4)) + 0.3 * y[:, None]
    return X.astype(np.float32), y, rng.uniform(0.5, 1.5, len(y))


def batched(X: np.ndarray, y: np.ndarray, weight: np.ndarray, batch_size: int) -> None:
    train = np.tile(np.arange(len(y)) < TRAIN, (MEMBERS, 1))
    ensemble = NetworkEnsemble(
        MEMBERS, batch_size=batch_size, min_epochs=1, max_epochs=EPOCHS[batch_size]
    )
    ensemble.fit(X, y, weight, train=train, validate=~train, seed=1)


def one_member(
    columns: tuple[Tensor, Tensor, Tensor], batches: Batches, epochs: int, *, fused: bool
) -> None:
    layers: list[torch.nn.Module] = []
    for n_in in (4, 64, 64):
        layers += [torch.nn.Linear(n_in, 64), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(64, 1), torch.nn.Flatten(0))
    adam = torch.optim.Adam(network.parameters(), fused=fused)
    x, y, w = (column[TRAIN:] for column in columns)
    lowest, best = float("inf"), network.state_dict()
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    for epoch in range(epochs):
        for x_batch, y_batch, w_batch in batches(epoch):
            adam.zero_grad()
            entropy(network(x_batch), y_batch, weight=w_batch).backward()
            adam.step()
        with torch.no_grad():
            loss = float(entropy(network(x), y, weight=w))
        if loss < lowest:
            lowest, best = loss, copy.deepcopy(network.state_dict())
    network.load_state_dict(best)


def data_loader(columns: tuple[Tensor, Tensor, Tensor], batch_size: int) -> None:
    data = torch.utils.data.TensorDataset(*(column[:TRAIN] for column in columns))
    loader = torch.utils.data.DataLoader(data, batch_size, shuffle=True)
    for _ in range(TIMED_MEMBERS):
        one_member(columns, lambda _: iter(loader), EPOCHS[batch_size], fused=False)


def tensor_loop(columns: tuple[Tensor, Tensor, Tensor], batch_size: int) -> None:
    def batches(_: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        order = torch.randperm(TRAIN)
        x, y, w = (column[:TRAIN][order] for column in columns)
        for start in range(0, TRAIN, batch_size):
            part = slice(start, start + batch_size)
            yield x[part], y[part], w[part]

    for _ in range(TIMED_MEMBERS):
        one_member(columns, batches, EPOCHS[batch_size], fused=True)


def seconds(function: Callable[[], None]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    X, y, weight = problem()
    columns = (torch.from_numpy(X), torch.from_numpy(y).float(), torch.from_numpy(weight).float())
    print(f"torch {torch.__version__}, {platform.processor() or platform.machine()}, 1 thread")
    print(f"{MEMBERS} members of 3x64; median (lowest to highest) of {repeats} repeats")
    scale = MEMBERS / TIMED_MEMBERS
    for batch_size, epochs in EPOCHS.items():
        runs = []
        for repeat in range(repeats + 1):  # the first is a warm-up
            times = (
                seconds(lambda b=batch_size: batched(X, y, weight, b)),
                seconds(lambda b=batch_size: data_loader(columns, b)) * scale,
                seconds(lambda b=batch_size: tensor_loop(columns, b)) * scale,
            )
            if repeat:
                runs.append(times)
        measured = np.array(runs)
        steps = epochs * TRAIN // batch_size
        loader, loop = measured[:, 1] / measured[:, 0], measured[:, 2] / measured[:, 0]
        print(
            f"batch {batch_size:5d}: {1e3 * np.median(measured[:, 0]) / steps:6.2f} ms per step of "
            f"all members ({steps} steps); faster than DataLoader "
            f"{np.median(loader):5.1f}x ({loader.min():.1f} to {loader.max():.1f}), than a tensor "
            f"loop {np.median(loop):4.1f}x ({loop.min():.1f} to {loop.max():.1f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
