"""Contrastive scores beside an autoencoder on the lepton stream, and what each augmentation does.

Run from the project's root, after ``bycatch simulate`` of the files that `_stream.py` names::

    OMP_NUM_THREADS=1 python benchmarks/bench_contrastive.py [--steps 1000] [--seeds 3]

Every row trains a score on one half of the background, weighted to the fractions of the stream, and
measures it on the other half and on the four benchmark signals, which nothing has been trained on;
then the halves change places. Members are seeds. The AUC is the mean over halves; its error is the
spread over seeds, and does not hold the error of the samples, which all rows share.

``autoencoder``            dense, 256-128-64-32-16-5 and back, on the raw (19, 3) numbers scaled as
                           published (pT by its mean, eta and phi by their largest values), with the
                           squared error of the objects that are there (`Published`).
``autoencoder, standard``  the same on standardised columns (the score `autoencoder` as it is).
``anomaly_clr``, ``anomaly_clr_plus``  with all augmentations.
``temperature 0.3`` ...    `anomaly_clr` with other options (`VARIANTS`).
``without NAME``           the same without this augmentation; ``symmetries`` without any anomalous.
``supervised``             what labels would give: a dense network per signal on the same objects,
                           trained on half of the signal too and measured on the other half.

One QCD event carries some percent of all weight (importance sampling). In training, weights are cut
off at `HEAVIEST` times the mean, the same for all rows; the test has all of them.

Rows are stored as they finish in ``--rows``, and a second start goes on where the first stopped.
`NAME.json` and `NAME.png` (significance improvement, one panel per signal) come out
under ``--output``. Recorded are the first four settings with three seeds (``contrastive``), and all
settings of `anomaly_clr` at ``--name contrastive-ablation --seeds 2 --halves 0 --steps 600``.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _jobs import cpu_model, run_jobs, table, write_rows
from _stream import SIGNALS, file_names, load

from bycatch.evaluate import max_sic, roc
from bycatch.learn import make_tagger
from bycatch.learn.augmentations import ANOMALOUS, PHYSICAL
from bycatch.learn.members import MemberRows
from bycatch.score import make_score
from bycatch.score.autoencoder import Autoencoder
from bycatch.score.base import Inputs, Score
from bycatch.tasks.random import stream

ROOT = Path(__file__).resolve().parents[1]
HEAVIEST = 20.0
LARGEST = (4.0, np.pi)  # of eta and phi, the published scaling
OWN = {True: "reconstruction", False: "mahalanobis"}
"""What is drawn of an autoencoder, and of a contrastive score."""
AE_STEPS = 10_000  # more than the score's default, after which it still gets better
VARIANTS: dict[str, dict[str, Any]] = {
    "temperature 0.3": {"temperature": 0.3},
    "temperature 1": {"temperature": 1.0},
    "width 64": {"width": 64, "hidden": 128},
    "flow as head": {"head": "flow"},
}
"""What was tried for h0, where the defaults are no better than the autoencoder."""
AE = {"layout": "set", "loss": "masked", "hidden": (256, 128, 64, 32, 16), "n_latent": 5}


class Published(Autoencoder):
    """An autoencoder of objects with pT over its mean, eta and phi over their largest values."""

    def _scaling(self, inputs: Inputs, rows: Sequence[MemberRows]) -> dict[str, np.ndarray]:
        found = super()._scaling(inputs, rows)
        mean_pt = found["shift"][..., :1]  # of the objects of the training rows
        largest = np.broadcast_to(np.asarray(LARGEST), (*mean_pt.shape[:-1], 2))
        places = inputs["x"].shape[1]
        found["scale"] = np.tile(np.concatenate([mean_pt, largest], axis=-1), (1, 1, places))
        found["shift"] = np.zeros_like(found["scale"])
        return found


def settings() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the score and the options of every setting."""
    rows: dict[str, tuple[str, dict[str, Any]]] = {
        "autoencoder": ("published", {}),
        "autoencoder, standard": ("autoencoder", {}),
        "anomaly_clr": ("anomaly_clr", {}),
        "anomaly_clr_plus": ("anomaly_clr_plus", {}),
    }
    for option, names in (("physical", tuple(PHYSICAL)), ("anomalous", tuple(ANOMALOUS))):
        for left_out in names:
            kept = tuple(name for name in names if name != left_out)
            rows[f"without {left_out}"] = ("anomaly_clr", {option: kept})
    rows["symmetries"] = ("anomaly_clr", {"anomalous": ()})
    rows |= {name: ("anomaly_clr", options) for name, options in VARIANTS.items()}
    rows["supervised"] = ("supervised", {})
    return rows


