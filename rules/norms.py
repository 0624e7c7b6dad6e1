"""Norms of vectors and matrices."""

from __future__ import annotations

import math
from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes, real_dtype, result_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_scalar, check_tensor, spellings, wrap_dim, wrap_dims
from rules._lapack import svd
from rules.reduce import not_empty, reduced, steps

__all__ = ["RULES", "matrix_norm", "matrix_norm_cost"]

RULES = RuleSet()


def _norm_dtype(input: TensorSpec, dtype: torch.dtype | None) -> torch.dtype:
    own = input.dtype
    if not own.is_floating_point and not own.is_complex:
        raise ShapeError(f"input must be floating point or complex, got {input}")
    if dtype is not None:
        if not (dtype.is_floating_point or dtype.is_complex) or dtype.is_complex is not own.is_complex:
            raise ShapeError(f"dtype must be {'complex' if own.is_complex else 'floating point'}, got {dtype}")
        if torch.promote_types(own, dtype) is not dtype:
            raise ShapeError(f"dtype must hold what input holds, got {dtype} for {own}")
    return real_dtype(dtype or own)


def _vector_norm(input: TensorSpec, ord: Any, dim: Any, keepdim: bool, dtype: torch.dtype | None) -> TensorSpec:
    if not isinstance(ord, (int, float, complex)) or isinstance(ord, complex):
        raise ShapeError(f"ord must be a number, got {ord!r}")
    kind = _norm_dtype(input, dtype)
    if input.numel == 0 and (ord < 0 or ord == math.inf):
        try:
            not_empty(input, dim)
        except ShapeError:
            raise ShapeError(f"a norm of order {ord} of no elements does not exist, got {input.shape}") from None
    return reduced(input, dim, keepdim).with_dtype(kind)


def _vector_norm_cost(out: TensorSpec, input: TensorSpec, ord: Any) -> Counts:
    size, some = input.numel, steps(input, out)
    if ord == 2:
        return Counts(mul=size, add=some, func=out.numel)
    if ord in (math.inf, -math.inf):
        return Counts(cmp=size + some)
    if ord in (0, 1):
        return Counts(cmp=size, add=some)
    return Counts(cmp=size, func=size + out.numel, add=some)


