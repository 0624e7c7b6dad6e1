"""How a formula changes with one name: its derivative, and its growth where the name is large."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy

from analyzer.errors import InputError
from analyzer.symbolic.rounding import FloorDiv, products, symbol, value

__all__ = ["derivative", "growth", "smooth"]

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def smooth(expr: Any) -> Any:
    """The formula with every rounding taken for the ratio that it rounds.

    >>> smooth(3 * FloorDiv(symbol("H") + 1, 2))
    3*H/2 + 3/2
    """
    return sympy.expand(_without_floors(expr.replace(FloorDiv, lambda top, bottom: top / bottom)))


def _without_floors(expr: Any) -> Any:
    """The same without sympy's own roundings, which have no slope there."""
    return expr.replace(sympy.floor, lambda inner: inner).replace(sympy.ceiling, lambda inner: inner)


def derivative(formula: Any, name: str, make: Callable[..., Any]) -> Any:
    """The derivative in one name; of the largest or smallest of several, that of the one that it is at the hints."""
    _check_name(formula, name)
    hints = formula.domain.hints
    chosen = _chosen(formula.expr, lambda part: value(part, hints))
    terms = products(sympy.diff(_without_floors(chosen), symbol(name)))
    return make(int(value(sympy.Add(*(p * f for p, f in terms.items())), hints)), terms, formula.domain)


def growth(formula: Any, name: str) -> str:
    """``∝ S²`` where S² is the highest power, or ``constant``."""
    _check_name(formula, name)
    size, hints = symbol(name), formula.domain.hints

    def rank(part: Any) -> tuple[int, Any]:
        degree = _degree(part, size)
        rest = smooth(part) / size**degree
        limit = sympy.limit(
            rest.subs({symbol(other): hint for other, hint in hints.items() if other != name}), size, sympy.oo
        )
        return degree, limit

    degree = _degree(_chosen(formula.expr, rank), size)
    if degree <= 0:
        return "constant"
    return f"∝ {name}" if degree == 1 else f"∝ {name}{str(degree).translate(_SUPERSCRIPTS)}"


def _check_name(formula: Any, name: str) -> None:
    known = [known.name for known in formula.domain.names]
    if name not in known:
        raise InputError(f"no dimension is called {name!r}; there are {', '.join(known)}")


def _degree(expr: Any, size: Any) -> int:
    top, bottom = sympy.fraction(sympy.together(smooth(expr)))
    if not (top.is_polynomial(size) and bottom.is_polynomial(size)):
        raise InputError(f"this formula is no polynomial in {size}, not even without its roundings")
    return int(sympy.degree(top, size)) - int(sympy.degree(bottom, size)) if expr.has(size) else 0


def _chosen(expr: Any, rank: Callable[[Any], Any]) -> Any:
    """The formula with the one of several, the largest or the smallest, in place of all of them."""
    made: Mapping[Any, Any] = {
        part: (max if isinstance(part, sympy.Max) else min)(part.args, key=rank)
        for part in expr.atoms(sympy.Max, sympy.Min)
    }
    return expr.xreplace(made)
