"""Matrix products in all their shapes."""

from __future__ import annotations

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes, result_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor

__all__ = ["RULES", "bmm", "check_dims", "check_dtypes", "check_inner", "check_stretches", "mm", "mv"]

RULES = RuleSet()


def check_dtypes(**operands: TensorSpec) -> None:
    """One dtype for all operands, and one that torch has matrix products for."""
    (first, input), *others = operands.items()
    check_tensor(input, first)
    for name, other in others:
        if check_tensor(other, name).dtype is not input.dtype:
            both = f"{input.dtype_name} and {other.dtype_name}"
            raise ShapeError(f"{first} and {name} must have the same dtype, got {both}")
    if input.dtype is torch.bool:
        raise ShapeError(f"{first} must hold numbers, got bool")


def check_dims(dims: int, **operands: TensorSpec) -> None:
    for name, operand in operands.items():
        if len(check_tensor(operand, name).shape) != dims:
            raise ShapeError(f"{name} must have {dims} dimension{'s' * (dims > 1)}, but its shape is {operand.shape}")


def check_stretches(name: str, shape: tuple[int, ...], to: tuple[int, ...]) -> None:
    """What is added must broadcast to the result without making it larger."""
    if len(shape) == len(to) and shape == to:
        return
    if len(shape) > len(to) or any(n != m and n != 1 for n, m in zip(reversed(shape), reversed(to), strict=False)):
        raise ShapeError(f"{name} does not stretch to the result: {shape} against {to}")


def check_inner(first: TensorSpec, second: TensorSpec) -> None:
    """The inner sizes of two matrices (or of two batches of them)."""
    if first.shape[-1] != second.shape[-2]:
        sizes = f"{first.shape[-1]} columns against {second.shape[-2]} rows"
        raise ShapeError(f"shapes {first.shape} and {second.shape} cannot be multiplied: {sizes}")


@RULES.op(torch.matmul, "matmul", "__matmul__", torch.linalg.matmul, torch.ops.aten.linalg_matmul)
def matmul(input: TensorSpec, other: TensorSpec) -> TensorSpec:
    """Product x y        x (*, M, K), y (*, K, N) -> (*, M, N), leading sizes broadcast; a vector's K leaves nothing.

    Cost: per output one dot product of length K.
    Source: torch.matmul
    """
    first, second = check_tensor(input, "input").shape, check_tensor(other, "other").shape
    if not first or not second:
        raise ShapeError(f"input and other must have dimensions, got {first} and {second}")
    inner = second[-2] if len(second) > 1 else second[0]
    if first[-1] != inner:
        raise ShapeError(f"shapes {first} and {second} cannot be multiplied: {first[-1]} columns against {inner} rows")
    if other.dtype is not input.dtype or input.dtype is torch.bool:
        check_dtypes(input=input, other=other)
    if len(second) <= 2:
        return input.with_shape(*first[:-1], *second[1:])
    if len(first) <= 2:
        return input.with_shape(*second[:-2], *first[:-1], second[-1])
    return input.with_shape(*broadcast_shapes(first[:-2], second[:-2]), first[-2], second[-1])


def _row_dots(out: TensorSpec, input: TensorSpec) -> Counts:
    """A dot product of a row of the input for every output."""
    return Counts.dots(out.numel, input.shape[-1])


matmul.cost(_row_dots)


@RULES.op("__rmatmul__", name="matmul")
def rmatmul(input: TensorSpec, other: TensorSpec) -> TensorSpec:
    """Product y x, of `matmul`.

    Cost: per output one dot product of the inner length.
    Source: torch.Tensor.__rmatmul__
    """
    out: TensorSpec = matmul(other, input)
    return out


@rmatmul.cost
def _(out: TensorSpec, other: TensorSpec) -> Counts:
    return Counts.dots(out.numel, other.shape[-1])


