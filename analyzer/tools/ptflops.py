"""ptflops with its pytorch backend: hooks on layers of known classes, and functions of torch exchanged for its own.

A product is one MAC, so is an addition of a bias, and so is an element of a norm, an activation, a pooling or a sum.
What a layer's hook counts is often counted again by the function that the layer calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from analyzer.conventions import Convention
from analyzer.graph import Graph
from analyzer.node import Node
from analyzer.tools import ptflops_formulas as formulas
from analyzer.tools.ptflops_attention import attention_counts, attention_of
from analyzer.tools.tool import Formula, Reading, Tool

__all__ = ["LAYERS", "PYTORCH", "Hooked", "hooked", "left_over", "patched", "trainable_params"]

_SOURCE = "ptflops/pytorch_ops.py and pytorch_engine.py of ptflops 0.7.5"


def _named(names: str, formula: Formula) -> dict[str, Formula]:
    return dict.fromkeys(names.split(), formula)


_CONVOLUTIONS = "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d"
_POOLINGS = " ".join(f"{kind}_pool{n}d" for kind in ("max", "avg", "adaptive_max", "adaptive_avg") for n in (1, 2, 3))

_RIGHT = Convention(
    "ptflops",
    _SOURCE,
    {"mac": 1},
    parts=False,
    overrides={
        **_named(f"{_CONVOLUTIONS} linear bilinear", formulas.with_additions),
        **_named("addmm baddbmm addbmm addmv addr", formulas.with_additions),
        **_named("relu relu6 leaky_relu prelu elu gelu silu interpolate add mul", formulas.per_output),
        **_named(f"{_POOLINGS} softmax", formulas.per_input),
        **_named("batch_norm instance_norm group_norm layer_norm", formulas.norm),
        **_named("lstm gru rnn lstm_cell gru_cell rnn_cell", formulas.recurrent),
        "scaled_dot_product_attention": formulas.attention,
        "deform_conv2d": formulas.deformable_convolution,
    },
)

# Layers by their very class: operation -> what the hook counts.
LAYERS: Mapping[str, Mapping[str, Formula]] = {
    **{
        f"torch.nn.Conv{kind}{n}d": {f"conv{'_transpose' if kind else ''}{n}d": formulas.hooked_convolution}
        for kind in ("", "Transpose")
        for n in (1, 2, 3)
    },
    **{
        f"torch.nn.{name}": {op: formulas.per_output}
        for name, op in (
            ("ReLU", "relu"),
            ("PReLU", "prelu"),
            ("ELU", "elu"),
            ("LeakyReLU", "leaky_relu"),
            ("ReLU6", "relu6"),
            ("GELU", "gelu"),
        )
    },
    **{
        f"torch.nn.{adaptive}{kind}Pool{n}d": {f"{prefix}{kind.lower()}_pool{n}d": formulas.per_input}
        for adaptive, prefix in (("", ""), ("Adaptive", "adaptive_"))
        for kind in ("Max", "Avg")
        for n in (1, 2, 3)
    },
    **{f"torch.nn.BatchNorm{n}d": {"batch_norm": formulas.norm} for n in (1, 2, 3)},
    **{f"torch.nn.InstanceNorm{n}d": {"instance_norm": formulas.norm} for n in (1, 2, 3)},
    "torch.nn.GroupNorm": {"group_norm": formulas.norm},
    "torch.nn.LayerNorm": {"layer_norm": formulas.per_input},
    "torch.nn.Linear": {"linear": formulas.with_additions},
    "torch.nn.Upsample": {"interpolate": formulas.first_image},
    **{f"torch.nn.{cell}": {cell.lower(): formulas.hooked_recurrent} for cell in ("RNN", "GRU", "LSTM")},
    **{f"torch.nn.{cell}Cell": {f"{cell.lower()}_cell": formulas.hooked_cell} for cell in ("RNN", "GRU", "LSTM")},
    "torchvision.ops.deform_conv.DeformConv2d": {"deform_conv2d": formulas.deformable_convolution},
}

# Functions and methods that it exchanges, by how they are written. Some of torch.nn.functional are torch's own.
_EXCHANGED: Mapping[str, Formula] = {
    **{
        f"torch.nn.functional.{name}": formula
        for name, formula in {
            **_named(f"relu relu6 elu gelu silu softmax {_POOLINGS}", formulas.per_input),
            "interpolate": formulas.exchanged_interpolate,
            "local_response_norm": formulas.made_of_response_norm,
            **_named("lp_pool1d lp_pool2d lp_pool3d", formulas.made_of_power_pooling),
        }.items()
    },
    **_named("torch.prelu torch.avg_pool1d torch.adaptive_avg_pool1d", formulas.per_input),
    **_named("torch.matmul torch.Tensor.matmul torch.mm torch.Tensor.mm", formulas.exchanged_product),
    **_named("torch.bmm torch.Tensor.bmm", formulas.exchanged_product),
    **_named("torch.addmm torch.Tensor.addmm torch.baddbmm", formulas.exchanged_addmm),
    **_named("torch.add torch.Tensor.add torch.mul torch.Tensor.mul", formulas.exchanged_elementwise),
}
# Layers whose forward calls such a function; the others' go straight to torch.
_CALLED_BY_LAYERS: Mapping[str, Formula] = {
    **_named(f"relu prelu elu gelu silu softmax {_POOLINGS}", formulas.per_input),
    "interpolate": formulas.exchanged_interpolate,
    "local_response_norm": formulas.made_of_response_norm,
    **_named("lp_pool1d lp_pool2d lp_pool3d", formulas.made_of_power_pooling),
}


class Hooked(NamedTuple):
    """What the hook of a layer counts for one call.

    Attributes:
        path: the layer, by its first name.
        amount: its number.
        lost: whether the layer stands in one that has a hook of its own, and is left out of the sum.
    """

    path: str
    amount: int
    lost: bool = False


def hooked(graph: Graph) -> list[Hooked | None]:
    """What hooks count, for every node."""
    return [_hooked(graph, node) for node in graph]


def _hooked(graph: Graph, node: Node) -> Hooked | None:
    path, attention = node.stack[-1], attention_of(graph, node)
    formula = LAYERS.get(_class_of(graph, path), {}).get(node.op)
    if formula is not None:
        return Hooked(path, formula(node), lost=attention is not None)
    if attention is not None and attention == path:
        return Hooked(path, _RIGHT(node))
    return None


def _class_of(graph: Graph, path: str) -> str:
    classes = graph.modules[path].classes
    return classes[0] if classes else ""


def left_over(graph: Graph, layers: Iterable[Hooked | None]) -> dict[str, int]:
    """What the formula of an attention layer has beyond what the calls in it really are, by path."""
    totals = attention_counts(graph)
    for layer in layers:
        if layer is not None and layer.path in totals:
            totals[layer.path] -= layer.amount
    return totals


def patched(graph: Graph) -> list[int]:
    """What the exchanged functions count, for every node."""
    return [_patched(graph, node) for node in graph]


def _patched(graph: Graph, node: Node) -> int:
    if node.kind == "call_module":
        formula = _CALLED_BY_LAYERS.get(node.op)
        return 0 if formula is None else formula(node)
    formula = _EXCHANGED.get(node.target)
    if formula is None:
        return 0
    return _times_named(graph, node) * formula(node)


def _times_named(graph: Graph, node: Node) -> int:
    """How many exchanged functions the line of a call goes through; one kept from before the exchange does not count.

    A layer that was given ``F.relu`` calls what it was given. torch's own code calls its functions by name, and
    ``F.upsample`` calls ``F.interpolate``.
    """
    if node.source is None or _class_of(graph, node.stack[-1]) == "torch.nn.MultiheadAttention":
        return 1
    text = node.source.text
    if node.op == "interpolate":
        return 2 if "upsample(" in text else int("interpolate(" in text or "upsample_" in text)
    return int(f"{node.target.rpartition('.')[2]}(" in text)


def trainable_params(graph: Graph) -> int:
    """Elements of the parameters that require a gradient: a frozen model has none to it."""
    return sum(p.spec.numel for p in graph.parameters.values() if p.trainable and not p.buffer)


def _read(graph: Graph) -> Reading:
    layers = hooked(graph)
    counts, causes = [], {}
    for index, (node, layer, function) in enumerate(zip(graph, layers, patched(graph), strict=True)):
        amount = 0 if layer is None or layer.lost else layer.amount
        counts.append(amount + function)
        cause = _cause(node, layer, function)
        if cause:
            causes[index] = cause
    beyond = left_over(graph, layers)
    by_layer = Counter(beyond)
    for layer in layers:
        if layer is not None and not layer.lost:
            by_layer[layer.path] += layer.amount
    places = _places(graph)
    extra = {
        "attention by a formula for one width": sum(beyond.values()),
        "layers counted again where they are shared": sum(n * (places[path] - 1) for path, n in by_layer.items()),
    }
    return Reading(tuple(counts), trainable_params(graph), causes, {why: n for why, n in extra.items() if n})


def _cause(node: Node, layer: Hooked | None, function: int) -> str:
    if layer is not None and layer.lost:
        return "layers inside an attention layer left out"
    if layer is not None and layer.amount and function:
        return "counted by the layer and again by its function"
    if layer is not None and node.op in ("lstm", "gru", "rnn") and layer.amount != _RIGHT(node):
        return "recurrent layers by the first direction's weights"
    return ""


def _places(graph: Graph) -> dict[str, int]:
    """In how many places the sum over the tree of modules meets each module."""
    first = {name: path for path, info in graph.modules.items() for name in (path, *info.aliases)}
    places: dict[str, int] = {}

    def count(path: str) -> int:
        if path not in places:
            names = (path, *graph.modules[path].aliases)
            parents = {first.get(name.rpartition(".")[0], "") for name in names} if path else set()
            places[path] = sum(map(count, parents)) or 1
        return places[path]

    return {path: count(path) for path in graph.modules}


PYTORCH = Tool("ptflops", "0.7.5", _SOURCE, "macs", "MACs", _RIGHT, _read)
