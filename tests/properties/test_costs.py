"""Costs that follow from one another: linear in the batch, and equal to those of the parts a call is made of."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, strategies as st
from torch import nn

from analyzer import TensorSpec, analyze
from analyzer.counts import Counts

SIZE = st.integers(1, 7)


def counts(function, *args):
    """What is calculated in a call: arguments are tensors, or shapes of them."""
    return analyze(function, tuple(TensorSpec(arg) if isinstance(arg, tuple) else arg for arg in args)).counts


def times(one, factor):
    """Counts of so many equal calls."""
    return Counts(**{field.name: factor * getattr(one, field.name) for field in fields(Counts)})


# --- linear in the batch ------------------------------------------------------------------------------------------

BATCHED = {
    "conv": (lambda x: F.conv2d(x, torch.zeros(6, 2, 3, 2), torch.zeros(6), padding=1, groups=2), (4, 5, 7)),
    "conv transposed": (lambda x: F.conv_transpose2d(x, torch.zeros(4, 3, 3, 2), stride=2), (4, 5, 7)),
    "max pool": (lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True), (4, 5, 7)),
    "avg pool": (lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), (4, 5, 7)),
    "adaptive pool": (lambda x: F.adaptive_avg_pool2d(x, (2, 3)), (4, 5, 7)),
    "batch norm": (lambda x: F.batch_norm(x, torch.zeros(4), torch.ones(4)), (4, 5, 7)),
    "group norm": (lambda x: F.group_norm(x, 2), (4, 5, 7)),
    "instance norm": (F.instance_norm, (4, 5, 7)),
    "layer norm": (lambda x: F.layer_norm(x, (5, 7)), (4, 5, 7)),
    "interpolation": (lambda x: F.interpolate(x, size=(3, 11), mode="bicubic"), (4, 5, 7)),
    "interpolation, antialiased": (lambda x: F.interpolate(x, size=(3, 4), mode="bilinear", antialias=True), (4, 5, 7)),
    "attention": (lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True), (4, 5, 7)),
    "einsum": (lambda x: torch.einsum("nabc,cd,nabe->nde", x, torch.zeros(7, 3), x), (4, 5, 7)),
    "softmax": (lambda x: x.softmax(-1), (4, 5, 7)),
    "sort": (lambda x: x.sort(-1)[0], (4, 5, 7)),
    "fft": (lambda x: torch.fft.fft(x), (4, 5, 7)),
    "lstm": (nn.LSTM(7, 3, 2, bidirectional=True, batch_first=True), (5, 7)),
    "gru": (nn.GRU(7, 3, 2, bias=False, batch_first=True), (5, 7)),
    "rnn": (nn.RNN(7, 3, batch_first=True), (5, 7)),
    "encoder": (nn.TransformerEncoderLayer(8, 2, 11, batch_first=True).eval(), (5, 8)),
    "attention layer": (lambda x: MULTIHEAD(x, x, x), (5, 8)),
}  # fmt: skip
MULTIHEAD = nn.MultiheadAttention(8, 2, batch_first=True).eval()


@pytest.mark.parametrize("name", BATCHED)
def test_cost_is_linear_in_the_batch(name):
    function, shape = BATCHED[name]
    one = counts(function, (1, *shape))
    assert one
    for batch in (2, 5, 131):
        assert counts(function, (batch, *shape)) == times(one, batch)


@given(st.data())
def test_cost_of_a_random_convolution_is_linear_in_the_batch(data):
    groups, batch = data.draw(st.integers(1, 3)), data.draw(st.integers(2, 9))
    options = {
        "kernel_size": data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "stride": data.draw(st.integers(1, 3)),
        "padding": data.draw(st.integers(1, 2)),
        "dilation": data.draw(st.integers(1, 2)),
        "bias": data.draw(st.booleans()),
        "groups": groups,
    }
    kind = data.draw(st.sampled_from([nn.Conv2d, nn.ConvTranspose2d]))
    layer = kind(2 * groups, 3 * groups, **options)
    assert counts(layer, (batch, 2 * groups, 6, 7)) == times(counts(layer, (1, 2 * groups, 6, 7)), batch)


# --- products and sums --------------------------------------------------------------------------------------------


@given(SIZE, SIZE, SIZE, SIZE)
def test_products_added_to_something(b, m, k, n):
    matrix, batched = ((m, k), (k, n)), ((b, m, k), (b, k, n))
    assert counts(torch.addmm, (m, n), *matrix) == counts(lambda x, y, z: x + y @ z, (m, n), *matrix)
    assert counts(torch.baddbmm, (b, m, n), *batched) == counts(
        lambda x, y, z: x + torch.bmm(y, z), (b, m, n), *batched
    )
    assert counts(torch.addmv, (m,), (m, k), (k,)) == counts(lambda x, y, z: x + torch.mv(y, z), (m,), (m, k), (k,))
    assert counts(torch.addr, (m, n), (m,), (n,)) == counts(lambda x, y, z: x + torch.outer(y, z), (m, n), (m,), (n,))
    assert counts(F.linear, (b, m, k), (n, k), (n,)) == counts(lambda x, w, b: x @ w.t() + b, (b, m, k), (n, k), (n,))


@given(SIZE, SIZE, st.integers(2, 7), st.integers(2, 7), SIZE)  # torch sums nothing over a size of 1
def test_a_sum_by_equation_is_its_product(a, b, i, j, k):
    def same(equation, product, *shapes):
        assert counts(lambda *x: torch.einsum(equation, *x), *shapes) == counts(product, *shapes)

    same("ij,jk->ik", torch.mm, (i, j), (j, k))
    same("aij,ajk->aik", torch.bmm, (a, i, j), (a, j, k))
    same("abij,abkj->abik", lambda x, y: x @ y.transpose(-1, -2), (a, b, i, j), (a, b, k, j))
    same("...ij,jk->...ik", torch.matmul, (a, b, i, j), (j, k))
    same("i,j->ij", torch.outer, (i,), (j,))
    same("i,i->", torch.dot, (i,), (i,))
    same("ij,j->i", torch.mv, (i, j), (j,))
    same("ij,ij->ij", torch.mul, (i, j), (i, j))
    same("ij->ji", lambda x: x.t(), (i, j))
    same("ij->i", lambda x: x.sum(1), (i, j))


@given(SIZE, SIZE, SIZE, SIZE)
def test_a_sum_over_three_is_two_sums_over_two(i, j, k, n):
    shapes = (i, j), (j, k), (k, n)
    whole = counts(lambda x, y, z: torch.einsum("ij,jk,kn->in", x, y, z), *shapes)
    left = counts(lambda x, y, z: torch.einsum("ik,kn->in", torch.einsum("ij,jk->ik", x, y), z), *shapes)
    right = counts(lambda x, y, z: torch.einsum("ij,jn->in", x, torch.einsum("jk,kn->jn", y, z)), *shapes)
    assert whole in (left, right)
    if not torch.backends.opt_einsum.is_available():
        assert whole == left


# --- layers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("layer", "cell"), [(nn.RNN, nn.RNNCell), (nn.LSTM, nn.LSTMCell), (nn.GRU, nn.GRUCell)], ids=["rnn", "lstm", "gru"]
)
@given(steps=st.integers(1, 4), batch=st.integers(1, 3), width=SIZE, hidden=SIZE, layers=st.integers(1, 3))
def test_a_recurrent_layer_is_its_cells_over_the_sequence(layer, cell, bias, steps, batch, width, hidden, layers):
    cells = nn.ModuleList(cell(width if index == 0 else hidden, hidden, bias=bias) for index in range(layers))

    class Unrolled(nn.Module):
        def __init__(self):
            super().__init__()
            self.cells = cells

        def forward(self, x):
            for one in self.cells:
                state, rows = None, []
                for row in x.unbind(0):
                    state = one(row, state)
                    rows.append(state[0] if isinstance(state, tuple) else state)
                x = torch.stack(rows)
            return x

    whole = counts(layer(width, hidden, layers, bias=bias), (steps, batch, width))
    assert whole == counts(Unrolled(), (steps, batch, width))


@given(st.integers(1, 3), SIZE, SIZE, st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_an_attention_layer_is_its_projections_and_products(batch, target, source, heads, width, weights):
    size = heads * width
    layer = nn.MultiheadAttention(size, heads, batch_first=True).eval()

    def parts(query, key, value, inward, outward, bias):
        q, k, v = (F.linear(x, inward, bias) for x in (query, key, value))
        q, k, v = (x.view(batch, -1, heads, width).transpose(1, 2) for x in (q, k, v))
        if not weights:
            mixed = F.scaled_dot_product_attention(q, k, v)
        else:
            scores = torch.softmax((q * width**-0.5) @ k.transpose(-1, -2), -1)
            scores.mean(1)
            mixed = scores @ v
        return F.linear(mixed.transpose(1, 2).reshape(batch, target, size), outward, bias)

    whole = counts(
        lambda q, k, v: layer(q, k, v, need_weights=weights), (batch, target, size), *[(batch, source, size)] * 2
    )
    shapes = (batch, target, size), (batch, source, size), (batch, source, size), (size, size), (size, size), (size,)
    assert whole == counts(parts, *shapes)
