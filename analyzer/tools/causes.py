"""Why a tool's number for a call is not the right one, in a few words that are the same for every tool."""

from __future__ import annotations

from analyzer.node import Node

__all__ = ["cause_of", "family_of"]

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
    "convolutions": "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution deform_conv2d",
    "linear layers": "linear bilinear",
    "attention": "scaled_dot_product_attention flex_attention native_multi_head_attention varlen_attn",
    "matrix products": "matmul mm bmm mv dot vdot inner outer einsum tensordot addmm baddbmm addbmm addmv addr "
    "chain_matmul multi_dot vecdot kron grouped_mm",
    "recurrent layers": "lstm gru rnn lstm_cell gru_cell rnn_cell",
}
_FAMILY = {op: family for family, ops in _FAMILIES.items() for op in ops.split()}


def family_of(node: Node) -> str:
    """The kind of operation, in the plural, as one speaks of it.

    Products of two values of the model's own, neither of them a weight, are attention in all but name.
    """
    family = _FAMILY.get(node.op)
    if family == "matrix products" and not node.params and len({edge.source for edge in node.inputs}) > 1:
        return "attention products"
    return family or ("other products" if node.counts.mac else "other operations")


def cause_of(node: Node, said: int, true: int) -> str:
    """What a tool does with a call when it says ``said`` and ``true`` is right; empty where both are the same."""
    if said == true:
        return ""
    family = family_of(node)
    if not said:
        spelling = "functional " if node.kind != "call_module" and family in _LAYERS else ""
        return f"{spelling}{family} not seen" if node.counts.mac else f"{family} not counted"
    if node.status == "folded":
        return "BatchNorm counted that folds into its convolution"
    if not true:
        return f"{family} counted"
    mac, elements = node.counts.mac, sum(spec.numel for spec in node.outputs)
    if mac and said in (2 * mac, 2 * mac + node.counts.add) and said > true:
        return "the −1 of 2K − 1 not taken off"
    if mac == true and 0 < said - true <= elements:
        return "additions of a bias counted as MACs"
    if family == "recurrent layers" and mac:
        if said == 2 * mac:
            return "gates and biases of recurrent layers not counted"
        if said > true == mac:
            return "gates and biases of recurrent layers counted as MACs"
    return f"{family} counted by another formula"


_LAYERS = ("convolutions", "linear layers", "recurrent layers")
