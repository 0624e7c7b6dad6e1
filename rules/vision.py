"""torchvision's operators on boxes, and its deformable convolution; by name, so that torchvision need not be there."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.bounds import at_most
from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.rule import Bound
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from analyzer.symbolic.deciding import log2_ceil
from rules._dims import check_tensor
from rules._layer import check_floating, check_ndim
from rules._window import window_count

__all__ = ["RULES"]

RULES = RuleSet()

# A value between four others is three lerps, each 2 add and 1 mul.
_BILINEAR = Counts(add=6, mul=3)


def _same_dtype(input: TensorSpec, **others: TensorSpec) -> None:
    for name, other in others.items():
        if other.dtype is not input.dtype:
            raise ShapeError(
                f"input and {name} must have the same dtype, got {input.dtype_name} and {other.dtype_name}"
            )


# Boxes that overlap ----------------------------------------------------------------------------------------------


@RULES.op("torchvision::nms")
def nms(dets: TensorSpec, scores: TensorSpec, iou_threshold: float) -> Bound:
    """The boxes that overlap no better one by more than the threshold        (n, 4), (n) -> at most (n) places.

    Cost: a sort, n ⌈log2 n⌉ cmp; the areas, n times 2 add, 1 mul; for n (n − 1) / 2 pairs at most 7 cmp, 4 add, 1 mul
    and 1 div.
    Source: torchvision.ops.nms
    """
    check_ndim(check_floating(dets, "dets"), (2,), "dets")
    check_ndim(check_tensor(scores, "scores"), (1,), "scores")
    if dets.shape[1] != 4:
        raise ShapeError(f"dets must hold 4 numbers a box, got {dets.shape[1]}")
    if dets.shape[0] != scores.shape[0]:
        raise ShapeError(f"dets and scores must be equally many, got {dets.shape[0]} and {scores.shape[0]}")
    _same_dtype(dets, scores=scores)
    kept = dets.with_shape(at_most(dets.shape[0])).with_dtype(torch.int64)
    return Bound(kept, "as many boxes as overlap no better one", lambda: torch.arange(dets.shape[0]))


@nms.cost
def _(dets: TensorSpec) -> Counts:
    n = dets.shape[0]
    pairs: int = at_most(n * (n - 1) // 2)
    return Counts(cmp=n * log2_ceil(n), add=2 * n, mul=n) + pairs * Counts(cmp=7, add=4, mul=1, div=1)


# Regions of a map ------------------------------------------------------------------------------------------------


def _regions(input: TensorSpec, rois: TensorSpec, height: int, width: int) -> TensorSpec:
    """One grid of bins for every box."""
    check_ndim(check_floating(input), (4,))
    check_ndim(check_tensor(rois, "rois"), (2,), "rois")
    if rois.shape[1] != 5:
        raise ShapeError(f"rois must hold the image and 4 numbers a box, got {rois.shape[1]}")
    _same_dtype(input, rois=rois)
    if height <= 0 or width <= 0:
        raise ShapeError(f"the output must be 1 or more high and wide, got {height} and {width}")
    return input.with_shape(rois.shape[0], input.shape[1], height, width)


def _by_position(input: TensorSpec, rois: TensorSpec, height: int, width: int) -> tuple[TensorSpec, TensorSpec]:
    """Every bin reads channels of its own; with the channel that each output was read from."""
    out = _regions(input, rois, height, width)
    if input.shape[1] % (height * width) != 0:
        raise ShapeError(f"input must have channels for {height} x {width} bins each, got {input.shape[1]}")
    out = out.with_shape(rois.shape[0], input.shape[1] // (height * width), height, width)
    return out, out.with_dtype(torch.int32)


def _sampled(out: TensorSpec, input: TensorSpec, ratio: int) -> Counts:
    """The mean of the values between others at the sampling points of every bin; a box as large as the map at most."""
    height, width = (-(-size // bins) for size, bins in zip(input.shape[2:], out.shape[2:], strict=True))
    points = ratio * ratio if ratio > 0 else height * width
    return out.numel * (points * _BILINEAR + Counts(add=max(points - 1, 0), div=1))


_POINTS = "a box has as many sampling points as it is large; the largest covers the map"
_BINS = "a bin has as many values as its box is large; the largest covers the map"


@RULES.op("torchvision::roi_align")
def roi_align(
    input: TensorSpec,
    rois: TensorSpec,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> Any:
    """Means over the bins of every box, at points between the values        (N, C, H, W), (K, 5) -> (K, C, h, w).

    Cost: an output of s² points: bilinear interpolation, 6 add, 3 mul a point; s² − 1 add, 1 div. Without a sampling
    ratio there are ⌈H/h⌉ ⌈W/w⌉ points at most.
    Source: torchvision.ops.roi_align; He et al., Mask R-CNN, 2017
    """
    out = _regions(input, rois, pooled_height, pooled_width)
    return out if sampling_ratio > 0 else Bound(out, _POINTS)


@roi_align.cost
def _(out: TensorSpec, input: TensorSpec, sampling_ratio: int) -> Counts:
    return _sampled(out, input, sampling_ratio)


@RULES.op("torchvision::ps_roi_align")
def ps_roi_align(
    input: TensorSpec,
    rois: TensorSpec,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
) -> Any:
    """As roi_align, each bin of its own channels        (N, C h w, H, W), (K, 5) -> (K, C, h, w), and the channels.

    Cost: as roi_align.
    Source: torchvision.ops.ps_roi_align; Li et al., Light-Head R-CNN, 2017
    """
    out = _by_position(input, rois, pooled_height, pooled_width)
    return out if sampling_ratio > 0 else Bound(out, _POINTS)


@ps_roi_align.cost
def _(out: tuple[TensorSpec, TensorSpec], input: TensorSpec, sampling_ratio: int) -> Counts:
    return _sampled(out[0], input, sampling_ratio)


def _in_bin(out: TensorSpec, input: TensorSpec) -> int:
    """Values in a bin, of a box as large as the map: bins share a row and a column where their edges are not whole."""
    sizes = zip(input.shape[2:], out.shape[2:], strict=True)
    rows, columns = (size if bins == 1 else min(size, -(-size // bins) + (size % bins != 0)) for size, bins in sizes)
    return rows * columns


@RULES.op("torchvision::roi_pool")
def roi_pool(input: TensorSpec, rois: TensorSpec, spatial_scale: float, pooled_height: int, pooled_width: int) -> Bound:
    """The largest value in the bins of every box        (N, C, H, W), (K, 5) -> (K, C, h, w), and where they stood.

    Cost: an output over n values n − 1 cmp; for a box that covers the map n is about (H/h) (W/w), which is the most.
    Source: torchvision.ops.roi_pool; Girshick, Fast R-CNN, 2015
    """
    out = _regions(input, rois, pooled_height, pooled_width)
    return Bound((out, out.with_dtype(torch.int32)), _BINS)


@roi_pool.cost
def _(out: tuple[TensorSpec, TensorSpec], input: TensorSpec) -> Counts:
    return Counts(cmp=out[0].numel * max(_in_bin(out[0], input) - 1, 0))


@RULES.op("torchvision::ps_roi_pool")
def ps_roi_pool(
    input: TensorSpec, rois: TensorSpec, spatial_scale: float, pooled_height: int, pooled_width: int
) -> Bound:
    """Means over the bins of every box, each of its own channels        (N, C h w, H, W), (K, 5) -> (K, C, h, w).

    Cost: an output over n values n − 1 add, 1 div; for a box that covers the map n is about (H/h) (W/w), the most.
    Source: torchvision.ops.ps_roi_pool; Dai et al., R-FCN, 2016
    """
    return Bound(_by_position(input, rois, pooled_height, pooled_width), _BINS)


@ps_roi_pool.cost
def _(out: tuple[TensorSpec, TensorSpec], input: TensorSpec) -> Counts:
    results = out[0].numel
    return Counts(add=results * max(_in_bin(out[0], input) - 1, 0), div=results)


# Deformable convolution ------------------------------------------------------------------------------------------


@RULES.op("torchvision::deform_conv2d")
def deform_conv2d(
    input: TensorSpec,
    weight: TensorSpec,
    offset: TensorSpec,
    mask: TensorSpec,
    bias: TensorSpec,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    groups: int,
    offset_groups: int,
    use_mask: bool,
) -> TensorSpec:
    """A convolution whose window is bent by offsets        (N, C, H, W), (O, C / groups, h, w) -> (N, O, H', W').

    Cost: each place of a window 2 add an offset group, and for every channel bilinear interpolation, 6 add, 3 mul, and
    1 mul with a mask; per output one dot product of length C / groups · h · w, and 1 add for the bias.
    Source: torchvision.ops.deform_conv2d; Zhu et al., Deformable ConvNets v2, 2018
    """
    for name, tensor in (("input", input), ("weight", weight), ("offset", offset)):
        check_ndim(check_floating(tensor, name), (4,), name)
    _same_dtype(input, weight=weight, offset=offset, bias=bias)
    batch, channels, *sizes = input.shape
    outputs, each, *window = weight.shape
    if channels != each * groups or outputs % groups != 0:
        raise ShapeError(f"input has {channels} channels, weight takes {each * groups} in {groups} groups")
    if offset_groups <= 0 or channels % offset_groups != 0:
        raise ShapeError(f"input has {channels} channels, which offset groups must divide, got {offset_groups}")
    if bias.shape != (outputs,):
        raise ShapeError(f"bias must have one number for each of {outputs} channels, got {bias.shape}")
    steps = zip(sizes, window, (stride_h, stride_w), (pad_h, pad_w), (dilation_h, dilation_w), strict=True)
    high, wide = (window_count(size, kernel, step, pad, pad, far) for size, kernel, step, pad, far in steps)
    if high <= 0 or wide <= 0:
        raise ShapeError(f"input is smaller than the window: the output would be {high} x {wide}")
    places = offset_groups * window[0] * window[1]
    for name, tensor, count in (("offset", offset, 2 * places), ("mask", mask, places)):
        if (name == "offset" or use_mask) and tensor.shape != (batch, count, high, wide):
            raise ShapeError(f"{name} must have shape {(batch, count, high, wide)}, got {tensor.shape}")
    return input.with_shape(batch, outputs, high, wide)


@deform_conv2d.cost
def _(out: TensorSpec, input: TensorSpec, weight: TensorSpec, offset: TensorSpec, use_mask: bool) -> Counts:
    _, each, high, wide = weight.shape
    values = out.numel // weight.shape[0] * input.shape[1] * high * wide
    sampled = values * (_BILINEAR + Counts(mul=1 if use_mask else 0)) + Counts(add=offset.numel)
    return sampled + Counts.dots(out.numel, each * high * wide) + Counts(add=out.numel)
