"""Convolutions and transposed convolutions in one to three dimensions."""

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
from rules._window import check_not_negative, check_positive, each_dim, split_spatial, window_count

__all__ = ["RULES"]

RULES = RuleSet()

Sizes = int | Sequence[int]


def _check_operands(input: TensorSpec, weight: TensorSpec, bias: TensorSpec | None, outputs: int) -> None:
    """One dtype for all, and one bias for each of the ``outputs`` channels."""
    if weight.dtype is not input.dtype:
        raise ShapeError(f"input is {input.dtype_name}, weight is {weight.dtype_name}")
    if bias is None:
        return
    if bias.dtype is not input.dtype:
        raise ShapeError(f"input is {input.dtype_name}, bias is {bias.dtype_name}")
    if len(bias.shape) != 1 or bias.shape[0] != outputs:
        raise ShapeError(f"bias must have {outputs} elements in one dimension, but its shape is {bias.shape}")


def _check_weight(weight: TensorSpec, dims: int, groups: int) -> None:
    shape = weight.shape
    if len(shape) != dims + 2:
        raise ShapeError(f"weight must have {dims + 2} dimensions, but its shape is {shape}")
    if groups <= 0:
        raise ShapeError(f"groups must be above zero, got {groups}")
    if shape[0] < groups or shape[0] % groups != 0:
        raise ShapeError(f"weight must have a multiple of {groups} (groups) filters, got {shape[0]}")
    for size in shape[2:]:
        if size <= 0:
            raise ShapeError(f"weight must have a kernel above zero, got {tuple(shape[2:])}")


