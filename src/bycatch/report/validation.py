"""The figure of a validation: r under the null, before any correction."""

from __future__ import annotations

from pathlib import Path

from bycatch.report.plots.calibration import plot_calibration
from bycatch.report.style import figure_bytes
from bycatch.search.validation.verdict import ValidationResult
from bycatch.tasks import Step, atomic_write


def write_validation(result: ValidationResult, folder: Path) -> Path:
    """Draw r of every look from the stored table.

    Parameters
    ----------
    result : ValidationResult
    folder : Path
        Run folder; gets ``calibration.png`` and ``calibration.pdf``.

    Returns
    -------
    Path
        The folder: a validation has no page.

    Raises
    ------
    RunFolderError
        Where the table is missing or damaged.
    StorageError
        Where a file cannot be written.
    """
    r = Step(folder / "steps" / "table").load_arrays()["r"]
    z = {
        f"{look.method}, {look.window[0]:g}-{look.window[1]:g}, {look.working_point:g}": values
        for look, values in zip(result.looks, r.reshape(r.shape[0], -1).T, strict=True)
    }
    figure = plot_calibration(z)
    for kind in ("png", "pdf"):
        atomic_write(folder / f"calibration.{kind}", figure_bytes(figure, kind))
    return folder
