"""Gathering and scattering: elements picked, written, summed or counted by index tensors and masks."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Counts, Traffic
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_operands, check_tensor, spellings, wrap_dim
from rules.index import fits, plan_of

__all__ = ["RULES"]

RULES = RuleSet()


def _index(index: Any, name: str = "index") -> TensorSpec:
    if check_tensor(index, name).dtype not in (torch.int64, torch.int32):
        raise ShapeError(f"{name} must be int64 or int32, got {index}")
    return index  # type: ignore[no-any-return]


def _vector(index: Any) -> int:
    """How many indices a vector, or a single one, holds."""
    if _index(index).ndim > 1:
        raise ShapeError(f"index must be a vector, got {index}")
    return index.numel  # type: ignore[no-any-return]


def _same_dtype(input: TensorSpec, src: TensorSpec, name: str) -> None:
    if src.dtype is not input.dtype:
        raise ShapeError(f"input and {name} must have one dtype, got {input.dtype} and {src.dtype}")


def _picked(out: TensorSpec, index: TensorSpec) -> Traffic:
    return Traffic(read=out.nbytes + index.nbytes, written=out.nbytes)


# Picked ----------------------------------------------------------------------------------------------------------


@RULES.op(*spellings("index_select"))
def index_select(input: TensorSpec, dim: int, index: TensorSpec) -> TensorSpec:
    """The slices along dim at the places in index.

    Cost: nothing, it moves data.
    Source: torch.index_select
    """
    axis, count = wrap_dim(dim, input.ndim), _vector(index)
    if not input.shape:
        if count != 1:
            raise ShapeError(f"index must be one number for a tensor without dimensions, got {count}")
        return input
    return input.with_shape(*input.shape[:axis], count, *input.shape[axis + 1 :])


@RULES.op(*spellings("gather"))
def gather(input: TensorSpec, dim: int, index: TensorSpec, *, sparse_grad: bool = False) -> TensorSpec:
    """out[i][j] = input[index[i][j]][j], for dim 0.

    Cost: nothing, it moves data.
    Source: torch.gather
    """
    axis = wrap_dim(dim, input.ndim)
    if check_tensor(index, "index").numel:
        _within(input, axis, _index(index))
    return input.with_shape(*index.shape)


def _within(input: TensorSpec, axis: int, index: TensorSpec) -> None:
    """Index may be smaller than input but along dim, where it may be anything."""
    if (index.ndim or 1) != (input.ndim or 1):
        raise ShapeError(f"index must have as many dimensions as input, got {index.ndim} and {input.ndim}")
    for place, (own, limit) in enumerate(zip(index.shape, input.shape, strict=False)):
        if place != axis and own > limit:
            raise ShapeError(f"index must not be larger than input but along dim, got {index.shape} for {input.shape}")


@RULES.op(*spellings("take"))
def take(input: TensorSpec, index: TensorSpec) -> TensorSpec:
    """The elements at the places in index, counted through the whole tensor.

    Cost: nothing, it moves data.
    Source: torch.take
    """
    if check_tensor(index, "index").dtype is not torch.int64:
        raise ShapeError(f"index must be int64, got {index}")
    if input.numel == 0 and index.numel != 0:
        raise ShapeError(f"input must not be empty, got {input.shape}")
    return input.with_shape(*index.shape)


@RULES.op(*spellings("take_along_dim"))
def take_along_dim(input: TensorSpec, indices: TensorSpec, dim: int | None = None) -> TensorSpec:
    """The elements at the places in indices along dim, both broadcast.

    Cost: nothing, it moves data.
    Source: torch.take_along_dim
    """
    if check_tensor(indices, "indices").dtype is not torch.int64:
        raise ShapeError(f"indices must be int64, got {indices}")
    if dim is None:
        return input.with_shape(indices.numel)
    if input.ndim != indices.ndim:
        raise ShapeError(f"input and indices must have as many dimensions, got {input.ndim} and {indices.ndim}")
    axis = wrap_dim(dim, input.ndim)
    one, other = [(*spec.shape[:axis], 1, *spec.shape[axis + 1 :]) for spec in (input, indices)]
    shape = broadcast_shapes(one, other)
    return input.with_shape(*shape[:axis], indices.shape[axis], *shape[axis + 1 :])


index_select.traffic(_picked)
gather.traffic(_picked)
take.traffic(_picked)


@take_along_dim.traffic
def _(out: TensorSpec, indices: TensorSpec) -> Traffic:
    return _picked(out, indices)


# Written ---------------------------------------------------------------------------------------------------------

_REDUCTIONS = {
    "sum": "add",
    "add": "add",
    "prod": "mul",
    "multiply": "mul",
    "mean": "add",
    "amax": "cmp",
    "amin": "cmp",
}


def _scattered(input: TensorSpec, dim: Any, index: Any, src: Any) -> TensorSpec:
    axis = wrap_dim(dim, input.ndim)
    _index(index)
    if isinstance(src, TensorSpec):
        _same_dtype(input, src, "src")
    else:
        check_operands(src)
    if index.numel == 0:
        return input
    _within(input, axis, index)
    if isinstance(src, TensorSpec):
        if (src.ndim or 1) != (index.ndim or 1):
            raise ShapeError(f"src must have as many dimensions as index, got {src.ndim} and {index.ndim}")
        if any(own > limit for own, limit in zip(index.shape, src.shape, strict=False)):
            raise ShapeError(f"index must not be larger than src, got {index.shape} for {src.shape}")
    return input


def _reduction_cost(size: int, reduce: str | None) -> Counts:
    return Counts(**{_REDUCTIONS[reduce]: size}) if reduce is not None else Counts()


@RULES.op(*spellings("scatter"))
def scatter(
    input: TensorSpec, dim: int, index: TensorSpec, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> TensorSpec:
    """input[index[i][j]][j] = src[i][j], for dim 0; with reduce, added or multiplied on.

    Cost: nothing, it moves data; with reduce one add or mul an index.
    Source: torch.Tensor.scatter
    """
    if reduce not in (None, "add", "multiply"):
        raise ShapeError(f"reduce must be 'add' or 'multiply', got {reduce!r}")
    return _scattered(input, dim, index, value if src is None else src)


@scatter.cost
def _(index: TensorSpec, reduce: str | None) -> Counts:
    return _reduction_cost(index.numel, reduce)


@RULES.op(*spellings("scatter_add"))
def scatter_add(input: TensorSpec, dim: int, index: TensorSpec, src: TensorSpec) -> TensorSpec:
    """input[index[i][j]][j] += src[i][j], for dim 0.

    Cost: one add an index.
    Source: torch.Tensor.scatter_add
    """
    return _scattered(input, dim, index, check_tensor(src, "src"))


@scatter_add.cost
def _(index: TensorSpec) -> Counts:
    return Counts(add=index.numel)


@RULES.op(*spellings("scatter_reduce"))
def scatter_reduce(
    input: TensorSpec, dim: int, index: TensorSpec, src: TensorSpec, reduce: str, *, include_self: bool = True
) -> TensorSpec:
    """All of src that an element of input is meant for, made one with it by reduce.

    Cost: one add, mul or cmp an index; for the mean also one add an index and one div an element.
    Source: torch.Tensor.scatter_reduce
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise ShapeError(f"reduce must be 'sum', 'prod', 'mean', 'amax' or 'amin', got {reduce!r}")
    return _scattered(input, dim, index, check_tensor(src, "src"))


