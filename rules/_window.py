"""Sliding-window arithmetic that convolutions, pooling and folding share."""

from __future__ import annotations

from typing import Any

from analyzer.errors import ShapeError
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, each_whole, whole

__all__ = ["each_dim", "each_not_negative", "each_positive", "split_spatial", "window_count"]


def each_dim(value: Any, dims: int, name: str) -> tuple[int, ...]:
    """One number a spatial dimension, from the int or the sequence of 1 or ``dims`` ints that torch takes.

    >>> each_dim(3, 2, "kernel_size"), each_dim([5], 2, "stride"), each_dim((1, 2), 2, "padding")
    ((3, 3), (5, 5), (1, 2))
    """
    if type(value) is int:
        return (value,) * dims
    if not isinstance(value, (tuple, list)):
        return (whole(value, name),) * dims
    if len(value) not in (1, dims):
        raise ShapeError(f"{name} must be one number or {dims}, got {tuple(value)}")
    each = each_whole(value, name)
    return each if len(each) == dims else each * dims


def split_spatial(input: TensorSpec, dims: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Leading sizes (batch and channels, or channels alone) and the ``dims`` spatial ones."""
    shape = check_tensor(input, "input").shape
    extra = len(shape) - dims
    if extra != 2 and extra != 1:
        raise ShapeError(f"input must have {dims + 1} or {dims + 2} dimensions, but its shape is {shape}")
    return shape[:extra], shape[extra:]


def window_count(size: int, kernel: int, stride: int, before: int, after: int, dilation: int) -> int:
    """How many whole windows fit along one dimension.

    >>> window_count(224, kernel=7, stride=2, before=3, after=3, dilation=1)
    112
    """
    return (size + before + after - dilation * (kernel - 1) - 1) // stride + 1


def each_positive(value: Any, dims: int, name: str) -> tuple[int, ...]:
    """The same as each_dim, all above zero."""
    values = each_dim(value, dims, name)
    for one in values:
        if one <= 0:
            raise ShapeError(f"{name} must be above zero, got {values}")
    return values


def each_not_negative(value: Any, dims: int, name: str) -> tuple[int, ...]:
    """The same as each_dim, none below zero."""
    values = each_dim(value, dims, name)
    for one in values:
        if one < 0:
            raise ShapeError(f"{name} must not be negative, got {values}")
    return values
