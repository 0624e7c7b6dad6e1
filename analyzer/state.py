"""The model before and after: one walk that names everything in it and remembers it, and puts it back."""

from __future__ import annotations

import operator
import random
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import parameter as torch_parameter

from analyzer.spec import TensorSpec

__all__ = ["UNINITIALIZED", "Entry", "GlobalState", "ModelState"]

_CONTAINERS = frozenset({dict, list, set, OrderedDict, defaultdict, Counter, deque})
UNINITIALIZED: Any = vars(torch_parameter)["UninitializedTensorMixin"]


class Entry(NamedTuple):
    """A parameter or buffer under its first name; one that is uninitialized has no spec."""

    name: str
    tensor: torch.Tensor
    buffer: bool
    spec: TensorSpec | None


class ModelState:
    """Every module of a model by name, with a shallow copy of what it holds. A function may bring several models.

    Attributes:
        paths: module id -> its first path.
        modules: first path -> module, parents before children.
        aliases: first path -> further paths.
        tensors: tensor id -> its `Entry`.
        owned: path -> first names of the module's own parameters, and of its own buffers.
        tensor_aliases: first name -> further names.
    """

    def __init__(self) -> None:
        self.paths: dict[int, str] = {}
        self.modules: dict[str, nn.Module] = {}
        self.aliases: dict[str, list[str]] = {}
        self.tensors: dict[int, Entry] = {}
        self.owned: dict[str, tuple[list[str], list[str]]] = {}
        self.tensor_aliases: dict[str, list[str]] = {}
        self._saved: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._containers: list[Any] = []
        self._contents: dict[int, tuple[Any, Any]] = {}

    def add(self, root: nn.Module, path: str = "") -> None:
        """Name and remember a module and all below it."""
        stack: list[tuple[str, nn.Module]] = [(path, root)]
        containers: list[Any] = []
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
            containers += [value for value in own.values() if type(value) in _CONTAINERS]
            prefix = f"{path}." if path else ""
            parameters, buffers, children = own.get("_parameters"), own.get("_buffers"), own.get("_modules")
            if parameters is None or buffers is None or children is None:  # scripted and traced modules are C++
                parameters = dict(module.named_parameters(recurse=False))
                buffers = dict(module.named_buffers(recurse=False))
                children = dict(module.named_children())
            if parameters or buffers:
                self.owned[path] = (
                    self._name_all(prefix, parameters, False),
                    self._name_all(prefix, buffers, True),
                )
            if children:
                stack.extend((prefix + name, child) for name, child in reversed(children.items()) if child is not None)

        # Most are nn.Module's own and empty: those need no copy to be emptied again.
        self._containers += containers
        self._contents.update({id(container): (container, container.copy()) for container in filter(None, containers)})

    def _name_all(self, prefix: str, tensors: dict[str, torch.Tensor | None], buffers: bool) -> list[str]:
        names = []
        known = self.tensors
        new = tuple.__new__
        for name, tensor in tensors.items():
            if tensor is not None:
                entry = known.get(id(tensor))
                if entry is None:
                    full = prefix + name
                    cls = type(tensor)
                    plain = cls is nn.Parameter or cls is torch.Tensor or not isinstance(tensor, UNINITIALIZED)
                    spec = TensorSpec.of(tensor) if plain else None
                    known[id(tensor)] = new(Entry, (full, tensor, buffers, spec))
                    names.append(full)
                else:
                    self.tensor_aliases.setdefault(entry.name, []).append(prefix + name)
        return names

    def adopt(self, name: str, parameter: torch.Tensor) -> Entry:
        """Give a parameter that no module holds its name."""
        entry = self.tensors[id(parameter)] = Entry(name, parameter, False, TensorSpec.of(parameter))
        return entry

    def _alias_below(self, first: str, path: str, module: nn.Module) -> None:
        """Further names of what a shared module holds: told to people, so its own tensors are enough."""
        for name in (*module._parameters, *module._buffers):
            tensor = module._parameters.get(name, module._buffers.get(name))
            if tensor is not None and id(tensor) in self.tensors:
                self.tensor_aliases.setdefault(self.tensors[id(tensor)][0], []).append(f"{path}.{name}")

    def attribute_of(self, tensor: torch.Tensor) -> str:
        """The path of a tensor that a module holds as a plain attribute, ``"body.table"``; empty where none does."""
        for path, module in self.modules.items():
            for name, value in module.__dict__.items():
                if value is tensor:
                    return f"{path}.{name}" if path else name
        return ""

    def restore(self) -> None:
        """Put back whatever forward changed on the modules: attributes, parameters, hooks, caches, counters.

        Only what differs is written, so that a model which nobody changed is not touched.
        """
        for own, saved in self._saved:
            if not _same(own, saved):
                own.clear()
                own.update(saved)
        for container in filter(None, self._containers):
            if id(container) not in self._contents:
                container.clear()
        for container, contents in self._contents.values():
            if not _same(container, contents):
                container.clear()
                if isinstance(container, (list, deque)):
                    container.extend(contents)
                else:
                    container.update(contents)


def _same(container: Any, contents: Any) -> bool:
    """The same objects in the same places: comparing values would ask tensors whether they are equal."""
    if len(container) != len(contents):
        return False
    if isinstance(container, dict):
        return all(map(operator.is_, container.values(), contents.values())) and [*container] == [*contents]
    if isinstance(container, set):
        return bool(container == contents)
    return all(map(operator.is_, container, contents))


class GlobalState:
    """What a forward may change beside the model, remembered and put back.

    The random generators of torch, Python and NumPy (where it is loaded), grad mode and the default dtype.
    """

    def __init__(self) -> None:
        self._grad = torch.is_grad_enabled()
        self._dtype = torch.get_default_dtype()
        self._torch = torch.default_generator.get_state()
        self._python = random.getstate()
        self._numpy = _numpy_random()
        self._numpy_state = self._numpy.get_state() if self._numpy else None

    def restore(self) -> None:
        """Put all of it back."""
        torch._C._set_grad_enabled(self._grad)
        if torch.get_default_dtype() is not self._dtype:
            torch.set_default_dtype(self._dtype)
        torch.default_generator.set_state(self._torch)
        random.setstate(self._python)
        if self._numpy:
            self._numpy.set_state(self._numpy_state)


def _numpy_random() -> Any:
    return sys.modules.get("numpy.random")
