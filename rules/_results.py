"""What becomes of the dtype of elementwise functions' operands; each refuses those that its functions do not take."""

from __future__ import annotations

from collections.abc import Callable

import torch

from analyzer.errors import ShapeError
from analyzer.promotion import float_dtype, real_dtype

__all__ = [
    "Dtype",
    "bits",
    "double",
    "floating",
    "inexact",
    "no_bool",
    "number",
    "order",
    "parts",
    "real_float",
    "real_number",
    "real_only",
    "same",
    "to_bool",
    "whole_only",
]

# What becomes of the dtype that the operands meet in; it refuses those that the operation does not take.
Dtype = Callable[[torch.dtype], torch.dtype]


def _refused(wanted: str, dtype: torch.dtype) -> ShapeError:
    return ShapeError(f"operands must be {wanted}, got {str(dtype).removeprefix('torch.')}")


def same(dtype: torch.dtype) -> torch.dtype:
    return dtype


def real_only(dtype: torch.dtype) -> torch.dtype:
    if dtype.is_complex:
        raise _refused("real numbers", dtype)
    return dtype


def bits(dtype: torch.dtype) -> torch.dtype:
    if dtype.is_complex or dtype.is_floating_point:
        raise _refused("whole numbers and bools", dtype)
    return dtype


def whole_only(dtype: torch.dtype) -> torch.dtype:
    if dtype is torch.bool:
        raise _refused("whole numbers", dtype)
    return bits(dtype)


def number(dtype: torch.dtype) -> torch.dtype:
    if dtype is torch.bool:
        raise _refused("numbers", dtype)
    return dtype


def real_number(dtype: torch.dtype) -> torch.dtype:
    return real_only(number(dtype))


def real_float(dtype: torch.dtype) -> torch.dtype:
    return float_dtype(real_only(dtype))


def floating(dtype: torch.dtype) -> torch.dtype:
    if not dtype.is_floating_point:
        raise _refused("floating point numbers", dtype)
    return dtype


def inexact(dtype: torch.dtype) -> torch.dtype:
    if not dtype.is_floating_point and not dtype.is_complex:
        raise _refused("floating point and complex numbers", dtype)
    return dtype


def no_bool(dtype: torch.dtype) -> torch.dtype:
    return torch.int64 if dtype is torch.bool else dtype


def parts(dtype: torch.dtype) -> torch.dtype:
    return real_dtype(float_dtype(dtype))


def to_bool(dtype: torch.dtype) -> torch.dtype:
    return torch.bool


def order(dtype: torch.dtype) -> torch.dtype:
    real_only(dtype)
    return torch.bool


def double(dtype: torch.dtype) -> torch.dtype:
    return torch.complex128 if dtype.is_complex else torch.float64
