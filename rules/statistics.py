"""Spread and quantiles, and sums of other kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes, real_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import numbers, spellings
from rules.extremes import pair
from rules.reduce import not_empty, real, reduced, steps, wide
from rules.sort import sort_cost

__all__ = ["RULES"]

RULES = RuleSet()


# Spread ----------------------------------------------------------------------------------------------------------


def _spread(input: TensorSpec, dim: Any, unbiased: Any, keepdim: bool) -> TensorSpec:
    if not input.dtype.is_floating_point and not input.dtype.is_complex:
        raise ShapeError(f"input must be floating point or complex, got {input}")
    if isinstance(dim, bool):
        dim = None
    return reduced(input, dim, keepdim)


def spread(
    input: TensorSpec, dim: Any = None, unbiased: Any = True, keepdim: bool = False, *, correction: Any = None
) -> TensorSpec:
    """Variance over dim, Σ (x − mean)² / (n − correction); or its root, the standard deviation.

    Cost: mean n − 1 add, 1 div; centre n add; square n mul; n − 1 add, 1 div; a root 1 func.
    Source: torch.var
    """
    out = _spread(input, dim, unbiased, keepdim)
    return out.with_dtype(real_dtype(out.dtype))


def _variance_cost(out: TensorSpec, input: TensorSpec) -> Counts:
    size = input.numel
    return Counts(add=2 * steps(input, out) + size, mul=size, div=2 * out.numel)


def _deviation_cost(out: TensorSpec, input: TensorSpec) -> Counts:
    return _variance_cost(out, input) + Counts(func=out.numel)


RULES.op(*spellings("var"), name="var")(spread).cost(_variance_cost)
RULES.op(*spellings("std"), name="std")(spread).cost(_deviation_cost)


def _with_mean(name: str, cost_of: Callable[[TensorSpec, TensorSpec], Counts]) -> None:
    def shape(
        input: TensorSpec, dim: Any = None, unbiased: Any = True, keepdim: bool = False, *, correction: Any = None
    ) -> Any:
        out = _spread(input, dim, unbiased, keepdim)
        return out.with_dtype(real_dtype(out.dtype)), out

    def cost(out: Any, input: TensorSpec) -> Counts:
        return cost_of(out[0], input)

    shape.__doc__ = f"{name.removesuffix('_mean')} and mean over dim.\n\n"
    shape.__doc__ += f"Cost: that of {name.removesuffix('_mean')}, which needs the mean anyhow.\nSource: torch.{name}"
    RULES.op(getattr(torch, name), name=name)(shape).cost(cost)


_with_mean("var_mean", _variance_cost)
_with_mean("std_mean", _deviation_cost)


# Order -----------------------------------------------------------------------------------------------------------


def _middle(name: str) -> None:
    def shape(input: TensorSpec, dim: int | None = None, keepdim: bool = False) -> Any:
        real(input)
        if dim is None:
            return reduced(input, None)
        not_empty(input, dim)
        if isinstance(dim, (tuple, list)):
            raise ShapeError(f"dim must be one dimension, got {dim}")
        return pair(name, reduced(input, dim, keepdim))

    shape.__doc__ = "The middle one of all, or along dim with its place.\n\n"
    shape.__doc__ += f"Cost: as a sort, n ⌈log2 n⌉ cmp a line of n.\nSource: torch.{name}"
    RULES.op(*spellings(name), name=name)(shape).cost(sort_cost)


_middle("median")
_middle("nanmedian")


@RULES.op(*spellings("mode"))
def mode(input: TensorSpec, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent value along dim, and where it stands.

    Cost: a sort, n ⌈log2 n⌉ cmp a line of n, and n − 1 cmp to count what is equal.
    Source: torch.mode
    """
    real(input)
    not_empty(input, dim)
    return pair("mode", reduced(input, dim, keepdim))


@mode.cost
def _(out: Any, input: TensorSpec, dim: int) -> Counts:
    return sort_cost(input, dim) + Counts(cmp=steps(input, out[0]))


def quantiles(
    input: TensorSpec, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> TensorSpec:
    """The values below which the shares q of all, or of a line along dim, lie: q (Q) puts Q in front.

    Cost: a sort, n ⌈log2 n⌉ cmp a line of n; an interpolated result 2 add, 1 mul.
    Source: torch.quantile
    """
    if input.dtype not in (torch.float32, torch.float64):
        raise ShapeError(f"input must be float or double, got {input}")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise ShapeError(f"interpolation must be linear, lower, higher, midpoint or nearest, got {interpolation!r}")
    if isinstance(q, TensorSpec):
        if q.ndim > 1 or q.dtype is not input.dtype:
            raise ShapeError(f"q must be a number or a vector of input's dtype, got {q} for {input.dtype}")
    elif not isinstance(q, (int, float)) or not 0 <= q <= 1:
        raise ShapeError(f"q must be from 0 to 1, got {q}")
    if input.numel == 0:
        raise ShapeError(f"input must not be empty, got {input.shape}")
    out = reduced(input, dim, keepdim)
    return out.with_shape(*(q.shape if isinstance(q, TensorSpec) else ()), *out.shape)


def _quantile_cost(out: TensorSpec, input: TensorSpec, dim: int | None, interpolation: str) -> Counts:
    between = out.numel if interpolation in ("linear", "midpoint") else 0
    return sort_cost(input, dim) + Counts(add=2 * between, mul=between)


for _name in ("quantile", "nanquantile"):
    RULES.op(*spellings(_name), name=_name)(quantiles).cost(_quantile_cost)


# Sums of other kinds ---------------------------------------------------------------------------------------------


@RULES.op(*spellings("trace"))
def trace(input: TensorSpec) -> TensorSpec:
    """The sum of a matrix's diagonal.

    Cost: n − 1 add for a diagonal of n.
    Source: torch.trace
    """
    if input.ndim != 2:
        raise ShapeError(f"input must be a matrix, got {input.ndim} dimensions")
    kind = input.dtype
    return input.with_shape().with_dtype(kind if kind.is_floating_point or kind.is_complex else torch.int64)


@trace.cost
def _(input: TensorSpec) -> Counts:
    return Counts(add=max(min(input.shape) - 1, 0))


@RULES.op("sum_to_size", name="sum")
def sum_to_size(input: TensorSpec, *size: int) -> TensorSpec:
    """Sums over the dimensions that broadcasting had stretched.

    Cost: n − 1 add a sum of n.
    Source: torch.Tensor.sum_to_size
    """
    sizes = numbers(size, "size")
    if len(sizes) > input.ndim or broadcast_shapes(sizes, input.shape) != input.shape:
        raise ShapeError(f"size must be one that broadcasts to input, got {sizes} for {input.shape}")
    # Nothing is summed where the shape is asked for that is there; a sum of whole numbers is int64.
    return input if sizes and sizes == input.shape else input.with_shape(*sizes).with_dtype(wide(input.dtype))


@sum_to_size.cost
def _(out: TensorSpec, input: TensorSpec) -> Counts:
    return Counts(add=steps(input, out))
