"""Where torch runs one kernel of its own for many calls, so that tools which watch its operators see nothing inside."""

from __future__ import annotations

from analyzer.graph import Graph
from analyzer.node import Node

__all__ = ["fused_without_gradients", "is_fused_attention"]


def is_fused_attention(node: Node) -> bool:
    """Whether scaled dot-product attention is one operator on a CPU, and not two matrix products.

    Source: ``use_flash_attention_cpp`` in aten/src/ATen/native/transformers/sdp_utils_cpp.cpp.
    """
    if node.op != "scaled_dot_product_attention":
        return False
    query, key, value = (node.arguments[name] for name in ("query", "key", "value"))
    # Heads may be shared by several queries. Without a batch the first axis is that of the heads.
    same_batch = query.ndim == 3 or query.shape[:-3] == key.shape[:-3] == value.shape[:-3]
    same_width = query.shape[-1] == key.shape[-1] == value.shape[-1]
    return query.ndim in (3, 4) and same_batch and same_width and not node.arguments.get("dropout_p")


def fused_without_gradients(graph: Graph) -> frozenset[int]:
    """Indices of the nodes that torch runs inside one operator in evaluation where gradients are off.

    These are self-attention and encoder layers that take batches first and have an even number of heads.
    Source: ``MultiheadAttention.forward`` and ``TransformerEncoderLayer.forward``, "fast path".
    """
    inside: dict[str, list[tuple[int, Node]]] = {}
    for index, node in enumerate(graph):
        for path in node.stack:
            inside.setdefault(path, []).append((index, node))
    fused: set[int] = set()
    for path, info in graph.modules.items():
        if info.training or path not in inside:
            continue
        attention = path
        if info.type == "TransformerEncoderLayer":
            attention = f"{path}.self_attn" if path else "self_attn"
        elif info.type != "MultiheadAttention":
            continue
        nodes = [node for _, node in inside.get(attention, ())]
        if nodes and _is_native(nodes, len(graph.modules[attention].calls)):
            fused.update(index for index, _ in inside[path])
    return frozenset(fused)


def _is_native(nodes: list[Node], calls: int) -> bool:
    """Whether the calls of a MultiheadAttention are its fast path's: batch first, of itself, even heads."""
    linears = [node for node in nodes if node.op == "linear"]
    # With the batch first it is turned to stand second; queries, keys and values of one tensor are one linear layer.
    if nodes[0].op != "transpose" or len(linears) != 2 * calls:
        return False
    width = linears[0].arguments["input"].shape[-1]
    products = [node for node in nodes if node.op in ("scaled_dot_product_attention", "bmm", "baddbmm")]
    head = products[0].inputs[-2 if products[0].op == "baddbmm" else 0].spec.shape[-1]
    return bool(width // head % 2 == 0)
