"""Elementwise arithmetic: sums, products, quotients. `choice` has clamps and where, `special` the functions."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import elementwise_spec, float_dtype, result_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_operands, check_tensor, spellings
from rules._results import real_only

__all__ = ["RULES"]

RULES = RuleSet()


def _is_one(factor: Any) -> bool:
    """Whether a factor is the plain number 1; a size that happens to be 1 is still a factor."""
    return type(factor) in (int, float) and factor == 1


# Sums and products -----------------------------------------------------------------------------------------------


def _scaled(input: Any, other: Any, alpha: Any) -> TensorSpec:
    """What add and sub share: the dtype of both, and an alpha that it can hold."""
    check_operands(input, other)
    if not isinstance(input, TensorSpec) and not isinstance(other, TensorSpec):
        return TensorSpec((), result_dtype(input, other))
    out = elementwise_spec(input, other)
    if type(alpha) is not int:
        if isinstance(alpha, bool) and out.dtype is not torch.bool:
            raise ShapeError(f"alpha must be a number where the result is {out.dtype_name}, got {alpha}")
        whole = not out.dtype.is_floating_point and not out.dtype.is_complex
        if (isinstance(alpha, float) and whole) or (isinstance(alpha, complex) and not out.dtype.is_complex):
            kind = "whole" if whole else "real"
            raise ShapeError(f"alpha must be {kind} where the result is {out.dtype_name}, got {alpha}")
    return out


def _difference(input: Any, other: Any, alpha: Any) -> TensorSpec:
    out = _scaled(input, other, alpha)
    for operand in (input, other):
        if isinstance(operand, bool) or (isinstance(operand, TensorSpec) and operand.dtype is torch.bool):
            raise ShapeError(f"bools are subtracted with logical_xor, got {input} and {other}")
    return out


def _sum_cost(out: TensorSpec, alpha: Any) -> Counts:
    size = out.numel
    return Counts(add=size) if _is_one(alpha) else Counts(add=size, mul=size)


@RULES.op(*spellings("add", "__add__", "__radd__", "__iadd__"))
def add(input: Any, other: Any, alpha: Any = 1) -> TensorSpec:
    """Out = input + alpha · other, broadcast.

    Cost: one add an element of the result, and one mul where alpha is not 1.
    Source: torch.add
    """
    return _scaled(input, other, alpha)


@RULES.op(*spellings("sub", "subtract", "__sub__", "__isub__"))
def sub(input: Any, other: Any, alpha: Any = 1) -> TensorSpec:
    """Out = input − alpha · other, broadcast.

    Cost: one add an element of the result, and one mul where alpha is not 1.
    Source: torch.sub
    """
    return _difference(input, other, alpha)


@RULES.op(*spellings("rsub", "__rsub__"))
def rsub(input: Any, other: Any, alpha: Any = 1) -> TensorSpec:
    """Out = other − alpha · input, broadcast.

    Cost: one add an element of the result, and one mul where alpha is not 1.
    Source: torch.Tensor.__rsub__
    """
    return _difference(input, other, alpha)


@RULES.op(*spellings("mul", "multiply", "__mul__", "__rmul__", "__imul__"))
def mul(input: Any, other: Any) -> TensorSpec:
    """Out = input · other, broadcast.

    Cost: one mul an element of the result; a factor that is the number 1 costs nothing.
    Source: torch.mul
    """
    check_operands(input, other)
    if not isinstance(input, TensorSpec) and not isinstance(other, TensorSpec):
        return TensorSpec((), result_dtype(input, other))
    return elementwise_spec(input, other)


for _definition in (add, sub, rsub):
    _definition.cost(_sum_cost)


@mul.cost
def _(out: TensorSpec, input: Any, other: Any) -> Counts:
    return Counts() if _is_one(other) or _is_one(input) else Counts(mul=out.numel)


def _quotient(input: Any, other: Any, rounding_mode: str | None) -> TensorSpec:
    check_operands(input, other)
    dtype = result_dtype(input, other)
    if rounding_mode is None:
        dtype = float_dtype(dtype)
    elif rounding_mode not in ("trunc", "floor"):
        raise ShapeError(f"rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}")
    else:
        real_only(dtype)
    if not isinstance(input, TensorSpec) and not isinstance(other, TensorSpec):
        return TensorSpec((), dtype)
    return elementwise_spec(input, other, dtype=dtype)


@RULES.op(*spellings("div", "divide", "true_divide", "__truediv__", "__div__", "__itruediv__", "__idiv__"))
def div(input: Any, other: Any, rounding_mode: str | None = None) -> TensorSpec:
    """Out = input / other, broadcast; whole numbers give floats unless the quotient is rounded.

    Cost: one div an element of the result.
    Source: torch.div
    """
    return _quotient(input, other, rounding_mode)


@RULES.op(*spellings("__rdiv__", "__rtruediv__"), name="div")
def rdiv(input: TensorSpec, other: Any) -> TensorSpec:
    """Out = other / input, broadcast, as torch takes it: other times the reciprocal of input.

    Cost: one div an element of the result.
    Source: torch.Tensor.__rtruediv__
    """
    return _quotient(check_tensor(input, "input").with_dtype(float_dtype(input.dtype)), other, None)


def _div_cost(out: TensorSpec) -> Counts:
    return Counts(div=out.numel)


div.cost(_div_cost)
rdiv.cost(_div_cost)


def _three(input: Any, tensor1: Any, tensor2: Any, value: Any) -> TensorSpec:
    out = elementwise_spec(
        check_tensor(input, "input"), check_tensor(tensor1, "tensor1"), check_tensor(tensor2, "tensor2")
    )
    if isinstance(value, complex) and not out.dtype.is_complex:
        raise ShapeError(f"value must be real where the result is {out.dtype_name}, got {value}")
    return out


@RULES.op(*spellings("addcmul"))
def addcmul(input: TensorSpec, tensor1: TensorSpec, tensor2: TensorSpec, value: Any = 1) -> TensorSpec:
    """Out = input + value · tensor1 · tensor2, broadcast.

    Cost: one mul and one add an element of the result, and one mul where value is not 1.
    Source: torch.addcmul
    """
    return _three(input, tensor1, tensor2, value)


@addcmul.cost
def _(out: TensorSpec, value: Any) -> Counts:
    size = out.numel
    return Counts(add=size, mul=size if _is_one(value) else 2 * size)


@RULES.op(*spellings("addcdiv"))
def addcdiv(input: TensorSpec, tensor1: TensorSpec, tensor2: TensorSpec, value: Any = 1) -> TensorSpec:
    """Out = input + value · tensor1 / tensor2, broadcast.

    Cost: one div and one add an element of the result, and one mul where value is not 1.
    Source: torch.addcdiv
    """
    out = _three(input, tensor1, tensor2, value)
    if result_dtype(tensor1, tensor2) is not float_dtype(result_dtype(tensor1, tensor2)):
        raise ShapeError(f"tensor1 and tensor2 must not both be whole numbers, got {tensor1} and {tensor2}")
    return out


@addcdiv.cost
def _(out: TensorSpec, value: Any) -> Counts:
    size = out.numel
    return Counts(add=size, div=size, mul=0 if _is_one(value) else size)


@RULES.op(*spellings("lerp"))
def lerp(input: TensorSpec, end: TensorSpec, weight: Any) -> TensorSpec:
    """Out = input + weight · (end − input), broadcast; all of one dtype.

    Cost: two add and one mul an element of the result.
    Source: torch.lerp
    """
    tensors = [check_tensor(input, "input"), check_tensor(end, "end")]
    if isinstance(weight, TensorSpec):
        tensors.append(weight)
    for tensor in tensors:
        if tensor.dtype is not input.dtype and (tensor is not weight or tensor.shape):
            raise ShapeError(
                f"input and {'weight' if tensor is weight else 'end'} must have one dtype, got {input} and {tensor}"
            )
    if not input.dtype.is_floating_point and not input.dtype.is_complex:
        raise ShapeError(f"input must be floating point or complex, got {input}")
    return elementwise_spec(*tensors, dtype=input.dtype)


@lerp.cost
def _(out: TensorSpec) -> Counts:
    return Counts(add=2 * out.numel, mul=out.numel)
