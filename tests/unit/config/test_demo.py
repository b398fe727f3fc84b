"""The demo keeps its promises: a scan of five windows, two methods, another half a seed."""

from __future__ import annotations

from pathlib import Path

from bycatch.config.demo import demo_search
from bycatch.search.regions import scan_windows


def test_a_scan_over_the_signal_with_two_methods():
    plan = demo_search().plan
    windows = scan_windows(plan.regions.scan)
    assert len(windows) >= 5
    assert any(low < 3500 < high for low, high in windows)
    assert [method.name for method in plan.methods] == ["cwola-trees", "cathode-trees"]
    assert plan.data.inject is not None
    assert demo_search().output == Path("runs/demo")


def test_without_signal_each_seed_takes_another_half(tmp_path):
    first = demo_search(signal=False, seed=1, output=tmp_path)
    assert first.output == tmp_path
    assert first.plan.data.inject is None
    assert first.plan.data.fraction == 0.5
    assert first.plan.seed == 1
    assert demo_search(signal=False, seed=2).resolved != first.resolved
