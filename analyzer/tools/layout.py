"""Which tensors lie in memory in another order than their axes: views, and what takes their order over."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.fxgraph import resolve
from analyzer.graph import Graph
from analyzer.node import Attribute, Node, Ref
from analyzer.pytree import map_tensors

__all__ = ["rearranged"]

# Their results lie as their first operand of that shape does.
_ELEMENTWISE = frozenset(
    "add sub mul div rsub neg relu relu6 leaky_relu prelu elu selu gelu silu mish sigmoid tanh hardtanh hardswish "
    "hardsigmoid softplus dropout clone to type_as float half bfloat16 pow sqrt rsqrt exp clamp "
    "addcmul addcdiv lerp".split()
)
# Images that lie with their channels last do so afterwards as well.
_OF_IMAGES = frozenset(
    "conv2d conv_transpose2d batch_norm avg_pool2d max_pool2d adaptive_avg_pool2d interpolate".split()
)


def rearranged(graph: Graph) -> frozenset[tuple[str, int]]:
    """The outputs, as ``(node id, index)``, that are not contiguous when the model runs.

    torch picks other kernels for these, so that tools which watch its operators count another number. Inputs and
    weights are taken for contiguous; so is what comes from an operation that is none of those.

    >>> from analyzer import TensorSpec, analyze
    >>> graph = analyze(lambda x: x.transpose(0, 1).relu().contiguous(), TensorSpec((3, 5))).graph
    >>> sorted(rearranged(graph))
    [('relu', 0), ('transpose', 0)]
    """
    places: dict[tuple[str, int], torch.Tensor] = {}
    for node in graph:
        for index, tensor in enumerate(_outputs(graph, node, places)):
            if not tensor.is_contiguous():
                places[node.id, index] = tensor
    return frozenset(places)


def _outputs(graph: Graph, node: Node, places: dict[tuple[str, int], torch.Tensor]) -> list[torch.Tensor]:
    """The outputs as tensors without storage, in the order in which they would lie; none where that is no question."""
    if node.op in _ELEMENTWISE:
        return _like_first(node, places)
    if node.op in _OF_IMAGES:
        return _channels_last(node, places)
    if node.kind not in ("call_method", "call_function"):
        return []
    is_rearranged = any((edge.source, edge.index) in places for edge in node.inputs)
    if not node.alias_of and not (is_rearranged and node.op in ("reshape", "contiguous")):
        return []
    return _replayed(graph, node, places)


def _like_first(node: Node, places: dict[tuple[str, int], torch.Tensor]) -> list[torch.Tensor]:
    """The output in the order of the first operand of its shape."""
    shape = node.outputs[0].shape if node.outputs else None
    first = next((edge for edge in node.inputs if edge.spec.shape == shape), None)
    place = None if first is None else places.get((first.source, first.index))
    return [] if place is None else [torch.empty_like(place)]


def _channels_last(node: Node, places: dict[tuple[str, int], torch.Tensor]) -> list[torch.Tensor]:
    place = places.get((node.inputs[0].source, node.inputs[0].index)) if node.inputs else None
    if place is None or not node.outputs or node.outputs[0].ndim != 4:
        return []
    if not place.is_contiguous(memory_format=torch.channels_last):
        return []
    return [_empty(node.outputs[0]).to(memory_format=torch.channels_last)]


def _replayed(graph: Graph, node: Node, places: dict[tuple[str, int], torch.Tensor]) -> list[torch.Tensor]:
    def tensor(item: Any) -> Any:
        if isinstance(item, Ref):
            place = places.get((item.source, item.index))
            return _empty(graph.node(item.source).outputs[item.index]) if place is None else place
        if isinstance(item, Attribute):
            return _empty(graph.parameters[item.name].spec)
        if type(item) in (tuple, list):
            return type(item)(map(tensor, item))
        return item

    args, kwargs = node.call
    try:
        result = resolve(node.target)(*tensor(args), **{name: tensor(value) for name, value in kwargs.items()})
    except Exception:  # what cannot be told is taken for contiguous
        return []
    found: list[torch.Tensor] = []
    map_tensors(found.append, result, (torch.Tensor,))
    return found if len(found) == len(node.outputs) else []


def _empty(spec: Any) -> torch.Tensor:
    return torch.empty(tuple(map(int, spec.shape)), dtype=spec.dtype, device="meta")
