"""The page of a trigger: one self-contained HTML file and its figures."""

from __future__ import annotations

from pathlib import Path

from bycatch.report import html, trigger_words
from bycatch.report.plots.trigger import plot_rates, plot_tail
from bycatch.report.write import write_page
from bycatch.trigger.run import TriggerResult


def write_trigger(
    result: TriggerResult, folder: Path, command: str = "bycatch trigger config.yaml"
) -> Path:
    """Write ``report.html`` and its figures.

    Parameters
    ----------
    result : TriggerResult
    folder : Path
    command : str
        What repeats the run from inside `folder`.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    StorageError
        If a file cannot be written; what was there stays whole.
    """
    level = f"{100 * result.plan.level:.3g} %"
    return write_page(
        "trigger.html.j2",
        result,
        folder,
        command,
        words=trigger_words,
        answer=trigger_words.answer(result),
        warnings=trigger_words.warnings_of(result),
        tail=_tail(result, folder, level),
        rates=_rates(result, folder),
        level=level,
        total=result.mixture.total("rate"),
    )


def _tail(result: TriggerResult, folder: Path, level: str) -> html.Embedded:
    return html.publish(
        lambda width: plot_tail(result, width=width),
        folder,
        "trigger_tail",
        "Rate of the background above a threshold, counted and fitted",
        f"Points: counted, with {level} intervals, down to the weight of one event. Line and band:"
        " generalised Pareto fit of the excesses over the left end. Dashed: the budgets.",
    )


def _rates(result: TriggerResult, folder: Path) -> html.Embedded:
    return html.publish(
        lambda width: plot_rates(result, width=width),
        folder,
        "trigger_rates",
        "Rate of each process and efficiency of each signal against the threshold",
        "Dashed: thresholds; bands: their intervals from statistics and normalisation.",
    )
