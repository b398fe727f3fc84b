"""Penalties that make what a network says independent of a protected variable, the mass say.

What to use when: `distance_correlation` where the protected variable is a number per row and the
batch has a few hundred rows: it sees dependences of every form, has no free choice and one extra
term in the loss. `reverse_gradient` where an adversary shall find the dependence, for example in
many variables at once; it needs tuning, and its game has no minimum at which to stop.

References
----------
.. [1] Kasieczka, Shih, "Robust jet classifiers through distance correlation", arXiv:2001.05310.
.. [2] Szekely, Rizzo, Bakirov, "Measuring and testing dependence by correlation of distances",
   arXiv:0803.4101, definitions 4 and 5.
.. [3] Ganin, Lempitsky, "Unsupervised domain adaptation by backpropagation", arXiv:1409.7495.
"""

from __future__ import annotations

from torch import Tensor

_SMALLEST = 1e-12
"""Of a product of variances, in units of the spreads, that counts as more than rounding."""


def distance_covariance(a: Tensor, b: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the squared distance covariance of two variables.

    The sum of w_i w_j A_ij B_ij over (sum of w)^2, where A_ij is |a_i - a_j| minus the weighted
    means of its row and of its column plus that of all. It is zero in the limit of many rows if and
    only if the two are independent. Of n independent rows without weights it is on average
    E|a - a'| E|b - b'| / n: a batch must be large for small dependences.

    Parameters
    ----------
    a, b : Tensor of shape (n_members, n_rows)
    weight : Tensor of shape (n_members, n_rows), optional
        Signed weights, which enter as they are: a row of weight 2 is two rows, one of -1 takes one
        away, one of 0 is not there. With negative weights the result may fall below zero by
        fluctuation.

    Returns
    -------
    Tensor of shape (n_members,)
        0 where the sum of weights is not positive.
    """
    w = _fractions(a, weight)
    return _product(_centred(a, w), _centred(b, w), w)


def distance_correlation(a: Tensor, b: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the squared distance correlation of two variables.

    The covariance over the root of the product of the two variances; between 0 and 1 with positive
    weights, 1 for a linear relation. Memory and time grow as the square of the number of rows.

    Parameters
    ----------
    a, b, weight
        As in `distance_covariance`.

    Returns
    -------
    Tensor of shape (n_members,)
        0 where a variable is constant, or where negative weights leave no positive sum or no
        variance; no gradient then either.
    """
    w = _fractions(a, weight)
    A, B = _centred(_unit(a), w), _centred(_unit(b), w)
    product = _product(A, A, w) * _product(B, B, w)
    # The root of zero has no gradient: it must not even be taken where it is not used.
    usable = product > _SMALLEST
    root = product.where(usable, product.new_ones(())).sqrt()
    return (_product(A, B, w) / root).where(usable, product.new_zeros(()))


def reverse_gradient(x: Tensor, strength: float) -> Tensor:
    """Return its argument, and minus `strength` times the gradient where it comes back.

    Parameters
    ----------
    x : Tensor
    strength : float

    Returns
    -------
    Tensor
    """
    return (1.0 + strength) * x.detach() - strength * x


def _fractions(like: Tensor, weight: Tensor | None) -> Tensor:
    """Return weights that sum to 1, or that are all 0 where there is no positive sum."""
    w = like.new_ones(like.shape) if weight is None else weight.to(like.dtype)
    total = w.sum(dim=1, keepdim=True)
    return (w / total.where(total > 0.0, total.new_ones(()))) * (total > 0.0)


def _unit(a: Tensor) -> Tensor:
    """Scale a variable by its spread, which changes no correlation but keeps squares of squares."""
    scale = (a - a.mean(dim=1, keepdim=True)).abs().mean(dim=1, keepdim=True).detach()
    return a / scale.where(scale > 0.0, scale.new_ones(()))


def _centred(a: Tensor, w: Tensor) -> Tensor:
    """Return distances minus their means, of shape (n_members, n_rows, n_rows)."""
    distance = (a.unsqueeze(2) - a.unsqueeze(1)).abs()
    mean = (distance * w.unsqueeze(1)).sum(dim=2)
    whole = (mean * w).sum(dim=1)
    return distance - mean.unsqueeze(1) - mean.unsqueeze(2) + whole[:, None, None]


def _product(A: Tensor, B: Tensor, w: Tensor) -> Tensor:
    return ((A * B * w.unsqueeze(1)).sum(dim=2) * w).sum(dim=1)
