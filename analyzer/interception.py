"""The one patch: ``nn.Module.__call__`` asks the capture of its own thread, where there is one.

It is set when the first capture starts and taken off when the last one ends, whichever threads they run in. Threads
without a capture run the original. What is exchanged is the function's code and not the class's attribute: an attribute
set on ``nn.Module`` makes Python forget what it knows of all its subclasses, a third of a small model's analysis.
"""

from __future__ import annotations

import gc
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch._C._dynamo import eval_frame

__all__ = ["intercept_modules", "paused_collection", "paused_compilation"]

Handler = Callable[[Callable[..., Any], nn.Module, tuple[Any, ...], dict[str, Any]], Any]

_local = threading.local()
_lock = threading.Lock()
_captures = 0
_patched: Any = nn.Module.__call__
_original: Any = nn.Module.__call__
_before: Any = None
_count_frames: Any = getattr(eval_frame, "set_fullgraph_compiled_frame_count", None)  # since torch 2.12


def _call(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    handler: Handler | None = getattr(_local, "handler", None)
    if handler is None:
        return _original(module, *args, **kwargs)
    return handler(_original, module, args, kwargs)


def _code(self: nn.Module, /, *args: Any, _flopgraph_call: Any = None, **kwargs: Any) -> Any:
    """Stands in for the code of ``nn.Module.__call__``; it knows no name of this file, so `_call` is its default."""
    return _flopgraph_call(self, args, kwargs)


def _patch() -> None:
    global _patched, _original, _before
    _patched = nn.Module.__call__
    _before = (_patched.__code__, _patched.__kwdefaults__)
    _original = types.FunctionType(
        _patched.__code__, _patched.__globals__, _patched.__name__, _patched.__defaults__, _patched.__closure__
    )
    _original.__kwdefaults__ = _patched.__kwdefaults__
    # In this order, and back in the other: another thread may call a module between any two lines.
    _patched.__kwdefaults__ = {**(_patched.__kwdefaults__ or {}), "_flopgraph_call": _call}
    _patched.__code__ = _with_cells(_code.__code__, _patched)


def _unpatch() -> None:
    code, defaults = _before
    _patched.__code__ = code
    _patched.__kwdefaults__ = defaults


def _with_cells(code: types.CodeType, function: Any) -> types.CodeType:
    """The code with the free variables of a function, which Python asks for: a library's wrapper has some."""
    return code.replace(co_freevars=function.__code__.co_freevars) if function.__closure__ else code


@contextmanager
def intercept_modules(handler: Handler) -> Iterator[None]:
    """Send this thread's module calls to ``handler(original, module, args, kwargs)``; nests."""
    global _captures
    outer: Handler | None = getattr(_local, "handler", None)
    with _lock:
        if _captures == 0:
            _patch()
        _captures += 1
    _local.handler = handler
    try:
        yield
    finally:
        _local.handler = outer
        with _lock:
            _captures -= 1
            if _captures == 0:
                _unpatch()


_pauses = 0
_collects = False


@contextmanager
def paused_collection() -> Iterator[None]:
    """Hold Python's garbage collector, and let it go on as before at the end; nests, whichever threads.

    A capture makes thousands of records and no garbage: sweeping them again and again makes the time of a deep model
    grow faster than its depth.
    """
    global _pauses, _collects
    with _lock:
        if _pauses == 0:
            _collects = gc.isenabled()
            gc.disable()
        _pauses += 1
    try:
        yield
    finally:
        with _lock:
            _pauses -= 1
            if _pauses == 0 and _collects:
                gc.enable()


_uncompiled = 0
_frames = -1


@contextmanager
def paused_compilation() -> Iterator[None]:
    """Let functions under ``torch.compile`` run as they are written, those with ``fullgraph=True`` too; nests.

    Torch compiles nothing under a dispatch mode, and calls that an error where the whole graph was asked for, unless it
    counts frames already: which it believes here. Its operators that call functions do the same for themselves.
    """
    global _uncompiled, _frames
    if _count_frames is None:
        yield
        return
    with _lock:
        if _uncompiled == 0:
            _frames = _count_frames(0)
        _uncompiled += 1
    try:
        yield
    finally:
        with _lock:
            _uncompiled -= 1
            if _uncompiled == 0:
                _count_frames(_frames)
