"""The YAML files that users write: their keys, their checks and the plans they turn into."""

from __future__ import annotations

from bycatch.config.load import LoadedSearch, build_search, load_search

__all__ = ["LoadedSearch", "build_search", "load_search"]
