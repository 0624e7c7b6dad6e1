"""What shape rules ask about dimensions, sizes and targets, and torch's way of answering it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from analyzer.bounds import is_bound, meet
from analyzer.errors import DataDependentError, ShapeError
from analyzer.spec import TensorSpec

__all__ = [
    "check_flag",
    "check_operands",
    "check_scalar",
    "check_tensor",
    "check_tensors",
    "each_whole",
    "fill_in",
    "is_whole",
    "not_whole",
    "numbers",
    "spellings",
    "whole",
    "wrap_dim",
    "wrap_dims",
]


def spellings(*names: str) -> list[Any]:
    """The functions of torch and the methods of a tensor that bear these names, as targets of a rule.

    >>> spellings("floor", "__neg__") == [torch.floor, "floor", "__neg__"]
    True
    """
    targets: list[Any] = []
    for name in names:
        function = None if name.startswith("_") else getattr(torch, name, None)
        if function is not None:
            targets.append(function)
        if hasattr(torch.Tensor, name):
            targets.append(name)
    return targets


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number, a symbolic one included."""
    return isinstance(value, (int, torch.SymInt)) and not isinstance(value, bool)


def wrap_dim(dim: Any, ndim: int, name: str = "dim") -> int:
    """A dimension counted from the front. A tensor without dimensions takes 0 and -1.

    >>> wrap_dim(-1, 3), wrap_dim(-1, 0)
    (2, 0)
    >>> wrap_dim(2, 2)
    Traceback (most recent call last):
    ...
    analyzer.errors.ShapeError: dim must be from -2 to 1, got 2
    """
    room = ndim or 1
    if type(dim) is not int:
        dim = whole(dim, name)
    if not -room <= dim < room:
        raise ShapeError(f"{name} must be from {-room} to {room - 1}, got {dim}")
    return dim + room if dim < 0 else dim  # type: ignore[no-any-return]


def wrap_dims(dims: Any, ndim: int, name: str = "dim") -> tuple[int, ...]:
    """Several dimensions, each named once; a single one may stand alone.

    >>> wrap_dims((0, -1), 3), wrap_dims(1, 3)
    ((0, 2), (1,))
    """
    if not isinstance(dims, (tuple, list)):
        return (wrap_dim(dims, ndim, name),)
    wrapped = tuple([wrap_dim(dim, ndim, name) for dim in each_whole(dims, name)])
    if len(set(wrapped)) != len(wrapped):
        raise ShapeError(f"{name} names a dimension twice, got {tuple(dims)}")
    return wrapped


def numbers(values: Any, name: str) -> tuple[int, ...]:
    """Whole numbers out of one or of a sequence of them, such as ``size``.

    >>> numbers(3, "size"), numbers([2, 3], "size"), numbers(((2, 3),), "size")
    ((3,), (2, 3), (2, 3))
    """
    if not isinstance(values, (tuple, list)):
        values = (values,)
    elif len(values) == 1 and isinstance(values[0], (tuple, list)):
        values = values[0]
    return each_whole(values, name)


def each_whole(values: Sequence[Any], name: str) -> tuple[int, ...]:
    """Whole numbers out of a sequence, of which torch asks only the first whether it is a bool: behind it True is 1.

    >>> each_whole((2, True), "size")
    (2, 1)
    """
    return tuple([
        value if type(value) is int
        else int(value) if isinstance(value, bool) and value is not values[0]
        else whole(value, name)
        for value in values
    ])  # fmt: skip


def whole(value: Any, name: str) -> Any:
    """The argument itself where it is a whole number, or what a number of another library stands for."""
    if is_whole(value):
        return value
    if isinstance(value, (bool, TensorSpec)) or not hasattr(value, "__index__"):
        raise not_whole(name, value)
    return value.__index__()


def not_whole(name: str, value: Any) -> ShapeError | DataDependentError:
    """The error about an argument that should be a whole number: a tensor in its place is a number only data has."""
    if isinstance(value, TensorSpec):
        return DataDependentError(f"{name} is a number in a tensor, and a tensor here has no values: {value}")
    return ShapeError(f"{name} must be whole numbers, got {value!r}")


def fill_in(size: Sequence[int], numel: int, name: str = "shape", of: str = "input") -> tuple[int, ...]:
    """Sizes with the one that is -1 worked out, so that they hold ``numel`` elements.

    >>> fill_in((2, -1), 6)
    (2, 3)
    >>> fill_in((4, -1), 6)
    Traceback (most recent call last):
    ...
    analyzer.errors.ShapeError: shape (4, -1) does not hold the elements of input, 6
    """
    size = tuple(size)
    open_dims = [axis for axis, dim in enumerate(size) if isinstance(dim, int) and dim == -1]
    if not open_dims:
        if any(dim < 0 for dim in size):
            raise ShapeError(f"{name} has a negative size, got {size}")
        if meet(math.prod(size), numel) is None:
            raise ShapeError(f"{name} {size} does not hold the elements of {of}, {numel}")
        return size
    axis = open_dims[0]
    known = math.prod(size[:axis]) * math.prod(size[axis + 1 :])
    if len(open_dims) > 1 or known < 0:
        raise ShapeError(f"{name} may leave one size open with -1, got {size}")
    if known == 0:
        raise ShapeError(f"{name} {size} does not say the size of -1: any would hold the elements of {of}, {numel}")
    if numel % known != 0 and not is_bound(numel):
        raise ShapeError(f"{name} {size} does not hold the elements of {of}, {numel}")
    return (*size[:axis], numel // known, *size[axis + 1 :])


def check_tensor(value: Any, name: str) -> TensorSpec:
    """The argument itself where it is a tensor."""
    if not isinstance(value, TensorSpec):
        raise ShapeError(f"{name} must be a tensor, got {value!r}")
    return value


def check_tensors(values: Any, name: str) -> tuple[TensorSpec, ...]:
    """The argument as a tuple where it is a sequence of tensors."""
    if isinstance(values, Iterable) and not isinstance(values, (TensorSpec, str)):
        return tuple([check_tensor(value, f"{name}[{place}]") for place, value in enumerate(values)])
    raise ShapeError(f"{name} must be tensors, got {values!r}")


def check_operands(*values: Any) -> None:
    """Refuse what is no tensor and no number."""
    for value in values:
        if not isinstance(value, (TensorSpec, int, float, complex, torch.SymInt, torch.SymFloat, torch.SymBool)):
            raise ShapeError(f"operands must be tensors or numbers, got {value!r}")


def check_flag(value: Any, name: str) -> None:
    """Refuse what is neither True nor False: torch takes no 0, 1 or None in their place."""
    if value is not True and value is not False and not isinstance(value, torch.SymBool):
        raise ShapeError(f"{name} must be True or False, got {value!r}")


def check_scalar(value: Any, name: str) -> None:
    """Refuse what is no real number; a tensor in its place is one that only data has."""
    if isinstance(value, TensorSpec):
        raise not_whole(name, value)
    if not isinstance(value, (int, float, torch.SymInt, torch.SymFloat)) and not hasattr(value, "__float__"):
        raise ShapeError(f"{name} must be a number, got {value!r}")
