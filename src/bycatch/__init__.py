"""bycatch: find new physics in collider data without being told what to look for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bycatch.events import Events, read, scan
    from bycatch.faces import Compare, Hunt, Score, Search, Trigger

__all__ = [
    "Compare",
    "Events",
    "Hunt",
    "Score",
    "Search",
    "Trigger",
    "__version__",
    "read",
    "scan",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the public names on first use, so that `import bycatch` stays fast."""
    if name in {"Events", "read", "scan"}:
        from bycatch import events  # noqa: PLC0415 - lazy on purpose

        return getattr(events, name)
    if name in {"Compare", "Hunt", "Score", "Search", "Trigger"}:
        from bycatch import faces  # noqa: PLC0415 - lazy on purpose

        return getattr(faces, name)
    raise AttributeError(f"module 'bycatch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
