"""Why a tool's number for a call is not the right one, in a few words that are the same for every tool."""

from __future__ import annotations

from analyzer.graph import Graph
from analyzer.node import Node

__all__ = ["attention_products", "cause_of", "family_of"]

_FAMILIES = {
    "normalization": "batch_norm group_norm layer_norm rms_norm instance_norm local_response_norm",
    "activations": "relu relu6 leaky_relu prelu rrelu elu celu selu gelu silu mish sigmoid tanh glu hardtanh hardswish "
    "hardsigmoid softplus softsign logsigmoid threshold",
    "softmax": "softmax log_softmax softmin",
    "pooling": "avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool2d max_pool3d lp_pool1d lp_pool2d lp_pool3d "
    "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d "
    "adaptive_max_pool3d fractional_max_pool2d fractional_max_pool3d",
    "resizing": "interpolate grid_sample",
    "embeddings": "embedding embedding_bag",
    "additions and products of elements": "add sub mul div rsub addcmul addcdiv lerp",
    "convolutions": "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution conv_tbc "
    "deform_conv2d",
    "linear layers": "linear bilinear",
    "attention": "scaled_dot_product_attention flex_attention native_multi_head_attention varlen_attn",
    "matrix products": "matmul mm bmm mv dot vdot inner outer einsum tensordot addmm baddbmm addbmm addmv addr "
    "chain_matmul multi_dot vecdot kron grouped_mm int_mm scaled_mm sparse_mm sparse_addmm matrix_power cov corrcoef",
    "recurrent layers": "lstm gru rnn lstm_cell gru_cell rnn_cell",
    "Fourier transforms": "fft ifft rfft irfft hfft ihfft fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn stft istft",
    "suppression of overlapping boxes": "nms",
    "pooling of regions": "roi_align roi_pool ps_roi_align ps_roi_pool",
    "sums, means and norms": "sum mean nansum nanmean prod var std var_mean std_mean norm vector_norm matrix_norm "
    "frobenius_norm logsumexp cumsum cumprod",
}
_FAMILY = {op: family for family, ops in _FAMILIES.items() for op in ops.split()}
# What may lie between a product and a softmax.
_BETWEEN = frozenset(
    "add sub mul div rsub masked_fill where clamp tanh dropout float to type contiguous clone detach reshape view "
    "flatten unflatten transpose permute expand squeeze unsqueeze getitem setitem cat pad".split()
)


def family_of(node: Node) -> str:
    """The kind of operation, in the plural, as one speaks of it."""
    op = node.op.removeprefix("quantized_").removeprefix("dynamic_").removesuffix("_relu")
    return _FAMILY.get(node.op) or _FAMILY.get(op) or ("other products" if node.counts.mac else "other operations")


def attention_products(graph: Graph) -> frozenset[str]:
    """Ids of the matrix products that are attention by hand: they make what a softmax is taken of, or take its result.

    Between a product and the softmax there may be a scale, a mask, dropout or a change of shape.

    >>> import torch
    >>> from analyzer import analyze
    >>> def by_hand(x, y):
    ...     return (x @ x.mT / 7).softmax(-1) @ x @ y
    >>> sorted(attention_products(analyze(by_hand, (torch.zeros(5, 7), torch.zeros(7, 3))).graph))
    ['matmul', 'matmul:1']
    """
    nodes = {node.id: node for node in graph}
    scores: set[str] = set()  # what a softmax is taken of
    for node in reversed(list(nodes.values())):
        if node.op == "softmax" or (node.id in scores and node.op in _BETWEEN):
            scores.update(edge.source for edge in node.inputs)
    shares: set[str] = set()  # what it returns
    for node in nodes.values():
        if node.op == "softmax" or (node.op in _BETWEEN and any(edge.source in shares for edge in node.inputs)):
            shares.add(node.id)
    return frozenset(
        id
        for id, node in nodes.items()
        if _FAMILY.get(node.op) == "matrix products"
        and not node.params
        and (id in scores or any(edge.source in shares for edge in node.inputs))
    )


def cause_of(node: Node, said: int, true: int, *, attention: bool = False) -> str:
    """What a tool does with a call when it says ``said`` and ``true`` is right; empty where both are the same.

    Args:
        node: the call.
        said: the tool's number for it.
        true: the right one.
        attention: whether the call is one of the `attention_products`.
    """
    if said == true:
        return ""
    family = "attention products" if attention else family_of(node)
    if not said:
        spelling = "functional " if node.kind != "call_module" and family in _LAYERS else ""
        return f"{spelling}{family} not seen" if node.counts.mac else f"{family} not counted"
    if node.status == "folded":
        return "BatchNorm counted that folds into its convolution"
    if not true:
        return f"{family} counted"
    mac, elements = node.counts.mac, sum(spec.numel for spec in node.outputs)
    if family == "attention" and said == 2 * mac:
        return "attention counted as its two products alone"
    if mac and said in (2 * mac, 2 * mac + node.counts.add) and said > true:
        return "dot products counted as 2K, not 2K − 1"
    if mac == true and 0 < said - true <= elements:
        return "additions of a bias counted as MACs"
    if family == "recurrent layers" and mac:
        if said == 2 * mac:
            return "gates and biases of recurrent layers not counted"
        if said > true == mac:
            return "gates and biases of recurrent layers counted as MACs"
    return f"{family} counted by another formula"


_LAYERS = ("convolutions", "linear layers", "recurrent layers")
