"""Open dimensions during a capture: torch's symbolic ints, and what they decide."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import sympy
import torch
from torch._dynamo.source import ConstantSource
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv
from torch.utils._sympy.numbers import int_oo

from analyzer.errors import AnalyzerError, Source
from analyzer.frames import user_line
from analyzer.symbolic import relations, rounding, translation
from analyzer.symbolic.domain import Condition, Domain, Name
from analyzer.symbolic.expression import Expression
from analyzer.symbolic.nodes import RememberingNode
from analyzer.symbolic.printing import in_words

__all__ = ["OpenSizes", "Pinned", "open_sizes"]

# Results of arithmetic that an environment may hold; about as many as fifty different models make.
_LIMIT = 1 << 17
_idle: dict[tuple[Name, ...], OpenSizes] = {}


@contextmanager
def open_sizes(names: tuple[Name, ...]) -> Iterator[OpenSizes]:
    """The environment of these names for one analysis, which no other thread uses meanwhile."""
    sizes = _idle.pop(names, None) or OpenSizes(names)
    try:
        yield sizes
    except AnalyzerError as error:
        sizes.say_names(error)
        raise
    finally:
        sizes._start()
        if len(sizes.made) < _LIMIT:
            for old in list(_idle)[:-7]:
                _idle.pop(old, None)
            _idle[names] = sizes


class Pinned(BaseException):
    """A branch left a name one size: nothing of it stays open, and the capture is to be made again without it.

    It passes through the model's code, which may catch an Exception.

    Args:
        name: what it is called.
        size: the one size.
        source: the line that asked.
    """

    def __init__(self, name: str, size: int, source: Source | None) -> None:
        super().__init__(name)
        self.name, self.size, self.source = name, size, source

    @property
    def condition(self) -> Condition:
        """The same as a condition."""
        return Condition(f"{self.name} = {self.size:,}", f"{self.name} == {self.size}", self.source)


class OpenSizes(ShapeEnv):
    """torch's environment of shapes, which keeps every decision with the line that asked for it.

    It takes no decision for granted afterwards, as torch's own does: what it knows are the ranges of the names alone.
    So one environment serves many analyses, whatever each of them decides, and what was worked out for one is there for
    the next.

    Args:
        names: the open dimensions.
    """

    def __init__(self, names: Iterable[Name]) -> None:
        super().__init__(duck_shape=False, specialize_zero_one=False)
        self.names = tuple(names)
        self.made: dict[Any, Any] = {}  # results of symbolic arithmetic
        self._answers: dict[Any, tuple[Any, bool]] = {}
        self._outcomes: dict[Any, tuple[Any, tuple[Any, ...]]] = {}
        self._renamed: dict[Any, Any] = {}
        self._terms: dict[Any, Any] = {}
        self._settled: dict[tuple[Any, ...], list[tuple[Condition, Any]]] = {}
        self.sizes = {name.name: self._open(name) for name in self.names}
        self._start()

    def _open(self, name: Name) -> torch.SymInt:
        source = ConstantSource(name.name)
        symbol = self.create_symbol(name.hint, source, dynamic_dim=DimDynamic.DYNAMIC)
        self.constrain_symbol_range(symbol, name.least, int_oo if name.most is None else name.most)
        self._renamed[symbol] = rounding.symbol(name.name)
        return torch.SymInt(RememberingNode(symbol, self, int, name.hint))

    def _start(self) -> None:
        self.domain = Domain(self.names)
        self._asked: dict[Any, Any] = {}  # what this analysis decided -> the line that asked first
        self._trail: list[Any] = []  # the same, every time
        self._known: dict[Any, Any] = {}

    # --- decisions ----------------------------------------------------------------------------------------------

    def evaluate_expr(self, orig_expr: Any, hint: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Decide; what does not hold for all sizes is kept."""
        answer = self._answers.get(orig_expr)
        if answer is None:
            answer = self._answers[orig_expr] = self._answer(orig_expr, hint)
        value, is_choice = answer
        if is_choice:
            self._ask(orig_expr)
        return value

    def _answer(self, expr: Any, hint: Any) -> tuple[Any, bool]:
        known = self._maybe_evaluate_static(expr)
        if known is not None:
            return known, False
        return sympy.sympify(self.guarding_hint_or_throw(expr) if hint is None else hint), True

    def _ask(self, expr: Any) -> None:
        self._trail.append(expr)
        if expr in self._asked:
            return
        line = self._asked[expr] = user_line(2)
        value = self._answers[expr][0]
        if expr.is_Symbol:
            raise Pinned(self._renamed[expr].name, int(value), line)
        if (type(expr), bool(value)) in ((sympy.Eq, True), (sympy.Ne, False)):
            for symbol, size in (expr.args, expr.args[::-1]):
                if symbol.is_Symbol and size.is_Integer:
                    raise Pinned(self._renamed[symbol].name, int(size), line)

    def remembered(self, key: Any, ask: Callable[[], Any]) -> Any:
        """What a rule answered to a call with open sizes: its decisions are this analysis' too."""
        found = self._outcomes.get(key)
        if found is None:
            start = len(self._trail)
            outcome = ask()
            self._outcomes[key] = outcome, tuple(dict.fromkeys(self._trail[start:]))
            return outcome
        outcome, decisions = found
        for expr in decisions:
            self._ask(expr)
        return outcome

    def conclude(self, names: tuple[Name, ...]) -> Domain:
        """The conditions of the analysis that is done, and its names: those that are pinned, too."""
        self.domain = Domain(names)
        asked = tuple(self._asked)
        settled = self._settled.get(asked)
        if settled is None:
            decided = [(self._relation(expr, self._answers[expr][0]), expr) for expr in asked]
            made = relations.settled(decided, relations.bounds_of(self.names))
            settled = self._settled[asked] = [(Condition.of(relation), expr) for relation, expr in made]
        self.domain.conditions[:] = [replace(condition, source=self._asked[expr]) for condition, expr in settled]
        return self.domain

    def _relation(self, expr: Any, result: Any) -> Any:
        if result is sympy.true:
            return self.translated(expr)
        if result is sympy.false:
            return sympy.Not(self.translated(expr))
        return sympy.Eq(self.translated(expr), result)

    # --- to numbers of our own ----------------------------------------------------------------------------------

    def number(self, size: Any) -> Any:
        """A symbolic int as an `Expression`, another symbolic value as text; anything else as it is."""
        if isinstance(size, (torch.SymFloat, torch.SymBool)):
            return self.said(size.node.expr)
        if not isinstance(size, torch.SymInt):
            return size
        expr = size.node.expr
        made = self._known.get(expr)
        if made is None:
            if expr not in self._terms:
                self._terms[expr] = self._worked_out(self.translated(expr))
            value, terms = self._terms[expr]
            made = self._known[expr] = Expression(value, terms, self.domain) if terms else value
        return made

    def _worked_out(self, expr: Any) -> tuple[int, dict[Any, int]]:
        """The value at the hints, and the products of a sum; none for a plain number."""
        terms = rounding.products(expr)
        if all(product.is_number for product in terms):
            return int(expr), {}
        return int(rounding.value(expr, self.domain.hints)), terms

    def say_names(self, error: AnalyzerError) -> None:
        """Put the names that people gave where an error has torch's, which texts of the model's own have too."""
        names = {str(symbol): own.name for symbol, own in self._renamed.items() if symbol.is_Symbol and own.is_Symbol}
        pattern = re.compile(rf"\b({'|'.join(names)})\b")

        def named(text: str) -> str:
            return pattern.sub(lambda found: names[found[0]], text)

        error.message, error.hint = named(error.message), named(error.hint)
        error.details = tuple((label, named(text)) for label, text in error.details)

    def said(self, expr: Any) -> str:
        """A formula of torch's as people write it."""
        return in_words(self.translated(expr))

    def translated(self, expr: Any) -> Any:
        """A formula of torch's in sympy's own words, with the names that people gave."""
        return translation.translated(expr, self._renamed)
