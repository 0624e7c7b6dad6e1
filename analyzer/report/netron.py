"""Netron: the JSON message in which its own Python package sends it a model; a file of it ends in ``.netron``.

Source: source/message.js of netron 9.3.3, which calls the format experimental.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analyzer.conventions import Convention
from analyzer.node import Node
from analyzer.report.figures import Figures, figures_by_node
from analyzer.report.numbers import exactly, printable
from analyzer.report.text import foot, heading
from analyzer.spec import TensorSpec

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["to_netron"]

CATEGORIES = {
    "norm": "Normalization", "pool": "Pool", "dropout": "Dropout", "softmax": "Activation", "relu": "Activation",
    "gelu": "Activation", "silu": "Activation", "sigmoid": "Activation", "tanh": "Activation", "attention": "Attention",
    "conv": "Layer", "linear": "Layer", "embedding": "Transform", "cat": "Tensor", "reshape": "Shape",
    "view": "Shape", "flatten": "Shape", "transpose": "Transform", "permute": "Transform",
}  # fmt: skip
"""Netron's colours, by what is in the name of an operation."""


def to_netron(analysis: Analysis, weigh: Convention) -> str:
    """The graph: a node a call, its parameters as initializers, its cost among the attributes.

    >>> from torch import nn
    >>> from analyzer import CONVENTIONS, analyze
    >>> document = json.loads(to_netron(analyze(nn.Linear(7, 5).eval(), (3, 7)), CONVENTIONS["macs"]))
    >>> [attribute["value"] for attribute in document["graphs"][0]["nodes"][0]["attributes"]][-3:]
    ['40', '105', '210']
    """
    document = {
        "signature": "netron:flopgraph",  # first of all: it is what Netron tells the format by
        "format": "flopgraph",
        "producer": f"flopgraph {analysis.versions.get('flopgraph', '')}".strip(),
        "description": "\n".join(foot(analysis, weigh)),
        "graphs": [_Values(analysis, weigh).graph()],
    }
    return json.dumps(document, indent=1) + "\n"


class _Values:
    """Numbers the tensors, by which Netron's arguments refer to them."""

    def __init__(self, analysis: Analysis, weigh: Convention) -> None:
        self.analysis = analysis
        self.weigh = weigh
        self.values: list[dict[str, Any]] = []
        self.numbers: dict[tuple[str, int], int] = {}

    def graph(self) -> dict[str, Any]:
        """Inputs, nodes and outputs in Netron's words."""
        figures = figures_by_node(self.analysis, self.weigh)
        inputs, nodes, outputs = [], [], []
        for node in self.analysis.graph:
            if node.op == "input":
                inputs.append({"name": printable(node.id), "value": self.made(node)})
            elif node.op == "output":
                outputs += [{"name": printable(edge.slot), "value": [self.read(edge)]} for edge in node.inputs]
            else:
                nodes.append(self.node(node, figures))
        return {"inputs": inputs, "outputs": outputs, "nodes": nodes, "values": self.values}

    def node(self, node: Node, figures: Mapping[str, Figures]) -> dict[str, Any]:
        parameters = self.analysis.graph.parameters
        category = next((word for part, word in CATEGORIES.items() if part in node.op), "")
        weights = [
            {
                "name": printable(name.rpartition(".")[2]),
                "value": [self.number(("", name), parameters[name].spec, True)],
            }
            for name in dict.fromkeys(node.params)
        ]
        return {
            "name": printable(node.id),
            "type": {"name": printable(node.op), "category": category},
            "inputs": [{"name": printable(edge.slot), "value": [self.read(edge)]} for edge in node.inputs] + weights,
            "outputs": [{"name": "output", "value": self.made(node)}] if node.outputs else [],
            "attributes": [{"name": name, "value": text, "type": "string"} for name, text in self.said(node, figures)],
        }

    def said(self, node: Node, figures: Mapping[str, Figures]) -> list[tuple[str, str]]:
        """What the panel of a node shows; numbers as text, for those beyond 2**53."""
        own = figures[node.id]
        texts = [
            ("module", node.module),
            ("target", node.target),
            ("at", str(node.source or "")),
            ("status", node.status),
        ]
        costs = {"MACs": own.macs, "FLOPs": own.flops, heading(self.weigh): own.cost}
        numbers = [(name, exactly(cost, own.at_least)) for name, cost in costs.items() if cost or own.at_least]
        params = [("params", exactly(own.params))] if own.params else []
        return [(name, printable(text)) for name, text in (*texts, *params, *numbers) if text]

    def made(self, node: Node) -> list[int]:
        return [self.number((node.id, index), spec) for index, spec in enumerate(node.outputs)]

    def read(self, edge: Any) -> int:
        return self.number((edge.source, edge.index), edge.spec)

    def number(self, key: tuple[str, Any], spec: TensorSpec, weight: bool = False) -> int:
        """The number of a tensor, by the node that makes it and which output it is, or by a parameter's name."""
        if key not in self.numbers:
            self.numbers[key] = len(self.values)
            type = {"dataType": spec.dtype_name, "shape": {"dimensions": [str(size) for size in spec.shape]}}
            name = key[1] if weight else key[0] if not key[1] else f"{key[0]}:{key[1]}"
            self.values.append(
                {"name": printable(name), "type": type} | ({"initializer": {"type": type}} if weight else {})
            )
        return self.numbers[key]
