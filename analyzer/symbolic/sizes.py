"""Open dimensions during a capture: torch's symbolic ints, and what they decide."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy
import torch
from torch._dynamo.source import ConstantSource
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv
from torch.utils._sympy import functions

from analyzer.frames import user_line
from analyzer.symbolic.domain import Condition, Domain, Name
from analyzer.symbolic.expression import Expression

__all__ = ["OpenSizes"]


class OpenSizes(ShapeEnv):
    """torch's environment of shapes, which keeps every decision with the line that asked for it.

    Args:
        names: the open dimensions.
    """

    def __init__(self, names: Iterable[Name]) -> None:
        super().__init__(duck_shape=False, specialize_zero_one=False)
        self.domain = Domain(tuple(names))
        self.outcomes: dict[Any, Any] = {}  # what rules answered to calls with open sizes
        self._settled: set[Any] = set()
        self._renamed: dict[Any, Any] = {}
        self._known: dict[Any, Any] = {}
        self.sizes: dict[str, torch.SymInt] = {}
        for name in self.domain.names:
            source = ConstantSource(name.name)
            symbol = self.create_symbol(name.hint, source, dynamic_dim=DimDynamic.DYNAMIC)
            self.sizes[name.name] = self.create_symintnode(symbol, hint=name.hint, source=source)
            self._renamed[symbol] = sympy.Symbol(name.name, integer=True, positive=True)

    def evaluate_expr(self, orig_expr: Any, *args: Any, **kwargs: Any) -> Any:
        """Decide, and keep what was decided where it was not known before."""
        if orig_expr in self._settled:
            return super().evaluate_expr(orig_expr, *args, **kwargs)
        self._settled.add(orig_expr)
        known = self._maybe_evaluate_static(orig_expr)
        result = super().evaluate_expr(orig_expr, *args, **kwargs)
        if known is None and not orig_expr.is_number:
            self._keep(orig_expr, result)
        return result

    def _keep(self, expr: Any, result: Any) -> None:
        if result is sympy.true or result is True:
            relation = self.translated(expr)
        elif result is sympy.false or result is False:
            relation = sympy.Not(self.translated(expr))
        else:
            relation = sympy.Eq(self.translated(expr), result)
        if relation not in (sympy.true, sympy.false):
            self.domain.conditions.append(Condition(relation, user_line(2)))

    # --- to numbers of our own ----------------------------------------------------------------------------------

    def number(self, size: Any) -> Any:
        """A symbolic int as an `Expression`; anything else as it is."""
        if not isinstance(size, torch.SymInt):
            return size
        expr = size.node.expr
        made = self._known.get(expr)
        if made is None:
            made = self._known[expr] = self._number(self.translated(expr))
        return made

    def _number(self, expr: Any) -> Any:
        terms = sympy.expand(expr).as_coefficients_dict()
        if all(product.is_number for product in terms):
            return int(expr)
        value = int(expr.subs({sympy.Symbol(n, integer=True, positive=True): h for n, h in self.domain.hints.items()}))
        return Expression(value, {product: int(factor) for product, factor in terms.items()}, self.domain)

    def translated(self, expr: Any) -> Any:
        """A formula of torch's in sympy's own words, with the names that people gave."""
        return _translated(expr, self._renamed)


def _translated(expr: Any, names: dict[Any, Any]) -> Any:
    if expr.is_Symbol:
        return names.get(expr, expr)
    if not expr.args:
        return expr
    parts = [_translated(part, names) for part in expr.args]
    if isinstance(expr, (functions.FloorDiv,)):
        return sympy.floor(parts[0] / parts[1])
    if isinstance(expr, (functions.CeilDiv,)):
        return sympy.ceiling(parts[0] / parts[1])
    if isinstance(expr, (functions.Mod, functions.PythonMod)):
        return parts[0] - parts[1] * sympy.floor(parts[0] / parts[1])
    if isinstance(expr, functions.Max):
        return sympy.Max(*parts)
    if isinstance(expr, functions.Min):
        return sympy.Min(*parts)
    if isinstance(expr, functions.PowByNatural):
        return parts[0] ** parts[1]
    if isinstance(expr, (functions.FloorToInt, functions.TruncToInt)):
        return sympy.floor(parts[0])
    if isinstance(expr, functions.CeilToInt):
        return sympy.ceiling(parts[0])
    if isinstance(expr, functions.ToFloat):
        return parts[0]
    if isinstance(expr, (functions.IntTrueDiv, functions.FloatTrueDiv)):
        return parts[0] / parts[1]
    if expr.is_Add:
        return _absorbed(parts)
    return expr.func(*parts)


def _absorbed(parts: list[Any]) -> Any:
    """⌊a/n⌋ + k is ⌊(a + k·n)/n⌋: one rounded ratio, and no sum that would have to be multiplied out."""
    whole = [part for part in parts if part.is_Integer]
    rounded = [part for part in parts if isinstance(part, sympy.floor)]
    if len(parts) == 2 and len(whole) == len(rounded) == 1:
        top, bottom = sympy.fraction(sympy.together(rounded[0].args[0]))
        return sympy.floor((sympy.expand(top) + whole[0] * bottom) / bottom, evaluate=False)
    return sympy.Add(*parts)
