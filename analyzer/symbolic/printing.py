"""A formula of sympy as text for people, and as Python that needs nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

__all__ = ["in_python", "in_words", "to_python"]

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_RELATIONS = {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥", "<": "<", ">": ">"}


def in_words(expr: Any) -> str:
    """A formula as one writes it: ``9,408·B·⌈H/2⌉``.

    >>> import sympy
    >>> H = sympy.Symbol("H", integer=True, positive=True)
    >>> in_words(9408 * sympy.floor((H + 1) / 2) ** 2), in_words(sympy.floor(H / 4) + 3)
    ('9,408·⌈H/2⌉²', '⌊H/4⌋ + 3')
    """
    if expr.is_Relational:
        return f"{in_words(expr.lhs)} {_RELATIONS[expr.rel_op]} {in_words(expr.rhs)}"
    if expr.is_Add:
        text = ""
        for term in _ordered(expr.args):
            word = in_words(term)
            if not text:
                text = word
            else:
                text += f" − {word[1:]}" if word.startswith("−") else f" + {word}"
        return text
    if expr.is_Mul:
        number, rest = expr.as_coeff_Mul()
        return _product(number, rest)
    if expr.is_Pow and expr.exp.is_Integer and expr.exp > 0:
        return f"{_atom(expr.base)}{str(int(expr.exp)).translate(_SUPERSCRIPTS)}"
    name = type(expr).__name__
    if name in ("floor", "ceiling"):
        return _rounded(expr.args[0], name)
    if name in ("Max", "Min"):
        return f"{name.lower()}({', '.join(map(in_words, expr.args))})"
    if expr.is_Integer:
        return f"{int(expr):,}".replace("-", "−")
    return str(expr).replace("*", "·")


def _product(number: Any, rest: Any) -> str:
    factors = [_atom(factor) for factor in _ordered(rest.args if rest.is_Mul else (rest,))]
    if number == 1:
        return "·".join(factors)
    if number == -1:
        return f"−{'·'.join(factors)}"
    if number.is_Integer:
        return "·".join([in_words(number), *factors])
    top, bottom = number.p, number.q
    return f"{_product(type(number)(top), rest)}/{bottom}"


def _ordered(parts: Any) -> list[Any]:
    return sorted(parts, key=lambda part: (part.is_number, not part.is_Symbol, part.sort_key()))


def _atom(expr: Any) -> str:
    text = in_words(expr)
    return f"({text})" if expr.is_Add else text


def _rounded(argument: Any, name: str) -> str:
    """``⌈H/2⌉`` for the floor of (H + 1)/2."""
    import sympy

    top, bottom = sympy.fraction(sympy.together(argument))
    if name == "floor" and bottom.is_Integer:
        whole, rest = sympy.expand(top).as_coeff_Add()
        if whole == bottom - 1:
            return f"⌈{_ratio(rest, bottom)}⌉"
    left, right = ("⌊", "⌋") if name == "floor" else ("⌈", "⌉")
    return f"{left}{_ratio(sympy.expand(top), bottom)}{right}"


def _ratio(top: Any, bottom: Any) -> str:
    return f"{_atom(top)}/{_atom(bottom)}" if bottom != 1 else in_words(top)


def in_python(expr: Any) -> str:
    """A formula as Python source, in whole numbers.

    >>> import sympy
    >>> H = sympy.Symbol("H", integer=True, positive=True)
    >>> in_python(9408 * sympy.floor((H + 1) / 2) ** 2)
    '9408*((H + 1)//2)**2'
    """
    import sympy

    if expr.is_Relational:
        return f"({in_python(expr.lhs)} {expr.rel_op} {in_python(expr.rhs)})"
    if expr.is_Add:
        top, bottom = sympy.fraction(sympy.together(expr))
        if bottom != 1:
            return f"({in_python(top)})//{_factor(bottom)}"
        return " + ".join(in_python(term) for term in _ordered(expr.args))
    if expr.is_Mul:
        top, bottom = sympy.fraction(expr)
        if bottom != 1:  # a whole number by itself, or the argument of a floor
            return f"({in_python(top)})//{_factor(bottom)}"
        number, rest = expr.as_coeff_Mul()
        factors = [_factor(factor) for factor in _ordered(rest.args if rest.is_Mul else (rest,))]
        return "*".join(([str(number)] if number != 1 else []) + factors)
    if expr.is_Pow:
        return f"{_factor(expr.base)}**{_factor(expr.exp)}"
    name = type(expr).__name__
    if name == "floor":
        top, bottom = sympy.fraction(sympy.together(expr.args[0]))
        return f"(({in_python(sympy.expand(top))})//{_factor(bottom)})".replace("((", "((", 1)
    if name == "ceiling":
        top, bottom = sympy.fraction(sympy.together(expr.args[0]))
        return f"(-(-({in_python(sympy.expand(top))})//{_factor(bottom)}))"
    if name in ("Max", "Min"):
        return f"{name.lower()}imum({', '.join(map(in_python, expr.args))})"
    return str(expr)


def _factor(expr: Any) -> str:
    text = in_python(expr)
    return f"({text})" if expr.is_Add or text.startswith("-") or "//" in text and not text.startswith("((") else text


def maximum(*values: Any) -> Any:
    """The largest, element by element where there are arrays."""
    return _extreme("maximum", max, values)


def minimum(*values: Any) -> Any:
    """The smallest, element by element where there are arrays."""
    return _extreme("minimum", min, values)


def _extreme(name: str, plain: Callable[..., Any], values: tuple[Any, ...]) -> Any:
    if not any(hasattr(value, "shape") for value in values):
        return plain(values)
    import functools

    import numpy

    return functools.reduce(getattr(numpy, name), values)


@lru_cache(maxsize=4096)
def to_python(expr: Any) -> Callable[[Mapping[str, Any]], Any]:
    """A function of the sizes by name: whole numbers, or NumPy's arrays of them."""
    code = compile(in_python(expr), "<formula>", "eval")
    room = {"__builtins__": {}, "maximum": maximum, "minimum": minimum}
    return lambda sizes: eval(code, room, dict(sizes))
