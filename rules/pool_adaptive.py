"""Pooling to a size that is asked for (adaptive, fractional), and the way back from max pooling."""

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
from rules._window import each_dim, each_not_negative, split_spatial

__all__ = ["RULES"]

RULES = RuleSet()

Sizes = int | Sequence[int]


def _asked_sizes(output_size: Any, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes asked for; None among several is as many as there are."""
    if isinstance(output_size, (tuple, list)):
        if len(output_size) != len(sizes):
            raise ShapeError(f"output_size must be one number or {len(sizes)}, got {tuple(output_size)}")
        if len(sizes) > 1:
            output_size = [n if want is None else want for want, n in zip(output_size, sizes, strict=True)]
    return each_not_negative(output_size, len(sizes), "output_size")


def _window_total(size: int, windows: int) -> int:
    """How many elements the windows of one dimension hold together: window i is floor(i n / w) to ceil((i + 1) n / w).

    Summed over i that is n + w - gcd(n, w), and n where w divides n.

    >>> _window_total(5, 1), _window_total(6, 3), _window_total(3, 2), _window_total(5, 3)
    (5, 6, 4, 7)
    """
    if windows == 0 or size % windows == 0:
        return size if windows != 0 else 0
    divisor, rest = windows, size % windows
    while rest != 0:  # math.gcd, which would make a symbolic size a number
        divisor, rest = rest, divisor % rest
    return size + windows - divisor


def _folded_away(out: TensorSpec, input: TensorSpec, dims: int) -> int:
    """Operations that take every window to one value: its size less one, summed over all windows."""
    windows = [_window_total(n, w) for n, w in zip(input.shape[-dims:], out.shape[-dims:], strict=True)]
    if 0 in windows:
        return 0
    return math.prod(out.shape[:-dims]) * (math.prod(windows) - math.prod(out.shape[-dims:]))


def _adapted(input: TensorSpec, output_size: Any, dims: int, mean: bool) -> TensorSpec:
    """The output of adaptive pooling; a mean may be of no channels, and of no elements where it is one for all."""
    lead, sizes = split_spatial(input, dims)
    if not input.dtype.is_floating_point:
        raise ShapeError(f"input must be of floating-point numbers, got {input.dtype_name}")
    asked = _asked_sizes(output_size, sizes)
    empty = any(size == 0 for size in sizes) and not (mean and all(want == 1 for want in asked))
    if empty or (not mean and input.shape[1] == 0):
        raise ShapeError(f"only the batch of input may be empty, but its shape is {input.shape}")
    return input.with_shape(*lead, *asked)


def _add_adaptive_avg(dims: int, *targets: Any) -> None:
    @RULES.op(*targets, name=f"adaptive_avg_pool{dims}d")
    def adaptive_avg_pool(input: TensorSpec, output_size: Any) -> TensorSpec:
        """Means of as many windows as asked for        x (N, C, *) -> (N, C, *output_size), or without N.

        Window i of w over n elements reaches from floor(i n / w) to ceil((i + 1) n / w).

        Cost: per output one add less than its window has elements, and 1 div.
        Source: torch.nn.functional.adaptive_avg_pool2d
        """
        return _adapted(input, output_size, dims, mean=True)

    @adaptive_avg_pool.cost
    def _(out: TensorSpec, input: TensorSpec) -> Counts:
        return Counts(add=_folded_away(out, input, dims), div=out.numel)


def _add_adaptive_max(dims: int, indices: bool, *targets: Any) -> None:
    """Targets that give the index of each largest element always, or where they are asked for it."""

    @RULES.op(*targets, name=f"adaptive_max_pool{dims}d")
    def adaptive_max_pool(
        input: TensorSpec, output_size: Any, return_indices: bool = indices
    ) -> TensorSpec | tuple[TensorSpec, TensorSpec]:
        """Largest of as many windows as asked for        x (N, C, *) -> (N, C, *output_size), or without N.

        Window i of w over n elements reaches from floor(i n / w) to ceil((i + 1) n / w). With return_indices the result
        is twice that, the index too.

        Cost: per output one cmp less than its window has elements.
        Source: torch.nn.functional.adaptive_max_pool2d
        """
        out = _adapted(input, output_size, dims, mean=False)
        return (out, out.with_dtype(torch.int64)) if indices or return_indices else out

    @adaptive_max_pool.cost
    def _(out: Any, input: TensorSpec) -> Counts:
        return Counts(cmp=_folded_away(out[0] if isinstance(out, tuple) else out, input, dims))


def _fractional(input: TensorSpec, kernel_size: Any, output_size: Any, output_ratio: Any, dims: int) -> TensorSpec:
    lead, sizes = split_spatial(input, dims)
    kernel = each_dim(kernel_size, dims, "kernel_size")
    if output_size is None:
        if output_ratio is None:
            raise ShapeError("takes an output_size or an output_ratio, got neither")
        ratios = output_ratio if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * dims
        if len(ratios) != dims:
            raise ShapeError(f"output_ratio must be one number or {dims}, got {tuple(ratios)}")
        output_size = tuple(int(size * ratio) for size, ratio in zip(sizes, ratios, strict=True))
    asked = _asked_sizes(output_size, sizes)
    if any(size == 0 for size in (lead[-1], *sizes)):
        raise ShapeError(f"only the batch of input may be empty, but its shape is {input.shape}")
    for size, k, want in zip(sizes, kernel, asked, strict=True):
        if want + k - 1 > size:
            raise ShapeError(f"{want} windows of {k} do not fit: the input has {size}")
    return input.with_shape(*lead, *asked)


def _fractional_cost(dims: int) -> Callable[..., Counts]:
    def cost(out: Any, kernel_size: Sizes) -> Counts:
        values = out[0] if isinstance(out, tuple) else out
        return Counts(cmp=values.numel * (math.prod(each_dim(kernel_size, dims, "kernel_size")) - 1))

    return cost


def _add_fractional(dims: int, indices: bool, *targets: Any) -> None:
    """Targets that give the index of each largest element always, or where they are asked for it."""

    @RULES.op(*targets, name=f"fractional_max_pool{dims}d", random=True)
    def fractional_max_pool(
        input: TensorSpec,
        kernel_size: Sizes,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = indices,
        _random_samples: Any = None,
    ) -> TensorSpec | tuple[TensorSpec, TensorSpec]:
        """Largest of windows that lie at random        x (N, C, *) -> (N, C, *output_size), or without N.

        With return_indices the result is twice that, the index too.

        Cost: per output k - 1 cmp for a window of k.
        Source: torch.nn.functional.fractional_max_pool2d
        """
        out = _fractional(input, kernel_size, output_size, output_ratio, dims)
        return (out, out.with_dtype(torch.int64)) if indices or return_indices else out

    fractional_max_pool.cost(_fractional_cost(dims))


def _add_fractional_of_samples(dims: int, *targets: Any) -> None:
    @RULES.op(*targets, name=f"fractional_max_pool{dims}d")
    def fractional_max_pool_of_samples(
        input: TensorSpec, kernel_size: Sizes, output_size: Any, random_samples: TensorSpec
    ) -> tuple[TensorSpec, TensorSpec]:
        """Largest of windows that lie where ``random_samples`` say, and its index.

        Cost: per output k - 1 cmp for a window of k.
        Source: torch.ops.aten.fractional_max_pool2d
        """
        out = _fractional(input, kernel_size, output_size, None, dims)
        return out, out.with_dtype(torch.int64)

    fractional_max_pool_of_samples.cost(_fractional_cost(dims))


native, aten = torch._C._nn, torch.ops.aten
_add_adaptive_avg(1, nn.AdaptiveAvgPool1d, F.adaptive_avg_pool1d)
_add_adaptive_avg(
    2,
    nn.AdaptiveAvgPool2d,
    F.adaptive_avg_pool2d,
    native.adaptive_avg_pool2d,
    torch._adaptive_avg_pool2d,
    aten.adaptive_avg_pool2d,
)
_add_adaptive_avg(
    3,
    nn.AdaptiveAvgPool3d,
    F.adaptive_avg_pool3d,
    native.adaptive_avg_pool3d,
    torch._adaptive_avg_pool3d,
    aten.adaptive_avg_pool3d,
)
_add_adaptive_max(1, False, nn.AdaptiveMaxPool1d, F.adaptive_max_pool1d)
_add_adaptive_max(2, False, nn.AdaptiveMaxPool2d, F.adaptive_max_pool2d)
_add_adaptive_max(3, False, nn.AdaptiveMaxPool3d, F.adaptive_max_pool3d)
_add_adaptive_max(1, True, F.adaptive_max_pool1d_with_indices, torch.adaptive_max_pool1d)
_add_adaptive_max(2, True, F.adaptive_max_pool2d_with_indices, native.adaptive_max_pool2d, aten.adaptive_max_pool2d)
_add_adaptive_max(3, True, F.adaptive_max_pool3d_with_indices, native.adaptive_max_pool3d, aten.adaptive_max_pool3d)
_add_fractional(2, False, nn.FractionalMaxPool2d, F.fractional_max_pool2d)
_add_fractional(3, False, nn.FractionalMaxPool3d, F.fractional_max_pool3d)
_add_fractional(2, True, F.fractional_max_pool2d_with_indices)
_add_fractional(3, True, F.fractional_max_pool3d_with_indices)
_add_fractional_of_samples(2, native.fractional_max_pool2d, aten.fractional_max_pool2d)
_add_fractional_of_samples(3, native.fractional_max_pool3d, aten.fractional_max_pool3d)
