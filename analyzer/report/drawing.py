"""The graph for other programs: GraphML, GEXF and node-link JSON, with plain typed attributes."""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement, register_namespace

import networkx

from analyzer.conventions import Convention
from analyzer.report.graphviz import colour
from analyzer.report.numbers import printable, shape
from analyzer.report.records import node_records

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["plain_graph", "to_gexf", "to_graphml", "to_nodelink"]

YED = "http://www.yworks.com/xml/graphml"
SPACING = 60  # pixels from a node to the next, where a program draws them before it lays them out


def plain_graph(analysis: Analysis, weigh: Convention) -> networkx.MultiDiGraph:
    """A graph of text and numbers alone, its edges keyed ``e0``, ``e1``, ... over the whole graph.

    Nodes have ``op target module shape dtype params macs flops bytes_read bytes_written status source bound`` (and the
    convention that was asked for), ``order``, which is when they run, and ``share``, their part of the cost from 0 to
    1; edges have ``slot shape dtype bytes``. Nothing is None.
    """
    graph = networkx.MultiDiGraph(name=_clean(analysis.graph.name))
    costs = [int(cost) for cost in analysis.costs(weigh)]
    whole = max(sum(costs), 1)
    for order, (record, cost) in enumerate(zip(node_records(analysis, weigh), costs, strict=True)):
        fields = {name: _clean(value) for name, value in record.items()}
        graph.add_node(fields.pop("id"), **fields, order=order, share=cost / whole)
    edges = ((edge, node) for node in analysis.graph for edge in node.inputs)
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


def to_nodelink(analysis: Analysis, weigh: Convention) -> str:
    """Node-link JSON, as d3 takes it; ``networkx.node_link_graph(..., edges="edges")`` reads it back."""
    return json.dumps(networkx.node_link_data(plain_graph(analysis, weigh), edges="edges"), indent=1) + "\n"


def to_gexf(analysis: Analysis, weigh: Convention) -> str:
    """GEXF, for Gephi, coloured by cost and in order of execution; ``networkx.read_gexf`` reads it back."""
    graph = plain_graph(analysis, weigh)
    for name, (red, green, blue) in _colours(graph).items():
        place = {"x": 0.0, "y": float(-SPACING * graph.nodes[name]["order"]), "z": 0.0}
        graph.nodes[name]["viz"] = {"color": {"r": red, "g": green, "b": blue, "a": 1.0}, "position": place}
    return "\n".join(networkx.generate_gexf(graph)) + "\n"


def to_graphml(analysis: Analysis, weigh: Convention) -> str:
    """GraphML, with labels, colours and places for yEd; ``networkx.read_graphml(..., force_multigraph=True)`` reads it.

    Source: https://docs.yworks.com/yfiles/doc/developers-guide/graphml.html
    """
    graph = plain_graph(analysis, weigh)
    register_namespace("y", YED)
    writer = networkx.readwrite.graphml.GraphMLWriter(graph=graph, prettyprint=True)
    key = Element("key", {"id": "graphics", "for": "node", "yfiles.type": "nodegraphics"})
    writer.xml.insert(0, key)
    colours = _colours(graph)
    for element in writer.xml.iter("node"):
        name = element.attrib["id"]
        fields = graph.nodes[name]
        drawn = SubElement(SubElement(element, "data", {"key": "graphics"}), f"{{{YED}}}ShapeNode")
        place = {"x": "0", "y": str(SPACING * fields["order"]), "width": "220", "height": "36"}
        SubElement(drawn, f"{{{YED}}}Geometry", place)
        SubElement(
            drawn, f"{{{YED}}}Fill", {"color": "#{:02x}{:02x}{:02x}".format(*colours[name]), "transparent": "false"}
        )
        SubElement(drawn, f"{{{YED}}}NodeLabel").text = f"{name}\n{fields['op']}  {fields['shape']}"
        SubElement(drawn, f"{{{YED}}}Shape", {"type": "roundrectangle"})
    written = BytesIO()
    writer.dump(written)
    return written.getvalue().decode() + "\n"


def _colours(graph: networkx.MultiDiGraph) -> dict[str, tuple[int, int, int]]:
    """Red, green and blue from 0 to 255, by how much of the dearest node's cost a node has."""
    shares = dict(graph.nodes(data="share"))
    most = max(shares.values(), default=0.0) or 1.0
    colours = {}
    for name, share in shares.items():
        text = colour(round(255 * share / most), 255)
        colours[name] = (int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16))
    return colours
