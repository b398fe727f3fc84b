"""Comparisons and damage that the tests of all layouts use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from bycatch.errors import InputError
from bycatch.events import Events


def assert_same(
    actual: Events, wanted: Events, names: tuple[str, ...], rtol: float = 0.0, atol: float = 0.0
) -> None:
    """Two tables agree in some columns, flat or ragged."""
    assert len(actual) == len(wanted)
    for name in names:
        there, expected = actual[name], wanted[name]
        if isinstance(there, np.ndarray):
            np.testing.assert_allclose(there, expected, rtol=rtol, atol=atol, err_msg=name)
        else:
            assert ak.to_list(ak.num(there)) == ak.to_list(ak.num(expected)), name
            np.testing.assert_allclose(
                ak.to_numpy(ak.flatten(there)),
                ak.to_numpy(ak.flatten(expected)),
                rtol=rtol,
                atol=atol,
                err_msg=name,
            )


def assert_truncated_is_said(path: Path, read: Callable[[Path], object]) -> None:
    """A file that was cut anywhere is one sentence with its name."""
    whole = path.read_bytes()
    for fraction in (0.1, 0.6, 0.98):
        path.write_bytes(whole[: int(len(whole) * fraction)])
        with pytest.raises(InputError, match=path.name) as caught:
            read(path)
        assert str(caught.value).count("\n") == 0
        assert str(caught.value).endswith(".")


def assert_chunks(scan: Callable[[Path, int], Iterator[Events]], path: Path, whole: Events) -> None:
    """Streaming gives the same events, in pieces of the size that was asked for."""
    parts = list(scan(path, 17))
    assert [len(part) for part in parts] == [17] * (len(whole) // 17) + [len(whole) % 17]
    assert_same(Events.concatenate(parts), whole, tuple(whole.columns))