def built(kind: str, job: Mapping[str, Any], options: Mapping[str, Any]) -> Score:
    """Return a score that has learned nothing yet."""
    common = {"members": job["seeds"], "seed": job["half"], "steps": job["steps"], "rounds": 10}
    if kind == "published":
        return Published(**AE, **common)
    if kind == "autoencoder":
        return make_score(kind, **AE, **common)
    return make_score(kind, **{"head": "autoencoder", **common, **options})


def run_job(job: dict[str, Any]) -> dict[str, Any]:
    """Train one setting on one half, and measure all of its scores."""
    sample = load({"name": "objects"}, job["files"])
    background = ~np.isin(sample.process, SIGNALS)
    learns = background & (sample.half == bool(job["half"]))
    kind, options = settings()[job["setting"]]
    if kind == "supervised":
        return supervised(sample, job)
    score = built(kind, job, options)
    start = time.process_time()
    weight = np.minimum(sample.weight[learns], HEAVIEST)
    score.fit(sample.values[learns], weight, mask=sample.mask[learns])
    row: dict[str, Any] = {"seconds": time.process_time() - start, "scores": {}}
    if hasattr(score, "monitors"):
        found = score.monitors(sample.values[learns], sample.mask[learns], weight)
        row["monitors"] = {name: value.tolist() for name, value in found.items()}
    names = score.score_names if kind.startswith("anomaly") else score.score_names[:1]
    for name in names:
        found = score.member_scores(sample.values, sample.mask, name=name)
        row["scores"][name] = {
            signal: _measured(found, sample, background & ~learns, signal) for signal in SIGNALS
        }
    return row


def supervised(sample: Any, job: Mapping[str, Any]) -> dict[str, Any]:
    """Train a network per signal with labels, on the half that the other scores train on."""
    start = time.process_time()
    seen = flat(sample)
    background = ~np.isin(sample.process, SIGNALS)
    first = sample.half == bool(job["half"])
    row: dict[str, Any] = {"scores": {"probability": {}}}
    for signal in SIGNALS:
        used = background | (sample.process == signal)
        y = (sample.process[used] == signal).astype(np.int8)
        judge = stream(job["half"], "judge").random(len(y)) < 0.2
        train, check = (np.tile(first[used] & part, (job["seeds"], 1)) for part in (~judge, judge))
        tagger = make_tagger("mlp", members=job["seeds"], steps=2000, rounds=40, weight_decay=1e-3)
        weight = np.minimum(sample.weight[used], HEAVIEST)
        tagger.fit(seen[used], y, weight, train=train, validate=check, seed=job["half"])
        found = tagger.predict(seen)
        test = ~first & background
        row["scores"]["probability"][signal] = _measured(found, sample, test, signal, ~first)
    return {"seconds": time.process_time() - start, **row}


def flat(sample: Any) -> np.ndarray:
    """Return log pT, eta, sine and cosine of phi and the mask of all places, in one row.

    The azimuth is that from missing ET, mirrored so that the hardest lepton has it positive: a
    dense network with a few hundred signal events would not find these symmetries.
    """
    pt, eta, phi = np.moveaxis(sample.values, -1, 0)
    phi = phi - phi[:, :1]
    lepton = 1 + np.argmax(np.where(sample.mask[:, 1:9], pt[:, 1:9], 0.0), axis=1)
    rows = np.arange(len(pt))
    side = np.where(np.sin(phi[rows, lepton]) < 0.0, -1.0, 1.0)[:, None]
    end = np.where(eta[rows, lepton] < 0.0, -1.0, 1.0)[:, None]
    parts = (np.log1p(pt), eta * end, np.sin(phi) * side, np.cos(phi), np.ones_like(pt))
    return np.concatenate([part * sample.mask for part in parts], axis=1).astype(np.float32)


