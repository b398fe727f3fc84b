"""The verbs as Python calls: the same as their YAML files, under names that stay theirs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

import bycatch
from bycatch.cli import main
from bycatch.errors import ConfigError, InputError


@pytest.fixture
def spectrum(tmp_path: Path) -> Path:
    edges = np.linspace(10.0, 20.0, 41)
    counts = np.random.default_rng(1).poisson(400.0 * np.exp(-0.25 * (edges[:-1] - 10.0)))
    rows = [f"{a},{b},{n}" for a, b, n in zip(edges, edges[1:], counts, strict=False)]
    path = tmp_path / "spectrum.csv"
    path.write_text("\n".join(["m_low,m_high,count", *rows]))
    return path


def _search(tmp_path: Path) -> dict:
    rng = np.random.default_rng(3)
    grid = np.linspace(2700.0, 6500.0, 4001)
    density = (1 - grid / 13_000) ** 9 * (grid / 13_000) ** -5.0
    mass = np.interp(rng.random(3_000), np.cumsum(density) / density.sum(), grid)
    np.savez(tmp_path / "events.npz", m=mass, x=rng.normal(size=3_000))
    return {
        "data": {"path": str(tmp_path / "events.npz")},
        "resonance": "m",
        "features": {"x": "x"},
        "regions": {"bins": 200, "fit_range": [2700, 6500], "windows": [[3300, 3900]]},
        "methods": [{"template": "cwola", "classifier": "trees", "max_trees": 10}],
        "folds": 3,
        "members": 1,
        "working_points": [0.2],
        "background": {"order": 3},
        "toys": 20,
    }


@pytest.mark.usefixtures("sketched")
def test_a_search_in_python_is_that_of_the_file(tmp_path: Path) -> None:
    keys = _search(tmp_path)
    (tmp_path / "search.yaml").write_text(yaml.safe_dump(keys))
    words = ["search", str(tmp_path / "search.yaml"), "-o", str(tmp_path / "a"), "--quiet"]
    found = CliRunner().invoke(main, [*words, "--workers", "1"])
    assert found.exit_code == 0, found.output
    search = bycatch.Search(**keys)
    search.run(tmp_path / "b")
    written = [(tmp_path / name / "result.json").read_bytes() for name in "ab"]
    assert written[0] == written[1]
    assert (tmp_path / "b" / "report.html").is_file()
    result = search.run()  # in a temporary folder
    assert result.global_p == json.loads(written[0])["global_p"]
    assert search.plan.features == {"x": "x"}


def test_mistakes_are_told_as_those_of_a_file(tmp_path: Path) -> None:
    keys = _search(tmp_path)
    with pytest.raises(ConfigError, match=r"bycatch\.Search: unknown key 'resonace'"):
        bycatch.Search(**keys, resonace="m")
    for name in ("Search", "Score", "Trigger", "Hunt", "Compare"):
        with pytest.raises(ConfigError, match=f"bycatch.{name}"):
            getattr(bycatch, name)(nothing=1)


def test_the_packages_keep_their_names() -> None:
    code = (
        "import bycatch, types\n"
        "bycatch.Search, bycatch.Hunt, bycatch.Score, bycatch.Trigger, bycatch.Compare\n"
        "import bycatch.search.run, bycatch.hunt.hunt, bycatch.score, bycatch.trigger.run\n"
        "for name in ('search', 'hunt', 'score', 'trigger'):\n"
        "    assert isinstance(getattr(bycatch, name), types.ModuleType), name\n"
        "    assert isinstance(getattr(bycatch, name.capitalize()), type), name\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_and_help_stay_light() -> None:
    code = "import sys, bycatch.cli; assert not {'pydantic', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.usefixtures("sketched")
def test_a_hunt_as_options_file_and_call(spectrum: Path) -> None:
    folder = spectrum.parent
    (folder / "hunt.yaml").write_text(
        "path: spectrum.csv\nrange: [10, 19]\nmask: [12, 13]\ntoys: 30\nwidths: [2, 3]\norder: 3\n"
        "background: exppoly\n"
    )
    words = ["--range", "10", "19", "--mask", "12", "13", "--toys", "30", "--widths", "2,3"]
    words += ["--order", "3", "--background", "exppoly"]
    for run in (
        [str(spectrum), *words, "-o", str(folder / "a")],
        [str(folder / "hunt.yaml"), "-o", str(folder / "b")],
        [str(folder / "hunt.yaml"), "--quiet"],
        [str(folder / "b" / "config.yaml"), "-o", str(folder / "c")],
    ):
        found = CliRunner().invoke(main, ["hunt", *run])
        assert found.exit_code == 0, found.output
    hunt = bycatch.Hunt(
        path=str(spectrum), range=(10.0, 19.0), mask=[(12.0, 13.0)], toys=30, widths="2-3",
        order=3, background="exppoly",
    )  # fmt: skip
    result = hunt.run(folder / "d")
    assert result.plan.widths == (2, 3)
    folders = [folder / name for name in ("a", "b", "runs/hunt", "c", "d")]
    written = {(one / "result.json").read_bytes() for one in folders}
    assert len(written) == 1
    found = CliRunner().invoke(main, ["hunt", str(folder / "hunt.yaml"), "--toys", "3"])
    assert found.exit_code == 2
    assert "name 'toys' there" in found.output


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"toys": 0}, "'toys' is 0, but must be at least 1"),
        ({"rnage": [1, 2]}, "unknown key 'rnage'; the nearest keys are 'range'"),
        ({"widths": "wide"}, "'widths' is 'wide', but must be window widths in bins"),
        ({"mask": [3, 2]}, "'mask' is .*, but must be an interval .* with low below high"),
        ({"order": "many"}, "'order' is 'many', but must be a number of parameters, or auto"),
        ({"veto": 2.0}, "'veto' is 2.0, but must be smaller than 1"),
    ],
)
def test_mistakes_of_a_hunt(spectrum: Path, keys: dict, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        bycatch.Hunt(path=str(spectrum), **keys)


def test_a_path_may_be_an_object_wherever_one_stands(spectrum: Path, tmp_path: Path) -> None:
    hunt = bycatch.Hunt(path=spectrum, toys=10, output=tmp_path / "run")
    assert hunt.plan.path == str(spectrum)
    hunt.run()
    assert (tmp_path / "run" / "result.json").is_file()
    keys = _search(tmp_path)
    search = bycatch.Search(**{**keys, "data": {"path": [tmp_path / "events.npz"]}})
    assert search.resolved == bycatch.Search(**keys).resolved


def test_a_missing_file_is_told_in_a_sentence_and_leaves_no_folder(tmp_path: Path) -> None:
    hunt = bycatch.Hunt(path=tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"There is no file .*none\.csv; the nearest in"):
        hunt.run(tmp_path / "run")
    assert not (tmp_path / "run").exists()
