"""Activations: a selection (relu-like) is one cmp an element, any other is one func an element whatever its formula."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import float_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_flag, check_scalar, check_tensor, wrap_dim
from rules._layer import check_floating, everywhere

__all__ = ["RULES"]

RULES = RuleSet()
F = nn.functional
aten = torch.ops.aten

Take = Callable[[Any], TensorSpec]


def _one_cmp(out: TensorSpec) -> Counts:
    return Counts(cmp=out.numel)


def _one_func(out: TensorSpec) -> Counts:
    return Counts(func=out.numel)


def _inexact(input: Any) -> TensorSpec:
    """Floating or complex numbers."""
    return check_floating(input, complex=True)


def _number(input: Any) -> TensorSpec:
    """Floating or whole numbers."""
    spec = check_tensor(input, "input")
    if spec.dtype is torch.bool or spec.dtype.is_complex:
        raise ShapeError(f"input must hold real numbers, got {spec.dtype_name}")
    return spec


def _to_float(input: Any) -> TensorSpec:
    """Anything; whole numbers and bools give floats."""
    return check_tensor(input, "input").with_dtype(float_dtype(input.dtype))


def _number_to_float(input: Any) -> TensorSpec:
    """Anything but bools; whole numbers give floats."""
    out = _to_float(input)
    if input.dtype is torch.bool:
        raise ShapeError("input must hold numbers, got bool")
    return out


def _activation(name: str, targets: Iterable[Any], take: Take, cost: Callable[..., Counts], formula: str) -> None:
    """One activation without a shape of its own; its attributes (slope, threshold, ...) count nothing."""

    def shape(input: TensorSpec, *attributes: Any, **more: Any) -> TensorSpec:
        return take(input)

    kind = "cmp" if cost is _one_cmp else "func"
    shape.__doc__ = f"{formula}, elementwise.\n\nCost: one {kind} an element.\nSource: torch.nn.functional.{name}"
    RULES.op(*targets, name=name)(shape).cost(cost)


for _name, _targets, _take, _formula in (
    ("relu", [nn.ReLU, *everywhere("relu")], _number, "max(0, x)"),
    ("relu6", [nn.ReLU6, *everywhere("relu6")], _number, "min(max(0, x), 6)"),
    ("leaky_relu", [nn.LeakyReLU, *everywhere("leaky_relu")], check_floating, "max(0, x) + slope * min(0, x)"),
    ("threshold", [nn.Threshold, *everywhere("threshold")], _number, "x where x > threshold, else value"),
    ("hardshrink", [nn.Hardshrink, *everywhere("hardshrink")], check_floating, "x where |x| > lambd, else 0"),
):
    _activation(_name, _targets, _take, _one_cmp, _formula)

for _name, _targets, _take, _formula in (
    ("sigmoid", [nn.Sigmoid, *everywhere("sigmoid"), torch.special.expit], _to_float, "1 / (1 + exp(-x))"),
    ("tanh", [nn.Tanh, *everywhere("tanh")], _to_float, "tanh(x)"),
    ("tanhshrink", [nn.Tanhshrink, *everywhere("tanhshrink")], _number_to_float, "x - tanh(x)"),
    ("softsign", [nn.Softsign, *everywhere("softsign")], _number_to_float, "x / (1 + |x|)"),
    ("silu", [nn.SiLU, *everywhere("silu")], _inexact, "x * sigmoid(x)"),
    ("mish", [nn.Mish, *everywhere("mish")], check_floating, "x * tanh(softplus(x))"),
    ("elu", [nn.ELU, *everywhere("elu")], check_floating, "max(0, x) + min(0, alpha * (exp(x) - 1))"),
    ("selu", [nn.SELU, *everywhere("selu")], check_floating, "scale * elu(x)"),
    ("softplus", [nn.Softplus, *everywhere("softplus")], check_floating, "log(1 + exp(beta * x)) / beta"),
    ("logsigmoid", [nn.LogSigmoid, *everywhere("logsigmoid", "log_sigmoid")], check_floating, "log(sigmoid(x))"),
    ("hardsigmoid", [nn.Hardsigmoid, *everywhere("hardsigmoid")], check_floating, "relu6(x + 3) / 6"),
    ("hardswish", [nn.Hardswish, *everywhere("hardswish")], check_floating, "x * relu6(x + 3) / 6"),
):
    _activation(_name, _targets, _take, _one_func, _formula)


@RULES.op(nn.GELU, *everywhere("gelu"))
def gelu(input: TensorSpec, *, approximate: str = "none") -> TensorSpec:
    """Gaussian error unit, x * Φ(x), or its approximation by tanh, elementwise.

    Cost: one func an element.
    Source: torch.nn.functional.gelu; Hendrycks and Gimpel 2016, arXiv:1606.08415
    """
    if approximate not in ("none", "tanh"):
        raise ShapeError(f"approximate must be 'none' or 'tanh', got {approximate!r}")
    return check_floating(input)


@RULES.op(nn.CELU, *everywhere("celu"))
def celu(input: TensorSpec, alpha: float = 1.0) -> TensorSpec:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)), elementwise.

    Cost: one func an element.
    Source: torch.nn.functional.celu
    """
    if alpha == 0:
        raise ShapeError("alpha must not be 0")
    return check_floating(input)


