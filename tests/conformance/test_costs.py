"""Operation counts of small calls against a pencil. Sizes are primes, so that no two can be swapped unseen.

What is counted, by call as written:

- products: ``mac`` = products (padding included), ``dot`` = how many sums they fall into, a bias one ``add`` an output;
- elementwise: one an element of the result; an activation is one ``func`` (or ``cmp``) whatever its formula;
- softmax over n: n-1 cmp, n add, n func, n-1 add, n div; log_softmax n-1 cmp, n add, n func, n-1 add, 1 func, n add;
- normalization over n: n-1 add, 1 div; n add; n mul; n-1 add, 1 div; 1 add, 1 func; n mul; affine n mul, n add;
- reductions and pooling: sum n-1 add, a mean also 1 div, max and min n-1 cmp; a lerp is 2 add, 1 mul;
- recurrent: each gate two products, their biases, one add; then the cell; sort n*ceil(log2 n) cmp;
- copies, views, padding, indexing, conversions: nothing.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer import Counts, TensorSpec, analyze

ROWS: dict[str, tuple[Any, tuple[TensorSpec, ...], Counts]] = {}


def row(name: str, call: Any, *shapes: tuple[int, ...], dtype: torch.dtype = torch.float32, **counts: int) -> None:
    ROWS[name] = (call, tuple(TensorSpec(shape, dtype) for shape in shapes), Counts(**counts))


# --- products ---
row("linear", nn.Linear(11, 3, bias=False), (5, 11), mac=5 * 3 * 11, dot=15)
row("linear, bias, batch", nn.Linear(11, 3), (2, 5, 11), mac=10 * 3 * 11, dot=30, add=30)
row("matmul broadcast", torch.matmul, (7, 1, 3, 5), (2, 5, 11), mac=14 * 33 * 5, dot=14 * 33)
row("matrix times vector", torch.mv, (3, 17), (17,), mac=51, dot=3)
row("dot", torch.dot, (17,), (17,), mac=17, dot=1)
row("mm of length one", torch.mm, (5, 1), (1, 7), mac=35, dot=35)
row("mm of length none", torch.mm, (5, 0), (0, 7))
row("addmm", torch.addmm, (3, 5), (3, 7), (7, 5), mac=105, dot=15, add=15)
row("baddbmm", torch.baddbmm, (2, 3, 5), (2, 3, 7), (2, 7, 5), mac=210, dot=30, add=30)
row("outer", torch.outer, (5,), (11,), mul=55)
row("einsum, one index summed", lambda a, b: torch.einsum("bik,bkj->bij", a, b), (2, 3, 7), (2, 7, 5), mac=210, dot=30)
row("einsum, none summed", lambda a, b: torch.einsum("i,j->ij", a, b), (3,), (5,), mul=15)
row(
    "einsum, left to right",
    lambda a, b, c: torch.einsum("ij,jk,kl->il", a, b, c),
    (2, 3),
    (3, 5),
    (5, 7),
    mac=2 * 5 * 3 + 2 * 7 * 5,
    dot=10 + 14,
)
row("bilinear", nn.Bilinear(3, 5, 7, bias=False), (2, 3), (2, 5), mac=2 * 7 * 5 * 3 + 2 * 7 * 5, dot=2 * 7 * 5 + 2 * 7)
# --- convolutions ---
row("conv2d", nn.Conv2d(3, 7, (3, 5), bias=False), (2, 3, 13, 17), mac=2 * 7 * 11 * 13 * 45, dot=2 * 7 * 11 * 13)
row(
    "conv2d, bias, padding counts",
    nn.Conv2d(3, 7, 3, padding=1),
    (1, 3, 11, 13),
    mac=7 * 143 * 27,
    dot=7 * 143,
    add=7 * 143,
)
row("conv2d, depthwise", nn.Conv2d(5, 5, 3, groups=5, stride=2, bias=False), (1, 5, 11, 13), mac=5 * 5 * 6 * 9, dot=150)
row("conv1d, dilated", nn.Conv1d(2, 3, 5, dilation=3, bias=False), (1, 2, 23), mac=3 * 11 * 10, dot=33)
row("conv3d", nn.Conv3d(2, 3, (1, 2, 3)), (1, 2, 3, 5, 7), mac=3 * 60 * 12, dot=180, add=180)
row(
    "conv_transpose1d",
    nn.ConvTranspose1d(3, 5, 7, stride=2),
    (2, 3, 11),
    mac=2 * 3 * 11 * 5 * 7,
    dot=2 * 5 * 27,
    add=2 * 5 * 27,
)
# --- normalization ---
row("layer_norm", nn.LayerNorm(11), (2, 3, 11), add=6 * (10 + 11 + 10 + 1 + 11), div=12, mul=6 * 33, func=6)
row(
    "layer_norm without weights",
    nn.LayerNorm(11, elementwise_affine=False),
    (2, 3, 11),
    add=6 * 32,
    div=12,
    mul=6 * 22,
    func=6,
)
row("group_norm", nn.GroupNorm(2, 6), (1, 6, 5), add=2 * (14 + 15 + 14 + 1) + 30, div=4, mul=2 * 30 + 30, func=2)
row("instance_norm", nn.InstanceNorm1d(3), (2, 3, 7), add=6 * (6 + 7 + 6 + 1), div=12, mul=6 * 14, func=6)
row("rms_norm", nn.RMSNorm(11), (3, 11), mul=99, add=3 * 11, div=3, func=3)
row("batch_norm in evaluation", nn.BatchNorm1d(5).eval(), (3, 5, 7), mul=105, add=105)
row(
    "batch_norm in training",
    nn.BatchNorm1d(3, affine=False, track_running_stats=False),
    (11, 3),
    add=3 * (10 + 11 + 10 + 1),
    div=6,
    mul=66,
    func=3,
)
# --- softmax and attention ---
row("softmax", nn.Softmax(0), (11, 3), cmp=30, add=3 * (11 + 10), func=33, div=33)
row("log_softmax", nn.LogSoftmax(-1), (3, 11), cmp=30, add=3 * (11 + 10 + 11), func=3 * 12)
row("attention", F.scaled_dot_product_attention, (1, 2, 3, 5), (1, 2, 7, 5), (1, 2, 7, 11),
    mac=2 * 3 * 7 * 16, dot=2 * 3 * (7 + 11), mul=42, cmp=6 * 6, add=6 * (7 + 6), func=42, div=42)  # fmt: skip
CAUSAL = partial(F.scaled_dot_product_attention, is_causal=True)
row("attention, causal", CAUSAL, (1, 2, 5, 3), (1, 2, 5, 3), (1, 2, 5, 3),
    mac=2 * 25 * 6, dot=2 * 5 * 8, mul=50, cmp=10 * 4, add=50 + 10 * 9, func=50, div=50)  # fmt: skip
# --- elementwise ---
row("relu", F.relu, (3, 7), cmp=21)
row("silu", F.silu, (3, 7), func=21)
row("silu, written out", lambda x: x * x.sigmoid(), (3, 7), func=21, mul=21)
row("add broadcast", lambda a, b: a + b, (5, 1, 7), (3, 1), add=105)
row("sub", lambda a, b: a - b, (3, 7), (7,), add=21)
row("div by a number", lambda x: x / 3, (3, 7), div=21)
row("comparisons, and a logical function", lambda a, b: (a < b) & (a >= b), (3, 7), (3, 7), cmp=42, func=21)
row("clamp and abs", lambda x: x.clamp(0, 1).abs(), (3, 7), cmp=42)
row("functions", lambda x: x.exp().sqrt().sin(), (3, 7), func=63)
row("a factor that is one", lambda a, b: torch.add(a, b, alpha=1), (3, 7), (3, 7), add=21)
row("a factor that is not", lambda a, b: torch.add(a, b, alpha=2), (3, 7), (3, 7), add=21, mul=21)
row("addcmul", torch.addcmul, (3, 7), (3, 7), (3, 7), mul=21, add=21)
# --- reductions and pooling ---
row("sum of all", torch.sum, (3, 7), add=20)
row("mean over one", lambda x: x.mean(1), (3, 7, 5), add=15 * 6, div=15)
row("max over one", lambda x: x.max(0).values, (7, 3), cmp=18)
row("argmin", lambda x: x.argmin(-1), (3, 7), cmp=18)
row("cumsum", lambda x: x.cumsum(1), (3, 7), add=18)
row("max_pool2d", nn.MaxPool2d(3), (1, 5, 9, 12), cmp=5 * 12 * 8)
row("avg_pool1d", nn.AvgPool1d(3), (2, 5, 9), add=30 * 2, div=30)
row("global average", nn.AdaptiveAvgPool2d(1), (2, 5, 3, 7), add=10 * 20, div=10)
row("sort", lambda x: x.sort(-1).values, (3, 11), cmp=3 * 11 * 4)
# --- moving data ---
row(
    "views, copies, padding, indexing",
    lambda x: F.pad(torch.stack([x.T.reshape(3, 7)[:, 1:], x[:, :6].clone()]), (1, 2)).half(),
    (3, 7),
)
row("embedding", nn.Embedding(13, 5), (2, 3), dtype=torch.int64)
row("dropout in evaluation", nn.Dropout(0.5).eval(), (3, 7))
row("nearest", lambda x: F.interpolate(x, scale_factor=3), (1, 2, 3, 5))
row(
    "bilinear interpolation",
    lambda x: F.interpolate(x, (7, 11), mode="bilinear"),
    (1, 2, 3, 5),
    add=2 * 77 * 6,
    mul=2 * 77 * 3,
)
row("linear interpolation", lambda x: F.interpolate(x, 11, mode="linear"), (1, 2, 3), add=22 * 2, mul=22)
# --- recurrent, a step: G gates, hidden h, input i: mac G h (i + h), dot 2 G h, biases 2 G h add, their sum G h add ---
row("rnn", nn.RNN(3, 5), (7, 2, 3), mac=14 * 5 * 8, dot=14 * 10, add=14 * (10 + 5), func=14 * 5)
row("lstm without bias: the cell is 3h mul, h add, 5h func", nn.LSTM(3, 5, bias=False), (7, 2, 3),
    mac=14 * 20 * 8, dot=14 * 40, add=14 * (20 + 5), mul=14 * 15, func=14 * 25)  # fmt: skip
row("gru: reset h mul, 1 - z h add, 2h mul, h add, 3h func", nn.GRU(3, 5), (7, 2, 3),
    mac=14 * 15 * 8, dot=14 * 30, add=14 * (30 + 15 + 10), mul=14 * 15, func=14 * 15)  # fmt: skip
row("lstm, two layers, both directions", nn.LSTM(3, 5, 2, bias=False, bidirectional=True), (7, 2, 3),
    mac=2 * 14 * 20 * (8 + 15), dot=4 * 14 * 40, add=4 * 14 * 25, mul=4 * 14 * 15, func=4 * 14 * 25)  # fmt: skip


@pytest.mark.parametrize(("call", "inputs", "counts"), ROWS.values(), ids=ROWS.keys())
def test_counts(call, inputs, counts):
    analysis = analyze(call, inputs)
    assert analysis.counts == counts
    flops = 2 * counts.mac - counts.dot + counts.add + counts.mul + counts.div
    assert analysis.total("macs") == counts.mac
    assert analysis.total("flops") == flops
    assert analysis.total("all") == flops + counts.cmp + counts.func
