"""Build a model of any size without its weights: constructors run as they are, nothing large is allocated or filled.

Parameters become tensors on meta when a module takes them. Every other tensor is real while it is small, so that
constructors may compute with it (torchvision's regnets call ``.tolist()``), and on meta when it is large.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar, overload

import torch
from torch import nn
from torch.nn.modules import module as torch_module
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from analyzer.abstract import AbstractTensor, swap
from analyzer.errors import AnalyzerError, DataDependentError, InputError, ModelError
from analyzer.frames import source_of_error
from analyzer.interception import paused_collection
from analyzer.pytree import leaves, map_tensors
from analyzer.state import UNINITIALIZED, GlobalState

__all__ = ["LIMIT", "skeleton"]

# Elements up to which a tensor that is no parameter is real: schedules, sizes and index tables, not weights.
LIMIT = 65_536
# The same for whole numbers and truth values: those are places, such as all pairs of places in a window.
INDEX_LIMIT = 1 << 20

P = ParamSpec("P")
Model = TypeVar("Model")

_local = threading.local()
_META = torch.device("meta")


class _Swaps:
    """The parameters that one block has put on meta, by the identity of the original: tied ones stay tied."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def parameter(self, module: nn.Module, name: str, parameter: Any) -> Any:
        if parameter is None or isinstance(parameter, (UNINITIALIZED, AbstractTensor)):
            return None
        if parameter.device.type == "meta":
            return None
        return self._on_meta(parameter)

    def buffer(self, module: nn.Module, name: str, buffer: Any) -> Any:
        real = isinstance(buffer, torch.Tensor) and not isinstance(buffer, (UNINITIALIZED, AbstractTensor))
        if not real or buffer.device.type == "meta" or buffer.numel() <= LIMIT:
            return None
        return self._on_meta(buffer)

    def _on_meta(self, tensor: torch.Tensor) -> torch.Tensor:
        known = self._known.get(id(tensor))
        if known is None:
            with _disable_current_modes(), torch._C.DisableTorchFunction():
                meta = torch.empty_like(tensor, device=_META)
            if isinstance(tensor, nn.Parameter):
                meta = nn.Parameter(meta, requires_grad=tensor.requires_grad)
                meta.__dict__.update(tensor.__dict__)
            known = self._known[id(tensor)] = (tensor, meta)
        return known[1]


def _hook(kind: str) -> Callable[[nn.Module, str, Any], Any]:
    def register(module: nn.Module, name: str, value: Any) -> Any:
        swaps: _Swaps | None = getattr(_local, "swaps", None)
        return None if swaps is None else getattr(swaps, kind)(module, name, value)

    return register


# Methods that write over a tensor and keep its shape and dtype.
_FILLS = frozenset(
    getattr(torch.Tensor, f"{name}_")
    for name in (
        "normal", "uniform", "zero", "fill", "random", "exponential", "bernoulli", "log_normal", "cauchy", "geometric",
        "mul", "add", "sub", "div", "clamp", "erfinv",
    )
)  # fmt: skip
# Of torch.nn.init; libraries put functions of their own in their place, under the same names.
_INITIALIZERS = frozenset(name for name in vars(nn.init) if name.endswith("_") and not name.startswith("_"))
# Masks are made so; torch's own shape function for it would import its symbolic algebra.
_TRIANGLES = frozenset({torch.tril, torch.triu, torch.Tensor.tril, torch.Tensor.triu})
_WRITES = frozenset({torch.Tensor.copy_, torch.Tensor.__setitem__})
_FACTORIES = frozenset({torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn})


class _NoInitialization(TorchFunctionMode):
    """Tensors on meta have no values to fill, and large new ones are on meta from the start.

    The mode below would come to the same, operator by operator; a large model fills thousands of weights.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _FILLS or getattr(func, "__name__", "") in _INITIALIZERS:
            tensor = args[0] if args else kwargs.get("tensor")
            if isinstance(tensor, torch.Tensor) and tensor.device.type == "meta":
                return tensor
        elif func in _WRITES and _loses_values(args[0], args[-1]):
            swap(args[0], torch.empty_like(args[0], device=_META))  # here: inside an operator it has too many owners
        elif func in _TRIANGLES and args and args[0].device.type == "meta":
            return torch.empty(args[0].shape, dtype=args[0].dtype, device=_META)
        elif func in _FACTORIES and not _is_index(kwargs.get("dtype")) and _is_large(args):
            kwargs = {**kwargs, "device": _META}
        return func(*args, **kwargs)


def _loses_values(tensor: Any, value: Any) -> bool:
    """Whether a tensor with values is written over with one that has none."""
    if not isinstance(tensor, torch.Tensor) or not isinstance(value, torch.Tensor):
        return False
    return tensor.device.type != "meta" and value.device.type == "meta"


def _is_large(size: tuple[Any, ...]) -> bool:
    """Whether the arguments of a factory are sizes of more elements than a small tensor has."""
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = tuple(size[0])
    return all(type(length) is int for length in size) and math.prod(size) > LIMIT


def _is_small(tensor: torch.Tensor) -> bool:
    return tensor.numel() <= (INDEX_LIMIT if _is_index(tensor.dtype) else LIMIT)


def _is_index(dtype: torch.dtype | type | None) -> bool:
    """Whether numbers are whole; torch takes Python's types for a dtype too."""
    if isinstance(dtype, type):
        return dtype in (bool, int)
    return dtype is not None and not dtype.is_floating_point and not dtype.is_complex


