"""The one shape that a row shows for what a layer was given or returned, and its bytes an element."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analyzer.spec import TensorSpec

__all__ = ["size_of"]

Size = tuple[list[Any], int]


def size_of(value: Any, batch_dim: int | None) -> Size:
    """The shape of a tensor, of the first one in a sequence, of the last one in a dict; empty where there is none.

    Args:
        value: what a layer was given by position, or returned, with a `TensorSpec` for every tensor.
        batch_dim: the dimension that is shown as 1 where several values came; None shows all as they are.

    Returns:
        the shape, and the bytes of one element. A dict's shape is a list in a list where ``batch_dim`` is given.

    >>> size_of((TensorSpec((3, 7)), TensorSpec((5,))), None)
    ([3, 7], 4)
    """
    if isinstance(value, TensorSpec):
        return list(value.shape), value.dtype.itemsize
    if isinstance(value, Mapping):
        size, width = _first(list(value.values())[-1]) if value else ([], 0)
        return (size, width) if batch_dim is None else ([_with_one(size, batch_dim)], width)
    if isinstance(value, (list, tuple)) and value:
        data = _data_of(value[0])
        if data is not None:
            size = list(data.shape)
            return (size if batch_dim is None else _with_one(size, batch_dim)), data.dtype.itemsize
    size, width = _first(value)
    if batch_dim is not None and batch_dim < len(size):
        size[batch_dim] = 1
    return size, width


def _with_one(size: list[Any], batch_dim: int) -> list[Any]:
    return [*size[:batch_dim], 1, *size[batch_dim + 1 :]]


def _data_of(value: Any) -> TensorSpec | None:
    """A tensor, or the tensor of a packed sequence."""
    data = value if isinstance(value, TensorSpec) else getattr(value, "data", None)
    return data if isinstance(data, TensorSpec) else None


def _first(value: Any) -> Size:
    """Of nested values, the first one's."""
    if hasattr(value, "tensors"):  # a batch of images of different sizes, as detection models have it
        return _first(value.tensors)
    if isinstance(value, TensorSpec):
        return list(value.shape), value.dtype.itemsize
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)) and value:
        return _first(value[0])
    return [], 0