@RULES.op(torch.mm, "mm")
def mm(input: TensorSpec, mat2: TensorSpec, out_dtype: torch.dtype | None = None) -> TensorSpec:
    """Product of two matrices        (M, K), (K, N) -> (M, N).

    Cost: per output one dot product of length K.
    Source: torch.mm
    """
    check_dims(2, input=input, mat2=mat2)
    check_inner(input, mat2)
    check_dtypes(input=input, mat2=mat2)
    return input.with_shape(input.shape[0], mat2.shape[1]).with_dtype(out_dtype or input.dtype)


mm.cost(_row_dots)


@RULES.op(torch.bmm, "bmm")
def bmm(input: TensorSpec, mat2: TensorSpec, out_dtype: torch.dtype | None = None) -> TensorSpec:
    """Products of two batches of matrices        (B, M, K), (B, K, N) -> (B, M, N).

    Cost: per output one dot product of length K.
    Source: torch.bmm
    """
    check_dims(3, input=input, mat2=mat2)
    if input.shape[0] != mat2.shape[0]:
        raise ShapeError(f"input has a batch of {input.shape[0]}, mat2 of {mat2.shape[0]}")
    check_inner(input, mat2)
    check_dtypes(input=input, mat2=mat2)
    return input.with_shape(*input.shape[:2], mat2.shape[2]).with_dtype(out_dtype or input.dtype)


bmm.cost(_row_dots)


@RULES.op(torch.mv, "mv")
def mv(input: TensorSpec, vec: TensorSpec) -> TensorSpec:
    """Product of a matrix and a vector        (M, K), (K) -> (M).

    Cost: per output one dot product of length K.
    Source: torch.mv
    """
    check_dims(2, input=input)
    check_dims(1, vec=vec)
    if input.shape[1] != vec.shape[0]:
        raise ShapeError(f"input has {input.shape[1]} columns, vec has {vec.shape[0]} elements")
    check_dtypes(input=input, vec=vec)
    return input.with_shape(input.shape[0])


mv.cost(_row_dots)


@RULES.op(torch.dot, "dot")
def dot(input: TensorSpec, tensor: TensorSpec) -> TensorSpec:
    """Product of two vectors        (K), (K) -> ().

    Cost: one dot product of length K.
    Source: torch.dot
    """
    check_dims(1, input=input, tensor=tensor)
    if input.shape != tensor.shape:
        raise ShapeError(f"input and tensor must be equally long, got {input.shape[0]} and {tensor.shape[0]}")
    check_dtypes(input=input, tensor=tensor)
    return input.with_shape()


@RULES.op(torch.vdot, "vdot")
def vdot(input: TensorSpec, other: TensorSpec) -> TensorSpec:
    """Product of the conjugate of a vector and a vector        (K), (K) -> ().

    Cost: one dot product of length K.
    Source: torch.vdot
    """
    out: TensorSpec = dot(input, other)
    return out


dot.cost(_row_dots)
vdot.cost(_row_dots)


@RULES.op(torch.inner, "inner")
def inner(input: TensorSpec, other: TensorSpec) -> TensorSpec:
    """Products of all rows        (*, K), (+, K) -> (*, +); a scalar tensor multiplies.

    Cost: per output one dot product of length K; one mul with a scalar.
    Source: torch.inner
    """
    if not check_tensor(input, "input").shape or not check_tensor(other, "other").shape:
        lead = input if input.shape else other
        return lead.with_dtype(result_dtype(input, other))
    if input.shape[-1] != other.shape[-1]:
        raise ShapeError(f"input and other must end in the same size, got {input.shape[-1]} and {other.shape[-1]}")
    check_dtypes(input=input, other=other)
    return input.with_shape(*input.shape[:-1], *other.shape[:-1])


@inner.cost
def _(out: TensorSpec, input: TensorSpec, other: TensorSpec) -> Counts:
    if not input.shape or not other.shape:
        return Counts(mul=out.numel)
    return Counts.dots(out.numel, input.shape[-1])
