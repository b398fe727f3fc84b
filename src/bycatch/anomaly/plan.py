"""What a run of `bycatch score` is going to do: plain frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Layout = Literal["vector", "image", "set"]

LAYOUTS: dict[str, Layout] = {
    "features": "vector",
    "images": "image",
    "constituents": "set",
    "objects": "set",
    "particle_flow": "set",
    "substructure": "vector",
    "lepton_stream": "vector",
}
"""What a row of each representation is; ``features`` are expressions of columns."""


@dataclass(frozen=True)
class SamplePlan:
    """Events of one process.

    Attributes
    ----------
    name : str
        ``background``, or the name of a signal.
    path : tuple of str
    where : str or None
        Cut.
    limit : int or None
        Events to use at most, drawn from the seed.
    """

    name: str
    path: tuple[str, ...]
    where: str | None = None
    limit: int | None = None


@dataclass(frozen=True)
class InputPlan:
    """What a model eats.

    Attributes
    ----------
    name : str
        Key of `LAYOUTS`.
    options : mapping
        Of that representation.
    features : tuple of (str, str)
        Name and expression of each; only for ``features``.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    features: tuple[tuple[str, str], ...] = ()

    @property
    def layout(self) -> Layout:
        """What a row is."""
        return LAYOUTS[self.name]


@dataclass(frozen=True)
class MethodPlan:
    """One score.

    Attributes
    ----------
    name : str
        In files and tables.
    kind : str
        Key of `bycatch.score.SCORES`.
    options : mapping
        Of that score; with ``members``, ``device`` and ``layout`` where it has them.
    flat : bool
        Whether its rows are images or sets made into vectors.
    uses : str
        Argument of `fit` that it needs besides X: ``label`` (background and other signals),
        ``protected`` (the mass), or nothing.
    """

    name: str
    kind: str
    options: Mapping[str, Any]
    flat: bool = False
    uses: Literal["", "label", "protected"] = ""

    @property
    def members(self) -> int:
        """Independent repetitions."""
        return int(self.options.get("members", 1))


@dataclass(frozen=True)
class ReferencePlan:
    """The supervised yardstick.

    Attributes
    ----------
    name : str
        Key of `bycatch.learn.TAGGERS` or of `bycatch.learn.CLASSIFIERS`.
    options : mapping
    members : int
    tagger : bool
        Whether it is one of the former.
    flat : bool
        As in `MethodPlan`.
    """

    name: str
    options: Mapping[str, Any]
    members: int
    tagger: bool
    flat: bool


@dataclass(frozen=True)
class CutPlan:
    """The spectrum behind cuts on a score.

    Attributes
    ----------
    cuts : tuple of float
        Fractions of the events that pass.
    signal : float
        Fraction of signal in the hunted events where the training says nothing else.
    bins : int
    range : tuple of float or None
        In units of the mass; None: from the background's spectrum.
    family : str
    order : int or "auto"
    toys : int
    """

    cuts: tuple[float, ...] = (0.1, 0.01)
    signal: float = 0.01
    bins: int = 50
    range: tuple[float, float] | None = None
    family: str = "auto"
    order: int | Literal["auto"] = "auto"
    toys: int = 1000


@dataclass(frozen=True)
class Preprocessing:
    """How pixels are reweighted, see `bycatch.represent.images.reweighted`.

    Attributes
    ----------
    power : float
    smear : float
        In pixels.
    """

    power: float = 1.0
    smear: float = 0.0


@dataclass(frozen=True)
class ScorePlan:
    """A run.

    Attributes
    ----------
    background : SamplePlan
    signals : tuple of SamplePlan
        May be empty: then events are scored and nothing is compared.
    inputs : InputPlan
        For images without their power and their smearing, which stand in `pixels`.
    methods : tuple of MethodPlan
    weight, mass : str or None
        Expressions.
    pixels : Preprocessing or None
        Of images; None for everything else.
    variants : tuple of Preprocessing
        Other reweightings to train with.
    contamination : tuple of float
        Fractions of signal in the training, by weight.
    folds : int
        0: train on one part, test on the other. Else the data themselves are scored, by models of
        the other folds.
    test_fraction : float
    inverse : bool
        Whether to train on the signals and test on background too.
    reference : ReferencePlan or None
    cuts : CutPlan or None
        None where there is no mass.
    nonfinite : {"refuse", "drop"}
    seed : int
    """

    background: SamplePlan
    signals: tuple[SamplePlan, ...]
    inputs: InputPlan
    methods: tuple[MethodPlan, ...]
    weight: str | None = None
    mass: str | None = None
    pixels: Preprocessing | None = None
    variants: tuple[Preprocessing, ...] = ()
    contamination: tuple[float, ...] = (0.0,)
    folds: int = 0
    test_fraction: float = 0.5
    inverse: bool = False
    reference: ReferencePlan | None = None
    cuts: CutPlan | None = None
    nonfinite: Literal["refuse", "drop"] = "refuse"
    seed: int = 1

    @property
    def samples(self) -> tuple[SamplePlan, ...]:
        """Background, then the signals."""
        return (self.background, *self.signals)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the processes, in the order of their numbers."""
        return tuple(sample.name for sample in self.samples)
