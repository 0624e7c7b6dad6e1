"""DeepSpeed's flops profiler: FLOPs and MACs by functions that it puts in place of torch's, ``@`` and attention too."""

from __future__ import annotations

import math
from typing import Literal

from analyzer.graph import Graph
from analyzer.node import Node
from analyzer.tools.patched_functions import COMMON, METHODS, Figures, Patches, each, matmul, products, right, spelt
from analyzer.tools.tool import Reading, Tool, all_params

__all__ = ["DEEPSPEED", "DEEPSPEED_MACS", "PATCHES"]

_SOURCE = "deepspeed/profiling/flops_profiler/profiler.py, 0.19.8"


def _conv_transpose(node: Node) -> Figures:
    outputs = node.outputs[0].numel if node.arguments["bias"] is not None else 0
    return products(node.arguments["input"].numel * math.prod(node.arguments["weight"].shape[1:]), outputs)


def _elements(node: Node) -> Figures:
    return Figures(node.outputs[0].numel)


def _interpolate(node: Node) -> Figures:
    """A size is taken for the number of outputs, whatever batch and channels."""
    x, size, factor = (node.arguments[name] for name in ("input", "size", "scale_factor"))
    if size is not None:
        return Figures(math.prod(each(size, 1)))
    return Figures(int(x.numel * math.prod(each(factor, x.ndim - 2))))


def _attention(node: Node) -> Figures:
    query, key, value = (node.arguments[name] for name in ("query", "key", "value"))
    scores = math.prod(query.shape[:-1]) * key.shape[-2]
    return products(scores * (query.shape[-1] + value.shape[-1]))


PATCHES = Patches(
    layers={
        **COMMON,
        **spelt("conv_transpose1d conv_transpose2d conv_transpose3d", _conv_transpose),
        "interpolate": _interpolate,
        "scaled_dot_product_attention": _attention,
    },
    written={
        **METHODS,
        **dict.fromkeys(("operator.matmul", "torch.mm", "torch.Tensor.mm", "torch.bmm", "torch.Tensor.bmm"), matmul),
        **dict.fromkeys(("torch.add", "torch.Tensor.add", "torch.mul", "torch.Tensor.mul"), _elements),
    },
    causes={"interpolate": "resizing without batch and channels"},
)


def _read(graph: Graph, unit: str) -> Reading:
    counts, causes = PATCHES.reading(graph, unit)
    return Reading(counts, all_params(graph), causes)


def _tool(name: str, unit: Literal["flops", "macs"], label: str) -> Tool:
    return Tool(name, "0.19.8", _SOURCE, unit, label, right(name, _SOURCE, unit), lambda graph: _read(graph, unit))


DEEPSPEED = _tool("deepspeed", "flops", "FLOPs")
DEEPSPEED_MACS = _tool("deepspeed_macs", "macs", "MACs")
