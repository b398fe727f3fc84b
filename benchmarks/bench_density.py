"""Densities of the sidebands against the public programs' masked autoregressive flow.

Run from the project's root::

    OMP_NUM_THREADS=1 python benchmarks/bench_density.py --repeats 2

What is measured
----------------
Features conditional on the di-jet mass: the 31,146 signal-free LHC Olympics R&D events
(`rd_60k.parquet`) of 2700 to 6500 GeV that lie outside of the window 3300-3700 GeV, four features.
80 % of them train, 10 % choose the state that is kept, 10 % judge ("unseen"); the 7,742 events of
the window, which nobody learns from, judge as well ("window"): there the density is interpolated.
All programs have the same rows, the same logit scaling and the same condition (log of the mass).

``peer``  What CATHODE and sk_cathode do, written anew here after their public sources: 15 blocks of
          MADE with 128 units in each of two masked layers and ReLU, the condition in the first
          layer; between the blocks a batch normalisation by the batch's own moments in training,
          and by those of the whole training set, measured after each epoch, in use; features turned
          round after each block; orthogonal weights at first. Adam with learning rate 1e-4 and
          weight decay 1e-6, batches of 256 by a DataLoader, 100 epochs, and the state of the lowest
          validation loss, from which events with |log p| > 1000 are left out.
``matching``, ``maf``, ``spline``, ``coupling``  bycatch's densities with their defaults, matching
          with degree 2 as a search has it.

``best peer``  The same training in the state after the epoch that is best for the unseen events, as
          no program could choose it: what is lost to a choice by few events shows.

Seconds are CPU time of one thread, with all validations. The peer trains once; half of the others'
repeats come before it and half after it. Likelihoods are in nats per unit of the features, and the
error of a difference is that of the mean over events, event by event. A few events at the ends of
the support decide the means and most of their errors, so medians of the differences stand beside
them. Bar: at least 5 times faster, and the mean of the unseen events is not lower by more than two
errors ("same") or higher by more than two ("better").
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import platform
import sys
import time
from dataclasses import dataclass

import numpy as np
import torch
from _jobs import band, cpu_model, table
from _samples import SPAN, WINDOW, read_sample
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from bycatch.learn import make_density
from bycatch.represent.scaling import LogitStandardise, Standardise
from bycatch.tasks.random import child_seed, stream

OPTIONS: dict[str, dict[str, object]] = {
    "matching": {"degree": 2},
    "maf": {},
    "spline": {},
    "coupling": {},
}
SHARES = (0.8, 0.1)
"""Of the events: training, validation; the rest is unseen."""
SPEED_BAR = 5.0


@dataclass(frozen=True)
class Data:
    """Events of the sidebands in three parts, and those of the window."""

    X: np.ndarray
    log_mass: np.ndarray
    train: np.ndarray
    validate: np.ndarray
    judged: dict[str, np.ndarray]
    bounds: np.ndarray

    @property
    def learned(self) -> np.ndarray:
        return np.flatnonzero(self.train | self.validate)

    def scalings(self) -> tuple[LogitStandardise, Standardise]:
        """Return the scaling of the features and of the condition, as a density makes them."""
        rows = self.learned
        ones = np.ones(rows.size)
        return (
            LogitStandardise.fit(self.X[rows], ones, self.bounds),
            Standardise.fit(self.log_mass[rows, None], ones),
        )


def read_data(seed: int) -> Data:
    sample = read_sample("lhco")
    use = (sample.label == 0) & (sample.mass >= SPAN[0]) & (sample.mass < SPAN[1])
    mass, X = sample.mass[use], sample.X[use]
    in_window = (mass >= WINDOW[0]) & (mass < WINDOW[1])
    order = stream(seed, "split").permutation(np.flatnonzero(~in_window))
    first, second = np.cumsum([round(share * order.size) for share in SHARES])
    part = np.full(mass.size, -1)
    for index, rows in enumerate(np.split(order, [first, second])):
        part[rows] = index
    judged = {"unseen": np.flatnonzero(part == 2), "window": np.flatnonzero(in_window)}
    bounds = np.stack([X.min(axis=0), X.max(axis=0)]).astype(np.float64)
    return Data(X, np.log(mass), part == 0, part == 1, judged, bounds)


class MaskedLinear(nn.Module):
    """A linear layer with a mask, to which a condition is added without one."""

    def __init__(self, below: Tensor, above: Tensor, n_conditions: int = 0) -> None:
        super().__init__()
        self.linear = nn.Linear(below.numel(), above.numel())
        self.condition = (
            nn.Linear(n_conditions, above.numel(), bias=False) if n_conditions else None
        )
        self.register_buffer("mask", (above[:, None] >= below[None, :]).float())

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        out = functional.linear(x, self.linear.weight * self.mask, self.linear.bias)
        return out if self.condition is None else out + self.condition(c)


class Made(nn.Module):
    """One affine autoregressive block, normalised, with the features turned round after it."""

    def __init__(self, n_features: int, n_conditions: int, hidden: int) -> None:
        super().__init__()
        degrees = torch.arange(hidden) % (n_features - 1)
        out = torch.arange(2 * n_features) % n_features - 1
        self.first = MaskedLinear(torch.arange(n_features), degrees, n_conditions)
        self.second = MaskedLinear(degrees, degrees)
        self.last = MaskedLinear(degrees, out)
        self.log_gamma = nn.Parameter(torch.zeros(n_features))
        self.beta = nn.Parameter(torch.zeros(n_features))
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("variance", torch.ones(n_features))
        self.remember = False

    def forward(self, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.relu(self.second(torch.relu(self.first(x, c))))
        shift, log_scale = self.last(h).chunk(2, dim=1)
        u = (x - shift) * torch.exp(-log_scale)
        mean, variance = self.mean, self.variance
        if self.training:
            mean = u.mean(dim=0)
            variance = (u - mean).square().mean(dim=0) + 1e-5
            if self.remember:
                self.mean.copy_(mean)
                self.variance.copy_(variance)
        u = torch.exp(self.log_gamma) * (u - mean) / variance.sqrt() + self.beta
        log_det = (self.log_gamma - 0.5 * torch.log(variance)).sum() - log_scale.sum(dim=1)
        return u.flip(1), log_det


class Peer(nn.Module):
    """Blocks in a row, with a normal density at their end."""

    def __init__(self, n_features: int, n_conditions: int, generator: torch.Generator) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Made(n_features, n_conditions, 128) for _ in range(15)])
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.orthogonal_(module.weight, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def log_prob(self, z: Tensor, c: Tensor) -> Tensor:
        total = z.new_zeros(len(z))
        for block in self.blocks:
            z, log_det = block(z, c)
            total = total + log_det
        return total - 0.5 * (z.square() + np.log(2.0 * np.pi)).sum(dim=1)

    def measure_moments(self, z: Tensor, c: Tensor) -> None:
        """Measure every block's moments on all training events."""
        for block in self.blocks:
            block.remember = True
        with torch.no_grad():
            self.log_prob(z, c)
        for block in self.blocks:
            block.remember = False


