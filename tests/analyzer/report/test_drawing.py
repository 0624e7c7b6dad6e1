"""The graph through networkx and back: nodes, parallel edges, plain types, sums, numbers beyond 64 bits."""

from __future__ import annotations

import io
import json
from xml.etree import ElementTree

import networkx
import pytest

from analyzer.conventions import convention
from analyzer.counts import Counts
from analyzer.report.drawing import plain_graph

NODE = {
    "bound",
    "order",
    "share",
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
    assert {type(value) for value in values} == {str, int, float}
    assert graph.nodes["stem"]["macs"] == 202
    assert graph.nodes["stem"]["params"] == 17
    # 2·202 − 2, 2·309 − 3, 2·535 − 5, 109 and 2·791 − 7 FLOPs
    assert [share for _, share in graph.nodes(data="share")] == [
        cost / 3766 for cost in (0, 402, 615, 1065, 109, 1575, 0)
    ]
    assert [order for _, order in graph.nodes(data="order")] == list(range(7))


@pytest.mark.parametrize("format", ["graphml", "gexf", "nodelink"])
@pytest.mark.parametrize("name", ["residual", "repeated", "shared", "bounded", "hostile"])
def test_sums_over_the_graph_that_networkx_reads_are_the_totals(name, format, request):
    analysis = request.getfixturevalue(name)
    graph = read(analysis, format)
    for cost in ("macs", "flops"):
        assert sum(number for _, number in graph.nodes(data=cost)) == analysis.total(cost)
    read_params = sum(number for _, number in graph.nodes(data="params"))
    assert read_params == analysis.params - sum(item.spec.numel for item in analysis.unused_parameters)
    traffic = sum(number for _, number in graph.nodes(data="bytes_written"))
    assert traffic == analysis.traffic.written


def test_types_are_declared_as_gephi_and_yed_know_them(residual):
    types = {"macs": "long", "share": "double", "op": "string", "order": "long"}
    graphml, gexf = (ElementTree.fromstring(residual.export(format)) for format in ("graphml", "gexf"))
    keys = {
        key.get("attr.name"): key.get("attr.type") for key in graphml.findall(".//{*}key") if key.get("for") == "node"
    }
    assert {name: keys[name] for name in types} == types
    columns = {column.get("title"): column.get("type") for column in gexf.findall(".//{*}attribute")}
    assert {name: columns[name] for name in types} == types


def test_yed_and_gephi_get_labels_colours_and_places(residual):
    graphml, gexf = read(residual, "graphml"), read(residual, "gexf")
    assert graphml.nodes["block.a"]["label"] == "block.a\nlinear  2"
    assert [graphml.nodes[name]["y"] for name in ("x", "stem")] == ["0", "60"]
    assert gexf.nodes["head"]["viz"]["color"] == {"r": 0xFB, "g": 0x92, "b": 0x3C, "a": 1.0}  # the dearest
    assert gexf.nodes["x"]["viz"]["color"] == {"r": 255, "g": 255, "b": 255, "a": 1.0}


def test_numbers_beyond_64_bits_survive(hostile, hostile_names):
    for format in ("graphml", "gexf", "nodelink"):
        assert read(hostile, format).nodes[hostile_names[0]]["macs"] == 2**70


def test_control_characters_in_names_are_escaped(sketch):
    s = sketch().input().node("bell\x07\x00\ud800", "add", counts=Counts(add=3))
    for format in ("graphml", "gexf", "nodelink"):
        assert r"bell\x07\x00\ud800" in read(s.done(), format)
