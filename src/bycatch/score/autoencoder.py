"""Autoencoders: an event is anomalous where a network with a bottleneck cannot give it back.

What to use when: after `pca`, to see whether curved subspaces help. ``dense`` for features and
(flattened) images or objects; ``conv`` for images, with far fewer numbers to learn; ``lola`` for
the constituents of a jet, which finds masses by itself. Not alone for a search: an autoencoder
rates simple events as normal whatever it was trained on ([3]_), so look at both directions, and at
the latent norm, which often prefers the other one.

References
----------
.. [1] Heimel, Kasieczka, Plehn, Thompson, "QCD or what?", arXiv:1808.08979.
.. [2] Farina, Nakai, Shih, "Searching for new physics with deep autoencoders", arXiv:1808.08992.
.. [3] Finke et al., "Autoencoders for unsupervised anomaly detection in high energy physics",
   arXiv:2104.09051.
"""

from __future__ import annotations

from bycatch.score.parts.reconstruction import ErrorOptions, ReconstructionScore


class Autoencoder(ErrorOptions, ReconstructionScore):
    """Layers to a bottleneck and back; the score is the error of what comes back.

    Features are standardised; pixels are divided by their common root mean square.
    """

    kind = "autoencoder"
    citation = "deep-autoencoders"
