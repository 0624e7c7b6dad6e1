"""The graph for other programs: GraphML, GEXF, node-link JSON and DOT, with plain typed attributes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import networkx

from analyzer.conventions import Convention
from analyzer.report.numbers import printable, shape
from analyzer.report.records import node_records

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["plain_graph", "to_dot", "to_gexf", "to_graphml", "to_nodelink"]

RESERVED = ("node", "edge", "graph")
"""Names that readers of DOT take for defaults, quoted or not; a node of that name gets an underscore."""


def plain_graph(analysis: Analysis, weigh: Convention) -> networkx.MultiDiGraph:
    """A graph of text and whole numbers alone, its edges keyed ``e0``, ``e1``, ... over the whole graph.

    Nodes have ``op target module shape dtype params macs flops bytes_read bytes_written status source`` (and the
    convention that was asked for), edges ``slot shape dtype bytes``. Nothing is None.
    """
    graph = networkx.MultiDiGraph(name=_clean(analysis.graph.name))
    nodes = analysis.graph.nodes()
    for record in node_records(analysis, weigh):
        fields = {name: _clean(value) for name, value in record.items()}
        graph.add_node(fields.pop("id"), **fields)
    edges = ((edge, node) for node in nodes for edge in node.inputs)
    for number, (edge, node) in enumerate(edges):
        graph.add_edge(
            _clean(edge.source),
            _clean(node.id),
            key=f"e{number}",
            slot=_clean(edge.slot),
            shape=shape(edge.spec),
            dtype=edge.spec.dtype_name,
            bytes=int(edge.spec.nbytes),
        )
    return graph


def _clean(value: Any) -> Any:
    """A value that XML can hold."""
    return printable(value) if isinstance(value, str) else value


def to_graphml(analysis: Analysis, weigh: Convention) -> str:
    """GraphML; ``networkx.read_graphml(..., force_multigraph=True)`` reads it back."""
    return "\n".join(networkx.generate_graphml(plain_graph(analysis, weigh))) + "\n"


def to_gexf(analysis: Analysis, weigh: Convention) -> str:
    """GEXF, for Gephi; ``networkx.read_gexf`` reads it back."""
    return "\n".join(networkx.generate_gexf(plain_graph(analysis, weigh))) + "\n"


def to_nodelink(analysis: Analysis, weigh: Convention) -> str:
    """Node-link JSON, as d3 takes it; ``networkx.node_link_graph(..., edges="edges")`` reads it back."""
    return json.dumps(networkx.node_link_data(plain_graph(analysis, weigh), edges="edges"), indent=1) + "\n"


def to_dot(analysis: Analysis, weigh: Convention) -> str:
    """DOT, for Graphviz; ``networkx.nx_pydot.read_dot`` reads it back, every value as quoted text."""
    graph = plain_graph(analysis, weigh)
    names = {name: _quoted(f"{name}_" if name in RESERVED else name) for name in graph}
    lines = [f"digraph {_quoted(graph.name)} {{"]
    for name, fields in graph.nodes(data=True):
        fields = {"label": f"{name} {fields['op']} {fields['shape']}"} | fields
        lines.append(f"  {names[name]} [{_attributes(fields)}];")
    for source, target, key, fields in graph.edges(keys=True, data=True):
        lines.append(f"  {names[source]} -> {names[target]} [{_attributes({'key': key} | fields)}];")
    return "\n".join([*lines, "}"]) + "\n"


def _attributes(fields: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_quoted(str(value))}" for name, value in fields.items())


def _quoted(text: str) -> str:
    r"""A string of DOT.

    >>> print(_quoted('a "b" \\ c'))
    "a \"b\" \\ c"
    """
    return '"' + text.replace("\\", r"\\").replace('"', r"\"") + '"'