class _SmallIsReal(TorchDispatchMode):
    """Runs every operator for real where all is small, on meta where anything is large or on meta already."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or torch imports its compiler, see `analyzer.nets.DispatchNet`

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [leaf for _, leaf in leaves((args, kwargs), (torch.Tensor,))]
        if any(tensor.device.type == "meta" for tensor in tensors):
            return self._on_meta(func, args, kwargs)
        if self._stays_small(func, args, kwargs, tensors):
            return func(*args, **kwargs)
        return self._on_meta(func, args, kwargs)

    def _stays_small(self, func: Any, args: Any, kwargs: Any, tensors: list[torch.Tensor]) -> bool:
        device = torch.device(kwargs["device"]) if kwargs.get("device") is not None else None
        if device is not None and device.type == "meta":
            return True  # asked for, and costs nothing
        if tensors and not any(map(_is_small, tensors)):
            return True  # the user's own real tensors, allocated outside
        try:
            result = self._run_on_meta(func, args, kwargs)
        except Exception:  # the size depends on values, or meta does not know it: the inputs are small
            return True
        return all(_is_small(leaf) for _, leaf in leaves(result, (torch.Tensor,)))

    def _run_on_meta(self, func: Any, args: Any, kwargs: Any) -> Any:
        def move(tensor: torch.Tensor) -> torch.Tensor:
            return tensor if tensor.device.type == "meta" else torch.empty_like(tensor, device=_META)

        args, kwargs = map_tensors(move, (args, dict(kwargs)), (torch.Tensor,))
        if "device" in kwargs or not any(True for _ in leaves((args, kwargs), (torch.Tensor,))):
            kwargs["device"] = _META
        return func(*args, **kwargs)

    def _on_meta(self, func: Any, args: Any, kwargs: Any) -> Any:
        written = args[0] if args and func._schema.name.endswith("_") else None
        try:
            result = self._run_on_meta(func, args, kwargs)
        except (NotImplementedError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "meta tensors" not in str(error):
                raise
            name = func._schema.name.split("::")[1].strip("_")
            raise DataDependentError(
                f"the constructor reads values of a large tensor ({name}), and without weights it has none",
                hint="build the model with its weights, outside skeleton()",
            ) from error
        if isinstance(written, torch.Tensor) and written.device.type != "meta":
            swap(written, torch.empty_like(written, device=_META))  # its values are gone
            return written
        return written if written is not None else result


class _Hooks:
    """torch's hooks on registration, in place while any thread is in a block.

    torch loops over their table whenever a module takes a parameter: it must not change while another thread builds.
    """

    def __init__(self) -> None:
        self._lock, self._blocks, self._handles = threading.Lock(), 0, list[Any]()

    def __enter__(self) -> None:
        with self._lock:
            self._blocks += 1
            if self._blocks == 1:
                self._handles = [
                    torch_module.register_module_parameter_registration_hook(_hook("parameter")),
                    torch_module.register_module_buffer_registration_hook(_hook("buffer")),
                ]

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._blocks -= 1
            if not self._blocks:
                for handle in self._handles:
                    handle.remove()


_HOOKS = _Hooks()


@contextmanager
def _block() -> Iterator[None]:
    outer = getattr(_local, "swaps", None)
    outside = GlobalState()
    with _HOOKS:
        _local.swaps = _Swaps()
        try:
            with paused_collection(), _SmallIsReal(), _NoInitialization():  # type: ignore[no-untyped-call]
                yield
        finally:
            outside.restore()
            _local.swaps = outer


@overload
def skeleton() -> Any: ...
@overload
def skeleton(factory: Callable[P, Model], /, *args: P.args, **kwargs: P.kwargs) -> Model: ...
def skeleton(factory: Any = None, /, *args: Any, **kwargs: Any) -> Any:
    """Construct models without weights: a with-block, or a call of ``factory(*args, **kwargs)``.

    Parameters are on meta, whatever the constructor does to them; small buffers keep their values. The random
    generators are left as they were. Other threads are not concerned.

    Args:
        factory: what builds the model; without it, the result is a context manager.
        args: positional arguments of the factory.
        kwargs: keyword arguments of the factory.

    Raises:
        DataDependentError: the constructor reads values of a large tensor.
        ModelError: the constructor raises by itself.

    >>> layer = skeleton(nn.Linear, 10**6, 10**6)
    >>> layer.weight.shape, layer.weight.device
    (torch.Size([1000000, 1000000]), device(type='meta'))
    >>> with skeleton():
    ...     model = nn.Sequential(nn.Linear(7, 5), nn.ReLU())
    >>> model[0].bias.device
    device(type='meta')
    """
    if factory is None:
        return _block()
    if not callable(factory):
        raise InputError(f"skeleton() takes what builds a model, such as a class, but this is {factory!r:.80}")
    try:
        with _block():
            return factory(*args, **kwargs)
    except AnalyzerError as error:
        raise error.locate("", source=source_of_error(error.__traceback__)) from error.__cause__
    except Exception as error:
        name = getattr(factory, "__name__", str(factory))
        failed = ModelError(f"{name} raised {type(error).__name__}: {error}")
        raise failed.locate("", source=source_of_error(error.__traceback__)) from error
