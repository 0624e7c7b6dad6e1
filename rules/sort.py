"""Order: sorting, selection, equal values."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.bounds import at_most, is_bound
from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.rule import Bound
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from analyzer.symbolic.deciding import log2_ceil
from rules._dims import check_flag, check_tensor, spellings, whole, wrap_dim
from rules.extremes import pair
from rules.reduce import not_empty, real, reduced

__all__ = ["RULES", "sort_cost"]

RULES = RuleSet()


def sort_cost(input: TensorSpec, dim: Any) -> Counts:
    """What sorting along dim, or all elements where it is None, costs."""
    line = (input.numel,) if dim is None else input.shape or (1,)
    size = line[wrap_dim(dim or 0, len(line))]
    return Counts(cmp=input.numel * log2_ceil(size))


@RULES.op(*spellings("sort"))
def sort(input: TensorSpec, dim: int = -1, descending: bool = False, *, stable: bool | None = None) -> Any:
    """The elements along dim in order, and where they stood.

    Cost: n ⌈log2 n⌉ cmp a line of n.
    Source: torch.sort
    """
    real(input)
    wrap_dim(dim, input.ndim)
    return pair("sort", input)


@RULES.op(*spellings("argsort"))
def argsort(input: TensorSpec, dim: int = -1, descending: bool = False, *, stable: bool | None = None) -> TensorSpec:
    """The places of the elements along dim in order.

    Cost: n ⌈log2 n⌉ cmp a line of n.
    Source: torch.argsort
    """
    real(input)
    wrap_dim(dim, input.ndim)
    return input.with_dtype(torch.int64)


@RULES.op(*spellings("msort"))
def msort(input: TensorSpec) -> TensorSpec:
    """The elements along the first dimension in order.

    Cost: n ⌈log2 n⌉ cmp a line of n.
    Source: torch.msort
    """
    real(input)
    return input


sort.cost(sort_cost)
argsort.cost(sort_cost)


@msort.cost
def _(input: TensorSpec) -> Counts:
    return sort_cost(input, 0)


@RULES.op(*spellings("topk"))
def topk(input: TensorSpec, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The k largest, or smallest, along dim, and where they stood.

    Cost: as a sort, n ⌈log2 n⌉ cmp a line of n.
    Source: torch.topk
    """
    real(input)
    axis, k = wrap_dim(dim, input.ndim), whole(k, "k")
    size = input.shape[axis] if input.shape else 1
    if not 0 <= k <= size:
        raise ShapeError(f"k must be from 0 to {size}, got {k}")
    if not input.shape:
        return pair("topk", input)
    k = at_most(k) if is_bound(size) else k  # a model that takes the best of what there is takes no more
    return pair("topk", input.with_shape(*input.shape[:axis], k, *input.shape[axis + 1 :]))


@topk.choice
def _(out: TensorSpec, input: TensorSpec, dim: int) -> Any:
    if not input.shape:
        return torch.zeros((), dtype=torch.int64)
    axis = wrap_dim(dim, input.ndim)
    rows = out.numel // max(out.shape[axis], 1)
    chosen = torch.arange(out.numel).reshape(rows, out.shape[axis]) % max(input.shape[axis], 1)
    return chosen.reshape(*out.shape[:axis], *out.shape[axis + 1 :], out.shape[axis]).movedim(-1, axis)


@RULES.op(*spellings("kthvalue"))
def kthvalue(input: TensorSpec, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest along dim, and where it stood.

    Cost: as a sort, n ⌈log2 n⌉ cmp a line of n.
    Source: torch.kthvalue
    """
    real(input)
    axis, k = wrap_dim(dim, input.ndim), whole(k, "k")
    size = input.shape[axis] if input.shape else 1
    not_empty(input, dim)
    if not 1 <= k <= size:
        raise ShapeError(f"k must be from 1 to {size}, got {k}")
    return pair("kthvalue", reduced(input, dim, keepdim))


topk.cost(sort_cost)
kthvalue.cost(sort_cost)


# Equal values ----------------------------------------------------------------------------------------------------


def _distinct(input: TensorSpec, dim: Any, inverse: bool, counts: bool) -> Bound:
    if dim is None:
        size = at_most(input.numel)
        values, back = input.with_shape(size), input
    else:
        axis = wrap_dim(dim, input.ndim)
        if not input.shape:
            raise ShapeError(f"input must have a dimension where dim is given, got {input}")
        if 0 in (*input.shape[:axis], *input.shape[axis + 1 :]):
            raise ShapeError(f"input must not be empty but along dim, got {input.shape} for dim {dim}")
        back = input.with_shape(input.shape[axis])
        size = at_most(back.numel)
        values = input.with_shape(*input.shape[:axis], size, *input.shape[axis + 1 :])
    results = [values]
    if inverse:
        results.append(back.with_dtype(torch.int64))
    if counts:
        results.append(input.with_shape(size).with_dtype(torch.int64))
    return Bound(tuple(results) if len(results) > 1 else values, "as many as there are different values")


@RULES.op(torch.unique, "unique")
def unique(
    input: TensorSpec, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: Any = None
) -> Bound:
    """Each value once; which of them every element is; how often each comes.

    Cost: a sort, and n − 1 cmp.
    Source: torch.unique
    """
    real(input)
    for name, flag in (("sorted", sorted), ("return_inverse", return_inverse), ("return_counts", return_counts)):
        check_flag(flag, name)
    return _distinct(input, dim, return_inverse, return_counts)


def _sorted_and_compared(input: TensorSpec) -> Counts:
    return sort_cost(input, None) + Counts(cmp=max(input.numel - 1, 0))


@RULES.op(torch._unique2, name="unique")
def unique2(input: TensorSpec, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False) -> Bound:
    """Each value once, and three results in any case: those not asked for are empty.

    Cost: a sort, and n − 1 cmp.
    Source: torch.unique
    """
    full = _distinct(input, None, True, True)
    nothing = input.with_shape(0).with_dtype(torch.int64)
    asked = (True, return_inverse, return_counts)
    return Bound(tuple([spec if wanted else nothing for spec, wanted in zip(full.spec, asked, strict=True)]), full.why)


@RULES.op(torch.ops.aten.unique_dim, name="unique")
def unique_dim(
    input: TensorSpec, dim: int, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False
) -> Bound:
    """Each slice along dim once, and three results in any case.

    Cost: a sort, and n − 1 cmp.
    Source: torch.unique
    """
    return _distinct(input, dim, True, True)


for _definition in (unique, unique2, unique_dim):
    _definition.cost(_sorted_and_compared)


@RULES.op(torch.unique_consecutive, "unique_consecutive")
def unique_consecutive(
    input: TensorSpec, return_inverse: bool = False, return_counts: bool = False, dim: Any = None
) -> Bound:
    """Each run of equal values once; which of them every element is; how long each is.

    Cost: n − 1 cmp.
    Source: torch.unique_consecutive
    """
    check_flag(return_inverse, "return_inverse")
    check_flag(return_counts, "return_counts")
    return _distinct(check_tensor(input, "input"), dim, return_inverse, return_counts)


@unique_consecutive.cost
def _(input: TensorSpec) -> Counts:
    return Counts(cmp=max(input.numel - 1, 0))
