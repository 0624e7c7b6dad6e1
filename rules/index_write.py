"""Slices and elements written over or added up at places of one dimension, or of all."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import result_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_operands, check_tensor, spellings, wrap_dim
from rules.gather import index_count
from rules.index import fits, plan_of
from rules.scatter import check_same_dtype, reduction_cost

__all__ = ["RULES"]

RULES = RuleSet()


def _check_int64(index: Any) -> None:
    if check_tensor(index, "index").dtype is not torch.int64:
        raise ShapeError(f"index must be int64, got {index}")


def _check_source(input: TensorSpec, dim: Any, index: Any, source: Any, *, scalars: bool = False) -> None:
    """Check slices meant for places along dim; where ``scalars``, no dimensions are as good as one of size 1."""
    axis, count = wrap_dim(dim, input.ndim), index_count(index)
    check_same_dtype(input, check_tensor(source, "source"), "source")
    own, places = source.shape or (1,), input.shape or (1,)
    alike = scalars or source.ndim == input.ndim
    if not alike or len(own) != len(places) or own[:axis] + own[axis + 1 :] != places[:axis] + places[axis + 1 :]:
        raise ShapeError(f"source must have the shape of input but along dim, got {source.shape} for {input.shape}")
    if own[axis] != count:
        raise ShapeError(f"source must have a slice for every index, got {own[axis]} for {count}")


@RULES.op(*spellings("index_add"))
def index_add(input: TensorSpec, dim: int, index: TensorSpec, source: TensorSpec, *, alpha: Any = 1) -> TensorSpec:
    """input[index[i]] += alpha · source[i], for dim 0.

    Cost: one add an element of source, and one mul where alpha is not 1.
    Source: torch.Tensor.index_add_
    """
    _check_source(input, dim, index, source)
    return input


@index_add.cost
def _(source: TensorSpec, alpha: Any) -> Counts:
    one = type(alpha) in (int, float) and alpha == 1
    return Counts(add=source.numel, mul=0 if one else source.numel)


@RULES.op(*spellings("index_copy"))
def index_copy(input: TensorSpec, dim: int, index: TensorSpec, source: TensorSpec) -> TensorSpec:
    """input[index[i]] = source[i], for dim 0.

    Cost: nothing, it moves data.
    Source: torch.Tensor.index_copy_
    """
    _check_int64(index)
    _check_source(input, dim, index, source, scalars=True)
    return input


@RULES.op(*spellings("index_reduce"))
def index_reduce(
    input: TensorSpec, dim: int, index: TensorSpec, source: TensorSpec, reduce: str, *, include_self: bool = True
) -> TensorSpec:
    """The slices of source that a slice of input is meant for, made one with it by reduce.

    Cost: one mul, add or cmp an element of source; for the mean also one div an element of input.
    Source: torch.Tensor.index_reduce_
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise ShapeError(f"reduce must be 'prod', 'mean', 'amax' or 'amin', got {reduce!r}")
    _check_source(input, dim, index, source)
    return input


@index_reduce.cost
def _(out: TensorSpec, source: TensorSpec, reduce: str) -> Counts:
    return reduction_cost(source.numel, reduce) + Counts(div=out.numel if reduce == "mean" else 0)


@RULES.op(*spellings("index_fill"))
def index_fill(input: TensorSpec, dim: int, index: TensorSpec, value: Any) -> TensorSpec:
    """input[index[i]] = value, for dim 0.

    Cost: nothing, it moves data.
    Source: torch.Tensor.index_fill_
    """
    wrap_dim(dim, input.ndim)
    _check_int64(index)
    index_count(index)
    check_operands(value)
    if isinstance(value, TensorSpec) and value.shape:
        raise ShapeError(f"value must be a number, got {value}")
    if result_dtype(value).is_complex and not input.dtype.is_complex:
        raise ShapeError(f"value must be real where input is {input.dtype_name}, got {value}")
    return input


@RULES.op(*spellings("index_put"), torch.ops.aten._index_put_impl_)
def index_put(input: TensorSpec, indices: Any, values: TensorSpec, accumulate: bool = False) -> TensorSpec:
    """input[indices] = values, broadcast; or added on where accumulate.

    Cost: nothing, it moves data; with accumulate one add an element it writes.
    Source: torch.Tensor.index_put_
    """
    plan = plan_of(input, indices)
    check_same_dtype(input, check_tensor(values, "values"), "values")
    fits(plan, values, plan.shape())
    return input


@index_put.cost
def _(input: TensorSpec, indices: Any, accumulate: bool) -> Counts:
    return Counts(add=input.with_shape(*plan_of(input, indices).shape()).numel) if accumulate else Counts()


@RULES.op(torch._unsafe_masked_index, name="getitem")
def masked_index(input: TensorSpec, mask: TensorSpec, indices: Any, fill: Any) -> TensorSpec:
    """input[indices] where mask is true, fill elsewhere.

    Cost: one cmp an element of the result: the choice.
    Source: torch.ops.aten._unsafe_masked_index
    """
    return input.with_shape(*plan_of(input, indices).shape())


@masked_index.cost
def _(out: TensorSpec) -> Counts:
    return Counts(cmp=out.numel)


@RULES.op(torch._unsafe_masked_index_put_accumulate, name="index_put")
def masked_index_put(input: TensorSpec, mask: TensorSpec, indices: Any, values: TensorSpec) -> TensorSpec:
    """input[indices] += values where mask is true.

    Cost: one cmp and one add an element of values.
    Source: torch.ops.aten._unsafe_masked_index_put_accumulate
    """
    return input


@masked_index_put.cost
def _(values: TensorSpec) -> Counts:
    return Counts(cmp=values.numel, add=values.numel)


@RULES.op(*spellings("put"))
def put(input: TensorSpec, index: TensorSpec, source: TensorSpec, accumulate: bool = False) -> TensorSpec:
    """The elements of source at the places in index, counted through the whole tensor; or added on where accumulate.

    Cost: nothing, it moves data; with accumulate one add an index.
    Source: torch.Tensor.put_
    """
    _check_int64(index)
    check_same_dtype(input, check_tensor(source, "source"), "source")
    if source.numel != index.numel:
        raise ShapeError(f"source must have an element for every index, got {source.numel} for {index.numel}")
    return input


@put.cost
def _(index: TensorSpec, accumulate: bool) -> Counts:
    return Counts(add=index.numel) if accumulate else Counts()
