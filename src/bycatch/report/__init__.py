"""Pages and figures of results.

What to use when: `write_report` for the page of a search; the modules of `bycatch.report.plots`
for single figures in a notebook. Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bycatch.report.page import write_report

__all__ = ["write_report"]


def __getattr__(name: str) -> Any:
    if name == "write_report":
        from bycatch.report.page import write_report  # noqa: PLC0415 (matplotlib takes its time)

        return write_report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
