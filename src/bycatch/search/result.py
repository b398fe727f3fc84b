"""What a search found: frozen containers that the report, the JSON file and users share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from bycatch.tasks.result import Result


@dataclass(frozen=True)
class TemplateEstimate:
    """Background in one look's window as its template predicts it, and how far that is wrong.

    Shown beside the estimate of the fit; the global p-value is built on the fit alone.

    Attributes
    ----------
    background : float or None
        b_T: achieved efficiency on template events times the sum of weights of the events in the
        window that were scored.
    background_error : float or None
        Its error from the finite template, in events.
    delta_sys : float or None
        Relative bias of the template, sum of observed / sum of expected - 1, over windows of the
        same method and working point that do not overlap this one.
    delta_sys_error : float or None
        Its error as a statement about this window: `delta_sys_statistical` and the spread of the
        bias between windows in quadrature.
    delta_sys_statistical : float or None
        Its statistical error: the windows' events and the finite templates, with what they share.
    delta_sys_spread : float or None
        Standard deviation of the true bias between windows beyond statistics; None where there is
        only one window to tell from.
    n_windows : int
        Windows that `delta_sys` is measured in.
    systematic : float or None
        b_T sqrt(delta_sys^2 + delta_sys_error^2), in events: the nuisance of `local_p`.
    local_p, local_z : float or None
        One-sided significance of the window's count given this background.
    status : str
        ``ok``, or a sentence that says which numbers cannot be had and what to do.
    """

    background: float | None = None
    background_error: float | None = None
    delta_sys: float | None = None
    delta_sys_error: float | None = None
    delta_sys_statistical: float | None = None
    delta_sys_spread: float | None = None
    n_windows: int = 0
    systematic: float | None = None
    local_p: float | None = None
    local_z: float | None = None
    status: str = "ok"


@dataclass(frozen=True)
class Look:
    """One place looked at: a method, a window and a working point.

    Attributes
    ----------
    method : str
    window : tuple of float
        In units of the resonance.
    working_point : float
        Nominal background efficiency.
    efficiency : float
        Achieved background efficiency on template events.
    efficiency_error : float
        Its binomial standard error.
    n_selected : int
        Selected events in the fit range.
    n_window : int
        Selected events in the window.
    background, background_error : float or None
        Expected events in the window from the fit with a free excess, and its standard error
        (fit and systematic in quadrature). None where the fit failed.
    systematic : float
        Spurious-signal part of `background_error`, in events.
    local_p, local_z : float or None
        One-sided, with every correction that `correction` names. None where the fit failed.
    uncorrected_p : float or None
        The same before the measured over-dispersion was divided out.
    dispersion : float
        The standard deviation of z under the null that was divided out (1: none was measured).
    order : int
        Number of background parameters.
    goodness_of_fit : float or None
        p-value of the background fit with the window masked, from toys.
    status : str
        ``ok``, or a sentence that says why there is no number and what to do.
    template : TemplateEstimate or None
        The template's own estimate of the background; None where none was made.
    """

    method: str
    window: tuple[float, float]
    working_point: float
    efficiency: float
    efficiency_error: float
    n_selected: int
    n_window: int
    background: float | None
    background_error: float | None
    systematic: float
    local_p: float | None
    local_z: float | None
    uncorrected_p: float | None
    dispersion: float
    order: int
    goodness_of_fit: float | None
    status: str = "ok"
    template: TemplateEstimate | None = None


@dataclass(frozen=True)
class Spectrum:
    """Selected spectrum of one look, with its fit.

    Attributes
    ----------
    method : str
        ``inclusive`` for the spectrum before any selection.
    window : tuple of float or None
    working_point : float
        1 for the inclusive spectrum.
    edges : tuple of float
        Bin edges, in units of the resonance (n_bins + 1).
    counts, errors : tuple of float
        Sum of weights and square root of the sum of squared weights per bin.
    fit : tuple of float or None
        Background per bin, fitted with the window masked and extrapolated into it.
    fit_error : tuple of float or None
        Standard error of `fit`.
    """

    method: str
    window: tuple[float, float] | None
    working_point: float
    edges: tuple[float, ...]
    counts: tuple[float, ...]
    errors: tuple[float, ...]
    fit: tuple[float, ...] | None
    fit_error: tuple[float, ...] | None


@dataclass(frozen=True)
class Check:
    """Something that the user did not ask for and always gets.

    Attributes
    ----------
    name : str
        For example ``sculpting``.
    passed : bool
    message : str
        The verdict in words, with its numbers.
    method : str or None
    window : tuple of float or None
    values : mapping
        Numbers behind the verdict, JSON-compatible.
    """

    name: str
    passed: bool
    message: str
    method: str | None = None
    window: tuple[float, float] | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """How well a method's score separates truth, where truth is known.

    Attributes
    ----------
    method : str
    window : tuple of float
    auc : float
    max_sic : float
        Largest eps_S / sqrt(eps_B) where eps_B is known to 20 % (1/sqrt(eps_B n_B) < 0.2).
    n_signal, n_background : int
        Events in the window.
    roc : tuple of (float, float)
        (eps_B, eps_S) points, thinned for plotting.
    """

    method: str
    window: tuple[float, float]
    auc: float
    max_sic: float
    n_signal: int
    n_background: int
    roc: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class FeatureComparison:
    """One feature of the selected events beside the template, in the signal region.

    Attributes
    ----------
    feature, method : str
    window : tuple of float
    working_point : float
    edges : tuple of float
    selected, template : tuple of float
        Densities per bin, each normalised to unit area over the edges.
    selected_error : tuple of float
    separation : float
        1/2 sum (s - t)^2 / (s + t) over bins of unit-sum histograms, in (0, 1).
    """

    feature: str
    method: str
    window: tuple[float, float]
    working_point: float
    edges: tuple[float, ...]
    selected: tuple[float, ...]
    template: tuple[float, ...]
    selected_error: tuple[float, ...]
    separation: float


@dataclass(frozen=True)
class LearningCurve:
    """Median learning curve of the members of one method in one window.

    Attributes
    ----------
    method : str
    window : tuple of float
    train_loss, validation_loss : tuple of float
        Medians over the members that still trained, per epoch or tree, in nats.
    best : tuple of int
        Where each member's kept state was reached.
    """

    method: str
    window: tuple[float, float]
    train_loss: tuple[float, ...]
    validation_loss: tuple[float, ...]
    best: tuple[int, ...]


@dataclass(frozen=True)
class DensityCurve:
    """Learning curve of a background density that was trained for one or several windows.

    Attributes
    ----------
    name : str
        Of the density, as in the run folder.
    windows : tuple of tuple of float
        Windows that it is interpolated into, in units of the resonance.
    train_loss : tuple of float
        The density's own loss per round of steps.
    validation_loss : tuple of float
        -log p of held-out events per round of steps, in nats.
    best : int
        Where the kept state was reached.
    n_events : int
        Events in the range that it was learned from.
    """

    name: str
    windows: tuple[tuple[float, float], ...]
    train_loss: tuple[float, ...]
    validation_loss: tuple[float, ...]
    best: int
    n_events: int


@dataclass(frozen=True, repr=False)
class SearchResult(Result):
    """A finished search.

    `to_json` holds the fields down to `evaluation`; the rest goes into files of its own beside it.

    Attributes
    ----------
    version : str
        bycatch's version.
    config : mapping
        The resolved configuration.
    n_events : int
        Searched events (all of them, also outside of the fit range).
    looks : tuple of Look
    best : Look
        The look with the smallest local p.
    global_p : float
        (S + 1) / (N + 1) over the toys.
    global_p_interval : tuple of float
        68.3 % Clopper-Pearson interval of S / N.
    global_z : float
    n_toys : int
    n_looks : int
    extrapolation : mapping
        Numbers beyond the toys, each marked as such: ``bonferroni``, ``tail`` (fitted).
    calibrated_down_to : float or None
        Smallest p for which the configuration was shown to be calibrated; None: not shown.
    checks : tuple of Check
    evaluation : tuple of Evaluation
    citations : tuple of str
        Keys of `bycatch.citations`.
    spectra : tuple of Spectrum
    toy_maxima : tuple of float
        Largest local z of each toy.
    features : tuple of FeatureComparison
    curves : tuple of LearningCurve
    densities : tuple of DensityCurve
        Of the densities that several tasks share; those trained within a task are not listed.
    """

    apart: ClassVar = ("spectra", "toy_maxima", "features", "curves", "densities")

    version: str
    config: Mapping[str, Any]
    n_events: int
    looks: tuple[Look, ...]
    best: Look
    global_p: float
    global_p_interval: tuple[float, float]
    global_z: float
    n_toys: int
    n_looks: int
    extrapolation: Mapping[str, Any]
    calibrated_down_to: float | None
    checks: tuple[Check, ...]
    evaluation: tuple[Evaluation, ...]
    citations: tuple[str, ...]
    spectra: tuple[Spectrum, ...]
    toy_maxima: tuple[float, ...]
    features: tuple[FeatureComparison, ...]
    curves: tuple[LearningCurve, ...]
    densities: tuple[DensityCurve, ...] = ()
