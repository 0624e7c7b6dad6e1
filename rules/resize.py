"""Images to another size, by the neighbours of each output: a lerp of two numbers is 2 add and 1 mul.

Where a neighbour lies and how much it weighs is worked out once a row or column, which is not counted.
"""

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
from rules import pool_adaptive
from rules._dims import check_flag, numbers
from rules._layer import check_floating

__all__ = ["RULES"]

RULES = RuleSet()
F = nn.functional

# Number of dimensions of the input, and what one output costs.
_LERP = Counts(add=2, mul=1)
_CUBIC = Counts(add=3, mul=4)  # a weighted sum of four
_MODES: dict[str, tuple[Sequence[int], Counts]] = {
    "nearest": ((3, 4, 5), Counts()),
    "nearest-exact": ((3, 4, 5), Counts()),
    "area": ((3, 4, 5), Counts()),  # counted as the pooling that it is
    "linear": ((3,), _LERP),
    "bilinear": ((4,), _LERP * 3),
    "trilinear": ((5,), _LERP * 7),
    "bicubic": ((4,), _CUBIC * 5),
    "lanczos": ((4,), Counts()),  # counted by its taps
}
# How many neighbours a side of the antialiased weighing has, before shrinking widens it.
_TAPS = {"bilinear": 2, "bicubic": 4, "lanczos": 6}
_AREA = tuple(
    pool_adaptive.RULES[pool] for pool in (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)
)


def _scaled(size: int, factor: Any) -> int:
    """The size times the factor, rounded down as torch does it, in whole numbers where those say the same."""
    if isinstance(factor, float) and math.isfinite(factor):
        over, under = factor.as_integer_ratio()
        if under <= 1024 and over >= 0:
            return size * over // under
    if not isinstance(factor, (int, float, torch.SymInt, torch.SymFloat)):
        raise ShapeError(f"scale_factor must be numbers, got {factor!r}")
    product: Any = size * factor
    rounded: int = math.trunc(product)
    return rounded


def _asked(input: TensorSpec, size: Any, scale_factor: Any) -> tuple[int, ...]:
    """The spatial sizes of the output, by the one of two ways that is given."""
    spatial = input.shape[2:]
    if (size is None) == (scale_factor is None):
        raise ShapeError(f"one of size and scale_factor must be given, got {size} and {scale_factor}")
    name, value = ("size", size) if scale_factor is None else ("scale_factor", scale_factor)
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * len(spatial)
    if len(values) != len(spatial):
        raise ShapeError(f"{name} must have {len(spatial)} numbers, one a spatial dimension, got {values}")
    if scale_factor is None:
        return numbers(values, "size")
    return tuple([_scaled(dim, factor) for dim, factor in zip(spatial, values, strict=True)])


def _resized(input: TensorSpec, asked: tuple[int, ...], mode: str) -> TensorSpec:
    if mode == "area":
        out: TensorSpec = _AREA[len(asked) - 1].call_shape({"input": input, "output_size": asked})
        return out
    if input.dtype is not torch.uint8 or mode in ("linear", "trilinear"):
        check_floating(input)
    shape = input.shape
    if any(dim <= 0 for dim in asked) or any(dim == 0 for dim in shape[2:]):
        raise ShapeError(f"input and output must have a positive size, got {tuple(shape[2:])} and {asked}")
    if shape[1] == 0:
        raise ShapeError(f"input must have a channel, got {shape}")
    return input.with_shape(*shape[:2], *asked)


def _check_mode(input: Any, mode: str, align_corners: bool | None, antialias: bool) -> None:
    if not isinstance(input, TensorSpec):
        raise ShapeError(f"input must be a tensor, got {input!r}")
    if mode not in _MODES:
        raise ShapeError(f"mode must be one of {', '.join(_MODES)}, got {mode!r}")
    if input.ndim not in _MODES[mode][0]:
        wanted = " or ".join(str(ndim) for ndim in _MODES[mode][0])
        raise ShapeError(f"input must have {wanted} dimensions for mode {mode!r}, got {input.ndim}: {input.shape}")
    if align_corners is not None and mode in ("nearest", "nearest-exact", "area"):
        raise ShapeError(f"align_corners goes with the interpolating modes alone, got {align_corners} for {mode!r}")
    if align_corners is not None:
        check_flag(align_corners, "align_corners")
    if antialias and mode not in _TAPS:
        raise ShapeError(f"antialias goes with {', '.join(_TAPS)} alone, got {mode!r}")
    if mode == "lanczos" and (not antialias or align_corners):
        raise ShapeError(f"mode 'lanczos' needs antialias without align_corners, got {antialias} and {align_corners}")


