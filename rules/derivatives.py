"""Kernels of derivatives, which are called where torch.func differentiates a model in its own forward."""

from __future__ import annotations

import math
from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.promotion import broadcast_shapes
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, wrap_dim

__all__ = ["RULES"]

RULES = RuleSet()
aten = torch.ops.aten

Maybe = TensorSpec | None


def _times_slope(name: str, each: Counts, what: str) -> None:
    """An activation's derivative at every element, times the gradient of what came out."""

    def shape(grad_output: TensorSpec, input: TensorSpec, *parameters: Any, approximate: str = "none") -> TensorSpec:
        return grad_output.with_shape(*broadcast_shapes(grad_output.shape, check_tensor(input, "input").shape))

    shape.__doc__ = f"Gradient through {name}.\n\nCost: {what} an element.\nSource: torch.ops.aten.{name}_backward"
    target = getattr(aten, f"{name}_backward")
    RULES.op(target, name=f"{name}_backward")(shape).cost(lambda out: each * out.numel)


for _name in ("threshold", "hardtanh", "hardshrink", "softshrink"):
    _times_slope(_name, Counts(cmp=1), "one cmp, as the slope is 0 or 1,")
for _name in ("leaky_relu", "hardsigmoid"):
    _times_slope(_name, Counts(cmp=1, mul=1), "one cmp and one mul")
for _name in ("gelu", "silu", "mish", "hardswish", "tanh", "sigmoid", "softplus", "log_sigmoid"):
    _times_slope(_name, Counts(func=1, mul=1), "one func, the slope, and one mul")


@RULES.op(aten.elu_backward)
def elu_backward(
    grad_output: TensorSpec, alpha: Any, scale: Any, input_scale: Any, is_result: bool, self_or_result: TensorSpec
) -> TensorSpec:
    """Gradient through elu, selu or celu.

    Cost: one func, the slope, and one mul an element.
    Source: torch.ops.aten.elu_backward
    """
    return check_tensor(grad_output, "grad_output")


elu_backward.cost(lambda out: Counts(func=out.numel, mul=out.numel))


def _rows(out: TensorSpec, dim: int) -> tuple[int, int]:
    """How many rows there are along an axis, and how long each is."""
    length = out.shape[wrap_dim(dim, out.ndim)] if out.ndim else 1
    return (out.numel // length if length else 0), length


@RULES.op(aten._softmax_backward_data)
def softmax_backward(grad_output: TensorSpec, output: TensorSpec, dim: int, input_dtype: torch.dtype) -> TensorSpec:
    """Gradient y (g − Σ g y) through a softmax y.

    Cost: over n elements 2n mul, n − 1 add (the sum) and n add.
    Source: torch.ops.aten._softmax_backward_data
    """
    return grad_output.with_dtype(input_dtype)


@softmax_backward.cost
def _(out: TensorSpec, dim: int) -> Counts:
    rows, length = _rows(out, dim)
    return Counts(mul=2 * length, add=2 * length - 1) * rows


@RULES.op(aten._log_softmax_backward_data)
def log_softmax_backward(grad_output: TensorSpec, output: TensorSpec, dim: int, input_dtype: torch.dtype) -> TensorSpec:
    """Gradient g − exp(y) Σ g through a log_softmax y.

    Cost: over n elements n func, n − 1 add (the sum), n mul and n add.
    Source: torch.ops.aten._log_softmax_backward_data
    """
    return grad_output.with_dtype(input_dtype)


@log_softmax_backward.cost
def _(out: TensorSpec, dim: int) -> Counts:
    rows, length = _rows(out, dim)
    return Counts(func=length, mul=length, add=2 * length - 1) * rows


@RULES.op(aten.convolution_backward)
def convolution_backward(
    grad_output: TensorSpec, input: TensorSpec, weight: TensorSpec, bias_sizes: Any, stride: Any, padding: Any,
    dilation: Any, transposed: bool, output_padding: Any, groups: int, output_mask: Any,
) -> Any:  # fmt: skip
    """Gradients of the input, the weight and the bias of a convolution, those that the mask asks for.

    Cost: the products of the convolution once for the input and once for the weight; a sum over batch and places for
    the bias.
    Source: torch.ops.aten.convolution_backward
    """
    bias = grad_output.with_shape(grad_output.shape[1])
    return tuple(spec if wanted else None for spec, wanted in zip((input, weight, bias), output_mask, strict=True))


@convolution_backward.cost
def _(grad_output: TensorSpec, input: TensorSpec, weight: TensorSpec, transposed: bool, output_mask: Any) -> Counts:
    moved = input if transposed else grad_output
    products = moved.numel * math.prod(weight.shape[1:])
    sums = [spec.numel for spec, wanted in zip((input, weight), output_mask, strict=False) if wanted]
    bias = grad_output.numel - grad_output.shape[1] if output_mask[2] and grad_output.numel else 0
    return Counts(mac=products * len(sums), dot=sum(sums) if products else 0, add=bias)


@RULES.op(aten.embedding_dense_backward)
def embedding_backward(
    grad_output: TensorSpec, indices: TensorSpec, num_weights: int, padding_idx: int, scale_grad_by_freq: bool
) -> TensorSpec:
    """Gradient of a table        g (*, D), indices (*) -> (rows, D).

    Cost: one add an element of the gradient.
    Source: torch.ops.aten.embedding_dense_backward
    """
    return grad_output.with_shape(num_weights, *grad_output.shape[indices.ndim :])


embedding_backward.cost(lambda grad_output: Counts(add=grad_output.numel))


@RULES.op(aten.native_layer_norm_backward)
def layer_norm_backward(
    grad_out: TensorSpec, input: TensorSpec, normalized_shape: Any, mean: TensorSpec, rstd: TensorSpec,
    weight: Maybe, bias: Maybe, output_mask: Any,
) -> Any:  # fmt: skip
    """Gradients r (g w − mean(g w) − z mean(g w z)) of the input, Σ g z of the weight and Σ g of the bias.

    Cost: over n elements n add and n mul for z = (x − mean) r, n mul for g w where there is a weight; two means, one of
    n products; 2n add and 2n mul. The weight takes n mul and, as the bias does, one add less than there are rows.
    Source: torch.ops.aten.native_layer_norm_backward
    """
    found = (input, weight, bias)
    return tuple(spec if wanted else None for spec, wanted in zip(found, output_mask, strict=True))


@layer_norm_backward.cost
def _(input: TensorSpec, normalized_shape: Any, weight: Maybe, output_mask: Any) -> Counts:
    length = math.prod(normalized_shape)
    rows = input.numel // length if length else 0
    normalized = Counts(add=length, mul=length) * rows
    scaled = 0 if weight is None else length
    means = Counts(add=2 * (length - 1), mul=length, div=2)
    of_input = (Counts(add=2 * length, mul=2 * length + scaled) + means) * rows if output_mask[0] else Counts()
    sums = Counts(add=length * max(rows - 1, 0))
    of_weight = sums + Counts(mul=rows * length) if output_mask[1] else Counts()
    return normalized + of_input + of_weight + (sums if output_mask[2] else Counts())
