"""What forward keeps outside the model: abstract tensors in caches of functions and in containers are taken out again.

A table that a helper remembers (``@lru_cache``, a dict of the module's file) outlives the capture that made it: the
next real forward would be handed a tensor without values. What a module itself holds is put back by `ModelState`.
"""

from __future__ import annotations

import functools
import gc
import sys
import threading
import traceback
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from analyzer.abstract import AbstractTensor

__all__ = ["clear_locals", "leftovers_taken_back"]

# A mapping of a class of its own may be a result that somebody looks at, and may not let go of what it holds.
_DICTS = (dict, OrderedDict, defaultdict)
_LRU_CACHE = type(functools.cache(len))
# A tensor in a tuple in a list in a dict.
_DEPTH = 3

_lock = threading.Lock()
_captures = 0
_floor = 0
_collections = 0


@contextmanager
def leftovers_taken_back() -> Iterator[None]:
    """Forget, when the last capture of all threads ends, what any of them left behind.

    It stands inside of `paused_collection`: all that a capture made is then in the youngest generation, where it is
    found at once, unless the model itself collects.
    """
    global _captures, _floor, _collections
    with _lock:
        if _captures == 0:
            _floor = min(_floor or _alive(), _alive())
            _collections = _collected()
        _captures += 1
    try:
        yield
    finally:
        with _lock:
            _captures -= 1
            if _captures == 0 and _alive() > _floor:
                _take_back(0 if _collected() == _collections else None)
                _floor = _alive()  # what is alive now is held by a traceback, or by a name that we leave alone


def clear_locals(error: BaseException) -> None:
    """Drop what was alive where an error and those before it were raised; the lines stay, as in ``assertRaises``."""
    errors: list[BaseException] = [error]
    for each in errors:
        traceback.clear_frames(each.__traceback__)
        errors += [one for one in (each.__cause__, each.__context__) if one is not None and one not in errors]


def _alive() -> int:
    """How many abstract tensors there are, and some: each counts as a reference to its class, so asking is free."""
    return sys.getrefcount(AbstractTensor)


def _collected() -> int:
    return sum(generation["collections"] for generation in gc.get_stats())


def _take_back(generation: int | None) -> None:
    held: list[Any] = [item for item in gc.get_objects(generation) if type(item) is AbstractTensor]
    for _ in range(_DEPTH):
        ids = {id(item) for item in held if not isinstance(item, list)}
        around: list[Any] = []
        for holder in gc.get_referrers(*held) if held else ():
            if isinstance(holder, _LRU_CACHE):
                holder.cache_clear()
            elif type(holder) in _DICTS and not _is_namespace(holder):
                for key in [key for key, value in holder.items() if id(value) in ids]:
                    del holder[key]
            elif isinstance(holder, tuple):
                around.append(holder)
            elif isinstance(holder, list) and holder is not held:
                holder[:] = [item for item in holder if id(item) not in ids]
                around.append(holder)
        held = around


def _is_namespace(mapping: Any) -> bool:
    """Whether a dict holds the names of a file, a class or an object: what one of them was before, nobody knows."""
    if "__name__" in mapping or "__module__" in mapping:
        return True
    return any(getattr(owner, "__dict__", None) is mapping for owner in gc.get_referrers(mapping))
