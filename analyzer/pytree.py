"""Mapping over what models take and return: lists, tuples, dicts, dataclasses, whatever torch's pytrees know.

And objects that hold tensors in their attributes, as caches of past keys and values do.
"""

from __future__ import annotations

import copy
import dataclasses
import threading
import types
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils import _pytree

__all__ = ["leaves", "map_tensors"]

_LEAVES = (int, float, bool, str, bytes, complex, type(None), torch.dtype, torch.device, torch.Size)


def map_tensors(function: Callable[[Any], Any], tree: Any, kinds: tuple[type, ...]) -> Any:
    """A copy of ``tree`` with every instance of ``kinds`` replaced by ``function`` of it; nothing given is changed.

    >>> map_tensors(lambda n: n + 1, {"a": [1, 2], "b": "text"}, (int,))
    {'a': [2, 3], 'b': 'text'}
    """
    if isinstance(tree, kinds):
        return function(tree)
    if isinstance(tree, _LEAVES):
        return tree
    if isinstance(tree, tuple):
        items = [map_tensors(function, item, kinds) for item in tree]
        if hasattr(tree, "_fields"):
            return type(tree)(*items)
        return type(tree)(items)  # structseqs such as torch.return_types.max take one sequence too
    if isinstance(tree, list):
        return type(tree)(map_tensors(function, item, kinds) for item in tree)
    if type(tree) in (dict, OrderedDict):
        return type(tree)((key, map_tensors(function, item, kinds)) for key, item in tree.items())
    if isinstance(tree, defaultdict):
        return defaultdict(tree.default_factory, ((k, map_tensors(function, v, kinds)) for k, v in tree.items()))
    if type(tree) in _pytree.SUPPORTED_NODES:
        items, context = _pytree.SUPPORTED_NODES[type(tree)].flatten_fn(tree)
        mapped = [map_tensors(function, item, kinds) for item in items]
        return _pytree.SUPPORTED_NODES[type(tree)].unflatten_fn(mapped, context)
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return _map_attributes(function, tree, [field.name for field in dataclasses.fields(tree)], kinds)
    if isinstance(tree, dict):
        twin = copy.copy(tree)
        for key, item in tree.items():
            twin[key] = map_tensors(function, item, kinds)
        return twin
    return _map_attributes(function, tree, list(vars(tree)), kinds) if _is_box(tree) else tree


def _map_attributes(function: Callable[[Any], Any], tree: Any, names: list[str], kinds: tuple[type, ...]) -> Any:
    """A copy of an object whose attributes hold tensors or lists, the object itself where none do."""
    if id(tree) in _walk.objects:
        return tree  # it holds itself
    _walk.objects.add(id(tree))
    try:
        before = {name: getattr(tree, name, None) for name in names}
        after = {name: map_tensors(function, value, kinds) for name, value in before.items()}
    finally:
        _walk.objects.discard(id(tree))
    changes = {name: value for name, value in after.items() if value is not before[name]}
    if not changes:
        return tree
    twin = copy.copy(tree)
    for name, value in changes.items():
        object.__setattr__(twin, name, value)
    return twin


def leaves(tree: Any, kinds: tuple[type, ...], path: str = "", *, boxes: bool = False) -> Iterator[tuple[str, Any]]:
    """``(path, leaf)`` of every instance of ``kinds`` in a tree; with ``boxes``, in the attributes of any object too.

    >>> list(leaves({"a": [1, "x", 2]}, (int,)))
    [('a.0', 1), ('a.2', 2)]
    """
    if isinstance(tree, kinds):
        yield path, tree
    elif isinstance(tree, _LEAVES):
        return
    elif isinstance(tree, (tuple, list)):
        names = getattr(tree, "_fields", range(len(tree)))
        for name, item in zip(names, tree, strict=True):
            yield from leaves(item, kinds, f"{path}.{name}" if path else str(name), boxes=boxes)
    elif isinstance(tree, dict):
        for key, item in tree.items():
            yield from leaves(item, kinds, f"{path}.{key}" if path else str(key), boxes=boxes)
    elif type(tree) in _pytree.SUPPORTED_NODES:
        for index, item in enumerate(_pytree.SUPPORTED_NODES[type(tree)].flatten_fn(tree)[0]):
            yield from leaves(item, kinds, f"{path}.{index}" if path else str(index), boxes=boxes)
    elif dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        for field in dataclasses.fields(tree):
            yield from leaves(
                getattr(tree, field.name, None), kinds, f"{path}.{field.name}" if path else field.name, boxes=boxes
            )
    elif boxes and _is_box(tree) and id(tree) not in _walk.objects:
        _walk.objects.add(id(tree))
        try:
            for name, item in list(vars(tree).items()):
                yield from leaves(item, kinds, f"{path}.{name}" if path else name, boxes=boxes)
        finally:
            _walk.objects.discard(id(tree))


class _Walk(threading.local):
    """The objects that a thread is walking, so that one that holds itself comes to an end."""

    def __init__(self) -> None:
        self.objects: set[int] = set()


_walk = _Walk()
# What holds no tensors, or only such as are not passed on by it.
_SOLID = (torch.nn.Module, torch.Tensor, torch.Generator, type, types.ModuleType, types.FunctionType, types.MethodType)


def _is_box(tree: Any) -> bool:
    """Whether a value is an object with attributes that may hold tensors, such as a cache; configurations hold none."""
    if isinstance(tree, _SOLID) or not hasattr(tree, "__dict__") or hasattr(tree, "to_json_string"):
        return False
    return type(tree).__module__.partition(".")[0] not in ("torch", "builtins", "functools", "analyzer", "numpy")
