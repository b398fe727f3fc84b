"""What the page says, section by section, in words and numbers."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bycatch.report import write_report
from bycatch.search.result import Check, SearchResult

Make = Callable[..., SearchResult]
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
"""Shape of a result with one small figure."""


pytestmark = pytest.mark.usefixtures("module_sketched")


@pytest.fixture(scope="module")
def broken(
    module_sketched: None, broken_result: SearchResult, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("broken")
    return write_report(broken_result, folder).read_text(), folder


def _section(text: str, name: str) -> str:
    """Return the words of a section, tags and figures taken out."""
    start = text.index(f'<section aria-labelledby="{name}"')
    part = text[start : text.index("</section>", start)]
    words = re.sub(r"<[^>]*>", " ", re.sub(r"data:image/[^\"]*", "", part))
    return " ".join(html.unescape(words).replace("\N{NO-BREAK SPACE}", " ").split())


def test_methods_are_compared_right_below_the_answer(broken: tuple[str, Path]) -> None:
    told = _section(broken[0], "methods")
    assert told.startswith("Compare methods")
    row = told[told.index("max SIC") :]
    row = row[: row.index("anode")]
    # observed 600 + z sqrt(600), fit 600 +- sqrt(600)/3, template 612 +- 14.7 +- 32.8
    for piece in ("cathode-spline-trees", "10 %", "600 ± 8", "3.2", "612 ± 15 ± 33", "+1 ± 5 %"):
        assert piece in row
    assert "0.910 ±" in row
    assert "In 3 of the 14 looks that have both they differ" in told
    assert told.count("the fit expects 60.0 ± 2.6, the template 120 ± 5 ± 12 events") == 3
    assert "pays for all 16 looks" in told


def test_the_bias_is_explained_and_told_for_every_working_point(broken: tuple[str, Path]) -> None:
    told = _section(broken[0], "bias")
    for piece in ("It is no error of the fit", "Where it is large", "1 of 5 differs from zero"):
        assert piece in told
    assert "anode 10 % +30 ± 5 % 5.3 % \N{EN DASH} 1 610 ± 10 ± 190 184 ± 32 8.2 ok" in told
    assert "see below" in told
    assert "anode, 2 of its 9 looks, at 0.1 %. The template's bias is unknown" in told
    assert "This run made no estimate" in told


def test_densities_say_whom_they_serve(broken: tuple[str, Path]) -> None:
    text, folder = broken
    told = _section(text, "densities")
    assert "matching one density for 3 windows, 2835\N{EN DASH}3165 to 4725" in told
    assert told.count("one density for 1 window,") == 3
    assert "48,210" in told
    curves = json.loads((folder / "densities.json").read_text())
    assert curves[0]["name"] == "matching"
    kept = curves[0]["validation_loss"][curves[0]["best"]]
    assert f"{curves[0]['best'] + 1} {kept:.4f}" in told
    assert (folder / "figures" / "densities.pdf").exists()
    assert 'id="figure-densities"' in text
    assert 'href="#densities"' in text


def test_both_estimates_stand_in_the_numbers_and_in_the_table_of_all_looks(
    broken: tuple[str, Path], broken_result: SearchResult
) -> None:
    text, folder = broken
    rows = json.loads((folder / "comparison.json").read_text())
    assert len(rows) == len(broken_result.looks)
    told = _section(text, "table")
    # 120 +- 4.6 +- 12 for each of the three looks of anode at 1 %
    assert told.count("120 ± 13") == 3


def test_the_correction_has_a_column_where_there_is_one(
    broken: tuple[str, Path], make_result: Make, tmp_path: Path
) -> None:
    assert "before corr." in _section(broken[0], "table")
    result = make_result(**TEXT_ONLY)
    looks = tuple(replace(look, dispersion=1.0) for look in result.looks)
    plain = replace(result, looks=looks, best=looks[0])
    told = _section(write_report(plain, tmp_path).read_text(), "table")
    assert "before corr." not in told
    assert "none is divided out" in told


def test_what_was_done_is_told(broken: tuple[str, Path]) -> None:
    told = _section(broken[0], "design")
    for piece in (
        "60,600 events were searched from rd.parquet with the cut label == 0",
        "m_light = minimum(j1_mass, j2_mass) / 1000",
        "3 windows",
        "cathode-spline-trees learns to tell events of the window from samples",
        "anode takes the ratio of two densities",
        "Nested 5-fold",
        "10 %, 1 % and 0.1 % of the template events pass",
    ):
        assert piece in told


def test_overlaps_and_chance_are_told(broken: tuple[str, Path]) -> None:
    assert "The 16 looks share events" in _section(broken[0], "toys")
    features = _section(broken[0], "features")
    assert re.search(r"m_light \d\.\d+ \(0\.0\d\)", features)


def test_an_injection_is_told_at_the_top(make_result: Make, tmp_path: Path) -> None:
    config = {"data": {"inject": {"path": ["/x/signal.npz"], "count": 1234}}, "seed": 1}
    text = write_report(make_result(**TEXT_ONLY, config=config), tmp_path).read_text()
    top = text[: text.index("<nav")]
    assert "A study with injected signal" in top
    assert "1,234 simulated signal events (<code>signal.npz</code>)" in top


def test_failed_checks_come_first_those_of_the_best_look_before_others(
    make_result: Make, tmp_path: Path
) -> None:
    result = make_result(n_windows=3, **{k: v for k, v in TEXT_ONLY.items() if k != "n_windows"})
    best = result.best
    away = next(look.window for look in result.looks if look.window != best.window)
    checks = (
        Check("first", True, "fine", best.method, best.window),
        Check("second", False, "far away", best.method, away),
        Check("third", True, "fine too"),
        Check("fourth", False, "at the best look", best.method, best.window),
    )
    text = write_report(replace(result, checks=checks), tmp_path).read_text()
    told = _section(text, "checks")
    places = [told.index(name) for name in ("fourth", "second", "first", "third")]
    assert places == sorted(places)


def test_the_bias_is_cited_where_it_was_measured(
    broken: tuple[str, Path], make_result: Make, tmp_path: Path
) -> None:
    assert "2411.00085" in broken[0]
    text = write_report(make_result(**TEXT_ONLY), tmp_path).read_text()
    assert "2411.00085" not in text


def test_the_page_knows_dark_screens_and_prints_light(broken: tuple[str, Path]) -> None:
    style = broken[0][broken[0].index("<style>") : broken[0].index("</style>")]
    assert "@media screen and (prefers-color-scheme: dark)" in style
    dark = style[style.index("prefers-color-scheme: dark") :]
    light = style[style.index(":root") : style.index("@media")]
    names = re.findall(r"(--[\w-]+):", light)
    assert set(names) == set(re.findall(r"(--[\w-]+):", dark[: dark.index("* {")]))
