"""The inputs of a summary: sizes, or data in any nesting."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Integral
from typing import Any, NamedTuple

import torch

from analyzer.compat.arguments import LIST, require
from analyzer.errors import InputError
from analyzer.pytree import leaves, map_tensors
from analyzer.spec import Known, TensorSpec

__all__ = ["Inputs", "inputs_of"]

_TENSORS = (torch.Tensor, TensorSpec, Known)


class Inputs(NamedTuple):
    """What the model is called with.

    Attributes:
        args: by position.
        kwargs: by name.
        sizes: the shapes, in the nesting in which the inputs were given.
    """

    args: list[Any]
    kwargs: dict[str, Any]
    sizes: Any

    def nbytes(self, kwargs: Mapping[str, Any], *, faithful: bool) -> int:
        """Bytes of all inputs.

        torchinfo leaves out ``kwargs``, and adds the object that Python has for each tensor's storage.
        """
        own = {name: value for name, value in self.kwargs.items() if name not in kwargs} if faithful else self.kwargs
        return sum(_told_bytes(each) if faithful else _bytes(each) for each in _arrays((self.args, own)))


def inputs_of(
    input_size: Any,
    input_data: Any,
    batch_dim: int | None,
    dtypes: Sequence[torch.dtype] | None,
    kwargs: dict[str, Any],
) -> Inputs | None:
    """The inputs as `summary` was given them; None where it was given neither sizes nor data.

    Raises:
        InputError: both were given, or they are no sizes or data.
    """
    if input_size is not None and input_data is not None:
        raise InputError("input_size and input_data were both given, and one says it all")
    if input_size is not None:
        sizes = _sizes(input_size)
        return Inputs(_made(sizes, batch_dim, dtypes), kwargs, sizes)
    if input_data is None:
        return None
    shapes = map_tensors(lambda each: torch.Size(_shape(each)), input_data, (*_TENSORS, *_numpy_arrays()))
    if isinstance(input_data, Mapping):
        return Inputs([], {**input_data, **kwargs}, shapes)
    if isinstance(input_data, (*_TENSORS, *_numpy_arrays())):
        return Inputs([input_data], kwargs, shapes)
    if isinstance(input_data, (list, tuple)):
        return Inputs(list(input_data), kwargs, shapes)
    kind = type(input_data).__name__
    raise InputError(f"input_data is a tensor, a list of inputs by position, or a dict of them, but this is a {kind}")


def _sizes(input_size: Any) -> list[Any]:
    """One shape, or a list or tuple of several, as a list of them."""
    if not isinstance(input_size, (list, tuple)):
        raise InputError(f"input_size is a shape or a list of shapes, but this is a {type(input_size).__name__}")
    flat = list(_flat(input_size))
    if not flat or not all(hasattr(size, "__index__") and size > 0 for size in flat):
        raise InputError(f"a size is a whole number above 0, but input_size is {input_size!r}")
    if isinstance(input_size[0], (list, tuple)):
        return list(input_size)
    return [tuple(input_size)]


def _flat(sizes: Iterable[Any]) -> Iterator[Any]:
    for size in sizes:
        if isinstance(size, (list, tuple)):
            yield from _flat(size)
        else:
            yield size


def _made(sizes: list[Any], batch_dim: int | None, dtypes: Sequence[torch.dtype] | None) -> list[TensorSpec]:
    if dtypes is None:
        dtypes = [torch.float32] * len(sizes)
    require("dtypes", dtypes, LIST, "a list of dtypes, one for each of input_size")
    if len(dtypes) != len(sizes):
        raise InputError(f"each input has a dtype, but there are {len(sizes)} sizes and {len(dtypes)} dtypes")
    shapes = [tuple(size) for size in sizes]
    if batch_dim is not None:
        shapes = [_with_batch(shape, batch_dim) for shape in shapes]
    return [TensorSpec(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True)]


def _with_batch(shape: tuple[int, ...], batch_dim: int) -> tuple[int, ...]:
    require("batch_dim", batch_dim, Integral, "a whole number")
    dims = len(shape) + 1
    if not -dims <= batch_dim < dims:
        raise InputError(f"batch_dim is from {-dims} to {dims - 1} for a size of {shape}, not {batch_dim}")
    place = batch_dim % dims
    return (*shape[:place], 1, *shape[place:])


def _arrays(tree: Any) -> Iterator[Any]:
    for _, each in leaves(tree, (*_TENSORS, *_numpy_arrays())):
        yield each


def _numpy_arrays() -> tuple[type, ...]:
    """NumPy's class of arrays, where anybody has imported it. The model gets arrays as they are."""
    numpy = sys.modules.get("numpy")
    return () if numpy is None else (numpy.ndarray,)


def _shape(each: Any) -> tuple[int, ...]:
    return tuple(each.spec.shape if isinstance(each, Known) else each.shape)


def _bytes(each: Any) -> int:
    return int(each.spec.nbytes if isinstance(each, Known) else each.nbytes)


def _told_bytes(each: Any) -> int:
    storage = each.untyped_storage().nbytes() if isinstance(each, torch.Tensor) else _bytes(each)
    return sys.getsizeof(torch.UntypedStorage(0)) + int(storage)
