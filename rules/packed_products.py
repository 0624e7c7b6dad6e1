"""Products with weights of 8 and 4 bits that stay whole numbers until they are used."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor
from rules.matmul import check_dims
from rules.quantize import dynamic_cost

__all__ = ["RULES"]

RULES = RuleSet()


@RULES.op(torch._weight_int8pack_mm)
def weight_int8pack_mm(input: TensorSpec, mat2: TensorSpec, scales: TensorSpec) -> TensorSpec:
    """X Wᵀ with W of 8 bits, a scale a row of it        x (M, K), W (N, K) int8, scales (N) -> (M, N).

    Cost: per output one dot product of length K, 1 mul.
    Source: torch.ops.aten._weight_int8pack_mm
    """
    check_dims(2, input=input, mat2=mat2)
    if not input.dtype.is_floating_point or mat2.dtype is not torch.int8:
        raise ShapeError(f"input must be floating point and mat2 int8, got {input.dtype_name} and {mat2.dtype_name}")
    if input.shape[1] != mat2.shape[1]:
        raise ShapeError(f"input has {input.shape[1]} features, mat2 takes {mat2.shape[1]}")
    if scales.shape != mat2.shape[:1]:
        raise ShapeError(f"scales must be one for each of {mat2.shape[0]} rows, got {scales.shape}")
    return input.with_shape(input.shape[0], mat2.shape[0])


@weight_int8pack_mm.cost
def _(out: TensorSpec, input: TensorSpec) -> Counts:
    return Counts.dots(out.numel, input.shape[1]) + Counts(mul=out.numel)


@RULES.op(torch._weight_int4pack_mm, torch._weight_int4pack_mm_for_cpu)
def weight_int4pack_mm(input: TensorSpec, mat2: TensorSpec, qGroupSize: int, qScaleAndZeros: TensorSpec) -> TensorSpec:
    """X Wᵀ with W of 4 bits, a scale and an offset a group of it      x (M, K), scales (K / group, N, 2) -> (M, N).

    Cost: per output one dot product of length K; a weight 1 mul, 1 add to become a number.
    Source: torch.ops.aten._weight_int4pack_mm
    """
    check_dims(2, input=input)
    if qGroupSize not in (32, 64, 128, 256):
        raise ShapeError(f"qGroupSize must be 32, 64, 128 or 256, got {qGroupSize}")
    if qScaleAndZeros.ndim != 3 or qScaleAndZeros.shape[2] != 2:
        raise ShapeError(f"qScaleAndZeros must be (groups, N, 2), got {qScaleAndZeros.shape}")
    return input.with_shape(input.shape[0], qScaleAndZeros.shape[1])


@weight_int4pack_mm.cost
def _(out: TensorSpec, input: TensorSpec) -> Counts:
    weights = input.shape[1] * out.shape[1]
    return Counts.dots(out.numel, input.shape[1]) + Counts(mul=weights, add=weights)


@RULES.op(torch._convert_weight_to_int4pack_for_cpu, name="pack_int4")
def convert_weight_on_cpu(input: TensorSpec, innerKTiles: int) -> TensorSpec:
    """Weights of 4 bits, two a byte        (N, K) int32 -> (N, K / 2) uint8.

    Cost: nothing, it moves data.
    Source: torch.ops.aten._convert_weight_to_int4pack_for_cpu
    """
    check_dims(2, input=input)
    rows, width = input.shape
    if input.dtype is not torch.int32 or rows % 16 or width % 2:
        raise ShapeError(f"input must be int32, a multiple of 16 rows of an even width, got {input}")
    return input.with_shape(rows, width // 2).with_dtype(torch.uint8)


@RULES.op(torch._convert_weight_to_int4pack, name="pack_int4")
def convert_weight(input: TensorSpec, innerKTiles: int) -> TensorSpec:
    """Weights of 4 bits, in the tiles of a GPU        (N, K / 2) uint8 -> (N / 8, K / (16 tiles), 32, tiles / 2) int32.

    Cost: nothing, it moves data.
    Source: torch.ops.aten._convert_weight_to_int4pack
    """
    check_dims(2, input=input)
    rows, width = input.shape[0], 2 * input.shape[1]
    if input.dtype is not torch.uint8 or innerKTiles not in (2, 4, 8) or rows % 8 or width % (16 * innerKTiles):
        raise ShapeError(f"input must be uint8, rows in eights and a width in tiles of {innerKTiles}, got {input}")
    tiles = (rows // 8, width // (16 * innerKTiles), 32, innerKTiles // 2)
    return input.with_shape(*tiles).with_dtype(torch.int32)


@RULES.op(torch._dyn_quant_matmul_4bit)
def dyn_quant_matmul_4bit(
    input: TensorSpec, packed_weights: TensorSpec, block_size: int, in_features: int, out_features: int
) -> TensorSpec:
    """X Wᵀ + b with W of 4 bits and x quantized on the way        x (M, K) -> (M, N).

    Cost: per output one dot product of length K and 1 mul for every block of it, 1 add; n numbers of x quantized:
    2 (n − 1) cmp, 1 div, 1 add, 1 func, 2 cmp each.
    Source: torch.ops.aten._dyn_quant_matmul_4bit
    """
    check_dims(2, input=input)
    if input.shape[1] != in_features:
        raise ShapeError(f"input has {input.shape[1]} features, the weights take {in_features}")
    return input.with_shape(input.shape[0], out_features)


@dyn_quant_matmul_4bit.cost
def _(out: TensorSpec, input: TensorSpec, block_size: int, in_features: int) -> Counts:
    blocks = -(-in_features // block_size) if block_size > 0 else 1
    counts: Counts = dynamic_cost(input.numel)
    return counts + Counts.dots(out.numel, in_features) + Counts(mul=blocks, add=1) * out.numel


# fbgemm's products, of old -----------------------------------------------------------------------------------------


def _fbgemm_bias(input: TensorSpec, bias: TensorSpec) -> TensorSpec:
    """Y (*, N) for a bias of N numbers."""
    if check_tensor(bias, "bias").ndim != 1 or check_tensor(input, "input").ndim < 2:
        raise ShapeError(f"input must have 2 dimensions or more and bias 1, got {input.shape} and {bias.shape}")
    return input.with_shape(*input.shape[:-1], bias.shape[0])


@RULES.op(torch.fbgemm_linear_int8_weight, torch.fbgemm_linear_int8_weight_fp32_activation)
def fbgemm_linear_int8_weight(
    input: TensorSpec, weight: TensorSpec, packed: Any, col_offsets: Any, weight_scale: Any, weight_zero_point: Any,
    bias: TensorSpec,
) -> TensorSpec:  # fmt: skip
    """X Wᵀ + b with W of 8 bits and x quantized on the way        x (*, K), W (N, K), b (N) -> (*, N).

    Cost: n numbers of x quantized, 2 (n − 1) cmp, 1 div, 1 add, 1 func, 2 cmp each; per output one dot product of
    length K, 1 mul, 1 add.
    Source: torch.fbgemm_linear_int8_weight
    """
    check_dims(2, weight=weight)
    if weight.shape[1] != input.shape[-1]:
        raise ShapeError(f"input has {input.shape[-1]} features, weight takes {weight.shape[1]}")
    return _fbgemm_bias(input, bias)


@fbgemm_linear_int8_weight.cost
def _(out: TensorSpec, input: TensorSpec) -> Counts:
    counts: Counts = dynamic_cost(input.numel)
    return counts + Counts.dots(out.numel, input.shape[-1]) + Counts(mul=out.numel, add=out.numel)


@RULES.op(torch.fbgemm_linear_fp16_weight, torch.fbgemm_linear_fp16_weight_fp32_activation)
def fbgemm_linear_fp16_weight(input: TensorSpec, packed_weight: Any, bias: TensorSpec) -> TensorSpec:
    """X Wᵀ + b with packed W of 16 bits, as many rows as the bias        x (*, K), b (N) -> (*, N).

    Cost: per output one dot product of length K, 1 add.
    Source: torch.fbgemm_linear_fp16_weight
    """
    return _fbgemm_bias(input, bias)


@fbgemm_linear_fp16_weight.cost
def _(out: TensorSpec, input: TensorSpec) -> Counts:
    return Counts.dots(out.numel, input.shape[-1]) + Counts(add=out.numel)
