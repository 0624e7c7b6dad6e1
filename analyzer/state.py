"""The model before and after: one walk that names everything in it and remembers it, and puts it back."""

from __future__ import annotations

import random
import sys
from typing import Any

import torch
from torch import nn

__all__ = ["ModelState", "RandomState"]

_CONTAINERS = (dict, list, set)
_MISSING = object()


class ModelState:
    """Every module of a model by name, with a shallow copy of what it holds. A function may bring several models.

    Attributes:
        paths: module id -> its first path.
        modules: first path -> module, parents before children.
        aliases: first path -> further paths.
        tensors: tensor id -> ``(name, tensor, is_buffer)``, by first name.
        tensor_aliases: first name -> further names.
    """

    def __init__(self) -> None:
        self.paths: dict[int, str] = {}
        self.modules: dict[str, nn.Module] = {}
        self.aliases: dict[str, list[str]] = {}
        self.tensors: dict[int, tuple[str, torch.Tensor, bool]] = {}
        self.tensor_aliases: dict[str, list[str]] = {}
        self._saved: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._contents: list[tuple[Any, Any]] = []

    def add(self, root: nn.Module, path: str = "") -> None:
        """Name and remember a module and all below it."""
        stack: list[tuple[str, nn.Module]] = [(path, root)]
        while stack:
            path, module = stack.pop()
            first = self.paths.setdefault(id(module), path)
            if first != path:
                self.aliases.setdefault(first, []).append(path)
                self._alias_below(first, path, module)
                continue
            self.modules[path] = module
            own = module.__dict__
            self._saved.append((own, own.copy()))
            for value in own.values():
                if value and type(value) in _CONTAINERS:
                    self._contents.append((value, value.copy()))
            prefix = f"{path}." if path else ""
            for name, tensor in own["_parameters"].items():
                if tensor is not None:
                    self._name(prefix + name, tensor, False)
            for name, tensor in own["_buffers"].items():
                if tensor is not None:
                    self._name(prefix + name, tensor, True)
            children = own["_modules"]
            if children:
                stack.extend((prefix + name, child) for name, child in reversed(children.items()) if child is not None)

    def _name(self, name: str, tensor: torch.Tensor, buffer: bool) -> None:
        known = self.tensors.setdefault(id(tensor), (name, tensor, buffer))
        if known[0] != name:
            self.tensor_aliases.setdefault(known[0], []).append(name)

    def _alias_below(self, first: str, path: str, module: nn.Module) -> None:
        """Further names of what a shared module holds: told to people, so its own tensors are enough."""
        for name in (*module._parameters, *module._buffers):
            tensor = module._parameters.get(name, module._buffers.get(name))
            if tensor is not None and id(tensor) in self.tensors:
                self.tensor_aliases.setdefault(self.tensors[id(tensor)][0], []).append(f"{path}.{name}")

    def restore(self) -> None:
        """Put back whatever forward changed on the modules: attributes, parameters, hooks, caches, counters.

        Only what differs is written, so that a model which nobody changed is not touched.
        """
        for own, saved in self._saved:
            if len(own) != len(saved) or any(own.get(key, _MISSING) is not value for key, value in saved.items()):
                own.clear()
                own.update(saved)
        for container, contents in self._contents:
            if not _same(container, contents):
                container.clear()
                if isinstance(container, list):
                    container.extend(contents)
                else:
                    container.update(contents)


def _same(container: Any, contents: Any) -> bool:
    if len(container) != len(contents):
        return False
    if isinstance(container, dict):
        pairs = zip(container.items(), contents.items(), strict=True)
        return all(key is other and value is before for (key, value), (other, before) in pairs)
    if isinstance(container, set):
        return bool(container == contents)
    return all(value is before for value, before in zip(container, contents, strict=True))


class RandomState:
    """The random generators of torch, Python and NumPy (where it is loaded), remembered and put back."""

    def __init__(self) -> None:
        self._torch = torch.default_generator.get_state()
        self._python = random.getstate()
        self._numpy = _numpy_random()
        self._numpy_state = self._numpy.get_state() if self._numpy else None

    def restore(self) -> None:
        """Put the generators back where they stood."""
        torch.default_generator.set_state(self._torch)
        random.setstate(self._python)
        if self._numpy:
            self._numpy.set_state(self._numpy_state)


def _numpy_random() -> Any:
    return sys.modules.get("numpy.random")
