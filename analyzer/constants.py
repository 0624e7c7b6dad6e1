"""Values that depend on no input and no weight: noted while capturing, worked out only when the model asks for one.

A model may build a small table with ``torch.arange`` and branch on it. Calls whose operands are all constants are kept
in a journal. ``.item()``, ``int(t)`` or a branch replays it, in order, on real tensors of the CPU, so views and
in-place writes come out as they do in torch; a model that never asks runs no kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes

from analyzer.abstract import AbstractTensor
from analyzer.errors import DataDependentError
from analyzer.pytree import leaves, map_tensors
from analyzer.spec import TensorSpec

__all__ = ["LIMIT", "SPREAD_LIMIT", "Constants"]

# Elements. Tables of positions, of offsets and of a detector's anchors are smaller; a mask over a long sequence is not.
LIMIT = 1 << 20
# Which expert each token goes to, as one-hot numbers: tokens x k x experts.
SPREAD_LIMIT = 1 << 23

Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], Any]


class Constants:
    """The journal of one capture."""

    def __init__(self) -> None:
        self._journal: list[Call] = []
        self._copies: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def note(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Remember a call of constants alone and the abstract tensors it returned."""
        self._journal.append((function, args, kwargs, result))

    def stand_in(self, tensor: AbstractTensor) -> torch.Tensor:
        """A real tensor of the same metadata, where a call asks for no value of it: ``zeros_like(x)``.

        Open sizes are 1: a call whose result would have them is no constant, so this one asks for the dtype alone.
        """
        shape = [1 if isinstance(size, torch.SymInt) else size for size in tensor._spec.shape]
        with _disable_current_modes(), torch._C.DisableTorchFunction():
            return torch.empty((), dtype=tensor._spec.dtype).expand(shape)

    def value(self, tensor: torch.Tensor, asked_by: str) -> torch.Tensor:
        """The real, small tensor that a constant stands for.

        Raises:
            DataDependentError: replaying fails, as the model itself would.
        """
        if self._journal:
            journal, self._journal = self._journal, []
            with _disable_current_modes(), torch._C.DisableTorchFunction(), torch.no_grad():
                for call in journal:
                    self._replay(*call)
        return self._real_of(tensor)

    def number(self, tensor: torch.Tensor, asked_by: str) -> Any:
        """The same as plain Python: a number, or nested lists of them."""
        value = self.value(tensor, asked_by)
        with _disable_current_modes(), torch._C.DisableTorchFunction():
            return value.tolist()

    def run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a call on constants really returns, with specs for tensors: for sizes that only values decide."""
        journal, self._journal = self._journal, []
        with _disable_current_modes(), torch._C.DisableTorchFunction(), torch.no_grad():
            for call in journal:
                self._replay(*call)
            real = self._call(function, args, kwargs)
        return map_tensors(TensorSpec.of, real, (torch.Tensor,))

    def _replay(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        real = self._call(function, args, kwargs)
        made = [leaf for _, leaf in leaves(result, (AbstractTensor,))]
        found = [leaf for _, leaf in leaves(real, (torch.Tensor,))]
        for abstract, value in zip(made, found, strict=False):
            abstract._value = value

    def _call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        real_args = tuple(self._on_cpu(item) for item in args)
        real_kwargs = {key: self._on_cpu(item) for key, item in kwargs.items() if key != "pin_memory"}
        name = getattr(function, "__name__", str(function))
        try:
            if name == "cuda":
                return real_args[0]
            call = function if callable(function) else function.__get__  # a property, such as ``x.T``
            return call(*real_args, **real_kwargs)
        except Exception as error:
            raise DataDependentError(f"a constant cannot be worked out: {name} raises {error}") from error

    def _on_cpu(self, item: Any) -> Any:
        if isinstance(item, torch.device):
            return torch.device("cpu")
        if isinstance(item, str) and item.split(":")[0] in ("cuda", "meta", "mps", "xpu"):
            return "cpu"
        if isinstance(item, slice):
            return slice(self._on_cpu(item.start), self._on_cpu(item.stop), self._on_cpu(item.step))
        return map_tensors(self._real_of, item, (torch.Tensor,))

    def _real_of(self, tensor: torch.Tensor) -> torch.Tensor:
        if isinstance(tensor, AbstractTensor):
            if tensor._value is None and tensor._source is not None:
                tensor._value = self._real_of(tensor._source)
            if tensor._value is None:
                raise DataDependentError("a constant depends on a value that is not known")
            return tensor._value
        return self._real(tensor)

    def _real(self, tensor: torch.Tensor) -> torch.Tensor:
        """A copy of a tensor of the user's: replaying may write on it."""
        known = self._copies.get(id(tensor))
        if known is None:
            with _disable_current_modes(), torch._C.DisableTorchFunction(), torch.no_grad():
                known = self._copies[id(tensor)] = (tensor, tensor.detach().cpu().clone())
        return known[1]
