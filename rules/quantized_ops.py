"""Operators on quantized tensors: arithmetic, activations, pools, joins. They give out what they take in."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from typing import Any

import torch
import torch.nn.functional as F
from torch.ao.nn import quantized as nnq

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes
from analyzer.rule import Rule
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensors
from rules.join import cat
from rules.matmul import matmul
from rules.pool import RULES as POOLS
from rules.quantize import DEQUANTIZE, QUANTIZE, QUANTIZED, check_quantized, operators
from rules.softmax import RULES as SOFTMAX

__all__ = ["RULES", "also_quantized"]

RULES = RuleSet()

_SAID = (
    "Cost: an element {} in floating point, 1 add, 1 mul for each operand into it and 1 div, 1 func, 1 add, 2 cmp out."
)


def _pointwise(name: str, *modules: Any, operands: int = 1, **counts: int) -> None:
    """A function of every element, computed between dequantization and quantization."""
    each = Counts(**counts) + DEQUANTIZE * operands + QUANTIZE

    def one(input: TensorSpec, *rest: Any, **more: Any) -> TensorSpec:
        return check_quantized(input)

    def two(input: Any, other: Any, *rest: Any, **more: Any) -> TensorSpec:
        given = [check_quantized(spec) for spec in (input, other) if isinstance(spec, TensorSpec)]
        if not given:
            raise ShapeError(f"takes a quantized tensor, got {input!r} and {other!r}")
        if len({spec.dtype for spec in given}) > 1:
            raise ShapeError(f"both must be quantized alike, got {input.dtype_name} and {other.dtype_name}")
        return given[0].with_shape(*broadcast_shapes(*(spec.shape for spec in given)))

    shape = one if operands == 1 else two
    said = " + ".join(f"{times} {kind}" for kind, times in counts.items()) or "nothing"
    shape.__doc__ = f"{name} of quantized numbers.\n\n{_SAID.format(said)}\nSource: torch.ao.nn.quantized"
    RULES.op(*modules, *operators(name), name=f"quantized_{name}")(shape).cost(lambda out: each * out.numel)


for _name, _kind in (("add", "add"), ("mul", "mul")):
    _pointwise(_name, operands=2, **{_kind: 1})
    _pointwise(f"{_name}_relu", operands=2, **{_kind: 1, "cmp": 1})
    _pointwise(f"{_name}_scalar", **{_kind: 1})
    _pointwise(f"{_name}_scalar_relu", **{_kind: 1, "cmp": 1})
for _name in ("sigmoid", "celu", "elu"):
    _pointwise(_name, func=1)
for _name in ("threshold", "relu6", "clamp"):
    _pointwise(_name, cmp=1)
# The scales of these modules are buffers, which an operator would ask for the numbers of.
_pointwise("hardswish", nnq.Hardswish, func=1)
_pointwise("leaky_relu", nnq.LeakyReLU, cmp=1)
_pointwise("prelu", nnq.PReLU, cmp=1)
_pointwise("dropout")


# Several elements at once ----------------------------------------------------------------------------------------


@RULES.op(*operators("softmax"), name="quantized_softmax")
def softmax(qx: TensorSpec, dim: int, output_scale: float, output_zero_point: int) -> TensorSpec:
    """Softmax of quantized numbers      x (*) -> the same.

    Cost: as softmax; an element 1 add, 1 mul into floating point and 1 div, 1 func, 1 add, 2 cmp out of it.
    Source: torch.ao.nn.quantized.Softmax
    """
    SOFTMAX[torch.softmax].shape(check_quantized(qx, "qx").with_dtype(torch.float32), dim)
    return qx


@softmax.cost
def _(out: TensorSpec, qx: TensorSpec, dim: int) -> Counts:
    rule = SOFTMAX[torch.softmax]
    return rule.call_cost(rule.bind((qx, dim), {}), out) + (DEQUANTIZE + QUANTIZE) * qx.numel


@RULES.op(*operators("matmul"), name="quantized_matmul")
def product(qa: TensorSpec, qb: TensorSpec, scale: float, zero_point: int) -> TensorSpec:
    """Matrix product of quantized numbers      (*, M, K), (*, K, N) -> (*, M, N).

    Cost: per output one dot product of length K, and 1 mul, 1 func, 1 add, 2 cmp to scale and round it.
    Source: torch.ops.quantized.matmul
    """
    pair = [check_quantized(spec, name).with_dtype(torch.float32) for name, spec in (("qa", qa), ("qb", qb))]
    if pair[0].ndim < 2 or pair[0].ndim != pair[1].ndim or pair[0].shape[:-2] != pair[1].shape[:-2]:
        raise ShapeError(f"qa and qb must be matrices with the same batch, got {qa.shape} and {qb.shape}")
    out: TensorSpec = matmul(*pair)
    return out.with_dtype(qa.dtype)


@product.cost
def _(out: TensorSpec, qa: TensorSpec) -> Counts:
    return Counts.dots(out.numel, qa.shape[-1]) + Counts(mul=1, func=1, add=1, cmp=2) * out.numel


def _join(name: str, relu: bool) -> None:
    def shape(qx: Any, dim: int, scale: float | None = None, zero_point: int | None = None) -> TensorSpec:
        tensors = [check_quantized(spec, "qx") for spec in check_tensors(qx, "qx")]
        out: TensorSpec = cat(tensors, dim)
        return out

    shape.__doc__ = (
        "Quantized tensors side by side, in one scale.\n\n"
        "Cost: an element 1 add, 1 mul out of its own scale and 1 div, 1 func, 1 add, 2 cmp into the common one, with\n"
        "relu 1 cmp.\nSource: torch.ao.nn.quantized.QFunctional"
    )
    each = DEQUANTIZE + QUANTIZE + Counts(cmp=int(relu))
    RULES.op(*operators(name), name=f"quantized_{name}")(shape).cost(lambda out: each * out.numel)


_join("cat", False)
_join("cat_relu", True)


def _pool(dims: int) -> None:
    pool = POOLS[getattr(torch, f"max_pool{dims}d")]

    def shape(
        input: TensorSpec, kernel_size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> TensorSpec:  # fmt: skip
        given = (check_quantized(input).with_dtype(torch.float32), kernel_size, stride, padding, dilation, ceil_mode)
        out: TensorSpec = pool.call_shape(pool.bind(given, {}))
        return out.with_dtype(input.dtype)

    def cost(out: TensorSpec, input: TensorSpec, kernel_size: Any) -> Counts:
        return pool.call_cost(pool.bind((input, kernel_size), {}), out)

    shape.__doc__ = (
        f"The largest quantized number of every window      x (N, C, *) -> (N, C, *).\n\nCost: as max_pool{dims}d.\n"
        f"Source: torch.quantized_max_pool{dims}d"
    )
    targets: list[Any] = [getattr(torch, f"quantized_max_pool{dims}d")]
    if dims < 3:
        targets += operators(f"max_pool{dims}d")
    RULES.op(*targets, name=f"quantized_max_pool{dims}d")(shape).cost(cost)


for _size in (1, 2, 3):
    _pool(_size)


# Rules of floating point that torch has quantized kernels for too -----------------------------------------------------


def also_quantized(rules: RuleSet) -> RuleSet:
    """The same rules, of which those that torch keeps quantized kernels for take a quantized input as a float one."""
    functions = (
        torch.mean, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d, F.avg_pool2d, F.avg_pool3d, F.interpolate, torch.tanh,
        torch.sigmoid, F.leaky_relu, F.hardsigmoid,
    )  # fmt: skip
    taught = {id(rules[function]): _taught(rules[function]) for function in functions}
    return RuleSet({target: taught.get(id(rule), rule) for target, rule in rules.items()}, rules.answers)


def _taught(rule: Rule) -> Rule:
    float_shape = rule.shape

    @wraps(float_shape)
    def shape(*args: Any, **kwargs: Any) -> Any:
        input = kwargs["input"] if "input" in kwargs else args[0]
        if not isinstance(input, TensorSpec) or input.dtype not in QUANTIZED:
            return float_shape(*args, **kwargs)
        plain = input.with_dtype(torch.float32)
        if "input" in kwargs:
            return float_shape(*args, **{**kwargs, "input": plain}).with_dtype(input.dtype)
        return float_shape(plain, *args[1:], **kwargs).with_dtype(input.dtype)

    return replace(rule, shape=shape)
