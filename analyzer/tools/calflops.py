"""calflops: FLOPs and MACs by functions that it puts in place of torch's, without ``@``, ``mm``, ``bmm`` and attention.

It reports the parameters that are trained.
"""

from __future__ import annotations

import math
from typing import Literal

from analyzer.graph import Graph
from analyzer.node import Node
from analyzer.tools.patched_functions import COMMON, METHODS, Figures, Patches, each, products, right, spelt
from analyzer.tools.tool import Reading, Tool

__all__ = ["CALFLOPS", "CALFLOPS_MACS", "PATCHES", "trained_params", "visits"]

_SOURCE = "calflops/pytorch_ops.py, 0.3.2"


def _conv_transpose(node: Node) -> Figures:
    """Its filters are divided by the groups twice, and its bias is added to the outputs of a convolution."""
    given = node.arguments
    x, weight = given["input"], node.arguments["weight"]
    kernel, space = weight.shape[2:], x.shape[2:]
    macs = x.numel * math.prod(kernel) * (weight.shape[1] // given["groups"])
    if given["bias"] is None:
        return products(macs)
    sizes = zip(
        space, kernel, *(each(given[name], len(kernel)) for name in ("padding", "dilation", "stride")), strict=True
    )
    outputs = [
        (size + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for size, k, padding, dilation, stride in sizes
    ]
    return products(macs, weight.shape[1] * x.shape[0] * math.prod(outputs))


def _elements(node: Node) -> Figures:
    """Shapes are compared from the left, where torch compares them from the right."""
    shapes = [getattr(node.arguments[name], "shape", ()) for name in ("input", "other")]
    length = max(map(len, shapes))
    padded = [(*shape, *(1,) * (length - len(shape))) for shape in shapes]
    return Figures(math.prod(map(max, *padded)))


def _interpolate(node: Node) -> Figures:
    """A size is taken for the number of outputs, whatever batch and channels; by a factor, inputs are counted."""
    size = node.arguments["size"]
    return Figures(node.arguments["input"].numel if size is None else math.prod(each(size, 1)))


PATCHES = Patches(
    layers={
        **COMMON,
        **spelt("conv_transpose1d conv_transpose2d conv_transpose3d", _conv_transpose),
        "interpolate": _interpolate,
    },
    written={
        **METHODS,
        **dict.fromkeys(("torch.add", "torch.Tensor.add", "torch.mul", "torch.Tensor.mul"), _elements),
    },
    causes={"interpolate": "resizing by inputs or without batch and channels"},
)


def visits(graph: Graph) -> dict[str, int]:
    """How often each module is met on a walk through all children: once a parent, for a module that several share.

    >>> from torch import nn
    >>> from analyzer import analyze
    >>> shared = nn.Linear(7, 7)
    >>> visits(analyze(nn.Sequential(nn.Sequential(shared), nn.Sequential(shared)), (3, 7)).graph)
    {'': 1, '0': 1, '0.0': 2, '1': 1}
    """
    first = {alias: path for path, info in graph.modules.items() for alias in (path, *info.aliases)}
    parents = {
        path: {first.get(name.rpartition(".")[0], "") for name in (path, *info.aliases)} - {path}
        for path, info in graph.modules.items()
    }
    found = {"": 1}

    def count(path: str) -> int:
        if path not in found:
            found[path] = sum(map(count, parents[path]))
        return found[path]

    return {path: count(path) for path in graph.modules}


def trained_params(graph: Graph) -> int:
    """Elements of the parameters that require a gradient: those that calflops reports."""
    return sum(each.spec.numel for each in graph.parameters.values() if each.trainable and not each.buffer)


def _read(graph: Graph, unit: str) -> Reading:
    counts, causes = PATCHES.reading(graph, unit)
    times = visits(graph)
    again = sum(count * (times[node.module] - 1) for node, count in zip(graph, counts, strict=True))
    extra = {"layers of several parents counted once for each": again} if again else {}
    return Reading(counts, trained_params(graph), causes, extra)


def _tool(name: str, unit: Literal["flops", "macs"], label: str) -> Tool:
    return Tool(name, "0.3.2", _SOURCE, unit, label, right(name, _SOURCE, unit), lambda graph: _read(graph, unit))


CALFLOPS = _tool("calflops", "flops", "FLOPs")
CALFLOPS_MACS = _tool("calflops_macs", "macs", "MACs")
