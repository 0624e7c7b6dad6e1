"""Google's Model Explorer: its JSON graph, with a namespace for every module, and node data that colour it by cost.

Two files: open the graph in Model Explorer, then load the node data on top of it.
Source: graph_builder.py and node_data_builder.py of ai-edge-model-explorer 0.1.34.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from analyzer.conventions import Convention
from analyzer.node import Node
from analyzer.report.graphviz import HOT, PAPER
from analyzer.report.numbers import exactly, printable
from analyzer.report.records import Record, module_records, node_records
from analyzer.spec import TensorSpec

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["to_model_explorer", "to_node_data"]

NUMBERS = ("params", "bytes_read", "bytes_written")  # and those of the conventions
TEXTS = ("op", "target", "shape", "dtype", "status", "source", "type", "calls", "notes")


def to_model_explorer(analysis: Analysis, weigh: Convention) -> str:
    """The graph: a node a call, in the layers of its modules; costs are attributes of nodes and of layers.

    >>> from torch import nn
    >>> from analyzer import CONVENTIONS, analyze
    >>> text = to_model_explorer(analyze(nn.Sequential(nn.Linear(7, 5)).eval(), (3, 7)), CONVENTIONS["macs"])
    >>> [(node["id"], node["label"], node["namespace"]) for node in json.loads(text)["graphs"][0]["nodes"]]
    [('input', 'input', ''), ('0', '0 (linear)', '0'), ('output', 'output', '')]
    """
    records = node_records(analysis, weigh)
    layers = {
        namespace(record["path"]): {pair["key"]: pair["value"] for pair in _attributes(record, weigh)}
        for record in module_records(analysis, weigh)
    }
    graph = {
        "id": printable(analysis.graph.name),
        "nodes": [_node(node, record, weigh) for node, record in zip(analysis.graph, records, strict=True)],
        "groupNodeAttributes": layers,
    }
    return json.dumps({"label": printable(analysis.graph.name), "graphs": [graph]}, indent=1) + "\n"


def to_node_data(analysis: Analysis, weigh: Convention) -> str:
    """The cost of every call in one convention, with a gradient of colours from nothing to the dearest."""
    costs = zip(analysis.graph, analysis.costs(weigh), strict=True)
    data = {
        "name": weigh.name,
        "results": {printable(node.id): {"value": int(cost)} for node, cost in costs},
        "gradient": [{"stop": 0, "bgColor": PAPER}, {"stop": 1, "bgColor": HOT}],
    }
    return json.dumps({printable(analysis.graph.name): data}, indent=1) + "\n"


def namespace(path: str) -> str:
    """The layers around a call, by the path of its module.

    >>> namespace("layer1.0.conv1")
    'layer1/0/conv1'
    """
    return "/".join(part.replace("/", "∕") for part in printable(path).split("."))


def _node(node: Node, record: Record, weigh: Convention) -> dict[str, Any]:
    return {
        "id": printable(node.id),
        "label": _label(node),
        "namespace": namespace(node.module),
        "attrs": _attributes(record, weigh),
        "incomingEdges": [
            {
                "sourceNodeId": printable(edge.source),
                "sourceNodeOutputId": str(edge.index),
                "targetNodeInputId": str(number),
            }
            for number, edge in enumerate(node.inputs)
        ],
        "inputsMetadata": [
            {"id": str(number), "attrs": [_pair("__tensor_tag", edge.slot)]} for number, edge in enumerate(node.inputs)
        ],
        "outputsMetadata": [
            {"id": str(number), "attrs": [_pair("tensor_shape", _tensor(spec))]}
            for number, spec in enumerate(node.outputs)
        ],
    }


def _label(node: Node) -> str:
    """What it is called and what it does: a layer of a single call is not drawn, and its name would be lost."""
    name = node.id.rpartition(".")[2]
    return printable(name if name.split(":")[0] == node.op else f"{name} ({node.op})")


def _attributes(record: Record, weigh: Convention) -> list[dict[str, str]]:
    """The fields of a record as the panel of a node shows them; numbers to the last digit, empty ones left out."""
    missing, most = record["bound"] in ("lower", "mixed"), record["bound"] in ("upper", "mixed")
    sign = "≈" if missing and most else "≥" if missing else "≤" if most else ""
    texts = [_pair(name, record[name]) for name in TEXTS if record.get(name)]
    costs = dict.fromkeys(("params", "macs", "flops", weigh.name, *NUMBERS))
    return texts + [
        _pair(name, f"{'' if name == 'params' else sign}{exactly(record[name])}") for name in costs if record.get(name)
    ]


def _pair(key: str, value: Any) -> dict[str, str]:
    return {"key": key, "value": printable(str(value))}


def _tensor(spec: TensorSpec) -> str:
    return f"{spec.dtype_name}[{','.join(map(str, spec.shape))}]"
