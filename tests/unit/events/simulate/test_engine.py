"""Chunks, mixtures and files of the simulation, with processes of our own that are fast."""

from __future__ import annotations

import json

import awkward as ak
import numpy as np
import pyarrow.parquet as pq
import pytest

from bycatch.errors import ConfigError, DataError, InputError, RunFolderError
from bycatch.events import read
from bycatch.events.simulate import all_processes, processes, run, simulate, simulation_info
from bycatch.events.simulate.chunk import make_rows
from bycatch.events.simulate.files import table_from_columns, writer
from bycatch.events.simulate.process import Process, Selection

# The hard process alone: thousands of events per second.
BARE = (
    "Beams:eCM = 13000.",
    "PartonLevel:ISR = off",
    "PartonLevel:FSR = off",
    "PartonLevel:MPI = off",
    "HadronLevel:all = off",
)
QCD = (*BARE, "HardQCD:all = on", "PhaseSpace:pTHatMin = 100.")
COLUMNS = {"pt_hat": "GeV", "ids": "codes of the hard process", "origin": "which process"}


def selecting(fraction, origin=0):
    def select(batch):
        event = np.flatnonzero(batch.rng.random(len(batch)) < fraction)
        record = batch.record[event]
        columns = {
            "pt_hat": np.sqrt(np.asarray(batch.info.pT2Hat)[event]),
            "ids": record.id[abs(record.status) == 23],
            "origin": np.full(len(event), origin, dtype=np.int8),
        }
        return Selection(event, columns, {"hard": np.asarray(batch.info.pT2Hat) > 200.0**2})

    return select


@pytest.fixture
def known(monkeypatch):
    """Register processes that live in this file only."""
    made = {
        "bare": Process("bare", "t", QCD, selecting(0.5), COLUMNS, chunk=40, batch=20),
        "other": Process("other", "t", QCD, selecting(0.2, 1), COLUMNS, chunk=40, batch=20),
        "both": Process("both", "t", columns=COLUMNS, chunk=60, mixture={"bare": 3, "other": 1}),
        "none": Process("none", "t", QCD, selecting(0.0), COLUMNS, batch=20, max_tries=100),
    }
    monkeypatch.setattr(processes, "all_processes", lambda: made)
    return made


def test_a_file_has_the_rows_and_says_what_it_is(known, tmp_path):
    path = tmp_path / "new" / "bare.parquet"
    info = simulate("bare", 60, path, seed=3)
    assert info == simulation_info(path)
    events = read(path)
    assert len(events["pt_hat"]) == 60
    assert np.all(ak.num(events["ids"]) == 2)
    assert not path.with_name("bare.parquet.parts").exists()
    assert info["process"] == "bare"
    assert info["seed"] == 3
    assert info["pythia"] == {"bare": list(QCD)}
    assert info["columns"] == COLUMNS
    assert info["n_rows"] == 60
    assert info["n_generated"] >= info["n_judged"] >= info["n_accepted"] == 60 - 2
    assert abs(info["acceptance"] - 0.5) < 4.5 * info["acceptance_error"]
    assert 0.0 < info["cross_section_error_pb"] < 0.3 * info["cross_section_pb"]
    hard, error = info["counts"]["hard"]
    assert abs(hard - np.mean(events["pt_hat"] > 200.0)) < 9.0 * error


def test_no_two_chunks_are_equal_and_seeds_matter(known, tmp_path):
    first, second = (tmp_path / f"{seed}.parquet" for seed in (1, 2))
    simulate("bare", 80, first, seed=1)
    simulate("bare", 80, second, seed=2)
    a, b = (read(path)["pt_hat"] for path in (first, second))
    assert len(np.unique(np.concatenate([a, b]))) == 160


def test_a_longer_file_begins_with_the_shorter_one(known, tmp_path):
    simulate("bare", 40, tmp_path / "short.parquet", seed=1)
    simulate("bare", 80, tmp_path / "long.parquet", seed=1)
    short, long = (read(tmp_path / f"{name}.parquet")["pt_hat"] for name in ("short", "long"))
    np.testing.assert_array_equal(short, long[:40])


