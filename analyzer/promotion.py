"""Broadcasting and type promotion, for rules: the two questions every elementwise operation asks.

Source: torch docs "Broadcasting semantics" and "torch.Tensor > Data types > type promotion". An operand is a
`TensorSpec` or a Python number; tensors of one or more dimensions rank before 0-dimensional ones, those before numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import repeat
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes

from analyzer.bounds import meet
from analyzer.errors import ShapeError
from analyzer.spec import TensorSpec
from analyzer.symbolic.deciding import is_plainly_one

__all__ = ["Number", "broadcast_shapes", "can_cast", "elementwise_spec", "float_dtype", "real_dtype", "result_dtype"]

Number = bool | int | float | complex
Operand = TensorSpec | Number


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape that all ``shapes`` stretch to.

    >>> broadcast_shapes((2, 1, 5), (3, 1))
    (2, 3, 5)
    >>> broadcast_shapes((2, 3), (4,))
    Traceback (most recent call last):
    ...
    analyzer.errors.ShapeError: shapes (2, 3) and (4,) do not broadcast: size 3 against 4 at dimension -1
    """
    first = shapes[0]
    if all(map(_is_same, shapes, repeat(first))):
        return tuple(first)
    ndim = max(len(shape) for shape in shapes)
    out = [1] * ndim
    for shape in shapes:
        offset = ndim - len(shape)
        for axis, size in enumerate(shape):
            current = out[offset + axis]
            if size is current or is_plainly_one(size):
                continue
            if is_plainly_one(current):
                out[offset + axis] = size
                continue
            if size == current or size == 1:
                continue
            if current != 1 and (met := meet(current, size)) is not None:
                size = met
            elif current != 1:
                names = " and ".join(str(tuple(shape)) for shape in shapes)
                place = offset + axis - ndim
                raise ShapeError(f"shapes {names} do not broadcast: size {current} against {size} at dimension {place}")
            out[offset + axis] = size
    return tuple(out)


def _is_same(shape: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two shapes are equal; open sizes, which would be decided, are equal where they are one formula."""
    if torch.SymInt in map(type, (*shape, *other)):
        return len(shape) == len(other) and all(map(_is_same_size, shape, other))
    return shape == other


def _is_same_size(size: Any, other: Any) -> bool:
    if isinstance(size, torch.SymInt) and isinstance(other, torch.SymInt):
        return bool(size.node.expr == other.node.expr)
    return isinstance(size, torch.SymInt) is isinstance(other, torch.SymInt) and bool(size == other)


@cache
def _category(dtype: torch.dtype) -> int:
    """0 bool, 1 integer, 2 floating, 3 complex."""
    if dtype is torch.bool:
        return 0
    return 3 if dtype.is_complex else 2 if dtype.is_floating_point else 1


@cache
def _promote(one: torch.dtype, other: torch.dtype) -> torch.dtype:
    with _disable_current_modes():  # an operator to torch, which a capture would record
        return torch.promote_types(one, other)


def can_cast(source: torch.dtype, target: torch.dtype) -> bool:
    """Whether torch writes a result of dtype ``source`` into a tensor of dtype ``target`` (torch.can_cast).

    >>> can_cast(torch.int64, torch.float16), can_cast(torch.float32, torch.int64)
    (True, False)
    """
    return _category(source) <= _category(target)


@cache
def _promote_groups(dims: torch.dtype | None, zero: torch.dtype | None, number: torch.dtype | None) -> torch.dtype:
    """What a group of dtypes gives when a lower-ranked group only counts by a higher category."""
    result = dims
    for lower in (zero, number):
        if lower is None:
            continue
        if result is None:
            result = lower
        elif _category(lower) > _category(result):
            # A complex of lower rank keeps the precision of the floating dtype it meets: float64 gives complex128.
            keeps_precision = _category(lower) == 3 and _category(result) == 2
            result = _promote(result, torch.complex32) if keeps_precision else _promote(result, lower)
    assert result is not None
    return result


def _number_dtype(value: Number) -> torch.dtype:
    if isinstance(value, (bool, torch.SymBool)):
        return torch.bool
    if isinstance(value, (int, torch.SymInt)):
        return torch.int64
    default = torch.get_default_dtype()
    if isinstance(value, complex):
        return torch.complex128 if default is torch.float64 else torch.complex64
    return default


def result_dtype(*operands: Any) -> torch.dtype:
    """The dtype that torch computes in when ``operands`` meet (torch.result_type, for specs).

    >>> str(result_dtype(TensorSpec((2,), torch.int64), 1.5)), str(result_dtype(TensorSpec((2,), torch.float16), 1.5))
    ('torch.float32', 'torch.float16')
    """
    dims: torch.dtype | None = None
    zero: torch.dtype | None = None
    number: torch.dtype | None = None
    for operand in operands:
        if isinstance(operand, TensorSpec):
            if operand.shape:
                dims = operand.dtype if dims is None or dims is operand.dtype else _promote(dims, operand.dtype)
            else:
                zero = operand.dtype if zero is None else _promote(zero, operand.dtype)
        elif operand is not None:
            dtype = _number_dtype(operand)
            number = dtype if number is None else _promote(number, dtype)
    if zero is None and number is None and dims is not None:
        return dims
    return _promote_groups(dims, zero, number)


def float_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype of a function that has no whole-number result: whole numbers and bools become the default float."""
    return dtype if _category(dtype) >= 2 else torch.get_default_dtype()


@cache
def real_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype of a complex number's parts; any other dtype is its own."""
    return dtype.to_real() if dtype.is_complex else dtype


def elementwise_spec(*operands: Any, dtype: torch.dtype | None = None) -> TensorSpec:
    """What an elementwise operation over ``operands`` returns: broadcast shape, promoted dtype (or ``dtype``).

    At least one operand must be a `TensorSpec`; the device is that of the first tensor that has dimensions.

    >>> elementwise_spec(TensorSpec((2, 3)), TensorSpec((3,), torch.int64))
    TensorSpec((2, 3), float32)
    """
    tensors = [operand for operand in operands if isinstance(operand, TensorSpec)]
    if not tensors:
        raise ShapeError("at least one operand must be a tensor")
    lead = next((tensor for tensor in tensors if tensor.shape), tensors[0])
    shape = lead.shape if len(tensors) == 1 else broadcast_shapes(*[tensor.shape for tensor in tensors])
    return lead.with_shape(*shape).with_dtype(dtype or result_dtype(*operands))
