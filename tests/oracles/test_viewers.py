"""What Model Explorer and Netron make of our files: their own classes and their own reader, without their servers."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import json
import shutil
import subprocess
import sys
import types

import pytest

from analyzer import analyze, load


@pytest.fixture(scope="module")
def resnet():
    loaded = load("torchvision:resnet18")
    return analyze(loaded.model, loaded.args)


def model_explorer(module, monkeypatch):
    """A module of the package, without its `__init__`, which starts by importing a web server."""
    found = importlib.util.find_spec("model_explorer")
    if found is None:
        pytest.skip("ai-edge-model-explorer is not installed")
    package = types.ModuleType("model_explorer")
    package.__path__ = list(found.submodule_search_locations)
    monkeypatch.setitem(sys.modules, "model_explorer", package)
    return importlib.import_module(f"model_explorer.{module}")


def build(cls, value):
    """One of its dataclasses out of JSON, as its server makes them; fields that it does not know are errors."""
    dacite = pytest.importorskip("dacite")
    return dacite.from_dict(cls, value, dacite.Config(strict=True))


def test_model_explorers_own_classes_take_the_graph(resnet, monkeypatch):
    builder = model_explorer("graph_builder", monkeypatch)
    collection = build(builder.GraphCollection, json.loads(resnet.export("model_explorer")))
    (graph,) = collection.graphs
    nodes = {node.id: node for node in graph.nodes}
    assert len(nodes) == len(resnet.graph)
    assert all(edge.sourceNodeId in nodes for node in graph.nodes for edge in node.incomingEdges)
    assert sum(len(node.incomingEdges) for node in graph.nodes) == resnet.graph.nx.number_of_edges()
    assert nodes["layer1.0.conv1"].namespace == "layer1/0/conv1"
    for node in graph.nodes:
        for edge in node.incomingEdges:
            assert edge.sourceNodeOutputId in {item.id for item in nodes[edge.sourceNodeId].outputsMetadata}
    assert build(builder.GraphCollection, dataclasses.asdict(collection)) == collection


def test_model_explorers_own_classes_write_the_same_node_data(resnet, monkeypatch):
    builder = model_explorer("node_data_builder", monkeypatch)
    ours = json.loads(resnet.export("model_explorer_data", convention="macs"))
    data = builder.ModelNodeData({name: build(builder.GraphNodeData, item) for name, item in ours.items()})
    (theirs,) = json.loads(data.to_json_string()).values()
    (given,) = ours.values()
    assert given.items() <= theirs.items()
    assert sum(result["value"] for result in theirs["results"].values()) == 1_814_073_344


READ = """
import { readFileSync } from "node:fs";
import { ModelFactory } from "./message.mjs";
const factory = new ModelFactory();
const bytes = readFileSync(process.argv[2]);
const context = {
    stream: { length: bytes.length, peek: (n) => bytes.subarray(0, n) },
    peek: async () => JSON.parse(bytes),
    set: (type, value) => { context.type = type; context.value = value; return type; },
};
if (await factory.match(context) !== "message") throw new Error("not recognized");
const model = await factory.open(context);
const [graph] = model.modules;
const told = (value) => [value.name, value.type.toString(), Boolean(value.initializer)];
const names = (list) => list.map((item) => item.value.map(told));
console.log(JSON.stringify({
    format: model.format, inputs: names(graph.inputs), outputs: names(graph.outputs),
    nodes: graph.nodes.map((node) => [node.name, node.type.name, names(node.inputs), names(node.outputs)]),
}));
"""


def test_netrons_own_reader_takes_the_graph(resnet, tmp_path):
    found, node = importlib.util.find_spec("netron"), shutil.which("node")
    if found is None or node is None:
        pytest.skip("netron or Node.js is not installed")
    reader = f"{found.submodule_search_locations[0]}/message.js"
    shutil.copy(reader, tmp_path / "message.mjs")
    (tmp_path / "read.mjs").write_text(READ)
    path = resnet.save(tmp_path / "resnet18.netron")
    done = subprocess.run([node, tmp_path / "read.mjs", path], capture_output=True, text=True, check=True)
    graph = json.loads(done.stdout)
    assert graph["format"] == "flopgraph"
    assert graph["inputs"] == [[["input", "float32[1,3,224,224]", False]]]
    assert graph["outputs"] == [[["fc", "float32[1,1000]", False]]]
    assert len(graph["nodes"]) == len(resnet.graph) - 2
    assert graph["nodes"][0] == [
        "conv1",
        "conv2d",
        [[["input", "float32[1,3,224,224]", False]], [["conv1.weight", "float32[64,3,7,7]", True]]],
        [[["conv1", "float32[1,64,112,112]", False]]],
    ]