def _paddings(padding: Any, dims: int, kernel: tuple[int, ...], stride: Any, dilation: Any) -> list[tuple[int, int]]:
    """What is added before and after each dimension; 'same' puts the odd one behind."""
    if padding == "valid":
        return [(0, 0)] * dims
    if padding == "same":
        if any(step != 1 for step in stride):
            raise ShapeError(f"padding='same' takes a stride of 1, got {tuple(stride)}")
        whole = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return [(total // 2, total - total // 2) for total in whole]
    if isinstance(padding, str):
        raise ShapeError(f"padding must be 'same', 'valid' or whole numbers, got {padding!r}")
    padding = each_dim(padding, dims, "padding")
    check_not_negative(padding, "padding")
    return [(p, p) for p in padding]


def _check_padding_mode(mode: str, sizes: Sequence[int], paddings: list[tuple[int, int]]) -> None:
    """What is copied from the input itself must be there to copy."""
    for size, (before, after) in zip(sizes, paddings, strict=True):
        most = max(before, after)
        if (mode == "reflect" and most >= size) or (mode == "circular" and most > size):
            raise ShapeError(f"padding in mode {mode!r} reaches past the input: padding {most}, size {size}")


def convolution_shape(
    input: TensorSpec,
    weight: TensorSpec,
    bias: TensorSpec | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    dims: int,
    padding_mode: str = "zeros",
) -> TensorSpec:
    """The output (N, O, *) of x (N, C, *) and W (O, C/groups, *kernel); without N where x has none."""
    lead, sizes = split_spatial(input, dims)
    _check_weight(weight, dims, groups)
    outputs, per_group, *kernel = weight.shape
    if lead[-1] != per_group * groups:
        raise ShapeError(f"input has {lead[-1]} channels, weight takes {per_group * groups}")
    _check_operands(input, weight, bias, outputs)
    stride = each_dim(stride, dims, "stride")
    dilation = each_dim(dilation, dims, "dilation")
    check_positive(stride, "stride")
    check_positive(dilation, "dilation")
    paddings = _paddings(padding, dims, tuple(kernel), stride, dilation)
    if padding_mode != "zeros":
        _check_padding_mode(padding_mode, sizes, paddings)
    spatial = []
    for size, k, s, (before, after), d in zip(sizes, kernel, stride, paddings, dilation, strict=True):
        if size + before + after < d * (k - 1) + 1:
            raise ShapeError(
                f"the kernel is larger than the padded input: {d * (k - 1) + 1} against {size + before + after}"
            )
        if size == 0:
            raise ShapeError(f"only the batch or the channels of input may be empty, but its shape is {input.shape}")
        spatial.append(window_count(size, k, s, before, after, d))
    # torch lets nothing come out of no channels.
    return input.with_shape(*lead[:-1], outputs if lead[-1] != 0 else 0, *spatial)


def convolution_cost(out: TensorSpec, weight: TensorSpec, bias: TensorSpec | None) -> Counts:
    """A dot product over the kernel and the channels of the group for every output, padding included."""
    outputs = out.numel
    counts = Counts.dots(outputs, math.prod(weight.shape[1:]))
    return counts if bias is None else counts + Counts(add=outputs)


def _requested_padding(
    output_size: Sequence[int], sizes: Sequence[int], kernel: Sequence[int], stride: Any, padding: Any, dilation: Any
) -> tuple[int, ...]:
    """The output_padding that a transposed convolution's ``output_size`` asks for."""
    dims = len(sizes)
    wanted = tuple(output_size)
    least = [
        (size - 1) * s - 2 * p + d * (k - 1) + 1
        for size, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    ]
    most = [low + s - 1 for low, s in zip(least, stride, strict=True)]
    if any(not low <= want <= high for low, want, high in zip(least, wanted[-dims:], most, strict=True)):
        raise ShapeError(f"output_size must lie between {tuple(least)} and {tuple(most)}, got {wanted[-dims:]}")
    return tuple(want - low for want, low in zip(wanted[-dims:], least, strict=True))


def transposed_shape(
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
    _check_weight(weight, dims, groups)
    channels, per_group, *kernel = weight.shape
    if lead[-1] != channels:
        raise ShapeError(f"input has {lead[-1]} channels, weight takes {channels}")
    if per_group == 0:
        raise ShapeError(f"weight must not be empty, but its shape is {weight.shape}")
    _check_operands(input, weight, bias, per_group * groups)
    stride, dilation = each_dim(stride, dims, "stride"), each_dim(dilation, dims, "dilation")
    padding = each_dim(padding, dims, "padding")
    check_positive(stride, "stride")
    check_positive(dilation, "dilation")
    check_not_negative(padding, "padding")
    if output_size is not None:
        if len(output_size) not in (dims, len(lead) + dims):
            raise ShapeError(f"output_size must have {dims} or {len(lead) + dims} elements, got {tuple(output_size)}")
        output_padding = _requested_padding(output_size, sizes, kernel, stride, padding, dilation)
    output_padding = each_dim(output_padding, dims, "output_padding")
    check_not_negative(output_padding, "output_padding")
    spatial = []
    for size, k, s, p, d, extra in zip(sizes, kernel, stride, padding, dilation, output_padding, strict=True):
        if extra >= s and extra >= d:
            raise ShapeError(f"output_padding must be below the stride or the dilation, got {tuple(output_padding)}")
        if size == 0:
            raise ShapeError(f"only the batch of input may be empty, but its shape is {input.shape}")
        spatial.append((size - 1) * s - 2 * p + d * (k - 1) + extra + 1)
    if any(size <= 0 for size in spatial):
        raise ShapeError(f"the output would have no elements left: {tuple(spatial)}")
    return input.with_shape(*lead[:-1], per_group * groups, *spatial)


def transposed_cost(
    out: TensorSpec, input: TensorSpec, weight: TensorSpec, bias: TensorSpec | None, dims: int
) -> Counts:
    """Products on the input, sums on the output; an output that no product reaches has no sum."""
    kernel = weight.shape[2:]
    products = input.numel * math.prod(weight.shape[1:])
    # A kernel shorter than the stride leaves gaps between its prints.
    reached = [min(size, n * k) for size, n, k in zip(out.shape[-dims:], input.shape[-dims:], kernel, strict=True)]
    counts = Counts(mac=products, dot=math.prod(out.shape[:-dims]) * math.prod(reached))
    return counts if bias is None else counts + Counts(add=out.numel)


def _add_convolution(dims: int, module: type[nn.Module], *functions: Any) -> None:
    @RULES.op(module, *functions, name=f"conv{dims}d")
    def conv(
        input: TensorSpec,
        weight: TensorSpec,
        bias: TensorSpec | None = None,
        stride: Sizes = 1,
        padding: str | Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        *,
        padding_mode: str = "zeros",
    ) -> TensorSpec:
        """Convolution y = x * W + b        x (N, C, *), W (O, C/groups, *kernel), b (O) -> y (N, O, *), or without N.

        Each size is (size + before + after - dilation (kernel - 1) - 1) // stride + 1, whatever fills the padding.

        Cost: per output one dot product over the kernel and the channels of a group, padding included, and one add
        where there is a bias.
        Source: torch.nn.functional.conv2d
        """
        return convolution_shape(input, weight, bias, stride, padding, dilation, groups, dims, padding_mode)

    conv.cost(convolution_cost)


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
        return transposed_shape(
            input, weight, bias, stride, padding, output_padding, groups, dilation, dims, output_size
        )

    @conv_transpose.cost
    def _(out: TensorSpec, input: TensorSpec, weight: TensorSpec, bias: TensorSpec | None) -> Counts:
        return transposed_cost(out, input, weight, bias, dims)


_add_convolution(1, nn.Conv1d, F.conv1d)
_add_convolution(2, nn.Conv2d, F.conv2d)
_add_convolution(3, nn.Conv3d, F.conv3d)
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
    dims = len(weight.shape) - 2
    if len(input.shape) != dims + 2 or not 1 <= dims <= 3:
        raise ShapeError(f"input and weight must both have 3 to 5 dimensions, got {input.shape} and {weight.shape}")
    if transposed:
        return transposed_shape(input, weight, bias, stride, padding, output_padding, groups, dilation, dims)
    return convolution_shape(input, weight, bias, stride, padding, dilation, groups, dims)


@convolution.cost
def _(out: TensorSpec, input: TensorSpec, weight: TensorSpec, bias: TensorSpec | None, transposed: bool) -> Counts:
    if transposed:
        return transposed_cost(out, input, weight, bias, len(weight.shape) - 2)
    return convolution_cost(out, weight, bias)


@RULES.op(torch.conv_tbc)
def conv_tbc(input: TensorSpec, weight: TensorSpec, bias: TensorSpec, pad: int = 0) -> TensorSpec:
    """Convolution over time first: x (T, N, C), W (kernel, C, O), b (O) -> y (T + 2 pad - kernel + 1, N, O).

    Cost: per output one dot product over the kernel and the channels, and one add.
    Source: torch.nn.functional.conv_tbc
    """
    if len(input.shape) != 3 or len(weight.shape) != 3:
        raise ShapeError(f"input and weight must have 3 dimensions, got {input.shape} and {weight.shape}")
    kernel, channels, outputs = weight.shape
    if input.shape[2] != channels:
        raise ShapeError(f"input has {input.shape[2]} channels, weight takes {channels}")
    _check_operands(input, weight, bias, outputs)
    steps = input.shape[0] + 2 * pad - kernel + 1
    if steps < 0:
        raise ShapeError(f"the kernel is longer than the padded input: {kernel} against {input.shape[0] + 2 * pad}")
    return input.with_shape(steps, input.shape[1], outputs)


@conv_tbc.cost
def _(out: TensorSpec, weight: TensorSpec) -> Counts:
    outputs = out.numel
    return Counts.dots(outputs, weight.shape[0] * weight.shape[1]) + Counts(add=outputs)
