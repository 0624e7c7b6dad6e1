"""Whether data can decide what a rule says, read from the rule's own code."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from analyzer.errors import DataDependentError
from analyzer.rule import Bound, Rule
from analyzer.ruleset import Definition

__all__ = ["is_data_dependent"]


def is_data_dependent(rule: Rule) -> bool:
    """Whether data can decide a size of the result: the shape function, or one that it calls, makes a `Bound`.

    Or itself, or one in its own file, refuses to size what only data knows.
    """
    home = rule.shape.__module__
    for function in _reached(rule.shape):
        used = list(_named(function))
        if Bound in used or (function.__module__ == home and DataDependentError in used):
            return True
    return False


def _reached(function: Any) -> Iterator[FunctionType]:
    """The function and those that it names, and so on."""
    waiting, seen = [function], set()
    while waiting:
        one = waiting.pop()
        one = one.shape if isinstance(one, Definition) else one
        if isinstance(one, FunctionType) and one not in seen:
            seen.add(one)
            yield one
            cells = [cell.cell_contents for cell in one.__closure__ or ()]
            waiting += [*cells, *_named(one)]


def _named(function: FunctionType) -> Iterator[Any]:
    """The globals that a function names."""
    for name in _code_names(function.__code__):
        if name in function.__globals__:
            yield function.__globals__[name]


def _code_names(code: CodeType) -> set[str]:
    inner = (_code_names(item) for item in code.co_consts if isinstance(item, CodeType))
    return set(code.co_names).union(*inner)
