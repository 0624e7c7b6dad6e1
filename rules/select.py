"""Views that show a part of a tensor, or its numbers in another guise."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.bounds import at_most
from analyzer.errors import ShapeError
from analyzer.rule import Bound
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import numbers, spellings, whole, wrap_dim
from rules.index import slice_length, vague_slice

__all__ = ["RULES", "as_strided_shape", "diagonal_shape", "select_shape", "slice_shape"]

RULES = RuleSet()

_aten = torch.ops.aten


def _some_axis(input: TensorSpec, dim: Any) -> int:
    if not input.shape:
        raise ShapeError(f"input must have dimensions, got {input}")
    return wrap_dim(dim, input.ndim)


def _narrow(input: TensorSpec, dim: int, start: Any, length: int) -> TensorSpec:
    axis = _some_axis(input, dim)
    size, length = input.shape[axis], whole(length, "length")
    if length < 0:
        raise ShapeError(f"length must be 0 or more, got {length}")
    if isinstance(start, TensorSpec):
        if start.ndim or start.dtype not in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8):
            raise ShapeError(f"start must be a whole number, got {start}")
        start = 0
    start = whole(start, "start")
    if not -size <= start <= size:
        raise ShapeError(f"start must be from {-size} to {size}, got {start}")
    start = start + size if start < 0 else start
    if start + length > size:
        raise ShapeError(f"start and length must stay within the dimension, got {start} + {length} of {size}")
    return input.with_shape(*input.shape[:axis], length, *input.shape[axis + 1 :])


def narrow(input: TensorSpec, dim: int, start: Any, length: int) -> TensorSpec:
    """Elements start to start + length along dim.

    Cost: nothing, it is a view.
    Source: torch.narrow
    """
    return _narrow(input, dim, start, length)


def select_shape(input: TensorSpec, dim: int, index: Any) -> TensorSpec:
    """What is left without dim, at one place of it."""
    axis = _some_axis(input, dim)
    size = input.shape[axis]
    if isinstance(index, TensorSpec):
        if index.numel != 1:
            raise ShapeError(f"index must be one number, got {index}")
    elif not -size <= whole(index, "index") < size:
        raise ShapeError(f"index must be from {-size} to {size - 1}, got {index}")
    return input.with_shape(*input.shape[:axis], *input.shape[axis + 1 :])


def select(input: TensorSpec, dim: int, index: Any) -> TensorSpec:
    """One place along dim, without it.

    Cost: nothing, it is a view.
    Source: torch.select
    """
    return select_shape(input, dim, index)


def slice_shape(input: TensorSpec, dim: int, start: Any, end: Any, step: Any) -> TensorSpec:
    """The shape of a slice along dim."""
    axis = _some_axis(input, dim)
    item = slice(start, end, step)
    length = slice_length(input.shape[axis], item)
    if vague_slice(item):
        length = at_most(length)
    return input.with_shape(*input.shape[:axis], length, *input.shape[axis + 1 :])


def slice_(input: TensorSpec, dim: int = 0, start: Any = None, end: Any = None, step: Any = 1) -> TensorSpec | Bound:
    """Every step-th element from start to end along dim.

    Cost: nothing, it is a view.
    Source: torch docs, "Tensor indexing API"
    """
    out = slice_shape(input, dim, start, end, step)
    why = vague_slice(slice(start, end, step))
    return Bound(out, why) if why else out


def diagonal_shape(input: TensorSpec, offset: int, dim1: int, dim2: int) -> TensorSpec:
    """Two dimensions less, the diagonal they span last."""
    first, second = wrap_dim(dim1, input.ndim, "dim1"), wrap_dim(dim2, input.ndim, "dim2")
    if first == second:
        raise ShapeError(f"dim1 and dim2 must differ, got {dim1} and {dim2}")
    offset = whole(offset, "offset")
    rows, columns = input.shape[first], input.shape[second]
    length = min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns)
    rest = [size for axis, size in enumerate(input.shape) if axis not in (first, second)]
    return input.with_shape(*rest, max(length, 0))


def diagonal(input: TensorSpec, offset: int = 0, dim1: int = 0, dim2: int = 1) -> TensorSpec:
    """A diagonal of two dimensions, at the end.

    Cost: nothing, it is a view.
    Source: torch.diagonal
    """
    return diagonal_shape(input, offset, dim1, dim2)


@RULES.op(torch.linalg.diagonal, name="diagonal", alias="A")
def linalg_diagonal(A: TensorSpec, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> TensorSpec:
    """A diagonal of two dimensions, the last two unless said otherwise, at the end.

    Cost: nothing, it is a view.
    Source: torch.linalg.diagonal
    """
    return diagonal_shape(A, offset, dim1, dim2)


def _unfolded(input: TensorSpec, dimension: int, size: int, step: int) -> TensorSpec:
    axis = wrap_dim(dimension, input.ndim, "dimension")
    size, step = whole(size, "size"), whole(step, "step")
    length = input.shape[axis] if input.shape else 1
    if step <= 0:
        raise ShapeError(f"step must be 1 or more, got {step}")
    if not 0 <= size <= length:
        raise ShapeError(f"size must be from 0 to that of the dimension, got {size} for {length}")
    if not input.shape:
        return input.with_shape(size)
    return input.with_shape(*input.shape[:axis], (length - size) // step + 1, *input.shape[axis + 1 :], size)


def unfold(input: TensorSpec, dimension: int, size: int, step: int) -> TensorSpec:
    """Every stretch of size elements, step apart, along a dimension; the stretches last.

    Cost: nothing, it is a view.
    Source: torch.Tensor.unfold
    """
    return _unfolded(input, dimension, size, step)


def as_strided_shape(input: TensorSpec, size: Any, stride: Any, storage_offset: Any) -> TensorSpec:
    """The shape asked for, where the strides are as many."""
    sizes, strides = numbers(size, "size"), numbers(stride, "stride")
    if len(sizes) != len(strides):
        raise ShapeError(f"size and stride must be equally long, got {sizes} and {strides}")
    if any(value < 0 for value in (*sizes, *strides)) or (storage_offset or 0) < 0:
        raise ShapeError(f"size and stride must be 0 or more, got {sizes} and {strides}")
    return input.with_shape(*sizes)


def as_strided(input: TensorSpec, size: Any, stride: Any, storage_offset: int | None = None) -> TensorSpec:
    """The storage of input read with other strides.

    Cost: nothing, it is a view.
    Source: torch.as_strided
    """
    return as_strided_shape(input, size, stride, storage_offset)


for _name, _shape, _view, _copy in (
    ("narrow", narrow, spellings("narrow"), spellings("narrow_copy")),
    ("select", select, spellings("select"), [torch.select_copy]),
    ("slice", slice_, [_aten.slice], [torch.slice_copy]),
    ("diagonal", diagonal, spellings("diagonal"), [torch.diagonal_copy]),
    ("unfold", unfold, ["unfold"], [torch.unfold_copy]),
    ("as_strided", as_strided, spellings("as_strided"), [torch.as_strided_copy]),
):
    RULES.op(*_view, name=_name, alias="input")(_shape)
    RULES.op(*_copy, name=f"{_name}_copy")(_shape)


@RULES.op(torch.real, "real", alias="input", name="real")
def real(input: TensorSpec) -> TensorSpec:
    """The real parts.

    Cost: nothing, it is a view.
    Source: torch.real
    """
    return input.with_dtype(input.dtype.to_real()) if input.dtype.is_complex else input


@RULES.op(torch.imag, "imag", alias="input", name="imag")
def imag(input: TensorSpec) -> TensorSpec:
    """The imaginary parts.

    Cost: nothing, it is a view.
    Source: torch.imag
    """
    if not input.dtype.is_complex:
        raise ShapeError(f"input must be complex, got {input}")
    return input.with_dtype(input.dtype.to_real())


def _as_real(input: TensorSpec) -> TensorSpec:
    """Complex numbers as pairs, (*) -> (*, 2).

    Cost: nothing, it is a view.
    Source: torch.view_as_real
    """
    if not input.dtype.is_complex:
        raise ShapeError(f"input must be complex, got {input}")
    return input.with_shape(*input.shape, 2).with_dtype(input.dtype.to_real())


def _as_complex(input: TensorSpec) -> TensorSpec:
    """Pairs as complex numbers, (*, 2) -> (*).

    Cost: nothing, it is a view.
    Source: torch.view_as_complex
    """
    if input.dtype not in (torch.float16, torch.float32, torch.float64):
        raise ShapeError(f"input must be half, float or double, got {input}")
    if not input.shape or input.shape[-1] != 2:
        raise ShapeError(f"the last dimension of input must be of size 2, got {input.shape}")
    return input.with_shape(*input.shape[:-1]).with_dtype(input.dtype.to_complex())


for _name, _part in (("view_as_real", _as_real), ("view_as_complex", _as_complex)):
    RULES.op(getattr(torch, _name), name=_name, alias="input")(_part)
    RULES.op(getattr(torch, f"{_name}_copy"), name=f"{_name}_copy")(_part)
