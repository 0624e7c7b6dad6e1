"""Convolutions in one to three dimensions."""

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
from rules._dims import check_tensor, whole
from rules._window import each_not_negative, each_positive, split_spatial, window_count
from rules.matmul import check_dims
from rules.pad import pad

__all__ = ["RULES", "check_operands", "check_weight", "convolution_cost", "convolution_shape"]

RULES = RuleSet()

Sizes = int | Sequence[int]


def check_operands(input: TensorSpec, weight: TensorSpec, bias: TensorSpec | None, outputs: int) -> None:
    """One dtype for all, and one bias for each of the ``outputs`` channels."""
    if weight.dtype is not input.dtype:
        raise ShapeError(f"input is {input.dtype_name}, weight is {weight.dtype_name}")
    if bias is None:
        return
    if check_tensor(bias, "bias").dtype is not input.dtype:
        raise ShapeError(f"input is {input.dtype_name}, bias is {bias.dtype_name}")
    if len(bias.shape) != 1 or bias.shape[0] != outputs:
        raise ShapeError(f"bias must have {outputs} elements in one dimension, but its shape is {bias.shape}")


def check_weight(weight: TensorSpec, dims: int, groups: int) -> None:
    """As many dimensions as the convolution, filters for every group, and a kernel of some size."""
    shape = check_tensor(weight, "weight").shape
    if len(shape) != dims + 2:
        raise ShapeError(f"weight must have {dims + 2} dimensions, but its shape is {shape}")
    if whole(groups, "groups") <= 0:
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
    return [(p, p) for p in each_not_negative(padding, dims, "padding")]


def _filled(input: TensorSpec, kernel: Sequence[int], padding: Any, dilation: Any, mode: str) -> TensorSpec:
    """The input padded by what it has itself, which a layer does before it convolves.

    Padding of fewer numbers than dimensions is for the last ones, where zeros would be for all; torch has it so.
    """
    pairs = [(0, 0)] * len(kernel) if isinstance(padding, str) else [(p, p) for p in padding]
    if padding == "same":
        for axis, (d, k) in enumerate(zip(dilation, kernel, strict=False)):
            pairs[axis] = (d * (k - 1) // 2, d * (k - 1) - d * (k - 1) // 2)
    out: TensorSpec = pad(input, [size for pair in reversed(pairs) for size in pair], mode)
    return out


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
    check_weight(weight, dims, groups)
    outputs, per_group, *kernel = weight.shape
    if lead[-1] != per_group * groups:
        raise ShapeError(f"input has {lead[-1]} channels, weight takes {per_group * groups}")
    check_operands(input, weight, bias, outputs)
    if padding_mode != "zeros":
        sizes, padding = _filled(input, kernel, padding, dilation, padding_mode).shape[-dims:], 0
    stride = each_positive(stride, dims, "stride")
    # torch takes a dilation of 0 where there is nothing to convolve.
    dilation = (each_not_negative if 0 in input.shape else each_positive)(dilation, dims, "dilation")
    paddings = _paddings(padding, dims, tuple(kernel), stride, dilation)
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
    length = math.prod(weight.shape[1:])
    return Counts(mac=outputs * length, dot=0 if length == 0 else outputs, add=0 if bias is None else outputs)


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


_add_convolution(1, nn.Conv1d, F.conv1d)
_add_convolution(2, nn.Conv2d, F.conv2d)
_add_convolution(3, nn.Conv3d, F.conv3d)


@RULES.op(torch.conv_tbc)
def conv_tbc(input: TensorSpec, weight: TensorSpec, bias: TensorSpec, pad: int = 0) -> TensorSpec:
    """Convolution over time first: x (T, N, C), W (kernel, C, O), b (O) -> y (T + 2 pad - kernel + 1, N, O).

    Cost: per output one dot product over the kernel and the channels, and one add.
    Source: torch.nn.functional.conv_tbc
    """
    check_dims(3, input=input, weight=weight)
    kernel, channels, outputs = weight.shape
    if input.shape[2] != channels:
        raise ShapeError(f"input has {input.shape[2]} channels, weight takes {channels}")
    check_operands(input, weight, bias, outputs)
    steps = input.shape[0] + 2 * whole(pad, "pad") - kernel + 1
    if steps < 0:
        raise ShapeError(f"the kernel is longer than the padded input: {kernel} against {input.shape[0] + 2 * pad}")
    return input.with_shape(steps, input.shape[1], outputs)


@conv_tbc.cost
def _(out: TensorSpec, weight: TensorSpec) -> Counts:
    outputs = out.numel
    return Counts.dots(outputs, weight.shape[0] * weight.shape[1]) + Counts(add=outputs)
