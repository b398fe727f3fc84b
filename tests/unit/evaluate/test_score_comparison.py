"""Scores over many signals: against pandas, on tables, on runs, and where they are weak."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import norm

from bycatch.errors import ColumnError, DataError, InputError
from bycatch.evaluate import roc
from bycatch.evaluate.improvement import Improvement, improvement
from bycatch.evaluate.score_comparison import Summary, compare_scores
from bycatch.evaluate.score_tables import SUMMARY_COLUMNS, read_run, read_table, summary_csv

NAN = float("nan")


def table(seed: int = 1, channels: tuple[str, ...] = ("1", "2a")) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [
        (signal, f"m{m}", channel, rng.uniform(), *np.sort(rng.uniform(size=3))[::-1] * 0.3)
        for signal in ("a", "b", "c", "d", "e")
        for m in range(4)
        for channel in channels
    ]
    return pd.DataFrame(rows, columns=["Signal", "Model", "Chan", "AUC", "1e-2", "1e-3", "1e-4"])


def test_summaries_are_those_of_pandas(tmp_path: Path) -> None:
    frame = table()
    frame.to_csv(tmp_path / "table.csv", index=False)
    found = compare_scores(read_table(tmp_path / "table.csv").improvements)
    columns = ["1e-2", "1e-3", "1e-4"]
    frame["TI"] = (frame[columns] / np.sqrt([1e-2, 1e-3, 1e-4])).max(axis=1)
    total = frame.groupby(["Model", "Signal"])["TI"].max().unstack()
    expected = total.agg(["min", "median", "max"], axis=1)
    best = total.idxmax().value_counts()
    ranks = total.rank(ascending=False).mean(axis=1)
    for summary in found.summaries:
        row = expected.loc[summary.method]
        assert summary.minimum == pytest.approx(row["min"])
        assert summary.median == pytest.approx(row["median"])
        assert summary.maximum == pytest.approx(row["max"])
        assert summary.weakest == total.loc[summary.method].idxmin()
        assert summary.strongest == total.loc[summary.method].idxmax()
        assert summary.n_best == best.get(summary.method, 0)
        assert summary.mean_rank == pytest.approx(ranks[summary.method])
        assert np.isnan(summary.median_error)
    order = expected.sort_values("median", ascending=False).index
    assert [s.method for s in found.summaries] == list(order)
    assert found.highest_minimum.method == expected["min"].idxmax()
    assert found.best_for_most is not None
    assert found.best_for_most.n_best == best.max()
    methods, totals = found.totals()
    np.testing.assert_allclose(totals, total.loc[list(methods), list(found.signals)])


def test_the_improvement_of_two_gaussians_and_its_error() -> None:
    values, errors = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        score = np.concatenate([rng.normal(size=20_000), rng.normal(1.5, 1.0, 1000)])
        cell = improvement(roc(score, np.repeat([0, 1], [20_000, 1000])), "m", "s", eps_b=(0.01,))
        values.append(cell.total)
        errors.append(cell.total_error)
    exact = norm.sf(norm.isf(0.01) - 1.5) / 0.1
    # The standard deviation of 60 numbers is known to 9 %.
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.35)
    assert abs(np.mean(values) - exact) < 4.0 * np.mean(errors) / np.sqrt(60) + 0.01


def test_errors_of_summaries_are_known_where_those_of_efficiencies_are() -> None:
    def cell(signal: str, eps_s: float, error: float) -> Improvement:
        return Improvement("m", signal, "", (0.01,), (eps_s,), (error,), 0.9, 1e5, 1e3)

    cells = [cell("a", 0.1, 0.01), cell("b", 0.3, 0.02), cell("c", 0.6, 0.03)]
    (summary,) = compare_scores(cells).summaries
    # The three are far apart, so each number moves with one cell; 1,000 draws know it to 2 %.
    assert summary.minimum_error == pytest.approx(0.1, rel=0.1)
    assert summary.median_error == pytest.approx(0.2, rel=0.1)
    assert summary.maximum_error == pytest.approx(0.3, rel=0.1)
    assert summary == compare_scores(cells).summaries[0]


def test_missing_signals_and_published_summaries_are_noted() -> None:
    frame = table(channels=("1",))
    cells = [
        Improvement(row["Model"], row["Signal"], "", (0.01,), (row["1e-2"],), (NAN,), NAN, NAN, NAN)
        for row in frame.drop(index=0).to_dict("records")
    ]
    found = compare_scores(cells, [Summary("published", 0.1, 5000.0, 1e4)])
    assert found.highest_median.method == "published"
    assert any("'m0' has numbers for 4 of 5 signals" in note for note in found.notes)
    assert any("only the published summary" in note for note in found.notes)
    assert found.best_for_most is not None
    assert found.best_for_most.method != "published"
    json.dumps(found.to_json(), allow_nan=False)


def test_what_stands_twice_is_refused() -> None:
    cell = Improvement("m", "a", "1", (0.01,), (0.1,), (NAN,), NAN, NAN, NAN)
    with pytest.raises(DataError, match="'m, a, 1' stands twice"):
        compare_scores([cell, cell])
    with pytest.raises(DataError, match="'m' stands twice"):
        compare_scores([cell], [Summary("m", 0.0, 1.0, 2.0)])
    with pytest.raises(DataError, match="no score"):
        compare_scores([])


def test_the_written_table_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(table().to_csv(index=False))
    found = compare_scores(read_table(tmp_path / "in.csv").improvements)
    text = summary_csv(found.summaries)
    assert next(csv.reader(io.StringIO(text))) == ["", *SUMMARY_COLUMNS]
    (tmp_path / "out.csv").write_text(text)
    again = compare_scores([], read_table(tmp_path / "out.csv").summaries)
    assert [(s.method, s.median) for s in again.summaries] == [
        (s.method, s.median) for s in found.summaries
    ]
    assert again.best_for_most is None


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("a,b\n1,2\n", ColumnError, "needs Model, MinSigI"),
        ("Signal,Model\ns,m\n", ColumnError, "background efficiencies"),
        ("Model,MinSigI,MaxSigI,MedianSigI\n", InputError, "no rows"),
        ("Model,MinSigI,MaxSigI,MedianSigI\nm,0,x,1\n", InputError, "line 2: 'MaxSigI' is 'x'"),
        ("Model,MinSigI,MaxSigI,MedianSigI\nm,0,1,2\n", InputError, "does not lie between"),
        ("Signal,Model,1e-2\ns,m,nan\n", InputError, "must be a number"),
        ("Signal,Model,1e-2\ns,m,1.5\n", InputError, "above 1"),
        ("Signal,Model,1e-2\ns,m\n", InputError, "is None"),
    ],
)
def test_bad_tables_are_refused(
    tmp_path: Path, text: str, error: type[Exception], match: str
) -> None:
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(error, match=match):
        read_table(tmp_path / "table.csv")


def test_absent_and_binary_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path / "absent.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="no text file"):
        read_table(tmp_path / "binary.csv")


def run(folder: Path, n: int = 4000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    process = np.repeat(["qcd", "w", "x", "y"], [n, n // 2, n // 4, n // 4])
    label = np.isin(process, ["x", "y"]).astype(np.int8)
    shift = np.array([{"qcd": 0.0, "w": 0.3, "x": 1.0, "y": 3.0}[p] for p in process])
    columns = {
        "process": process,
        "label": label,
        "weight": np.where(process == "qcd", 2.0, 0.5),
        "split": np.where(np.arange(process.size) % 2, "train", "test"),
        "good": shift + rng.normal(size=process.size),
        "blind": rng.normal(size=process.size),
        "fold": np.arange(process.size) % 5,
        "mass": rng.uniform(size=process.size),
    }
    folder.mkdir()
    pq.write_table(pa.table(columns), folder / "scores.parquet")
    return columns


def test_a_run_is_measured_on_its_test_rows(tmp_path: Path) -> None:
    columns = run(tmp_path / "run")
    found = read_run(tmp_path / "run", eps_b=(0.1, 0.01), name="mine: ")
    assert {cell.method for cell in found.improvements} == {"mine: good", "mine: blind"}
    cell = next(c for c in found.improvements if c.method == "mine: good" and c.signal == "y")
    test = columns["split"] == "test"
    background = test & (columns["label"] == 0)
    order = np.argsort(-columns["good"][background])
    fraction = np.cumsum(columns["weight"][background][order])
    fraction /= fraction[-1]
    threshold = columns["good"][background][order][np.searchsorted(fraction, 0.1, "right") - 1]
    signal = columns["good"][test & (columns["process"] == "y")]
    assert cell.eps_s[0] == pytest.approx((signal >= threshold).mean(), abs=0.01)
    compared = compare_scores(found.improvements)
    assert compared.summaries[0].method == "mine: good"
    assert compared.summaries[0].n_best == 2
    only = read_run(tmp_path / "run", scores=["blind"], eps_b=(0.1,))
    assert len(only.improvements) == 2


def test_a_score_of_one_signal_is_compared_for_it_alone(tmp_path: Path) -> None:
    columns = run(tmp_path / "run", 400)
    for name in ("x", "y"):
        other = (columns["label"] == 1) & (columns["process"] != name)
        columns[f"good@{name}"] = np.where(other, np.nan, columns["good"])
    del columns["good"]
    pq.write_table(pa.table(columns), tmp_path / "run" / "scores.parquet")
    cells = read_run(tmp_path / "run", eps_b=(0.1,)).improvements
    assert {(c.method, c.signal) for c in cells} == {
        ("good", "x"),
        ("good", "y"),
        ("blind", "x"),
        ("blind", "y"),
    }
    columns["blind"][0] = np.nan
    pq.write_table(pa.table(columns), tmp_path / "run" / "scores.parquet")
    with pytest.raises(DataError, match="'blind' is NaN for 1 of"):
        read_run(tmp_path / "run")


def test_what_learned_from_labels_takes_no_part(tmp_path: Path) -> None:
    columns = run(tmp_path / "run")
    rng = np.random.default_rng(3)
    for name, power in (("x", 3.0), ("y", 1.0)):
        there = (columns["label"] == 0) | (columns["process"] == name)
        score = power * columns["label"] * columns["good"] + rng.normal(size=there.size)
        columns[f"supervised.probability@{name}"] = np.where(there, score, np.nan)
    pq.write_table(pa.table(columns), tmp_path / "run" / "scores.parquet")
    cuts = (0.1, 0.01)
    with_it = read_run(tmp_path / "run", eps_b=cuts)
    without = read_run(tmp_path / "run", scores=["good", "blind"], eps_b=cuts)
    assert with_it.improvements == without.improvements
    named = {(cell.method, cell.signal) for cell in with_it.references}
    assert named == {("run: supervised.probability", s) for s in ("x", "y")}
    found = compare_scores(with_it.improvements, references=with_it.references)
    assert found.summaries == compare_scores(without.improvements).summaries
    (reference,) = found.references
    assert reference.n_signals == 2
    totals = [cell.total for cell in with_it.references]
    assert reference.median == pytest.approx(np.mean(totals))
    np.testing.assert_allclose(found.reference_totals(), [totals])
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["supervised"]["summaries"][0]["method"] == "run: supervised.probability"
    # Asked for by name it is no score either.
    asked = read_run(tmp_path / "run", scores=["supervised.probability@x"], eps_b=cuts, name="a ")
    assert not asked.improvements
    assert [cell.method for cell in asked.references] == ["a supervised.probability"]
    with pytest.raises(DataError, match="no score to compare"):
        compare_scores([], references=asked.references)


def test_runs_that_do_not_serve_are_refused(tmp_path: Path) -> None:
    columns = run(tmp_path / "run", 40)
    with pytest.raises(InputError, match="finished run"):
        read_run(tmp_path)
    with pytest.raises(DataError, match="no rows of the split 'validation'; there are 'test'"):
        read_run(tmp_path / "run", split="validation")
    with pytest.raises(ColumnError, match="no column 'goood'; the nearest are 'good'"):
        read_run(tmp_path / "run", scores=["goood"])
    for name, changed, error, match in (
        ("a", {"label": np.zeros(80, dtype=np.int8)}, DataError, "0 signals"),
        ("b", {"process": None}, ColumnError, "no column 'process'"),
        ("c", {"good": None, "blind": None}, ColumnError, "no column of scores"),
    ):
        kept = {k: v for k, v in {**columns, **changed}.items() if v is not None}
        (tmp_path / name).mkdir()
        pq.write_table(pa.table(kept), tmp_path / name / "scores.parquet")
        with pytest.raises(error, match=match):
            read_run(tmp_path / name)
