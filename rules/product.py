"""Products beyond two matrices: outer, Kronecker, along an axis, over several axes, chains of matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes, result_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, check_tensors, numbers, whole, wrap_dim, wrap_dims
from rules.matmul import check_dims, check_dtypes

__all__ = ["RULES"]

RULES = RuleSet()

# Where torch's own Python hands these on to.
native: Any = torch._VF


@RULES.op(torch.outer, torch.ger, "outer", "ger")
def outer(input: TensorSpec, vec2: TensorSpec) -> TensorSpec:
    """Every product of two elements        (M), (N) -> (M, N).

    Cost: per output one mul; nothing is summed.
    Source: torch.outer
    """
    check_dims(1, input=input, vec2=vec2)
    return input.with_shape(input.shape[0], vec2.shape[0]).with_dtype(result_dtype(input, vec2))


@RULES.op(torch.kron, "kron")
def kron(input: TensorSpec, other: TensorSpec) -> TensorSpec:
    """Kronecker product        (a, b), (c, d) -> (a c, b d); the shorter shape is filled up with ones in front.

    Cost: per output one mul; nothing is summed.
    Source: torch.kron
    """
    first, second = check_tensor(input, "input").shape, check_tensor(other, "other").shape
    dims = max(len(first), len(second))
    first, second = (1,) * (dims - len(first)) + first, (1,) * (dims - len(second)) + second
    shape = [m * n for m, n in zip(first, second, strict=True)]
    return input.with_shape(*shape).with_dtype(result_dtype(input, other))


def _one_mul(out: TensorSpec) -> Counts:
    return Counts(mul=out.numel)


outer.cost(_one_mul)
kron.cost(_one_mul)


@RULES.op(torch.linalg.vecdot, torch.ops.aten.linalg_vecdot)
def vecdot(input: TensorSpec, other: TensorSpec, *, dim: int = -1) -> TensorSpec:
    """Dot products along one axis        x, y broadcast to (*, K, +) -> (*, +).

    Cost: per output one dot product of length K.
    Source: torch.linalg.vecdot
    """
    check_dtypes(input=input, other=other)
    if not input.dtype.is_floating_point and not input.dtype.is_complex:
        raise ShapeError(f"input must be of floating-point or complex numbers, got {input.dtype_name}")
    if len(input.shape) == len(other.shape) == 1:  # torch takes the product of two vectors, whatever dim says
        if input.shape != other.shape:
            raise ShapeError(f"input and other must be equally long, got {input.shape[0]} and {other.shape[0]}")
        return input.with_shape()
    shape = broadcast_shapes(input.shape, other.shape)
    axis = wrap_dim(dim, len(shape))
    return input.with_shape(*shape[:axis], *shape[axis + 1 :])


@vecdot.cost
def _(out: TensorSpec, input: TensorSpec, other: TensorSpec, dim: int) -> Counts:
    shape = broadcast_shapes(input.shape, other.shape)
    return Counts.dots(out.numel, shape[wrap_dim(dim, len(shape)) if len(shape) > 1 else 0] if shape else 1)


def _contracted(dims: Any, dims_other: Any, first: int, second: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes that meet, from a count or from two lists."""
    if isinstance(dims, (tuple, list)):
        if dims_other is None and len(dims) != 2:
            raise ShapeError(f"dims must be a number or two lists of axes, got {dims!r}")
        mine, theirs = (dims, dims_other) if dims_other is not None else dims
        if not isinstance(mine, (tuple, list)) or not isinstance(theirs, (tuple, list)):
            raise ShapeError(f"dims must be a number or two lists of axes, got {dims!r}")
        mine, theirs = numbers(mine, "dims"), numbers(theirs, "dims")
    else:
        dims = whole(dims, "dims")
        if not 0 <= dims <= min(first, second):
            raise ShapeError(f"dims must be between 0 and {min(first, second)}, got {dims}")
        mine, theirs = tuple(range(first - dims, first)), tuple(range(dims))
    if len(mine) != len(theirs):
        raise ShapeError(f"dims must name as many axes of both tensors, got {mine} and {theirs}")
    return wrap_dims(mine, first, "dims"), wrap_dims(theirs, second, "dims")


@RULES.op(torch.tensordot, native.tensordot)
def tensordot(a: TensorSpec, b: TensorSpec, dims: Any = 2, dims_other: Any = None) -> TensorSpec:
    """Sum of products over several axes        (*, K...), (K..., +) -> (*, +); axes of size 1 broadcast.

    Cost: per output one dot product as long as the axes that meet hold together; one mul where none do.
    Source: torch.tensordot
    """
    check_dtypes(a=a, b=b)
    mine, theirs = _contracted(dims, dims_other, len(a.shape), len(b.shape))
    for left, right in zip(mine, theirs, strict=True):
        if a.shape[left] != b.shape[right] and a.shape[left] != 1 and b.shape[right] != 1:
            raise ShapeError(f"axis {left} of a and axis {right} of b differ: {a.shape[left]} and {b.shape[right]}")
    return a.with_shape(
        *[size for axis, size in enumerate(a.shape) if axis not in mine],
        *[size for axis, size in enumerate(b.shape) if axis not in theirs],
    )


