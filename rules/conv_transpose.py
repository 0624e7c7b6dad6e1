"""Transposed convolutions in one to three dimensions, and torch's one function for all kinds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, numbers
from rules._window import each_not_negative, each_positive, split_spatial
from rules.conv import check_operands, check_weight, convolution_cost, convolution_shape

__all__ = ["RULES"]

RULES = RuleSet()

Sizes = int | Sequence[int]


def _requested_padding(
    output_size: Sequence[int], sizes: Sequence[int], kernel: Sequence[int], stride: Any, padding: Any, dilation: Any
) -> tuple[int, ...]:
    """The output_padding that a transposed convolution's ``output_size`` asks for."""
    dims = len(sizes)
    wanted = tuple(output_size[-dims:])
    least = [
        (size - 1) * s - 2 * p + d * (k - 1) + 1
        for size, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    ]
    most = [low + s - 1 for low, s in zip(least, stride, strict=True)]
    if any(not low <= want <= high for low, want, high in zip(least, wanted, most, strict=True)):
        raise ShapeError(f"output_size must lie between {tuple(least)} and {tuple(most)}, got {wanted}")
    return tuple(want - low for want, low in zip(wanted, least, strict=True))


def _transposed_shape(
    input: TensorSpec,
    weight: TensorSpec,
    bias: TensorSpec | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
    dims: int,
    output_size: Any = None,
) -> TensorSpec:
    """The output (N, O, *) of x (N, C, *) and W (C, O/groups, *kernel); without N where x has none."""
    lead, sizes = split_spatial(input, dims)
    check_weight(weight, dims, groups)
    channels, per_group, *kernel = weight.shape
    if lead[-1] != channels:
        raise ShapeError(f"input has {lead[-1]} channels, weight takes {channels}")
    if per_group == 0:
        raise ShapeError(f"weight must not be empty, but its shape is {weight.shape}")
    check_operands(input, weight, bias, per_group * groups)
    empty = 0 in input.shape  # where there is nothing to convolve, torch lets more pass
    stride, padding = each_positive(stride, dims, "stride"), each_not_negative(padding, dims, "padding")
    dilation = (each_not_negative if empty else each_positive)(dilation, dims, "dilation")
    if output_size is not None:
        output_size = numbers(output_size, "output_size")
        if len(output_size) not in (dims, len(lead) + dims):
            raise ShapeError(f"output_size must have {dims} or {len(lead) + dims} elements, got {output_size}")
        output_padding = _requested_padding(output_size, sizes, kernel, stride, padding, dilation)
    output_padding = each_not_negative(output_padding, dims, "output_padding")
    spatial = []
    for size, k, s, p, d, extra in zip(sizes, kernel, stride, padding, dilation, output_padding, strict=True):
        if extra >= s and extra >= d and not empty:
            raise ShapeError(f"output_padding must be below the stride or the dilation, got {tuple(output_padding)}")
        if size == 0:
            raise ShapeError(f"only the batch of input may be empty, but its shape is {input.shape}")
        spatial.append((size - 1) * s - 2 * p + d * (k - 1) + extra + 1)
    if any(size < 0 or (size == 0 and not empty) for size in spatial):
        raise ShapeError(f"the output would have no elements left: {tuple(spatial)}")
    return input.with_shape(*lead[:-1], per_group * groups, *spatial)


def _transposed_cost(
    out: TensorSpec, input: TensorSpec, weight: TensorSpec, bias: TensorSpec | None, dims: int
) -> Counts:
    """Products on the input, sums on the output; an output that no product reaches has no sum."""
    kernel = weight.shape[2:]
    products = input.numel * math.prod(weight.shape[1:])
    # A kernel shorter than the stride leaves gaps between its prints.
    reached = [min(size, n * k) for size, n, k in zip(out.shape[-dims:], input.shape[-dims:], kernel, strict=True)]
    counts = Counts(mac=products, dot=math.prod(out.shape[:-dims]) * math.prod(reached))
    return counts if bias is None else counts + Counts(add=out.numel)


def _add_transposed(dims: int, module: type[nn.Module], *functions: Any) -> None:
    @RULES.op(module, *functions, name=f"conv_transpose{dims}d")
    def conv_transpose(
        input: TensorSpec,
        weight: TensorSpec,
        bias: TensorSpec | None = None,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        dilation: Sizes = 1,
        *,
        output_size: Sequence[int] | None = None,
    ) -> TensorSpec:
        """Transposed convolution        x (N, C, *), W (C, O/groups, *kernel), b (O) -> y (N, O, *), or without N.

        Each size is (size - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1.

        Cost: per input one product with each weight of its channel, summed on the outputs that they reach, and one add
        an output where there is a bias.
        Source: torch.nn.functional.conv_transpose2d
        """
        return _transposed_shape(
            input, weight, bias, stride, padding, output_padding, groups, dilation, dims, output_size
        )

    @conv_transpose.cost
    def _(out: TensorSpec, input: TensorSpec, weight: TensorSpec, bias: TensorSpec | None) -> Counts:
        return _transposed_cost(out, input, weight, bias, dims)


_add_transposed(1, nn.ConvTranspose1d, F.conv_transpose1d)
_add_transposed(2, nn.ConvTranspose2d, F.conv_transpose2d)
_add_transposed(3, nn.ConvTranspose3d, F.conv_transpose3d)


@RULES.op(torch.convolution, torch._convolution)
def convolution(
    input: TensorSpec,
    weight: TensorSpec,
    bias: TensorSpec | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    transposed: bool = False,
    output_padding: Sizes = 0,
    groups: int = 1,
    benchmark: bool = False,
    deterministic: bool = False,
    cudnn_enabled: bool = True,
    allow_tf32: bool = True,
) -> TensorSpec:
    """Any convolution, transposed or not        x (N, C, *), W as the convolution has it -> y (N, O, *).

    Cost: as the convolution of that kind.
    Source: torch.ops.aten.convolution
    """
    dims = len(check_tensor(weight, "weight").shape) - 2
    if len(check_tensor(input, "input").shape) != dims + 2 or not 1 <= dims <= 3:
        raise ShapeError(f"input and weight must both have 3 to 5 dimensions, got {input.shape} and {weight.shape}")
    if transposed:
        return _transposed_shape(input, weight, bias, stride, padding, output_padding, groups, dilation, dims)
    return convolution_shape(input, weight, bias, stride, padding, dilation, groups, dims)


@convolution.cost
def _(out: TensorSpec, input: TensorSpec, weight: TensorSpec, bias: TensorSpec | None, transposed: bool) -> Counts:
    if transposed:
        return _transposed_cost(out, input, weight, bias, len(weight.shape) - 2)
    return convolution_cost(out, weight, bias)
