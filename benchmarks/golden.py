"""Digests of what every verb writes, to show that a change of the code changes no number.

    python benchmarks/golden.py keep before.json          # run all, keep the digests
    python benchmarks/golden.py compare before.json       # run all again and list what differs

Digests hold on one machine only: sums of floats differ between processors. A document is digested
as it stands, a table by its columns' bytes, a page without the versions of libraries. Models that
were saved when the digests were kept are loaded again and have to score alike.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pyarrow.parquet as pq
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests/integration")]

from make_events import CONFIG, make_events, write_parquet  # noqa: E402 - found by the path above
from make_jets import write_features, write_jets  # noqa: E402

DATA = ROOT / "tests/data"

SCORES = """\
data: {background: background.parquet, signals: {odd: odd.parquet}, mass: mass}
features: [a, b, c]
methods:
  - {name: pca, components: 2}
  - {name: autoencoder, n_latent: 1, hidden: [8], steps: 60, rounds: 3}
  - {name: vae, n_latent: 2, hidden: [8], steps: 60, rounds: 3}
  - {name: likelihood_vae, n_latent: 2, hidden: [8], steps: 60, rounds: 2}
  - {name: swae, n_latent: 2, hidden: [8], steps: 40, rounds: 2}
  - {name: nae, n_latent: 2, hidden: [8], steps: 30, rounds: 2}
  - {name: wnae, n_latent: 2, hidden: [8], steps: 30, rounds: 2}
  - {name: flow, steps: 30, rounds: 2}
  - {name: isolation_forest, trees: 20}
  - mahalanobis
members: 1
supervised: {max_trees: 20}
hunt: {cuts: 0.2, bins: 20, toys: 20}
"""
DATA_SCORES = """\
data: {background: background.parquet, signals: {odd: odd.parquet}, mass: mass, weight: w}
features: [a, b, c]
methods: [{name: pca, components: 2}, mahalanobis]
train: data
folds: 3
contamination: 0.05
members: 2
hunt: {cuts: 0.2, bins: 20, toys: 20}
"""
IMAGES = """\
data:
  background: {path: one.parquet, where: jet_mass > 0}
  signals: {two: two.parquet}
  limit: 110
representation: {name: images, size: 8, power: 0.5, smear: 1}
methods:
  - {name: pca, components: 3}
  - {name: autoencoder, network: conv, channels: [2], hidden: [], n_latent: 2, steps: 20, rounds: 2}
preprocessing: {power: 0.1}
inverse: true
members: 1
supervised: false
"""
SETS = """\
data:
  background: {path: one.parquet, where: jet_mass > 0}
  signals: {two: two.parquet, three: three.parquet}
  limit: 110
representation: {name: constituents, n_max: 6}
methods: [{name: cocktail, options: {max_trees: 10}}, isolation_forest]
supervised: {name: deep_sets, steps: 20, rounds: 2}
members: 1
"""
TRIGGER = """\
score: {column: score}
background:
  w: {path: w.parquet, fraction: 0.7}
  qcd: {path: qcd.parquet, fraction: 0.3}
events_per_month: 3e7
weight: weight
menu: menu > 0
signals:
  loud: {path: loud.parquet, acceptance: 0.2, trigger: 0.5, uncertainty: 0.05}
