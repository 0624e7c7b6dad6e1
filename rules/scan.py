"""Cumulative sums, products and extremes, and differences between neighbours."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import float_dtype, result_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import spellings, whole, wrap_dim
from rules.extremes import pair
from rules.reduce import real, wide

__all__ = ["RULES"]

RULES = RuleSet()


def _running(input: TensorSpec, dim: int) -> int:
    """How many steps a running result takes along dim: one less than elements, for each line of them."""
    if not input.shape:
        return 0
    size = input.shape[wrap_dim(dim, input.ndim)]
    return input.numel - input.numel // size if size else 0


def cumulated(input: TensorSpec, dim: int, *, dtype: torch.dtype | None = None) -> TensorSpec:
    """Running sums, or products, along dim; whole numbers and bools give int64.

    Cost: n − 1 add, or mul, a line of n.
    Source: torch.cumsum
    """
    wrap_dim(dim, input.ndim)
    return input.with_dtype(dtype or wide(input.dtype))


@RULES.op(*spellings("logcumsumexp"))
def logcumsumexp(input: TensorSpec, dim: int) -> TensorSpec:
    """Log of the running sums of exp(input) along dim.

    Cost: n − 1 func a line of n, each the log of a sum of two exponentials.
    Source: torch.logcumsumexp
    """
    wrap_dim(dim, input.ndim)
    if float_dtype(input.dtype) is not input.dtype:
        raise ShapeError(f"input must be floating point or complex, got {input}")
    return input


def _sum(input: TensorSpec, dim: int) -> Counts:
    return Counts(add=_running(input, dim))


def _product(input: TensorSpec, dim: int) -> Counts:
    return Counts(mul=_running(input, dim))


RULES.op(*spellings("cumsum"), name="cumsum")(cumulated).cost(_sum)
RULES.op(*spellings("cumprod"), name="cumprod")(cumulated).cost(_product)


@logcumsumexp.cost
def _(input: TensorSpec, dim: int) -> Counts:
    return Counts(func=_running(input, dim))


def _extreme(name: str) -> None:
    def shape(input: TensorSpec, dim: int) -> Any:
        real(input)
        wrap_dim(dim, input.ndim)
        return pair(name, input)

    def cost(input: TensorSpec, dim: int) -> Counts:
        return Counts(cmp=_running(input, dim))

    shape.__doc__ = "The running extreme along dim, and where it stands.\n\n"
    shape.__doc__ += f"Cost: n − 1 cmp a line of n.\nSource: torch.{name}"
    RULES.op(*spellings(name), name=name)(shape).cost(cost)


_extreme("cummax")
_extreme("cummin")


@RULES.op(*spellings("diff"))
def diff(
    input: TensorSpec, n: int = 1, dim: int = -1, prepend: TensorSpec | None = None, append: TensorSpec | None = None
) -> TensorSpec:
    """Differences between neighbours along dim, n times over.

    Cost: one add a difference, of all n times; between bools one func.
    Source: torch.diff
    """
    if not input.shape:
        raise ShapeError(f"input must have dimensions, got {input}")
    axis, times = wrap_dim(dim, input.ndim), whole(n, "n")
    if times < 0:
        raise ShapeError(f"n must be 0 or more, got {n}")
    parts = [part for part in (prepend, input, append) if part is not None]
    rest = [(*part.shape[:axis], *part.shape[axis + 1 :]) for part in parts]
    for part, shape in zip(parts, rest, strict=True):
        if part.ndim != input.ndim or shape != (*input.shape[:axis], *input.shape[axis + 1 :]):
            raise ShapeError(f"prepend and append must fit input but along dim, got {part.shape} for {input.shape}")
    if times == 0:
        return input
    size = max(sum([part.shape[axis] for part in parts]) - times, 0)
    return input.with_shape(*input.shape[:axis], size, *input.shape[axis + 1 :]).with_dtype(result_dtype(*parts))


@diff.cost
def _(out: TensorSpec, input: TensorSpec, n: int, dim: int) -> Counts:
    if not n:
        return Counts()
    axis = wrap_dim(dim, input.ndim)
    size = out.shape[axis]
    # The lines get shorter by one each time: size + n − 1, ..., size.
    line = n * size + n * (n - 1) // 2
    total = out.numel // size * line if size else 0
    return Counts(func=total) if out.dtype is torch.bool else Counts(add=total)
