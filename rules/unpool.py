"""The way back from max pooling: values go to where they came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, numbers
from rules._window import each_dim, split_spatial

__all__ = ["RULES"]

RULES = RuleSet()

Sizes = int | Sequence[int]


def _check_indices(input: TensorSpec, indices: TensorSpec, dims: int) -> None:
    if check_tensor(indices, "indices").dtype is not torch.int64:
        raise ShapeError(f"indices must be int64, got {indices.dtype_name}")
    if indices.shape != input.shape:
        raise ShapeError(f"indices must have the shape of input, got {indices.shape} and {input.shape}")
    if not input.dtype.is_floating_point:
        raise ShapeError(f"input must be of floating-point numbers, got {input.dtype_name}")
    if any(size == 0 for size in input.shape[len(input.shape) - dims - 1 :]):
        raise ShapeError(f"only the batch of input may be empty, but its shape is {input.shape}")


def _add_unpool(dims: int, *targets: Any) -> None:
    @RULES.op(*targets, name=f"max_unpool{dims}d")
    def max_unpool(
        input: TensorSpec,
        indices: TensorSpec,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        output_size: Sequence[int] | None = None,
    ) -> TensorSpec:
        """Each value back to its index, zeros elsewhere        x, indices (N, C, *) -> (N, C, *), or without N.

        Each size is (size - 1) stride - 2 padding + kernel, or what ``output_size`` says, less than a stride away.

        Cost: nothing, it moves data.
        Source: torch.nn.functional.max_unpool2d
        """
        lead, sizes = split_spatial(input, dims)
        _check_indices(input, indices, dims)
        kernel = each_dim(kernel_size, dims, "kernel_size")
        steps = kernel if stride is None else each_dim(stride, dims, "stride")
        padding = each_dim(padding, dims, "padding")
        usual = tuple((n - 1) * s - 2 * p + k for n, s, p, k in zip(sizes, steps, padding, kernel, strict=True))
        if output_size is None:
            return input.with_shape(*lead, *usual)
        asked = numbers(output_size, "output_size")
        asked = asked[2:] if len(asked) == dims + 2 else asked
        if len(asked) != dims:
            raise ShapeError(f"output_size must have {dims} or {dims + 2} elements, got {asked}")
        if any(not n - s < want < n + s for want, n, s in zip(asked, usual, steps, strict=True)):
            raise ShapeError(f"output_size must be less than a stride from {usual}, got {asked}")
        return input.with_shape(*lead, *asked)


def _add_aten_unpool(dims: int, *targets: Any) -> None:
    @RULES.op(*targets, name=f"max_unpool{dims}d")
    def max_unpool(
        input: TensorSpec, indices: TensorSpec, output_size: Sequence[int], stride: Any = None, padding: Any = None
    ) -> TensorSpec:
        """Each value back to its index, zeros elsewhere        x, indices (N, C, *) -> (N, C, *output_size).

        Cost: nothing, it moves data.
        Source: torch.ops.aten.max_unpool2d
        """
        lead, _ = split_spatial(input, dims)
        _check_indices(input, indices, dims)
        return input.with_shape(*lead, *each_dim(output_size, dims, "output_size"))


_add_unpool(1, nn.MaxUnpool1d, F.max_unpool1d)
_add_unpool(2, nn.MaxUnpool2d, F.max_unpool2d)
_add_unpool(3, nn.MaxUnpool3d, F.max_unpool3d)
_add_aten_unpool(2, torch._C._nn.max_unpool2d, torch.ops.aten.max_unpool2d)
_add_aten_unpool(3, torch._C._nn.max_unpool3d, torch.ops.aten.max_unpool3d)