budget: [30, 20000]
"""
MODELS = {
    "autoencoder": {"n_latent": 1, "hidden": (4,)},
    "vae": {"n_latent": 1, "hidden": (4,)},
    "likelihood_vae": {"n_latent": 1, "hidden": (4,)},
    "swae": {"n_latent": 1, "hidden": (4,)},
    "adversarial_autoencoder": {"n_latent": 1, "hidden": (4,), "protected_column": 0},
    "dirichlet_vae": {"hidden": (4,)},
    "nae": {"n_latent": 2, "hidden": (4,)},
    "wnae": {"n_latent": 2, "hidden": (4,)},
    "flow": {},
    "pca": {"components": 2},
    "isolation_forest": {"trees": 10},
    "mahalanobis": {},
}
"""Saved when digests are kept, loaded when they are compared."""


def main() -> None:
    """Keep or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("keep", "compare"))
    parser.add_argument("file", type=Path, help="JSON file of digests; models stand beside it.")
    parser.add_argument("--only", help="Runs whose name matches this expression.")
    parser.add_argument("--work", type=Path, help="Keep what was run in this folder.")
    arguments = parser.parse_args()
    work = arguments.work or Path(tempfile.mkdtemp(prefix="golden-"))
    work.mkdir(parents=True, exist_ok=True)
    found: dict[str, str] = {}
    for name, words, output in runs(work):
        if arguments.only and not re.search(arguments.only, name):
            continue
        command(words, work, name)
        found |= {f"{name}/{file}": value for file, value in digests(work / output, work)}
    models = arguments.file.with_suffix(".models")
    if arguments.action == "keep":
        if arguments.only and arguments.file.exists():
            found = json.loads(arguments.file.read_text()) | found
        arguments.file.write_text(json.dumps(found, indent=1, sort_keys=True))
        save_models(models)
        print(f"{len(found)} digests kept in {arguments.file}")
    else:
        found |= load_models(models)
        before = json.loads(arguments.file.read_text())
        if arguments.only:
            before = {k: v for k, v in before.items() if re.search(arguments.only, k.split("/")[0])}
        differ = [n for n in sorted(before | found) if before.get(n, "same") != found.get(n)]
        differ = [n for n in differ if not (n.startswith("models/") and found.get(n) == "same")]
        print("\n".join(f"differs: {name}" for name in differ))
        print(f"{len(found)} digests, {len(differ)} differ")
        sys.exit(bool(differ))
    if arguments.work is None:
        shutil.rmtree(work)


def runs(work: Path) -> Iterator[tuple[str, list[str], str]]:
    """Make the inputs and yield name, words of the command line, and output of every run."""
    write_parquet(work / "events.parquet", make_events(n_background=4000, n_signal=80))
    content = {**yaml.safe_load(CONFIG), "members": 2, "toys": 200}
    (work / "search.yaml").write_text(yaml.safe_dump({**content, "output": "search"}))
    templates = [
        {"template": "cathode", "classifier": "trees", "max_trees": 12, "density": "coupling"},
        {"template": "anode"},
        {"template": "cwola", "classifier": "network", "max_epochs": 3},
        {"template": "supervised", "classifier": "lightgbm", "max_trees": 12},
    ]
    small = {"density_options": {"steps": 30, "rounds": 2}}
    for template in templates[:2]:
        template.update(small)
    (work / "methods.yaml").write_text(
        yaml.safe_dump({**content, "members": 1, "methods": templates, "output": "methods"})
    )
    one = {**content, "members": 1, "toys": 50, "output": "search1"}
    one["methods"][0]["max_trees"] = 12
    (work / "one.yaml").write_text(yaml.safe_dump(one))
    corrected = {**one, "validation": "validated", "output": "corrected"}
    (work / "corrected.yaml").write_text(yaml.safe_dump(corrected))
    write_features(work / "background.parquet", 1200, seed=1)
    write_features(work / "odd.parquet", 500, signal=True, seed=2)
    for prongs, jets in enumerate(("one", "two", "three"), start=1):
        write_jets(work / f"{jets}.parquet", 130, prongs=prongs, seed=prongs)
    texts = {"scores": SCORES, "data_scores": DATA_SCORES, "images": IMAGES, "sets": SETS}
    for name, text in (texts | {"trigger": TRIGGER}).items():
        (work / f"{name}.yaml").write_text(f"{text}output: {name}\n")
    for name, scale, n in (("w", 1.0, 6000), ("qcd", 1.2, 3000), ("loud", 8.0, 2000)):
        write_scored(work / f"{name}.parquet", scale, n)
    edges = np.linspace(10.0, 20.0, 41)
    counts = np.random.default_rng(1).poisson(400.0 * np.exp(-0.25 * (edges[:-1] - 10.0)))
    counts[16:18] += 120
    rows = [f"{a},{b},{n}" for a, b, n in zip(edges, edges[1:], counts, strict=False)]
    (work / "spectrum.csv").write_text("\n".join(["m_low,m_high,count", *rows]))

    one_worker = ["--workers", "1"]
    yield "search", ["search", "search.yaml", *one_worker], "search"
    yield "methods", ["search", "methods.yaml", *one_worker], "methods"
    yield (
        "validate",
        ["validate", "one.yaml", "-n", "25", "-o", "validated", *one_worker],
        ("validated"),
    )
    yield "corrected", ["search", "corrected.yaml", *one_worker], "corrected"
    for name in texts:
        yield name, ["score", f"{name}.yaml", *one_worker], name
    (work / "compare.yaml").write_text(
        "inputs: [{path: scores}, {path: data_scores, name: data}]\noutput: compare\n"
    )
    yield "compare", ["compare", "compare.yaml"], "compare"
    yield "trigger", ["trigger", "trigger.yaml"], "trigger"
    yield "hunt", ["hunt", "spectrum.csv", "--toys", "200", "-o", "hunt"], "hunt"
    column = ["--column", "mjj", "--range", "2200", "5000", "--bins", "28", "--toys", "200"]
    yield "hunt_column", ["hunt", "events.parquet", *column, "-o", "hunted"], "hunted"
    yield "simulate", ["simulate", "top_jets", "-n", "40", "-o", "tops.parquet"], "tops.parquet"
    yield "demo", ["demo", "--seed", "1", "-o", "demo", "--workers", "2"], "demo"


