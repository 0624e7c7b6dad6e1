"""Pooling over windows of one size: maximum, average and power average."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import float_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, whole
from rules._window import each_dim, each_not_negative, each_positive, split_spatial, window_count

__all__ = ["RULES"]

RULES = RuleSet()

Sizes = int | Sequence[int]


def _pooled_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """How many windows; in ceil mode also one that starts in the input or the padding before it and ends beyond."""
    if not ceil_mode:
        return window_count(size, kernel, stride, padding, padding, dilation)
    count = window_count(size, kernel, stride, padding, padding + stride - 1, dilation)
    return count - 1 if (count - 1) * stride >= size + padding else count


def _pooled(
    input: TensorSpec, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, dims: int
) -> TensorSpec:
    lead, sizes = split_spatial(input, dims)
    kernel = each_positive(kernel_size, dims, "kernel_size")
    stride = kernel if stride is None or stride == () or stride == [] else each_positive(stride, dims, "stride")
    padding, dilation = each_not_negative(padding, dims, "padding"), each_positive(dilation, dims, "dilation")
    for k, p in zip(kernel, padding, strict=True):
        if 2 * p > k:
            raise ShapeError(f"padding must be at most half of kernel_size, got {padding} and {kernel}")
    if any(size == 0 for size in (lead[-1], *sizes)):
        raise ShapeError(f"only the batch of input may be empty, but its shape is {input.shape}")
    spatial = [
        _pooled_size(size, k, s, p, d, ceil_mode)
        for size, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    ]
    if any(size < 1 for size in spatial):
        raise ShapeError(f"the windows of {kernel} are larger than the padded input: {sizes}")
    return input.with_shape(*lead, *spatial)


def _check_covers(input: TensorSpec, kernel_size: Any) -> None:
    """Average pooling over volumes wants windows that fit without the padding."""
    kernel = each_dim(kernel_size, 3, "kernel_size")
    if any(size < k for size, k in zip(input.shape[-3:], kernel, strict=False)):
        raise ShapeError(f"the windows are larger than the input: {kernel} against {input.shape[-3:]}")


def _window_size(kernel_size: Any, dims: int) -> int:
    return math.prod(each_dim(kernel_size, dims, "kernel_size"))


def _add_max_pool(dims: int, indices: bool, *targets: Any) -> None:
    """Targets that give the index of each largest element always, or where they are asked for it."""

    @RULES.op(*targets, name=f"max_pool{dims}d")
    def max_pool(
        input: TensorSpec,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
        return_indices: bool = indices,
    ) -> TensorSpec | tuple[TensorSpec, TensorSpec]:
        """Largest of each window        x (N, C, *) -> (N, C, *), or without N.

        Each size is (size + 2 padding - dilation (kernel - 1) - 1) // stride + 1, rounded up in ceil mode. With
        return_indices the result is twice that, the index too.

        Cost: per output k - 1 cmp for a window of k.
        Source: torch.nn.functional.max_pool2d
        """
        if check_tensor(input, "input").dtype is torch.bool or input.dtype.is_complex:
            raise ShapeError(f"input must be of numbers that have an order, got {input.dtype_name}")
        out = _pooled(input, kernel_size, stride, padding, dilation, ceil_mode, dims)
        return (out, out.with_dtype(torch.int64)) if indices or return_indices else out

    @max_pool.cost
    def _(out: Any, kernel_size: Sizes) -> Counts:
        values = out[0] if isinstance(out, tuple) else out
        return Counts(cmp=values.numel * (_window_size(kernel_size, dims) - 1))


def _add_avg_pool(dims: int, *targets: Any) -> None:
    @RULES.op(*targets, name=f"avg_pool{dims}d")
    def avg_pool(
        input: TensorSpec,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> TensorSpec:
        """Mean of each window        x (N, C, *) -> (N, C, *), or without N.

        Each size is (size + 2 padding - kernel) // stride + 1, rounded up in ceil mode.

        Cost: per output k - 1 add and 1 div for a window of k, padding included.
        Source: torch.nn.functional.avg_pool2d
        """
        if not check_tensor(input, "input").dtype.is_floating_point and input.dtype is not torch.int64:
            raise ShapeError(f"input must be of real numbers, got {input.dtype_name}")
        if divisor_override is not None and divisor_override == 0:
            raise ShapeError("divisor_override must not be 0")
        if dims == 3:
            _check_covers(input, kernel_size)
        return _pooled(input, kernel_size, stride, padding, 1, ceil_mode, dims)

    @avg_pool.cost
    def _(out: TensorSpec, kernel_size: Sizes) -> Counts:
        return Counts(add=out.numel * (_window_size(kernel_size, dims) - 1), div=out.numel)


def _add_lp_pool(dims: int, module: type[nn.Module], function: Any) -> None:
    @RULES.op(module, function, name=f"lp_pool{dims}d")
    def lp_pool(
        input: TensorSpec, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
    ) -> TensorSpec:
        """Power average (sum of xᵖ over each window)^(1/p)        x (N, C, *) -> (N, C, *), or without N.

        Cost: 1 func an input, per output k - 1 add and 1 func for a window of k; where p is infinite 1 cmp an input
        and k - 1 cmp an output.
        Source: torch.nn.functional.lp_pool2d
        """
        if not isinstance(norm_type, (int, float)) or norm_type == 0:
            raise ShapeError(f"norm_type must be a number other than 0, got {norm_type!r}")
        if check_tensor(input, "input").dtype is torch.bool or input.dtype.is_complex:
            raise ShapeError(f"input must be of real numbers, got {input.dtype_name}")
        if isinstance(kernel_size, (tuple, list)) and len(kernel_size) != dims:
            raise ShapeError(f"kernel_size must be one number or {dims}, got {tuple(kernel_size)}")
        if math.isinf(norm_type):
            return _pooled(input, kernel_size, stride, 0, 1, ceil_mode, dims)
        if dims == 1:  # torch multiplies by it
            whole(kernel_size, "kernel_size")
        if dims == 3:
            _check_covers(input, kernel_size)
        return _pooled(input, kernel_size, stride, 0, 1, ceil_mode, dims).with_dtype(float_dtype(input.dtype))

    @lp_pool.cost
    def _(out: TensorSpec, input: TensorSpec, norm_type: float, kernel_size: Sizes) -> Counts:
        sums = out.numel * (_window_size(kernel_size, dims) - 1)
        if math.isinf(norm_type):
            return Counts(cmp=input.numel + sums)
        return Counts(func=input.numel + out.numel, add=sums)


aten = torch.ops.aten
_add_max_pool(1, False, nn.MaxPool1d, F.max_pool1d, torch.max_pool1d)
_add_max_pool(2, False, nn.MaxPool2d, F.max_pool2d, torch.max_pool2d)
_add_max_pool(3, False, nn.MaxPool3d, F.max_pool3d, torch.max_pool3d)
_add_max_pool(1, True, F.max_pool1d_with_indices, torch.max_pool1d_with_indices)
_add_max_pool(2, True, F.max_pool2d_with_indices, torch._C._nn.max_pool2d_with_indices, aten.max_pool2d_with_indices)
_add_max_pool(3, True, F.max_pool3d_with_indices, torch._C._nn.max_pool3d_with_indices, aten.max_pool3d_with_indices)
_add_avg_pool(1, nn.AvgPool1d, F.avg_pool1d)
_add_avg_pool(2, nn.AvgPool2d, F.avg_pool2d, aten.avg_pool2d)
_add_avg_pool(3, nn.AvgPool3d, F.avg_pool3d, aten.avg_pool3d)
_add_lp_pool(1, nn.LPPool1d, F.lp_pool1d)
_add_lp_pool(2, nn.LPPool2d, F.lp_pool2d)
_add_lp_pool(3, nn.LPPool3d, F.lp_pool3d)
