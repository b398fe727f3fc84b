"""Where networks compute: on the processor, or on a GPU where torch sees one."""

from __future__ import annotations

import torch

from bycatch.errors import ConfigError


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
        raise ConfigError(
            f"The option 'device' is {name!r}, but it must be 'cpu', 'cuda' or 'cuda:N'."
        ) from None
    if device.type not in {"cpu", "cuda"}:
        raise ConfigError(
            f"The option 'device' is {name!r}, but it must be 'cpu', 'cuda' or 'cuda:N'."
        )
    count = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= count:
        raise ConfigError(
            f"The option 'device' is {name!r}, but torch sees {count} CUDA devices: use 'cpu', or "
            "install a build of torch that fits the driver."
        )
    return device