@dataclass(frozen=True)
class Trained:
    """One training: seconds in all and per part, log p of the judged events, validation losses."""

    seconds: float
    log_p: dict[str, np.ndarray]
    validation: np.ndarray
    parts: np.ndarray


def train_peer(data: Data, arguments: argparse.Namespace) -> tuple[Trained, Trained]:
    """Train as the public programs do; return the state that they keep, and the best one."""
    scaling, of_condition = data.scalings()
    generator = torch.Generator().manual_seed(child_seed(arguments.seed, "peer"))

    def tensors(rows: np.ndarray) -> tuple[Tensor, Tensor]:
        z = torch.from_numpy(scaling.transform(data.X[rows])).float()
        return z, torch.from_numpy(of_condition.transform(data.log_mass[rows, None])).float()

    def log_p(rows: np.ndarray) -> np.ndarray:
        model.eval()
        with torch.no_grad():
            found = model.log_prob(*tensors(rows)).double().numpy()
        return found + scaling.log_jacobian(data.X[rows])

    seconds, curve, kept, best = [], [], {}, {}
    highest = -np.inf
    train, validate = np.flatnonzero(data.train), np.flatnonzero(data.validate)
    model = Peer(data.X.shape[1], 1, generator)
    learned = TensorDataset(*tensors(train))
    loader = DataLoader(learned, batch_size=256, shuffle=True, generator=generator)
    optimiser = torch.optim.Adam(model.parameters(), lr=arguments.learning_rate, weight_decay=1e-6)
    for epoch in range(arguments.epochs):
        start = time.process_time()
        train_epoch(model, loader, optimiser)
        model.measure_moments(*learned.tensors)
        found = log_p(validate)
        curve.append(-float(found[np.abs(found) < 1000.0].mean()))
        seconds.append(time.process_time() - start)
        judged = {name: log_p(rows) for name, rows in data.judged.items()}
        if curve[-1] <= min(curve):
            kept = judged
        if judged["unseen"].mean() > highest:
            highest, best, best_epoch = judged["unseen"].mean(), judged, epoch + 1
        if epoch % 10 == 9:
            print(f"peer, epoch {epoch + 1}: {curve[-1]:.4f}", file=sys.stderr, flush=True)
    parts, losses = np.array(seconds), np.array(curve)
    return (
        Trained(parts.sum(), kept, losses, parts),
        Trained(parts[:best_epoch].sum(), best, losses[:best_epoch], parts[:best_epoch]),
    )


