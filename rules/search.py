"""Search in what is sorted, and counting by value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import DataDependentError, ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from analyzer.symbolic.deciding import log2_ceil
from rules._dims import check_tensor, spellings, whole
from rules.reduce import real

__all__ = ["RULES"]

RULES = RuleSet()


def _found(boundaries: TensorSpec, values: Any, out_int32: bool) -> TensorSpec:
    dtype = torch.int32 if out_int32 else torch.int64
    real(boundaries)
    if not isinstance(values, TensorSpec):
        return boundaries.with_shape().with_dtype(dtype)
    real(values)
    return values.with_dtype(dtype)


def _side(right: bool, side: str | None) -> None:
    if side not in (None, "left", "right"):
        raise ShapeError(f"side must be 'left' or 'right', got {side!r}")
    if side == "left" and right:
        raise ShapeError(f"side and right must agree, got {side!r} and {right}")


@RULES.op(torch.searchsorted)
def searchsorted(
    sorted_sequence: TensorSpec, input: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None,
    sorter: TensorSpec | None = None,
) -> TensorSpec:  # fmt: skip
    """Where each value belongs in a sorted sequence of n, or in that of its own row.

    Cost: ⌈log2 (n + 1)⌉ cmp a value.
    Source: torch.searchsorted
    """
    check_tensor(sorted_sequence, "sorted_sequence")
    _side(right, side)
    if not sorted_sequence.shape:
        raise ShapeError(f"sorted_sequence must have dimensions, got {sorted_sequence}")
    if sorter is not None:
        if sorter.shape != sorted_sequence.shape:
            raise ShapeError(
                f"sorter must have the shape of sorted_sequence, got {sorter.shape} and {sorted_sequence.shape}"
            )
        if sorter.dtype is not torch.int64:
            raise ShapeError(f"sorter must be int64, got {sorter}")
    if sorted_sequence.ndim > 1:
        rows = input.shape[:-1] if isinstance(input, TensorSpec) and input.shape else None
        if rows != sorted_sequence.shape[:-1]:
            raise ShapeError(f"input must have the rows of sorted_sequence, got {input} for {sorted_sequence}")
    return _found(sorted_sequence, input, out_int32)


@searchsorted.cost
def _(out: TensorSpec, sorted_sequence: TensorSpec) -> Counts:
    return Counts(cmp=out.numel * log2_ceil(sorted_sequence.shape[-1] + 1))


@RULES.op(torch.bucketize)
def bucketize(input: Any, boundaries: TensorSpec, *, out_int32: bool = False, right: bool = False) -> TensorSpec:
    """Which of the buckets between n boundaries each value belongs to.

    Cost: ⌈log2 (n + 1)⌉ cmp a value.
    Source: torch.bucketize
    """
    if check_tensor(boundaries, "boundaries").ndim != 1:
        raise ShapeError(f"boundaries must be a vector, got {boundaries}")
    return _found(boundaries, input, out_int32)


@bucketize.cost
def _(out: TensorSpec, boundaries: TensorSpec) -> Counts:
    return Counts(cmp=out.numel * log2_ceil(boundaries.shape[0] + 1))


# Counted by value ------------------------------------------------------------------------------------------------


@RULES.op(*spellings("histc"))
def histc(input: TensorSpec, bins: int = 100, min: Any = 0, max: Any = 0) -> TensorSpec:
    """How many elements fall into each of so many equal bins.

    Cost: one div and one add an element.
    Source: torch.histc
    """
    real(input)
    if whole(bins, "bins") <= 0:
        raise ShapeError(f"bins must be 1 or more, got {bins}")
    if min > max:
        raise ShapeError(f"min must not be greater than max, got {min} and {max}")
    return input.with_shape(bins)


@histc.cost
def _(input: TensorSpec) -> Counts:
    return Counts(div=input.numel, add=input.numel)


@RULES.op(*spellings("bincount"))
def bincount(input: TensorSpec, weights: TensorSpec | None = None, minlength: int = 0) -> TensorSpec:
    """How often each whole number up to the largest comes, or the sum of its weights.

    Cost: one add an element.
    Source: torch.bincount
    """
    if input.ndim != 1 or input.dtype.is_floating_point or input.dtype.is_complex:
        raise ShapeError(f"input must be a vector of whole numbers, got {input}")
    if weights is not None and weights.shape != input.shape:
        raise ShapeError(f"weights must be as many as the elements of input, got {weights.shape} for {input.shape}")
    if whole(minlength, "minlength") < 0:
        raise ShapeError(f"minlength must be 0 or more, got {minlength}")
    if input.numel:
        raise DataDependentError(f"how many counts there are is data, the largest number in input: {input}")
    return input.with_shape(minlength).with_dtype(torch.int64)


@bincount.cost
def _(input: TensorSpec) -> Counts:
    return Counts(add=input.numel)


def _edges(bins: TensorSpec) -> int:
    """How many bins lie between edges."""
    if bins.ndim != 1 or bins.numel < 2:
        raise ShapeError(f"bins must be a vector of 2 edges or more, got {bins}")
    return bins.numel - 1


@RULES.op(*spellings("histogram"))
def histogram(
    input: TensorSpec, bins: Any = 100, *, range: Any = None, weight: TensorSpec | None = None, density: bool = False
) -> Any:
    """How many elements, or how much of their weight, falls into each bin; and the bins' edges.

    Cost: one div and one add an element; with a density also one div and one mul a bin.
    Source: torch.histogram
    """
    for tensor in (bins, weight):
        if isinstance(tensor, TensorSpec) and tensor.dtype is not input.dtype:
            raise ShapeError(f"input, bins and weight must have one dtype, got {input.dtype} and {tensor.dtype}")
    if weight is not None and weight.shape != input.shape:
        raise ShapeError(f"weight must have the shape of input, got {weight.shape} for {input.shape}")
    if isinstance(bins, TensorSpec):
        count = _edges(bins)
    else:
        count = whole(bins, "bins")
        if count <= 0:
            raise ShapeError(f"bins must be 1 or more, got {count}")
    make: Callable[[Any], Any] = torch.return_types.histogram
    return make((input.with_shape(count), input.with_shape(count + 1)))


@histogram.cost
def _(out: Any, input: TensorSpec, density: bool) -> Counts:
    bins = out[0].numel if density else 0
    return Counts(div=input.numel + bins, add=input.numel, mul=bins)


@RULES.op(torch.histogramdd)
def histogramdd(
    input: TensorSpec, bins: Any, *, range: Any = None, weight: TensorSpec | None = None, density: bool = False
) -> Any:
    """How many points, or how much of their weight, falls into each cell of a grid, (*, D) -> D dimensions; the edges.

    Cost: one div a coordinate and one add a point; with a density also one div and one mul a cell.
    Source: torch.histogramdd
    """
    if input.ndim < 2:
        raise ShapeError(f"input must have 2 or more dimensions, got {input.ndim}")
    sides = tuple(bins) if isinstance(bins, (tuple, list)) else (bins,) * input.shape[-1]
    if len(sides) != input.shape[-1]:
        raise ShapeError(f"bins must be one a coordinate, got {len(sides)} for {input.shape[-1]}")
    for tensor in (*sides, weight):
        if isinstance(tensor, TensorSpec) and tensor.dtype is not input.dtype:
            raise ShapeError(f"input, bins and weight must have one dtype, got {input.dtype} and {tensor.dtype}")
    if weight is not None and weight.shape != input.shape[:-1]:
        raise ShapeError(f"weight must have a number for every point of input {input.shape}, got {weight.shape}")
    counts = [_edges(side) if isinstance(side, TensorSpec) else whole(side, "bins") for side in sides]
    if any(count <= 0 for count in counts):
        raise ShapeError(f"bins must be 1 or more, got {counts}")
    edges = [input.with_shape(count + 1) for count in counts]
    make: Callable[[Any], Any] = torch.return_types.histogramdd
    return make((input.with_shape(*counts), edges))


@histogramdd.cost
def _(out: Any, input: TensorSpec, density: bool) -> Counts:
    cells = out[0].numel if density else 0
    points = input.numel // input.shape[-1] if input.shape[-1] else 0
    return Counts(div=input.numel + cells, add=points, mul=cells)
