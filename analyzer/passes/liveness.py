"""Which tensors are alive when: the static memory of a run without gradients, tensors freed at their last use."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.graph import Graph
from analyzer.symbolic.expression import is_open
from analyzer.symbolic.extremes import largest as largest_of

__all__ = ["MemoryProfile", "liveness"]


@dataclass(frozen=True, slots=True)
class MemoryProfile:
    """Bytes of live activations (parameters and buffers apart) over the execution order.

    Attributes:
        peak: the most bytes alive at once, while a node runs: its inputs, its outputs and all that is read later.
        peak_node: id of the node that runs then.
        largest: bytes of the largest single activation.
        largest_node: id of the node that makes it.
        timeline: ``(node id, bytes alive while it runs)`` in execution order.
    """

    peak: int
    peak_node: str
    largest: int
    largest_node: str
    timeline: tuple[tuple[str, int], ...]


def liveness(graph: Graph) -> MemoryProfile:
    """Follow every storage from the node that makes it to the last that reads it or a view of it.

    A view adds nothing: it keeps its base alive. Inputs live until their last use, outputs to the end. What a kernel
    needs for itself is not counted, and a reshape is taken as a view.
    """
    roots: dict[str, str] = {}
    sizes: dict[str, int] = {}
    last: dict[str, int] = {}
    nodes = graph.nodes()
    for index, node in enumerate(nodes):
        root = node.id
        if node.alias_of:
            root = roots.get(node.alias_of, "")  # a view of a parameter is no activation
        roots[node.id] = root
        if root == node.id and node.op != "output":
            sizes[root] = sum(spec.nbytes for spec in node.outputs)
            last[root] = index
        for edge in node.inputs:
            source = roots[edge.source]
            if source:
                last[source] = index
    ends: dict[int, list[str]] = {}
    for root, index in last.items():
        ends.setdefault(index, []).append(root)
    live = peak = 0
    peak_node = largest_node = ""
    largest = 0
    timeline = []
    for index, node in enumerate(nodes):
        live += sizes.get(node.id, 0)
        if sizes.get(node.id, 0) > largest:
            largest, largest_node = sizes[node.id], node.id
        timeline.append((node.id, live))
        if live > peak:
            peak, peak_node = live, node.id
        for root in ends.get(index, ()):
            live -= sizes[root]
    if any(map(is_open, sizes.values())):  # another moment may be the peak at other sizes
        peak, largest = largest_of(alive for _, alive in timeline), largest_of(sizes.values())
    return MemoryProfile(peak, peak_node, largest, largest_node, tuple(timeline))