@RULES.op(torch.linalg.vector_norm, torch.ops.aten.linalg_vector_norm)
def vector_norm(
    input: TensorSpec, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> TensorSpec:
    """(Σ |x|^ord)^(1/ord) over dim; the largest or smallest |x| for an infinite ord, how many are not 0 for 0.

    Cost: ord 2: n mul, n − 1 add, 1 func; 1 and 0: n cmp, n − 1 add; infinite: 2 n − 1 cmp; any other: n cmp,
    n + 1 func, n − 1 add.
    Source: torch.linalg.vector_norm
    """
    return _vector_norm(input, ord, dim, keepdim, dtype)


@vector_norm.cost
def _(out: TensorSpec, input: TensorSpec, ord: Any) -> Counts:
    return _vector_norm_cost(out, input, ord)


def _planes(input: TensorSpec, dim: Any) -> tuple[int, int]:
    if not isinstance(dim, (tuple, list)) or len(dim) != 2:
        raise ShapeError(f"dim must be two dimensions for a norm of matrices, got {dim}")
    if input.ndim < 2:
        raise ShapeError(f"input must have 2 or more dimensions, got {input.ndim}")
    first, second = wrap_dims(dim, input.ndim)
    return first, second


def _matrix_norm(input: TensorSpec, ord: Any, dim: Any, keepdim: bool, dtype: torch.dtype | None) -> TensorSpec:
    kind = _norm_dtype(input, dtype)
    first, second = _planes(input, dim)
    if isinstance(ord, str):
        if ord not in ("fro", "nuc"):
            raise ShapeError(f"ord must be 'fro', 'nuc' or a number, got {ord!r}")
    elif not isinstance(ord, (int, float)) or abs(ord) not in (1, 2, math.inf):
        raise ShapeError(f"ord must be 1, -1, 2, -2, inf or -inf for matrices, got {ord!r}")
    elif ord < 0:
        kinds = {1: (second,), 2: (first, second), math.inf: (first,)}
        if any(input.shape[axis] == 0 for axis in kinds[abs(ord)]):
            raise ShapeError(f"a norm of order {ord} of an empty matrix does not exist, got {input.shape}")
    return reduced(input, dim, keepdim).with_dtype(kind)


def matrix_norm_cost(out: TensorSpec, input: TensorSpec, ord: Any, dim: Any) -> Counts:
    """The singular values by Golub and Kahan's method: 4 m n² − 4 n³ / 3 operations, half of them products."""
    size, results = input.numel, out.numel
    if size == 0:
        return Counts()
    if ord == "fro":
        return _vector_norm_cost(out, input, 2)
    first, second = _planes(input, dim)
    rows, columns = input.shape[first], input.shape[second]
    if ord in ("nuc", 2, -2):
        last = results * (min(rows, columns) - 1)
        return results * svd(rows, columns) + (Counts(add=last) if ord == "nuc" else Counts(cmp=last))
    lines = rows if abs(ord) == math.inf else columns
    return Counts(cmp=size + results * (lines - 1), add=size - results * lines)


@RULES.op(torch.linalg.matrix_norm, torch.ops.aten.linalg_matrix_norm)
def matrix_norm(
    input: TensorSpec, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *,
    dtype: torch.dtype | None = None,
) -> TensorSpec:  # fmt: skip
    """A norm of the matrices that two dimensions span.

    Cost: 'fro' as a vector norm of order 2; 1 and inf: n cmp, their sums, the extreme; 'nuc' and 2: the singular
    values, 2 m n² − 2 n³ / 3 mul and as many add, and their sum or extreme.
    Source: torch.linalg.matrix_norm; Golub and Van Loan, Matrix Computations, 8.6
    """
    return _matrix_norm(input, ord, dim, keepdim, dtype)


@matrix_norm.cost
def _(out: TensorSpec, input: TensorSpec, ord: Any, dim: Any) -> Counts:
    return matrix_norm_cost(out, input, ord, dim)


def _whole_dims(input: TensorSpec, ord: Any, dim: Any) -> Any:
    """linalg.norm's reading of its arguments: a matrix norm where it returns two dimensions, else a vector norm."""
    if dim is None and ord is not None and input.ndim == 2:
        return (0, 1)
    return tuple(dim) if isinstance(dim, (tuple, list)) and len(dim) == 2 and ord is not None else None


@RULES.op(torch.linalg.norm, torch.ops.aten.linalg_norm, name="norm")
def linalg_norm(
    input: TensorSpec, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> TensorSpec:
    """A norm of vectors, or with an order and two dimensions of matrices.

    Cost: as that norm, see vector_norm and matrix_norm.
    Source: torch.linalg.norm
    """
    if dim is None and ord is not None and input.ndim not in (1, 2):
        raise ShapeError(f"input must have 1 or 2 dimensions where ord is given without dim, got {input.ndim}")
    if isinstance(dim, (tuple, list)) and len(dim) > 2 and ord is not None:
        raise ShapeError(f"dim must be one or two dimensions where ord is given, got {dim}")
    planes = _whole_dims(input, ord, dim)
    if planes is not None:
        return _matrix_norm(input, ord, planes, keepdim, dtype)
    return _vector_norm(input, 2 if ord is None else ord, dim, keepdim, dtype)


@linalg_norm.cost
def _(out: TensorSpec, input: TensorSpec, ord: Any, dim: Any) -> Counts:
    planes = _whole_dims(input, ord, dim)
    if planes is not None:
        return matrix_norm_cost(out, input, ord, planes)
    return _vector_norm_cost(out, input, 2 if ord is None else ord)


@RULES.op(torch.functional.norm, "norm", torch.norm)
def norm(
    input: TensorSpec, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: torch.dtype | None = None
) -> TensorSpec:
    """(Σ |x|^p)^(1/p) over dim; 'fro' is p = 2, 'nuc' the nuclear norm of matrices.

    Cost: as that norm, see vector_norm and matrix_norm.
    Source: torch.norm
    """
    check_tensor(input, "input")
    if p == "nuc":
        return _matrix_norm(input, p, tuple(range(input.ndim)) if dim is None else dim, keepdim, dtype)
    if p == "fro":
        if isinstance(dim, (tuple, list)) and len(dim) > 2:
            raise ShapeError(f"dim must be one or two dimensions for 'fro', got {dim}")
        p = 2
    return _vector_norm(input, 2 if p is None else p, dim, keepdim, dtype)


@norm.cost
def _(out: TensorSpec, input: TensorSpec, p: Any, dim: Any) -> Counts:
    if p == "nuc":
        return matrix_norm_cost(out, input, p, (0, 1) if dim is None else dim)
    return _vector_norm_cost(out, input, 2 if p in ("fro", None) else p)


@RULES.op(*spellings("dist"))
def dist(input: TensorSpec, other: TensorSpec, p: Any = 2) -> TensorSpec:
    """The p-norm of input − other, broadcast.

    Cost: one add an element for the difference, then as a vector norm.
    Source: torch.dist
    """
    dtype = result_dtype(input, check_tensor(other, "other"))
    broadcast_shapes(input.shape, other.shape)
    return input.with_shape().with_dtype(_norm_dtype(input.with_dtype(dtype), None))


@dist.cost
def _(out: TensorSpec, input: TensorSpec, other: TensorSpec, p: Any) -> Counts:
    spread = input.with_shape(*broadcast_shapes(input.shape, other.shape))
    return Counts(add=spread.numel) + _vector_norm_cost(out, spread, p)


@RULES.op(*spellings("renorm"))
def renorm(input: TensorSpec, p: Any, dim: int, maxnorm: Any) -> TensorSpec:
    """Every slice along dim shrunk to a p-norm of at most maxnorm.

    Cost: as a vector norm over each slice, one cmp and one div a slice, one mul an element.
    Source: torch.renorm
    """
    if input.ndim < 2:
        raise ShapeError(f"input must have 2 or more dimensions, got {input.ndim}")
    wrap_dim(dim, input.ndim)
    _norm_dtype(input, None)
    if not isinstance(p, (int, float)) or p <= 0:
        raise ShapeError(f"p must be greater than 0, got {p!r}")
    check_scalar(maxnorm, "maxnorm")
    if maxnorm < 0:
        raise ShapeError(f"maxnorm must be 0 or more, got {maxnorm}")
    return input


@renorm.cost
def _(input: TensorSpec, p: Any, dim: int) -> Counts:
    slices = input.with_shape(input.shape[wrap_dim(dim, input.ndim)])
    each = Counts(cmp=slices.numel, div=slices.numel, mul=input.numel)
    return _vector_norm_cost(slices, input, p) + each
