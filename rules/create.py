"""Tensors out of nothing, filled with one value. `literal` has those that are written out."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, numbers

__all__ = ["RULES", "check_fill_value", "check_format", "like", "made", "near", "number_dtype"]

RULES = RuleSet()

_NDIM = {torch.channels_last: 4, torch.channels_last_3d: 5}

_known_device = cache(torch.device)


def _device(device: Any) -> torch.device:
    try:
        return _known_device(device)
    except (RuntimeError, TypeError):
        raise ShapeError(f"device must be one of torch's, got {device!r}") from None


def made(shape: Any, dtype: torch.dtype | None, device: Any, otherwise: torch.dtype | None = None) -> TensorSpec:
    """A new tensor: the default dtype (or ``otherwise``) on the CPU unless said otherwise."""
    sizes = numbers(shape, "size")
    for size in sizes:
        if size < 0:
            raise ShapeError(f"size must be 0 or more, got {sizes}")
    return TensorSpec(
        sizes, dtype or otherwise or torch.get_default_dtype(), _device("cpu" if device is None else device)
    )


def check_format(spec: TensorSpec, memory_format: Any) -> TensorSpec:
    """The tensor itself, once it has as many dimensions as its order in memory names."""
    wanted = _NDIM.get(memory_format, spec.ndim)
    if spec.ndim != wanted:
        raise ShapeError(f"{memory_format} takes {wanted} dimensions, got {spec.ndim}: {spec.shape}")
    return spec


def like(input: TensorSpec, dtype: torch.dtype | None, device: Any, memory_format: Any = None) -> TensorSpec:
    """A new tensor of input's shape, with its dtype and device unless said otherwise."""
    out = check_format(check_tensor(input, "input"), memory_format).with_dtype(dtype or input.dtype)
    return out if device is None else out.with_device(_device(device))


def near(input: TensorSpec, size: Any, dtype: torch.dtype | None, device: Any) -> TensorSpec:
    """A new tensor of another shape, with input's dtype and device unless said otherwise."""
    return made(size, dtype or input.dtype, input.device if device is None else device)


def filled(*size: int, dtype: torch.dtype | None = None, device: Any = None, memory_format: Any = None) -> TensorSpec:
    """A tensor of the given size.

    Cost: nothing, it fills memory.
    Source: torch.zeros
    """
    return check_format(made(size, dtype, device), memory_format)


def filled_like(
    input: TensorSpec, *, dtype: torch.dtype | None = None, device: Any = None, memory_format: Any = None
) -> TensorSpec:
    """A tensor of the size of input.

    Cost: nothing, it fills memory.
    Source: torch.zeros_like
    """
    return like(input, dtype, device, memory_format)


def filled_near(input: TensorSpec, *size: int, dtype: torch.dtype | None = None, device: Any = None) -> TensorSpec:
    """A tensor of the given size, with the dtype and device of input.

    Cost: nothing, it fills memory.
    Source: torch.Tensor.new_zeros
    """
    return near(input, size, dtype, device)


for _name, _unread in (("zeros", ("input",)), ("ones", ("input",)), ("empty", ())):
    also = [torch.ops.aten._efficientzerotensor] if _name == "zeros" else []  # what tangents of constants are
    RULES.op(getattr(torch, _name), *also, name=_name)(filled)
    RULES.op(getattr(torch, f"{_name}_like"), name=f"{_name}_like", unread=_unread)(filled_like)
    RULES.op(f"new_{_name}", name=f"new_{_name}", unread=_unread)(filled_near)


@RULES.op(torch.empty_strided, name="empty")
def empty_strided(size: Any, stride: Any, *, dtype: torch.dtype | None = None, device: Any = None) -> TensorSpec:
    """A tensor of the given size with the given strides in memory.

    Cost: nothing, it fills memory.
    Source: torch.empty_strided
    """
    out = made(size, dtype, device)
    if len(numbers(stride, "stride")) != out.ndim:
        raise ShapeError(f"size and stride must be equally long, got {size} and {stride}")
    return out


