"""What recurrent layers become beneath Python, where TorchScript asks for it: fused gates, and layers of libraries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, check_tensors
from rules.recurrent_cells import GRU, LSTM, RELU, TANH, Cell, step

__all__ = ["RULES"]

RULES = RuleSet()

aten = torch.ops.aten
Maybe = TensorSpec | None
Three = tuple[TensorSpec, TensorSpec, TensorSpec]

_MODES = (RELU, TANH, LSTM, GRU)  # as cuDNN numbers them


def _gates(input_gates: TensorSpec, hidden_gates: TensorSpec, state: TensorSpec, gates: int) -> None:
    wanted = (*check_tensor(state, "state").shape[:-1], gates * state.shape[-1])
    for name, spec in (("input_gates", input_gates), ("hidden_gates", hidden_gates)):
        if check_tensor(spec, name).shape != wanted:
            raise ShapeError(f"{name} must be {wanted} for a state of {state.shape}, got {spec.shape}")


def _gates_cost(cell: Cell, gates: TensorSpec, state: TensorSpec, *biases: Maybe) -> Counts:
    given = sum(bias is not None for bias in biases)
    return Counts(add=gates.numel * (given + 1)) + cell.unit * state.numel


@RULES.op(aten._thnn_fused_lstm_cell, name="fused_lstm_cell")
def fused_lstm_cell(
    input_gates: TensorSpec,
    hidden_gates: TensorSpec,
    cx: TensorSpec,
    input_bias: Maybe = None,
    hidden_bias: Maybe = None,
) -> Three:
    """An LSTM cell after its products: both (N, 4 H), c (N, H) -> h', c', and the gates for the backward pass.

    Cost: a gate number one add for each bias and one for the sum; 3 mul, 1 add, 5 func a hidden number.
    Source: torch.nn.LSTMCell
    """
    _gates(input_gates, hidden_gates, cx, 4)
    return cx, cx, input_gates


@fused_lstm_cell.cost
def _(input_gates: TensorSpec, cx: TensorSpec, input_bias: Maybe, hidden_bias: Maybe) -> Counts:
    return _gates_cost(LSTM, input_gates, cx, input_bias, hidden_bias)


@RULES.op(aten._thnn_fused_gru_cell, name="fused_gru_cell")
def fused_gru_cell(
    input_gates: TensorSpec,
    hidden_gates: TensorSpec,
    hx: TensorSpec,
    input_bias: Maybe = None,
    hidden_bias: Maybe = None,
) -> tuple[TensorSpec, TensorSpec]:
    """A GRU cell after its products: both (N, 3 H), h (N, H) -> h', and (N, 5 H) for the backward pass.

    Cost: a gate number one add for each bias and one for the sum; 3 mul, 2 add, 3 func a hidden number.
    Source: torch.nn.GRUCell
    """
    _gates(input_gates, hidden_gates, hx, 3)
    return hx, hx.with_shape(*hx.shape[:-1], 5 * hx.shape[-1])


@fused_gru_cell.cost
def _(input_gates: TensorSpec, hx: TensorSpec, input_bias: Maybe, hidden_bias: Maybe) -> Counts:
    return _gates_cost(GRU, input_gates, hx, input_bias, hidden_bias)


@RULES.op(torch.mkldnn_rnn_layer, name="lstm")
def mkldnn_rnn_layer(
    input: TensorSpec, weight0: TensorSpec, weight1: TensorSpec, weight2: TensorSpec, weight3: TensorSpec,
    hx_: TensorSpec, cx_: TensorSpec, reverse: bool, batch_sizes: Sequence[int], mode: int, hidden_size: int,
    num_layers: int, has_biases: bool, bidirectional: bool, batch_first: bool, train: bool,
) -> tuple[TensorSpec, TensorSpec, TensorSpec, TensorSpec]:  # fmt: skip
    """One layer and direction of an LSTM as oneDNN has it      x (L, N, i) -> (L, N, H), h, c, and a work space.

    Cost: as lstm.
    Source: torch.nn.LSTM
    """
    return input.with_shape(*input.shape[:-1], hidden_size), hx_, cx_, input.with_shape(0).with_dtype(torch.uint8)


@mkldnn_rnn_layer.cost
def _(input: TensorSpec, weight0: TensorSpec, weight1: TensorSpec, has_biases: bool) -> Counts:
    return step(LSTM, weight0, weight1, 2 if has_biases else 0) * math.prod(input.shape[:-1])


@RULES.op(torch._cudnn_rnn, name="cudnn_rnn")
def cudnn_rnn(
    input: TensorSpec, weight: Any, weight_stride0: int, weight_buf: Maybe, hx: TensorSpec, cx: Maybe, mode: int,
    hidden_size: int, proj_size: int, num_layers: int, batch_first: bool, dropout: float, train: bool,
    bidirectional: bool, batch_sizes: Sequence[int], dropout_state: Maybe,
) -> Any:  # fmt: skip
    """All layers of an RNN, an LSTM or a GRU as cuDNN has them, and what it keeps for the backward pass.

    Cost: as rnn, lstm and gru.
    Source: torch.nn.modules.rnn
    """
    check_tensors(weight, "weight")
    directions = 2 if bidirectional else 1
    batch = batch_sizes[0] if batch_sizes else input.shape[0 if batch_first else 1]
    state = proj_size or hidden_size
    out = input.with_shape(*input.shape[:-1], state * directions)
    h = hx.with_shape(num_layers * directions, batch, state)
    c = input.with_shape(0) if cx is None else cx.with_shape(num_layers * directions, batch, hidden_size)
    buffer = input.with_shape(0) if weight_buf is None else weight_buf
    return out, h, c, input.with_shape(0).with_dtype(torch.uint8), buffer


@cudnn_rnn.cost
def _(
    input: TensorSpec, weight: Any, weight_stride0: int, mode: int, proj_size: int, num_layers: int, dropout: float,
    train: bool, out: Any,
) -> Counts:  # fmt: skip
    total = Counts()
    for start in range(0, len(weight), weight_stride0):
        own = weight[start : start + weight_stride0]
        projection = own[-1] if proj_size else None
        total += step(_MODES[mode], own[0], own[1], 2 if weight_stride0 >= 4 else 0, projection)
    if train and dropout > 0:
        total += Counts(mul=out[0].shape[-1] * (num_layers - 1))
    return total * math.prod(input.shape[:-1])


@RULES.op(torch._cudnn_rnn_flatten_weight, name="flatten_weight")
def flatten_weight(weight_arr: Any, *sizes: Any) -> TensorSpec:
    """The weights of a recurrent layer side by side in one piece of memory, as cuDNN wants them.

    Cost: nothing, it moves data.
    Source: torch.nn.modules.rnn, flatten_parameters
    """
    weights = check_tensors(weight_arr, "weight_arr")
    if not weights:
        raise ShapeError("weight_arr must be one tensor or more, got none")
    return weights[0].with_shape(sum(spec.numel for spec in weights))
