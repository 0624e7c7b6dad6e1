"""Model Explorer and Netron: nodes, layers, tensors and numbers of a small model; their own readers are oracles."""

from __future__ import annotations

import json

import pytest

NAMES = ["residual", "repeated", "shared", "bounded", "hostile"]


def explorer(analysis, **options):
    document = json.loads(analysis.export("model_explorer", **options))
    (graph,) = document["graphs"]
    return graph, {node["id"]: node for node in graph["nodes"]}


def said(pairs):
    return {pair["key"]: pair["value"] for pair in pairs}


def test_model_explorer_puts_calls_into_the_layers_of_their_modules(residual):
    graph, nodes = explorer(residual)
    assert [(node["label"], node["namespace"]) for node in nodes.values()] == [
        ("x (input)", ""), ("stem (conv2d)", "stem"), ("a (linear)", "block/a"), ("b (linear)", "block/b"),
        ("add", "block"), ("head (linear)", "head"), ("output", ""),
    ]  # fmt: skip
    assert nodes["block.add"]["incomingEdges"] == [
        {"sourceNodeId": "block.b", "sourceNodeOutputId": "0", "targetNodeInputId": "0"},
        {"sourceNodeId": "stem", "sourceNodeOutputId": "0", "targetNodeInputId": "1"},
    ]
    assert [said(item["attrs"]) for item in nodes["block.add"]["inputsMetadata"]] == [
        {"__tensor_tag": "input"},
        {"__tensor_tag": "other"},
    ]
    assert said(nodes["stem"]["outputsMetadata"][0]["attrs"]) == {"tensor_shape": "float32[2]"}
    wanted = {"params": "17", "macs": "202", "flops": "402", "source": "model.py:7", "status": "ruled"}
    assert wanted.items() <= said(nodes["stem"]["attrs"]).items()
    # 615 + 1,065 of the linear layers, and 109 additions
    assert {"params": "24", "macs": "844", "flops": "1,789"}.items() <= graph["groupNodeAttributes"]["block"].items()


def test_model_explorers_numbers_carry_their_signs(bounded):
    _, nodes = explorer(bounded)
    assert said(nodes["near.nonzero"]["attrs"])["flops"] == "≤3"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["macs", "flops"])
def test_node_data_add_up_to_the_total_and_name_nodes_of_the_graph(name, kind, request):
    analysis = request.getfixturevalue(name)
    graph, nodes = explorer(analysis)
    document = json.loads(analysis.export("model_explorer_data", convention=kind))
    data = document[graph["id"]]
    assert data["name"] == kind
    assert set(data["results"]) == set(nodes)
    assert sum(result["value"] for result in data["results"].values()) == analysis.total(kind)
    assert [stop["stop"] for stop in data["gradient"]] == [0, 1]


def netron(analysis):
    text = analysis.export("netron")
    assert text[:64].split('"')[1:4:2] == ["signature", "netron:flopgraph"]  # what Netron looks for
    return json.loads(text)["graphs"][0]


def test_netron_gets_tensors_with_shapes_and_weights_as_initializers(residual):
    graph = netron(residual)
    names = [value["name"] for value in graph["values"]]
    assert [node["name"] for node in graph["nodes"]] == ["stem", "block.a", "block.b", "block.add", "head"]
    stem, *_, add, head = graph["nodes"]
    assert [(item["name"], [names[i] for i in item["value"]]) for item in stem["inputs"]] == [
        ("input", ["x"]),
        ("weight", ["stem.weight"]),
    ]
    assert graph["values"][names.index("stem.weight")]["initializer"]["type"]["shape"] == {"dimensions": ["17"]}
    assert [(item["name"], [names[i] for i in item["value"]]) for item in add["inputs"]] == [
        ("input", ["block.b"]),
        ("other", ["stem"]),
    ]
    attributes = {item["name"]: item["value"] for item in head["attributes"]}
    assert {"params": "19", "MACs": "791", "FLOPs": "1,575", "module": "head"}.items() <= attributes.items()
    assert [[names[i] for i in item["value"]] for item in graph["inputs"] + graph["outputs"]] == [["x"], ["head"]]
    assert (stem["type"], head["type"]["category"]) == ({"name": "conv2d", "category": "Layer"}, "Layer")


@pytest.mark.parametrize("name", NAMES)
def test_netrons_arguments_are_made_before_they_are_read(name, request):
    graph = netron(request.getfixturevalue(name))
    made = {i for item in graph["inputs"] for i in item["value"]}
    made |= {i for i, value in enumerate(graph["values"]) if "initializer" in value}
    for node in graph["nodes"]:
        assert {i for item in node["inputs"] for i in item["value"]} <= made
        made |= {i for item in node["outputs"] for i in item["value"]}
    assert made == set(range(len(graph["values"])))
