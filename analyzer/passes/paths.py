"""Ways through a graph: the heaviest, what lies between two layers, the branches that join at a call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import networkx

from analyzer.graph import Graph
from analyzer.node import Node
from analyzer.passes.parts import nodes_of

__all__ = ["Branches", "CriticalPath", "between", "branches", "critical_path"]


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """The heaviest way from an end of the graph to another.

    Attributes:
        nodes: the calls on it, in execution order.
        costs: what each of them costs.
    """

    nodes: tuple[Node, ...]
    costs: tuple[int, ...]

    @property
    def cost(self) -> int:
        """What cannot be done at the same time: however many units work, one after another has this much to do."""
        return sum(self.costs)


def critical_path(graph: Graph, cost: Callable[[Node], int]) -> CriticalPath:
    """The way through the graph whose calls cost most together.

    Args:
        graph: the graph.
        cost: what a node costs, such as ``CONVENTIONS["flops"]``.

    Source: the longest path of a weighted acyclic graph (Kelley and Walker 1959); one pass in execution order.

    >>> from torch import nn
    >>> from analyzer import CONVENTIONS, analyze
    >>> graph = analyze(nn.Sequential(nn.Linear(7, 5), nn.ReLU()).eval(), (3, 7)).graph
    >>> path = critical_path(graph, CONVENTIONS["macs"])
    >>> [node.id for node in path.nodes], path.cost
    (['input', '0', '1', 'output'], 105)
    """
    weights = {node.id: cost(node) for node in graph}
    heaviest: dict[str, int] = {}  # of the ways that end in a node
    before: dict[str, str] = {}
    for node in graph:
        sources = dict.fromkeys(edge.source for edge in node.inputs)
        if sources:
            before[node.id] = max(sources, key=lambda source: heaviest[source])
        heaviest[node.id] = weights[node.id] + (heaviest[before[node.id]] if sources else 0)
    way = []
    at = max(reversed(heaviest), key=lambda name: heaviest[name]) if heaviest else ""  # the last one where several are
    while at:
        way.append(at)
        at = before.get(at, "")
    way.reverse()
    return CriticalPath(tuple(map(graph.node, way)), tuple(weights[name] for name in way))


def between(graph: Graph, first: str, last: str) -> tuple[Node, ...]:
    """The calls on any way from one layer to another, both left out, in execution order.

    Args:
        graph: the graph.
        first: a module's path or a node's id.
        last: another.

    Raises:
        InputError: there is no module and no node of such a name.

    >>> from torch import nn
    >>> from analyzer import analyze
    >>> model = nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 3))
    >>> [node.id for node in between(analyze(model.eval(), (3, 7)).graph, "0", "3")]
    ['1', '2']
    """
    start, end = ({node.id for node in nodes_of(graph, name)} for name in (first, last))
    after: set[str] = set()
    for node in graph:
        if any(edge.source in after or edge.source in start for edge in node.inputs):
            after.add(node.id)
    ahead: set[str] = set()
    for node in reversed(graph.nodes()):
        if node.id in ahead or node.id in end:
            ahead.update(edge.source for edge in node.inputs)
    return tuple(node for node in graph if node.id in (after & ahead) - start - end)


@dataclass(frozen=True, slots=True)
class Branches:
    """What joins at a call, from where it parted.

    Attributes:
        fork: the last call through which all of it came; None where the branches come from different ends of the graph.
        join: the call that they join at.
        branches: the calls of each branch, in execution order, fork and join left out. A shortcut is empty.
    """

    fork: Node | None
    join: Node
    branches: tuple[tuple[Node, ...], ...]


def branches(graph: Graph, join: str) -> Branches:
    """The branches that join at a call: of a residual connection, the layers and the shortcut.

    Args:
        graph: the graph.
        join: a node's id.

    Raises:
        KeyError: there is no such node; the nearest are named.

    >>> import torch
    >>> from torch import nn
    >>> from analyzer import TensorSpec, analyze
    >>> found = branches(analyze(lambda x: x.exp().sin() + x, TensorSpec((3, 7))).graph, "add")
    >>> found.fork.id, [[node.id for node in branch] for branch in found.branches]
    ('input', [['exp', 'sin'], []])
    """
    node = graph.node(join)
    sources = list(dict.fromkeys(edge.source for edge in node.inputs))
    above = networkx.DiGraph(graph.nx.subgraph([join, *networkx.ancestors(graph.nx, join)]))
    root = ""  # no node's id: stands in front of all ends, so that everything has a dominator
    above.add_edges_from([(root, name) for name, reads in list(above.in_degree) if not reads])
    fork = networkx.immediate_dominators(above, root)[join]
    inside = networkx.descendants(above, fork)
    ways = [({source} | networkx.ancestors(above, source)) & inside for source in sources]
    return Branches(
        graph.node(fork) if fork != root else None,
        node,
        tuple(tuple(other for other in graph if other.id in way) for way in ways),
    )
