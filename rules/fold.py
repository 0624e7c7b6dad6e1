"""Windows as columns and back: unfold and fold."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor
from rules._window import each_dim, each_not_negative, each_positive, split_spatial, window_count

__all__ = ["RULES"]

RULES = RuleSet()

Sizes = int | Sequence[int]
Pair = tuple[int, ...]


def _pair(value: Any, name: str, each: Callable[[Any, int, str], Pair] = each_positive) -> Pair:
    if isinstance(value, (tuple, list)) and len(value) != 2:
        raise ShapeError(f"{name} must be one number or 2, got {tuple(value)}")
    return each(value, 2, name)


def _windows(kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> tuple[Pair, Pair, Pair, Pair]:
    kernel, steps = _pair(kernel_size, "kernel_size"), _pair(stride, "stride")
    pads, spread = _pair(padding, "padding", each_not_negative), _pair(dilation, "dilation")
    return kernel, spread, pads, steps


def _check_input(input: TensorSpec, unbatched: int) -> None:
    shape = check_tensor(input, "input").shape
    if len(shape) not in (unbatched, unbatched + 1):
        raise ShapeError(f"input must have {unbatched} or {unbatched + 1} dimensions, but its shape is {shape}")
    if any(size == 0 for size in shape[len(shape) - unbatched :]):
        raise ShapeError(f"only the batch of input may be empty, but its shape is {shape}")
    if not (input.dtype.is_floating_point or input.dtype.is_complex or input.dtype is torch.bool):
        raise ShapeError(f"input must not be of whole numbers, got {input.dtype_name}")


def _blocks(sizes: Sequence[int], kernel: Pair, dilation: Pair, padding: Pair, stride: Pair) -> tuple[int, ...]:
    return tuple(
        window_count(size, k, s, p, p, d)
        for size, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )


@RULES.op(nn.Unfold, F.unfold, torch._C._nn.im2col, torch.ops.aten.im2col)
def unfold(
    input: TensorSpec, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> TensorSpec:
    """Every window as a column        x (N, C, H, W) -> (N, C k k, L) with L windows, or without N.

    Cost: nothing, it moves data.
    Source: torch.nn.functional.unfold
    """
    _check_input(input, 3)
    lead, sizes = split_spatial(input, 2)
    kernel, spread, pads, steps = _windows(kernel_size, dilation, padding, stride)
    blocks = _blocks(sizes, kernel, spread, pads, steps)
    if any(count < 1 for count in blocks):
        raise ShapeError(f"the windows of {kernel} are larger than the padded input: {sizes}")
    return input.with_shape(*lead[:-1], lead[-1] * math.prod(kernel), math.prod(blocks))


@RULES.op(nn.Fold, F.fold, torch._C._nn.col2im, torch.ops.aten.col2im)
def fold(
    input: TensorSpec,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> TensorSpec:
    """Columns back to windows, summed where these overlap        x (N, C k k, L) -> (N, C, *output_size).

    Cost: where m elements meet in an output m - 1 add; what falls into the padding is dropped.
    Source: torch.nn.functional.fold
    """
    _check_input(input, 2)
    kernel, spread, pads, steps = _windows(kernel_size, dilation, padding, stride)
    sizes = _pair(output_size, "output_size", each_dim)
    *lead, rows, columns = input.shape
    window = math.prod(kernel)
    if rows % window != 0:
        raise ShapeError(f"input must have a multiple of the window's {window} rows, got {rows}")
    blocks = _blocks(sizes, kernel, spread, pads, steps)
    if any(count < 1 for count in blocks) or math.prod(blocks) != columns:
        raise ShapeError(f"output_size {sizes} has {blocks} windows of {kernel}, but input has {columns} columns")
    return input.with_shape(*lead, rows // window, *sizes)


def _landed(size: int, windows: int, kernel: int, dilation: int, padding: int, stride: int) -> int:
    """How many elements of the windows of one dimension lie inside it."""
    landed = 0
    for place in range(kernel):
        first = padding - place * dilation
        low = max((first + stride - 1) // stride, 0)
        high = min((first + size - 1) // stride, windows - 1)
        landed += max(high - low + 1, 0)
    return landed


@fold.cost
def _(out: TensorSpec, kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) -> Counts:
    kernel, spread, pads, steps = _windows(kernel_size, dilation, padding, stride)
    sizes = out.shape[-2:]
    blocks = _blocks(sizes, kernel, spread, pads, steps)
    landed = [_landed(*each) for each in zip(sizes, blocks, kernel, spread, pads, steps, strict=True)]
    reached = [min(size, count) for size, count in zip(sizes, landed, strict=True)]
    return Counts(add=math.prod(out.shape[:-2]) * (math.prod(landed) - math.prod(reached)))
