"""What a search is going to do, resolved and frozen.

`bycatch.config` builds a plan from YAML; Python users build it directly. A plan is plain data: two
equal plans give equal results, and its hash names the run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bycatch.statistics.plan import BackgroundPlan

__all__ = [
    "DataPlan",
    "InjectionPlan",
    "MethodPlan",
    "RegionPlan",
    "ScanPlan",
    "SearchPlan",
]


@dataclass(frozen=True)
class InjectionPlan:
    """Signal events to add to the data (for studies).

    Attributes
    ----------
    path : tuple of str
        Files, resolved against the folder of the configuration.
    where : str or None
        Cut.
    count : int
        Number of events over the full mass range, drawn without replacement.
    """

    path: tuple[str, ...]
    where: str | None
    count: int


@dataclass(frozen=True)
class DataPlan:
    """Where the events come from.

    Attributes
    ----------
    path : tuple of str
        Files (``file.root:Events`` names a tree), resolved against the configuration's folder.
    where : str or None
        Cut expression.
    weight : str or None
        Expression of the signed event weight; None means 1.
    inject : InjectionPlan or None
    nonfinite : {"refuse", "drop"}
        What to do with events that have a NaN or infinite feature.
    fraction : float
        Random fraction of the events of `path` that is used (1 is all; drawn from the run's seed).
    """

    path: tuple[str, ...]
    where: str | None = None
    weight: str | None = None
    inject: InjectionPlan | None = None
    nonfinite: Literal["refuse", "drop"] = "refuse"
    fraction: float = 1.0


@dataclass(frozen=True)
class ScanPlan:
    """A scan of windows: centres from `first` to `last`.

    Attributes
    ----------
    first, last : float
        Centres of the first and of the last window, in units of the resonance.
    width : float
        Full width of a window as a fraction of its centre.
    step : float
        Distance of neighbouring centres as a fraction of the window's width.
    """

    first: float
    last: float
    width: float
    step: float


@dataclass(frozen=True)
class RegionPlan:
    """Binning, fit range, windows and training sidebands, as asked for.

    Attributes
    ----------
    bins : float or tuple of float or "auto"
        Bin width in units of the resonance, explicit edges, or automatic.
    fit_range : tuple of float
    windows : tuple of tuple of float, or ScanPlan
    sidebands : float or tuple of tuple of float or None
        Width of each side as a fraction of the window's centre, explicit intervals, or (None) the
        whole fit range outside of the window.
    """

    bins: float | tuple[float, ...] | Literal["auto"]
    fit_range: tuple[float, float]
    windows: tuple[tuple[float, float], ...] | ScanPlan
    sidebands: float | tuple[tuple[float, float], ...] | None = None


@dataclass(frozen=True)
class MethodPlan:
    """One way to score events.

    Attributes
    ----------
    template : str
        Name in `bycatch.template.TEMPLATES`.
    classifier : str or None
        Name in `bycatch.learn.CLASSIFIERS`; None for templates with a score of their own.
    options : tuple of (str, object)
        Further keyword arguments of the classifier.
    template_options : tuple of (str, object)
        Keyword arguments of the template.
    label : str or None
        Name instead of the one that template and classifier give.
    """

    template: str
    classifier: str | None = None
    options: tuple[tuple[str, object], ...] = ()
    template_options: tuple[tuple[str, object], ...] = ()
    label: str | None = None

    @property
    def name(self) -> str:
        """Name in results and file names, for example ``cwola-trees``."""
        return self.label or "-".join(filter(None, (self.template, self.classifier)))


@dataclass(frozen=True)
class SearchPlan:
    """A whole search.

    Attributes
    ----------
    data : DataPlan
    resonance : str
        Expression of the resonant feature.
    features : tuple of (str, str)
        Name and expression of each feature.
    regions : RegionPlan
    methods : tuple of MethodPlan
    truth : str or None
        Expression of the truth label; evaluation only.
    folds : int or "half"
        k of the nested k-fold, or "half": train on one half, search in the other.
    members : int
        Classifiers per fold.
    working_points : tuple of float
        Background efficiencies, in (0, 1].
    background : BackgroundPlan
    toys : int
        Number of pseudo-data sets of the global p-value.
    seed : int
    validation : str or None
        Folder of a `bycatch validate` run whose correction is applied.
    """

    data: DataPlan
    resonance: str
    features: tuple[tuple[str, str], ...]
    regions: RegionPlan
    methods: tuple[MethodPlan, ...]
    truth: str | None = None
    folds: int | Literal["half"] = 5
    members: int = 10
    working_points: tuple[float, ...] = (0.1, 0.01, 0.001)
    background: BackgroundPlan = field(default_factory=BackgroundPlan)
    toys: int = 1000
    seed: int = 1
    validation: str | None = None
