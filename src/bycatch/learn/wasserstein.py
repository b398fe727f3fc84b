"""Sliced Wasserstein distances between weighted samples of many members, differentiable.

What to use when: to pull one distribution towards another, or to watch how far apart they are, in a
few dimensions and without labels. It needs sorting only, n log n; the exact distance in many
dimensions needs n^3. In one dimension the two agree.

References
----------
.. [1] Bonneel, Rabin, Peyre, Pfister, "Sliced and Radon Wasserstein barycenters of measures",
   J. Math. Imaging Vis. 51 (2015) 22, eq. (6).
.. [2] Kolouri, Pope, Martin, Rohde, "Sliced-Wasserstein autoencoder", arXiv:1804.01947, eq. (9).
"""

from __future__ import annotations

import torch
from torch import Tensor


def unit_directions(normal: Tensor) -> Tensor:
    """Return directions from standard normal numbers of shape (..., n_features), uniform."""
    tiny = torch.finfo(normal.dtype).tiny
    squared = normal.square().sum(dim=-1, keepdim=True)
    return normal * squared.clamp_min(tiny).rsqrt()


def sliced_wasserstein(
    x: Tensor,
    y: Tensor,
    directions: Tensor,
    weight: Tensor | None = None,
    other_weight: Tensor | None = None,
    *,
    order: int = 2,
) -> Tensor:
    """Return the mean over directions of W_p^p, the p-th power of the distance along each.

    Parameters
    ----------
    x : Tensor of shape (n_members, n_rows, n_features)
    y : Tensor of shape (n_members, n_other, n_features)
        Their numbers of rows may differ.
    directions : Tensor of shape (n_members or 1, n_directions, n_features)
        Of unit length.
    weight, other_weight : Tensor of shape (n_members, n_rows), (n_members, n_other), optional
        Signed, of rows of x and y. Only their ratios count.
    order : int
        p: 1 for the earth mover's distance, 2 for squared distances.

    Returns
    -------
    Tensor of shape (n_members,)
        Zero, without a gradient, for members whose weights have no positive sum: there is no
        distribution to compare.

    Notes
    -----
    With negative weights a cumulative distribution F can fall. The quantile is then still
    inf{t: F(t) >= u}, that is, the quantile of the running maximum of F.
    """
    along = [sample @ directions.mT for sample in (x, y)]
    one, other = (projected.mT.contiguous() for projected in along)
    if weight is None and other_weight is None and x.shape[1] == y.shape[1]:
        return _power(one.sort(dim=2).values - other.sort(dim=2).values, order).mean(dim=(1, 2))
    one, cdf, there = _distribution(one, weight)
    other, other_cdf, other_there = _distribution(other, other_weight)
    level = torch.cat([cdf, other_cdf], dim=2).sort(dim=2).values
    # Between two levels both quantile functions are constant.
    step = torch.diff(level, dim=2, prepend=torch.zeros_like(level[..., :1])).to(one.dtype)
    gap = _quantile(one, cdf, level) - _quantile(other, other_cdf, level)
    return ((step * _power(gap, order)).sum(dim=2).mean(dim=1)) * (there & other_there)


def _power(gap: Tensor, order: int) -> Tensor:
    return gap.square() if order == 2 else gap.abs().pow(order)


def _distribution(values: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return sorted values, the running maximum of their F, and where there is one.

    Both of shape (n_members, n_directions, n_rows), and (n_members,).
    """
    ordered, index = values.sort(dim=2)
    if weight is None:
        weight = values.new_ones((values.shape[0], values.shape[2]))
    each = weight.double().unsqueeze(1).expand(values.shape).gather(2, index)
    total = weight.double().sum(dim=1)
    there = total > 0.0
    cdf = each.cumsum(dim=2) / torch.where(there, total, 1.0)[:, None, None]
    # F is what it is behind the last of equal values, not in between.
    fixed = ordered.detach()
    cdf = cdf.gather(2, torch.searchsorted(fixed, fixed, right=True) - 1)
    cdf = cdf.cummax(dim=2).values.clamp(0.0, 1.0)
    # Rounding must not leave the last level unreached.
    cdf[..., -1] = 1.0
    return ordered, cdf, there


def _quantile(ordered: Tensor, cdf: Tensor, level: Tensor) -> Tensor:
    return ordered.gather(2, torch.searchsorted(cdf, level).clamp_max(cdf.shape[2] - 1))