def test_a_file_of_other_settings_is_refused_and_the_same_one_is_kept(known, tmp_path):
    path = tmp_path / "bare.parquet"
    simulate("bare", 40, path, seed=1)
    before = path.stat().st_mtime_ns
    simulate("bare", 40, path, seed=1)
    assert path.stat().st_mtime_ns == before
    with pytest.raises(RunFolderError, match=r"another seed \(1 instead of 2\)"):
        simulate("bare", 40, path, seed=2)
    with pytest.raises(RunFolderError, match=r"another events \(40 instead of 41\)"):
        simulate("bare", 41, path, seed=1)


def test_parts_of_other_settings_are_refused(known, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "_write", stop)
        with pytest.raises(KeyboardInterrupt):
            simulate("bare", 40, tmp_path / "a.parquet", seed=1)
    with pytest.raises(RunFolderError, match="seed: 2"):
        simulate("bare", 40, tmp_path / "a.parquet", seed=2)
    simulate("bare", 40, tmp_path / "a.parquet", seed=1)  # continues
    simulate("bare", 40, tmp_path / "b.parquet", seed=1)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_a_file_that_is_no_simulation_is_refused(known, tmp_path):
    path = tmp_path / "bare.parquet"
    path.write_bytes(b"PAR1 but not really")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        simulate("bare", 40, path)
    pq.write_table(table_from_columns({"x": np.zeros(2)}, {}), path)
    with pytest.raises(InputError, match="was not made by bycatch simulate"):
        simulation_info(path)
    with pytest.raises(InputError, match="cannot be read"):
        simulation_info(tmp_path / "absent.parquet")


def test_a_process_that_accepts_nothing_says_so(known, tmp_path):
    with pytest.raises(DataError, match=r"'none' gave 0 of 10 rows in 100 generated events"):
        simulate("none", 10, tmp_path / "none.parquet")


def test_a_mixture_has_its_fractions_in_random_order(known, tmp_path):
    path = tmp_path / "both.parquet"
    info = simulate("both", 120, path, seed=5)
    origin = read(path)["origin"]
    assert abs(origin.mean() - 0.25) < 4.5 * np.sqrt(0.25 * 0.75 / 120)
    assert 0 < np.count_nonzero(np.diff(origin[:60])) != 1  # not one after the other
    assert set(info["parts"]) == {"bare", "other"}
    assert info["parts"]["bare"]["n_rows"] == np.count_nonzero(origin == 0)
    part = info["parts"]["other"]
    assert abs(part["acceptance"] - 0.2) < 4.5 * part["acceptance_error"]
    assert "cross_section_pb" not in info


def test_several_rows_of_one_event_count_once(known):
    def twice(batch):
        event = np.repeat(np.arange(len(batch)), 2)
        return Selection(event, {"x": np.arange(len(event), dtype=np.float32)})

    process = Process("twice", "t", QCD, twice, {"x": ""}, batch=20)
    tally = make_rows(process, 51, 1, ("twice", 0)).tallies["twice"]
    assert (tally.rows, tally.n_accepted, tally.n_judged) == (51, 25, 25)


@pytest.mark.parametrize(
    ("columns", "event", "match"),
    [
        ({"y": np.zeros(2)}, [0, 1], "declares"),
        ({"x": np.zeros(3)}, [0, 1], "2 rows but columns"),
        ({"x": np.zeros(2)}, [1, 0], "order of their events"),
    ],
)
def test_a_process_that_breaks_its_promise_is_named(columns, event, match):
    process = Process(
        "broken", "t", QCD, lambda _: Selection(np.array(event), columns), {"x": ""}, batch=20
    )
    with pytest.raises(ValueError, match=match):
        make_rows(process, 2, 1, ("broken", 0))


