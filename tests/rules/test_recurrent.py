"""L = 7 steps, N = 2 sequences, i = 3 features, H = 5 hidden numbers, states of 2 where projected."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence

from analyzer import TensorSpec, analyze
from rules import packed, recurrent, recurrent_cells, recurrent_kernels

RULES = recurrent.RULES | recurrent_cells.RULES | recurrent_kernels.RULES | packed.RULES


def spec(*shape):
    return TensorSpec(shape)


X, FIRST = spec(7, 2, 3), spec(2, 7, 3)
H, H2, H4 = spec(1, 2, 5), spec(2, 2, 5), spec(4, 2, 5)
STEPS = 7 * 2


def weights(gates, bias=True):
    return [spec(gates * 5, 3), spec(gates * 5, 5)] + [spec(gates * 5)] * (2 * bias)


FLAGS = (True, 1, 0.0, False, False)
PROJECTED = [spec(20, 3), spec(20, 2), spec(20), spec(20), spec(2, 5)]

LSTM = {
    "mac": STEPS * 20 * (3 + 5), "dot": STEPS * 40, "add": STEPS * (40 + 20 + 5), "mul": STEPS * 15, "func": STEPS * 25,
}  # fmt: skip
GRU = {
    "mac": STEPS * 15 * (3 + 5), "dot": STEPS * 30, "add": STEPS * (30 + 15 + 10), "mul": STEPS * 15,
    "func": STEPS * 15,
}  # fmt: skip
RNN = {"mac": STEPS * 5 * (3 + 5), "dot": STEPS * 10, "add": STEPS * (10 + 5)}

ROWS = {
    "lstm": (
        "lstm",
        [
            partial(nn.LSTM(3, 5), X),
            partial(nn.LSTM(3, 5, batch_first=True), FIRST, (H, H)),
            partial(nn.LSTM(3, 5), input=X, hx=[H, H]),
            partial(torch.lstm, X, (H, H), weights(4), *FLAGS, False),
            partial(torch._VF.lstm, FIRST, [H, H], weights(4), *FLAGS, True),
        ],
        LSTM,
    ),
    "lstm of one sequence": (
        "lstm",
        [
            partial(nn.LSTM(3, 5), spec(14, 3)),
            partial(nn.LSTM(3, 5, batch_first=True), spec(14, 3), (spec(1, 5), spec(1, 5))),
        ],
        LSTM,
    ),
    "lstm with states of 2": (
        "lstm",
        [
            partial(nn.LSTM(3, 5, proj_size=2), X, (spec(1, 2, 2), H)),
            partial(torch.lstm, X, (spec(1, 2, 2), H), PROJECTED, *FLAGS, False),
        ],
        {**LSTM, "mac": STEPS * (20 * (3 + 2) + 2 * 5), "dot": STEPS * (40 + 2)},
    ),
    "lstm of 2 layers in both directions with dropout": (
        "lstm",
        [
            partial(nn.LSTM(3, 5, 2, bias=False, dropout=0.5, bidirectional=True), X, (H4, H4)),
            partial(
                torch.lstm, X, (H4, H4), [spec(20, 3), spec(20, 5)] * 2 + [spec(20, 10), spec(20, 5)] * 2,
                False, 2, 0.5, True, True, False,
            ),
        ],
        {
            "mac": STEPS * 2 * (20 * (3 + 5) + 20 * (10 + 5)), "dot": STEPS * 4 * 40, "add": STEPS * 4 * (20 + 5),
            "mul": STEPS * (4 * 15 + 10), "func": STEPS * 4 * 25,
        },
    ),
    "gru": (
        "gru",
        [
            partial(nn.GRU(3, 5), X),
            partial(nn.GRU(3, 5, batch_first=True), FIRST, H),
            partial(nn.GRU(3, 5), spec(14, 3), spec(1, 5)),
            partial(torch.gru, X, H, weights(3), *FLAGS, False),
        ],
        GRU,
    ),
    "rnn": (
        "rnn",
        [
            partial(nn.RNN(3, 5), X),
            partial(nn.RNN(3, 5, batch_first=True), FIRST, hx=H),
            partial(torch.rnn_tanh, X, H, weights(1), *FLAGS, False),
        ],
        {**RNN, "func": STEPS * 5},
    ),
    "rnn by relu": (
        "rnn",
        [
            partial(nn.RNN(3, 5, nonlinearity="relu"), X),
            partial(torch.rnn_relu, X, H, weights(1), *FLAGS, False),
        ],
        {**RNN, "cmp": STEPS * 5},
    ),
    "rnn of 2 layers in evaluation has no dropout": (
        "rnn",
        [
            partial(nn.RNN(3, 5, 2, bias=False, dropout=0.5).eval(), X),
            partial(
                torch.rnn_tanh, X, H2, [spec(5, 3), spec(5, 5), spec(5, 5), spec(5, 5)],
                False, 2, 0.5, False, False, False,
            ),
        ],
        {"mac": STEPS * (5 * 8 + 5 * 10), "dot": STEPS * 20, "add": STEPS * 10, "func": STEPS * 10},
    ),
    "lstm_cell": (
        "lstm_cell",
        [
            partial(nn.LSTMCell(3, 5), spec(14, 3)),
            partial(nn.LSTMCell(3, 5), spec(14, 3), (spec(14, 5), spec(14, 5))),
            partial(torch.lstm_cell, spec(14, 3), (spec(14, 5), spec(14, 5)), *weights(4)),
        ],
        LSTM,
    ),
    "gru_cell": (
        "gru_cell",
        [
            partial(nn.GRUCell(3, 5), spec(14, 3)),
            partial(nn.GRUCell(3, 5), input=spec(14, 3), hx=spec(14, 5)),
            partial(torch.gru_cell, spec(14, 3), spec(14, 5), *weights(3)),
        ],
        GRU,
    ),
    "rnn_cell": (
        "rnn_cell",
        [partial(nn.RNNCell(3, 5), spec(14, 3)), partial(torch.rnn_tanh_cell, spec(14, 3), spec(14, 5), *weights(1))],
        {**RNN, "func": STEPS * 5},
    ),
    "rnn_cell by relu, one bias": (
        "rnn_cell",
        [partial(torch.rnn_relu_cell, spec(14, 3), spec(14, 5), *weights(1, bias=False), None, spec(5))],
        {**RNN, "add": STEPS * (5 + 5), "cmp": STEPS * 5},
    ),
    "rnn_cell on one input": (
        "rnn_cell",
        [partial(nn.RNNCell(3, 5, bias=False, nonlinearity="relu"), spec(3), spec(5))],
        {"mac": 5 * 8, "dot": 10, "add": 5, "cmp": 5},
    ),
    "no sequences": ("gru", [partial(nn.GRU(3, 5), spec(7, 0, 3))], {}),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_counts_in_every_spelling(agree, row):
    name, calls, counts = ROWS[row]
    agree(RULES, name, calls, **counts)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(nn.LSTM(3, 5), spec(7, 2, 4)), "input has 4 features, the layer takes 3"),
        (partial(nn.LSTM(3, 5), spec(7, 2, 2, 3)), "input must have 2 or 3 dimensions, got 4: (7, 2, 2, 3)"),
        (partial(nn.LSTM(3, 5), spec(0, 2, 3)), "input must be one step or more, got (0, 2, 3)"),
        (partial(nn.LSTM(3, 5), TensorSpec((7, 2, 3), torch.float64)), "same dtype, got float64 and float32"),
        (partial(nn.LSTM(3, 5), X, (H, spec(1, 2, 4))), "hx[1] must be (1, 2, 5)"),
        (partial(nn.LSTM(3, 5), X, (H, H, H)), "hx must be two states"),
        (partial(nn.GRU(3, 5), X, spec(1, 7, 5)), "hx must be (1, 2, 5)"),
        (partial(nn.GRU(3, 5), X, spec(2, 5)), "hx must be (1, 2, 5)"),
        (partial(nn.GRU(3, 5), spec(7, 3), H), "hx must be (1, 5)"),
        (
            partial(torch.lstm, spec(7, 3), (spec(1, 5), spec(1, 5)), weights(4), *FLAGS, False),
            "must have 3 dimensions",
        ),
        (partial(torch.gru, X, H, weights(3), True, 2, 0.0, False, False, False), "each of 2 cells, got 4"),
        (partial(nn.LSTMCell(3, 5), spec(2, 4)), "input has 4 features, weight_ih takes 3"),
        (partial(nn.LSTMCell(3, 5), spec(2, 3), (spec(3, 5), spec(3, 5))), "input is a batch of 2, hx[0] of 3"),
        (partial(nn.LSTMCell(3, 5), spec(7, 2, 3)), "input must have 1 or 2 dimensions, got 3"),
        (partial(nn.GRUCell(3, 5), spec(2, 3), spec(2, 4)), "hx must have 5 hidden numbers, got 4"),
        (partial(nn.GRUCell(3, 5), spec(2, 3), spec(2, 1, 1, 5)), "hx has another number, got (2, 1, 1, 5)"),
        (partial(torch.gru_cell, spec(3), spec(5), *weights(3)), "input must have 2 dimensions, got 1"),
        (
            partial(torch.lstm_cell, spec(2, 3), (spec(2, 5), spec(2, 5)), spec(24, 3), spec(24, 5)),
            "weight_ih must be (20, 3) for 3 features and a state of 5, got (24, 3)",
        ),
    ],
)
def test_refuses_what_torch_refuses(rejects, call, words):
    rejects(RULES, call, words)


def test_the_weights_are_read_by_the_layer():
    layer = nn.LSTM(3, 5, 2, proj_size=2, bidirectional=True)
    analysis = analyze(layer, (TensorSpec((7, 2, 3)),), rules=RULES)
    node = next(node for node in analysis.graph.nodes() if node.op == "lstm")
    assert set(node.params) == {name for name, _ in layer.named_parameters()}
    assert analysis.params == sum(parameter.numel() for parameter in layer.parameters())
    assert not any("unused" in remark.code for remark in analysis.diagnostics)


def packed_specs(sorted_indices=True):
    real = pack_sequence([torch.zeros(n, 3) for n in (2, 7, 4)], enforce_sorted=False)
    return PackedSequence(*real) if sorted_indices else PackedSequence(real.data, real.batch_sizes)


@pytest.mark.parametrize("layer", [nn.LSTM(3, 5, 2), nn.GRU(3, 5, 2, bidirectional=True), nn.RNN(3, 5)], ids=str)
def test_a_packed_sequence_has_as_many_steps_as_rows(layer):
    given = packed_specs()
    out, states = analyze(layer, (given,), rules=RULES).outputs
    real_out, real_states = layer(given)
    assert isinstance(out, PackedSequence)
    assert [spec.shape for spec in out] == [tuple(tensor.shape) for tensor in real_out]
    states, real_states = ((s,) if not isinstance(s, tuple) else s for s in (states, real_states))
    assert [spec.shape for spec in states] == [tuple(tensor.shape) for tensor in real_states]
    analysis = analyze(layer, (given,), rules=RULES)
    one = analyze(layer, (TensorSpec((2 + 7 + 4, 3)),), rules=RULES)
    assert analysis.counts == one.counts
    assert {node.status for node in analysis.graph.nodes()} == {"ruled"}


def test_the_number_of_packed_sequences_may_be_a_bound():
    analysis = analyze(nn.GRU(3, 5), (packed_specs(sorted_indices=False),), rules=RULES)
    assert analysis.outputs[1].shape == (1, 13 - 7 + 1, 5)
    assert "bounded" in {node.status for node in analysis.graph.nodes()}
    given = analyze(nn.GRU(3, 5), (packed_specs(sorted_indices=False), TensorSpec((1, 3, 5))), rules=RULES)
    assert given.outputs[1].shape == (1, 3, 5)


def test_the_function_takes_packed_rows():
    def call(data, batch_sizes, hx, *params):
        return torch.gru(data, batch_sizes, hx, list(params), True, 1, 0.0, False, False)

    sizes = torch.tensor([3, 3, 2, 2, 1, 1, 1])
    args = (torch.zeros(13, 3), sizes, torch.zeros(1, 3, 5), *(torch.zeros(s.shape) for s in weights(3)))
    analysis = analyze(call, args, rules=RULES)
    assert [spec.shape for spec in analysis.outputs] == [tuple(t.shape) for t in call(*args)]
    assert analysis.counts.mac == 13 * 15 * (3 + 5)


@pytest.mark.parametrize("enforce_sorted", [True, False])
@pytest.mark.parametrize("first", [True, False])
def test_packed_and_padded_again_is_bounded_by_full_length(enforce_sorted, first):
    layer = nn.LSTM(3, 5, batch_first=first)

    def model(x, lengths):
        rows = pack_padded_sequence(x, lengths, first, enforce_sorted)
        out, (h, _) = layer(PackedSequence(rows.data * 2, *rows[1:]))
        return *pad_packed_sequence(out, first), h

    x = torch.zeros(2, 7, 3) if first else torch.zeros(7, 2, 3)
    analysis = analyze(model, (x, torch.tensor([7, 7])), rules=RULES)
    assert [spec.shape for spec in analysis.outputs] == [tuple(t.shape) for t in model(x, torch.tensor([7, 7]))]
    assert analysis.counts.mac == STEPS * 20 * (3 + 5)
    assert "bounded" in {node.status for node in analysis.graph.nodes()}


def test_padding():
    def model(*sequences):
        return pad_sequence(list(sequences), batch_first=True), pad_sequence(list(sequences))

    args = tuple(torch.zeros(n, 5) for n in (3, 7, 2))
    analysis = analyze(model, args, rules=RULES)
    assert [spec.shape for spec in analysis.outputs] == [tuple(t.shape) for t in model(*args)]
    assert {node.op for node in analysis.graph.nodes()} == {"input", "pad_sequence", "output"}


@torch.jit.script
def scripted_lstm(x: torch.Tensor, w: list[torch.Tensor], h: torch.Tensor):
    return torch.lstm(x, [h, h], w, True, 1, 0.0, False, False, False)[0]


@torch.jit.script
def scripted_cells(x: torch.Tensor, w: list[torch.Tensor], v: list[torch.Tensor], h: torch.Tensor):
    h, _c = torch.lstm_cell(x, [h, h], w[0], w[1], w[2], w[3])
    return torch.gru_cell(x, h, v[0], v[1], v[2], v[3])


def test_what_script_reaches_costs_the_same():
    analysis = analyze(scripted_lstm, (X, weights(4), H), rules=RULES)
    assert {key: getattr(analysis.counts, key) for key in LSTM} == LSTM
    assert "lstm" in {node.op for node in analysis.graph.nodes()}
    on_gpu = [[w.with_device("cuda") for w in weights(gates)] for gates in (4, 3)]
    x, h = (TensorSpec(shape, device="cuda") for shape in ((14, 3), (14, 5)))
    analysis = analyze(scripted_cells, (x, *on_gpu, h), rules=RULES)
    assert {key: getattr(analysis.counts, key) for key in LSTM} == {key: LSTM[key] + GRU[key] for key in LSTM}
    assert {"fused_lstm_cell", "fused_gru_cell"} <= {node.op for node in analysis.graph.nodes()}


def test_the_kernel_of_whole_layers():
    def call(x, h, c, *w):
        return torch._cudnn_rnn(x, list(w), 5, None, h, c, 2, 5, 2, 1, False, 0.0, False, False, [], None)[:3]

    on_meta = [TensorSpec(s.shape, device="meta") for s in (X, spec(1, 2, 2), H, *PROJECTED)]
    analysis = analyze(call, tuple(on_meta), rules=RULES)
    assert [s.shape for s in analysis.outputs] == [(7, 2, 2), (1, 2, 2), (1, 2, 5)]
    counts = ROWS["lstm with states of 2"][2]
    assert {key: getattr(analysis.counts, key) for key in counts} == counts
    joined = analyze(
        lambda *w: torch._cudnn_rnn_flatten_weight(list(w), 4, 3, 2, 5, 0, 1, False, False),
        tuple(weights(4)),
        rules=RULES,
    )
    assert joined.outputs.shape == (20 * (3 + 5 + 1 + 1),)
