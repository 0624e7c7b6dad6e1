"""Rows looked up in a table and summed in bags, or their mean or largest taken."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from analyzer.counts import Counts, Traffic
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._layer import check_floating
from rules.embedding import check_indices, check_table, renorm_counts

__all__ = ["RULES"]

RULES = RuleSet()
F = nn.functional

_MODES = ("sum", "mean", "max")


def _number_of_bags(input: TensorSpec, offsets: TensorSpec | None, include_last_offset: bool) -> int:
    """One a row of a two-dimensional input, else one an offset."""
    if input.ndim == 2:
        if offsets is not None:
            raise ShapeError(f"offsets must be None where input has 2 dimensions, got {offsets.shape}")
        if input.shape[1] == 0:
            raise ShapeError(f"input must have an index in every bag, got {input.shape}")
        return input.shape[0]
    if input.ndim != 1:
        raise ShapeError(f"input must have 1 or 2 dimensions, got {input.ndim}: {input.shape}")
    if offsets is None or offsets.ndim != 1:
        raise ShapeError(f"offsets must have 1 dimension, got {None if offsets is None else offsets.shape}")
    check_indices(offsets, "offsets")
    if include_last_offset and offsets.shape[0] == 0:
        raise ShapeError("offsets must have an element with include_last_offset, got 0")
    return offsets.shape[0] - 1 if include_last_offset else offsets.shape[0]


def _bagged(
    input: TensorSpec,
    weight: TensorSpec,
    offsets: TensorSpec | None,
    mode: str,
    per_sample_weights: TensorSpec | None,
    include_last_offset: bool,
    padding_idx: int | None,
) -> TensorSpec:
    check_indices(input)
    check_table(weight, padding_idx)
    check_floating(weight, "weight")
    if per_sample_weights is not None:
        if mode != "sum":
            raise ShapeError(f"per_sample_weights goes with mode 'sum' alone, got {mode!r}")
        if per_sample_weights.shape != input.shape:
            raise ShapeError(f"per_sample_weights and input must agree, got {per_sample_weights.shape}, {input.shape}")
        if per_sample_weights.dtype is not weight.dtype:
            raise ShapeError(
                "per_sample_weights and weight must have the same dtype, "
                f"got {per_sample_weights.dtype_name} and {weight.dtype_name}"
            )
    return weight.with_shape(_number_of_bags(input, offsets, include_last_offset), weight.shape[1])


def _bag_counts(out: TensorSpec, indices: int, mode: str, weighted: bool) -> Counts:
    bags, width = out.shape
    if weighted:
        return Counts(mac=indices * width, dot=min(bags, indices) * width)
    joined = max(indices - bags, 0) * width
    if mode == "max":
        return Counts(cmp=joined)
    return Counts(add=joined, div=bags * width if mode == "mean" else 0)


def _bag_traffic(out: TensorSpec, indices: TensorSpec, *others: TensorSpec | None) -> Traffic:
    rows = indices.numel * out.shape[1] * out.dtype.itemsize
    small = sum(spec.nbytes for spec in others if spec is not None)
    return Traffic(read=indices.nbytes + rows + small, written=out.nbytes, weights=rows)


@RULES.op(nn.EmbeddingBag, F.embedding_bag)
def embedding_bag(
    input: TensorSpec,
    weight: TensorSpec,
    offsets: TensorSpec | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: TensorSpec | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> TensorSpec:
    """Sum, mean or maximum of each bag's rows      x (B, L), or x (N) and offsets (B); weight (V, D) -> (B, D).

    Cost: B bags of N rows in all, none of them empty or padding: (N - B) D add, with mean B D div too; max (N - B) D
    cmp; with per_sample_weights a dot product for each of B D outputs, N D products in all. max_norm as in embedding.
    Source: torch.nn.functional.embedding_bag
    """
    if weight.dtype is torch.int64 and input.dtype.is_floating_point:  # the order of arguments of old
        input, weight = weight, input
    if mode not in _MODES:
        raise ShapeError(f"mode must be one of {', '.join(_MODES)}, got {mode!r}")
    if mode == "max" and (scale_grad_by_freq or sparse):
        raise ShapeError("mode 'max' goes without scale_grad_by_freq and sparse, got True")
    return _bagged(input, weight, offsets, mode, per_sample_weights, include_last_offset, padding_idx)


@embedding_bag.cost
def _(
    out: TensorSpec,
    input: TensorSpec,
    weight: TensorSpec,
    mode: str,
    per_sample_weights: Any,
    max_norm: Any,
    norm_type: Any,
) -> Counts:
    if input.dtype.is_floating_point:
        input, weight = weight, input
    counts = _bag_counts(out, input.numel, mode, per_sample_weights is not None)
    return counts + renorm_counts(input, weight, max_norm, norm_type)


@embedding_bag.traffic
def _(out: TensorSpec, input: TensorSpec, weight: TensorSpec, offsets: Any, per_sample_weights: Any) -> Traffic:
    return _bag_traffic(out, weight if input.dtype.is_floating_point else input, offsets, per_sample_weights)


def _add_inner(target: Any, keeps_offsets: bool) -> None:
    """What torch itself has, with what it keeps for the backward pass: each bag, its size, its largest row."""

    def shape(
        weight: TensorSpec,
        indices: TensorSpec,
        offsets: TensorSpec,
        scale_grad_by_freq: bool = False,
        mode: int = 0,
        sparse: bool = False,
        per_sample_weights: TensorSpec | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> tuple[TensorSpec, TensorSpec, TensorSpec, TensorSpec]:
        ignored = None if padding_idx is None or padding_idx < 0 else padding_idx
        way = _MODES[mode]
        out = _bagged(indices, weight, offsets, way, per_sample_weights, include_last_offset, ignored)
        bags, width = out.shape
        # A plain sum in one pass keeps no bags, and sizes by offset.
        one_pass = way == "sum" and ignored is None and weight.dtype is not torch.float64
        sizes = offsets.with_shape(offsets.shape[0] if way == "sum" and keeps_offsets else bags)
        largest = offsets.with_shape(bags, width) if way == "max" else sizes
        return out, indices.with_shape(0 if one_pass else indices.shape[0]), sizes, largest

    def cost(out: Any, indices: TensorSpec, mode: int, per_sample_weights: Any) -> Counts:
        return _bag_counts(out[0], indices.numel, _MODES[mode], per_sample_weights is not None)

    shape.__doc__ = (
        "The same as embedding_bag, the table first and the mode as a number: 0 sum, 1 mean, 2 max.\n\n"
        "Cost: as embedding_bag.\nSource: torch.nn.functional.embedding_bag"
    )
    definition = RULES.op(target, name="embedding_bag")(shape)
    definition.cost(cost)
    definition.traffic(lambda out, indices, offsets, per_sample_weights: _bag_traffic(out[0], indices, offsets))


_add_inner(torch.embedding_bag, True)
_add_inner(torch._embedding_bag_forward_only, True)
_add_inner(torch._embedding_bag, False)
