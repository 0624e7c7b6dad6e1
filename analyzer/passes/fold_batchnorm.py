"""Mark every BatchNorm that an inference engine folds into the convolution in front of it."""

from __future__ import annotations

from collections import Counter

from analyzer.graph import Graph

__all__ = ["fold_batchnorm"]

CONVOLUTIONS = frozenset(f"conv{transposed}{n}d" for transposed in ("", "_transpose") for n in (1, 2, 3))


def fold_batchnorm(graph: Graph) -> Graph:
    """A copy in which BatchNorms on running statistics, alone behind a convolution, have status ``"folded"``.

    Alone: the convolution's output is read by nothing else. The node keeps its counts; only a convention that folds
    (``flops``) weighs it 0. Source: the scale and shift are absorbed in the convolution's weight and bias
    (torch.nn.utils.fusion.fuse_conv_bn_eval).
    """
    norms = [node for node in graph if node.op == "batch_norm" and not node.arguments.get("training", True)]
    if not norms:
        return graph
    readers = Counter([edge.source for node in graph for edge in node.inputs])
    folded = {}
    for node in norms:
        edge = node.inputs[0] if node.inputs else None
        if edge is not None and readers[edge.source] == 1 and graph.node(edge.source).op in CONVOLUTIONS:
            folded[node.id] = node.with_status("folded")
    return graph.replaced(folded) if folded else graph
