"""The tensor that stands for a value during a capture: a true ``torch.Tensor`` with sizes and no storage."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NoReturn

import torch

from analyzer.errors import DataDependentError
from analyzer.node import Attribute, Ref
from analyzer.spec import TensorSpec

__all__ = ["KNOWN", "METADATA", "MOST", "SPREAD", "UNKNOWN", "AbstractTensor", "Memory"]

_make = torch.Tensor._make_wrapper_subclass
_SymInt = torch.SymInt
swap: Any = torch.utils.swap_tensors
_QUANTIZED = frozenset({torch.quint8, torch.qint8, torch.qint32, torch.quint4x2, torch.quint2x4})


UNKNOWN, MOST, SPREAD, KNOWN = 0, 1, 2, 3


class Memory:
    """The storage that a tensor and its views would share.

    Attributes:
        root: id of the node, or name of the parameter, that owns it.
        writer: id of the node that wrote it last through any view; empty when none did after it was made.
        writes: how many times that happened.
        known: `KNOWN` where its values are constants that the capture can work out; `SPREAD` where they also hang on
            a choice of data, such as the k best, which is taken to be spread evenly; `MOST` where they are those of the
            largest possible result, which further sizes may be worked out with; `UNKNOWN` for everything else.
    """

    __slots__ = ("known", "root", "writer", "writes")

    def __init__(self, root: str, known: int = UNKNOWN) -> None:
        self.root = root
        self.writer = ""
        self.writes = 0
        self.known = known


class _Class(type(torch.Tensor)):  # type: ignore[misc]
    """Lets ``type(x) == torch.Tensor`` and ``type(x) in (torch.Tensor, list)`` of a model hold."""

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is torch.Tensor

    # Not that of torch.Tensor: a capture looks the classes of all arguments up, which a method in Python would slow.
    __hash__ = type.__hash__


class AbstractTensor(torch.Tensor, metaclass=_Class):
    """A value of the model under capture. User code sees shape, dtype and device as plain values.

    Metadata are Python properties: asking torch for them through ``__torch_function__`` would cost 20 times more. What
    is not here reaches the capture's TorchFunctionMode like any torch call.
    """

    # Libraries ask a class for its package to know whose arrays they have before them (opt_einsum, autoray).
    __module__ = "torch"

    _spec: TensorSpec
    _ref: Ref | Attribute
    _memory: Memory
    _seen: int
    _value: torch.Tensor | None
    _source: torch.Tensor | None
    _wants_grad: bool

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    def __new__(cls, data: torch.Tensor, requires_grad: bool = False) -> torch.Tensor:  # type: ignore[misc]
        """The same tensor: a library calls the class of a parameter, which may be this one by now, to make its twin."""
        return data.detach().requires_grad_(requires_grad)

    @staticmethod
    def make(spec: TensorSpec, ref: Ref | Attribute, memory: Memory) -> AbstractTensor:
        """A new abstract tensor of ``spec``: the value ``ref`` in ``memory``."""
        tensor: AbstractTensor
        if _SymInt in map(type, spec.shape):
            tensor = _make_open(spec)
        else:
            tensor = _make(AbstractTensor, spec.shape, dtype=spec.dtype, device=spec.device)
        tensor._spec = spec
        tensor._ref = ref
        tensor._memory = memory
        tensor._seen = memory.writes
        tensor._value = tensor._source = None
        return tensor

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> NoReturn:
        raise DataDependentError(
            f"a tensor of a finished analysis, or of one in another thread, was used in {func}: it has no values",
            hint="keep results of forward inside forward, in its own thread, or read them from analysis.outputs",
        )

    # --- metadata, all of it plain Python -----------------------------------------------------------------------

    @property
    def shape(self) -> torch.Size:  # type: ignore[override]
        return torch.Size(self._spec.shape)

    @property
    def dtype(self) -> torch.dtype:  # type: ignore[override]
        return self._spec.dtype

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return self._spec.device

    @property
    def ndim(self) -> int:  # type: ignore[override]
        return len(self._spec.shape)

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        return self._spec.device.type == "cuda"

    @property
    def is_cpu(self) -> bool:  # type: ignore[override]
        return self._spec.device.type == "cpu"

    @property
    def is_meta(self) -> bool:  # type: ignore[override]
        return self._spec.device.type == "meta"

    @property
    def is_nested(self) -> bool:  # type: ignore[override]
        return False

    @property
    def is_quantized(self) -> bool:  # type: ignore[override]
        return self._spec.dtype in _QUANTIZED

    @property
    def is_sparse(self) -> bool:  # type: ignore[override]
        return False

    @property
    def requires_grad(self) -> bool:
        return getattr(self, "_wants_grad", False)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(bool(value))

    @property
    def data(self) -> AbstractTensor:
        return self.__copy__()

    @data.setter
    def data(self, value: torch.Tensor) -> None:
        if not isinstance(value, AbstractTensor):
            raise DataDependentError("the model puts a real tensor into the data of one that has no values")
        swap(self, value.__copy__())

    @property
    def grad_fn(self) -> None:  # type: ignore[override]
        return None

    @property
    def is_leaf(self) -> bool:  # type: ignore[override]
        return True

    @property
    def itemsize(self) -> int:  # type: ignore[override]
        return self._spec.dtype.itemsize

    @property
    def nbytes(self) -> int:  # type: ignore[override]
        return self._spec.nbytes

    @property
    def layout(self) -> torch.layout:  # type: ignore[override]
        return torch.strided

    def size(self, dim: int | None = None) -> Any:
        shape = self._spec.shape
        return torch.Size(shape) if dim is None else torch.Size(shape)[dim]

    def dim(self) -> int:
        return len(self._spec.shape)

    ndimension = dim

    def numel(self) -> int:
        return self._spec.numel

    nelement = numel

    def element_size(self) -> int:
        return self._spec.dtype.itemsize

    def is_floating_point(self) -> bool:
        return self._spec.dtype.is_floating_point

    def is_complex(self) -> bool:
        return self._spec.dtype.is_complex

    def get_device(self) -> int:
        return -1 if self._spec.device.index is None else self._spec.device.index

    def is_contiguous(self, *args: Any, **kwargs: Any) -> bool:
        return True

    def storage_offset(self) -> int:
        return 0

    def stride(self, dim: int | None = None) -> Any:
        strides: list[int] = []
        step = 1
        for size in reversed(self._spec.shape):
            strides.append(step)
            step *= max(size, 1)
        strides.reverse()
        return tuple(strides) if dim is None else strides[dim]

    def __len__(self) -> int:
        if not self._spec.shape:
            raise TypeError("len() of a 0-d tensor")
        return self._spec.shape[0]

    def as_subclass(self, cls: type) -> AbstractTensor:  # type: ignore[override]
        return self

    def register_hook(self, hook: Any) -> Any:
        return torch.utils.hooks.RemovableHandle(OrderedDict())

    # --- copies are aliases, values are refused -----------------------------------------------------------------

    def __copy__(self) -> AbstractTensor:
        copy = AbstractTensor.make(self._spec, self._ref, self._memory)
        copy._source = self  # its values, where they are constants
        return copy

    def __deepcopy__(self, memo: Any) -> AbstractTensor:
        return self.__copy__()

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"AbstractTensor({self._spec})"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        if not self._spec.shape and self._memory.known:
            return format(self.item(), format_spec)
        return repr(self)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise DataDependentError("the model pickles or saves a tensor in forward, which has no values here")

    def data_ptr(self) -> NoReturn:
        raise DataDependentError("the model asks for the memory address of a tensor, which has no memory here")


def _make_open(spec: TensorSpec) -> AbstractTensor:
    """A tensor whose sizes torch asks for where it needs them, see `METADATA`.

    Working out the strides of symbolic sizes, and whether they are contiguous, takes longer than all the rest.
    """
    sizes = (1,) * len(spec.shape)
    return _make(AbstractTensor, sizes, dtype=spec.dtype, device=spec.device, dispatch_sizes_strides_policy="sizes")


def _of(sizes: tuple[int, ...], dim: int | None = None) -> Any:
    return sizes if dim is None else sizes[dim]


# What torch asks of a tensor with open sizes, and who answers.
METADATA: dict[str, Callable[..., Any]] = {
    "aten::size": lambda tensor, *dim: _of(tensor._spec.shape, *dim),
    "aten::sym_size": lambda tensor, *dim: _of(tensor._spec.shape, *dim),
    "aten::stride": lambda tensor, *dim: _of(tensor.stride(), *dim),
    "aten::sym_stride": lambda tensor, *dim: _of(tensor.stride(), *dim),
    "aten::numel": lambda tensor: tensor._spec.numel,
    "aten::sym_numel": lambda tensor: tensor._spec.numel,
    "aten::dim": lambda tensor: len(tensor._spec.shape),
    "aten::storage_offset": lambda tensor: 0,
    "aten::sym_storage_offset": lambda tensor: 0,
    "aten::is_contiguous": lambda tensor, *format: True,
    "aten::sym_is_contiguous": lambda tensor, *format: True,
    "aten::is_strides_like_format": lambda tensor, *format: False,
    "aten::is_non_overlapping_and_dense": lambda tensor: True,
}
