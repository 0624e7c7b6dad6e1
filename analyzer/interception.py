"""The one patch: ``nn.Module.__call__`` asks the capture of its own thread, where there is one.

It is set when the first capture starts and taken off when the last one ends, whichever threads they run in. Threads
without a capture run the original.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

__all__ = ["intercept_modules"]

Handler = Callable[[Callable[..., Any], nn.Module, tuple[Any, ...], dict[str, Any]], Any]

_local = threading.local()
_lock = threading.Lock()
_captures = 0
_original: Callable[..., Any] = nn.Module.__call__


def _call(module: nn.Module, /, *args: Any, **kwargs: Any) -> Any:
    handler: Handler | None = getattr(_local, "handler", None)
    if handler is None:
        return _original(module, *args, **kwargs)
    return handler(_original, module, args, kwargs)


@contextmanager
def intercept_modules(handler: Handler) -> Iterator[None]:
    """Send this thread's module calls to ``handler(original, module, args, kwargs)``; nests."""
    global _captures, _original
    outer: Handler | None = getattr(_local, "handler", None)
    with _lock:
        if _captures == 0:
            _original = nn.Module.__call__
            nn.Module.__call__ = _call  # type: ignore[method-assign]
        _captures += 1
    _local.handler = handler
    try:
        yield
    finally:
        _local.handler = outer
        with _lock:
            _captures -= 1
            if _captures == 0:
                nn.Module.__call__ = _original  # type: ignore[method-assign]
