"""The graph through networkx and back: nodes, parallel edges, plain types, numbers beyond 64 bits."""

from __future__ import annotations

import io
import json

import networkx
import pytest

from analyzer.conventions import convention
from analyzer.counts import Counts
from analyzer.report.drawing import plain_graph

NODE = {
    "bound",
    "op",
    "target",
    "module",
    "shape",
    "dtype",
    "params",
    "macs",
    "flops",
    "bytes_read",
    "bytes_written",
    "status",
    "source",
}
EDGE = {"slot", "shape", "dtype", "bytes"}


def read(analysis, format):
    text = analysis.export(format)
    if format == "nodelink":
        return networkx.node_link_graph(json.loads(text), edges="edges")
    if format == "graphml":
        return networkx.read_graphml(io.BytesIO(text.encode()), force_multigraph=True)
    return networkx.read_gexf(io.BytesIO(text.encode()))


def edges(graph):
    return sorted((u, v, *(data[name] for name in sorted(EDGE))) for u, v, data in graph.edges(data=True))


@pytest.mark.parametrize("format", ["graphml", "gexf", "nodelink"])
@pytest.mark.parametrize("name", ["residual", "repeated", "shared", "bounded", "hostile"])
def test_networkx_reads_back_what_was_written(name, format, request):
    analysis = request.getfixturevalue(name)
    wanted, got = plain_graph(analysis, convention("flops")), read(analysis, format)
    assert got.is_directed()
    assert got.is_multigraph() or format == "gexf"  # networkx reads GEXF without parallel edges as a DiGraph
    assert set(got) == set(wanted)
    for node, fields in wanted.nodes(data=True):
        assert {name: got.nodes[node][name] for name in fields} == fields
        assert {name: type(got.nodes[node][name]) for name in fields} == {
            name: type(value) for name, value in fields.items()
        }
    assert edges(got) == edges(wanted)


@pytest.mark.parametrize("format", ["graphml", "gexf", "nodelink"])
def test_parallel_edges_stay_two(format, hostile, hostile_names):
    got = read(hostile, format)
    assert got.number_of_edges(hostile_names[0], "x*x") == 2
    assert {data["slot"] for data in got.get_edge_data(hostile_names[0], "x*x").values()} == {"input", "other"}


def test_attributes_are_those_promised_and_never_none(residual):
    graph = plain_graph(residual, convention("flops"))
    for _, fields in graph.nodes(data=True):
        assert set(fields) == NODE
    keys = {key for *_, key in graph.edges(keys=True)}
    assert keys == {f"e{index}" for index in range(graph.number_of_edges())}
    for *_, fields in graph.edges(data=True):
        assert set(fields) == EDGE
    values = [v for *_, data in (*graph.nodes(data=True), *graph.edges(data=True)) for v in data.values()]
    assert {type(value) for value in values} == {str, int}
    assert graph.nodes["stem"]["macs"] == 202
    assert graph.nodes["stem"]["params"] == 17


def test_numbers_beyond_64_bits_survive(hostile, hostile_names):
    for format in ("graphml", "gexf", "nodelink"):
        assert read(hostile, format).nodes[hostile_names[0]]["macs"] == 2**70


def test_control_characters_in_names_are_escaped(sketch):
    s = sketch().input().node("bell\x07\x00\ud800", "add", counts=Counts(add=3))
    for format in ("graphml", "gexf", "nodelink"):
        assert r"bell\x07\x00\ud800" in read(s.done(), format)


def test_pydot_reads_dot(residual):
    pydot = pytest.importorskip("pydot")
    (parsed,) = pydot.graph_from_dot_data(residual.export("dot"))
    graph = networkx.nx_pydot.from_pydot(parsed)
    assert set(graph) == {node.id for node in residual.graph}
    assert graph.number_of_edges() == sum(len(node.inputs) for node in residual.graph)
    assert int(graph.nodes["stem"]["macs"].strip('"')) == 202
    assert {name for name in graph.nodes["stem"] if name != "label"} == NODE
    assert graph.edges["stem", "block.add", '"e4"']["slot"] == '"other"'


def test_pydot_reads_hostile_names_and_those_that_dot_reserves(hostile, sketch):
    pydot = pytest.importorskip("pydot")
    (parsed,) = pydot.graph_from_dot_data(hostile.export("dot"))
    graph = networkx.nx_pydot.from_pydot(parsed)
    assert graph.number_of_nodes() == len(hostile.graph)
    assert graph.number_of_edges() == sum(len(node.inputs) for node in hostile.graph)
    s = sketch().input().node("node").node("edge").node("a:b").node("a -> b")
    (parsed,) = pydot.graph_from_dot_data(s.done().export("dot"))
    assert set(networkx.nx_pydot.from_pydot(parsed)) == {"x", "node_", "edge_", "a:b", "a -> b", "output"}
