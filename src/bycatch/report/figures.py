"""Which figures a search's page shows, what they say, and their files."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from bycatch.report.html import Embedded, publish
from bycatch.report.methods import recipes
from bycatch.report.numbers import SIGMA, count, interval, p_value, percent, z_value
from bycatch.report.plots.bias import plot_bias
from bycatch.report.plots.comparison import plot_comparison
from bycatch.report.plots.curves import plot_curves
from bycatch.report.plots.densities import plot_densities
from bycatch.report.plots.features import plot_features
from bycatch.report.plots.pvalue_scan import global_line, plot_pvalue_scan
from bycatch.report.plots.roc import plot_roc
from bycatch.report.plots.spectrum import plot_spectra, plot_spectrum
from bycatch.report.plots.toys import plot_toys
from bycatch.report.words import resonance_name
from bycatch.search.result import FeatureComparison, Look, SearchResult, Spectrum

PHONE = 6.0
"""Figures narrower than this (inches) are drawn for a phone."""
MOST_PANELS = 24
MOST_DENSITIES = 6


def _panels(result: SearchResult) -> list[Spectrum]:
    """Return the spectra of the best window, method by method, loosest selection first."""
    order = list(dict.fromkeys(look.method for look in result.looks))
    here = [
        spectrum
        for spectrum in result.spectra
        if spectrum.window == result.best.window and spectrum.method in order
    ]
    return sorted(here, key=lambda item: (order.index(item.method), -item.working_point))


def _local(look: Look | None) -> str:
    if look is None or look.local_p is None:
        return "no number"
    return f"local p = {p_value(look.local_p, look.local_z)} ({z_value(look.local_z)} {SIGMA})"


def _look_of(spectrum: Spectrum, looks: Sequence[Look]) -> Look | None:
    key = (spectrum.method, spectrum.window, spectrum.working_point)
    return next((x for x in looks if (x.method, x.window, x.working_point) == key), None)


class Figures:
    """The figures of one result, written under `folder` and embedded.

    Parameters
    ----------
    result : SearchResult
    folder : Path

    Attributes
    ----------
    comparison, best, inclusive, looks, scan, toys, bias, features, curves, densities, \
