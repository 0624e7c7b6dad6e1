"""Normalization of quantized tensors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.ao.nn import quantized as nnq
from torch.ao.nn.intrinsic import quantized as nniq

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._norm import affine, normalized
from rules.quantize import DEQUANTIZE, QUANTIZE, check_quantized, operators

__all__ = ["RULES"]

RULES = RuleSet()

Maybe = TensorSpec | None

_RUNNING: dict[str, Callable[[Any], Any]] = {
    "mean": lambda module: module.running_mean,
    "var": lambda module: module.running_var,
}


def _batch_norm(name: str, dims: tuple[int, ...], relu: bool, *modules: Any) -> None:
    def shape(
        qx: TensorSpec, weight: Maybe, bias: Maybe, mean: TensorSpec, var: TensorSpec, *rest: Any, **more: Any
    ) -> TensorSpec:
        if len(check_quantized(qx, "qx").shape) not in dims:
            raise ShapeError(f"qx must have {' or '.join(map(str, dims))} dimensions, got {qx.shape}")
        for what, spec in (("weight", weight), ("bias", bias), ("mean", mean), ("var", var)):
            if spec is not None and spec.shape != (qx.shape[1],):
                raise ShapeError(f"{what} must be one for each of {qx.shape[1]} channels, got {spec.shape}")
        return qx

    shape.__doc__ = (
        "Normalization by running statistics, of quantized numbers      x (N, C, *) -> (N, C, *).\n\n"
        "Cost: an element 1 mul, 1 add by its channel's factor and offset, 1 func, 2 cmp to round it, with relu 1\n"
        "cmp.\n"
        "Source: torch.ao.nn.quantized.BatchNorm2d"
    )
    each = Counts(mul=1, add=1, func=1, cmp=2 + relu)
    targets: list[Any] = [*modules, *operators(name)]
    if name == "batch_norm":
        targets.append(torch.quantized_batch_norm)
    RULES.op(*targets, name=f"quantized_{name}", attributes=_RUNNING)(shape).cost(lambda out: each * out.numel)


for _suffix, _relu in (("", False), ("_relu", True)):
    for _which, _dims in (("", (2, 3, 4, 5)), ("1d", (2, 3))):
        _batch_norm(f"batch_norm{_which}{_suffix}", _dims, _relu)
_batch_norm("batch_norm2d", (4,), False, nnq.BatchNorm2d)
_batch_norm("batch_norm3d", (5,), False, nnq.BatchNorm3d)
_batch_norm("batch_norm2d_relu", (4,), True, nniq.BNReLU2d)
_batch_norm("batch_norm3d_relu", (5,), True, nniq.BNReLU3d)


def _around(input: TensorSpec, counts: Counts) -> Counts:
    return counts + (DEQUANTIZE + QUANTIZE) * input.numel


@RULES.op(nnq.LayerNorm, *operators("layer_norm"), name="quantized_layer_norm")
def layer_norm(
    input: TensorSpec, normalized_shape: Any, weight: Maybe, bias: Maybe, eps: float, scale: float, zero_point: int
) -> TensorSpec:
    """Layer normalization of quantized numbers      x (*, *normalized) -> the same.

    Cost: as layer_norm; an element 1 add, 1 mul into floating point and 1 div, 1 func, 1 add, 2 cmp out of it.
    Source: torch.ao.nn.quantized.LayerNorm
    """
    wanted = tuple(normalized_shape)
    if not wanted or check_quantized(input).shape[-len(wanted) :] != wanted:
        raise ShapeError(f"input must end in {wanted}, got {input.shape}")
    return input


@layer_norm.cost
def _(input: TensorSpec, normalized_shape: Any, weight: Maybe, bias: Maybe) -> Counts:
    length = math.prod(normalized_shape)
    groups = input.numel // length if length else 0
    return _around(input, normalized(groups, length) + affine(input.numel, weight, bias))


@RULES.op(nnq.GroupNorm, *operators("group_norm"), name="quantized_group_norm")
def group_norm(
    input: TensorSpec, num_groups: int, weight: Maybe, bias: Maybe, eps: float, scale: float, zero_point: int
) -> TensorSpec:
    """Group normalization of quantized numbers      x (N, C, *) -> the same.

    Cost: as group_norm; an element 1 add, 1 mul into floating point and 1 div, 1 func, 1 add, 2 cmp out of it.
    Source: torch.ao.nn.quantized.GroupNorm
    """
    if check_quantized(input).ndim < 2 or num_groups <= 0 or input.shape[1] % num_groups:
        raise ShapeError(f"input must have channels for {num_groups} groups, got {input.shape}")
    return input


@RULES.op(
    nnq.InstanceNorm1d,
    nnq.InstanceNorm2d,
    nnq.InstanceNorm3d,
    *operators("instance_norm"),
    name="quantized_instance_norm",
)
def instance_norm(
    input: TensorSpec, weight: Maybe, bias: Maybe, eps: float, scale: float, zero_point: int
) -> TensorSpec:
    """Instance normalization of quantized numbers      x (N, C, *) -> the same.

    Cost: as instance_norm; an element 1 add, 1 mul into floating point and 1 div, 1 func, 1 add, 2 cmp out of it.
    Source: torch.ao.nn.quantized.InstanceNorm2d
    """
    if check_quantized(input).ndim < 3:
        raise ShapeError(f"input must have 3 dimensions or more, got {input.shape}")
    return input


def _grouped(input: TensorSpec, groups: int, weight: Maybe, bias: Maybe) -> Counts:
    length = input.numel // groups if groups else 0
    return _around(input, normalized(groups, length) + affine(input.numel, weight, bias))


@group_norm.cost
def _(input: TensorSpec, num_groups: int, weight: Maybe, bias: Maybe) -> Counts:
    return _grouped(input, input.shape[0] * num_groups, weight, bias)


@instance_norm.cost
def _(input: TensorSpec, weight: Maybe, bias: Maybe) -> Counts:
    return _grouped(input, input.shape[0] * input.shape[1], weight, bias)
