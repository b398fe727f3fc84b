from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bycatch.errors import StorageError
from bycatch.report import write_report
from bycatch.report.html import compact
from bycatch.search.result import SearchResult

Make = Callable[..., SearchResult]
LIMIT = 5_000_000
SECTIONS = ["methods", "design", "spectra", "scan", "toys", "bias", "features", "checks", "curves"]
SECTIONS += ["table", "reproduce"]
FIGURES = ["comparison", "spectrum_best", "spectra_best_window", "spectrum_inclusive"]
FIGURES += ["pvalue_scan", "toys", "template_bias", "features", "curves", "evaluation"]
TEXT_ONLY: dict[str, Any] = {
    "n_windows": 1,
    "points": (0.01,),
    "truth": False,
    "spectra": (),
    "features": (),
    "curves": (),
    "toy_maxima": (),
    "densities": (),
}
"""Shape of a result with one small figure, for tests of the text."""
METHODS = ("cwola-trees", "cwola-network", "ideal-trees", "supervised-network")
SIDE_BY_SIDE = ("cathode-spline-trees", "anode")
VOID = {"meta", "img", "source", "br", "link"}


class Page(HTMLParser):
    """Collects tags and checks that they are balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def ids(self) -> list[str]:
        return [attrs["id"] for _, attrs in self.tags if "id" in attrs]


@pytest.fixture(scope="module")
def demo(make_result: Make, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SearchResult]:
    folder = tmp_path_factory.mktemp("demo")
    result = make_result(n_windows=3, points=(0.1, 0.01), signal=60)
    write_report(result, folder)
    return folder, result


def test_every_section_stands_in_order(demo: tuple[Path, SearchResult]) -> None:
    page = Page((demo[0] / "report.html").read_text())
    ids = page.ids()
    assert len(ids) == len(set(ids))
    wanted = [*SECTIONS[:-2], "evaluation", *SECTIONS[-2:]]
    assert [name for name in ids if name in wanted] == wanted
    assert ids.index("answer") < ids.index("methods")


def test_warnings_stand_right_under_the_answer(demo: tuple[Path, SearchResult]) -> None:
    text = (demo[0] / "report.html").read_text()
    top = text[text.index('id="answer"') : text.index("<nav")]
    assert "Check failed: sculpting" in top
    assert "Not calibrated below p = 0.01" in top
    assert "<code>bycatch validate</code>" in top


def test_the_page_is_alone(demo: tuple[Path, SearchResult]) -> None:
    path = demo[0] / "report.html"
    assert path.stat().st_size <= LIMIT
    text = path.read_text()
    for tag, attrs in Page(text).tags:
        assert tag not in {"script", "link", "iframe", "object"}
        assert not any(name.startswith("on") for name in attrs)
        for name in ("src", "srcset"):
            assert attrs.get(name, "data:image/png;base64,").startswith("data:image/png;base64,")
        assert not attrs.get("href", "").startswith("http")
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_every_link_of_the_page_exists(demo: tuple[Path, SearchResult]) -> None:
    page = Page((demo[0] / "report.html").read_text())
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert len(links) > 20
    for link in links:
        assert link[1:] in page.ids() if link.startswith("#") else (demo[0] / link).is_file(), link


def test_figures_are_embedded_for_desktop_and_phone_and_written(
    demo: tuple[Path, SearchResult],
) -> None:
    page = Page((demo[0] / "report.html").read_text())
    assert [name for name in page.ids() if name.startswith("figure-")] == [
        f"figure-{name}" for name in FIGURES
    ]
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    phones = [attrs for tag, attrs in page.tags if tag == "source"]
    assert len(images) == len(phones) == len(FIGURES)
    assert all(len(attrs["alt"]) > 20 for attrs in images)
    for name in FIGURES:
        assert (demo[0] / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (demo[0] / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_embedded_figures_have_few_colours_and_look_the_same(
    demo: tuple[Path, SearchResult],
) -> None:
    whole = (demo[0] / "figures" / "spectrum_best.png").read_bytes()
    small = compact(whole)
    assert len(small) < 0.6 * len(whole)
    with Image.open(io.BytesIO(whole)) as a, Image.open(io.BytesIO(small)) as b:
        first, second = (np.asarray(x.convert("RGB"), dtype=int) for x in (a, b))
    assert np.abs(first - second).mean() < 0.5  # of 255
    white = (first == 255).all(axis=-1)
    assert white.mean() > 0.5
    assert (second[white] == 255).all()


def test_numbers_stand_beside(demo: tuple[Path, SearchResult]) -> None:
    folder, result = demo
    spectra = json.loads((folder / "spectra.json").read_text())
    assert len(spectra) == len(result.spectra)
    assert spectra[3]["counts"] == list(result.spectra[3].counts)
    features = json.loads((folder / "features.json").read_text())
    assert features[0]["feature"] == result.features[0].feature
    curves = json.loads((folder / "curves.json").read_text())
    assert curves[0]["train_loss"] == list(result.curves[0].train_loss)
    toys = json.loads((folder / "toys.json").read_text())
    assert toys["maxima"] == list(result.toy_maxima)
    assert toys["observed"] == result.best.local_z


def test_without_densities_there_is_no_such_section(demo: tuple[Path, SearchResult]) -> None:
    text = (demo[0] / "report.html").read_text()
    assert 'id="densities"' not in text
    assert "#densities" not in text
    assert json.loads((demo[0] / "densities.json").read_text()) == []


def test_all_looks_stand_in_the_table(demo: tuple[Path, SearchResult]) -> None:
    text = (demo[0] / "report.html").read_text()
    table = text[text.index('<table class="looks pinned">') :]
    rows = table[: table.index("</table>")].count("<tr") - 1
    assert rows == len(demo[1].looks) == 12
    assert table.count('<tr class="best">') == 1


def test_the_same_result_gives_the_same_bytes(make_result: Make, tmp_path: Path) -> None:
    result = make_result(n_windows=1, methods=METHODS[:1], points=(0.01,), signal=60)
    found = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        write_report(result, folder)
        files = [path for path in folder.rglob("*") if path.is_file()]
        found.append({path.relative_to(folder): path.read_bytes() for path in files})
    first, second = found
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


CASES: dict[str, dict[str, Any]] = {
    "nine windows, six methods, four points": {
        "methods": (*METHODS, *SIDE_BY_SIDE), "points": (0.1, 0.01, 0.001, 0.0003),
    },
    "one window, no truth": {
        "n_windows": 1, "points": (0.1, 0.01), "truth": False, "features": (), "curves": (),
    },
    "one look": {"n_windows": 1, "methods": ("cwola-trees",), "points": (0.01,), "truth": False,
                 "curves": ()},
    "all looks failed, no toys": {
        "n_windows": 2, "points": (0.01,), "failed": 99, "n_toys": 0, "truth": False,
        "toy_maxima": (), "checks": False, "features": (), "curves": (),
    },
    "weights, failed looks": {
        "n_windows": 2, "points": (0.01,), "weight": 0.37, "failed": 1, "n_toys": 50,
        "features": (), "curves": (),
    },
    "nothing but the looks": {
        "n_windows": 2, "truth": False, "checks": False, "spectra": (), "features": (),
        "curves": (), "citations": (), "extrapolation": {}, "config": {"seed": 1},
    },
}  # fmt: skip

LARGEST = next(iter(CASES))


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize("case", [pytest.param(LARGEST, marks=pytest.mark.slow), *list(CASES)[1:]])
def test_every_shape_of_result_has_a_page(make_result: Make, tmp_path: Path, case: str) -> None:
    result = make_result(**CASES[case])
    text = write_report(result, tmp_path).read_text()
    ids = Page(text).ids()
    assert [name for name in ids if name in SECTIONS] == SECTIONS
    assert ("evaluation" in ids) == bool(result.evaluation)
    body = re.sub(r"data:image/[^\"]*", "", text)
    assert not re.search(r"\b(nan|None(?! of [\d,]+ toys)|inf)\b", body)


@pytest.mark.slow
def test_the_largest_page_is_small_enough_to_mail(make_result: Make, tmp_path: Path) -> None:
    path = write_report(make_result(**CASES[LARGEST]), tmp_path)
    assert path.stat().st_size <= LIMIT


@pytest.mark.usefixtures("sketched")
def test_a_failed_look_says_why(make_result: Make, tmp_path: Path) -> None:
    result = make_result(**{**TEXT_ONLY, "failed": 1})
    text = write_report(result, tmp_path).read_text()
    assert text.count("did not converge in 50 steps") == 2  # its row and the warning


@pytest.mark.usefixtures("sketched")
def test_not_finite_numbers_and_odd_spectra_do_not_stop_the_page(
    make_result: Make, tmp_path: Path
) -> None:
    result = make_result(n_windows=2, points=(0.01,), methods=("cwola-trees",), n_toys=50)
    empty = [
        replace(
            item,
            counts=(0.0,) * len(item.counts),
            errors=(0.0,) * len(item.counts),
            fit=None if i % 2 else item.fit,
            fit_error=None,
        )
        for i, item in enumerate(result.spectra)
    ]
    odd = replace(
        result,
        spectra=tuple(empty),
        toy_maxima=(float("nan"), *result.toy_maxima),
        evaluation=tuple(replace(e, max_sic=float("nan"), roc=()) for e in result.evaluation),
        features=tuple(replace(f, separation=float("nan")) for f in result.features),
    )
    write_report(odd, tmp_path)
    assert json.loads((tmp_path / "toys.json").read_text())["maxima"][0] is None


@pytest.mark.usefixtures("sketched")
def test_what_a_config_says_is_never_markup(make_result: Make, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script> & $x$"
    config = {"resonance": evil, "seed": 1, "data": {"path": [evil], "weight": "w"}}
    result = make_result(**TEXT_ONLY, config=config)
    look = replace(result.best, method=evil, status=evil)
    check = replace(result.checks[0], name=evil, message=evil, passed=False)
    result = replace(result, best=look, looks=(look,), checks=(check,))
    text = write_report(result, tmp_path, command=evil).read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.usefixtures("sketched")
def test_configuration_versions_seed_and_citations_are_told(
    make_result: Make, tmp_path: Path
) -> None:
    result = make_result(**TEXT_ONLY, citations=("cwola-hunting", "no-such-key"))
    path = write_report(result, tmp_path, versions={"torch": "9.9.9"}, command="bycatch demo")
    text = path.read_text()
    for piece in ("9.9.9", "bycatch demo", "seed <code>7</code>", "resonance: mjj", "1805.02664"):
        assert piece in text
    assert "no-such-key" in text


def test_installed_versions_are_told_by_default(demo: tuple[Path, SearchResult]) -> None:
    text = (demo[0] / "report.html").read_text()
    assert f"<dt>numpy</dt><dd>{np.__version__}</dd>" in text


@pytest.mark.usefixtures("sketched")
def test_lists_of_events_are_shown_where_they_exist(make_result: Make, tmp_path: Path) -> None:
    columns = {"event": [5, 9], "mass": [3501.25, 3499.5], "score": [0.991, 0.987]}
    pq.write_table(pa.table(columns), tmp_path / "selected.parquet")
    (tmp_path / "scores.parquet").write_bytes(b"")
    text = write_report(make_result(**TEXT_ONLY), tmp_path).read_text()
    assert "The most anomalous events" in text
    assert '<a href="selected.parquet">' in text
    assert '<a href="scores.parquet">' in text
    assert "3501" in text


@pytest.mark.usefixtures("sketched")
def test_top_events_can_be_given(make_result: Make, tmp_path: Path) -> None:
    events = [{"event": 17, "score": 0.98765}]
    result = make_result(**TEXT_ONLY)
    assert "0.9877" in write_report(result, tmp_path, top_events=events).read_text()


@pytest.mark.usefixtures("sketched")
def test_extrapolations_are_marked(make_result: Make, tmp_path: Path) -> None:
    tail = {"p": 3.2e-9, "interval": [1e-9, 8e-9], "message": "400 toys.", "extrapolation": True}
    extrapolation = {"bonferroni": 2e-8, "tail": tail, "note": "text", "gross_vitells": None}
    result = make_result(**TEXT_ONLY, extrapolation=extrapolation)
    text = write_report(result, tmp_path).read_text()
    part = text[text.index("Extrapolations, not measurements") :]
    part = part[: part.index("</table>")]
    for piece in ("2.0e-8", "3.2e-9", "1.0e-9 to 8.0e-9", "400 toys."):
        assert piece in part
    assert part.count("<tr>") == 3


@pytest.mark.usefixtures("sketched")
def test_an_earlier_report_survives_a_failure(
    make_result: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = make_result(**TEXT_ONLY)
    before = write_report(result, tmp_path).read_bytes()

    def full(path: Path, content: bytes) -> None:
        message = "no space left on device"
        raise StorageError(message)

    monkeypatch.setattr("bycatch.report.page.atomic_write", full)
    with pytest.raises(StorageError, match="no space"):
        write_report(replace(result, global_p=0.5), tmp_path)
    assert (tmp_path / "report.html").read_bytes() == before