@RULES.op(nn.GLU, *everywhere("glu"))
def glu(input: TensorSpec, dim: int = -1) -> TensorSpec:
    """Gated linear unit a * sigmoid(b)      x (*, 2n, *) split in a and b along dim -> (*, n, *).

    Cost: one func an element of the result.
    Source: torch.nn.functional.glu; Dauphin et al. 2016, arXiv:1612.08083
    """
    shape = check_floating(input).shape
    if not shape:
        raise ShapeError("input must have 1 dimension or more, got 0")
    axis = wrap_dim(dim, len(shape))
    if shape[axis] % 2 != 0:
        raise ShapeError(f"input must have an even size at dim {dim}, got {shape[axis]}")
    return input.with_shape(*shape[:axis], shape[axis] // 2, *shape[axis + 1 :])


@RULES.op(aten.log_sigmoid_forward, name="logsigmoid")
def log_sigmoid_forward(input: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
    """log(sigmoid(x)), elementwise, and what the backward pass keeps: on the CPU as much again, elsewhere nothing.

    Cost: one func an element.
    Source: torch.nn.functional.logsigmoid
    """
    out = check_floating(input)
    return out, out if out.device.type == "cpu" else out.with_shape(0)


@gelu.cost
@celu.cost
@glu.cost
def _(out: TensorSpec) -> Counts:
    return Counts(func=out.numel)


@log_sigmoid_forward.cost
def _(input: TensorSpec) -> Counts:
    return Counts(func=input.numel)


@RULES.op(nn.Hardtanh, *everywhere("hardtanh"))
def hardtanh(input: TensorSpec, min_val: float = -1.0, max_val: float = 1.0) -> TensorSpec:
    """min(max(min_val, x), max_val), elementwise.

    Cost: one cmp an element.
    Source: torch.nn.functional.hardtanh
    """
    check_scalar(min_val, "min_val")
    check_scalar(max_val, "max_val")
    if min_val > max_val:
        raise ShapeError(f"min_val must not be greater than max_val, got {min_val} and {max_val}")
    if _number(input).dtype is torch.uint8 and min_val < 0:
        raise ShapeError(f"min_val must be 0 or more where input is uint8, got {min_val}")
    return input


@RULES.op(nn.Softshrink, *everywhere("softshrink"))
def softshrink(input: TensorSpec, lambd: float = 0.5) -> TensorSpec:
    """Soft shrinkage: x less lambd towards 0, and 0 where |x| <= lambd, elementwise.

    Cost: one cmp an element.
    Source: torch.nn.functional.softshrink
    """
    check_scalar(lambd, "lambd")
    if lambd < 0:
        raise ShapeError(f"lambd must be 0 or more, got {lambd}")
    return check_floating(input)


@RULES.op(nn.RReLU, *everywhere("rrelu"), random=True)
def rrelu(input: TensorSpec, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> TensorSpec:
    """Leaky selection: x where x >= 0, else x times a slope, drawn between lower and upper in training, elementwise.

    Cost: one cmp an element.
    Source: torch.nn.functional.rrelu
    """
    check_scalar(lower, "lower")
    check_scalar(upper, "upper")
    check_flag(training, "training")
    if lower > upper:
        raise ShapeError(f"lower must not be greater than upper, got {lower} and {upper}")
    return check_floating(input)


@RULES.op(aten.rrelu_with_noise, name="rrelu", random=True)
def rrelu_with_noise(
    input: TensorSpec, noise: TensorSpec, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False
) -> TensorSpec:
    """The same as rrelu, which leaves its slopes in ``noise``.

    Cost: one cmp an element.
    Source: torch.nn.functional.rrelu
    """
    out: TensorSpec = rrelu(input, lower, upper, training)
    return out


@RULES.op(nn.PReLU, *everywhere("prelu"))
def prelu(input: TensorSpec, weight: TensorSpec) -> TensorSpec:
    """max(0, x) + w * min(0, x), elementwise      x (N, C, *), w (C), (1) or ().

    Cost: one cmp an element.
    Source: torch.nn.functional.prelu; He et al. 2015, arXiv:1502.01852
    """
    shape = check_floating(input).shape
    if input.dtype is not weight.dtype:
        raise ShapeError(f"input and weight must have the same dtype, got {input.dtype_name} and {weight.dtype_name}")
    if weight.ndim > 1:
        raise ShapeError(f"weight must have 0 or 1 dimensions, got {weight.ndim}: {weight.shape}")
    slopes = weight.numel
    if slopes != 1:
        channels = shape[1] if len(shape) > 1 else 1
        if not shape or channels != slopes:
            raise ShapeError(f"input has {channels} channels, weight has {slopes} slopes")
    return input


@RULES.op(torch._prelu_kernel, name="prelu")
def prelu_kernel(input: TensorSpec, weight: TensorSpec) -> TensorSpec:
    """The same as prelu, with a weight that already broadcasts against x.

    Cost: one cmp an element.
    Source: torch.nn.functional.prelu
    """
    return check_floating(input)


@hardtanh.cost
@softshrink.cost
@rrelu.cost
@rrelu_with_noise.cost
@prelu.cost
@prelu_kernel.cost
def _(out: TensorSpec) -> Counts:
    return Counts(cmp=out.numel)