def train_epoch(model: Peer, loader: DataLoader, optimiser: torch.optim.Optimizer) -> None:
    model.train()
    for z, c in loader:
        optimiser.zero_grad()
        loss = -model.log_prob(z, c).mean()
        loss.backward()
        optimiser.step()


def train_ours(name: str, data: Data, seed: int) -> Trained:
    rows = data.learned
    model = make_density(name, 1, **OPTIONS[name])
    start = time.process_time()
    model.fit(
        data.X[rows],
        data.log_mass[rows],
        train=data.train[rows][None],
        validate=data.validate[rows][None],
        seed=child_seed(seed, name),
        bounds=data.bounds,
    )
    seconds = time.process_time() - start
    log_p = {
        part: model.log_prob(data.X[judged], data.log_mass[judged])[0]
        for part, judged in data.judged.items()
    }
    print(f"{name}, seed {seed}: {seconds:.1f} s", file=sys.stderr, flush=True)
    curve = np.array(model.histories_[0].validation_loss)
    return Trained(seconds, log_p, curve, np.full(curve.size, seconds / curve.size))


def compared(repeats: list[Trained], peer: Trained, part: str) -> tuple[float, float, float]:
    """Return the mean difference to the peer's log p, its paired error, and the median.

    Each event's log p is averaged over the repeats: what one training is expected to have. Events
    for which the peer's overflows are left out.
    """
    difference = np.mean([trained.log_p[part] for trained in repeats], axis=0) - peer.log_p[part]
    difference = difference[np.isfinite(difference)]
    error = difference.std(ddof=1) / np.sqrt(difference.size)
    return float(difference.mean()), float(error), float(np.median(difference))


def quality(difference: float, error: float) -> str:
    if abs(difference) <= 2.0 * error:
        return "same"
    return "better" if difference > 0.0 else "worse"


