"""Matrix products of special number formats, and one product for each group of rows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor
from rules.matmul import check_dims, check_dtypes, check_inner

__all__ = ["RULES"]

RULES = RuleSet()


@RULES.op(torch._int_mm)
def int_mm(input: TensorSpec, mat2: TensorSpec) -> TensorSpec:
    """Product of two matrices of 8-bit numbers in 32-bit ones        (M, K), (K, N) -> (M, N).

    Cost: per output one dot product of length K.
    Source: torch.ops.aten._int_mm
    """
    check_dims(2, input=input, mat2=mat2)
    check_inner(input, mat2)
    for name, operand in (("input", input), ("mat2", mat2)):
        if operand.dtype not in (torch.int8, torch.uint8):
            raise ShapeError(f"{name} must be int8 or uint8, got {operand.dtype_name}")
    return input.with_shape(input.shape[0], mat2.shape[1]).with_dtype(torch.int32)


@int_mm.cost
def _(out: TensorSpec, input: TensorSpec) -> Counts:
    return Counts.dots(out.numel, input.shape[1])


@RULES.op(torch._scaled_mm)
def scaled_mm(
    input: TensorSpec,
    mat2: TensorSpec,
    scale_a: TensorSpec,
    scale_b: TensorSpec,
    bias: TensorSpec | None = None,
    scale_result: TensorSpec | None = None,
    out_dtype: torch.dtype | None = None,
    use_fast_accum: bool = False,
) -> TensorSpec:
    """Product scale_a scale_b x y + b of two matrices of 8-bit floats        (M, K), (K, N), b (N) -> (M, N).

    Cost: per output one dot product of length K, one mul for each scale, and one add where there is a bias.
    Source: torch.ops.aten._scaled_mm
    """
    check_dims(2, input=input, mat2=mat2)
    check_inner(input, mat2)
    if bias is not None and bias.numel != mat2.shape[1]:
        raise ShapeError(f"bias must have {mat2.shape[1]} elements, but its shape is {bias.shape}")
    return input.with_shape(input.shape[0], mat2.shape[1]).with_dtype(out_dtype or input.dtype)


@scaled_mm.cost
def _(out: TensorSpec, input: TensorSpec, bias: TensorSpec | None, scale_result: TensorSpec | None) -> Counts:
    outputs = out.numel
    scaled = Counts(mul=outputs * (2 if scale_result is None else 3), add=0 if bias is None else outputs)
    return Counts.dots(outputs, input.shape[1]) + scaled


@RULES.op(torch.ops.aten._scaled_mm_v2, name="scaled_mm")
def scaled_mm_in_blocks(
    input: TensorSpec,
    mat2: TensorSpec,
    scale_a: Sequence[TensorSpec],
    recipe_a: Sequence[int],
    swizzle_a: Sequence[int],
    scale_b: Sequence[TensorSpec],
    recipe_b: Sequence[int],
    swizzle_b: Sequence[int],
    bias: TensorSpec | None,
    out_dtype: torch.dtype | None,
    contraction_dim: Sequence[int] = (),
    use_fast_accum: bool = False,
) -> TensorSpec:
    """What F.scaled_mm becomes: a scaled product, with a scale for the tensor, for each row or for each block of it.

    Cost: as scaled_mm, with one mul an output for each scale.
    Source: torch.nn.functional.scaled_mm
    """
    out: TensorSpec = scaled_mm(input, mat2, scale_a[0], scale_b[0], bias, None, out_dtype)
    return out


@scaled_mm_in_blocks.cost
def _(
    out: TensorSpec,
    input: TensorSpec,
    bias: TensorSpec | None,
    scale_a: Sequence[TensorSpec],
    scale_b: Sequence[TensorSpec],
) -> Counts:
    outputs = out.numel
    scaled = Counts(mul=outputs * (len(scale_a) + len(scale_b)), add=0 if bias is None else outputs)
    return Counts.dots(outputs, input.shape[1]) + scaled


@RULES.op(torch._grouped_mm, F.grouped_mm)
def grouped_mm(
    mat_a: TensorSpec,
    mat_b: TensorSpec,
    offs: TensorSpec | None = None,
    bias: TensorSpec | None = None,
    out_dtype: torch.dtype | None = None,
) -> TensorSpec:
    """One product for each of G groups; ``offs`` (G) says where each ends in the dimension that all share.

    (T, K), (G, K, N) -> (T, N): rows shared out;  (G, M, K), (K, T) -> (M, T): columns shared out;
    (M, T), (T, N) -> (G, M, N): the inner size shared out;  (G, M, K), (G, K, N) -> (G, M, N): none.

    Cost: per output a dot product of length K, and where the inner size is shared out T products for every output of a
    group: exact, however the groups divide T.
    Source: torch.nn.functional.grouped_mm
    """
    first, second = check_tensor(mat_a, "mat_a").shape, check_tensor(mat_b, "mat_b").shape
    if len(first) not in (2, 3) or len(second) not in (2, 3):
        raise ShapeError(f"mat_a and mat_b must have 2 or 3 dimensions, got {first} and {second}")
    check_inner(mat_a, mat_b)
    check_dtypes(mat_a=mat_a, mat_b=mat_b)
    whole = len(first) == 3 and len(second) == 3
    if (offs is None) is not whole:
        raise ShapeError(f"offs goes with a matrix of 2 dimensions and only there, got {first} and {second}")
    if bias is not None:
        raise ShapeError("bias is not supported yet by torch")
    if out_dtype is not None and out_dtype is not mat_a.dtype:
        raise ShapeError(f"out_dtype must be that of mat_a, {mat_a.dtype_name}, got {out_dtype}")
    groups = [shape[0] for shape in (first, second) if len(shape) == 3]
    if offs is not None:
        check_dims(1, offs=offs)
        if offs.dtype is not torch.int32:
            raise ShapeError(f"offs must be int32, got {offs.dtype_name}")
        groups.append(offs.shape[0])
    if any(count != groups[0] for count in groups):
        raise ShapeError(f"mat_a, mat_b and offs must have as many groups, got {groups}")
    lead = (groups[0],) if len(first) == len(second) else ()
    return mat_a.with_shape(*lead, first[-2], second[-1])


@grouped_mm.cost
def _(out: TensorSpec, mat_a: TensorSpec, mat_b: TensorSpec) -> Counts:
    outputs = out.numel
    if len(mat_a.shape) == 2 and len(mat_b.shape) == 2:
        return Counts(mac=mat_a.numel * mat_b.shape[1], dot=outputs if mat_a.shape[1] != 0 else 0)
    return Counts.dots(outputs, mat_a.shape[-1])
