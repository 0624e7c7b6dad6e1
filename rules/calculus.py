"""Integrals and slopes of sampled functions, and reductions over segments."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes, float_dtype, result_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, wrap_dim, wrap_dims

__all__ = ["RULES"]

RULES = RuleSet()


def _intervals(y: TensorSpec, x: TensorSpec | None, dim: int, dx: Any) -> tuple[TensorSpec, int]:
    """One value for every interval between two samples, and the axis they lie along."""
    if not y.shape or (x is not None and not x.shape):
        raise ShapeError(f"y and x must have dimensions, got {y} and {x}")
    if y.dtype is torch.bool or (x is not None and x.dtype is torch.bool):
        raise ShapeError(f"y and x must be numbers, got {y} and {x}")
    axis = wrap_dim(dim, y.ndim)
    shape = (*y.shape[:axis], max(y.shape[axis] - 1, 0), *y.shape[axis + 1 :])
    if x is None:
        return y.with_shape(*shape).with_dtype(float_dtype(result_dtype(y, 1 if dx is None else dx))), axis
    if x.ndim == 1 and x.shape[0] != y.shape[axis]:
        raise ShapeError(f"x must have a place for every sample of y, got {x.shape[0]} for {y.shape[axis]}")
    places = [1] * (y.ndim - x.ndim) + list(x.shape)
    if x.ndim == 1:
        places = [x.shape[0] if place == axis else 1 for place in range(y.ndim)]
    places[axis] = max(places[axis] - 1, 0)
    spread = broadcast_shapes(shape, tuple(places))
    return y.with_shape(*spread).with_dtype(float_dtype(result_dtype(y, x))), axis


def _interval_cost(y: TensorSpec, x: TensorSpec | None, dim: int, dx: Any) -> tuple[Counts, TensorSpec, int]:
    """The two ends of each interval added and multiplied by its width, which is a difference where x is given."""
    each, axis = _intervals(y, x, dim, dx)
    widths = 0
    if x is not None:
        length = x.shape[0] if x.ndim == 1 else x.shape[axis - y.ndim]
        widths = x.numel - x.numel // length if length else 0
    return Counts(add=each.numel + widths, mul=each.numel), each, axis


def _integral(y: TensorSpec, x: Any, dim: int, dx: Any) -> TensorSpec:
    each, axis = _intervals(y, None if x is None else check_tensor(x, "x"), dim, dx)
    return each.with_shape(*each.shape[:axis], *each.shape[axis + 1 :])


def trapezoid(y: TensorSpec, x: TensorSpec | None = None, *, dx: Any = None, dim: int = -1) -> TensorSpec:
    """∫ y dx along dim by the trapezoidal rule, over samples dx or the differences of x apart.

    Cost: an interval 1 add and 1 mul, and 1 add where x is given; n − 1 add and 1 div an integral of n intervals.
    Source: torch.trapezoid
    """
    return _integral(y, x, dim, dx)


def _trapezoid_cost(out: TensorSpec, y: TensorSpec, x: TensorSpec | None, dim: int, dx: Any) -> Counts:
    intervals, each, _ = _interval_cost(y, x, dim, dx)
    return intervals + Counts(add=each.numel - out.numel if each.numel else 0, div=out.numel)


for _name in ("trapezoid", "trapz"):
    RULES.op(getattr(torch, _name), name="trapezoid")(trapezoid).cost(_trapezoid_cost)


@RULES.op(torch.cumulative_trapezoid)
def cumulative_trapezoid(y: TensorSpec, x: TensorSpec | None = None, *, dx: Any = None, dim: int = -1) -> TensorSpec:
    """Running ∫ y dx along dim by the trapezoidal rule.

    Cost: an interval 1 add and 1 mul, and 1 add where x is given; n − 1 add a line of n intervals, and 1 div each.
    Source: torch.cumulative_trapezoid
    """
    return _intervals(y, None if x is None else check_tensor(x, "x"), dim, dx)[0]


@cumulative_trapezoid.cost
def _(out: TensorSpec, y: TensorSpec, x: TensorSpec | None, dim: int, dx: Any) -> Counts:
    intervals, each, axis = _interval_cost(y, x, dim, dx)
    running = each.numel - each.numel // each.shape[axis] if each.numel else 0
    return intervals + Counts(add=running, div=out.numel)


@RULES.op(torch.gradient)
def gradient(input: TensorSpec, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> tuple[TensorSpec, ...]:
    """Slopes along each dimension in dim by central differences, one tensor a dimension.

    Cost: one add and one div an element and dimension.
    Source: torch.gradient
    """
    if edge_order not in (1, 2):
        raise ShapeError(f"edge_order must be 1 or 2, got {edge_order}")
    axes = tuple(range(input.ndim)) if dim is None else wrap_dims(dim, input.ndim)
    if isinstance(spacing, (tuple, list)) and len(spacing) != len(axes):
        raise ShapeError(f"spacing must be one number or one a dimension, got {len(spacing)} for {len(axes)}")
    if input.dtype is torch.bool:
        raise ShapeError("input must hold numbers, got bool")
    spaces = tuple(spacing) if isinstance(spacing, (tuple, list)) else (spacing,) * len(axes)
    for axis, space in zip(axes, spaces, strict=True):
        if input.shape[axis] < edge_order + 1:
            raise ShapeError(f"input must have {edge_order + 1} samples along a dimension, got {input.shape[axis]}")
        if isinstance(space, TensorSpec):
            if space.device != input.device:
                raise ShapeError(f"spacing must be on the device of input, got {space.device} and {input.device}")
            if space.ndim != 1 or space.dtype is torch.bool:
                raise ShapeError(f"spacing must be numbers or vectors of places, got {space}")
    # Quotients of places are floats, whatever the places are.
    widths = [one.with_dtype(float_dtype(one.dtype)) if isinstance(one, TensorSpec) else one for one in spaces]
    return tuple([input.with_dtype(float_dtype(result_dtype(input, width))) for width in widths])


@gradient.cost
def _(out: tuple[TensorSpec, ...], input: TensorSpec) -> Counts:
    return Counts(add=input.numel, div=input.numel) * len(out)


_SEGMENTS = {"sum": "add", "mean": "add", "prod": "mul", "max": "cmp", "min": "cmp", "amax": "cmp", "amin": "cmp"}


@RULES.op(torch.segment_reduce)
def segment_reduce(
    data: TensorSpec, reduce: str, *, lengths: TensorSpec | None = None, indices: TensorSpec | None = None,
    offsets: TensorSpec | None = None, axis: int = 0, unsafe: bool = False, initial: Any = None,
) -> TensorSpec:  # fmt: skip
    """The segments along axis, whose lengths or offsets are given, each made one.

    Cost: one add, mul or cmp an element; for the mean also one div a segment.
    Source: torch.segment_reduce
    """
    if reduce not in _SEGMENTS:
        raise ShapeError(f"reduce must be one of {', '.join(_SEGMENTS)}, got {reduce!r}")
    places = lengths if lengths is not None else offsets
    if places is None:
        raise ShapeError("lengths or offsets must be given")
    if not places.shape:
        raise ShapeError(f"lengths must have dimensions, got {places}")
    along = places.ndim - 1
    if wrap_dim(axis, data.ndim, "axis") != along or data.shape[:along] != places.shape[:-1]:
        raise ShapeError(f"lengths must be along axis and have the rows of data, got {places.shape} for {data.shape}")
    count = places.shape[-1] - (0 if lengths is not None else 1)
    return data.with_shape(*data.shape[:along], count, *data.shape[along + 1 :])


@segment_reduce.cost
def _(out: TensorSpec, data: TensorSpec, reduce: str) -> Counts:
    mean = Counts(div=out.numel if reduce == "mean" else 0)
    return Counts(**{_SEGMENTS[reduce]: data.numel}) + mean
