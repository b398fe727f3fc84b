"""`bycatch hunt` as a user runs it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bycatch.cli import main
from bycatch.hunt.hunt import HuntPlan, hunt
from bycatch.hunt.inputs import load_histogram


def _run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["hunt", *map(str, words)])
    assert result.exit_code == code, result.output
    return result.output


def _result(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


@pytest.fixture
def table(tmp_path: Path) -> Path:
    edges = np.linspace(10.0, 20.0, 41)
    rate = 400.0 * np.exp(-0.25 * (edges[:-1] - 10.0))
    counts = np.random.default_rng(1).poisson(rate)
    counts[16:18] += 120
    path = tmp_path / "spectrum.csv"
    rows = [f"{a},{b},{n}" for a, b, n in zip(edges, edges[1:], counts, strict=False)]
    path.write_text("\n".join(["m_low,m_high,count", *rows]))
    return path


def test_a_table_becomes_a_report(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    output = _run(table, "--toys", 200, "--output", out)
    assert "There is" in output
    assert f"Report: {out / 'report.html'}" in output
    found = _result(out)
    low, high = found["best"]["window"]
    assert low <= 14.0
    assert high >= 14.5
    assert found["best"]["local_z"] > 5
    assert found["global_p"] == pytest.approx(1 / 201)
    assert found["global_p_interval"][0] == 0
    assert found["fit"]["family"] == "exppoly"
    assert found["fit"]["status"] == "ok"
    page = (out / "report.html").read_text()
    assert len(page) < 5e6
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "Limited by toys" in page
    assert "bycatch hunt" in page
    for name in ("hunt.pdf", "hunt.png", "hunt_toys.png"):
        assert (out / "figures" / name).stat().st_size > 5_000


@pytest.mark.usefixtures("sketched")
def test_the_result_is_reproducible_and_the_folder_is_safe(table: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    _run(table, "--toys", 50, "--output", first, "--quiet")
    _run(table, "--toys", 50, "--output", second, "--quiet")
    before = (first / "result.json").read_bytes()
    assert before == (second / "result.json").read_bytes()
    assert (first / "report.html").read_bytes() == (second / "report.html").read_bytes()
    output = _run(table, "--toys", 60, "--output", first, code=2)
    assert "bycatch:" in output
    assert (first / "result.json").read_bytes() == before


def test_errors_are_one_sentence(tmp_path: Path) -> None:
    output = _run(tmp_path / "none.csv", code=2)
    assert output.startswith("bycatch: There is no file")
    assert output.count("\n") == 1


def test_help_has_an_example() -> None:
    assert "--mask 9.2 9.7" in _run("--help")


def test_the_upsilons(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "cms" / "dimuon_upsilon.parquet"
    base = (path, "--column", "m_mumu", "--range", 8, 12, "--toys", 200)
    _run(*base, "--output", tmp_path / "1s")
    found = _result(tmp_path / "1s")
    low, high = found["best"]["window"]
    assert low < 9.46 < high
    assert high - low < 0.5
    assert found["best"]["local_z"] > 25
    assert found["best"]["bumphunter_t"] > 700  # p itself would underflow
    assert found["global_p"] == pytest.approx(1 / 201)
    assert found["fit"]["family"] == "exppoly"
    assert found["fit"]["goodness_p"] > 0.01

    output = _run(*base, "--mask", 9.2, 9.7)
    assert "global p = 5.0e-3" in output.splitlines()[0]
    low, high = map(float, re.findall(r"in ([0-9.]+)\u2013([0-9.]+) of", output)[0])
    assert low < 10.02 < high
    assert 9.7 < low < high < 10.6


def test_the_cms_dijets_have_no_bump(shared_data: Path) -> None:
    path = str(shared_data / "cms" / "dijet_137fb.csv")
    assert "no significant excess" in _run(path, "--luminosity", 137, "--toys", 100)
    result = hunt(load_histogram(path, luminosity=137.0), HuntPlan(toys=500))
    assert result.global_p.p > 0.1
    assert result.fit.family == "dijet"
    assert result.fit.goodness_p > 0.05
    assert result.best.local_z < 3
