"""Fixed-point students: formats, integers, training, and the same bits as hls4ml's C++."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from bycatch.errors import ConfigError, DataError, InputError
from bycatch.score import make_score
from bycatch.trigger.emulation import fixed_network
from bycatch.trigger.fixed_point import FixedPoint, straight_through
from bycatch.trigger.overlap import overlap
from bycatch.trigger.student import Student


def events(n, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 8))
    x[:, 1] += x[:, 0]
    x[:, 2] = np.abs(x[:, 2]) ** 1.5
    return x.astype(np.float32)


@pytest.fixture(scope="module")
def teacher():
    return make_score("pca", components=3).fit(events(4000))


@pytest.fixture(scope="module")
def student(teacher):
    return Student(members=2, hidden=(16, 8), steps=1500, rounds=10, batch_size=256).teach(
        teacher, events(4000)
    )


def test_a_format_by_hand():
    form = FixedPoint.parse("fixed<4,2>")
    assert form.step == 0.25
    assert form.limits == (-8, 7)
    values = [-9.0, -0.125, 0.124, 0.125, 0.3, 1.74, 9.0]
    np.testing.assert_array_equal(form.quantise(values), [-2.0, 0.0, 0.0, 0.25, 0.25, 1.75, 1.75])
    down = FixedPoint.parse("fixed<4,2,TRN,WRAP>")
    np.testing.assert_array_equal(
        down.quantise([-0.01, 0.3, 2.0, -2.25]), [-0.25, 0.25, -2.0, 1.75]
    )
    unsigned = FixedPoint.parse("ufixed<3,1>")
    np.testing.assert_array_equal(unsigned.quantise([-1.0, 0.3, 5.0]), [0.0, 0.25, 1.75])


@pytest.mark.parametrize(
    "text", ["fixed<8,3,RND,SAT>", "ufixed<6,0,TRN,WRAP>", "fixed<9,-1,RND,SAT>"]
)
def test_formats_are_read_as_they_are_written(text):
    assert str(FixedPoint.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["float", "fixed<8>", "fixed<8,3,UP,SAT>", "fixed<0,0>", "fixed<60,3>"]
)
def test_other_formats_are_refused(text):
    with pytest.raises(ConfigError):
        FixedPoint.parse(text)


def test_a_covering_format_holds_all_values():
    form = FixedPoint(8, 0)
    for largest in (0.3, 0.5, 1.0, 3.9, 4.0, 100.0):
        low, high = (
            limit * form.covering([largest]).step for limit in form.covering([largest]).limits
        )
        assert low <= -largest
        assert high >= largest - form.covering([largest]).step


def test_gradients_go_straight_through_inside_of_the_range():
    form = FixedPoint(6, 2)
    x = torch.linspace(-4.0, 4.0, 81, requires_grad=True)
    y = straight_through(x, form)
    np.testing.assert_array_equal(y.detach().numpy(), form.quantise(x.detach().numpy()))
    y.sum().backward()
    inside = (x.detach() > -2.0) & (x.detach() < 2.0 - form.step)
    assert (x.grad[inside] == 1.0).all()
    assert (x.grad[x.detach().abs() > 2.01] == 0.0).all()
    with pytest.raises(ConfigError, match="wraps"):
        straight_through(x, FixedPoint(6, 2, overflow="WRAP"))


def test_integers_repeat_the_student_bit_by_bit(student):
    X = np.concatenate([events(2000, seed=1), 50.0 * events(500, seed=2)])
    for member in (0, 1):
        found = fixed_network(student, member).run(X)
        np.testing.assert_array_equal(found, student.member_scores(X, members=[member])[0])


def test_integers_by_a_loop(student):
    network = fixed_network(student)
    X = events(20, seed=3)
    for x, expected in zip(network.standardised(X), network.run(X), strict=True):
        h = [float(value) for value in x]
        for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
            last = layer == len(network.weights) - 1
            form = network.output if last else network.activations
            step = network.weight_format.step
            sums = [
                sum(a * w * step for a, w in zip(h, column, strict=True)) + b * step
                for column, b in zip(weight.T.tolist(), bias.tolist(), strict=True)
            ]
            low, high = (limit * form.step for limit in form.limits)
            h = [min(max(np.floor(s / form.step + 0.5) * form.step, low), high) for s in sums]
            h = h if last else [max(value, 0.0) for value in h]
        assert h[0] == expected


def test_a_student_follows_its_teacher(student, teacher):
    X = events(20_000, seed=4)
    a, b = teacher.score(X), student.score(X, members=[student.best_member])
    found = overlap(a, b, 0.01)
    assert found.n_kept == 200
    assert found.low < found.shared < found.high
    assert found.rank_correlation > 0.9
    # By chance one per cent would be shared.
    assert found.low > 0.5
    untrained = Student(hidden=(16, 8), steps=1, rounds=1).teach(teacher, events(500))
    assert overlap(a, untrained.score(X), 0.01).shared < found.low


def test_fewer_bits_follow_worse(student, teacher):
    X = events(5000, seed=5)
    options = {"hidden": (16, 8), "steps": 1500, "rounds": 10, "batch_size": 256}
    coarse = Student(weights="fixed<4,1>", activations="fixed<5,3>", **options)
    coarse.teach(teacher, events(4000))
    a = teacher.score(X)
    fine = overlap(a, student.score(X), 0.05)
    assert overlap(a, coarse.score(X), 0.05).rank_correlation < fine.rank_correlation
    assert fixed_network(coarse).bits * 2 == fixed_network(student).bits


def test_overlap_by_hand():
    a = np.arange(100.0)
    assert overlap(a, a, 0.1).shared == 1.0
    assert overlap(a, -a, 0.1).shared == 0.0
    half = a.copy()
    half[95:], half[:5] = a[:5], a[95:]
    found = overlap(a, half, 0.1)
    assert found.shared == 0.5
    # Clopper-Pearson of 5 in 10.
    assert found.low == pytest.approx(0.3045, abs=2e-3)
    assert found.high == pytest.approx(1.0 - found.low)
    assert np.isnan(overlap(a, np.ones(100), 0.1).rank_correlation)
    with pytest.raises(DataError, match="none of 100 events"):
        overlap(a, a, 1e-4)
    with pytest.raises(DataError, match="same events"):
        overlap(a, a[:-1], 0.1)


def test_a_student_is_saved(student, tmp_path):
    student.save(tmp_path / "student")
    again = Student.load(tmp_path / "student")
    X = events(50, seed=6)
    np.testing.assert_array_equal(again.score(X), student.score(X))
    np.testing.assert_array_equal(again.target_, student.target_)


def test_a_student_needs_a_teacher(teacher):
    with pytest.raises(DataError, match="call 'teach'"):
        Student().fit(events(100))

    class Negative:
        def score(self, X, name=None):
            return -np.ones(len(X))

    with pytest.raises(DataError, match="not positive"):
        Student().teach(Negative(), events(100))


@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling the project needs g++")
def test_compiled_hls4ml_gives_the_same_bits(student, tmp_path):
    pytest.importorskip("hls4ml")
    from bycatch.trigger.hls4ml_project import write_project

    project = write_project(fixed_network(student), tmp_path / "project")
    X = np.concatenate([events(2000, seed=7), 50.0 * events(500, seed=8)])
    found = project.compare(X)
    assert found.n_events == 2500
    assert found.different == 0
    assert np.unique(project.run(X)).size > 100
    assert (tmp_path / "project" / "firmware" / "student.cpp").is_file()


def test_a_missing_extra_says_how_to_install_it(monkeypatch):
    from bycatch.trigger import extras

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(extras, "import_module", missing)
    with pytest.raises(InputError, match=r'pip install "bycatch\[export\]"'):
        extras.optional("onnx")
