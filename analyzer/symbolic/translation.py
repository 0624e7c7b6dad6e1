"""torch's symbolic arithmetic in sympy's own words, with the names that people gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy
from torch.utils._sympy import functions

from analyzer.symbolic.rounding import CeilLog2, FloorDiv, Round, gathered

__all__ = ["translated"]


def translated(expr: Any, known: dict[Any, Any]) -> Any:
    """A formula of torch's, in the normal form of ours.

    Args:
        expr: the formula.
        known: what is translated already, the symbols first of all; more is added.
    """
    made = known.get(expr)
    if made is None:
        made = known[expr] = _translated(expr, known)
    return made


def _translated(expr: Any, known: dict[Any, Any]) -> Any:
    if expr.is_Float:
        return _exact(expr)
    if not expr.args:
        return expr
    parts = [translated(part, known) for part in expr.args]
    made = _WORDS.get(type(expr))
    if made is not None:
        return made(*parts)
    if expr.is_Add:
        return gathered(sympy.Add(*parts))
    return expr.func(*parts)


def _exact(number: Any) -> Any:
    """A half and the like as ratios: products with them are exact in floating point too. Other numbers stay floats."""
    top, bottom = float(number).as_integer_ratio()
    return sympy.Rational(top, bottom) if bottom <= 1 << 16 else number


def _floor(ratio: Any) -> Any:
    if ratio.has(sympy.Float) or (ratio.has(sympy.Pow) and not ratio.is_polynomial()):
        top, bottom = sympy.fraction(ratio)
        return FloorDiv(top, bottom) if not ratio.has(sympy.Float) and _is_whole(top) else sympy.floor(ratio)
    top, bottom = sympy.fraction(sympy.together(ratio))
    return FloorDiv(top, bottom)


def _is_whole(expr: Any) -> bool:
    return bool(expr.is_integer)


def _ceiling(ratio: Any) -> Any:
    if isinstance(ratio, functions.OpaqueUnaryFn_log2):
        return CeilLog2(ratio.args[0])
    return -_floor(-ratio)


def _truncated(ratio: Any) -> Any:
    if ratio.is_nonnegative:
        return _floor(ratio)
    return sympy.Max(_floor(ratio), 0) + sympy.Min(_ceiling(ratio), 0)


def _modulo(number: Any, by: Any) -> Any:
    return gathered(number - by * FloorDiv(number, by))


_WORDS: Mapping[type, Callable[..., Any]] = {
    functions.FloorDiv: FloorDiv,
    functions.CleanDiv: FloorDiv,
    functions.CeilDiv: lambda top, bottom: -FloorDiv(-top, bottom),
    functions.ModularIndexing: lambda number, by, modulus: _modulo(FloorDiv(number, by), modulus),
    functions.Mod: _modulo,
    functions.PythonMod: _modulo,
    functions.Max: sympy.Max,
    functions.Min: sympy.Min,
    functions.PowByNatural: sympy.Pow,
    functions.FloatPow: sympy.Pow,
    functions.FloorToInt: _floor,
    functions.TruncToInt: _truncated,
    functions.CeilToInt: _ceiling,
    functions.RoundToInt: Round,
    functions.ToFloat: lambda number: number,
    functions.Identity: lambda number: number,
    functions.IntTrueDiv: lambda top, bottom: top / bottom,
    functions.FloatTrueDiv: lambda top, bottom: top / bottom,
    functions.OpaqueUnaryFn_sqrt: sympy.sqrt,
    functions.LShift: lambda number, by: number * 2**by,
    functions.RShift: lambda number, by: FloorDiv(number, 2**by),
}
