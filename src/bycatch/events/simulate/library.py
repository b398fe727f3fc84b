"""Pythia 8 itself, which is an extra."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from bycatch.errors import InputError


def pythia_library() -> Any:
    """Return Pythia's module.

    Raises
    ------
    InputError
        If Pythia is not installed.
    """
    try:
        return import_module("pythia8mc")
    except ImportError:
        raise InputError('Simulation needs an extra: pip install "bycatch[simulate]".') from None
