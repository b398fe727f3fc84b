"""Events: read and stream them from files, and compute features with expressions.

What to use when: `derive` for the features of an analysis (it streams), `scan` for anything that
only scores or histograms, `read` for a file that fits into memory.
"""

from __future__ import annotations

from bycatch.events.io import column_names, derive, read, scan
from bycatch.events.paths import resolve_paths
from bycatch.events.table import Events, count_nonfinite

__all__ = [
    "Events",
    "column_names",
    "count_nonfinite",
    "derive",
    "read",
    "resolve_paths",
    "scan",
]
