"""A graph captured on open dimensions, with formulas of our own in place of torch's symbolic ints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from analyzer.counts import Counts, Traffic
from analyzer.graph import Graph
from analyzer.node import Attribute, Edge, ModuleCall, ModuleInfo, Node, Parameter, Ref
from analyzer.spec import TensorSpec

__all__ = ["closed"]


def closed(graph: Graph, outputs: Any, number: Callable[[Any], Any]) -> tuple[Graph, Any]:
    """The graph and what the model returned, with ``number`` of every symbolic int.

    A symbolic int adds a condition where it is compared, prints its hint, and does not pickle.
    """
    known: dict[int, Any] = {}
    kept: list[Any] = []  # so that no identity is used twice

    def close(value: Any) -> Any:
        cls = type(value)
        if cls in _SOLID:
            return value
        if cls in _OPEN:
            return number(value)
        made = known.get(id(value))
        if made is None:
            made = known[id(value)] = _close(value, cls)
            kept.append(value)
        return made

    def _close(value: Any, cls: type) -> Any:
        if cls is TensorSpec:
            if not any(type(size) is torch.SymInt for size in value.shape):
                return value
            return value.with_shape(*map(close, value.shape))
        if cls is Counts or cls is Traffic:
            return cls(*(close(getattr(value, name)) for name in cls.__dataclass_fields__))
        if cls in (Node, Edge, ModuleCall, ModuleInfo, Parameter, Ref):
            return cls(*map(close, value))
        if isinstance(value, dict):
            return {key: close(item) for key, item in value.items()}
        if isinstance(value, torch.Size):
            return tuple(map(close, value))
        if isinstance(value, tuple):
            return cls(*map(close, value)) if hasattr(value, "_fields") else cls(map(close, value))
        if isinstance(value, list):
            return [close(item) for item in value]
        if isinstance(value, slice):
            return slice(*map(close, (value.start, value.stop, value.step)))
        return value

    records = tuple(map(close, graph.records))
    modules = {path: close(info) for path, info in graph.modules.items()}
    return replace(graph, records=records, modules=modules), close_tree(outputs, close)


def close_tree(outputs: Any, close: Callable[[Any], Any]) -> Any:
    """What a model returned, of any structure."""
    from analyzer.pytree import map_tensors

    return map_tensors(close, outputs, (TensorSpec, torch.SymInt))


_OPEN = frozenset({torch.SymInt, torch.SymFloat, torch.SymBool})
_SOLID = frozenset({int, str, float, bool, type(None), complex, range, Attribute, torch.dtype, torch.device})
