"""The page of a comparison of scores: one self-contained HTML file, its figures, its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bycatch.evaluate.improvement import Improvement
from bycatch.evaluate.score_comparison import Comparison, Summary
from bycatch.evaluate.score_tables import summary_csv
from bycatch.report import html
from bycatch.report.numbers import with_error
from bycatch.report.plots.score_comparison import MOST, plot_score_boxes, plot_score_map
from bycatch.report.write import write_page
from bycatch.tasks import atomic_write


def answer(result: Comparison) -> str:
    """Say in a few sentences which scores are the best ones, and what labels would find."""
    best, safest = result.highest_median, result.highest_minimum
    over = f" over {best.n_signals} signals" if best.n_signals else ""
    text = (
        f"'{best.method}' has the highest median total improvement{over}: "
        f"{with_error(best.median, best.median_error)} ({_range(best)})."
    )
    if safest.method != best.method:
        text += (
            f" '{safest.method}' has the highest minimum: "
            f"{with_error(safest.minimum, safest.minimum_error)}."
        )
    most = result.best_for_most
    if most is not None:
        text += f" '{most.method}' is the best for {most.n_best} of {len(result.signals)} signals."
    if result.references:
        known = result.references[0]
        median = with_error(known.median, known.median_error)
        text += f" With labels, '{known.method}' has a median of {median} ({_range(known)})."
    return text


def _range(summary: Summary) -> str:
    low = with_error(summary.minimum, summary.minimum_error)
    high = with_error(summary.maximum, summary.maximum_error)
    return f"minimum {low}, maximum {high}"


def _at_cuts(cell: Improvement, cuts: Sequence[float]) -> list[str]:
    """Return the signal efficiency at each cut as text; a dash where it was not read."""
    values = zip(cell.eps_s, cell.error, strict=True)
    found = dict(zip(cell.eps_b, values, strict=True))
    return [with_error(*found.get(cut, (None, None))) for cut in cuts]


def write_comparison(
    result: Comparison, folder: Path, command: str = "bycatch compare config.yaml"
) -> Path:
    """Write ``scores.csv``, ``report.html`` and the figures.

    Parameters
    ----------
    result : Comparison
    folder : Path
    command : str
        What repeats the comparison from inside of `folder`.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    StorageError
        Where a file cannot be written.
    """
    folder = Path(folder)
    atomic_write(folder / "scores.csv", summary_csv(result.summaries).encode())
    figures = [
        html.publish(
            lambda width: plot_score_boxes(result, width=width),
            folder,
            "score_boxes",
            "Minimum, median and maximum of the total improvement of each score",
            "Total improvement: the largest significance improvement over the fixed background"
            " efficiencies. A line from minimum to maximum over the signals, the median as a bar;"
            " box: quartiles. Left of the dotted line a cut makes things worse."
            + (" Below: what learned from labels." if result.references else "")
            + (f" The {MOST} highest medians are shown." if len(result.summaries) > MOST else ""),
        )
    ]
    if result.signals:
        figures.append(
            html.publish(
                lambda width: plot_score_map(result, width=width),
                folder,
                "score_map",
                "Total improvement of each score for each signal",
                "The best score of each signal is framed.",
            )
        )
    shown = [*result.improvements, *result.reference_improvements]
    cuts = sorted({b for cell in shown for b in cell.eps_b}, reverse=True)
    return write_page(
        "compare.html.j2",
        result,
        folder,
        command,
        answer=answer(result),
        figures=figures,
        cells=[(cell, _at_cuts(cell, cuts)) for cell in shown],
        labelled={cell.method for cell in result.reference_improvements},
        cuts=cuts,
        known=any(s.n_signals for s in result.summaries),
    )