def test_pythias_weights_reach_process_and_sums():
    biased = (*QCD, "PhaseSpace:bias2Selection = on", "PhaseSpace:bias2SelectionPow = 4")
    plain, weighted = (
        make_rows(Process("p", "t", settings, weights, {"w": ""}, batch=500), 4000, 1, ("p", 0))
        for settings in (QCD, biased)
    )
    assert np.all(plain.columns["w"] == 1.0)
    assert len(np.unique(weighted.columns["w"])) > 3000
    above = [combined(made)["counts"]["hard"] for made in (plain, weighted)]
    sections = [combined(made) for made in (plain, weighted)]
    assert abs(above[0][0] - above[1][0]) < 4.5 * np.hypot(above[0][1], above[1][1])
    assert above[1][1] < 0.8 * above[0][1]  # what the bias is for
    values = [numbers["cross_section_pb"] for numbers in sections]
    errors = [numbers["cross_section_error_pb"] for numbers in sections]
    assert abs(values[0] - values[1]) < 4.5 * np.hypot(*errors)


def weights(batch):
    hard = np.asarray(batch.info.pT2Hat) > 200.0**2
    return Selection(np.arange(len(batch)), {"w": batch.weight}, {"hard": hard})


def combined(made):
    from bycatch.events.simulate.tally import combine

    return combine([made.tallies["p"]])


def test_a_setup_sees_pythia_before_it_starts():
    seen = []

    def setup(pythia, seed):
        pythia.readString("PhaseSpace:pTHatMin = 500.")
        seen.append(seed)
        return "shared"

    def select(batch):
        assert batch.shared == "shared"
        return Selection(np.arange(len(batch)), {"pt": np.sqrt(np.asarray(batch.info.pT2Hat))})

    process = Process("s", "t", QCD, select, {"pt": ""}, batch=20, setup=setup)
    assert make_rows(process, 20, 1, ("s", 0)).columns["pt"].min() > 499.0
    assert len(seen) == 1


def test_unknown_names_and_settings_are_one_sentence(known, tmp_path):
    with pytest.raises(ConfigError, match="no process 'bear'; the nearest are 'bare'"):
        simulate("bear", 10, tmp_path / "x.parquet")
    with pytest.raises(ConfigError, match="at least 1, but it is 0"):
        simulate("bare", 0, tmp_path / "x.parquet")
    wrong = Process("w", "t", ("HardQCD:al = on",), selecting(1.0), COLUMNS)
    with pytest.raises(ConfigError, match="does not know the setting 'HardQCD:al = on'"):
        make_rows(wrong, 1, 1, ("w", 0))
    nothing = Process("w", "t", ("Beams:eCM = 13000.",), selecting(1.0), COLUMNS)
    with pytest.raises(ConfigError, match="cannot start with these settings"):
        make_rows(nothing, 1, 1, ("w", 0))


def test_a_process_without_settings_or_mixture_is_refused():
    with pytest.raises(ValueError, match="settings and select, or a mixture"):
        Process("empty", "t")


def test_every_registered_process_describes_itself():
    found = all_processes()
    assert {"dijet", "wprime_xy", "zprime_tt", "top_jets", "qcd_jets", "rpv_gluino"} <= set(found)
    for process in found.values():
        assert process.title
        assert process.columns or process.mixture
        assert process.label in {0, 1}
        assert all(reference.startswith("arXiv:") for reference in process.references)
        for part in process.mixture:
            assert part in found


def test_tables_keep_ragged_columns_and_empty_rows(tmp_path):
    columns = {
        "flat": np.array([1.0, 2.0], dtype=np.float32),
        "list": ak.values_astype(ak.Array([[], [1, 2]]), np.int8),
    }
    with writer(tmp_path / "t.parquet") as write:
        write(table_from_columns(columns, {"process": "x"}))
    events = read(tmp_path / "t.parquet")
    assert ak.to_list(events["list"]) == [[], [1, 2]]
    assert events["flat"].dtype == np.float32
    assert json.loads(pq.read_schema(tmp_path / "t.parquet").metadata[b"bycatch"]) == {
        "process": "x"
    }
