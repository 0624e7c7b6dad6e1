"""Quantization rehearsed in floating point, and what observes the range of a tensor for it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.ao import quantization as ao
from torch.utils._python_dispatch import _disable_current_modes

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, wrap_dim
from rules.quantize import DEQUANTIZE, QUANTIZE, check_channels

__all__ = ["RULES"]

RULES = RuleSet()

aten = torch.ops.aten


def _rehearsed(input: Any, quant_min: Any, quant_max: Any) -> TensorSpec:
    if not check_tensor(input, "input").dtype.is_floating_point:
        raise ShapeError(f"input must hold floating numbers, got {input.dtype_name}")
    if quant_min > quant_max:
        raise ShapeError(f"quant_min must be quant_max or less, got {quant_min} and {quant_max}")
    return input  # type: ignore[no-any-return]


@RULES.op(torch.fake_quantize_per_tensor_affine)
def fake_quantize_per_tensor_affine(
    input: TensorSpec, scale: Any, zero_point: Any, quant_min: int, quant_max: int
) -> TensorSpec:
    """X quantized and back, in floating point: what quantization will lose.

    Cost: an element 1 div, 1 func, 1 add, 2 cmp there; 1 add, 1 mul back.
    Source: torch.fake_quantize_per_tensor_affine
    """
    for name, value in (("scale", scale), ("zero_point", zero_point)):
        if isinstance(value, TensorSpec) and value.numel != 1:
            raise ShapeError(f"{name} must be one number, got {value.shape}")
    return _rehearsed(input, quant_min, quant_max)


@RULES.op(torch.fake_quantize_per_channel_affine)
def fake_quantize_per_channel_affine(
    input: TensorSpec, scale: TensorSpec, zero_point: TensorSpec, axis: int, quant_min: int, quant_max: int
) -> TensorSpec:
    """X quantized and back, each channel along axis by its own scale      x (*, C, *), scale (C), zero point (C).

    Cost: as fake_quantize_per_tensor_affine.
    Source: torch.fake_quantize_per_channel_affine
    """
    out = _rehearsed(input, quant_min, quant_max)
    check_channels(input, axis, ("scale", scale), ("zero_point", zero_point))
    return out


def _both_ways(out: TensorSpec) -> Counts:
    return (QUANTIZE + DEQUANTIZE) * out.numel


fake_quantize_per_tensor_affine.cost(_both_ways)
fake_quantize_per_channel_affine.cost(_both_ways)


def _with_mask(name: str, shape: Any, cost: Any) -> None:
    target = getattr(aten, f"{name}_cachemask")

    def masked(input: TensorSpec, *given: Any, **named: Any) -> tuple[TensorSpec, TensorSpec]:
        out = shape(input, *given, **named)
        return out, out.with_dtype(torch.bool)

    masked.__doc__ = f"{name}, and where x was within the bounds.\n\nCost: as {name}.\nSource: torch.{name}"
    RULES.op(target, name=name)(masked).cost(lambda out: cost(out[0]))


_with_mask("fake_quantize_per_tensor_affine", fake_quantize_per_tensor_affine, _both_ways)
_with_mask("fake_quantize_per_channel_affine", fake_quantize_per_channel_affine, _both_ways)


def _is_on(switch: Any) -> bool:
    """Whether a switch stands on; one whose value is not known may."""
    while isinstance(switch, (tuple, list)) and len(switch) == 1:
        switch = switch[0]
    return isinstance(switch, TensorSpec) or bool(switch)


@RULES.op(torch.fused_moving_avg_obs_fake_quant, values=("observer_on", "fake_quant_on"))
def fused_moving_avg_obs_fake_quant(
    input: TensorSpec, observer_on: Any, fake_quant_on: Any, running_min: TensorSpec, running_max: TensorSpec,
    scale: TensorSpec, zero_point: TensorSpec, averaging_const: float, quant_min: int, quant_max: int, ch_axis: int,
    per_row_fake_quant: bool = False, symmetric_quant: bool = False,
) -> TensorSpec:  # fmt: skip
    """X quantized and back, by a scale that follows the moving extremes of x, of all of it or of each channel.

    Cost: where the observer is on, for each of C channels of n 2 (n − 1) cmp, 4 add and 2 mul for the averages, 2 add,
    2 div and 1 func for scale and zero point; where the rehearsal is on, as fake_quantize_per_tensor_affine.
    Source: torch.fused_moving_avg_obs_fake_quant
    """
    if per_row_fake_quant:
        wrap_dim(ch_axis, input.ndim, "ch_axis")
    return _rehearsed(input, quant_min, quant_max)


@fused_moving_avg_obs_fake_quant.cost
def _(input: TensorSpec, observer_on: Any, fake_quant_on: Any, ch_axis: int, per_row_fake_quant: bool) -> Counts:
    counts = (QUANTIZE + DEQUANTIZE) * input.numel if _is_on(fake_quant_on) else Counts()
    if _is_on(observer_on) and input.numel:
        counts += _observed(input, input.shape[wrap_dim(ch_axis, input.ndim)] if per_row_fake_quant else 1)
    return counts


def _observed(input: TensorSpec, channels: int) -> Counts:
    """Extremes of every channel, their moving averages, and the scale and zero point that they give."""
    return Counts(cmp=2 * (input.numel - channels)) + Counts(add=6, mul=2, div=2, func=1) * channels


@RULES.op(ao.HistogramObserver, alias="input", attributes={"bins": lambda module: module.bins})
def histogram_observer(input: TensorSpec, bins: int = 2048) -> TensorSpec:
    """X itself, once it was counted into a histogram.

    Cost: 2 (n − 1) cmp for the extremes; an element 1 add, 1 div for its place and 1 add to count it; 1 add a bin for
    the sum with what was counted before.
    Source: torch.ao.quantization.HistogramObserver
    """
    return check_tensor(input, "input")


@histogram_observer.cost
def _(input: TensorSpec, bins: int) -> Counts:
    n = math.prod(input.shape)
    return Counts(cmp=2 * max(n - 1, 0), add=2 * n + bins, div=n) if n else Counts()


def _observer(module: Any, averages: bool) -> None:
    def shape(input: TensorSpec, ch_axis: int | None = None) -> TensorSpec:
        if ch_axis is not None:
            wrap_dim(ch_axis, check_tensor(input, "input").ndim, "ch_axis")
        return check_tensor(input, "input")

    def cost(input: TensorSpec, ch_axis: int | None) -> Counts:
        if input.numel == 0:
            return Counts()
        channels = 1 if ch_axis is None else input.shape[wrap_dim(ch_axis, input.ndim)]
        kept = Counts(add=4, mul=2) if averages else Counts(cmp=2)
        return Counts(cmp=2 * (input.numel - channels)) + kept * channels

    shape.__doc__ = (
        "x itself, once its extremes were noted, of all of it or of each channel.\n\n"
        f"Cost: 2 (n − 1) cmp for the extremes of n numbers, {'4 add, 2 mul for their averages' if averages else ''}"
        f"{'' if averages else '2 cmp with those before'}.\nSource: torch.ao.quantization.{module.__name__}"
    )
    RULES.op(module, name="observer", alias="input")(shape).cost(cost)


_observer(ao.MinMaxObserver, False)
_observer(ao.PerChannelMinMaxObserver, False)
_observer(ao.MovingAverageMinMaxObserver, True)
_observer(ao.MovingAveragePerChannelMinMaxObserver, True)


def _switch(name: str) -> Any:
    """Whether a module's switch, a buffer of one number, stands on."""

    def read(module: Any) -> bool:
        switch = module._buffers[name]
        with torch._C.DisableTorchFunction(), _disable_current_modes():
            return switch.is_meta or bool(switch[0])

    return read


@RULES.op(
    ao.FakeQuantize,
    attributes={
        "observes": _switch("observer_enabled"),
        "quantizes": _switch("fake_quant_enabled"),
        "axis": lambda module: module.ch_axis if module.is_per_channel else None,
    },
)
def fake_quantize(input: TensorSpec, observes: bool, quantizes: bool, axis: int | None = None) -> TensorSpec:
    """X quantized and back, by a scale that an observer finds, of all of it or of each channel.

    Cost: as fused_moving_avg_obs_fake_quant.
    Source: torch.ao.quantization.FakeQuantize
    """
    if axis is not None:
        wrap_dim(axis, input.ndim, "ch_axis")
    return _rehearsed(input, 0, 0)


@fake_quantize.cost
def _(input: TensorSpec, observes: bool, quantizes: bool, axis: int | None) -> Counts:
    counts = (QUANTIZE + DEQUANTIZE) * input.numel if quantizes else Counts()
    if observes and input.numel:
        counts += _observed(input, 1 if axis is None else input.shape[wrap_dim(axis, input.ndim)])
    return counts
