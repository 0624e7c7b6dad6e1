"""What calflops and DeepSpeed have in common: both exchange functions of torch for ones that count, and run the model.

A layer is counted by the function of ``torch.nn.functional`` that it calls. What has no such function is 0, and so is a
function that a layer keeps from before. Recurrent layers call none, and have hooks. Both count FLOPs and MACs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch.nn import functional

from analyzer.conventions import Convention
from analyzer.graph import Graph
from analyzer.node import Node
from analyzer.targets import describe_target
from analyzer.tools.einsum_path import optimized_flops
from analyzer.tools.recurrent_hooks import RECURRENT, RNN_LAYERS, Figures, products, right_recurrent
from analyzer.tools.tool import Formula

__all__ = ["COMMON", "METHODS", "RIGHT", "Count", "Figures", "Patches", "each", "matmul", "products", "right", "spelt"]


Count = Callable[[Node], Figures]

# --- the formulas that both share ---------------------------------------------------------------------------------


def _per_input(times: int = 1) -> Count:
    return lambda node: Figures(times * _given(node).numel)


def _given(node: Node) -> Any:
    """The first tensor argument."""
    return next(value for value in node.arguments.values() if hasattr(value, "numel"))


def _of(node: Node, *names: str) -> Any:
    """The argument that has one of these names."""
    return next(node.arguments[name] for name in names if name in node.arguments)


def _linear(node: Node) -> Figures:
    """``numel(x)·out``; the bias is not counted."""
    return products(_given(node).numel * node.arguments["weight"].shape[0])


def matmul(node: Node) -> Figures:
    """``numel(a)·b.shape[-1]``: right for matrices, not for a vector on the right nor batches that ``a`` lacks."""
    return products(_of(node, "input").numel * _of(node, "other", "mat2").shape[-1])


def _addmm(node: Node) -> Figures:
    first, second = _of(node, "mat1", "batch1"), _of(node, "mat2", "batch2")
    return products(first.numel * second.shape[-1], node.arguments["input"].numel)


def _conv(node: Node) -> Figures:
    """By an output size of its own: "same" is taken for the same padding on both sides, rounded down."""
    x, weight, given = node.arguments["input"], node.arguments["weight"], node.arguments
    kernel, space = weight.shape[2:], node.outputs[0].shape[-len(weight.shape[2:]) :]
    if given["padding"] == "same" and given.get("padding_mode", "zeros") == "zeros":
        dilation = each(given["dilation"], len(kernel))
        space = tuple(size - d * (k - 1) % 2 for size, d, k in zip(space, dilation, kernel, strict=True))
    batch = x.shape[0] if x.ndim == weight.ndim else 1
    outputs = batch * weight.shape[0] * math.prod(space)
    return products(outputs * math.prod(weight.shape[1:]), outputs if given["bias"] is not None else 0)


def each(value: Any, length: int) -> tuple[int, ...]:
    """One value for each dimension, where one may stand for all."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * length


def _norm(node: Node) -> Figures:
    return Figures((5 if node.arguments.get("weight") is not None else 4) * _given(node).numel)


def _batch_norm(node: Node) -> Figures:
    if node.arguments.get("training"):
        return _norm(node)
    return Figures((2 if node.arguments.get("weight") is not None else 1) * _given(node).numel)


def _einsum(node: Node) -> Figures:
    return Figures(optimized_flops(node.arguments["equation"], [s.shape for s in node.arguments["operands"]]))


def _local_response_norm(node: Node) -> Figures:
    """It has no counter, but is made of x·x, a pooling over padded channels, ·alpha and +k, which have one."""
    x = node.arguments["input"]
    padded = x.numel // x.shape[1] * (x.shape[1] + node.arguments["size"] - 1)
    return Figures(3 * x.numel + padded)


def _lp_pool(node: Node) -> Figures:
    """It has no counter, but is made of a pooling, a relu and a product, which have one."""
    return Figures(_given(node).numel + 2 * node.outputs[0].numel)


# --- which function has which counter -----------------------------------------------------------------------------

_ACTIVATIONS = "relu prelu elu leaky_relu relu6 silu gelu"
_POOLING = " ".join(
    f"{kind}_pool{dims}d" for kind in ("avg", "max", "adaptive_avg", "adaptive_max") for dims in (1, 2, 3)
)
_CONVOLUTIONS = "conv1d conv2d conv3d"
_TRANSPOSED = "conv_transpose1d conv_transpose2d conv_transpose3d"


def spelt(names: str, count: Count) -> dict[str, Count]:
    """Functions of ``torch.nn.functional``, by name, that are counted alike."""
    return dict.fromkeys(names.split(), count)


