"""Parts of a graph by name: the calls of a module, and the networkx graph of them."""

from __future__ import annotations

from difflib import get_close_matches

import networkx

from analyzer.errors import InputError
from analyzer.graph import Graph
from analyzer.node import Node

__all__ = ["nodes_of", "subgraph"]


def nodes_of(graph: Graph, name: str) -> tuple[Node, ...]:
    """The calls made while a module was on the call stack, in execution order; or the one call of that id.

    Args:
        graph: the graph.
        name: a module's path, any of them where it is shared, or a node's id. A container that is never called
            (a ModuleList) stands for the modules in it.

    Raises:
        InputError: there is neither; the nearest names are named.

    >>> from torch import nn
    >>> from analyzer import analyze
    >>> graph = analyze(nn.Sequential(nn.Linear(7, 5), nn.Sequential(nn.ReLU(), nn.Linear(5, 3))).eval(), (3, 7)).graph
    >>> [node.id for node in nodes_of(graph, "1")], [node.id for node in nodes_of(graph, "input")]
    (['1.0', '1.1'], ['input'])
    """
    paths = {alias: info.path for info in graph.modules.values() for alias in (info.path, *info.aliases)}
    if name not in paths:
        found = tuple(node for node in graph if node.id == name)
        if found:
            return found
        near = get_close_matches(name, [*paths, *(node.id for node in graph)], 3, 0.4)
        hint = f"; did you mean {', '.join(dict.fromkeys(near))}?" if near else ""
        raise InputError(f"no module and no node {name!r}{hint}")
    path = paths[name]
    inside = {path} if graph.modules[path].calls else {path, *(p for p in graph.modules if p.startswith(f"{path}."))}
    return tuple(node for node in graph if not inside.isdisjoint(node.stack))


def subgraph(graph: Graph, name: str) -> networkx.MultiDiGraph:
    """The calls of a module as a networkx graph: a view, with the attributes of ``graph.nx``.

    ``networkx.edge_boundary(graph.nx, graph.nx.nodes - part, part)`` are the tensors that come in from outside.

    Raises:
        InputError: there is no module and no node of that name.

    >>> from torch import nn
    >>> from analyzer import analyze
    >>> graph = analyze(nn.Sequential(nn.Linear(7, 5), nn.Sequential(nn.ReLU(), nn.Linear(5, 3))).eval(), (3, 7)).graph
    >>> subgraph(graph, "1").edges
    OutMultiEdgeView([('1.0', '1.1', 'input')])
    """
    return graph.nx.subgraph([node.id for node in nodes_of(graph, name)])
