"""torchinfo: the parameters of each layer that holds no others, times a part of its output's shape."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from analyzer.conventions import Convention
from analyzer.graph import Graph
from analyzer.node import ModuleInfo, Node
from analyzer.tools.tool import Reading, Tool

__all__ = ["TORCHINFO", "mult_adds"]

_SOURCE = "torchinfo 1.8.0: layer_info.py, model_statistics.py"
# Containers of torch's that are false while they are empty, which makes a layer around them one that holds no others.
_FALSE_IF_EMPTY = frozenset({"Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"})


def mult_adds(class_name: str, parameters: Iterable[tuple[str, int]], size: Sequence[Any]) -> int:
    """What torchinfo says that a call of a layer costs.

    Args:
        class_name: the layer's class; one with "Conv" in its name is taken for a convolution.
        parameters: name and number of elements of each parameter.
        size: shape of what the layer returned, of the first tensor where it returned several.

    >>> mult_adds("Linear", [("weight", 35), ("bias", 5)], (2, 3, 5))
    80
    >>> mult_adds("Conv1d", [("weight", 35), ("bias", 5)], (2, 5, 11))
    880
    """
    total = 0
    for name, count in parameters:
        if name in ("weight", "bias"):
            places = (*size[:1], *size[2:]) if "Conv" in class_name else size[:1]
        elif "weight" in name or "bias" in name:  # recurrent layers': weight_ih_l0
            places = size[:2]
        else:
            continue
        total += count * _product(places)
    return total


def _product(sizes: Sequence[Any]) -> int:
    return math.prod(size if isinstance(size, int) else _product(size) for size in sizes)


class _Layers:
    """A graph's modules as torchinfo sees them: which hold which, and which parameters each has."""

    def __init__(self, graph: Graph) -> None:
        self.modules = graph.modules
        self.sizes = {name: p.spec.numel for name, p in graph.parameters.items() if not p.buffer}
        self.own: dict[str, dict[str, str]] = defaultdict(dict)
        for first in self.sizes:
            for name in (first, *graph.parameters[first].aliases):
                path, _, attribute = name.rpartition(".")
                self.own[path][attribute] = first
        self.children: dict[str, dict[str, None]] = defaultdict(dict)
        for path, info in graph.modules.items():
            for name in (path, *info.aliases):
                if name:
                    self.children[name.rpartition(".")[0]][path] = None

    def is_leaf(self, path: str) -> bool:
        """Whether a module holds no others."""
        return not any(map(self._is_true, self.children[path]))

    def _is_true(self, path: str) -> bool:
        empty = not self.children[path] and not self.own[path]
        return not (empty and self.modules[path].type in _FALSE_IF_EMPTY)

    def held(self, path: str) -> list[tuple[str, int]]:
        """Name and elements of each of a module's own parameters."""
        return [(name, self.sizes[first]) for name, first in self.own[path].items()]

    @cached_property
    def _below(self) -> dict[str, frozenset[str]]:
        """Path -> all parameters of the module and of those that it holds."""
        below: dict[str, frozenset[str]] = {}
        for path in reversed([*self.modules]):  # parents come before their children; a shared one may be anywhere
            self._collect(path, below)
        return below

    def _collect(self, path: str, below: dict[str, frozenset[str]]) -> frozenset[str]:
        if path not in below:
            below[path] = frozenset()  # a module that holds itself comes to an end
            inner = (self._collect(child, below) for child in self.children[path])
            below[path] = frozenset(self.own[path].values()).union(*inner)
        return below[path]

    def _number(self, path: str) -> int:
        return sum(map(self.sizes.__getitem__, self._below[path]))

    @cached_property
    def params(self) -> int:
        """What torchinfo reports: for each module with a row, what its own children's rows do not have, if above 0.

        A parameter that two layers share has a row in each. A layer that two others share is nobody's child: its row
        stands with the last of them, whoever calls it.
        """
        listed = {path for path, info in self.modules.items() if info.calls}
        for path in reversed([*self.modules]):
            if path in listed and path:
                listed.add(path.rpartition(".")[0])
        told: Counter[str] = Counter()
        for path in listed:
            above = {name.rpartition(".")[0] for name in (path, *self.modules[path].aliases)}
            if path and len(above) == 1:
                told[above.pop()] += self._number(path)
        return sum(max(0, self._number(path) - told[path]) for path in listed)


def _read(graph: Graph) -> Reading:
    layers = _Layers(graph)
    nodes = graph.nodes()
    counts, causes, extra = [0] * len(nodes), dict[int, str](), Counter[str]()
    for path, info in graph.modules.items():
        held = layers.held(path) if info.calls and layers.is_leaf(path) else ()
        for call in info.calls if held else ():
            said = mult_adds(info.type, held, call.outputs[0].shape if call.outputs else ())
            if not said:
                continue
            index = max(call.nodes, key=lambda index: (nodes[index].counts.mac, bool(nodes[index].params)), default=-1)
            if index < 0:
                extra["layers counted that calculate nothing"] += said
                continue
            counts[index] += said
            cause = _cause(nodes[index], info, counts[index])
            if cause:
                causes[index] = cause
    return Reading(tuple(counts), layers.params, causes, dict(extra))


def _cause(node: Node, info: ModuleInfo, said: int) -> str:
    """What is wrong, where torchinfo knows the layer and takes the wrong part of its output's shape."""
    if not node.counts.mac or said == node.counts.mac:
        return ""
    if node.op.startswith("conv_transpose"):
        return "transposed convolutions counted on their output"
    if "Conv" in info.type and not node.op.startswith("conv"):
        return "layers with Conv in their name counted as convolutions"
    several = bool(node.outputs) and node.outputs[0].ndim > 2
    if node.op == "linear" and several:
        return "linear layers counted for one token of each sample"
    return ""


_RIGHT = Convention("torchinfo", _SOURCE, {"mac": 1}, parts=False)

TORCHINFO = Tool("torchinfo", "1.8.0", _SOURCE, "macs", "mult-adds", _RIGHT, _read)
