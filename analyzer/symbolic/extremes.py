"""The largest of several formulas: a formula too, since another one may be the largest at other sizes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from analyzer.symbolic.domain import Domain
from analyzer.symbolic.expression import Expression

__all__ = ["largest"]


def largest(numbers: Iterable[int]) -> Any:
    """The largest of numbers of 0 or more; of formulas a formula, without those that never are the largest.

    >>> largest([3, 7, 5]), largest([])
    (7, 0)
    >>> from analyzer import TensorSpec, analyze
    >>> sizes = [analyze(lambda x: x.relu(), TensorSpec(shape)).total("all") for shape in (("B", 7), ("B", 5), (60,))]
    >>> largest(sizes)
    max(7·B, 60)
    """
    found = list(numbers)
    formulas = [number for number in found if isinstance(number, Expression)]
    if not formulas:
        return max(found, default=0)
    plain = max((number for number in found if not isinstance(number, Expression)), default=0)
    return _largest(list(dict.fromkeys(formulas)), int(plain))


def _largest(formulas: list[Expression], plain: int) -> Any:
    import sympy

    from analyzer.symbolic.rounding import value

    domain = formulas[0].domain
    for formula in formulas:
        domain = domain.joined(formula.domain)
    formulas.sort(key=lambda formula: (-int(formula), str(formula)))
    tried = _samples(domain)
    kept: list[tuple[Any, list[int]]] = []
    for expr in (*(formula.expr for formula in formulas), *([sympy.Integer(plain)] if plain else [])):
        found = expr, [value(expr, sizes) for sizes in tried]
        if not any(_above(other, found, domain) for other in kept):
            kept = [other for other in kept if not _above(found, other, domain)] + [found]
    if len(kept) == 1:
        return next((formula for formula in formulas if formula.expr == kept[0][0]), plain)
    return Expression(max(int(formulas[0]), plain), {sympy.Max(*(expr for expr, _ in kept), evaluate=False): 1}, domain)


def _samples(domain: Domain) -> list[dict[str, int]]:
    """A few sizes at which a formula that is smaller than another one is found out before anything is proved."""
    from analyzer.symbolic.relations import narrowed

    hints, least = domain.hints, {str(symbol): int(low) for symbol, (low, _) in narrowed(domain).items()}
    return [hints, least, {name: 64 * hint for name, hint in hints.items()}, *(least | {name: 4096} for name in least)]


def _above(one: tuple[Any, list[int]], other: tuple[Any, list[int]], domain: Domain) -> bool:
    return all(a >= b for a, b in zip(one[1], other[1], strict=True)) and never_less(one[0], other[0], domain)


def never_less(one: Any, other: Any, domain: Domain) -> bool:
    """Whether it can be shown that one formula is as large as another for all sizes of the domain."""
    from analyzer.symbolic.relations import narrowed, never_negative

    return never_negative(one - other, narrowed(domain))
