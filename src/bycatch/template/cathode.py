"""CATHODE: classify the window against a background that is drawn from an interpolated density.

What to use when: after `cwola`, above all where features follow the resonance or the sidebands are
narrow. The density p(x | m) is learned on everything outside of the window, interpolated into it,
and sampled at the window's masses; the classifier then compares like with like, and with more
template events than the sidebands hold.

Weak spot: the template is as good as the density. Where it errs, the classifier learns the error,
and the template's background estimate is off by delta_sys, at the same sensitivity: read delta_sys
beside every working point. A feature that bends sharply with the mass inside of the window is not
interpolated, and a density needs a few thousand events.

Here, unlike in Ref. [1]_: the default density is an autoregressive spline flow, which holds the
sharp edges of substructure features better than affine maps or flow matching (on LHC Olympics and
Pythia events its template is off by 1 to 4 % at an efficiency of 10 %, that of flow matching by 11
to 23 %); and masses are drawn from those of the window's events instead of from a smoothed
histogram. With `density: matching` one density serves all windows of a scan, each by a head that
does not learn from its window. (Ref. [2]_ trains one model on all events, the windows' among them,
and interpolates its parameters into a window; here the window's events have weight zero in the
head's loss instead. The scaling and the functions of x that all heads share are learned from all
events.)

References
----------
.. [1] Hallin et al., "Classifying anomalies through outer density estimation", arXiv:2109.00546.
.. [2] Das, Shih, "SIGMA: Single interpolated generative model for anomalies", arXiv:2410.20537.
"""

from __future__ import annotations

from typing import ClassVar

from bycatch.template._interpolated import InterpolatedTemplate


class Cathode(InterpolatedTemplate):
    """Class 1 is the window, class 0 samples of the sidebands' density at the window's masses.

    Attributes
    ----------
    shares : bool
        Whether one density is to serve all windows of a search.
    background_ : SidebandDensity
        What the last training set was drawn from.
    """

    name: ClassVar[str] = "cathode"
    citation: ClassVar[str] = "cathode"

    density = "spline"
