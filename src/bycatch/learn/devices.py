"""Where networks compute: on the processor, or on a GPU where torch sees one."""

from __future__ import annotations

import torch

from bycatch.errors import ConfigError

__all__ = ["checked_device"]


def checked_device(name: str) -> torch.device:
    """Return a device that is there.

    Random numbers are always drawn on the processor, so that a seed means the same everywhere;
    what differs between devices is the rounding.

    Parameters
    ----------
    name : str
        ``cpu``, ``cuda`` or ``cuda:1``, as torch names devices.

    Raises
    ------
    ConfigError
        Where torch knows no such device or does not see it.
    """
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        message = f"The option 'device' is {name!r}, but it must be 'cpu', 'cuda' or 'cuda:N'."
        raise ConfigError(message) from None
    if device.type not in {"cpu", "cuda"}:
        message = f"The option 'device' is {name!r}, but it must be 'cpu', 'cuda' or 'cuda:N'."
        raise ConfigError(message)
    count = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= count:
        message = (
            f"The option 'device' is {name!r}, but torch sees {count} CUDA devices: use 'cpu', or "
            "install a build of torch that fits the driver."
        )
        raise ConfigError(message)
    return device
