"""Time batched background fits and count the tails of the local p-value under the null.

Run with one thread: ``OMP_NUM_THREADS=1 python benchmarks/bench_fits.py``.
"""

from __future__ import annotations

import time

import numpy as np
from scipy.special import ndtr

from bycatch.statistics.background import Background
from bycatch.statistics.fits.order import choose_order
from bycatch.statistics.significance.gaussian import gaussian_excess
from bycatch.statistics.significance.local import window_excess

EDGES = np.linspace(2700.0, 6700.0, 41)
WINDOW = (3300.0, 3700.0)
INSIDE = (np.arange(40) >= 6) & (np.arange(40) < 10)


def rates(in_window: float) -> np.ndarray:
    """Return a falling spectrum with the given expectation in the window."""
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / 13_000.0
    shape = (1 - x) ** 7 * x ** (-4.5)
    return in_window * shape / shape[INSIDE].sum()


def timed(label: str, function, *arguments, **options) -> object:
    """Call a function and print how long it took."""
    begin = time.perf_counter()
    result = function(*arguments, **options)
    print(f"{label:<55s} {time.perf_counter() - begin:6.2f} s")
    return result


def main() -> None:
    """Print the tables."""
    toys = np.random.default_rng(1).poisson(rates(2400.0), size=(60_000, 40)).astype(float)
    points = Background("dijet", EDGES, integrate=False)
    for order in (3, 4, 5):
        timed(f"60,000 fits, 40 bins, {order} parameters", points.fit, toys, order)
    bins = Background("dijet", EDGES, integrate=True)
    timed("10,000 integrated fits, 4 parameters", bins.fit, toys[:10_000], 4)
    timed("order of 60,000 spectra", choose_order, toys, points, INSIDE)
    timed("60,000 window excesses", window_excess, toys, points, WINDOW, 3)
    timed("60,000 with a systematic", window_excess, toys, points, WINDOW, 3, 50.0)
    timed("10,000 peaks", gaussian_excess, toys[:10_000], points, 3500.0, 100.0, 3)
    print("\nfractions below p under the null, 200,000 toys each: 1 - Phi(r), then 1 - Phi(r*)")
    print("  expected      0.05            0.01            0.001           0.0001")
    for expected in (2.0, 5.0, 10.0, 20.0, 100.0, 1000.0):
        toys = np.random.default_rng(2).poisson(rates(expected), size=(200_000, 40))
        found = window_excess(toys, Background("dijet", EDGES, integrate=False), WINDOW, 3)
        good = found.converged
        row = [
            f"{(ndtr(-found.r[good]) < p).mean():.5f} {(found.p_star[good] < p).mean():.5f}"
            for p in (0.05, 0.01, 0.001, 0.0001)
        ]
        print(f"  {expected:8g} ", "  ".join(row), f" failed {(~good).sum()}")


if __name__ == "__main__":
    main()
