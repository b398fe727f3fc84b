"""The page of scores without labels: one self-contained HTML file, its figures and its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from bycatch.anomaly.judge import Measured
from bycatch.anomaly.latent import Viewed
from bycatch.anomaly.result import Explained, ScoreResult
from bycatch.report import html, score_words
from bycatch.report.html import Embedded
from bycatch.report.plots.anomaly import (
    plot_contamination,
    plot_directions,
    plot_preprocessing,
    plot_score_curves,
)
from bycatch.report.plots.anomaly_mass import plot_contributions, plot_sculpting, plot_spectra
from bycatch.report.plots.latent import plot_latent
from bycatch.report.write import write_page

MOST_SPECTRA = 9


@dataclass(frozen=True)
class Table:
    """Rows of one signal, and their figure."""

    signal: str
    rows: Sequence[Measured]
    figure: Embedded | None


def write_score_report(
    result: ScoreResult,
    folder: Path,
    *,
    versions: Mapping[str, str] | None = None,
    command: str = "bycatch score config.yaml",
) -> Path:
    """Write ``report.html`` with its figures beside it.

    Parameters
    ----------
    result : ScoreResult
    folder : Path
        Gets ``report.html`` and ``figures/``. Equal results give equal bytes.
    versions : mapping, optional
        Versions of Python and packages to print; by default those that are installed.
    command : str
        What repeats the run from inside `folder`.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    StorageError
        Where a file cannot be written; an earlier page stays whole.
    """
    folder = Path(folder)
    both = score_words.pairs(result)
    return write_page(
        "score.html.j2",
        result,
        folder,
        command,
        printed_versions=versions,
        words=score_words,
        answer=score_words.answer(result),
        warnings=score_words.warnings_of(result),
        tables=_tables(result, folder),
        pairs=both,
        directions=_directions(both, folder),
        contamination=_contamination(result, folder),
        preprocessing=_preprocessing(result, folder),
        sculpting=_sculpting(result, folder),
        spectra=_spectra(result, folder),
        contributions=_contributions(result, folder),
        latent=_latent(result, folder),
    )


def _tables(result: ScoreResult, folder: Path) -> list[Table]:
    rows = score_words.main_rows(result)
    tables = []
    for signal in score_words.signals_of(rows):
        here = [item for item in rows if item.signal == signal]
        shown = _defaults(here, result)
        figure = html.publish(
            partial(_drawn, plot_score_curves, shown),
            folder,
            f"curves_{signal}",
            f"Background rejection and significance improvement against the efficiency of {signal}",
            "One line per score, that of labels dashed, as far as ε_B is known to 20 %. Scores "
            "beside a method's first one stand in the table.",
        )
        tables.append(Table(signal, here, figure))
    return tables


def _defaults(rows: Sequence[Measured], result: ScoreResult) -> list[Measured]:
    """Return the default score of each method, and the reference."""
    first = {method.name: method.scores[0] for method in result.methods}
    return [item for item in rows if item.supervised or first[item.method] == item.score]


def _directions(both: Sequence[score_words.Pair], folder: Path) -> Embedded | None:
    if not both:
        return None
    found = [(pair.direct, pair.inverse) for pair in both]
    return html.publish(
        lambda width: plot_directions(found, width=width),
        folder,
        "directions",
        "AUC of every score, trained on background and trained on the signal",
        "Errors are of the samples and of the training together. A score that is left of 1/2 in "
        "one direction is biased.",
    )


def _contamination(result: ScoreResult, folder: Path) -> list[Embedded]:
    rows = [item for item in result.measured if item.direction == "direct" and not item.variant]
    fractions = {item.contamination for item in rows if not item.supervised}
    if len(fractions) < 2:
        return []
    found = []
    for signal in score_words.signals_of(rows):
        here = _defaults([item for item in rows if item.signal == signal], result)
        found.append(
            html.publish(
                partial(_drawn, plot_contamination, here),
                folder,
                f"contamination_{signal}",
                f"AUC and rejection against the fraction of {signal} in the training",
                f"Default score of each method against {signal}; errors of the samples and of the "
                "training together (left), interval of the samples (right).",
            )
        )
    return found


def _drawn(draw: Callable[..., Figure], rows: Sequence[Measured], width: float) -> Figure:
    return draw(rows, width=width)


def _preprocessing(result: ScoreResult, folder: Path) -> list[Embedded]:
    if not any(item.variant for item in result.measured):
        return []
    found = []
    for signal in score_words.signals_of(result.measured):
        here = [
            item
            for item in _defaults(result.measured, result)
            if item.signal == signal and item.contamination == 0.0 and not item.supervised
        ]
        if not any(item.variant for item in here) or all(item.variant for item in here):
            continue
        found.append(
            html.publish(
                partial(_drawn, plot_preprocessing, here),
                folder,
                f"preprocessing_{signal}",
                f"AUC for {signal} against the pixels' power and smearing",
                f"Default score of each method against {signal}. One of the two is changed at a "
                "time; dashed: trained on the signal.",
            )
        )
    return found


def _sculpting(result: ScoreResult, folder: Path) -> Embedded | None:
    first: dict[str, float] = {}
    shown = [
        item
        for item in result.sculpted
        if item.found is not None
        and item.contamination == first.setdefault(item.method, item.contamination)
    ]
    if not shown:
        return None
    mass = str(result.config["data"]["mass"])
    return html.publish(
        lambda width: plot_sculpting(shown, mass, width=width),
        folder,
        "sculpting",
        "Divergence of the background's mass spectrum behind cuts, and the spectra",
        "Points: measured; dotted: what as many events at random would show. Right: background "
        "spectra of the first score, each of unit area.",
    )


def _spectra(result: ScoreResult, folder: Path) -> Embedded | None:
    first: dict[str, float] = {}
    shown = []
    for hunt in result.hunted:
        main = hunt.contamination == first.setdefault(hunt.method, hunt.contamination)
        if hunt.result is not None and main:
            shown.append(hunt)
    if not shown:
        return None
    shown = shown[:MOST_SPECTRA]
    return html.publish(
        lambda width: plot_spectra(shown, width=width),
        folder,
        "spectra",
        "Mass spectra behind cuts with background fits and best windows",
        "Points: events (effective ones where weighted) with Poisson errors; line: background fit; "
        "yellow: the best window of the hunt.",
    )


def _contributions(result: ScoreResult, folder: Path) -> list[tuple[str, Embedded]]:
    return [
        (
            item.method,
            html.publish(
                partial(_explained, item, result),
                folder,
                f"contributions_{item.method}",
                f"Mean contributions of inputs to the score {item.method}",
                "By how much the score falls where an input is hidden, or its part where the score "
                "is a sum; averaged over events.",
            ),
        )
        for item in result.explained
    ]


def _explained(item: Explained, result: ScoreResult, width: float) -> Figure:
    return plot_contributions(item, result.names, result.layout, width=width)


def _latent(result: ScoreResult, folder: Path) -> list[tuple[Viewed, Embedded | None]]:
    return [(item, _latent_figure(item, folder)) for item in result.latent]


def _latent_figure(item: Viewed, folder: Path) -> Embedded | None:
    view = item.view
    if view is None:
        return None
    return html.publish(
        lambda width: plot_latent(view, item.latent, item.process, width=width),
        folder,
        f"latent_{item.method}",
        f"Latent space of {item.method}: events, spectrum and clusters",
        "Events of the first repetition along the two leading principal components, with the "
        "68 % ellipses of a Gaussian mixture; the spectrum; and the BIC of mixtures.",
    )
