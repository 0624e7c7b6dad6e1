"""Whole numbers that depend on open dimensions: a sum of products, with the value that they have at the hints."""

from __future__ import annotations

from collections.abc import Mapping
from math import lcm
from typing import Any

from analyzer.symbolic.domain import Domain
from analyzer.symbolic.printing import sum_in_words, to_latex
from analyzer.symbolic.source import evaluated, in_python, parsed

__all__ = ["Expression", "is_open"]


class Expression(int):
    """A size, a count or a total as a formula of the names of open dimensions.

    It is an int too: its value where every name has its hint, by which it is ordered and shown in tables. Two are equal
    where their formulas are, whatever their hints and conditions; none is equal to a plain number. Sums, differences,
    products, ``//`` and ``%`` of formulas are formulas, those of two analyses too: a name that both have is one
    dimension. Everything else (``/``, ``float``, ``max``) takes the value at the hints.

    >>> from analyzer import TensorSpec, analyze
    >>> from torch import nn
    >>> macs = analyze(nn.Linear(7, 5), TensorSpec(("B", "S", 7))).total("macs")
    >>> print(macs)
    35·B·S
    >>> macs.at(B=3, S=11)
    1155
    >>> macs.growth("S"), macs.diff("S"), macs + 1 == 1 + macs
    ('∝ S', 35·B, True)
    """

    domain: Domain
    _terms: Mapping[Any, Any] | None
    _code: tuple[str, int] | None

    def __new__(cls, value: int, terms: Mapping[Any, Any] | None, domain: Domain, code: Any = None) -> Expression:
        """A number of this value at the hints.

        Args:
            value: the number.
            terms: product of sympy -> its factor.
            domain: the names, and where the formula holds.
            code: in place of terms, Python's source of the formula and the number by which it is divided.
        """
        made = super().__new__(cls, value)
        made._terms, made.domain, made._code = terms, domain, code
        return made

    # --- what it is ---------------------------------------------------------------------------------------------

    @property
    def terms(self) -> Mapping[Any, Any]:
        """Product of sympy -> its factor."""
        if self._terms is None:
            from analyzer.symbolic.rounding import products

            text, below = self.code
            self._terms = products(parsed(text) / below)
        return self._terms

    @property
    def expr(self) -> Any:
        """The formula of sympy; ⌊a/b⌋ is a function of its own, `analyzer.symbolic.rounding.FloorDiv`."""
        return _summed(self.terms)

    @property
    def code(self) -> tuple[str, int]:
        """The formula as Python's source, and the number by which that is divided: 1 but for a few polynomials."""
        if self._code is None:
            below = lcm(*(int(getattr(factor, "q", 1)) for factor in self.terms.values()))
            terms = (product * (factor * below) for product, factor in self.sorted_terms())
            self._code = " + ".join(map(in_python, terms)).replace("+ -", "- "), below
        return self._code

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it depends on."""
        return tuple(sorted({str(symbol) for product in self.terms for symbol in product.free_symbols}))

    def sorted_terms(self) -> list[tuple[Any, Any]]:
        """Products of sympy and their factors, the heaviest at the hints first."""
        from analyzer.symbolic.rounding import value

        hints = self.domain.hints
        sized = [(abs(factor * value(product, hints)), product, factor) for product, factor in self.terms.items()]
        sized.sort(key=lambda item: (item[1].is_number, -item[0], item[1].sort_key()))
        return [(product, factor) for _, product, factor in sized]

    # --- arithmetic ---------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented if not isinstance(other, float) else int(self) + other
        domain, amount = self._with(other)
        terms = dict(self.terms)
        for product, factor in _terms_of(other).items():
            terms[product] = terms.get(product, 0) + factor
        return _made(int(self) + amount, terms, domain)

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented if not isinstance(other, float) else int(self) * other
        domain, amount = self._with(other)
        if not isinstance(other, Expression):
            scaled = {product: factor * int(other) for product, factor in self.terms.items()}
            return _made(int(self) * amount, scaled, domain)
        terms: dict[Any, Any] = {}
        for product, factor in self.terms.items():
            for second, times in other.terms.items():
                both = product * second
                terms[both] = terms.get(both, 0) + factor * times
        return _made(int(self) * amount, terms, domain)

    def __neg__(self) -> Any:
        return self * -1

    def __sub__(self, other: Any) -> Any:
        return self + -other if isinstance(other, int) else int(self) - other

    def __rsub__(self, other: Any) -> Any:
        return -self + other if isinstance(other, int) else other - int(self)

    def __floordiv__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return int(self) // other
        if other.__class__ is int and other and all(factor % other == 0 for factor in self.terms.values()):
            terms = {product: factor // other for product, factor in self.terms.items()}
            return _made(int(self) // other, terms, self.domain)
        return _divided(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _divided(other, self) if isinstance(other, int) else other // int(self)

    def __mod__(self, other: Any) -> Any:
        return self - (self // other) * other if isinstance(other, int) else int(self) % other

    def __rmod__(self, other: Any) -> Any:
        return other - (other // self) * self if isinstance(other, int) else other % int(self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __pow__(self, other: Any, modulo: Any = None) -> Any:
        if type(other) is not int or other < 0 or modulo is not None:
            return pow(int(self), other, modulo)
        power: Any = 1
        for _ in range(other):
            power = self * power
        return power

    __radd__ = __add__
    __rmul__ = __mul__

    def _with(self, other: int) -> tuple[Domain, int]:
        """Where a formula of both holds, and the other's value at the hints of this one."""
        if not isinstance(other, Expression) or other.domain is self.domain:
            return self.domain, int(other)
        from analyzer.symbolic.rounding import value

        domain = self.domain.joined(other.domain)
        return domain, int(value(other.expr, domain.hints))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expression):
            return False
        return self.terms == other.terms or self._normal() == other._normal()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(frozenset(self._normal().items()))

    def _normal(self) -> Mapping[Any, Any]:
        from analyzer.symbolic.rounding import normal

        return normal(self.terms)

    def __reduce__(self) -> Any:
        return Expression, (int(self), None, self.domain, self.code)

    # --- text ---------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return sum_in_words(product * factor for product, factor in self.sorted_terms())

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return str(self) if spec in ("", ",", "d") else format(int(self), spec)

    def latex(self) -> str:
        r"""The formula in LaTeX's mathematics: ``9408 B \left\lceil \frac{H}{2} \right\rceil``, the heaviest first."""
        return " + ".join(to_latex(product * factor) for product, factor in self.sorted_terms()).replace("+ -", "- ")

    def sympy(self) -> Any:
        """The formula in sympy's own functions: floor and ceiling."""
        import sympy

        from analyzer.symbolic.rounding import FloorDiv

        def rounded(top: Any, bottom: Any) -> Any:
            constant, rest = top.as_coeff_Add()
            if bottom.is_Integer and constant >= bottom - 1:
                return sympy.ceiling((rest + constant - bottom + 1) / bottom)
            return sympy.floor(top / bottom)

        return self.expr.replace(FloorDiv, rounded)

    # --- answers ------------------------------------------------------------------------------------------------

    def at(self, **sizes: Any) -> Any:
        """The exact number for these sizes; a fraction, as a float, only where a derivative is one.

        Args:
            sizes: a size for every name, whole numbers or NumPy's arrays of them, which broadcast. Arrays give an array
                of int64, and of Python's ints where a number on the way could be too large for that.

        Raises:
            ConditionError: the formula does not hold there.
            InputError: a name is missing or unknown.
        """
        full = self.domain.sizes(sizes)
        self.domain.check(full)
        text, below = self.code
        number = evaluated(text, full)
        if below == 1:
            return number
        whole = number % below == 0
        return number // below if (whole.all() if hasattr(whole, "all") else whole) else number / below

    def assuming(self, *conditions: str) -> Any:
        """The formula where these hold too, with the roundings that they undo: ``"H % 32 == 0"``.

        A formula that is left with no name is a plain number.

        Raises:
            InputError: a condition is no comparison of the names, or no sizes near the hints meet it.
        """
        from analyzer.symbolic.assuming import assuming

        return assuming(self, conditions, _made)

    def diff(self, name: str) -> Any:
        """The derivative in one name, with roundings taken for the ratios that they round."""
        from analyzer.symbolic.growth import derivative

        return derivative(self, name, _made)

    def growth(self, name: str) -> str:
        """How it grows with one name alone, where that is large: ``"∝ S²"``, or ``"constant"``."""
        from analyzer.symbolic.growth import growth

        return growth(self, name)

    def to_python(self, name: str = "formula") -> str:
        """Source of a function that needs nothing else; it raises ValueError where a condition does not hold."""
        from analyzer.symbolic.exchange import as_function

        return as_function(self, name)

    def to_json(self) -> str:
        """The formula, its names and its conditions as JSON, to be read by `from_json` or by anything else."""
        from analyzer.symbolic.exchange import as_json

        return as_json(self)

    @classmethod
    def from_json(cls, text: str) -> Any:
        """The formula that `to_json` wrote; neither torch nor sympy is needed for it and for `at`.

        Raises:
            InputError: it is no formula, or something else than arithmetic.
        """
        from analyzer.symbolic.exchange import from_json

        return from_json(text, cls)


