"""Whole numbers that remember how they came about, so that a cost rule can print its own formula.

A cost rule is plain arithmetic on sizes. Run once more on `Term` in place of int, it gives the same numbers, each with
the text of the sum or product that made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from analyzer.counts import Counts
from analyzer.rule import Rule
from analyzer.spec import TensorSpec
from analyzer.symbolic.expression import is_open

__all__ = ["Term", "counts_as_formulas"]


class Term(int):
    """An int with the text of its formula.

    >>> height, width = Term(7), Term(11)
    >>> print(2 * height * width + 1)
    2·7·11 + 1
    >>> int(2 * height * width + 1)
    155
    """

    text: str
    factors: tuple[Any, Any]

    def __new__(cls, value: int, text: str | None = None, factors: tuple[Any, Any] | None = None) -> Term:
        """A number, the text that made it, and the two factors of a product."""
        term = super().__new__(cls, value)
        term.text = text if text is not None else int.__repr__(value)
        term.factors = factors if factors is not None else (1, term)
        return term

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def __format__(self, spec: str) -> str:
        return format(self.text, spec) if not spec.endswith((",", "d")) else int.__format__(self, spec)

    def __add__(self, other: Any) -> Any:
        if other == 0 or not isinstance(other, int):
            return self if isinstance(other, int) else int(self) + other
        return Term(int(self) + int(other), str(other) if self == 0 else f"{self} + {other}")

    def __radd__(self, other: Any) -> Any:
        if other == 0 or not isinstance(other, int):
            return self if isinstance(other, int) else other + int(self)
        return Term(int(other) + int(self), str(other) if self == 0 else f"{other} + {self}")

    def __sub__(self, other: Any) -> Any:
        if other == 0 or not isinstance(other, int):
            return self if isinstance(other, int) else int(self) - other
        return Term(int(self) - int(other), f"{self} − {_factor(other)}")

    def __rsub__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return other - int(self)
        return Term(int(other) - int(self), f"{other} − {_factor(self)}")

    def __mul__(self, other: Any) -> Any:
        return _product(self, other)

    def __rmul__(self, other: Any) -> Any:
        return _product(other, self)

    def __floordiv__(self, other: Any) -> Any:
        if other == 1 or not isinstance(other, int):
            return self if isinstance(other, int) else int(self) // other
        return Term(int(self) // int(other), f"⌊{_factor(self)}/{_factor(other)}⌋")

    def __rfloordiv__(self, other: Any) -> Any:
        return Term(int(other) // int(self), f"⌊{_factor(other)}/{_factor(self)}⌋")

    def __neg__(self) -> Term:
        return Term(-int(self), f"−{_factor(self)}")

    __hash__ = int.__hash__


def _factor(value: Any) -> str:
    text = str(value)
    return f"({text})" if " + " in text or " − " in text else text


def _product(left: Any, right: Any) -> Any:
    if not (isinstance(left, int) and isinstance(right, int)):
        return int(left) * right if isinstance(left, Term) else left * int(right)
    if left == 1 or right == 1:
        kept = right if left == 1 else left
        return kept if isinstance(kept, Term) else Term(int(kept))
    return Term(int(left) * int(right), f"{_factor(left)}·{_factor(right)}", (left, right))


def _termed(value: Any) -> Any:
    """Sizes and whole-number arguments as terms."""
    if isinstance(value, TensorSpec):
        return value.with_shape(*map(_term, value.shape))
    if isinstance(value, tuple):
        return tuple(_termed(item) for item in value)
    if isinstance(value, list):
        return [_termed(item) for item in value]
    return _term(value) if type(value) is int or is_open(value) else value


def _term(size: int) -> Term:
    """A size by its digits, an open one by its name."""
    return Term(size, str(size)) if is_open(size) else Term(size)


def counts_as_formulas(
    rule: Rule, arguments: Mapping[str, Any], outputs: tuple[TensorSpec, ...], plain: Counts
) -> Counts:
    """The counts of a call with every number as its formula.

    Args:
        rule: the rule that counted it.
        arguments: its bound arguments.
        outputs: what it returned, flat.
        plain: its counts as plain numbers; what the formulas must equal, and what is returned where they do not.
    """
    out = _termed(outputs[0] if len(outputs) == 1 else tuple(outputs))
    try:
        formulas = rule.call_cost({name: _termed(value) for name, value in arguments.items()}, out)
    except Exception:  # a third party's rule that is no plain arithmetic still has its numbers
        return plain
    return formulas if formulas == plain else replace(plain)
