"""Ratios rounded down, in one form: sympy leaves nested ones nested, and a remainder in two roundings.

With whole numbers x, k and a whole m, n > 0 (Graham, Knuth, Patashnik: Concrete Mathematics, 1994, chapter 3):

    ⌊(⌊a/m⌋ + k)/n⌋ = ⌊(a + k·m)/(m·n)⌋      x − ⌊x/2⌋ = ⌊(x + 1)/2⌋ = ⌈x/2⌉      −⌊−a/n⌋ = ⌊(a + n − 1)/n⌋ = ⌈a/n⌉
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import gcd, lcm
from typing import Any

import sympy

__all__ = ["CeilLog2", "FloorDiv", "Round", "gathered", "normal", "products", "remainder", "symbol", "value"]


def symbol(name: str) -> Any:
    """The symbol of an open dimension."""
    return sympy.Symbol(name, integer=True, positive=True)


class FloorDiv(sympy.Function):  # type: ignore[misc]
    """⌊top/bottom⌋ of whole numbers.

    >>> H = symbol("H")
    >>> FloorDiv(FloorDiv(H + 1, 2) + 1, 2), -FloorDiv(-H, 7), FloorDiv(6 * H + 9, 4), FloorDiv(4 * H + 5, 2)
    (FloorDiv(H + 3, 4), FloorDiv(H + 6, 7), FloorDiv(3*H + 4, 2), 2*H + 2)
    """

    nargs = (2,)
    is_integer = True
    is_finite = True

    def _eval_is_nonnegative(self) -> bool | None:
        top, bottom = self.args
        return True if top.is_nonnegative and bottom.is_positive else None

    @classmethod
    def eval(cls, top: Any, bottom: Any) -> Any:
        """The simplest form; None where these arguments are it."""
        if top.is_Integer and bottom.is_Integer:
            return sympy.Integer(int(top) // int(bottom))
        if not bottom.is_Integer:
            ratio = sympy.cancel(top / bottom)
            whole = ratio.is_polynomial() and all(factor.is_Integer for factor in products(ratio).values())
            return ratio if whole else None
        if bottom < 0:
            return cls(-top, -bottom)
        return _simplest(top, int(bottom))

    def fdiff(self, argindex: int = 1) -> Any:
        """The slope of the ratio that is rounded."""
        top, bottom = self.args
        return 1 / bottom if argindex == 1 else -top / bottom**2


class CeilLog2(sympy.Function):  # type: ignore[misc]
    """⌈log2 n⌉ of a whole number, 0 for those below 2.

    >>> CeilLog2(sympy.Integer(9)), CeilLog2(symbol("S"))
    (4, CeilLog2(S))
    """

    nargs = (1,)
    is_integer = True
    is_nonnegative = True

    @classmethod
    def eval(cls, number: Any) -> Any:
        """The number, where it is known."""
        return sympy.Integer(max(int(number) - 1, 0).bit_length()) if number.is_Integer else None


class Round(sympy.Function):  # type: ignore[misc]
    """The nearest whole number, the even one of two, as Python's ``round``.

    >>> Round(sympy.Rational(5, 2)), Round(symbol("H") / 2)
    (2, Round(H/2))
    """

    nargs = (1,)
    is_integer = True
    is_finite = True

    @classmethod
    def eval(cls, number: Any) -> Any:
        """The number, where it is known."""
        if number.is_Rational:
            return sympy.Integer(round(Fraction(int(number.p), int(number.q))))
        return sympy.Integer(round(float(number))) if number.is_Float else None


def _simplest(top: Any, bottom: int) -> Any:
    terms = products(gathered(top))
    scale = lcm(*(int(factor.q) for factor in terms.values() if factor.is_Rational))
    terms, bottom = {product: factor * scale for product, factor in terms.items()}, bottom * scale
    constant = int(terms.pop(sympy.S.One, 0))
    outside = {product: factor / bottom for product, factor in terms.items() if factor % bottom == 0}
    inside = {product: int(factor) for product, factor in terms.items() if product not in outside}
    common = gcd(bottom, *inside.values())
    bottom, constant = bottom // common, constant // common
    inside = {product: factor // common for product, factor in inside.items()}
    whole = _summed(outside)
    if bottom == 1:
        return whole + _summed(inside) + constant
    if len(inside) == 1:
        ((product, factor),) = inside.items()
        if isinstance(product, FloorDiv) and abs(factor) == 1 and product.args[1].is_Integer:
            within, times = product.args
            rounded_up = 0 if factor == 1 else times - 1
            return whole + FloorDiv(factor * within + rounded_up + constant * times, bottom * times)
    if _is_negative(inside):
        return whole - FloorDiv(-_summed(inside) - constant + bottom - 1, bottom)
    made = _summed(inside) + constant
    return None if made == top and not outside else whole + FloorDiv(made, bottom)


def _is_negative(terms: Mapping[Any, int]) -> bool:
    below = sum(factor < 0 for factor in terms.values())
    first = min(terms, key=lambda product: product.sort_key())
    return 2 * below > len(terms) or (2 * below == len(terms) and terms[first] < 0)


def products(expr: Any) -> dict[Any, Any]:
    """A sum multiplied out: product -> its number.

    >>> B, H = symbol("B"), symbol("H")
    >>> products(3 * B * (H + 2))
    {B: 6, B*H: 3}
    """
    return dict(sorted(sympy.expand(expr).as_coefficients_dict().items(), key=lambda item: item[0].sort_key()))


def _summed(terms: Mapping[Any, Any]) -> Any:
    return sympy.Add(*(product * factor for product, factor in terms.items()))


def gathered(expr: Any) -> Any:
    """A sum with fewer roundings in it.

    >>> H = symbol("H")
    >>> gathered(H - FloorDiv(H, 2)), gathered(FloorDiv(H + 1, 4) - 2), gathered(7 * FloorDiv(H, 7) - 14)
    (FloorDiv(H + 1, 2), FloorDiv(H - 7, 4), 7*FloorDiv(H - 14, 7))
    """
    if not expr.is_Add:
        return expr
    terms = products(expr)
    changed = False
    while any(_halved(terms, product) for product in list(terms)):
        changed = True
    constant = terms.get(sympy.S.One, sympy.S.Zero)
    if len(terms) == 2 and constant:
        product, factor = next((product, factor) for product, factor in terms.items() if product != 1)
        if isinstance(product, FloorDiv) and product.args[1].is_Integer and constant % factor == 0:
            top, bottom = product.args
            return factor * FloorDiv(top + constant / factor * bottom, bottom)
    return _summed(terms) if changed else expr


def _halved(terms: dict[Any, Any], product: Any) -> bool:
    """Take x − ⌊(x + k)/2⌋ together to ⌊(x − k + 1)/2⌋, times anything; whether there was one."""
    for half in sympy.Mul.make_args(product):
        if product not in terms or not isinstance(half, FloorDiv) or not half.args[1].is_Integer or half.args[1] % 2:
            continue
        rest, factor = product / half, terms[product]
        for other in [one for one, number in terms.items() if number == -factor]:
            size = other / rest
            if not (size.is_Symbol or isinstance(size, FloorDiv)):
                continue
            inner, by = size.args if isinstance(size, FloorDiv) else (size, sympy.S.One)
            shift = (half.args[0] - inner) / by
            if 2 * by == half.args[1] and shift.is_Integer:
                del terms[product], terms[other]
                for made, times in products(rest * FloorDiv(size - shift + 1, 2)).items():
                    terms[made] = terms.get(made, 0) - times * factor
                    if not terms[made]:
                        del terms[made]
                return True
    return False


def remainder(expr: Any) -> tuple[Any, Any, int] | None:
    """The x, n and k of a sum that is (x mod n) + k; None for any other formula.

    >>> H = symbol("H")
    >>> remainder(H - 32 * FloorDiv(H, 32) - 5), remainder(FloorDiv(H, 4) - 2 * FloorDiv(H - 4, 8))
    ((H, 32, -5), (FloorDiv(H, 4) - 1, 2, 1))
    """
    for term in expr.args if expr.is_Add else ():
        number, atom = term.as_coeff_Mul()
        for rounded in sympy.Mul.make_args(term):  # by a size: 6 − m·⌊6/m⌋
            left = expr - term - rounded.args[0] if isinstance(rounded, FloorDiv) else expr
            if left.is_Integer and not rounded.args[1].is_Integer and term == -rounded * rounded.args[1]:
                return *rounded.args, int(left)
        if not (isinstance(atom, FloorDiv) and number < 0 and atom.args[1].is_Integer):
            continue
        constant, rest = (expr - term).as_coeff_Add()
        inner, by = rest.args if isinstance(rest, FloorDiv) else (rest, sympy.S.One)
        shift = (atom.args[0] - inner) / by  # ⌊a/(m·n)⌋ is a rounding of ⌊a/m⌋ too
        if atom.args[1] == -number * by and shift.is_Integer and constant.is_Integer:
            return rest + shift, -int(number), int(constant - shift)
    return None


def normal(terms: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The one form of all sums that are equal but for whole numbers inside and outside of a rounding.

    >>> H = symbol("H")
    >>> normal({FloorDiv(H + 9, 4): 3})
    {1: 6, FloorDiv(H + 1, 4): 3}
    """
    moved = {}
    for atom in {atom for product in terms for atom in product.atoms(FloorDiv)}:
        top, bottom = atom.args
        whole = top.as_coeff_Add()[0] // bottom if bottom.is_Integer else 0
        if whole:
            moved[atom] = FloorDiv(top - whole * bottom, bottom) + whole
    return products(_summed(terms).xreplace(moved)) if moved else terms


def value(expr: Any, sizes: Mapping[str, int]) -> Any:
    """The number for these sizes.

    >>> value(3 * FloorDiv(symbol("H") + 1, 2), {"H": 4})
    6
    """
    if expr.is_Symbol:
        return sizes[expr.name]
    if expr.is_Integer:
        return int(expr)
    if not expr.args:
        return expr
    parts = [value(part, sizes) for part in expr.args]
    if isinstance(expr, FloorDiv):
        return parts[0] // parts[1]
    if expr.is_Add:
        return sum(parts)
    if expr.is_Mul:
        return sympy.prod(parts)
    made = expr.func(*parts)
    return int(made) if made.is_Integer else made
