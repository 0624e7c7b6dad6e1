"""What the rules of matrix decompositions ask of their matrices and targets."""

from __future__ import annotations

import math
from typing import Any

import torch

from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes, real_dtype
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, spellings

__all__ = [
    "batch", "check_matrix", "check_right", "check_same", "everywhere", "info", "linalg", "pivots", "sides",
    "singular_values", "square",
]  # fmt: skip

_PRECISE = frozenset({torch.float32, torch.float64, torch.complex64, torch.complex128})


def linalg(*names: str) -> list[Any]:
    """The functions of torch.linalg that bear these names, with their aten operators.

    >>> linalg("qr") == [torch.linalg.qr, torch.ops.aten.linalg_qr]
    True
    """
    return [target for name in names for target in (getattr(torch.linalg, name), _aten(f"linalg_{name}"))]


def _aten(name: str) -> Any:
    return getattr(torch.ops.aten, name)


def everywhere(*names: str) -> list[Any]:
    """Those of `linalg`, and those of torch and of a tensor."""
    return linalg(*names) + spellings(*names)


def check_matrix(value: Any, name: str = "A", *, precise: bool = True) -> TensorSpec:
    """The argument itself where it holds floating or complex matrices; LAPACK knows none of half precision."""
    spec = check_tensor(value, name)
    if len(spec.shape) < 2:
        raise ShapeError(f"{name} must have 2 or more dimensions, got {len(spec.shape)}: {spec.shape}")
    if not (spec.dtype in _PRECISE if precise else spec.dtype.is_floating_point or spec.dtype.is_complex):
        wanted = "float32, float64 or complex" if precise else "floating point or complex"
        raise ShapeError(f"{name} must be {wanted}, got {spec.dtype_name}")
    return spec


def square(value: Any, name: str = "A", *, precise: bool = True) -> TensorSpec:
    """The argument itself where it holds square matrices."""
    spec = check_matrix(value, name, precise=precise)
    if spec.shape[-1] != spec.shape[-2]:
        raise ShapeError(f"{name} must hold square matrices, got {spec.shape[-2]} rows and {spec.shape[-1]} columns")
    return spec


def check_same(first: str, one: TensorSpec, second: str, other: TensorSpec) -> None:
    """Two operands of one dtype."""
    if one.dtype is not other.dtype:
        raise ShapeError(f"{first} and {second} must have the same dtype, got {one.dtype_name} and {other.dtype_name}")


def check_right(A: TensorSpec, B: TensorSpec, left: bool = True, names: tuple[str, str] = ("A", "B")) -> TensorSpec:
    """What A X = B (or X A = B) gives for square matrices A: both broadcast over what stands before the matrices."""
    check_matrix(B, names[1])
    check_same(names[0], A, names[1], B)
    if B.shape[-2 if left else -1] != A.shape[-1]:
        what = "rows" if left else "columns"
        raise ShapeError(f"{names[1]} must have as many {what} as {names[0]}, got {B.shape} for {A.shape}")
    return B.with_shape(*broadcast_shapes(A.shape[:-2], B.shape[:-2]), *B.shape[-2:])


def batch(spec: TensorSpec) -> int:
    """How many matrices there are."""
    return math.prod(spec.shape[:-2])


def sides(A: TensorSpec) -> tuple[int, int]:
    """Rows and columns of each matrix."""
    m, n = A.shape[-2:]
    return m, n


def singular_values(A: TensorSpec) -> TensorSpec:
    """One real number for each row or column, whichever are fewer."""
    return A.with_shape(*A.shape[:-2], min(A.shape[-2:])).with_dtype(real_dtype(A.dtype))


def pivots(A: TensorSpec) -> TensorSpec:
    """The row exchanges of a decomposition."""
    return A.with_shape(*A.shape[:-2], min(A.shape[-2:])).with_dtype(torch.int32)


def info(A: TensorSpec) -> TensorSpec:
    """LAPACK's error codes, one a matrix."""
    return A.with_shape(*A.shape[:-2]).with_dtype(torch.int32)
