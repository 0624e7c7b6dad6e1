"""ptflops' hooks on whole attention layers: one formula for all that happens in it, told from what it was given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyzer.graph import Graph
from analyzer.node import ModuleCall, Node
from analyzer.spec import TensorSpec

__all__ = ["ATTENTION", "attention_counts", "attention_of"]

_TORCH = "torch.nn.MultiheadAttention"
# Where timm keeps it depends on its release.
_TIMM = frozenset({"timm.layers.attention.Attention", "timm.models.vision_transformer.Attention"})
ATTENTION = _TIMM | {_TORCH}


def attention_of(graph: Graph, node: Node) -> str | None:
    """Path of the outermost attention layer with a hook that a call was made in; None where there is none."""
    for path in node.stack:
        info = graph.modules[path]
        if info.classes and info.classes[0] in ATTENTION:
            return path
    return None


def attention_counts(graph: Graph) -> dict[str, int]:
    """What the hooks of attention layers count in all, by path."""
    totals = {}
    for path, info in graph.modules.items():
        if info.classes and info.classes[0] in ATTENTION and info.calls:
            formula = _multihead if info.classes[0] == _TORCH else _timm
            totals[path] = sum(formula(call, _own(graph, call, path)) for call in info.calls)
    return totals


def _own(graph: Graph, call: ModuleCall, path: str) -> list[Node]:
    """The calls of a layer that no layer in it made."""
    nodes = graph.nodes()
    return [nodes[index] for index in call.nodes if nodes[index].stack[-1] == path]


def _first(nodes: Iterable[Node], *ops: str) -> Node | None:
    return next((node for node in nodes if node.op in ops), None)


def _spec(node: Node, name: str) -> TensorSpec:
    spec: TensorSpec = node.arguments[name]
    return spec


def _multihead(call: ModuleCall, nodes: Sequence[Node]) -> int:
    """Scaling, projections as wide as what they are given, scores, softmax, weighted sum, output projection."""
    projection = _first(nodes, "linear")
    product = _first(nodes, "scaled_dot_product_attention", "bmm", "baddbmm")
    if len(call.inputs) < 3 or call.inputs[0].ndim != 3 or projection is None or product is None:
        return 0  # ptflops itself fails
    query, key, value = call.inputs[:3]
    # In torch's own code the sequence comes first, whatever the layer was given.
    batch = _spec(projection, "input").shape[1]
    if product.op == "scaled_dot_product_attention":
        heads = _spec(product, "query").shape[1]
    else:
        heads = _spec(product, "input" if product.op == "bmm" else "batch1").shape[0] // batch
    (q_length, width), (k_length, k_width), (v_length, v_width) = (
        (spec.shape[0] * spec.shape[1] // batch, spec.shape[2]) for spec in (query, key, value)
    )
    total = q_length * width + q_length * width**2 + k_length * k_width**2 + v_length * v_width**2
    if projection.arguments["bias"] is not None:
        total += (q_length + k_length + v_length) * width
    total += heads * q_length * k_length * (width // heads + 1 + v_width // heads)
    return batch * (total + q_length * v_width * (v_width + 1))


def _timm(call: ModuleCall, nodes: Sequence[Node]) -> int:
    """Scaling, scores, softmax and weighted sum; the projections are layers of their own."""
    product = _first(nodes, "scaled_dot_product_attention", "matmul")
    if not call.inputs or call.inputs[0].ndim != 3 or product is None:
        return 0
    batch, length, _ = call.inputs[0].shape
    query = _spec(product, "query" if product.op == "scaled_dot_product_attention" else "input")
    heads, width = query.shape[1], query.shape[-1]
    return batch * heads * (length * width + length**2 * (2 * width + 1))
