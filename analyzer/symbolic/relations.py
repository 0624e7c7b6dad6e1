"""What was decided, as one reads it: roundings undone, and what follows from the rest left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import gcd, inf, lcm
from typing import Any

import sympy

from analyzer.symbolic.rounding import FloorDiv, gathered, products, remainder, symbol

__all__ = ["Bounds", "bounds_of", "canonical", "interval", "narrowed", "never_negative", "settled"]

Bounds = dict[Any, tuple[float, float]]
"""Symbol -> its smallest and its largest size."""

_FLIPPED = {">=": "<=", "<=": ">=", "==": "==", "!=": "!="}


def canonical(relation: Any) -> tuple[Any, ...]:
    """The same as relations that hold together, each a sum without a number against a number.

    >>> from analyzer.symbolic.rounding import symbol
    >>> H = symbol("H")
    >>> canonical(FloorDiv(H - 31, 8) >= 4), canonical(sympy.Gt(7 * FloorDiv(H + 6, 7), 7)), canonical(2 * H + 1 < 8)
    ((H >= 63,), (H >= 8,), (H <= 3,))
    """
    if relation is sympy.true:
        return ()
    if isinstance(relation, sympy.And):
        return tuple(one for part in relation.args for one in canonical(part))
    if not relation.is_Relational or any(not atom.args[1].is_Integer for atom in relation.atoms(FloorDiv)):
        return (relation,)
    terms = products(gathered(sympy.expand(relation.lhs - relation.rhs)))
    if not all(factor.is_Rational for factor in terms.values()):
        return (relation,)
    scale = lcm(*(int(factor.q) for factor in terms.values()))
    constant = int(terms.pop(sympy.S.One, 0) * scale)
    operator = relation.rel_op
    if operator in ("<", ">"):
        constant += -1 if operator == ">" else 1
        operator += "="
    factors = {product: int(factor * scale) for product, factor in terms.items()}
    if not factors:
        return () if sympy.Rel(constant, 0, operator) == True else (sympy.false,)  # noqa: E712
    return _against(factors, -constant, operator)


def _against(factors: dict[Any, int], number: int, operator: str) -> tuple[Any, ...]:
    """The relation of a sum and a number, without a common factor and with a positive one in front."""
    common = gcd(*factors.values())
    first = min(factors, key=lambda product: product.sort_key())
    below = sum(factor < 0 for factor in factors.values())
    total = sympy.Add(*(product * (factor // common) for product, factor in factors.items()))
    negative = 2 * below > len(factors) or (2 * below == len(factors) and factors[first] < 0)
    if not remainder(total) and (negative or remainder(-total)):
        total, common, operator = -total, -common, _FLIPPED[operator]
    if operator in ("==", "!=") and number % common:
        return () if operator == "!=" else (sympy.false,)
    number = -(-number // common) if operator == ">=" else number // common
    if isinstance(total, FloorDiv) and total.args[1].is_Integer and operator in (">=", "<="):
        top, bottom = total.args
        return canonical(sympy.Rel(top, number * bottom + (0 if operator == ">=" else bottom - 1), operator))
    return (sympy.Rel(total, number, operator, evaluate=False),)


# --- what follows -----------------------------------------------------------------------------------------------------


def interval(expr: Any, bounds: Bounds) -> tuple[float, float]:
    """Between which numbers a formula is, for all sizes within bounds.

    >>> from analyzer.symbolic.rounding import symbol
    >>> H = symbol("H")
    >>> interval(3 * FloorDiv(H + 1, 2) + 1, {H: (3, 8)}), interval(H - 7 * FloorDiv(H, 7), {H: (1, inf)})
    ((7, 13), (0, 6))
    """
    if expr.is_Integer:
        return int(expr), int(expr)
    if expr.is_Symbol:
        return bounds.get(expr, (1, inf))
    left = remainder(expr)
    if left is not None and isinstance(left[1], int):
        return left[2], left[1] - 1 + left[2]
    parts = [interval(part, bounds) for part in expr.args]
    if expr.is_Add:
        return sum(low for low, _ in parts), sum(high for _, high in parts)
    if expr.is_Mul:
        return _product(parts)
    if expr.is_Pow and expr.exp.is_Integer and 0 < expr.exp < 9:
        return _product([parts[0]] * int(expr.exp))
    if isinstance(expr, FloorDiv) and expr.args[1].is_Integer:
        return tuple(end if abs(end) == inf else end // int(expr.args[1]) for end in parts[0])  # type: ignore[return-value]
    if isinstance(expr, (sympy.Max, sympy.Min)):
        pick = max if isinstance(expr, sympy.Max) else min
        return pick(low for low, _ in parts), pick(high for _, high in parts)
    return -inf, inf


def _product(parts: Iterable[tuple[float, float]]) -> tuple[float, float]:
    low: float = 1
    high: float = 1
    for ends in parts:
        corners = [a * b if a and b else 0 for a in (low, high) for b in ends]  # nothing times infinity is nothing
        low, high = min(corners), max(corners)
    return low, high


def settled(decisions: Iterable[tuple[Any, Any]], bounds: Bounds) -> list[tuple[Any, Any]]:
    """Relations, each with anything beside it, without those that follow from the others.

    Args:
        decisions: what was decided, in order.
        bounds: what is known of the sizes without them.
    """
    found = [(part, beside) for relation, beside in decisions for part in canonical(relation)]
    known = dict(bounds)
    for _ in range(8):  # a bound found late may simplify what stands early
        before = dict(known), found
        found = [(part, beside) for relation, beside in found for part in _within(relation, known)]
        for relation, _source in found:
            _narrow(relation, known)
        if (known, found) == before:
            break
    kept: dict[Any, Any] = {}
    for relation, beside in found:
        mine = relation.is_Relational and relation.lhs.is_Symbol and relation.rhs.is_Integer
        if not mine:
            if not _follows(relation, known) and not any(_stronger(other, relation) for other, _ in found):
                kept.setdefault(relation, beside)
        elif not _follows(relation, bounds):
            low, high = known[relation.lhs]
            if low == high:
                kept.setdefault(sympy.Eq(relation.lhs, int(low), evaluate=False), beside)
            elif (relation.rel_op, relation.rhs) in ((">=", low), ("<=", high)) or (
                relation.rel_op == "!=" and low < relation.rhs < high
            ):
                kept.setdefault(relation, beside)
    return list(kept.items())


def _within(relation: Any, known: Bounds) -> Iterator[Any]:
    """The same relation where sizes are within bounds: not the smallest is larger, a product of sizes is sizes."""
    if not relation.is_Relational or not relation.rhs.is_Integer:
        yield relation
        return
    left, right, operator = relation.lhs, int(relation.rhs), relation.rel_op
    low, high = interval(left, known)
    if operator == "!=" and right in (low, high):
        made = sympy.Rel(left, right + (1 if right == low else -1), ">=" if right == low else "<=", evaluate=False)
        yield from canonical(made)
    elif (operator, right) in (("<=", low), (">=", high)):
        yield from canonical(sympy.Eq(left, right, evaluate=False)) if not left.is_Symbol else (relation,)
    elif operator == ">=" and right == 1 and left.is_Mul and all(interval(part, known)[0] >= 0 for part in left.args):
        for part in left.args:
            yield from canonical(sympy.Rel(part, 1, ">=", evaluate=False))
    else:
        yield relation


def _narrow(relation: Any, known: Bounds) -> None:
    if relation.is_Relational and relation.lhs.is_Symbol and relation.rhs.is_Integer:
        low, high = known.get(relation.lhs, (1, inf))
        number = int(relation.rhs)
        if relation.rel_op in (">=", "=="):
            low = max(low, number)
        if relation.rel_op in ("<=", "=="):
            high = min(high, number)
        known[relation.lhs] = (low, high)


def _stronger(one: Any, other: Any) -> bool:
    """Whether a relation says the same of the same sum and a number, and more."""
    if not (one.is_Relational and other.is_Relational and one.lhs == other.lhs and one.rel_op == other.rel_op):
        return False
    more = one.rhs - other.rhs
    return bool(more.is_Integer and ((one.rel_op == ">=" and more > 0) or (one.rel_op == "<=" and more < 0)))


def _follows(relation: Any, known: Bounds) -> bool:
    """Whether it holds for all sizes within bounds."""
    if not relation.is_Relational or not relation.rhs.is_Integer:
        return False
    left, number = relation.lhs, int(relation.rhs)
    low, high = interval(left, known)
    if relation.rel_op == ">=":
        return low >= number or never_negative(left - number, known)
    if relation.rel_op == "<=":
        return high <= number or never_negative(number - left, known)
    if relation.rel_op == "!=":
        outside = not low <= number <= high
        return outside or never_negative(left - number - 1, known) or never_negative(number - left - 1, known)
    return low == high == number


def never_negative(expr: Any, known: Bounds) -> bool:
    """Whether it can be shown that a formula is 0 or more for all sizes within bounds.

    Roundings are replaced by ratios that are no larger, and no smaller where they are taken away. What is left is 0 or
    more where, counted from the smallest sizes on, no term of it is negative.

    >>> H = symbol("H")
    >>> never_negative(H - FloorDiv(H + 2, 3), {H: (1, inf)}), never_negative(H - FloorDiv(H + 3, 3), {H: (1, inf)})
    (True, False)
    """
    terms = products(expr)
    moved = {one: one + int(known.get(one, (1, inf))[0]) for one in expr.free_symbols}

    def shown(smooth: Any) -> bool:
        return all(factor >= 0 for factor in products(smooth.xreplace(moved)).values())

    below = []
    for product, factor in terms.items():
        atoms = product.atoms(FloorDiv)
        if any(atom.args[0].atoms(FloorDiv) or not atom.args[1].is_Integer for atom in atoms):
            return False
        # A product says something of its factors' bounds where none of them is negative.
        lowest = [(atom.args[0] - atom.args[1] + 1) / atom.args[1] for atom in atoms]
        if (product.is_Mul or product.is_Pow) and not all(map(shown, lowest)):
            return False
        ends = {atom: (atom.args[0] - (atom.args[1] - 1 if factor > 0 else 0)) / atom.args[1] for atom in atoms}
        below.append(factor * product.xreplace(ends))
    total = sympy.Add(*below)
    return bool(total.is_polynomial()) and shown(total)


def bounds_of(names: Iterable[Any]) -> Bounds:
    """What the `Name`s say of their sizes by themselves.

    >>> from analyzer.symbolic.domain import Name
    >>> bounds_of([Name("B", 2, 1, 64)])
    {B: (1, 64)}
    """
    return {symbol(name.name): (name.least, inf if name.most is None else name.most) for name in names}


def narrowed(domain: Any) -> Bounds:
    """What the names and the conditions of a `Domain` say of the sizes, one by one."""
    bounds = bounds_of(domain.names)
    for condition in domain.conditions:
        _narrow(condition.relation, bounds)
    return bounds
