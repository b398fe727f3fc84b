"""Is the hunt's global p uniform without a signal, and are its local p-values?

    OMP_NUM_THREADS=1 python benchmarks/bench_hunt_calibration.py [--sets 500] [--toys 199]

Null data sets from a smooth spectrum go through the whole of `bycatch hunt` (order automatic,
masking on). Beside it: the p that toys without refit would give (pyBumpHunter's way, the
background fitted to the data and then taken as known).
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import kstest

from bycatch.hunt.histogram import make_histogram
from bycatch.hunt.hunt import HuntPlan, hunt
from bycatch.hunt.statistic import toy_statistics
from bycatch.statistics.significance.global_p import global_p


def spectra() -> dict[str, tuple[np.ndarray, np.ndarray, str]]:
    low = np.linspace(10.0, 20.0, 51)
    centres = 0.5 * (low[1:] + low[:-1])
    wide = np.geomspace(1_500.0, 7_500.0, 41)
    x = 0.5 * (wide[1:] + wide[:-1]) / 13_000.0
    dijet = (1 - x) ** 9 * x**-5.5 * np.diff(wide)
    return {
        "exppoly": (low, 400.0 * np.exp(-0.25 * (centres - 10.0)), "exppoly"),
        "dijet": (wide, 2e5 * dijet / dijet.sum(), "dijet"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=500)
    parser.add_argument("--toys", type=int, default=199)
    arguments = parser.parse_args()
    print(f"{arguments.sets} null data sets, {arguments.toys} toys each, seed 2026 + index")
    print("| spectrum | toys | mean p | p <= 0.05 | p <= 0.1 | KS p | masked |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for name, (edges, rate, family) in spectra().items():
        full, plain, masked = [], [], 0
        for index in range(arguments.sets):
            rng = np.random.default_rng(2_026 + index)
            data = make_histogram(edges, rng.poisson(rate))
            plan = HuntPlan(family=family, toys=arguments.toys, seed=index, n_windows=0)
            result = hunt(data, plan)
            full.append(result.global_p.p)
            masked += bool(result.fit.masked)
            toys = rng.poisson(result.rate, size=(arguments.toys, rate.size))
            t, _ = toy_statistics(toys, result.rate, result.scan.windows)
            plain.append(global_p(result.scan.t, t).p)
        # p is discrete: half a step back makes it uniform on average
        for kind, values in (("whole procedure", full), ("no refit", plain)):
            p = np.array(values)
            centred = p - 0.5 / (arguments.toys + 1)
            print(
                f"| {name} | {kind} | {p.mean():.3f} | {np.mean(p <= 0.05):.3f} |"
                f" {np.mean(p <= 0.1):.3f} | {kstest(centred, 'uniform').pvalue:.2g} |"
                f" {masked / arguments.sets:.3f} |"
            )


if __name__ == "__main__":
    main()
