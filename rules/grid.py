"""Images sampled where a grid says, and the grid of an affine map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_flag, numbers
from rules._layer import check_floating

__all__ = ["RULES"]

RULES = RuleSet()
F = nn.functional

_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")
_LERP = Counts(add=2, mul=1)
_CUBIC = Counts(add=3, mul=4)  # a weighted sum of four


def _sampled(input: TensorSpec, grid: TensorSpec, mode: str) -> TensorSpec:
    check_floating(input)
    check_floating(grid, "grid")
    shape, where = input.shape, grid.shape
    if len(shape) not in (4, 5) or len(where) != len(shape):
        raise ShapeError(f"input and grid must both have 4 or 5 dimensions, got {shape} and {where}")
    if input.dtype is not grid.dtype:
        raise ShapeError(f"input and grid must have the same dtype, got {input.dtype_name} and {grid.dtype_name}")
    if where[0] != shape[0]:
        raise ShapeError(f"input and grid must have the same batch size, got {shape[0]} and {where[0]}")
    if where[-1] != len(shape) - 2:
        raise ShapeError(f"grid must end in {len(shape) - 2} coordinates, got {where[-1]}")
    if any(size == 0 for size in shape[2:]):
        raise ShapeError(f"input must have something to sample, got {shape}")
    if mode == "bicubic" and len(shape) == 5:
        raise ShapeError(f"input must have 4 dimensions for mode 'bicubic', got 5: {shape}")
    return input.with_shape(*shape[:2], *where[1:-1])


def _cost(out: TensorSpec, mode: str) -> Counts:
    if mode == "nearest":
        return Counts()
    return (_CUBIC * 5 if mode == "bicubic" else _LERP * (3 if out.ndim == 4 else 7)) * out.numel


@RULES.op(F.grid_sample)
def grid_sample(
    input: TensorSpec,
    grid: TensorSpec,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> TensorSpec:
    """What lies at each place of the grid      x (N, C, H, W), grid (N, h, w, 2) -> (N, C, h, w); a third one in 3-D.

    Cost: an output of nearest nothing; bilinear 3 lerps (7 in 3-D), a lerp being 2 add and 1 mul; bicubic 5 weighted
    sums of four, 4 mul and 3 add each. Mapping coordinates to pixels is not counted, as in interpolate.
    Source: torch.nn.functional.grid_sample; Jaderberg et al. 2015, arXiv:1506.02025
    """
    for name, value, allowed in (("mode", mode, _MODES), ("padding_mode", padding_mode, _PADDINGS)):
        if value not in allowed:
            raise ShapeError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    if align_corners is not None:
        check_flag(align_corners, "align_corners")
    return _sampled(input, grid, mode)


@grid_sample.cost
def _(out: TensorSpec, mode: str) -> Counts:
    return _cost(out, mode)


@RULES.op(torch.grid_sampler, torch.grid_sampler_2d, torch.grid_sampler_3d, name="grid_sample")
def grid_sampler(
    input: TensorSpec, grid: TensorSpec, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> TensorSpec:
    """The same as grid_sample, the mode as a number: 0 bilinear, 1 nearest, 2 bicubic.

    Cost: as grid_sample.
    Source: torch.nn.functional.grid_sample
    """
    return _sampled(input, grid, _MODES[interpolation_mode])


@grid_sampler.cost
def _(out: TensorSpec, interpolation_mode: int) -> Counts:
    return _cost(out, _MODES[interpolation_mode])


def _grid(theta: TensorSpec, size: Any) -> tuple[TensorSpec, tuple[int, ...]]:
    check_floating(theta, "theta")
    sizes = numbers(size, "size")
    dims = len(sizes) - 2
    if dims not in (2, 3):
        raise ShapeError(f"size must have 4 or 5 numbers, got {sizes}")
    if theta.shape != (sizes[0], dims, dims + 1):
        raise ShapeError(f"theta must have shape {(sizes[0], dims, dims + 1)} for size {sizes}, got {theta.shape}")
    return theta.with_shape(sizes[0], *sizes[2:], dims), sizes


@RULES.op(torch.affine_grid_generator, name="affine_grid")
def affine_grid_generator(theta: TensorSpec, size: Sequence[int], align_corners: bool) -> TensorSpec:
    """The same as affine_grid, which may be of no places.

    Cost: as affine_grid.
    Source: torch.nn.functional.affine_grid
    """
    return _grid(theta, size)[0]


@RULES.op(F.affine_grid)
def affine_grid(theta: TensorSpec, size: Sequence[int], align_corners: bool | None = None) -> TensorSpec:
    """Out = theta (x, y, 1)ᵀ at every pixel      theta (N, 2, 3), size (N, C, H, W) -> (N, H, W, 2); a third in 3-D.

    Cost: a coordinate is a dot product of length 3, in 3-D of length 4.
    Source: torch.nn.functional.affine_grid
    """
    out, sizes = _grid(theta, size)
    if min(sizes) <= 0 and not (align_corners and min(sizes[2:]) == 1):
        raise ShapeError(f"size must be positive, got {sizes}")
    return out


@affine_grid.cost
@affine_grid_generator.cost
def _(out: TensorSpec) -> Counts:
    return Counts.dots(math.prod(out.shape), out.shape[-1] + 1)
