"""Whole numbers that depend on open dimensions: a sum of products, with the value that they have at the hints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analyzer.symbolic.domain import Domain
from analyzer.symbolic.printing import in_words, to_python

__all__ = ["Expression", "is_open"]


class Expression(int):
    """A size, a count or a total as a formula of the names of open dimensions.

    It is an int too: its value where every name has its hint, by which it is sorted and shown in tables. Two are equal
    where their formulas are.

    >>> from analyzer import TensorSpec, analyze
    >>> from torch import nn
    >>> macs = analyze(nn.Linear(7, 5), TensorSpec(("B", "S", 7))).total("macs")
    >>> print(macs)
    35·B·S
    >>> macs.at(B=3, S=11)
    1155
    """

    terms: Mapping[Any, int]
    domain: Domain

    def __new__(cls, value: int, terms: Mapping[Any, int], domain: Domain) -> Expression:
        """A number of this value at the hints; ``terms`` are products of sympy with whole factors."""
        made = super().__new__(cls, value)
        made.terms = terms
        made.domain = domain
        return made

    @property
    def expr(self) -> Any:
        """The formula of sympy."""
        import sympy

        return sympy.Add(*(product * factor for product, factor in self.terms.items()))

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it depends on."""
        return tuple(sorted({str(symbol) for product in self.terms for symbol in product.free_symbols}))

    # --- arithmetic ---------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented if not isinstance(other, float) else int(self) + other
        terms = dict(self.terms)
        for product, factor in _terms_of(other).items():
            terms[product] = terms.get(product, 0) + factor
        return _made(int(self) + int(other), terms, self.domain)

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented if not isinstance(other, float) else int(self) * other
        if not isinstance(other, Expression):
            return _made(int(self) * other, {product: factor * other for product, factor in self.terms.items()}, self.domain)
        terms: dict[Any, int] = {}
        for product, factor in self.terms.items():
            for second, times in other.terms.items():
                both = product * second
                terms[both] = terms.get(both, 0) + factor * times
        return _made(int(self) * int(other), terms, self.domain)

    def __neg__(self) -> Any:
        return self * -1

    def __sub__(self, other: Any) -> Any:
        return self + -other if isinstance(other, int) else int(self) - other

    def __rsub__(self, other: Any) -> Any:
        return -self + other if isinstance(other, int) else other - int(self)

    def __floordiv__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return int(self) // other
        if not isinstance(other, Expression) and all(factor % other == 0 for factor in self.terms.values()):
            return _made(int(self) // other, {p: factor // other for p, factor in self.terms.items()}, self.domain)
        import sympy

        below = other.expr if isinstance(other, Expression) else other
        return _made(int(self) // int(other), {sympy.floor(self.expr / below): 1}, self.domain)

    def __mod__(self, other: Any) -> Any:
        return self - (self // other) * other if isinstance(other, int) else int(self) % other

    __radd__ = __add__
    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.terms == other.terms

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(frozenset(self.terms.items()))

    def __reduce__(self) -> Any:
        return Expression, (int(self), dict(self.terms), self.domain)

    # --- text ---------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return in_words(self.expr)

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return str(self) if spec in ("", ",", "d") else format(int(self), spec)

    # --- answers ------------------------------------------------------------------------------------------------

    def at(self, **sizes: Any) -> Any:
        """The number for these sizes.

        Args:
            sizes: a size for every name, whole numbers or NumPy's arrays of them, which broadcast.

        Raises:
            ConditionError: the formula does not hold there.
            InputError: a name is missing or unknown.
        """
        full = self.domain.sizes(sizes)
        self.domain.check(full)
        return to_python(self.expr)(full)


def is_open(value: Any) -> bool:
    """Whether a number is a formula.

    >>> is_open(3)
    False
    """
    return isinstance(value, Expression)


def _terms_of(value: int) -> Mapping[Any, int]:
    if isinstance(value, Expression):
        return value.terms
    import sympy

    return {sympy.S.One: value}


def _made(value: int, terms: dict[Any, int], domain: Domain) -> Any:
    """The number: a plain one where no name is left."""
    terms = {product: factor for product, factor in terms.items() if factor}
    if all(product.is_number for product in terms):
        return value
    return Expression(value, terms, domain)
