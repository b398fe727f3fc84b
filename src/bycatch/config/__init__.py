"""The YAML files that users write: their keys, their checks and the plans they turn into."""

from __future__ import annotations

from bycatch.config.load import build_search, load_search
from bycatch.config.score import LoadedScores, build_scores, load_scores

__all__ = [
    "LoadedScores",
    "build_scores",
    "build_search",
    "load_scores",
    "load_search",
]
