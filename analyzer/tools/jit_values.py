"""Stand-ins for what ``torch.jit`` hands to a counting handle: values with a type, without a trace that made them.

They answer what handles ask: ``value.type().sizes()``, ``value.isCompleteTensor()``, ``value.toIValue()``,
``value.node().inputs()``, ``value.debugName()``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from analyzer.spec import TensorSpec

__all__ = ["JitNode", "PlainType", "TensorType", "Value"]

_SCALARS = {
    torch.float32: "Float", torch.float64: "Double", torch.float16: "Half", torch.bfloat16: "BFloat16",
    torch.int64: "Long", torch.int32: "Int", torch.int16: "Short", torch.int8: "Char", torch.uint8: "Byte",
    torch.bool: "Bool", torch.complex64: "ComplexFloat", torch.complex128: "ComplexDouble",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TensorType:
    """The type of a tensor whose shape is known.

    >>> print(TensorType(TensorSpec((2, 3))), TensorType(TensorSpec((2, 3))).sizes())
    Float(2, 3) [2, 3]
    """

    spec: TensorSpec

    def sizes(self) -> list[int]:
        """The shape."""
        return [int(size) for size in self.spec.shape]

    def strides(self) -> list[int]:
        """The strides of a contiguous tensor: an abstract one has no others."""
        strides, step = [], 1
        for size in reversed(self.sizes()):
            strides.append(step)
            step *= max(size, 1)
        return strides[::-1]

    def dim(self) -> int:
        """Number of dimensions."""
        return self.spec.ndim

    def dtype(self) -> torch.dtype:
        """The dtype."""
        return self.spec.dtype

    def device(self) -> torch.device:
        """The device."""
        return self.spec.device

    def scalarType(self) -> str:  # noqa: N802  (torch's name)
        """The dtype in TorchScript's words: ``"Float"``."""
        return _SCALARS.get(self.spec.dtype, str(self.spec.dtype))

    def kind(self) -> str:
        """``"TensorType"``."""
        return "TensorType"

    def __str__(self) -> str:
        return f"{self.scalarType()}({', '.join(map(str, self.sizes()))})"


@dataclass(frozen=True, slots=True)
class PlainType:
    """The type of what is no tensor: a number, a text, a list, None."""

    name: str

    def kind(self) -> str:
        """The type's name, ``"IntType"``."""
        return self.name

    def __str__(self) -> str:
        return self.name.removesuffix("Type").lower()


@dataclass(frozen=True)
class JitNode:
    """The call that made a value, or that a handle is asked about."""

    name: str
    given: tuple[Value, ...] = ()
    made: tuple[Value, ...] = ()

    def kind(self) -> str:
        """What was called: ``"aten::linear"``, ``"prim::ListConstruct"``."""
        return self.name

    def inputs(self) -> Iterator[Value]:
        """What it was given."""
        return iter(self.given)

    def outputs(self) -> Iterator[Value]:
        """What it returned."""
        return iter(self.made)


@dataclass(frozen=True)
class Value:
    """An argument or a result of a call.

    Attributes:
        data: a `TensorSpec`, a list or tuple of values, or a plain Python value.
        name: the argument's name.
        maker: the kind of call that made it.
    """

    data: Any
    name: str = ""
    maker: str = ""

    def isCompleteTensor(self) -> bool:  # noqa: N802
        """Whether it is a tensor; every one here has a known shape."""
        return isinstance(self.data, TensorSpec)

    def type(self) -> TensorType | PlainType:
        """Its type.

        >>> Value(TensorSpec((2, 3))).type().sizes(), Value(3).type().kind()
        ([2, 3], 'IntType')
        """
        if isinstance(self.data, TensorSpec):
            return TensorType(self.data)
        return PlainType(_KINDS.get(type(self.data), "AnyType"))

    def toIValue(self) -> Any:  # noqa: N802
        """The Python value of a constant; None for a tensor or a list, as in a trace.

        >>> Value(True).toIValue(), Value([1, 2]).toIValue()
        (True, None)
        """
        return None if isinstance(self.data, (TensorSpec, list, tuple)) else self.data

    def node(self) -> JitNode:
        """What made it: a list's has the items as inputs.

        >>> [item.toIValue() for item in Value([1, 2]).node().inputs()]
        [1, 2]
        """
        if isinstance(self.data, (list, tuple)):
            items = tuple(Value(item, f"{self.name}.{index}") for index, item in enumerate(self.data))
            return JitNode("prim::ListConstruct", items, (self,))
        if isinstance(self.data, TensorSpec):
            return JitNode(self.maker or "prim::Param", (), (self,))
        return JitNode("prim::Constant", (), (self,))

    def debugName(self) -> str:  # noqa: N802
        """The argument's name; a trace has the name of the caller's variable or a number here."""
        return self.name

    def __str__(self) -> str:
        return f"{self.name} : {self.type()}"


_KINDS = {
    int: "IntType", float: "FloatType", bool: "BoolType", str: "StringType", type(None): "NoneType", list: "ListType",
    tuple: "ListType", complex: "ComplexType", torch.device: "DeviceObjType", torch.dtype: "IntType",
}  # fmt: skip
