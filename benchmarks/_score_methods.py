"""The scores that `bench_scores.py` compares, with their settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["METHODS", "Method"]


@dataclass(frozen=True)
class Method:
    """A score with its representation and options.

    Attributes
    ----------
    score : str
        Key of `bycatch.score.SCORES`, or of `bycatch.learn.TAGGERS` where `supervised`.
    representation : mapping
        ``name`` and options of `bycatch.represent.represent`.
    options : mapping
        Of the score.
    flat : bool
        Give images as vectors.
    supervised : bool
        A tagger, trained with labels.
    """

    score: str
    representation: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    flat: bool = False
    supervised: bool = False

    def setting(self) -> dict[str, Any]:
        """Return what changes a row."""
        return {"score": self.score, "representation": self.representation, **self.options}


IMAGE = {"name": "images", "size": 20, "power": 0.5, "smear": 1.0}
CONSTITUENTS = {"name": "constituents", "n_max": 40, "frame": "standard"}
MOMENTA = {"name": "constituents", "n_max": 40, "features": "momenta"}
FAINT = {"name": "images", "size": 20, "power": 0.1, "smear": 1.0}
BASIS = {"name": "substructure", "n_bodies": 6, "jet": True}

DENSE = {"hidden": (128, 64), "n_latent": 6, "steps": 3000}

METHODS = {
    "pca-images": Method("pca", IMAGE, {"components": 6, "standardise": False, "layout": "image"}),
    "pca-basis": Method("pca", BASIS, {"components": 6}),
    "mahalanobis-basis": Method("mahalanobis", BASIS),
    "isolation_forest-basis": Method("isolation_forest", BASIS),
    "autoencoder-dense": Method("autoencoder", IMAGE, {**DENSE, "layout": "image"}),
    "autoencoder-conv": Method(
        "autoencoder", IMAGE, {"network": "conv", "n_latent": 6, "steps": 2000}
    ),
    "autoencoder-lola": Method(
        "autoencoder", MOMENTA, {"network": "lola", "loss": "masked", "steps": 2000}
    ),
    "vae-images": Method("vae", IMAGE, {**DENSE, "layout": "image"}),
    "dirichlet_vae-images": Method("dirichlet_vae", IMAGE),
    "swae-images": Method("swae", IMAGE, {**DENSE, "layout": "image"}),
    "nae-start": Method("nae", IMAGE, {"layout": "image", "energy_steps": 0}),
    "nae": Method("nae", IMAGE, {"layout": "image"}),
    "autoencoder-faint": Method("autoencoder", FAINT, {**DENSE, "layout": "image"}),
    "nae-faint": Method("nae", FAINT, {"layout": "image"}),
    "nae-4-start": Method("nae", IMAGE, {"layout": "image", "n_latent": 4, "energy_steps": 0}),
    "nae-4": Method("nae", IMAGE, {"layout": "image", "n_latent": 4}),
    "wnae": Method("wnae", IMAGE, {"layout": "image"}),
    "jet_clr": Method("jet_clr", CONSTITUENTS),
    "anomaly_clr-jets": Method(
        "jet_clr", CONSTITUENTS, {"anomalous": ("drop_constituents", "move_prong", "reshare_pt")}
    ),
    "flow-images": Method("flow", IMAGE, {"layout": "image", "components": 10}),
    "flow-constituents": Method("flow", CONSTITUENTS, {"components": 20}, flat=True),
    "flow-basis": Method("flow", BASIS),
    "mlp-basis": Method("mlp", BASIS, {"steps": 4000}, supervised=True),
    "cnn-images": Method("cnn", {"name": "images", "size": 20}, {"steps": 1500}, supervised=True),
    "deep_sets": Method("deep_sets", CONSTITUENTS, {"steps": 1200}, supervised=True),
}
