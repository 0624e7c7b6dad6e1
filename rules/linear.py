"""Fully connected layers: linear and bilinear."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor
from rules.matmul import check_dtypes, check_stretches

__all__ = ["RULES"]

RULES = RuleSet()


def _check_bias(input: TensorSpec, weight: TensorSpec, bias: TensorSpec, out: TensorSpec) -> None:
    """A bias of another shape than the weight's rows must still stretch to the output."""
    if len(weight.shape) == 1 and (bias.shape or len(input.shape) == 2):
        raise ShapeError(f"weight must have 2 dimensions where there is a bias, but its shape is {weight.shape}")
    check_stretches("bias", bias.shape, out.shape)


@RULES.op(nn.Linear, F.linear, torch.ops.aten.linear)
def linear(input: TensorSpec, weight: TensorSpec, bias: TensorSpec | None = None) -> TensorSpec:
    """Linear map y = x Wᵀ + b        x (*, K), W (N, K), b (N) -> y (*, N); W (K) -> y (*).

    Cost: per output one dot product of length K, and one add where there is a bias.
    Source: torch.nn.functional.linear
    """
    if not check_tensor(input, "input").shape or not check_tensor(weight, "weight").shape:
        raise ShapeError(f"input and weight must have dimensions, got {input.shape} and {weight.shape}")
    if len(weight.shape) > 2:
        raise ShapeError(f"weight must have 1 or 2 dimensions, but its shape is {weight.shape}")
    if input.shape[-1] != weight.shape[-1]:
        raise ShapeError(f"input has {input.shape[-1]} features, weight takes {weight.shape[-1]}")
    check_dtypes(input=input, weight=weight)
    out = input.with_shape(*input.shape[:-1], *weight.shape[:-1])
    if bias is not None:
        check_dtypes(input=input, bias=bias)
    if bias is not None and (bias.shape != weight.shape[:-1] or len(weight.shape) == 1):
        _check_bias(input, weight, bias, out)
    return out


@linear.cost
def _(out: TensorSpec, weight: TensorSpec, bias: TensorSpec | None) -> Counts:
    outputs = out.numel
    length = weight.shape[-1]
    return Counts(mac=outputs * length, dot=0 if length == 0 else outputs, add=0 if bias is None else outputs)


@RULES.op(nn.Bilinear, F.bilinear)
def bilinear(input1: TensorSpec, input2: TensorSpec, weight: TensorSpec, bias: TensorSpec | None = None) -> TensorSpec:
    """Bilinear map y_n = x1ᵀ W_n x2 + b_n        x1 (*, I), x2 (*, J), W (N, I, J), b (N) -> y (*, N).

    Cost: per output J dot products of length I (x1 with W) and one of length J (that with x2), and one add where there
    is a bias.
    Source: torch.nn.functional.bilinear
    """
    for name, operand in (("input1", input1), ("input2", input2), ("weight", weight)):
        check_tensor(operand, name)
    if not input1.shape or not input2.shape or len(weight.shape) != 3:
        raise ShapeError(
            f"input1 and input2 must have dimensions and weight 3, got {input1.shape}, {input2.shape}, {weight.shape}"
        )
    if input1.shape[:-1] != input2.shape[:-1]:
        raise ShapeError(f"input1 and input2 must share their batch, got {input1.shape[:-1]} and {input2.shape[:-1]}")
    for name, size, takes in (
        ("input1", input1.shape[-1], weight.shape[1]),
        ("input2", input2.shape[-1], weight.shape[2]),
    ):
        if size != takes:
            raise ShapeError(f"{name} has {size} features, weight takes {takes}")
    check_dtypes(input1=input1, input2=input2, weight=weight)
    out = input1.with_shape(*input1.shape[:-1], weight.shape[0])
    if bias is None:
        return out
    check_dtypes(input1=input1, bias=bias)
    if bias.shape != weight.shape[:1]:
        raise ShapeError(f"bias must have the shape {weight.shape[:1]}, got {bias.shape}")
    return out


@bilinear.cost
def _(out: TensorSpec, weight: TensorSpec, bias: TensorSpec | None) -> Counts:
    outputs = out.numel
    _, first, second = weight.shape
    counts = Counts.dots(outputs * second, first) + Counts.dots(outputs, second)
    return counts if bias is None else counts + Counts(add=outputs)