def _measured(
    found: np.ndarray,
    sample: Any,
    test: np.ndarray,
    signal: str,
    kept: np.ndarray | None = None,
) -> dict[str, Any]:
    own = sample.process == signal
    used = test | (own if kept is None else own & kept)
    label = (sample.process == signal)[used].astype(int)
    curves = [roc(member[used], label, sample.weight[used]) for member in found]
    whole = roc(found.mean(axis=0)[used], label, sample.weight[used])
    best = max_sic(whole)
    return {
        "auc": [curve.auc for curve in curves],
        "auc_error": whole.auc_error,
        "max_sic": best.value,
        "curve": whole.thin(60),
    }


def aucs(rows: Sequence[Mapping[str, Any]], score: str, signal: str) -> np.ndarray:
    """Return the AUC of each seed, the mean over the halves."""
    return np.mean([row["scores"][score][signal]["auc"] for row in rows], axis=0)


def summary(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the table of AUCs with the spread over seeds."""
    lines = []
    for setting in dict.fromkeys(row["job"]["setting"] for row in rows):
        chosen = [row for row in rows if row["job"]["setting"] == setting]
        seconds = np.mean([row["seconds"] / row["job"]["seeds"] for row in chosen])
        for score in chosen[0]["scores"]:
            cells = []
            for signal in SIGNALS:
                found = aucs(chosen, score, signal)
                spread = found.std(ddof=1) if len(found) > 1 else np.nan
                cells.append(f"{found.mean():.3f} ± {spread:.3f}")
            lines.append([setting, score, *cells, f"{seconds:.0f}"])
    return table(["setting", "score", *(f">{s}" for s in SIGNALS), ">s per member"], lines)


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the significance improvement of each setting (`OWN`), measured on the first half."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 8), layout="constrained")
    for axes, signal in zip(figure.subplots(2, 2).ravel(), SIGNALS, strict=True):
        for row in rows:
            if row["job"]["half"]:
                continue
            plain = row["job"]["setting"].startswith("autoencoder")
            name = OWN[plain] if row["job"]["setting"] != "supervised" else "probability"
            curve = np.array(row["scores"][name][signal]["curve"])
            curve = curve[curve[:, 0] > 0.003]
            style = {"color": "black"} if plain else {}
            style["ls"] = "--" if row["job"]["setting"] == "autoencoder, standard" else "-"
            axes.plot(
                curve[:, 1],
                curve[:, 1] / np.sqrt(curve[:, 0]),
                label=row["job"]["setting"],
                **style,
            )
        axes.set(xlabel=r"$\epsilon_S$", ylabel=r"$\epsilon_S/\sqrt{\epsilon_B}$", title=signal)
    axes.legend(fontsize=7, ncols=2)
    figure.savefig(path, dpi=130)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--settings", nargs="+", choices=tuple(settings()), default=list(settings())
    )
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--halves", type=int, nargs="+", choices=(0, 1), default=[0, 1])
    parser.add_argument("--last", type=int, help="largest seed of the files that are read")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rows", type=Path, default=ROOT / "runs" / "contrastive.jsonl")
    parser.add_argument("--name", default="contrastive", help="of the files that come out")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results")
    arguments = parser.parse_args()
    jobs = [
        {
            "setting": setting,
            "half": half,
            "steps": AE_STEPS if setting.startswith("autoencoder") else arguments.steps,
            "seeds": arguments.seeds,
            "files": file_names(arguments.last),
        }
        for setting in arguments.settings
        for half in arguments.halves
    ]
    rows = run_jobs(run_job, jobs, arguments.rows, arguments.workers)
    print(f"{cpu_model()}, Python {platform.python_version()}, one thread per job\n")
    print("\n".join(summary(rows)))
    arguments.output.mkdir(parents=True, exist_ok=True)
    stem = arguments.output / arguments.name
    write_rows(rows, stem.with_suffix(".json"))
    draw(rows, stem.with_suffix(".png"))
    print(f"\nWrote {stem}.json and .png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
