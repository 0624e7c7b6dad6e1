"""What is known about a torch function from its name alone: how it is written, whether it writes over its argument."""

from __future__ import annotations

import operator
import types
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from analyzer.node import Kind
from analyzer.targets import describe_target

__all__ = ["OPERATORS", "Callee", "callee"]

_IN_PLACE_DUNDERS = frozenset({
    "__iadd__", "__isub__", "__imul__", "__itruediv__", "__idiv__", "__ifloordiv__", "__imod__", "__ipow__", "__iand__",
    "__ior__", "__ixor__", "__ilshift__", "__irshift__", "__setitem__",
})  # fmt: skip

# In place, and the tensor has another shape afterwards.
_RESHAPES = frozenset({
    "unsqueeze_", "squeeze_", "t_", "transpose_", "swapaxes_", "swapdims_", "resize_", "resize_as_", "as_strided_",
    "set_", "detach_",
})  # fmt: skip


# Their ``out=`` must have the result's very dtype; others convert into it.
_EXACT_OUT = frozenset({"amax", "amin", "aminmax", "complex", "gather", "multinomial"})


# torch tells ``x + y`` as the method; torch.fx has words of its own for them.
OPERATORS = {
    torch.Tensor.add: operator.add,
    torch.Tensor.sub: operator.sub,
    torch.Tensor.mul: operator.mul,
    torch.Tensor.div: operator.truediv,
    torch.Tensor.matmul: operator.matmul,
}


@dataclass(frozen=True, slots=True)
class Callee:
    """A function as a call names it.

    Attributes:
        name: its last name.
        kind: torch.fx's word for a call of it.
        target: how it is written, ``"torch.Tensor.add"``.
        in_place: whether it writes its result over its first argument.
        reshapes: whether that argument has another shape afterwards.
        record: the named tuple that torch wraps its results in, or None.
        exact_out: whether ``out=`` must have the result's very dtype.
    """

    name: str
    kind: Kind
    target: str
    in_place: bool
    reshapes: bool
    record: Any
    exact_out: bool


@cache
def callee(function: Any) -> Callee:
    """Describe a function, method or aten operator.

    >>> callee(torch.Tensor.add_).in_place, callee(torch.Tensor.add_).target
    (True, 'torch.Tensor.add_')
    """
    if isinstance(function, torch._ops.OpOverload):
        name = function._schema.name.split("::")[1]
        target, kind = f"torch.ops.{function}", "call_function"
    else:
        name = getattr(function, "__name__", type(function).__name__)
        target = describe_target(function)
        kind = "call_method" if target.startswith("torch.Tensor.") else "call_function"
        if isinstance(function, types.GetSetDescriptorType):
            target, kind = f"torch.Tensor.{name}", "call_function"
    in_place = name in _IN_PLACE_DUNDERS or (name.endswith("_") and not name.endswith("__"))
    record = getattr(torch.return_types, name, None)
    if record is None and (getattr(function, "__module__", "") or "").startswith("torch._C._linalg"):
        record = getattr(torch.return_types, name, None)
    return Callee(name, kind, target, in_place, name in _RESHAPES, record, name in _EXACT_OUT)  # type: ignore[arg-type]