def write_scored(path: Path, scale: float, n: int) -> None:
    """Write scored events with signed weights and a menu's decision."""
    rng = np.random.default_rng(n)
    score, sign = scale * rng.exponential(size=n), np.where(rng.uniform(size=n) < 0.1, -1.0, 1.0)
    write_parquet(path, {"score": score, "weight": sign, "menu": rng.uniform(size=n) < 0.25})


def command(words: list[str], work: Path, name: str) -> None:
    """Run bycatch as a user does; keep what it prints as `NAME.out`."""
    outcome = subprocess.run(
        [sys.executable, "-m", "bycatch", *words],
        cwd=work, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    print(f"{name}: exit code {outcome.returncode}", flush=True)
    if outcome.returncode:
        print(outcome.stderr[-2000:])
    (work / f"{name}.out").write_text(outcome.stdout)


def digests(output: Path, work: Path) -> Iterator[tuple[str, str]]:
    """Yield name and digest of what a run wrote, but for its steps, log, lock and figures."""
    files = [output] if output.is_file() else sorted(output.rglob("*"))
    for path in files:
        name = path.relative_to(output).as_posix() if output.is_dir() else path.name
        if not path.is_file() or name.startswith(("steps/", "shared/", "log.", "lock", "run.json")):
            continue
        if path.suffix == ".parquet":
            content = columns(path)
        elif path.suffix in {".json", ".html", ".yaml", ".csv", ".txt"}:
            content = plain(path.read_text(), work).encode()
        elif path.suffix in {".safetensors", ".npz", ".npy"}:
            content = path.read_bytes()
        else:
            continue
        yield name, hashlib.sha256(content).hexdigest()


def columns(path: Path) -> bytes:
    """Return names and values of a table."""
    table = pq.read_table(path)
    return repr([(n, table[n].to_pylist()) for n in table.column_names]).encode()


def plain(text: str, work: Path) -> str:
    """Leave out what differs between two runs of the same code: folders and versions."""
    text = text.replace(str(work.resolve()), "WORK").replace(str(ROOT), "ROOT")
    text = re.sub(r"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]+", "IMAGE", text)
    return re.sub(r"/[^\s\"']*/site-packages", "SITE", text)


def events(name: str) -> np.ndarray:
    """Return rows for a saved model: three features, or an image; not negative, as shares are."""
    rows = np.abs(np.random.default_rng(5).normal(size=(400, 12))).astype(np.float32)
    return rows.reshape(400, 3, 4) if name == "dirichlet_vae" else rows[:, :3]


def save_models(folder: Path) -> None:
    """Train small models and save them with their scores."""
    from bycatch.score import make_score, score_options

    shutil.rmtree(folder, ignore_errors=True)
    for name, options in MODELS.items():
        known = score_options(name)
        short = {"steps": 20, "rounds": 2} if "steps" in known else {}
        score = make_score(name, **options, **short).fit(events(name))
        score.save(folder / name)
        np.save(folder / f"{name}.npy", score.score(events(name)))


def load_models(folder: Path) -> dict[str, str]:
    """Score with the models that were saved before; the scores have to be the same bytes."""
    from bycatch.score import load_score

    found = {}
    for name in MODELS:
        same = np.array_equal(
            np.load(folder / f"{name}.npy"), load_score(folder / name).score(events(name))
        )
        found[f"models/{name}"] = "same" if same else "other scores"
    return found


if __name__ == "__main__":
    main()