@RULES.op(torch.empty_permuted, name="empty")
def empty_permuted(
    size: Any, physical_layout: Any, *, dtype: torch.dtype | None = None, device: Any = None
) -> TensorSpec:
    """A tensor of the given size whose dimensions lie in memory in the given order.

    Cost: nothing, it fills memory.
    Source: torch.empty_permuted
    """
    out = made(size, dtype, device)
    if sorted(numbers(physical_layout, "physical_layout")) != list(range(out.ndim)):
        raise ShapeError(f"physical_layout must name every dimension once, got {physical_layout} for {out.ndim}")
    return out


@RULES.op("new_empty_strided", name="new_empty")
def new_empty_strided(
    input: TensorSpec, size: Any, stride: Any, dtype: torch.dtype | None = None, device: Any = None
) -> TensorSpec:
    """A tensor of the given size in a given order in memory, with the dtype and device of input.

    Cost: nothing, it fills memory.
    Source: torch.Tensor.new_empty_strided
    """
    out = near(input, size, dtype, device)
    if len(numbers(stride, "stride")) != out.ndim:
        raise ShapeError(f"size and stride must be equally long, got {size} and {stride}")
    return out


@cache
def number_dtype(kind: Any, default: torch.dtype) -> torch.dtype:
    if issubclass(kind, (bool, torch.SymBool)):
        return torch.bool
    if issubclass(kind, (int, torch.SymInt)):
        return torch.int64
    return default.to_complex() if issubclass(kind, complex) else default


def check_fill_value(value: Any, dtype: torch.dtype) -> None:
    if isinstance(value, TensorSpec):
        if value.numel != 1:
            raise ShapeError(f"fill_value must be one number, got {value}")
    elif not isinstance(value, (int, float, complex, torch.SymInt, torch.SymFloat, torch.SymBool)):
        raise ShapeError(f"fill_value must be a number, got {value!r}")
    elif isinstance(value, complex) and not dtype.is_complex:
        raise ShapeError(f"fill_value must be real for a real dtype, got {value} for {dtype}")


@RULES.op(torch.full)
def full(size: Any, fill_value: Any, *, dtype: torch.dtype | None = None, device: Any = None) -> TensorSpec:
    """A tensor of one value, with the value's own kind of dtype.

    Cost: nothing, it fills memory.
    Source: torch.full
    """
    if dtype is None:
        one = fill_value.dtype if isinstance(fill_value, TensorSpec) else None
        if one is None or one.is_floating_point or one.is_complex:
            kind: Any = type(fill_value) if one is None else complex if one.is_complex else float
            one = number_dtype(kind, torch.get_default_dtype())
        dtype = one
    check_fill_value(fill_value, dtype)
    return made(size, dtype, device)


@RULES.op(torch.full_like, unread=("input",))
def full_like(
    input: TensorSpec, fill_value: Any, *, dtype: torch.dtype | None = None, device: Any = None,
    memory_format: Any = None,
) -> TensorSpec:  # fmt: skip
    """A tensor of one value, of the size of input.

    Cost: nothing, it fills memory.
    Source: torch.full_like
    """
    out = like(input, dtype, device, memory_format)
    check_fill_value(fill_value, out.dtype)
    return out


@RULES.op("new_full", unread=("input",))
def new_full(
    input: TensorSpec, size: Any, fill_value: Any, *, dtype: torch.dtype | None = None, device: Any = None
) -> TensorSpec:
    """A tensor of one value, with the dtype and device of input.

    Cost: nothing, it fills memory.
    Source: torch.Tensor.new_full
    """
    out = near(input, size, dtype, device)
    check_fill_value(fill_value, out.dtype)
    return out


@RULES.op(torch._shape_as_tensor, name="shape_as_tensor", unread=("input",))
def shape_as_tensor(input: TensorSpec) -> TensorSpec:
    """The sizes of input as a tensor, which are known.

    Cost: nothing, no element is read.
    Source: torch._shape_as_tensor
    """
    return TensorSpec((input.ndim,), torch.int64)
