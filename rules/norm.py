"""Normalization over the last dimensions or groups of channels, to mean 0 and variance 1 or to a mean square of 1.

A group of n numbers costs: the mean n - 1 add and 1 div, centring n add, the squares n mul, the variance n - 1 add and
1 div, eps 1 add, the inverse root 1 func, scaling n mul.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import float_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_scalar, check_tensor, each_whole, numbers, whole
from rules._layer import check_floating
from rules._norm import Maybe, Three, affine, check_channels, check_parameter, normalized, saved_statistics

__all__ = ["RULES"]

RULES = RuleSet()
F = nn.functional

# -------------------------------------------------------------------------------------- over the last dimensions


def _normalized_shape(input: Any, normalized_shape: Any, **parameters: Maybe) -> tuple[int, ...]:
    if not isinstance(normalized_shape, (tuple, list)):
        raise ShapeError(f"normalized_shape must be a sequence of sizes, got {normalized_shape!r}")
    sizes = each_whole(normalized_shape, "normalized_shape")
    if not sizes:
        raise ShapeError("normalized_shape must have 1 dimension or more, got ()")
    if input.shape[-len(sizes) :] != sizes:
        raise ShapeError(f"input ends in {input.shape[-len(sizes) :]}, normalized_shape is {sizes}")
    for name, spec in parameters.items():
        if spec is not None and spec.shape != sizes:
            raise ShapeError(f"{name} has shape {spec.shape}, normalized_shape is {sizes}")
    return sizes


@RULES.op(nn.LayerNorm, F.layer_norm, torch.layer_norm)
def layer_norm(
    input: TensorSpec,
    normalized_shape: Sequence[int],
    weight: Maybe = None,
    bias: Maybe = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> TensorSpec:
    """Out = (x - mean) / sqrt(var + eps) * weight + bias    x (*, normalized_shape) -> same, groups are the last dims.

    Cost: a normalized group for each of the leading elements, a mul an element with a weight, an add with a bias.
    Source: torch.nn.functional.layer_norm; Ba et al. 2016, arXiv:1607.06450
    """
    check_floating(input)
    check_scalar(eps, "eps")
    sizes = _normalized_shape(input, normalized_shape)
    check_parameter(input, "weight", weight, sizes, "is normalized over")
    check_parameter(input, "bias", bias, sizes, "is normalized over")
    return input


@RULES.op(torch.native_layer_norm, name="layer_norm")
def _native_layer_norm(
    input: TensorSpec, normalized_shape: Sequence[int], weight: Maybe, bias: Maybe, eps: float
) -> Three:
    """layer_norm with the statistics it took: y (*, normalized_shape), mean and inverse root (*, 1, ...).

    Cost: as layer_norm.
    Source: torch.nn.functional.layer_norm
    """
    layer_norm(input, normalized_shape, weight, bias)
    sizes = numbers(normalized_shape, "normalized_shape")
    saved = saved_statistics(input, weight, bias).with_shape(*input.shape[: -len(sizes)], *(1 for _ in sizes))
    return input, saved, saved


@layer_norm.cost
@_native_layer_norm.cost
def _(input: TensorSpec, normalized_shape: Any, weight: Maybe, bias: Maybe) -> Counts:
    axes = len(numbers(normalized_shape, "normalized_shape"))
    groups = math.prod(input.shape[:-axes])
    return normalized(groups, math.prod(input.shape[-axes:])) + affine(input.numel, weight, bias)


@RULES.op(nn.RMSNorm, F.rms_norm, torch.rms_norm)
def rms_norm(
    input: TensorSpec, normalized_shape: Sequence[int], weight: Maybe = None, eps: float | None = None
) -> TensorSpec:
    """Out = x / sqrt(mean(x²) + eps) * weight      x (*, normalized_shape) -> the same, a group is the last dims.

    Cost: a group of n: n mul, n - 1 add, 1 div, 1 add, 1 func, n mul, and n mul with a weight.
    Source: torch.nn.functional.rms_norm; Zhang and Sennrich 2019, arXiv:1910.07467
    """
    check_floating(input, complex=True)
    if eps is not None:
        check_scalar(eps, "eps")
    _normalized_shape(input, normalized_shape, weight=weight)
    return input


@RULES.op(torch._fused_rms_norm, name="rms_norm")
def _fused_rms_norm(
    input: TensorSpec, normalized_shape: Sequence[int], weight: Maybe, eps: float | None
) -> tuple[TensorSpec, TensorSpec]:
    """rms_norm with the inverse root it took: y (*, normalized_shape), root (*, 1, ...), at least float32.

    Cost: as rms_norm.
    Source: torch.nn.functional.rms_norm
    """
    rms_norm(input, normalized_shape, weight)
    sizes = numbers(normalized_shape, "normalized_shape")
    saved = input.with_shape(*input.shape[: -len(sizes)], *(1 for _ in sizes))
    return input, saved.with_dtype(torch.float32 if input.dtype.itemsize == 2 else input.dtype)


@rms_norm.cost
@_fused_rms_norm.cost
def _(input: TensorSpec, normalized_shape: Any, weight: Maybe) -> Counts:
    axes = len(numbers(normalized_shape, "normalized_shape"))
    numel = input.numel
    if numel == 0:
        return Counts()
    groups = math.prod(input.shape[:-axes])
    return Counts(mul=numel * (2 if weight is None else 3), add=numel, div=groups, func=groups)


# ------------------------------------------------------------------------------------------ over groups of channels


@RULES.op(torch.group_norm, name="group_norm")
def _torch_group_norm(
    input: TensorSpec,
    num_groups: int,
    weight: Maybe = None,
    bias: Maybe = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> TensorSpec:
    """group_norm without the check that a group has more than one value.

    Cost: as group_norm.
    Source: torch.nn.functional.group_norm
    """
    channels = check_channels(input, 2, weight=weight, bias=bias)
    check_scalar(eps, "eps")
    if whole(num_groups, "num_groups") <= 0 or channels % num_groups != 0:
        raise ShapeError(f"input has {channels} channels, which num_groups must divide, got {num_groups}")
    if channels == 0 or math.prod(input.shape[2:]) == 0:
        raise ShapeError(f"input must have a channel and a value in it, got {input.shape}")
    return input


@RULES.op(nn.GroupNorm, F.group_norm)
def group_norm(
    input: TensorSpec, num_groups: int, weight: Maybe = None, bias: Maybe = None, eps: float = 1e-5
) -> TensorSpec:
    """Out = (x - mean) / sqrt(var + eps) * weight + bias      x (N, C, *) -> same, a group is C / num_groups channels.

    Cost: num_groups normalized groups for each n, a mul an element with a weight, an add an element with a bias.
    Source: torch.nn.functional.group_norm; Wu and He 2018, arXiv:1803.08494
    """
    _torch_group_norm(input, num_groups, weight, bias, eps)
    shape = input.shape
    if shape[0] * shape[1] // num_groups * math.prod(shape[2:]) == 1:
        raise ShapeError(f"input must have more than 1 value a group, got {shape} in {num_groups} groups")
    return input


@group_norm.cost
@_torch_group_norm.cost
def _group_norm_cost(input: TensorSpec, num_groups: int, weight: Maybe, bias: Maybe) -> Counts:
    shape = input.shape
    length = shape[1] // num_groups * math.prod(shape[2:])
    return normalized(shape[0] * num_groups, length) + affine(input.numel, weight, bias)


@RULES.op(torch.native_group_norm, name="group_norm")
def _native_group_norm(
    input: TensorSpec, weight: Maybe, bias: Maybe, N: int, C: int, HxW: int, group: int, eps: float
) -> Three:
    """group_norm with the statistics it took: y (N, C, *), mean and inverse root (N, num_groups).

    Cost: as group_norm.
    Source: torch.nn.functional.group_norm
    """
    if input.numel != N * C * HxW:
        raise ShapeError(f"input must have N * C * HxW elements, {N * C * HxW}, got {input.numel}")
    _torch_group_norm(input.with_shape(N, C, HxW), group, weight, bias)
    saved = saved_statistics(input, weight, bias).with_shape(N, group)
    return input, saved, saved


@_native_group_norm.cost
def _(input: TensorSpec, weight: Maybe, bias: Maybe, N: int, C: int, HxW: int, group: int) -> Counts:
    return _group_norm_cost(input.with_shape(N, C, HxW), group, weight, bias)


@RULES.op(nn.LocalResponseNorm, F.local_response_norm)
def local_response_norm(
    input: TensorSpec, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> TensorSpec:
    """Out = x / (k + alpha * mean(x² over size neighbouring channels)) ** beta      x (N, C, *) -> same.

    Cost: an element: the square 1 mul, the mean size - 1 add and 1 div, then 1 mul, 1 add, 1 func and 1 div.
    Source: torch.nn.functional.local_response_norm; Krizhevsky et al. 2012
    """
    if check_tensor(input, "input").dtype is not torch.int64:  # which average pooling takes beside floating numbers
        check_floating(input)
    if input.ndim < 3:
        raise ShapeError(f"input must have 3 dimensions or more, got {input.ndim}: {input.shape}")
    if whole(size, "size") < 1:
        raise ShapeError(f"size must be 1 or more, got {size}")
    for name, number in (("alpha", alpha), ("beta", beta), ("k", k)):
        check_scalar(number, name)
    return input.with_dtype(float_dtype(input.dtype)) if input.numel else input


@local_response_norm.cost
def _(out: TensorSpec, size: int) -> Counts:
    return Counts(mul=2, add=size, div=2, func=1) * out.numel