def is_open(value: Any) -> bool:
    """Whether a number is a formula.

    >>> is_open(3)
    False
    """
    return isinstance(value, Expression)


def _summed(terms: Mapping[Any, Any]) -> Any:
    import sympy

    return sympy.Add(*(product * factor for product, factor in terms.items()))


def _terms_of(value: int) -> Mapping[Any, Any]:
    if isinstance(value, Expression):
        return value.terms
    import sympy

    return {sympy.S.One: int(value)}


def _divided(top: int, bottom: int) -> Any:
    """⌊top/bottom⌋, of which one at least is a formula."""
    from analyzer.symbolic.rounding import FloorDiv, products, value

    domain = top.domain if isinstance(top, Expression) else bottom.domain  # type: ignore[attr-defined]
    if isinstance(bottom, Expression):
        domain = domain.joined(bottom.domain)
    made = FloorDiv(_summed(_terms_of(top)), _summed(_terms_of(bottom)))
    return _made(value(made, domain.hints), products(made), domain)


def _made(value: int, terms: Mapping[Any, Any], domain: Domain) -> Any:
    """The number: a plain one where no name is left."""
    terms = {product: factor for product, factor in terms.items() if factor}
    if all(product.is_number for product in terms):
        return int(value)
    return Expression(value, terms, domain)