COMMON: Mapping[str, Count] = {
    "linear": _linear,
    **spelt(_CONVOLUTIONS, _conv),
    **spelt(_ACTIVATIONS, _per_input()),
    "batch_norm": _batch_norm,
    **spelt("layer_norm group_norm instance_norm", _norm),
    **spelt(_POOLING, _per_input()),
    "softmax": _per_input(),
    "local_response_norm": _local_response_norm,
    **spelt("lp_pool1d lp_pool2d lp_pool3d", _lp_pool),
}
"""Functions of ``torch.nn.functional``, and layers by the same name."""

METHODS: Mapping[str, Count] = {
    **dict.fromkeys(("torch.matmul", "torch.Tensor.matmul"), matmul),
    **dict.fromkeys(("torch.addmm", "torch.Tensor.addmm", "torch.baddbmm"), _addmm),
    "torch.einsum": _einsum,
}
"""Functions and methods of torch, as they are written."""

_OPERATORS = {
    "torch.Tensor.add": "operator.add",
    "torch.Tensor.mul": "operator.mul",
    "torch.Tensor.matmul": "operator.matmul",
}


@dataclass(frozen=True)
class Patches:
    """What a tool puts in place of torch's functions.

    Attributes:
        layers: name in ``torch.nn.functional``, which is the operation of the layers that call it, to its counter.
        written: further functions and methods, as they are written, to their counters.
        causes: operation -> what is wrong with the counter, in a few words.
    """

    layers: Mapping[str, Count]
    written: Mapping[str, Count]
    causes: Mapping[str, str] = field(default_factory=dict)

    def figures(self, graph: Graph) -> list[Figures]:
        """What the tool counts for every call, in execution order."""
        functions = self._functions()
        return [self._figures(node, graph, functions) for node in graph]

    def _figures(self, node: Node, graph: Graph, functions: Mapping[str, Count]) -> Figures:
        if node.kind == "call_module":
            count = None if node.op == "relu6" else self.layers.get(node.op)  # nn.ReLU6 is a Hardtanh, and calls that
            if node.op in RECURRENT and node.target in RNN_LAYERS:
                count = RECURRENT[node.op]
        else:
            keeps, name = graph.modules[node.module].keeps, node.target
            # A layer that keeps the function since it was built calls the one that does not count. An operator that is
            # called by its name is told as the method.
            if name in keeps:
                return Figures()
            name = _OPERATORS[name] if _OPERATORS.get(name) in keeps else name
            count = functions.get(name)
        return Figures() if count is None else count(node)

    def _functions(self) -> dict[str, Count]:
        """The counter of every function, by the way that it is written in a graph."""
        found = {describe_target(getattr(functional, name)): count for name, count in self.layers.items()}
        # torch.nn.functional hands over to these where indices are asked for as well.
        pools = [name for name in found if "max_pool" in name]
        return {**found, **{f"{name}_with_indices": found[name] for name in pools}, **self.written}

    def reading(self, graph: Graph, unit: str) -> tuple[tuple[int, ...], dict[int, str]]:
        """One number for every call, in ``"flops"`` or ``"macs"``, and what is wrong with it by index."""
        counts = tuple(getattr(figures, unit) for figures in self.figures(graph))
        flawed = [index for index, node in enumerate(graph) if node.op in self.causes and counts[index]]
        return counts, {index: self.causes[graph.records[index].op] for index in flawed}


# --- the same without the faults ----------------------------------------------------------------------------------


def _outputs(node: Node) -> int:
    return node.outputs[0].numel if node.outputs else 0


def _with_additions(node: Node) -> int:
    return 2 * node.counts.mac + node.counts.add


def _flops_of(count: Count) -> Formula:
    return lambda node: count(node).flops


RIGHT: Mapping[str, Formula] = {
    **dict.fromkeys(f"{_CONVOLUTIONS} {_TRANSPOSED} addmm baddbmm".split(), _with_additions),
    **dict.fromkeys(f"{_ACTIVATIONS} {_POOLING} softmax".split(), _flops_of(_per_input())),
    "batch_norm": _flops_of(_batch_norm),
    **dict.fromkeys(("layer_norm", "group_norm", "instance_norm"), _flops_of(_norm)),
    **dict.fromkeys(("add", "mul", "interpolate"), _outputs),
    **dict.fromkeys(RECURRENT, right_recurrent),
}


def right(name: str, source: str, unit: str) -> Convention:
    """2 FLOPs a product, whoever makes it, and the tools' own weights on the families that they count."""
    if unit == "macs":
        return Convention(name, source, {"mac": 1}, parts=False)
    return Convention(name, source, {"mac": 2}, parts=False, overrides=RIGHT)
