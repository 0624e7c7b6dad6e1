"""Symbolic ints that remember what was made of them.

A model of equal layers asks for the same sizes again and again, and does so once more when it is analyzed once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from torch.fx.experimental.sym_node import SymNode, magic_methods

__all__ = ["RememberingNode"]


class RememberingNode(SymNode):
    """torch's node of a symbolic number; sums, products and comparisons are worked out once in an environment.

    The environment is an `OpenSizes`: it keeps them, and never replaces a symbol.
    """

    shape_env: Any

    @property
    def expr(self) -> Any:
        """The formula."""
        return self._expr

    def str(self) -> str:
        """The formula as people write it: errors of rules, and the model's own, have sizes in them."""
        return self.shape_env.said(self._expr)  # type: ignore[no-any-return]

    def wrap_int(self, num: int) -> SymNode:
        """A plain number as a node."""
        known = self.shape_env.made
        node = known.get(num)
        if node is None:
            node = known[num] = _remembering(super().wrap_int(num))
        return node  # type: ignore[no-any-return]

    def sym_sum(self, args: Sequence[SymNode]) -> SymNode:
        """The sum of many."""
        return _remembering(super().sym_sum(list(args)))  # type: ignore[no-any-return]


def _remembering(node: Any) -> Any:
    """The same node, which remembers from now on; a plain number where no symbol is left in it."""
    if type(node) is SymNode:
        expr: Any = node._expr
        node.__class__ = RememberingNode
        if node.constant is None and node.pytype is int and expr.is_number:
            node.constant = int(expr)
    return node


def _once(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def remembered(self: Any, *others: Any) -> Any:
        known = self.shape_env.made
        key = (name, self._expr, *[other._expr for other in others])
        node = known.get(key)
        if node is None:
            node = known[key] = _remembering(method(self, *others))
        return node

    return remembered


for _name in magic_methods:
    if _name not in ("round", "sym_ite"):  # which take more than numbers
        _method = _name if hasattr(SymNode, _name) else f"{_name}_"
        setattr(RememberingNode, _method, _once(_method, getattr(SymNode, _method)))
