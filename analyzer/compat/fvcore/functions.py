"""Calls of a ``torch.autograd.Function``, which a trace holds as one operator each: ``prim::PythonOp.Name``."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from analyzer.compat.calls import Call
from analyzer.pytree import leaves
from analyzer.spec import TensorSpec
from analyzer.tools.jit_trace import Record

__all__ = ["functions_as_modules", "records_of_functions"]


class _Applied(nn.Module):
    """One call of a Function, as a module, so that what is called inside has its name on the stack."""

    def __init__(self, function: type) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return _ORIGINAL.__get__(None, self.function)(*args, **kwargs)


_ORIGINAL = inspect.getattr_static(torch.autograd.Function, "apply")
_lock = threading.Lock()
_threads: list[int] = []


def _apply(cls: type, *args: Any, **kwargs: Any) -> Any:
    if threading.get_ident() in _threads:
        return _Applied(cls)(*args, **kwargs)
    return _ORIGINAL.__get__(None, cls)(*args, **kwargs)


@contextmanager
def functions_as_modules() -> Iterator[None]:
    """Make modules of this thread's calls of Functions; other threads go on as before."""
    with _lock:
        _threads.append(threading.get_ident())
        if len(_threads) == 1:
            torch.autograd.Function.apply = classmethod(_apply)
    try:
        yield
    finally:
        with _lock:
            _threads.remove(threading.get_ident())
            if not _threads:
                torch.autograd.Function.apply = _ORIGINAL


def records_of_functions(calls: Iterable[Call]) -> dict[str, Record]:
    """Path that a call of a Function has on the stack -> the operator that a trace has for it, of tensors alone."""
    found = {}
    for call in calls:
        if isinstance(call.module, _Applied):
            function = call.module.function
            names = list(inspect.signature(function.forward).parameters)  # type: ignore[attr-defined]
            if function.setup_context is torch.autograd.Function.setup_context:  # type: ignore[attr-defined]
                names = names[1:]  # the context comes first
            given = {name: value for name, value in zip(names, call.args) if isinstance(value, TensorSpec)}  # noqa: B905
            results = tuple(spec for _, spec in leaves(call.output, (TensorSpec,)))
            found[call.path] = Record(f"prim::PythonOp.{function.__name__}", given, results)
    return found
