"""To whole numbers with a scale, and back: quantization."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import DataDependentError, ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, check_tensors, spellings, wrap_dim

__all__ = [
    "DEQUANTIZE",
    "QUANTIZE",
    "QUANTIZED",
    "RULES",
    "check_channels",
    "check_quantized",
    "dynamic_cost",
    "operators",
]

RULES = RuleSet()

# round(x / scale) + zero point, between two bounds; and (q − zero point) · scale.
QUANTIZE = Counts(div=1, func=1, add=1, cmp=2)
DEQUANTIZE = Counts(add=1, mul=1)

# What stands behind a quantized dtype.
QUANTIZED = {torch.quint8: torch.uint8, torch.qint8: torch.int8, torch.qint32: torch.int32}
_PACKED = frozenset({torch.quint4x2, torch.quint2x4})


def operators(*names: str) -> list[Any]:
    """Torch's operators of these names on quantized tensors, by name where torch was built without them.

    >>> operators("add") == [torch.ops.quantized.add]
    True
    """
    return [getattr(torch.ops.quantized, name, f"quantized::{name}") for name in names]


def check_quantized(spec: Any, name: str = "input") -> TensorSpec:
    """The argument itself where it holds quantized numbers."""
    if check_tensor(spec, name).dtype not in QUANTIZED:
        raise ShapeError(f"{name} must be quantized, got {spec.dtype_name}")
    return spec  # type: ignore[no-any-return]


def _to_quantized(input: Any, dtype: Any) -> TensorSpec:
    if check_tensor(input, "input").dtype is not torch.float32:
        raise ShapeError(f"input must be float32, got {input.dtype_name}")
    if dtype not in QUANTIZED and dtype not in _PACKED:
        raise ShapeError(f"dtype must be a quantized one such as torch.quint8, got {dtype}")
    return input.with_dtype(dtype)  # type: ignore[no-any-return]


def _numel(out: Any) -> int:
    return out.numel if isinstance(out, TensorSpec) else sum(spec.numel for spec in out)


# To whole numbers ------------------------------------------------------------------------------------------------


@RULES.op(torch.quantize_per_tensor)
def quantize_per_tensor(
    input: Any, scale: Any = None, zero_point: Any = None, dtype: Any = None, *, scales: Any = None,
    zero_points: Any = None, tensors: Any = None,
) -> Any:  # fmt: skip
    """round(x / scale) + zero point, within dtype's bounds; one tensor, or a list of them with as many scales.

    Cost: an element 1 div, 1 func, 1 add, 2 cmp.
    Source: torch.quantize_per_tensor
    """
    if isinstance(input, (tuple, list)):
        return tuple(_to_quantized(spec, dtype) for spec in check_tensors(input, "tensors"))
    return _to_quantized(input, dtype)


@quantize_per_tensor.cost
def _(out: Any) -> Counts:
    return QUANTIZE * _numel(out)


def check_channels(input: TensorSpec, axis: Any, *parameters: tuple[str, Any]) -> None:
    """Parameters that are one for each of the channels along axis."""
    size = input.shape[wrap_dim(axis, input.ndim, "axis")] if input.shape else 1
    for name, spec in parameters:
        if check_tensor(spec, name).shape != (size,):
            raise ShapeError(f"{name} must be one for each of {size} channels, got {spec.shape}")


@RULES.op(torch.quantize_per_channel)
def quantize_per_channel(
    input: TensorSpec, scales: TensorSpec, zero_points: TensorSpec, axis: int, dtype: torch.dtype
) -> TensorSpec:
    """round(x / scale) + zero point, of each channel along axis      x (*, C, *), scales (C), zero points (C).

    Cost: an element 1 div, 1 func, 1 add, 2 cmp.
    Source: torch.quantize_per_channel
    """
    out = _to_quantized(input, dtype)
    check_channels(input, axis, ("scales", scales), ("zero_points", zero_points))
    return out


quantize_per_channel.cost(lambda out: QUANTIZE * out.numel)


@RULES.op(torch.quantize_per_tensor_dynamic)
def quantize_per_tensor_dynamic(input: TensorSpec, dtype: torch.dtype, reduce_range: bool) -> TensorSpec:
    """round(x / scale) + zero point, which the extremes of x decide.

    Cost: 2 (n − 1) cmp for the extremes, 2 add, 2 div, 1 func for scale and zero point; an element 1 div, 1 func,
    1 add, 2 cmp.
    Source: torch.quantize_per_tensor_dynamic
    """
    if dtype not in (torch.quint8, torch.qint8, torch.float16):
        raise ShapeError(f"dtype must be quint8, qint8 or float16, got {dtype}")
    return check_tensor(input, "input").with_dtype(dtype) if dtype is torch.float16 else _to_quantized(input, dtype)


def dynamic_cost(numel: int) -> Counts:
    """Numbers quantized between their own extremes."""
    return Counts(cmp=2 * max(numel - 1, 0), add=2, div=2, func=1) + QUANTIZE * numel


@quantize_per_tensor_dynamic.cost
def _(out: TensorSpec) -> Counts:
    return Counts() if out.dtype is torch.float16 else dynamic_cost(out.numel)


@RULES.op(torch.choose_qparams_optimized)
def choose_qparams_optimized(
    input: TensorSpec, numel: int, n_bins: int, ratio: float, bit_width: int
) -> tuple[TensorSpec, TensorSpec]:
    """The bounds, of ratio n_bins tried, that quantize a row with the least loss      x (n) -> low (1), high (1).

    Cost: 2 (n − 1) cmp; for each of at most 2 ratio n_bins bounds tried, an element quantized and back, its square
    and their sum.
    Source: torch.choose_qparams_optimized
    """
    if check_tensor(input, "input").numel != numel:
        raise ShapeError(f"input must hold numel elements, {numel}, got {input.shape}")
    bound = input.with_shape(1).with_dtype(torch.float32)
    return bound, bound


@choose_qparams_optimized.cost
def _(numel: int, n_bins: int, ratio: float) -> Counts:
    tried = 2 * int(ratio * n_bins)
    return Counts(cmp=2 * max(numel - 1, 0)) + (QUANTIZE + DEQUANTIZE + Counts(add=2, mul=1)) * (tried * numel)


# Back --------------------------------------------------------------------------------------------------------------


@RULES.op(*spellings("dequantize"))
def dequantize(input: Any) -> Any:
    """(q − zero point) · scale in floating point; one tensor, or a list of them.

    Cost: an element 1 add, 1 mul; of a tensor that is not quantized nothing.
    Source: torch.dequantize
    """
    if isinstance(input, (tuple, list)):
        return tuple(spec.with_dtype(torch.float32) for spec in check_tensors(input, "tensors"))
    return check_tensor(input, "input").with_dtype(torch.float32)


@dequantize.cost
def _(input: Any) -> Counts:
    given = [input] if isinstance(input, TensorSpec) else input
    return DEQUANTIZE * sum(spec.numel for spec in given if spec.dtype in QUANTIZED or spec.dtype in _PACKED)


@RULES.op(*spellings("int_repr"))
def int_repr(input: TensorSpec) -> TensorSpec:
    """The whole numbers of a quantized tensor.

    Cost: nothing, it moves data.
    Source: torch.Tensor.int_repr
    """
    return input.with_dtype(QUANTIZED[check_quantized(input).dtype])


def _ask(name: str) -> None:
    def shape(input: TensorSpec) -> TensorSpec:
        check_quantized(input)
        raise DataDependentError(f"the model asks how a tensor was quantized ({name}), and a spec has no scale")

    shape.__doc__ = f"{name} of a quantized tensor, which is a value.\n\nCost: none.\nSource: torch.Tensor.{name}"
    RULES.op(*spellings(name), name=name)(shape)


for _name in (
    "q_scale", "q_zero_point", "q_per_channel_scales", "q_per_channel_zero_points", "q_per_channel_axis", "qscheme",
):  # fmt: skip
    _ask(_name)
