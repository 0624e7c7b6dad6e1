"""Mapping over what models take and return: lists, tuples, dicts, dataclasses and whatever torch's pytrees know."""

from __future__ import annotations

import copy
import dataclasses
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
        return _map_dataclass(function, tree, kinds)
    if isinstance(tree, dict):
        twin = copy.copy(tree)
        for key, item in tree.items():
            twin[key] = map_tensors(function, item, kinds)
        return twin
    return tree


def _map_dataclass(function: Callable[[Any], Any], tree: Any, kinds: tuple[type, ...]) -> Any:
    changes = {}
    for field in dataclasses.fields(tree):
        before = getattr(tree, field.name, None)
        after = map_tensors(function, before, kinds)
        if after is not before:
            changes[field.name] = after
    if not changes:
        return tree
    twin = copy.copy(tree)
    for name, value in changes.items():
        object.__setattr__(twin, name, value)
    return twin


def leaves(tree: Any, kinds: tuple[type, ...], path: str = "") -> Iterator[tuple[str, Any]]:
    """``(path, leaf)`` of every instance of ``kinds`` in a tree.

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
            yield from leaves(item, kinds, f"{path}.{name}" if path else str(name))
    elif isinstance(tree, dict):
        for key, item in tree.items():
            yield from leaves(item, kinds, f"{path}.{key}" if path else str(key))
    elif type(tree) in _pytree.SUPPORTED_NODES:
        for index, item in enumerate(_pytree.SUPPORTED_NODES[type(tree)].flatten_fn(tree)[0]):
            yield from leaves(item, kinds, f"{path}.{index}" if path else str(index))
    elif dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        for field in dataclasses.fields(tree):
            yield from leaves(getattr(tree, field.name, None), kinds, f"{path}.{field.name}" if path else field.name)
