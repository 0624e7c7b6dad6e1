"""Gathering: elements picked by index tensors."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Traffic
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, spellings, wrap_dim

__all__ = ["RULES", "check_index", "check_within", "index_count"]

RULES = RuleSet()


def check_index(index: Any, name: str = "index") -> TensorSpec:
    if check_tensor(index, name).dtype not in (torch.int64, torch.int32):
        raise ShapeError(f"{name} must be int64 or int32, got {index}")
    return index  # type: ignore[no-any-return]


def index_count(index: Any) -> int:
    """How many indices a vector, or a single one, holds."""
    if check_index(index).ndim > 1:
        raise ShapeError(f"index must be a vector, got {index}")
    return index.numel  # type: ignore[no-any-return]


def _picked(out: TensorSpec, index: TensorSpec) -> Traffic:
    return Traffic(read=out.nbytes + index.nbytes, written=out.nbytes)


@RULES.op(*spellings("index_select"))
def index_select(input: TensorSpec, dim: int, index: TensorSpec) -> TensorSpec:
    """The slices along dim at the places in index.

    Cost: nothing, it moves data.
    Source: torch.index_select
    """
    axis, count = wrap_dim(dim, input.ndim), index_count(index)
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
        check_within(input, axis, check_index(index))
    return input.with_shape(*index.shape)


def check_within(input: TensorSpec, axis: int, index: TensorSpec) -> None:
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