@scatter_reduce.cost
def _(out: TensorSpec, index: TensorSpec, reduce: str) -> Counts:
    # A mean needs the count of what came to each element too.
    mean = Counts(add=index.numel, div=out.numel) if reduce == "mean" else Counts()
    return _reduction_cost(index.numel, reduce) + mean


def _source(input: TensorSpec, dim: Any, index: Any, source: Any) -> int:
    """Check slices meant for places along dim; returns how many elements they have."""
    axis, count = wrap_dim(dim, input.ndim), _vector(index)
    _same_dtype(input, check_tensor(source, "source"), "source")
    own = source.shape or (1,)
    if input.shape and len(own) == input.ndim and own[axis] != count:
        raise ShapeError(f"source must have a slice for every index, got {own[axis]} for {count}")
    if not source.shape and count != 1:
        raise ShapeError(f"source must have a slice for every index, got 1 for {count}")
    rest = (*input.shape[:axis], *input.shape[axis + 1 :])
    if source.shape and (len(own) != (input.ndim or 1) or (*own[:axis], *own[axis + 1 :]) != rest):
        raise ShapeError(f"source must have the shape of input but along dim, got {source.shape} for {input.shape}")
    return source.numel  # type: ignore[no-any-return]


@RULES.op(*spellings("index_add"))
def index_add(input: TensorSpec, dim: int, index: TensorSpec, source: TensorSpec, *, alpha: Any = 1) -> TensorSpec:
    """input[index[i]] += alpha · source[i], for dim 0.

    Cost: one add an element of source, and one mul where alpha is not 1.
    Source: torch.Tensor.index_add_
    """
    _source(input, dim, index, source)
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
    if check_tensor(index, "index").dtype is not torch.int64:
        raise ShapeError(f"index must be int64, got {index}")
    _source(input, dim, index, source)
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
    _source(input, dim, index, source)
    return input


@index_reduce.cost
def _(out: TensorSpec, source: TensorSpec, reduce: str) -> Counts:
    return _reduction_cost(source.numel, reduce) + Counts(div=out.numel if reduce == "mean" else 0)


@RULES.op(*spellings("index_fill"))
def index_fill(input: TensorSpec, dim: int, index: TensorSpec, value: Any) -> TensorSpec:
    """input[index[i]] = value, for dim 0.

    Cost: nothing, it moves data.
    Source: torch.Tensor.index_fill_
    """
    wrap_dim(dim, input.ndim)
    _vector(index)
    check_operands(value)
    if isinstance(value, TensorSpec) and value.shape:
        raise ShapeError(f"value must be a number, got {value}")
    return input


@RULES.op(*spellings("index_put"), torch.ops.aten._index_put_impl_)
def index_put(input: TensorSpec, indices: Any, values: TensorSpec, accumulate: bool = False) -> TensorSpec:
    """input[indices] = values, broadcast; or added on where accumulate.

    Cost: nothing, it moves data; with accumulate one add an element it writes.
    Source: torch.Tensor.index_put_
    """
    plan = plan_of(input, indices)
    _same_dtype(input, check_tensor(values, "values"), "values")
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
    if check_tensor(index, "index").dtype is not torch.int64:
        raise ShapeError(f"index must be int64, got {index}")
    _same_dtype(input, check_tensor(source, "source"), "source")
    if source.numel != index.numel:
        raise ShapeError(f"source must have an element for every index, got {source.numel} for {index.numel}")
    return input


@put.cost
def _(index: TensorSpec, accumulate: bool) -> Counts:
    return Counts(add=index.numel) if accumulate else Counts()