@tensordot.cost
def _(out: TensorSpec, a: TensorSpec, b: TensorSpec, dims: Any, dims_other: Any) -> Counts:
    mine, theirs = _contracted(dims, dims_other, len(a.shape), len(b.shape))
    met = [(a.shape[left], b.shape[right]) for left, right in zip(mine, theirs, strict=True)]
    if not met:
        return Counts(mul=out.numel)
    # An axis that only one tensor has at length is summed there first.
    once = Counts()
    for operand, axes, other in ((a, mine, 1), (b, theirs, 0)):
        alone = math.prod(operand.shape[axis] for axis, pair in zip(axes, met, strict=True) if pair[other] == 1)
        if alone > 1:
            once += Counts(add=operand.numel - operand.numel // alone)
    return once + Counts.dots(out.numel, math.prod(left for left, right in met if left == right))


def _chain(tensors: Sequence[TensorSpec]) -> list[int]:
    """Sizes (n0, n1, ..., nk) of a chain of k matrices, vectors at the ends as matrices of one row or column."""
    sizes: list[int] = []
    for place, tensor in enumerate(tensors):
        ends = place == 0 or place == len(tensors) - 1
        if len(tensor.shape) != 2 and not (ends and len(tensor.shape) == 1):
            raise ShapeError(
                f"tensors must be matrices, with vectors at the ends at most, but number {place} is {tensor}"
            )
        if tensor.dtype is not tensors[0].dtype:
            raise ShapeError(f"tensors must be of one dtype, got {tensors[0].dtype_name} and {tensor.dtype_name}")
        rows, columns = tensor.shape[0], tensor.shape[-1]
        if len(tensor.shape) == 1:
            rows, columns = (1, columns) if place == 0 else (rows, 1)
        if sizes and sizes[-1] != rows:
            raise ShapeError(
                f"tensors {place - 1} and {place} cannot be multiplied: {sizes[-1]} columns against {rows} rows"
            )
        sizes = [*sizes, columns] if sizes else [rows, columns]
    return sizes


def _chain_cost(sizes: Sequence[int]) -> Counts:
    """The products in the order that needs the fewest; where several do, the one that torch picks."""
    count = len(sizes) - 1
    best: dict[tuple[int, int], tuple[int, Counts]] = {(i, i): (0, Counts()) for i in range(count)}
    for width in range(1, count):
        for i in range(count - width):
            j = i + width
            options = []
            # Of equals torch splits a chain of three behind the second, any other as early as it can.
            for k in reversed(range(i, j)) if count == 3 else range(i, j):
                here = Counts.dots(sizes[i] * sizes[j + 1], sizes[k + 1])
                left, right = best[i, k], best[k + 1, j]
                products = left[0] + right[0] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                options.append((products, left[1] + right[1] + here))
            best[i, j] = min(options, key=lambda option: option[0])
    return best[0, count - 1][1]


@RULES.op(torch.linalg.multi_dot, torch.ops.aten.linalg_multi_dot)
def multi_dot(tensors: Sequence[TensorSpec]) -> TensorSpec:
    """Product of a chain of matrices        (N0, N1), (N1, N2), ... -> (N0, Nk), with vectors at the ends at most.

    Cost: per output of each product one dot product, in the order that needs the fewest multiplications.
    Source: torch.linalg.multi_dot
    """
    tensors = check_tensors(tensors, "tensors")
    if len(tensors) < 2:
        raise ShapeError(f"tensors must be 2 or more, got {len(tensors)}")
    sizes = _chain(tensors)
    first, last = tensors[0], tensors[-1]
    shape = (sizes[0],) * (len(first.shape) == 2) + (sizes[-1],) * (len(last.shape) == 2)
    return first.with_shape(*shape)


@multi_dot.cost
def _(tensors: Sequence[TensorSpec]) -> Counts:
    return _chain_cost(_chain(tensors))


@RULES.op(torch.chain_matmul, native.chain_matmul)
def chain_matmul(*matrices: TensorSpec) -> TensorSpec:
    """Product of a chain of matrices        (N0, N1), (N1, N2), ..., (Nk-1, Nk) -> (N0, Nk).

    Cost: per output of each product one dot product, in the order that needs the fewest multiplications.
    Source: torch.chain_matmul
    """
    if not matrices:
        raise ShapeError("takes one matrix or more, got none")
    for matrix in matrices:
        check_dims(2, matrix=matrix)
    sizes = _chain(matrices)
    return matrices[0].with_shape(sizes[0], sizes[-1])


@chain_matmul.cost
def _(matrices: tuple[TensorSpec, ...]) -> Counts:
    return _chain_cost(_chain(matrices))
