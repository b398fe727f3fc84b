"""The page of a bump hunt: one self-contained HTML file, its figures and its numbers."""

from __future__ import annotations

from pathlib import Path

from bycatch.hunt.plan import HuntResult
from bycatch.report import html
from bycatch.report.hunt_words import answer, fit_sentence, warnings_of
from bycatch.report.plots.hunt import plot_hunt, plot_hunt_toys
from bycatch.report.write import write_page


def write_hunt(result: HuntResult, folder: Path, command: str = "bycatch hunt") -> Path:
    """Write ``report.html`` and ``figures/hunt.pdf`` and ``.png``.

    Parameters
    ----------
    result : HuntResult
    folder : Path
    command : str
        What repeats the hunt, for the page.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    StorageError
        If a file cannot be written; what was there stays whole.
    """
    what = "excess" if result.plan.mode == "excess" else "deficit"
    kind, sentence = answer(result)
    return write_page(
        "hunt.html.j2",
        result,
        folder,
        command,
        best=result.best,
        what=what,
        kind=kind,
        sentence=sentence,
        fit_sentence=fit_sentence(result),
        warnings=warnings_of(result),
        spectrum=html.publish(
            lambda width: plot_hunt(result, width=width),
            folder,
            "hunt",
            "Spectrum with background fit, pulls, and the p-value of every window",
            "Top: data with 68.3 % Poisson intervals, background fit with its standard error, and"
            " the best window (yellow) and what the fit left out (grey). Middle: signed root of the"
            " Poisson deviance of each bin;"
            f" the dotted lines stand at ±2. Bottom: every window with an {what} as a bar at its"
            " BumpHunter p, the best one thick.",
        ),
        toys=html.publish(
            lambda width: plot_hunt_toys(result, width=width),
            folder,
            "hunt_toys",
            "Distribution of BumpHunter's statistic in the toys",
            "Each toy is drawn from the background fit and goes through the whole procedure:"
            " background refitted, order chosen again, found windows masked (the gap in the middle"
            " lies where masking sets in). Global p is the fraction of toys at or beyond the data.",
        ),
    )
