"""Functions of the user's own that count layers, by class, as the drop-ins for thop and its descendant take them.

A function ``count(m, x, y)`` is given a module, its positional arguments and what it returned, and adds to
``m.total_ops``. Tensors have shapes and no storage, and nothing that it leaves on the model stays there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import nn

from analyzer.compat.calls import Call
from analyzer.errors import InputError

__all__ = ["Custom", "Rule"]

Rule = Callable[[nn.Module, Any, Any], Any]


class Custom:
    """Counting functions by class of module; a None counts nothing.

    Args:
        custom_ops: what the user gives.
        builtin: whether a class is counted by the tool itself. None if classes have to match exactly; otherwise the
            nearest class of a module that either of both knows decides.
        also: more functions, of which ``custom_ops`` goes before.

    Raises:
        InputError: it is no mapping of classes to functions.
    """

    def __init__(
        self,
        custom_ops: Mapping[type, Rule | None] | None,
        builtin: Callable[[type], bool] | None = None,
        also: Mapping[type, Rule | None] | None = None,
    ) -> None:
        given = {} if custom_ops is None else custom_ops
        if not isinstance(given, Mapping):
            raise InputError(f"custom_ops maps classes to functions, but this is a {type(given).__name__}")
        for cls, rule in given.items():
            if not isinstance(cls, type) or not (rule is None or callable(rule)):
                raise InputError(f"custom_ops maps classes to functions (m, x, y), not {cls!r:.80} to {rule!r:.80}")
        self.rules = {**(also or {}), **given}
        self._builtin = builtin

    def rule(self, module: nn.Module) -> Rule | None:
        """The user's function for a module; None where there is none."""
        cls = type(module)
        if self._builtin is None:
            return (self.rules[cls] or _nothing) if cls in self.rules else None
        for base in cls.__mro__:
            if base in self.rules:
                return self.rules[base] or _nothing
            if self._builtin(base):
                return None
        return None

    def knows(self, module: nn.Module) -> bool:
        """Whether there is a function for one of a module's classes, whether it is the one that counts or not."""
        return any(base in self.rules for base in type(module).__mro__)

    def hooks(self, calls: Iterable[Call]) -> dict[str, str]:
        """Path of every called module that has a function -> its name; empty where it is None."""
        rules = {call.path: self.rule(call.module) for call in calls}
        return {path: "" if rule is _nothing else "custom" for path, rule in rules.items() if rule is not None}


def _nothing(m: nn.Module, x: Any, y: Any) -> None:
    """Counts nothing."""
