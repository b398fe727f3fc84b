"""Histograms to hunt in: every source, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bycatch.errors import ColumnError, ConfigError, DataError, InputError
from bycatch.hunt.files import garwood
from bycatch.hunt.histogram import make_histogram
from bycatch.hunt.inputs import from_events, load_histogram, read_histogram

EDGES = np.array([0.0, 1.0, 2.0, 4.0, 8.0])
COUNTS = np.array([100.0, 60.0, 30.0, 7.0])


def _csv(folder: Path, text: str) -> str:
    path = folder / "table.csv"
    path.write_text(text)
    return str(path)


def _table(columns: list[np.ndarray], header: str = "") -> str:
    rows = "\n".join(",".join(repr(float(x)) for x in row) for row in zip(*columns, strict=True))
    return header + rows + "\n"


@pytest.mark.parametrize("header", ["", "low,high,count\n", "# a comment\nmjj_low,mjj_high,n\n"])
def test_csv_of_counts(tmp_path: Path, header: str) -> None:
    found = read_histogram(_csv(tmp_path, _table([EDGES[:-1], EDGES[1:], COUNTS], header)))
    np.testing.assert_array_equal(found.edges, EDGES)
    np.testing.assert_array_equal(found.counts, COUNTS)
    assert found.label == ("mjj" if "mjj" in header else "mass")


def _cross_section(luminosity: float, factor: float = 1.0) -> list[np.ndarray]:
    scale = luminosity * np.diff(EDGES)
    return [EDGES[:-1], EDGES[1:], factor * COUNTS / scale, factor * garwood(COUNTS) / scale]


def test_csv_of_a_cross_section(tmp_path: Path) -> None:
    path = _csv(tmp_path, _table(_cross_section(137.0), "low,high,value,error\n"))
    found = read_histogram(path, luminosity=137.0)
    np.testing.assert_array_equal(found.counts, COUNTS)
    scaled = read_histogram(path, luminosity=0.137, unit_scale=1e3)
    np.testing.assert_array_equal(scaled.counts, COUNTS)


def test_wrong_units_are_refused_with_the_right_power_of_ten(tmp_path: Path) -> None:
    path = _csv(tmp_path, _table(_cross_section(137.0)))
    with pytest.raises(DataError, match=r" 1e\+03 times as many events.*--unit-scale 0\.001\)"):
        read_histogram(path, luminosity=137e3)
    with pytest.raises(DataError, match="the luminosity is another one"):
        read_histogram(path, luminosity=300.0)


def test_a_luminosity_that_is_a_little_off_is_noted(tmp_path: Path) -> None:
    path = _csv(tmp_path, _table(_cross_section(137.5)))
    found = read_histogram(path, luminosity=136.9)
    assert "come out whole" in found.notes[0]
    assert "137.5" in found.notes[0]


def test_the_cms_dijet_spectrum_has_whole_counts(shared_data: Path) -> None:
    path = str(shared_data / "cms" / "dijet_137fb.csv")
    found = read_histogram(path, luminosity=137.5)
    np.testing.assert_array_equal(found.counts[-6:], [8, 8, 8, 0, 3, 1])
    assert "at most 0.0016" in found.notes[0]
    rounded = read_histogram(path, luminosity=137.0)
    np.testing.assert_array_equal(rounded.counts[-6:], [8, 8, 8, 0, 3, 1])
    assert "137.5" in rounded.notes[0]


@pytest.mark.parametrize(
    ("text", "options", "error", "message"),
    [
        ("1,2,3,4\n2,3,3,4\n", {}, ConfigError, "give --luminosity"),
        ("1,2,3\n2,3,3\n3,4,1\n", {"luminosity": 1.0}, ConfigError, "leave --luminosity out"),
        ("1,2\n2,3\n", {}, InputError, "low, high, count"),
        ("1,2,3\n2,3,3,4\n", {}, InputError, "low, high, count"),
        ("a,b,c\n1,2,x\n", {}, InputError, "no number"),
        ("1,2,3\n3,4,3\n4,5,6\n", {}, DataError, "not adjacent: one ends at 2"),
        ("1,2,3\n2,2,3\n2,5,6\n", {}, DataError, "edges must rise"),
        ("1,2,3\n2,3,-3\n3,4,6\n", {}, DataError, r"negative count \(-3 in the bin from 2\)"),
        ("1,2,3\n2,3,nan\n3,4,6\n", {}, DataError, "1 NaN or infinite"),
        ("1,2,3\n2,3,2.5\n3,4,6\n", {}, DataError, "no whole number"),
        ("1,2,0\n2,3,0\n3,4,0\n", {}, DataError, "is empty"),
        ("1,2,5\n2,3,1\n", {}, DataError, "at least 3 bins"),
    ],
)
def test_bad_tables(
    tmp_path: Path, text: str, options: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_histogram(_csv(tmp_path, text), **options)


def test_missing_files_and_unknown_formats(tmp_path: Path) -> None:
    (tmp_path / "spectrum.csv").write_text("1,2,3\n")
    with pytest.raises(InputError, match=r"no file .*; the nearest in .* are 'spectrum.csv'"):
        read_histogram(str(tmp_path / "spectrun.csv"))
    (tmp_path / "events.parquet").write_text("x")
    with pytest.raises(InputError, match="name the column to histogram with --column"):
        read_histogram(str(tmp_path / "events.parquet"))


def test_root(tmp_path: Path) -> None:
    uproot = pytest.importorskip("uproot")
    path = tmp_path / "h.root"
    with uproot.recreate(path) as file:
        file["folder/mass"] = (COUNTS, EDGES)
    found = read_histogram(f"{path}:folder/mass")
    np.testing.assert_array_equal(found.counts, COUNTS)
    np.testing.assert_array_equal(found.edges, EDGES)
    with pytest.raises(InputError, match="the nearest are 'folder/mass'"):
        read_histogram(f"{path}:folder/mas")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="cannot be read as a ROOT file"):
        read_histogram(f"{path}:folder/mass")


@pytest.mark.parametrize("flow", [True, False])
@pytest.mark.parametrize("regular", [True, False])
def test_uhi(tmp_path: Path, flow: bool, regular: bool) -> None:
    bh = pytest.importorskip("boost_histogram")
    serialization = pytest.importorskip("boost_histogram.serialization")
    from uhi.io.json import default

    if regular:
        axis = bh.axis.Regular(4, 0.0, 8.0, underflow=flow, overflow=flow)
    else:
        axis = bh.axis.Variable(EDGES, underflow=flow, overflow=flow)
    histogram = bh.Histogram(axis, storage=bh.storage.Int64())
    histogram.fill([-1.0, 0.5, 0.6, 5.0, 100.0])
    path = tmp_path / "h.json"
    path.write_text(json.dumps(serialization.to_uhi(histogram), default=default))
    found = read_histogram(str(path))
    np.testing.assert_array_equal(found.counts, histogram.values())
    np.testing.assert_allclose(found.edges, axis.edges)
    path.write_text(json.dumps({"a": serialization.to_uhi(histogram)}, default=default))
    np.testing.assert_array_equal(read_histogram(f"{path}:a").counts, histogram.values())
    with pytest.raises(InputError, match=r"write h\.json:name with one of 'a'"):
        read_histogram(str(path))


def test_weights_become_effective_counts() -> None:
    # weight 2 for every event: twice the value, four times the variance, the same information
    plain = make_histogram(EDGES, COUNTS)
    double = make_histogram(EDGES, 2 * COUNTS, variances=4 * COUNTS)
    np.testing.assert_allclose(double.counts, plain.counts)
    assert double.scale == pytest.approx(0.5)
    assert double.weighted
    assert "effective" in double.notes[0]


def test_range_keeps_whole_bins() -> None:
    found = make_histogram(EDGES, COUNTS).within(0.5, 8.0)
    np.testing.assert_array_equal(found.edges, [1.0, 2.0, 4.0, 8.0])
    assert "narrowed to whole bins: 1 to 8" in found.notes[0]
    with pytest.raises(DataError, match="holds 2 whole bins"):
        make_histogram(EDGES, COUNTS).within(0.0, 3.0)


def _events(folder: Path, rows: int = 1_000) -> str:
    pq = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    rng = np.random.default_rng(2)
    path = folder / "events.parquet"
    table = {"m": rng.exponential(2.0, rows), "w": rng.choice([1.0, 2.0], rows)}
    pq.write_table(pa.table(table), path)
    return str(path)


def test_column_of_events(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    path = _events(tmp_path)
    m = pq.read_table(path)["m"].to_numpy()
    found = from_events(path, "m", window=(0.0, 5.0), bins=10)
    np.testing.assert_array_equal(found.counts, np.histogram(m, 10, (0.0, 5.0))[0])
    cut = from_events(path, "1000 * m", window=(0.0, 5e3), bins=10, where="m > 1")
    np.testing.assert_array_equal(cut.counts, np.histogram(m[m > 1], 10, (0.0, 5.0))[0])
    assert from_events(path, "m", bins=10).counts.sum() == m.size
    weighted = from_events(path, "m", window=(0.0, 5.0), bins=10, weight="w")
    assert weighted.scale < 1.0


def test_bad_columns(tmp_path: Path) -> None:
    path = _events(tmp_path)
    with pytest.raises(ColumnError, match="'m'"):
        from_events(path, "mm")
    with pytest.raises(DataError, match="NaN or infinite"), np.errstate(all="ignore"):
        from_events(path, "log(m - 1)", window=(0.0, 1.0))
    with pytest.raises(DataError, match="No event"):
        from_events(path, "m", window=(-5.0, -1.0))
    with pytest.raises(ConfigError, match="at least 3 bins"):
        from_events(path, "m", bins=2)
    with pytest.raises(ConfigError, match=r"range of .* is empty"):
        from_events(path, "m", window=(5.0, 1.0))
    with pytest.raises(ConfigError, match="--luminosity make no sense for a column"):
        load_histogram(path, column="m", luminosity=3.0)
    with pytest.raises(ConfigError, match="--bins make no sense for a histogram"):
        load_histogram(path, bins=3)
