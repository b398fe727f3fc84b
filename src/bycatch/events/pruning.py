"""Whether a cut can hold anywhere in a block of rows, given the range of its columns there."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from bycatch.events.expressions import Expression


def may_pass(where: Expression, bounds: Mapping[str, tuple[float, float]]) -> bool:
    """Return False only if no row of the block can pass the cut.

    Parameters
    ----------
    where : Expression
        A cut.
    bounds : mapping of str to (float, float)
        Smallest and largest value per column, NaN aside, where they are known.

    Returns
    -------
    bool
        Comparisons of a column with a number, joined by ``&`` and ``|``, are judged; anything
        else may pass. A comparison with NaN is false (``!=`` is never judged), so statistics that
        leave NaN out are safe.
    """
    return _may_hold(where.tree, where, bounds)


def _may_hold(node: ast.expr, where: Expression, bounds: Mapping[str, tuple[float, float]]) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd):
        return _may_hold(node.left, where, bounds) and _may_hold(node.right, where, bounds)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _may_hold(node.left, where, bounds) or _may_hold(node.right, where, bounds)
    if isinstance(node, ast.Compare):
        sides = [_interval(side, where, bounds) for side in (node.left, *node.comparators)]
        return all(
            left is None or right is None or _possible(operator, left, right)
            for operator, left, right in zip(node.ops, sides[:-1], sides[1:], strict=True)
        )
    return True


def _interval(
    node: ast.expr, where: Expression, bounds: Mapping[str, tuple[float, float]]
) -> tuple[float, float] | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value), float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _interval(node.operand, where, bounds)
        return None if inner is None else (-inner[1], -inner[0])
    if isinstance(node, ast.Name):
        return bounds.get(where.column(node))
    return None


def _possible(operator: ast.cmpop, left: tuple[float, float], right: tuple[float, float]) -> bool:
    if isinstance(operator, ast.Lt | ast.LtE):
        return left[0] <= right[1]
    if isinstance(operator, ast.Gt | ast.GtE):
        return left[1] >= right[0]
    if isinstance(operator, ast.Eq):
        return left[0] <= right[1] and right[0] <= left[1]
    return True
