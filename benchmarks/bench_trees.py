"""Speed and quality of the two engines of boosted trees.

Run from the project's root::

    OMP_NUM_THREADS=1 python benchmarks/bench_trees.py --repeats 5

What is measured
----------------
One thread, 4 features, default options of both engines, weak supervision: class 1 is background
with 2 % of signal, class 0 is background. Nested 5-fold with 10 members per fold.

``50 x ~3,500``   50 trainings on three fifths of 5,800 rows, as in a pseudo-experiment.
``1 x 30,000``    one training on 30,000 rows and early stopping on 10,000.
``signal AUC``    mean score of the 50 members, signal against background, on fresh events.

The time is CPU time, which with one thread is the wall time on an idle core; the engines take
turns.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import platform
import time

import numpy as np
from sklearn.metrics import roc_auc_score

from bycatch.learn import make_classifier

ENGINES = ("lightgbm", "hgb")


def events(n: int, signal_fraction: float, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    truth = rng.random(n) < signal_fraction
    X = rng.normal(size=(n, 4))
    X[truth] = [1.5, -1.0, 1.0, 0.0] + 0.4 * X[truth]
    return X.astype(np.float32), truth


def weak_supervision(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sample, _ = events(n // 2, 0.02, rng)
    reference, _ = events(n - n // 2, 0.0, rng)
    y = np.repeat(np.array([1, 0], dtype=np.int8), [len(sample), len(reference)])
    return np.concatenate([sample, reference]), y


def nested_folds(n: int, seed: int) -> dict[str, np.ndarray]:
    fold = np.random.default_rng(seed).integers(0, 5, n)
    pairs = [(k, (k + 1 + m % 4) % 5) for k in range(5) for m in range(10)]
    return {
        "train": np.stack([(fold != k) & (fold != v) for k, v in pairs]),
        "validate": np.stack([fold == v for _, v in pairs]),
    }


def measure(engine: str, seed: int) -> dict[str, float]:
    X, y = weak_supervision(5_800, seed)
    masks = nested_folds(len(y), seed)
    start = time.process_time()
    ensemble = make_classifier(engine, 50).fit(X, y, **masks, seed=seed)
    fitted = time.process_time()
    fresh, truth = events(20_000, 0.5, np.random.default_rng(seed + 1000))
    score = ensemble.predict(fresh).mean(axis=0)
    predicted = time.process_time()
    X, y = weak_supervision(40_000, seed)
    validate = (np.arange(len(y)) % 4 == 0)[None]
    begin = time.process_time()
    make_classifier(engine, 1).fit(X, y, train=~validate, validate=validate, seed=seed)
    return {
        "small": fitted - start,
        "predict": predicted - fitted,
        "large": time.process_time() - begin,
        "auc": float(roc_auc_score(truth, score)),
        "trees": float(np.mean([len(h.train_loss) for h in ensemble.histories_])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    print(f"{platform.processor() or platform.machine()}, 1 thread, {repeats} repeats")
    runs: dict[str, list[dict[str, float]]] = {engine: [] for engine in ENGINES}
    for repeat in range(repeats + 1):  # the first is a warm-up
        for engine in ENGINES:
            result = measure(engine, repeat)
            if repeat:
                runs[engine].append(result)
    for engine, results in runs.items():
        column = {key: np.array([result[key] for result in results]) for key in results[0]}
        low, high = column["small"].min(), column["small"].max()
        error = column["auc"].std(ddof=1) / np.sqrt(repeats)
        print(
            f"{engine:9s} 50 x ~3,500: {np.median(column['small']):.2f} s ({low:.2f} to "
            f"{high:.2f}), {column['trees'].mean():.0f} trees each; predict 50 x 20,000: "
            f"{np.median(column['predict']):.2f} s; 1 x 30,000: "
            f"{np.median(column['large']):.3f} s; "
            f"signal AUC {column['auc'].mean():.4f} +- {error:.4f}"
        )
    ratio = np.array([h["small"] / t["small"] for t, h in zip(*runs.values(), strict=True)])
    gain = np.array([h["auc"] - t["auc"] for t, h in zip(*runs.values(), strict=True)])
    print(
        f"lightgbm is {np.median(ratio):.1f}x faster ({ratio.min():.1f} to {ratio.max():.1f}); "
        f"hgb's AUC is larger by {gain.mean():+.4f} +- {gain.std(ddof=1) / np.sqrt(repeats):.4f}"
    )


if __name__ == "__main__":
    main()
