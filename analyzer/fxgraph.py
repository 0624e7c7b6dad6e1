"""The record of a capture as a ``torch.fx.Graph``: the same calls, in torch.fx's words, and runnable by it."""

from __future__ import annotations

import importlib
import operator
import types
from collections.abc import Iterable
from functools import cache
from typing import Any

import torch
import torch.fx

from analyzer.bounds import is_bound
from analyzer.node import Attribute, Node, Ref

__all__ = ["to_fx"]


def to_fx(nodes: Iterable[Node]) -> torch.fx.Graph:
    """Build the torch.fx graph of recorded calls.

    Every node carries its record in ``meta["node"]``. Some graphs show what does not run: a model that is one layer and
    nothing else has no path to be called by, a constant that no module holds has no name, and a target that cannot be
    imported again (a compiled function) is a stub that raises.
    """
    graph = torch.fx.Graph()
    made: dict[tuple[str, int], torch.fx.Node] = {}
    attributes: dict[str, torch.fx.Node] = {}
    paths: dict[str, tuple[tuple[int, ...], ...]] = {}

    def value(item: Any) -> Any:
        if isinstance(item, Ref):
            key = (item.source, item.index)
            if key not in made:
                part = made[item.source, -1]
                for index in paths[item.source][item.index]:
                    part = graph.call_function(operator.getitem, (part, index))
                made[key] = part
            return made[key]
        if isinstance(item, Attribute):
            if item.name not in attributes:
                attributes[item.name] = graph.get_attr(item.name)
            return attributes[item.name]
        if isinstance(item, tuple) and hasattr(item, "_fields"):
            return type(item)(*(value(part) for part in item))
        if isinstance(item, (tuple, list)):
            return type(item)(value(part) for part in item)
        if isinstance(item, dict):
            return {key: value(part) for key, part in item.items()}
        if isinstance(item, slice):
            return slice(value(item.start), value(item.stop), value(item.step))
        return int(item) if is_bound(item) else item

    for node in nodes:
        args, kwargs = node.call
        if node.kind == "placeholder":
            for name in node.arguments["names"]:  # one tensor may be given in several places
                record = graph.placeholder(_identifier(name))
                record.target = record.name  # torch.fx may have had to find another name
                made.setdefault((node.id, 0), record)
        elif node.kind == "get_attr":
            made[node.id, 0] = record = graph.get_attr(node.target)
        elif node.kind == "output":
            record = graph.output(value(args[0]))
        else:
            positional, keywords = tuple(value(item) for item in args), {k: value(v) for k, v in kwargs.items()}
            target: Any = node.target
            if node.kind == "call_module":
                target = node.stack[-1]
            elif node.kind == "call_method":
                target = node.target.removeprefix("torch.Tensor.")
            else:
                target = resolve(node.target)
            if isinstance(target, types.GetSetDescriptorType):  # x.T is read, not called
                target, positional = getattr, (positional[0], target.__name__)
            record = graph.create_node(node.kind, target, positional, keywords, name=_identifier(node.id))
            made[node.id, -1 if node.paths else 0] = record
            paths[node.id] = node.paths
        record.meta["node"] = node
    return graph


def _identifier(id: str) -> str:
    text = "".join(char if char.isalnum() else "_" for char in id)
    return text if text and not text[0].isdigit() else f"_{text}"


@cache
def resolve(path: str) -> Any:
    """The function of that dotted path; a stub that raises where it cannot be imported.

    >>> resolve("torch.nn.functional.relu") is torch.nn.functional.relu
    True
    """
    module, _, name = path.rpartition(".")
    parts = [name]
    while module:
        try:
            found: Any = importlib.import_module(module)
            for part in reversed(parts):
                found = getattr(found, part)
            return found
        except (ImportError, AttributeError):
            module, _, name = module.rpartition(".")
            parts.append(name)

    def stub(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{path} cannot be imported again, so this graph shows it and does not run it")

    stub.__name__ = _identifier(path)
    return stub