def summary(ours: dict[str, list[Trained]], peer: Trained, best: Trained) -> list[str]:
    """Return a Markdown table, with the verdict on each density."""
    lines = []
    for name, some in (("peer", peer), ("best peer", best)):
        first, second = (np.nanmean(some.log_p[part]) for part in ("unseen", "window"))
        lines.append((name, f"{some.seconds:.0f}", "", f"{first:.4f}", *[""] * 3, f"{second:.4f}"))
        lines[-1] += ("",) * 3
    for name, repeats in ours.items():
        seconds = [trained.seconds for trained in repeats]
        ratios = [peer.seconds / value for value in seconds]
        cells, words = [], []
        for part, others in (("unseen", (peer, best)), ("window", (peer,))):
            means = [trained.log_p[part].mean() for trained in repeats]
            cells.append(f"{np.mean(means):.4f} ({min(means):.4f} to {max(means):.4f})")
            for other in others:
                difference, error, median = compared(repeats, other, part)
                cells.append(f"{difference:+.4f} +- {error:.4f}")
                if other is peer:
                    cells.append(f"{median:+.4f}")
                words.append(quality(difference, error))
        passed = min(ratios) >= SPEED_BAR and words[0] != "worse"
        lines.append(
            (
                name,
                f"{np.mean(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f})",
                f"{peer.seconds / np.mean(seconds):.1f} ({min(ratios):.1f} to {max(ratios):.1f})",
                *cells,
                f"{'passed' if passed else 'failed'} ({words[0]}; best peer: {words[1]})",
            )
        )
    head = ["density", ">CPU s", ">times faster", ">log p, unseen", ">minus peer", ">median"]
    head += [">minus best peer", ">log p, window", ">minus peer", ">median", "bar"]
    return table(head, lines)


def peer_in_words(peer: Trained, best: Trained, ours: dict[str, list[Trained]]) -> list[str]:
    """Say how the peer trains, and how long until it is as good as ours for the same events."""
    middle, low, high = band(peer.parts)
    kept = int(peer.validation.argmin())
    overflows = int((~np.isfinite(peer.log_p["window"])).sum())
    worst = {name: min(t.log_p["window"].min() for t in some) for name, some in ours.items()}
    found = [
        f"Peer: {middle:.2f} CPU s an epoch ({low:.2f} to {high:.2f}).",
        f"Its lowest validation loss is {peer.validation[kept]:.4f}, after epoch {kept + 1}.",
        f"The best epoch for the unseen events is {best.parts.size}, {best.seconds:.0f} CPU s.",
        f"Its log p is no number for {overflows} events of the window.",
        "Lowest log p of a window's event: "
        + ", ".join(f"{name} {value:.0f}" for name, value in worst.items()),
    ]
    for name, repeats in ours.items():
        level = np.mean([trained.validation.min() for trained in repeats])
        reached = np.flatnonzero(peer.validation <= level)
        when = f"after epoch {reached[0] + 1}" if reached.size else "never"
        found.append(f"Validation loss of {name}: {level:.4f}; the peer is there {when}.")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--densities", nargs="+", choices=tuple(OPTIONS), default=list(OPTIONS))
    parser.add_argument("--repeats", type=int, default=2, help="of bycatch's densities")
    parser.add_argument("--epochs", type=int, default=100, help="of the peer")
    parser.add_argument("--learning-rate", type=float, default=1e-4, help="of the peer")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = read_data(arguments.seed)
    ours: dict[str, list[Trained]] = {name: [] for name in arguments.densities}
    before = arguments.repeats - arguments.repeats // 2
    load = os.getloadavg()[0]
    for repeat in range(arguments.repeats + 1):
        if repeat == before:
            peer, best = train_peer(data, arguments)
        if repeat < arguments.repeats:
            for name, found in ours.items():
                found.append(train_ours(name, data, arguments.seed + repeat))
    counts = (int(data.train.sum()), int(data.validate.sum()))
    print(f"{cpu_model()}, Python {platform.python_version()}, torch {torch.__version__}", end="")
    print(f", {os.cpu_count()} cores, load {load:.1f} to {os.getloadavg()[0]:.1f}")
    print(f"{counts[0]:,} training and {counts[1]:,} validation events; judged: ", end="")
    print(", ".join(f"{rows.size:,} {name}" for name, rows in data.judged.items()), end="\n\n")
    print("\n".join(summary(ours, peer, best)), end="\n\n")
    print("\n".join(peer_in_words(peer, best, ours)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