@RULES.op(nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d, F.interpolate)
def interpolate(
    input: TensorSpec,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> TensorSpec:
    """Another size      x (N, C, *) -> (N, C, *size), or each spatial size times scale_factor, rounded down.

    Cost: an output of nearest nothing; linear 1 lerp, bilinear 3, trilinear 7, a lerp being 2 add and 1 mul; bicubic 5
    weighted sums of four (4 in a row, 1 across), 4 mul and 3 add each; area as adaptive average pooling. With antialias
    a weighted sum of t neighbours along the last dimension, then one along the other, t mul and t - 1 add each: t is 2
    for bilinear, 4 for bicubic and 6 for lanczos, times how much that dimension shrinks, rounded up.
    Source: torch.nn.functional.interpolate
    """
    _check_mode(input, mode, align_corners, antialias)
    if recompute_scale_factor and size is not None:
        raise ShapeError(f"recompute_scale_factor goes with scale_factor alone, got size {size}")
    return _resized(input, _asked(input, size, scale_factor), mode)


def _cost(input: TensorSpec, out: TensorSpec, mode: str, antialias: bool) -> Counts:
    if mode == "area":
        return _AREA[out.ndim - 3].call_cost({"input": input}, out)
    if not antialias:
        return _MODES[mode][1] * out.numel
    total, outputs = Counts(), math.prod(input.shape)
    for axis in (-1, -2):
        before, after = input.shape[axis], out.shape[axis]
        taps = -(-_TAPS[mode] * max(before, after) // after)
        outputs = outputs // before * after
        total += Counts(mul=taps, add=taps - 1) * outputs
    return total


@interpolate.cost
def _(out: TensorSpec, input: TensorSpec, mode: str, antialias: bool) -> Counts:
    return _cost(input, out, mode, antialias)


def _add(name: str, mode: str, antialias: bool = False) -> None:
    """What torch itself has for one mode: sizes or, where those are None, scale factors in a list."""

    def nearest(
        input: TensorSpec, output_size: Any, scale_factors: Any = None, *scales: Any, **more: Any
    ) -> TensorSpec:
        _check_mode(input, mode, None, antialias)
        return _resized(input, _asked(input, output_size, scale_factors if output_size is None else None), mode)

    def weighed(
        input: TensorSpec, output_size: Any, align_corners: bool, scale_factors: Any = None, *scales: Any, **more: Any
    ) -> TensorSpec:
        return nearest(input, output_size, scale_factors)

    def cost(out: TensorSpec, input: TensorSpec) -> Counts:
        return _cost(input, out, mode, antialias)

    smooth = " with antialias" if antialias else ""
    nearest.__doc__ = weighed.__doc__ = (
        f"The same as interpolate, mode {mode}{smooth}.\n\n"
        "Cost: as interpolate.\nSource: torch.nn.functional.interpolate"
    )
    shape = nearest if mode.startswith("nearest") else weighed
    RULES.op(getattr(torch._C._nn, name), name="interpolate")(shape).cost(cost)


for _dims in (1, 2, 3):
    _add(f"upsample_nearest{_dims}d", "nearest")
    _add(f"_upsample_nearest_exact{_dims}d", "nearest-exact")
for _name, _mode, _antialias in (
    ("upsample_linear1d", "linear", False),
    ("upsample_bilinear2d", "bilinear", False),
    ("upsample_trilinear3d", "trilinear", False),
    ("upsample_bicubic2d", "bicubic", False),
    ("_upsample_bilinear2d_aa", "bilinear", True),
    ("_upsample_bicubic2d_aa", "bicubic", True),
    ("_upsample_lanczos2d_aa", "lanczos", True),
):
    if hasattr(torch._C._nn, _name):  # lanczos is younger than the others
        _add(_name, _mode, _antialias)