evaluation : Embedded or None
        None where the result holds nothing to draw.
    """

    def __init__(self, result: SearchResult, folder: Path) -> None:
        self._result = result
        self._folder = folder
        self._name = resonance_name(result)
        data = result.config.get("data")
        self._weighted = bool(isinstance(data, dict) and data.get("weight"))
        window = result.best.window
        self._here = [look for look in result.looks if look.window == window]
        self.comparison = self._comparison()
        self.best = self._best()
        self.inclusive = self._inclusive()
        self.looks = self._looks()
        self.scan = self._scan()
        self.toys = self._toys()
        self.bias = self._bias()
        self.features = self._features()
        self.curves = self._curves()
        self.densities = self._densities()
        self.evaluation = self._evaluation()

    def _publish(
        self, draw: Callable[[float], Figure], name: str, alt: str, caption: str
    ) -> Embedded:
        return publish(draw, self._folder, name, alt, caption)

    def _comparison(self) -> Embedded | None:
        chosen = self._here[:MOST_PANELS]
        if not any(look.background is not None for look in chosen):
            return None
        ordered = sorted(chosen, key=lambda look: [x.method for x in chosen].index(look.method))
        return self._publish(
            lambda width: plot_comparison(ordered, width=width),
            "comparison",
            "Local significance and expected background of every method and working point in the "
            f"window {interval(self._result.best.window)}, from fit and template",
            "Left (on a phone: top): local significance with the background of the fit and with "
            "that of the template; it has no error bar, since without a signal it scatters about "
            "zero by one. Right: what each expects in the window, in units of the fit's "
            "background, and what was observed. Bars are standard errors; the template's thick "
            "bar is its finite size, the thin one holds its measured bias as well.",
        )

    def _bias(self) -> Embedded | None:
        measured = [
            look
            for look in self._here
            if look.template is not None and look.template.delta_sys is not None
        ]
        if not measured:
            return None
        return self._publish(
            lambda width: plot_bias(measured, width=width),
            "template_bias",
            "Relative bias of each method's template against the working point",
            "Observed over expected, minus one, in signal-free windows that do not overlap "
            f"{interval(self._result.best.window)}. Thick bars: statistical errors; thin bars: "
            "with the spread between the windows, the error for one more window. Methods stand "
            "side by side.",
        )

    def _densities(self) -> Embedded | None:
        window = self._result.best.window
        known = [curve for curve in self._result.densities if curve.validation_loss]
        if not known:
            return None
        # The best look's own densities first; a density for each window of a scan is too many.
        chosen = sorted(known, key=lambda curve: window not in curve.windows)[:MOST_DENSITIES]
        more = len(known) - len(chosen)
        rest = f" {more} more are in the table and in densities.json." if more else ""
        return self._publish(
            lambda width: plot_densities(chosen, columns=2 if width > PHONE else 1, width=width),
            "densities",
            "Surprise of held-out events under each background density, round by round",
            "Mean \N{MINUS SIGN}log p of events that the density was not trained on; lower is "
            "better, and as it depends on the features' units only differences count. The dashed "
            "line marks the round whose state was kept. The axis shows the later rounds whole; the "
            f"first ones may lie above it.{rest}",
        )

    def _best(self) -> Embedded | None:
        best = self._result.best
        mine = [x for x in _panels(self._result) if _look_of(x, [best]) is best]
        if not mine:
            return None
        title = f"{best.method}, background efficiency {percent(best.working_point)}"
        return self._publish(
            lambda width: plot_spectrum(
                mine[0], self._name, title, weighted=self._weighted, width=width
            ),
            "spectrum_best",
            f"Selected spectrum of the best look with background fit and the window "
            f"{interval(best.window)}",
            "Points: selected events with 68.3 % Poisson intervals (empty bins are not drawn). "
            "Line and band: background fitted outside of the shaded window and extrapolated into "
            "it, with its standard error. Pull: signed root of the Poisson deviance of the bin "
            "from the line, without the fit's error; the dotted lines stand at ±2.",
        )

    def _inclusive(self) -> Embedded | None:
        found = [x for x in self._result.spectra if x.method == "inclusive"]
        if not found:
            return None
        total = count(sum(found[0].counts))
        what = f"a sum of weights of {total}" if self._weighted else f"{total} of them"
        return self._publish(
            lambda width: plot_spectrum(
                found[0],
                self._name,
                weighted=self._weighted,
                width=width,
                height=3.9,
            ),
            "spectrum_inclusive",
            "Spectrum of all searched events with background fit",
            f"All searched events in the fit range ({what}), before any selection, with the same "
            "kind of fit. What appears above and not here was found by the selection.",
        )

    def _looks(self) -> Embedded | None:
        panels = _panels(self._result)[:MOST_PANELS]
        if len(panels) < 2:
            return None
        notes = [_local(_look_of(x, self._result.looks)) for x in panels]
        points = len({x.working_point for x in panels})

        def draw(width: float) -> Figure:
            columns = min(3, points) if points > 1 else 2
            return plot_spectra(
                panels,
                self._name,
                notes,
                columns=columns if width > PHONE else min(2, columns),
                weighted=self._weighted,
                width=width,
            )

        return self._publish(
            draw,
            "spectra_best_window",
            f"Selected spectra of all looks in the window {interval(self._result.best.window)}",
            "Every method and working point in the same window; points, line, band and shading as "
            "above. The percentage is the background efficiency of the selection.",
        )

    def _scan(self) -> Embedded | None:
        looks = [x for x in self._result.looks if x.local_z is not None]
        if not looks:
            return None
        toys = self._result.toy_maxima
        missing = [k for k in (1, 2, 3) if global_line(toys, k) is None]
        lines = (
            f"Dashed lines: the local p that is worth 1, 2 and 3 {SIGMA} globally, read "
            "from the largest excess in each toy."
        )
        if not toys:
            lines = "No toys were run, so there are no global lines."
        elif missing:
            names = " and ".join(f"{k}{SIGMA}" for k in missing)
            lines += f" {len(toys):,} toys are too few to show the line at {names}."
        return self._publish(
            lambda width: plot_pvalue_scan(self._result.looks, toys, self._name, width=width),
            "pvalue_scan",
            "Local p-values against mass for each method and working point",
            f"One marker per look at the centre of its window, the horizontal bar being the "
            f"window; methods stand side by side. Dotted lines: local significances. {lines}",
        )

    def _toys(self) -> Embedded | None:
        if not any(math.isfinite(z) for z in self._result.toy_maxima):
            return None
        return self._publish(
            lambda width: plot_toys(
                self._result.toy_maxima, self._result.best.local_z, width=width
            ),
            "toys",
            "Distribution of the largest local significance per toy and the observed one",
            "Each toy is a data set without signal that went through the same fits at all looks; "
            "its largest local significance enters once. Global p is the fraction of toys beyond "
            f"the observed line. Dashed: what is worth 1, 2 and 3 {SIGMA} globally, as far as the "
            "number of toys can show them.",
        )

    def _chosen_features(self) -> list[FeatureComparison]:
        best = self._result.best
        here = [
            item
            for item in self._result.features
            if item.method == best.method and item.window == best.window
        ]
        exact = [item for item in here if item.working_point == best.working_point]
        if exact or not here:
            return exact
        nearest = min(
            {item.working_point for item in here},
            key=lambda point: abs(math.log(point / best.working_point)),
        )
        return [item for item in here if item.working_point == nearest]

    def _features(self) -> Embedded | None:
        chosen = self._chosen_features()[:MOST_PANELS]
        if not chosen:
            return None
        first = chosen[0]
        return self._publish(
            lambda width: plot_features(chosen, columns=2 if width > PHONE else 1, width=width),
            "features",
            "Features of the selected events beside the background",
            f"Events in the window {interval(first.window)} that {first.method} selects at a "
            f"background efficiency of {percent(first.working_point)}, beside the background "
            "reference of the same window; both have unit area. Separation runs from 0 (the "
            "same) to 1 (no overlap); in brackets what the same number of background events would "
            "show by chance.",
        )

    def _curves(self) -> Embedded | None:
        curves = [x for x in self._result.curves if x.window == self._result.best.window]
        if not curves:
            return None
        known = recipes(self._result.config)
        ratios = [name for name, recipe in known.items() if recipe.own_score]
        caption = (
            "Median over all members and folds. Green ticks mark where a member's kept state was "
            "reached. With little or no signal the best validation loss lies close to the dotted "
            "line; a training loss that falls while the validation loss rises is overtraining, "
            "which the kept state avoids."
        )
        if any(curve.method in ratios for curve in curves):
            caption += (
                " A method whose score is a ratio of densities shows \N{MINUS SIGN}log p of "
                "held-out events of the window instead."
            )
        return self._publish(
            lambda width: plot_curves(
                curves, ratios=ratios, columns=2 if width > PHONE else 1, width=width
            ),
            "curves",
            "Training and validation loss of each method",
            caption,
        )

    def _evaluation(self) -> Embedded | None:
        window = self._result.best.window
        chosen = [x for x in self._result.evaluation if x.window == window and x.roc]
        if not chosen:
            return None
        return self._publish(
            lambda width: plot_roc(chosen, width=width),
            "evaluation",
            "Background rejection and significance improvement against signal efficiency",
            f"Events of the window {interval(window)} only. Points whose background efficiency "
            "is not known to 20 % are not drawn.",
        )
