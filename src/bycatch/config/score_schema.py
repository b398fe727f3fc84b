"""The keys of the YAML file of `bycatch score`, each with its type, its default and its meaning."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, Strict, model_validator

from bycatch.fields import (
    Block,
    Expression,
    OpenBlock,
    Paths,
    Real,
    RepresentationPlan,
    Share,
    Text,
    Whole,
    listed,
    named,
)

Name = Annotated[str, Strict(), Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_+-]*$")]
Fraction = Annotated[Real, Field(ge=0, lt=1)]


def _features(value: Any) -> Any:
    """Let a list of expressions stand for a mapping in which each is its own name."""
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        if len(set(value)) < len(value):
            raise ValueError("a list in which no expression stands twice")
        return {item: item for item in value}
    return value


def _supervised(value: Any) -> Any:
    """Let true stand for the default model, and a text for its name."""
    if value is True:
        return {}
    if value is False:
        return None
    return {"name": value} if isinstance(value, str) else value


class SampleConfig(Block):
    """Events of one process; a bare path stands for its `path`."""

    path: Paths = Field(description="File, list of files or glob.")
    where: Expression | None = Field(None, description="Cut: an expression of the columns.")
    limit: Annotated[Whole, Field(ge=2)] | None = Field(
        None, description="Use this many events at most, drawn from the seed."
    )


Sample = Annotated[SampleConfig, named("path")]


class ScoreDataConfig(Block):
    """Where the events come from."""

    background: Sample = Field(description="Events to learn from.")
    signals: dict[Name, Sample] = Field(
        min_length=1, description="Name and events of each signal to test the scores with."
    )
    weight: Expression | None = Field(
        None, description="Expression of the signed event weight; 1 where absent."
    )
    mass: Expression | None = Field(
        None,
        description="Expression of the variable that cuts on a score must not sculpt, and in whose "
        "spectrum bumps are hunted; nothing of the kind is done where it is absent.",
    )
    where: Expression | None = Field(None, description="Cut on all samples, on top of their own.")
    limit: Annotated[Whole, Field(ge=2)] | None = Field(
        None, description="Use this many events of each sample at most, drawn from the seed."
    )


class ScoreMethodConfig(OpenBlock):
    """One score; further keys are its options. A bare name stands for its `name`."""

    name: Text = Field(description="pca, autoencoder, vae, nae ...: a key of the scores.")
    label: Name | None = Field(
        None, description="Name in the result, where two methods have the same `name`."
    )


class PreprocessingConfig(Block):
    """Other ways to reweight pixels, each trained and tested: one of the two is changed at once."""

    power: Annotated[tuple[Annotated[Real, Field(gt=0)], ...], BeforeValidator(listed)] = Field(
        (), description="Exponents of the pixels."
    )
    smear: Annotated[tuple[Annotated[Real, Field(ge=0)], ...], BeforeValidator(listed)] = Field(
        (), description="Standard deviations of a Gaussian smearing, in pixels."
    )


class HuntConfig(Block):
    """The spectrum of the mass behind cuts on the scores."""

    cuts: Annotated[tuple[Share, ...], BeforeValidator(listed), Field(min_length=1)] = Field(
        (0.1, 0.01), description="Fractions of the events that cuts let pass."
    )
    signal: Share | None = Field(
        None,
        description="Fraction of signal in the hunted events; the largest contamination, or 0.01, "
        "where absent.",
    )
    bins: Annotated[Whole, Field(ge=10)] = Field(50, description="Bins of equal width.")
    range: tuple[Real, Real] | None = Field(
        None,
        description="Range of the mass; where absent, hunts begin at the peak of the background's "
        "spectrum and end where 99 % of it are below.",
    )
    family: Text = Field("auto", description="Family of the smooth background, or auto.")
    order: Annotated[Whole, Field(ge=1)] | Literal["auto"] = Field(
        "auto", description="Number of its parameters, or auto."
    )
    toys: Annotated[Whole, Field(ge=1)] = Field(
        1000, description="Pseudo-data sets for each global p-value."
    )


class SupervisedConfig(OpenBlock):
    """The yardstick that learns from labels; further keys are options of the model."""

    name: Text | None = Field(
        None,
        description="trees, network, mlp, cnn, deep_sets or transformer; by what a row is where "
        "absent.",
    )


class ScoreConfig(Block):
    """Scores without labels, trained and judged."""

    data: ScoreDataConfig = Field(description="Where the events come from.")
    representation: Annotated[RepresentationPlan, named("name")] | None = Field(
        None, description="What a model eats; or give `features`."
    )
    features: Annotated[dict[str, Expression], BeforeValidator(_features)] | None = Field(
        None, description="Name and expression of each feature, or a list of expressions."
    )
    methods: tuple[Annotated[ScoreMethodConfig, named("name")], ...] = Field(
        min_length=1, description="Scores to train and judge."
    )
    train: Literal["background", "data"] = Field(
        "background",
        description="background: learn from one part, test on the other; data: learn from the "
        "events that are scored, in folds, so that no model scores what it saw.",
    )
    contamination: Annotated[tuple[Fraction, ...], BeforeValidator(listed), Field(min_length=1)] = (
        Field((0.0,), description="Fractions of signal in the training, by weight.")
    )
    inverse: bool = Field(
        False, description="Train on each signal and test on background, too (complexity bias)."
    )
    test_fraction: Share = Field(
        0.5, description="Fraction of each sample that tests, where `train` is background."
    )
    folds: Annotated[Whole, Field(ge=2, le=100)] = Field(
        5, description="Number of folds, where `train` is data."
    )
    members: Annotated[Whole, Field(ge=1)] = Field(
        3, description="Repetitions of every training with other seeds, for the spread."
    )
    preprocessing: PreprocessingConfig | None = Field(
        None, description="Other reweightings of the pixels to train with."
    )
    supervised: Annotated[SupervisedConfig | None, BeforeValidator(_supervised)] = Field(
        default_factory=lambda: SupervisedConfig.model_validate({}),
        description="The supervised reference: true, false, a name, or a block.",
    )
    hunt: HuntConfig = Field(
        default_factory=lambda: HuntConfig.model_validate({}),
        description="The spectrum behind cuts; used where there is a mass.",
    )
    nonfinite: Literal["refuse", "drop"] = Field(
        "refuse", description="What to do with events that have a NaN or infinite value."
    )
    device: Text = Field("cpu", description="Where networks are trained: cpu, cuda or cuda:N.")
    seed: Annotated[Whole, Field(ge=0)] = Field(1, description="Where all random numbers start.")
    output: Text | None = Field(
        None, description="Run folder; `runs/NAME` after the name of the file where absent."
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.representation is None) == (self.features is None):
            raise ValueError("with exactly one of 'representation' and 'features'")
        return self
