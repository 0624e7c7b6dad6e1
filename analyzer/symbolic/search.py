"""Where formulas reach a budget or outgrow each other: exact, in whole numbers, by search in one name.

Where the other sizes are fixed, a formula is a polynomial on every residue class of what it rounds by: ⌈n/2⌉ is m for
n = 2m, and m + 1 for n = 2m + 1. A polynomial is monotone between the sign changes of its differences, which have a
lower degree; so bisection finds every place where it changes its sign.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce
from itertools import pairwise
from typing import Any

from analyzer.errors import InputError
from analyzer.symbolic.domain import Domain
from analyzer.symbolic.expression import Expression
from analyzer.symbolic.printing import in_words
from analyzer.symbolic.source import compiled, in_python

__all__ = ["crossing", "largest"]

LARGEST = 2**63 - 1  # torch's own limit on a size
CLASSES = 4096  # residue classes are searched one by one


def largest(formulas: Any, name: str, budget: int, **sizes: int) -> int:
    """The largest size of one name at which a formula is within a budget, and holds.

    A smaller size may be over the budget only where the formula falls somewhere; few do.

    Args:
        formulas: an `Expression`, or several that must all be within it, such as what is alive at each moment.
        name: the size that is looked for.
        budget: the most that each may be.
        sizes: what the other names are.

    Raises:
        InputError: no size is within it, or every one is; or a formula is none that can be searched.

    >>> from analyzer import TensorSpec, analyze
    >>> from torch import nn
    >>> macs = analyze(nn.Linear(7, 5), TensorSpec(("B", "S", 7))).total("macs")
    >>> largest(macs, "B", 1000, S=3), macs.at(B=9, S=3)  # 105 for each of a batch
    (9, 945)
    """
    parts = list(formulas) if isinstance(formulas, Iterable) else [formulas]
    opened = [part for part in parts if isinstance(part, Expression) and name in part.names]
    if not opened:
        known = sorted({known for part in parts if isinstance(part, Expression) for known in part.names})
        raise InputError(f"the number does not depend on {name}, but on {', '.join(known) or 'nothing'}")
    domain = opened[0].domain
    fixed = _others(domain, name, sizes)
    least, most = _range(domain, name)
    limits = [_Curve(_expr(part), name, fixed) - budget for part in parts]
    start = _last(limits, least, most)
    if start is None:
        cost = max(limit(least) for limit in limits) + budget
        raise InputError(f"no {name} is within {budget:,}: {name} = {least:,} takes {cost:,}")
    size = _last([*limits, *_conditions(domain, name, fixed)], least, start)
    if size is None:
        raise InputError(f"no {name} of at most {start:,} was found for which the formula holds; see its conditions")
    if size == LARGEST:
        raise InputError(f"every {name} is within {budget:,}")
    return size


def crossing(a: Any, b: Any, name: str, **sizes: int) -> int | None:
    """The size of one name from which on ``a`` is larger than ``b``, for all larger sizes too; None where it never is.

    It is where the formulas cross; whether they hold there is for ``.at`` to say.

    Args:
        a: an `Expression`, or a number.
        b: an `Expression`, or a number.
        name: the size that is looked for.
        sizes: what the other names are.

    Raises:
        InputError: neither depends on the name, or they are formulas that cannot be searched.

    >>> from analyzer import TensorSpec, analyze
    >>> scores = analyze(lambda q: q @ q.mT, TensorSpec(("S", 7))).total("macs")
    >>> linear = analyze(lambda x, w: x @ w, (TensorSpec(("S", 7)), TensorSpec((7, 35)))).total("macs")
    >>> print(scores, "and", linear, "cross at", crossing(scores, linear, "S"))
    7·S² and 245·S cross at 36
    """
    opened = [part for part in (a, b) if isinstance(part, Expression)]
    if not any(name in part.names for part in opened):
        raise InputError(f"neither number depends on {name}")
    domain = opened[0].domain
    fixed = _others(domain, name, sizes)
    least, most = _range(domain, name)
    last = _Curve(_expr(a) - _expr(b), name, fixed).last(least, most)
    return least if last is None else None if last == most else last + 1


def _expr(value: int) -> Any:
    import sympy

    return value.expr if isinstance(value, Expression) else sympy.Integer(value)


def _others(domain: Domain, name: str, sizes: Mapping[str, int]) -> dict[str, int]:
    return {key: value for key, value in domain.sizes({**sizes, name: 1}).items() if key != name}


def _range(domain: Domain, name: str) -> tuple[int, int]:
    known = next(one for one in domain.names if one.name == name)
    return known.least, LARGEST if known.most is None else known.most


def _conditions(domain: Domain, name: str, fixed: Mapping[str, int]) -> list[Any]:
    """What must be at most 0 for a formula to hold."""
    found: list[Any] = []
    for condition in domain.conditions:
        kind = getattr(condition.relation, "rel_op", "")
        if kind in ("<", "<=", ">", ">=", "=="):
            curve = _Curve(condition.relation.lhs - condition.relation.rhs, name, fixed)
            found += [curve + (kind == "<")] if kind in ("<", "<=", "==") else []
            found += [-curve + (kind == ">")] if kind in (">", ">=", "==") else []
        else:
            found.append(_Exceptions(condition, name, fixed))
    return found


def _last(limits: list[Any], least: int, most: int) -> int | None:
    """The largest size at which all of them are at most 0."""
    size: int | None = most
    while size is not None:
        before = size
        for limit in limits:
            size = limit.last(least, size)
            if size is None:
                return None
        if size == before:
            break
    return size


class _Exceptions:
    """A condition that few sizes break, such as S ≠ 1: they are stepped over."""

    def __init__(self, condition: Any, name: str, fixed: Mapping[str, int]) -> None:
        self.condition, self.name, self.fixed = condition, name, fixed

    def last(self, least: int, most: int) -> int | None:
        sizes = range(most, max(least, most - CLASSES) - 1, -1)
        return next((size for size in sizes if self.condition.holds({**self.fixed, self.name: size})), None)


class _Curve:
    """A formula of one name.

    Args:
        expr: the formula, of sympy.
        name: the name that is left.
        fixed: what the others are.
    """

    def __init__(self, expr: Any, name: str, fixed: Mapping[str, int]) -> None:
        self.name = name
        self.expr = expr.subs({symbol: fixed[str(symbol)] for symbol in expr.free_symbols if str(symbol) != name})
        self._value = compiled(in_python(self.expr))

    def __call__(self, size: int) -> int:
        return int(self._value({self.name: size}))

    def __add__(self, number: int) -> _Curve:
        return _Curve(self.expr + int(number), self.name, {})

    def __sub__(self, number: int) -> _Curve:
        return self + -number

    def __neg__(self) -> _Curve:
        return _Curve(-self.expr, self.name, {})

    def last(self, least: int, most: int) -> int | None:
        """The largest size at which it is at most 0."""
        if self(most) <= 0:
            return most
        if _rises(self.expr):
            return None if self(least) > 0 else _bisect(self, least, most)
        period, degree = self._shape()
        found: list[int] = []
        for first in range(least, min(least + period, most + 1)):
            steps = (most - first) // period

            def value(step: int, first: int = first) -> int:
                return self(first + period * step)

            self._verify(value, degree)
            ends = [step for step in (steps, *_changes(value, degree, 0, steps)) if value(step) <= 0]
            found += [first + period * step for step in ends]
        return max(found, default=None)

    def _shape(self) -> tuple[int, int]:
        """After how many sizes the same polynomials come again, and their degree."""
        import sympy

        period, smooth = _period(self.expr), _smooth(self.expr)
        symbols = list(smooth.free_symbols)
        if period > CLASSES or not smooth.is_polynomial(*symbols):
            raise self._refused()
        return period, int(sympy.degree(smooth, symbols[0])) if symbols else 0

    def _verify(self, value: Callable[[int], int], degree: int) -> None:
        """A polynomial of this degree has no further difference: what repeats otherwise is found here."""
        numbers = [value(step) for step in range(degree + 3)]
        for _ in range(degree + 1):
            numbers = [later - now for now, later in pairwise(numbers)]
        if any(numbers):
            raise self._refused()

    def _refused(self) -> InputError:
        return InputError(f"no search is known for this formula of {self.name}: {in_words(self.expr)}")


def _bisect(value: Callable[[int], int], low: int, high: int) -> int:
    """The last place on the side of ``low``, for a value that passes 0 once in between."""
    side = value(low) <= 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if (value(middle) <= 0) == side else (low, middle)
    return low


def _changes(value: Callable[[int], int], degree: int, low: int, high: int) -> Iterator[int]:
    """The places behind which a polynomial passes from at most 0 to more, or back."""
    if degree < 1 or high <= low:
        return
    turns = [place + 1 for place in _changes(lambda step: value(step + 1) - value(step), degree - 1, low, high - 1)]
    places = [low, *turns, high]
    for start, end in pairwise(places):
        if (value(start) <= 0) != (value(end) <= 0):
            yield _bisect(value, start, end)


def _rises(expr: Any) -> bool:
    """Whether it can be seen at once that it never falls, as the names in it grow from 1 on: nothing is taken away."""
    if expr.is_Add:
        return all(part.is_number or _rises(part) for part in expr.args)
    if expr.is_Mul:
        return all(bool(part.is_nonnegative) and _rises(part) for part in expr.args)
    if expr.is_Pow:
        return bool(expr.exp.is_Integer and expr.exp > 0 and expr.base.is_nonnegative) and _rises(expr.base)
    name = type(expr).__name__
    if name == "FloorDiv":
        return bool(expr.args[1].is_Integer) and _rises(expr.args[0])
    if name in ("Max", "Min", "floor", "ceiling"):
        return all(map(_rises, expr.args))
    return bool(expr.is_Symbol or expr.is_number)


def _period(expr: Any) -> int:
    inner = reduce(math.lcm, map(_period, expr.args), 1)
    if type(expr).__name__ == "FloorDiv" and expr.args[1].is_Integer:
        return inner * int(expr.args[1])
    return inner


def _smooth(expr: Any) -> Any:
    """The formula with nothing rounded in it."""
    import sympy

    ratios = expr.replace(lambda part: type(part).__name__ == "FloorDiv", lambda part: part.args[0] / part.args[1])
    return sympy.expand(ratios)
