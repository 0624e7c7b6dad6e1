"""Tensors whose elements are all one value, and whose sizes are open: a mask of ones tells what it is at any size.

Constants of plain sizes are worked out with torch (`analyzer.constants`); one with an open size cannot be. What models
ask of such a tensor is mostly whether all of it is one, ``mask.all()`` or ``mask.sum() == mask.numel()``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch

from analyzer.abstract import AbstractTensor
from analyzer.node import Ref

__all__ = ["Uniform"]

_FILLED = {"ones": 1, "ones_like": 1, "new_ones": 1, "zeros": 0, "zeros_like": 0, "new_zeros": 0}
# Calls whose result has the elements of their first argument, all of them or some.
_SAME = frozenset(
    "to bool long int float getitem expand expand_as view reshape flatten unsqueeze squeeze repeat contiguous clone "
    "detach all any amax amin".split()
)
_COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
}  # fmt: skip
_CASTS: Mapping[str, Callable[[Any], Any]] = {
    "__bool__": bool, "is_nonzero": bool, "__int__": int, "__index__": int, "__float__": float,
    "item": lambda value: value,
}  # fmt: skip


class Uniform:
    """The one value of the results of calls, by the node of the call."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def of(self, value: Any) -> Any:
        """The number that every element of a tensor is, a number itself, or None."""
        if not isinstance(value, AbstractTensor):
            return value if isinstance(value, (int, float, torch.SymInt)) else None
        if value._memory.writes or not isinstance(value._ref, Ref):
            return None
        return self._values.get(value._ref.source)

    def note(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> None:
        """Remember what a call returned, where it is of one value."""
        if isinstance(result, AbstractTensor) and isinstance(result._ref, Ref):
            value = self._result(name, args, kwargs, result)
            if value is not None:
                truth = result.dtype is torch.bool and not isinstance(value, torch.SymBool)
                self._values[result._ref.source] = value != 0 if truth else value

    def _result(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: AbstractTensor) -> Any:
        if name in _FILLED:
            return _FILLED[name]
        if not args or not isinstance(args[0], AbstractTensor):
            return None
        value = self.of(args[0])
        if value is None:
            return None
        if name in _SAME and not any(isinstance(part, torch.Tensor) for part in args[1:]):
            return value
        if name == "sum" and result._spec.ndim == 0:
            return value * args[0]._spec.numel
        if name in _COMPARED and len(args) == 2 and (other := self.of(args[1])) is not None:
            return _COMPARED[name](value, other)
        return None

    def answer(self, name: str, tensor: torch.Tensor) -> Any:
        """What a question about a tensor of one element is answered; None where nobody knows."""
        if name not in _CASTS or not isinstance(tensor, AbstractTensor) or tensor._spec.shape:
            return None
        value = self.of(tensor)
        return None if value is None else _CASTS[name](value)
