"""Elementwise functions with arguments or results of their own: decimals, tolerances, mantissas, orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes, elementwise_spec, float_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, numbers, spellings, whole

__all__ = ["RULES"]

RULES = RuleSet()


def _real_float(input: TensorSpec) -> TensorSpec:
    if input.dtype.is_complex:
        raise ShapeError(f"input must be real, got {input}")
    return input.with_dtype(float_dtype(input.dtype))


@RULES.op(*spellings("round"), torch.special.round, name="round")
def round_(input: TensorSpec, *, decimals: int = 0) -> TensorSpec:
    """The nearest numbers with so many decimals.

    Cost: one func an element.
    Source: torch.round
    """
    if input.dtype.is_complex or input.dtype is torch.bool:
        raise ShapeError(f"input must be real numbers, got {input}")
    if decimals != 0 and not input.dtype.is_floating_point:
        raise ShapeError(f"input must be floating point for decimals, got {input}")
    return input


@RULES.op(*spellings("logit"), torch.special.logit)
def logit(input: TensorSpec, eps: float | None = None) -> TensorSpec:
    """log(x / (1 − x)), x clamped to eps from 0 and 1.

    Cost: one func an element.
    Source: torch.logit
    """
    return _real_float(input)


def _polygamma(n: Any, input: Any) -> TensorSpec:
    if whole(n, "n") < 0:
        raise ShapeError(f"n must be 0 or more, got {n}")
    return _real_float(check_tensor(input, "input"))


@RULES.op(torch.polygamma, torch.special.polygamma)
def polygamma(n: int, input: TensorSpec) -> TensorSpec:
    """The n-th derivative of digamma.

    Cost: one func an element.
    Source: torch.polygamma
    """
    return _polygamma(n, input)


@RULES.op("polygamma", name="polygamma")
def tensor_polygamma(input: TensorSpec, n: int) -> TensorSpec:
    """The n-th derivative of digamma, called on the tensor.

    Cost: one func an element.
    Source: torch.Tensor.polygamma
    """
    return _polygamma(n, input)


@RULES.op(*spellings("mvlgamma"), torch.special.multigammaln)
def mvlgamma(input: TensorSpec, p: int) -> TensorSpec:
    """The log of the gamma function of p dimensions.

    Cost: one func an element.
    Source: torch.mvlgamma
    """
    if whole(p, "p") < 1:
        raise ShapeError(f"p must be 1 or more, got {p}")
    if input.dtype is torch.bool:
        raise ShapeError("input must hold numbers, got bool")
    return _real_float(input)


@RULES.op(*spellings("heaviside"))
def heaviside(input: TensorSpec, values: TensorSpec) -> TensorSpec:
    """0 below zero, 1 above, values at zero; broadcast.

    Cost: one cmp an element of the result.
    Source: torch.heaviside
    """
    if input.dtype is not check_tensor(values, "values").dtype:
        raise ShapeError(f"input and values must have one dtype, got {input.dtype} and {values.dtype}")
    if input.dtype.is_complex:
        raise ShapeError(f"input must be real, got {input}")
    return elementwise_spec(input, values)


@RULES.op(*spellings("isclose"))
def isclose(
    input: TensorSpec, other: TensorSpec, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> TensorSpec:
    """Whether |input − other| ≤ atol + rtol · |other|, broadcast.

    Cost: one cmp an element of the result.
    Source: torch.isclose
    """
    if input.dtype is not check_tensor(other, "other").dtype:
        raise ShapeError(f"input and other must have one dtype, got {input.dtype} and {other.dtype}")
    if rtol < 0 or atol < 0:
        raise ShapeError(f"rtol and atol must be 0 or more, got {rtol} and {atol}")
    return input.with_shape(*broadcast_shapes(input.shape, other.shape)).with_dtype(torch.bool)


def _func(out: TensorSpec) -> Counts:
    return Counts(func=out.numel)


def _cmp(out: TensorSpec) -> Counts:
    return Counts(cmp=out.numel)


for _definition in (round_, logit, polygamma, tensor_polygamma, mvlgamma):
    _definition.cost(_func)
for _definition in (heaviside, isclose):
    _definition.cost(_cmp)


@RULES.op(*spellings("frexp"))
def frexp(input: TensorSpec) -> Any:
    """Mantissa and exponent, input = mantissa · 2^exponent.

    Cost: one func an element.
    Source: torch.frexp
    """
    if not input.dtype.is_floating_point:
        raise ShapeError(f"input must be floating point, got {input}")
    make: Callable[[Any], Any] = torch.return_types.frexp
    return make((input, input.with_dtype(torch.int32)))


@frexp.cost
def _(input: TensorSpec) -> Counts:
    return Counts(func=input.numel)


@RULES.op(torch.unravel_index)
def unravel_index(indices: TensorSpec, shape: Any) -> tuple[TensorSpec, ...]:
    """Places in a flat tensor as places in one of the given shape, one tensor a dimension.

    Cost: two func an element and dimension: a quotient and a remainder.
    Source: torch.unravel_index
    """
    dtype = check_tensor(indices, "indices").dtype
    if dtype.is_floating_point or dtype.is_complex or dtype is torch.bool:
        raise ShapeError(f"indices must be whole numbers, got {indices}")
    sizes = numbers(shape, "shape")
    for size in sizes:
        if size < (1 if indices.numel else 0):
            raise ShapeError(f"shape must be {'1' if indices.numel else '0'} or more, got {sizes}")
    return tuple([indices.with_dtype(torch.int64) for _ in sizes])


@unravel_index.cost
def _(out: tuple[TensorSpec, ...], indices: TensorSpec) -> Counts:
    return Counts(func=2 * indices.numel * len(out))
