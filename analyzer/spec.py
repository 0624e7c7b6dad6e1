"""The abstract value: a tensor's shape, dtype and device, and nothing else (what JAX calls a ShapedArray)."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.export.dynamic_shapes import Dim

from analyzer.errors import InputError

__all__ = ["Known", "TensorSpec"]

CPU = torch.device("cpu")

# Weights come in few shapes: looking a spec up costs half of making it.
_LIMIT = 16_384
_seen: dict[tuple[torch.Size, torch.dtype, torch.device], TensorSpec] = {}


@dataclass(frozen=True, slots=True, init=False, repr=False)
class TensorSpec:
    """Shape, dtype and device of a tensor that does not exist.

    Args:
        shape: sizes, each a non-negative int, or a name such as ``"B"`` for a dimension that stays open: the same name
            is the same size. ``torch.export.Dim("B", min=2, max=64)`` is a name with a range.
        dtype: a torch dtype; float32 when left out.
        device: where the tensor would live; the CPU when left out. No device is touched.

    Raises:
        InputError: a size is negative or not a whole number, or the dtype is none.

    >>> spec = TensorSpec((1, 3, 224, 224))
    >>> spec, spec.numel, spec.nbytes
    (TensorSpec((1, 3, 224, 224), float32), 150528, 602112)
    >>> TensorSpec((2, -1))
    Traceback (most recent call last):
    ...
    analyzer.errors.InputError: a size must be a whole number of 0 or more, but the shape is (2, -1)
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device

    def __init__(
        self,
        shape: Iterable[int],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = CPU,
    ) -> None:
        try:
            dims = tuple(dim if isinstance(dim, torch.SymInt) else _whole(dim) for dim in shape)
        except TypeError:
            raise InputError(f"a shape is a tuple of sizes such as (1, 3, 224, 224), but this is {shape!r}") from None
        if not all(map(_is_size, dims)):
            raise InputError(f"a size must be a whole number of 0 or more, but the shape is {dims}")
        if not isinstance(dtype, torch.dtype):
            raise InputError(f"a dtype is one of torch's, such as torch.float32, but this is {dtype!r}")
        object.__setattr__(self, "shape", dims)
        object.__setattr__(self, "dtype", dtype)
        try:
            place = device if isinstance(device, torch.device) else torch.device(device)
        except (RuntimeError, TypeError):
            raise InputError(f"a device is one of torch's, such as 'cpu' or 'cuda:0', but this is {device!r}") from None
        object.__setattr__(self, "device", place)

    @classmethod
    def of(cls, tensor: torch.Tensor) -> TensorSpec:
        """The spec of a real tensor: its metadata is read, never its data.

        >>> TensorSpec.of(torch.zeros(2, 3, dtype=torch.int64))
        TensorSpec((2, 3), int64)

        Raises:
            InputError: its rows have sizes of their own.
        """
        if tensor.is_nested:
            raise InputError(
                "a nested tensor has rows of sizes of their own, which no spec can say",
                hint="give the model the padded tensor, or one sequence after the other",
            )
        key = (tensor.shape, tensor.dtype, tensor.device)
        spec = _seen.get(key)
        if spec is None:
            if len(_seen) >= _LIMIT:
                _seen.clear()
            spec = _seen[key] = _new(tuple(tensor.shape), tensor.dtype, tensor.device)
        return spec

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def numel(self) -> int:
        """Number of elements: the product of the sizes, 1 for a scalar tensor."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Size of the elements in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def with_shape(self, *shape: int) -> TensorSpec:
        """The same dtype and device in another shape.

        >>> TensorSpec((2, 3)).with_shape(6)
        TensorSpec((6,), float32)
        """
        return _new(shape, self.dtype, self.device)

    def with_dtype(self, dtype: torch.dtype) -> TensorSpec:
        """The same shape and device with another dtype.

        >>> TensorSpec((2, 3)).with_dtype(torch.bool).nbytes
        6
        """
        return self if dtype is self.dtype else _new(self.shape, dtype, self.device)

    def with_device(self, device: torch.device | str) -> TensorSpec:
        """The same shape and dtype on another device."""
        return _new(self.shape, self.dtype, device if isinstance(device, torch.device) else torch.device(device))

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        where = "" if self.device.type == "cpu" else f", {str(self.device)!r}"
        return f"TensorSpec({self.shape}, {self.dtype_name}{where})"

    def __str__(self) -> str:
        return f"{self.shape} {self.dtype_name}"

    @property
    def dtype_name(self) -> str:
        """The dtype without its prefix, such as ``"float32"``."""
        return str(self.dtype).removeprefix("torch.")


KNOWN_LIMIT = 65_536


class Known:
    """An input whose values matter: they reach shapes, slices and branches like those of any constant.

    A vision model that takes a grid of patches, or lengths, reads sizes out of such a tensor.

    Args:
        tensor: a tensor, or numbers that make one. It is copied.

    Raises:
        InputError: it is on meta, or has more than 65,536 elements.

    >>> Known([[1, 28, 28]])
    Known([[1, 28, 28]])
    >>> from analyzer import analyze
    >>> analyze(lambda x, n: x[: n.item()], (TensorSpec((7, 5)), Known(3))).outputs
    TensorSpec((3, 5), float32)
    """

    __slots__ = ("spec", "tensor")

    def __init__(self, tensor: Any) -> None:
        try:
            given = torch.as_tensor(tensor)
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"Known takes a tensor or numbers, but this is {tensor!r:.80}: {error}") from None
        if given.is_meta or given.numel() > KNOWN_LIMIT:
            kind = "a tensor on meta" if given.is_meta else f"{given.numel():,} elements"
            raise InputError(f"Known takes a small tensor with values, {KNOWN_LIMIT:,} elements at most, not {kind}")
        self.tensor = given.detach().cpu().clone()
        self.spec = TensorSpec.of(given)

    def __repr__(self) -> str:
        return f"Known({self.tensor.tolist()})"


def _is_size(dim: Any) -> bool:
    if isinstance(dim, str):
        return dim.isidentifier()
    return isinstance(dim, (torch.SymInt, Dim)) or (isinstance(dim, int) and not isinstance(dim, bool) and dim >= 0)


def _whole(size: Any) -> Any:
    """A size as an int, NumPy's whole numbers among them; anything else stays what it is, to be named in an error."""
    if isinstance(size, (int, torch.Tensor)) or not hasattr(size, "__index__"):
        return size
    return operator.index(size)


def _new(shape: tuple[Any, ...], dtype: torch.dtype, device: torch.device) -> TensorSpec:
    """A spec of sizes that are known to be right: the rules' own, thousands of times a capture."""
    spec = object.__new__(TensorSpec)
    _set_shape(spec, shape)
    _set_dtype(spec, dtype)
    _set_device(spec, device)
    return spec


# The slots' own setters: a frozen class is filled through them, and they cost half of object.__setattr__.
_set_shape = TensorSpec.__dict__["shape"].__set__
_set_dtype = TensorSpec.__dict__["dtype"].__set__
_set_device = TensorSpec.__dict__["device"].__set__
