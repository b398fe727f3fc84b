"""Optional libraries of the export, imported in this one place; each says how to install it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from bycatch.errors import InputError


def optional(module: str) -> Any:
    """Return a library of the extra ``[export]``.

    Parameters
    ----------
    module : str
        ``onnx``, ``onnxruntime``, ``onnxscript`` or ``hls4ml``.

    Raises
    ------
    InputError
        With the exact install line.
    """
    try:
        return import_module(module)
    except ImportError:
        raise InputError(
            f'Exporting a score needs {module}: pip install "bycatch[export]".'
        ) from None
