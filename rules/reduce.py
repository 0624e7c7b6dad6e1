"""Reductions: sums and products. `extremes` has the largest, `statistics` spread and order, `scan` running ones."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import float_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_flag, check_tensor, spellings, wrap_dims

__all__ = ["RULES", "not_empty", "real", "reduced", "steps", "wide"]

RULES = RuleSet()


def reduced(input: TensorSpec, dim: Any, keepdim: bool = False) -> TensorSpec:
    """Without the dimensions in dim, all where it is None or names none; they stay with size 1 for keepdim."""
    check_flag(keepdim, "keepdim")
    shape = input.shape
    if len(shape) > 64:
        raise ShapeError(f"input may have up to 64 dimensions, got {len(shape)}")
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return input.with_shape(*[1] * len(shape)) if keepdim else input.with_shape()
    dims = wrap_dims(dim, len(shape))
    if keepdim:
        return input.with_shape(*[1 if axis in dims else size for axis, size in enumerate(shape)])
    return input.with_shape(*[size for axis, size in enumerate(shape) if axis not in dims])


def steps(input: TensorSpec, out: TensorSpec) -> int:
    """How often two values become one: each result of n elements takes n − 1 steps. Nothing takes none."""
    size = input.numel
    return size - out.numel if size else 0


def not_empty(input: TensorSpec, dim: Any) -> None:
    """Refuse to look for an extreme among no elements."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        if input.numel == 0:
            raise ShapeError(f"input must not be empty unless dim says otherwise, got {input.shape}")
    else:
        for axis in wrap_dims(dim, input.ndim):
            if input.shape and input.shape[axis] == 0:
                raise ShapeError(f"dim must name a dimension with elements, got {axis} of {input.shape}")


def real(input: TensorSpec) -> None:
    """Refuse complex numbers, which have no order."""
    if check_tensor(input, "input").dtype.is_complex:
        raise ShapeError(f"input must be real, got {input}")


@cache
def wide(dtype: torch.dtype) -> torch.dtype:
    """The dtype that sums and products come in: whole numbers and bools as int64."""
    return dtype if dtype.is_floating_point or dtype.is_complex else torch.int64


@RULES.op(*spellings("sum"), name="sum")
def sum_(input: TensorSpec, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> TensorSpec:
    """Sum over dim; whole numbers and bools give int64.

    Cost: n − 1 add a sum of n.
    Source: torch.sum
    """
    return reduced(input, dim, keepdim).with_dtype(dtype or wide(input.dtype))


@RULES.op(*spellings("nansum"))
def nansum(
    input: TensorSpec, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> TensorSpec:
    """Sum over dim of what is a number.

    Cost: n cmp and n − 1 add a sum of n.
    Source: torch.nansum
    """
    real(input)
    return reduced(input, dim, keepdim).with_dtype(dtype or wide(input.dtype))


@RULES.op(*spellings("mean"))
def mean(input: TensorSpec, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> TensorSpec:
    """Mean over dim, of floating point or complex numbers.

    Cost: n − 1 add and 1 div a mean of n.
    Source: torch.mean
    """
    dtype = dtype or input.dtype
    if not dtype.is_floating_point and not dtype.is_complex:
        raise ShapeError(f"a mean is floating point or complex, got {dtype}")
    return reduced(input, dim, keepdim).with_dtype(dtype)


@RULES.op(*spellings("nanmean"))
def nanmean(
    input: TensorSpec, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> TensorSpec:
    """Mean over dim of what is a number.

    Cost: n cmp, n − 1 add for the sum and n − 1 for how many there are, 1 div a mean of n.
    Source: torch.nanmean
    """
    if not input.dtype.is_floating_point and not input.dtype.is_complex:
        raise ShapeError(f"input must be floating point, got {input}")
    return reduced(input, dim, keepdim).with_dtype(dtype or input.dtype)


@RULES.op(*spellings("prod"))
def prod(input: TensorSpec, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> TensorSpec:
    """Product over one dimension or all; whole numbers and bools give int64.

    Cost: n − 1 mul a product of n.
    Source: torch.prod
    """
    if isinstance(dim, (tuple, list)):
        raise ShapeError(f"dim must be one dimension, got {dim!r}")
    return reduced(input, dim, keepdim).with_dtype(dtype or wide(input.dtype))


@sum_.cost
def _(out: TensorSpec, input: TensorSpec) -> Counts:
    return Counts(add=steps(input, out))


@nansum.cost
def _(out: TensorSpec, input: TensorSpec) -> Counts:
    return Counts(add=steps(input, out), cmp=input.numel)


@mean.cost
def _(out: TensorSpec, input: TensorSpec) -> Counts:
    return Counts(add=steps(input, out), div=out.numel)


@nanmean.cost
def _(out: TensorSpec, input: TensorSpec) -> Counts:
    return Counts(add=2 * steps(input, out), cmp=input.numel, div=out.numel)


@prod.cost
def _(out: TensorSpec, input: TensorSpec) -> Counts:
    return Counts(mul=steps(input, out))


@RULES.op(*spellings("count_nonzero"))
def count_nonzero(input: TensorSpec, dim: Any = None) -> TensorSpec:
    """How many are not zero, over dim.

    Cost: n cmp and n − 1 add a count over n.
    Source: torch.count_nonzero
    """
    return reduced(input, dim).with_dtype(torch.int64)


@count_nonzero.cost
def _(out: TensorSpec, input: TensorSpec) -> Counts:
    return Counts(cmp=input.numel, add=steps(input, out))


@RULES.op(*spellings("logsumexp"), torch.special.logsumexp)
def logsumexp(input: TensorSpec, dim: Any, keepdim: bool = False) -> TensorSpec:
    """Log Σ exp(input) over dim, with the largest taken out first.

    Cost: n − 1 cmp, n add, n func, n − 1 add, 1 func, 1 add a result over n.
    Source: torch.logsumexp
    """
    return reduced(input, dim, keepdim).with_dtype(float_dtype(input.dtype))


@logsumexp.cost
def _(out: TensorSpec, input: TensorSpec) -> Counts:
    size, results = input.numel, out.numel
    return Counts(cmp=steps(input, out), add=size + steps(input, out) + results, func=size + results)


@RULES.op(torch.hash_tensor, "hash_tensor")
def hash_tensor(input: TensorSpec, dim: Any = (), keepdim: bool = False, *, mode: int = 0) -> TensorSpec:
    """The bits of all elements over dim, combined by exclusive or.

    Cost: n − 1 func a result over n.
    Source: torch.hash_tensor
    """
    not_empty(input, dim)
    return reduced(input, dim, keepdim).with_dtype(torch.uint64)


@hash_tensor.cost
def _(out: TensorSpec, input: TensorSpec) -> Counts:
    return Counts(func=steps(input, out))
