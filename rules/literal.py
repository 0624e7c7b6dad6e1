"""Tensors of numbers that are written out."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import is_whole
from rules.create import check_fill_value, like, made, near, number_dtype

__all__ = ["RULES"]

RULES = RuleSet()


def _written(data: Any, kinds: set[torch.dtype | type]) -> tuple[int, ...]:
    """The shape of nested sequences; what their leaves are goes into ``kinds``."""
    if isinstance(data, TensorSpec):
        if data.numel != 1:
            raise ShapeError(f"data may hold tensors of one element, got {data}")
        kinds.add(data.dtype)
        return ()
    if isinstance(data, (list, tuple, range)):
        if not data:
            return (0,)
        shape = _written(data[0], kinds)
        for item in data[1:]:
            other = _written(item, kinds)
            if other != shape:
                raise ShapeError(f"data must be as long in every row, got {shape} and {other}")
        return (len(data), *shape)
    if hasattr(data, "dtype") and hasattr(data, "shape"):
        kinds.add(getattr(torch, str(data.dtype)))
        return tuple(data.shape)
    if not isinstance(data, (bool, int, float, complex, torch.SymInt, torch.SymFloat, torch.SymBool)):
        raise ShapeError(f"data must be numbers, got {data!r}")
    kinds.add(type(data))
    return ()


def _written_spec(data: Any, dtype: torch.dtype | None, device: Any) -> TensorSpec:
    if isinstance(data, TensorSpec):
        return like(data, dtype, device)
    kinds: set[torch.dtype | type] = set()
    shape = _written(data, kinds)
    if dtype is None:
        default = torch.get_default_dtype()
        for kind in kinds:
            found = kind if isinstance(kind, torch.dtype) else number_dtype(kind, default)
            dtype = found if dtype is None else torch.promote_types(dtype, found)
    return made(shape, dtype, device)


@RULES.op(torch.tensor, torch.as_tensor, name="tensor")
def tensor(data: Any, dtype: torch.dtype | None = None, device: Any = None) -> TensorSpec:
    """A tensor of the numbers in nested sequences, or a copy of a tensor.

    Cost: nothing, it moves data.
    Source: torch.tensor
    """
    return _written_spec(data, dtype, device)


@RULES.op(torch.asarray, name="tensor")
def asarray(obj: Any, *, dtype: torch.dtype | None = None, device: Any = None, copy: bool | None = None) -> TensorSpec:
    """A tensor of the numbers in nested sequences, or the tensor itself.

    Cost: nothing, it moves data.
    Source: torch.asarray
    """
    return _written_spec(obj, dtype, device)


@RULES.op("new_tensor", name="tensor", unread=("input",))
def new_tensor(input: TensorSpec, data: Any, *, dtype: torch.dtype | None = None, device: Any = None) -> TensorSpec:
    """A tensor of the numbers in nested sequences, with the dtype and device of input.

    Cost: nothing, it moves data.
    Source: torch.Tensor.new_tensor
    """
    return _written_spec(data, dtype or input.dtype, input.device if device is None else device)


@RULES.op("new", name="tensor")
def new(input: TensorSpec, size: Any = (0,), *more: int, device: Any = None) -> TensorSpec:
    """A tensor of the given size, or of the numbers in a sequence, with the dtype and device of input.

    Cost: nothing, it fills memory.
    Source: torch.Tensor.new
    """
    if is_whole(size):
        return near(input, (size, *more), None, device)
    if isinstance(size, torch.Size) or size == (0,):
        return near(input, size, None, device)
    return _written_spec(size, input.dtype, input.device if device is None else device)


@RULES.op(torch.scalar_tensor)
def scalar_tensor(s: Any, *, dtype: torch.dtype | None = None, device: Any = None) -> TensorSpec:
    """A tensor without dimensions, of one number.

    Cost: nothing, it moves data.
    Source: torch.scalar_tensor
    """
    out = made((), dtype, device)
    check_fill_value(s, out.dtype)
    return out
