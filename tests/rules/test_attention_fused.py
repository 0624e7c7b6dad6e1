"""Attention in one piece, against torch, against attention in many, and against a pencil."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer import ShapeError, TensorSpec, analyze
from analyzer.counts import Counts
from rules import RULES

from .conftest import metadata

Q = torch.randn(2, 5, 12)
QKV, BIAS, OUT, OUT_BIAS = torch.randn(36, 12), torch.randn(36), torch.randn(12, 12), torch.randn(12)
UP, UP_BIAS, DOWN = torch.randn(17, 12), torch.randn(17), torch.randn(12, 17)


def native(*more):
    return lambda q, *weights: torch._native_multi_head_attention(q, q, q, 12, 3, *weights, *more)


@pytest.mark.parametrize("more", [(), (None, False), (None, True, False)])
def test_multi_head_attention(more):
    args = (Q, QKV, BIAS, OUT, OUT_BIAS)
    answer = analyze(native(*more), args)
    assert metadata(answer.outputs) == metadata(native(*more)(*args))
    (node,) = [node for node in answer.graph.nodes() if node.op == "native_multi_head_attention"]
    # four products of 2 · 5 rows, then 3 heads of 4 numbers, 5 x 5 scores
    assert node.counts.mac == 4 * 10 * 144 + 2 * 3 * 2 * 25 * 4
    layer = nn.MultiheadAttention(12, 3, batch_first=True).eval()
    need = len(more) < 2 or more[1]
    whole = analyze(lambda q: layer(q, q, q, need_weights=need, average_attn_weights=len(more) < 3), (Q,))
    assert node.counts.mac == whole.total("macs")
    assert (node.counts.add, node.counts.div, node.counts.func) == (
        whole.counts.add,
        whole.counts.div,
        whole.counts.func,
    )


def test_an_encoder_layer():
    def call(q, *given):
        return torch._transformer_encoder_layer_fwd(q, 12, 3, *given[:4], False, False, 1e-5, *given[4:])

    norm = OUT_BIAS
    args = (Q, QKV, BIAS, OUT, OUT_BIAS, norm, norm, norm, norm, UP, UP_BIAS, DOWN, norm)
    answer = analyze(call, args)
    assert metadata(answer.outputs) == metadata(call(*args))
    layer = nn.TransformerEncoderLayer(12, 3, 17, batch_first=True).eval()
    assert answer.counts == analyze(layer, (Q,)).counts


def flex(score_mod=None, mask=()):
    """The rule of the operator, asked as flex_attention asks it; None masks nothing."""
    from torch.nn.attention import flex_attention as module

    rule = RULES[module.flex_attention_hop]
    q, k = TensorSpec((2, 6, 5, 7)), TensorSpec((2, 3, 11, 7))
    modifier = score_mod or module._identity
    last = module.noop_mask if mask == () else mask
    bound = rule.bind((q, k, k, modifier, (5, 11, last), 0.5, {}), {})
    return rule.call_shape(bound), rule.call_cost(bound, (q, q.with_shape(2, 6, 5), q.with_shape(2, 6, 5)))


def test_flex_attention():
    (out, sums, _), counts = flex()
    assert (out, sums) == (TensorSpec((2, 6, 5, 7)), TensorSpec((2, 6, 5)))
    scores = 2 * 6 * 5 * 11
    q, k = torch.zeros(2, 6, 5, 7), torch.zeros(2, 3, 11, 7)
    plain = analyze(lambda q, k: F.scaled_dot_product_attention(q, k, k, scale=0.5, enable_gqa=True), (q, k))
    assert counts == plain.counts
    assert flex(lambda score, b, h, i, j: score + i)[1] == counts + Counts(func=scores)
    bounded, masked = flex(mask=lambda b, h, i, j: i >= j)
    assert "block mask" in bounded.why
    assert masked == counts + Counts(add=scores)


def varlen(q, starts):
    return torch.ops.torch_attn._varlen_attn(q, q, q, starts, starts, 16, 16)[0]


def test_sequences_of_unequal_length():
    pytest.importorskip("torch.nn.attention.varlen")
    rows = torch.zeros(23, 3, 7)
    bound = analyze(varlen, (rows, TensorSpec((4,), torch.int32)))
    assert bound.outputs.shape == (23, 3, 7)
    assert bound.total("macs") == 2 * 3 * 23 * 16 * 7
    assert {node.status for node in bound.graph.nodes() if node.op == "varlen_attn"} == {"bounded"}
    exact = analyze(lambda q: varlen(q, torch.tensor([0, 2, 5, 23], dtype=torch.int32)), (rows,))
    assert exact.total("macs") == 2 * 3 * 7 * (2 * 2 + 3 * 3 + 18 * 18)


def test_rejected():
    with pytest.raises(ShapeError, match="multiple of the heads"):
        analyze(lambda q, *w: torch._native_multi_head_attention(q, q, q, 12, 5, *w), (Q, QKV, BIAS, OUT, OUT_BIAS))
    with pytest.raises(ShapeError, match=r"qkv_weight must be \(36, 12\)"):
        analyze(native(), (Q, OUT, BIAS, OUT, OUT_BIAS))
