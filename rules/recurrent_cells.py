"""Recurrent cells: one step of an RNN, an LSTM or a GRU, and what a step costs wherever it happens."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import result_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor

__all__ = ["GRU", "LSTM", "RELU", "RULES", "TANH", "Cell", "check_weights", "step"]

RULES = RuleSet()

Maybe = TensorSpec | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A kind of cell: how many gates it has, and what each hidden number takes beside the gates' sums."""

    gates: int
    unit: Counts


TANH = Cell(1, Counts(func=1))
RELU = Cell(1, Counts(cmp=1))
# f · c + i · g and o · tanh(c): 3 mul, 1 add; four gates and tanh(c) are 5 func.
LSTM = Cell(4, Counts(mul=3, add=1, func=5))
# r · (...), 1 − z, (1 − z) · n + z · h: 3 mul, 2 add; three gates are 3 func.
GRU = Cell(3, Counts(mul=3, add=2, func=3))


def step(cell: Cell, w_ih: TensorSpec, w_hh: TensorSpec, biases: int, w_hr: Maybe = None) -> Counts:
    """One sequence, one step: both products of every gate, their biases, their sum, the cell itself, the projection."""
    rows = w_ih.shape[0]
    counts = Counts.dots(rows, w_ih.shape[1]) + Counts.dots(rows, w_hh.shape[1]) + Counts(add=rows * (biases + 1))
    counts += cell.unit * (w_hh if w_hr is None else w_hr).shape[1]
    return counts if w_hr is None else counts + Counts.dots(w_hr.shape[0], w_hr.shape[1])


def check_weights(cell: Cell, inputs: int, hidden: int, state: int, w_ih: Any, w_hh: Any, *biases: Any) -> None:
    """Refuse weights of a cell that do not take ``inputs`` features and a state of ``state``, or give other gates."""
    rows = cell.gates * hidden
    for name, spec, shape in (("weight_ih", w_ih, (rows, inputs)), ("weight_hh", w_hh, (rows, state))):
        if check_tensor(spec, name).shape != shape:
            raise ShapeError(f"{name} must be {shape} for {inputs} features and a state of {state}, got {spec.shape}")
    for spec in biases:
        if spec is not None and check_tensor(spec, "bias").shape != (rows,):
            raise ShapeError(f"a bias must be {(rows,)}, one a gate and hidden number, got {spec.shape}")


def _check_state(input: TensorSpec, hidden: Any, name: str, size: int) -> None:
    if check_tensor(hidden, name).ndim != input.ndim:
        raise ShapeError(f"input has {input.ndim} dimensions and {name} has another number, got {hidden.shape}")
    if hidden.shape[:-1] != input.shape[:-1]:
        raise ShapeError(f"input is a batch of {input.shape[0]}, {name} of {hidden.shape[0]}")
    if hidden.shape[-1] != size:
        raise ShapeError(f"{name} must have {size} hidden numbers, got {hidden.shape[-1]}")


def _next(
    cell: Cell, input: Any, states: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, dims: tuple[int, ...] = (2,)
) -> TensorSpec:
    """The state after one step; ``states`` are those before it, or None for zeros."""
    shape = check_tensor(input, "input").shape
    if len(shape) not in dims:
        raise ShapeError(f"input must have {' or '.join(map(str, dims))} dimensions, got {len(shape)}: {shape}")
    if check_tensor(w_ih, "weight_ih").ndim != 2 or check_tensor(w_hh, "weight_hh").ndim != 2:
        raise ShapeError(f"weights must have 2 dimensions, got {w_ih.shape} and {w_hh.shape}")
    if shape[-1] != w_ih.shape[1]:
        raise ShapeError(f"input has {shape[-1]} features, weight_ih takes {w_ih.shape[1]}")
    size = w_hh.shape[1]
    for index, hidden in enumerate(states or ()):
        _check_state(input, hidden, "hx" if len(states) == 1 else f"hx[{index}]", size)
    check_weights(cell, shape[-1], size, size, w_ih, w_hh, b_ih, b_hh)
    for name, spec in (("weight_ih", w_ih), ("weight_hh", w_hh), ("hx", states[0] if states else None)):
        if spec is not None and spec.dtype is not input.dtype:
            raise ShapeError(f"input and {name} must have the same dtype, got {input.dtype_name} and {spec.dtype_name}")
    out: TensorSpec = input.with_shape(*shape[:-1], size)
    return out


def _pair(hx: Any) -> Any:
    if not isinstance(hx, (tuple, list)) or len(hx) != 2:
        raise ShapeError(f"hx must be two states, hidden and cell, got {hx}")
    return hx


def _one(hx: Any) -> Any:
    return (check_tensor(hx, "hx"),)


def _lstm(
    input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, dims: tuple[int, ...] = (2,)
) -> tuple[TensorSpec, TensorSpec]:
    states = None if hx is None and 1 in dims else _pair(hx)
    out = _next(LSTM, input, states, w_ih, w_hh, b_ih, b_hh, dims)
    if states is not None:
        out = out.with_dtype(result_dtype(out, states[1]))
    return out, out


@RULES.op(nn.RNNCell)
def rnn_cell(
    input: TensorSpec,
    hx: Maybe = None,
    *,
    weight_ih: TensorSpec,
    weight_hh: TensorSpec,
    bias_ih: Maybe = None,
    bias_hh: Maybe = None,
    nonlinearity: str = "tanh",
) -> TensorSpec:
    """A step h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu      x (N, i) or (i), h (N, H) or (H) -> h'.

    Cost: two dot products a hidden number, one add for each bias, one for the sum, 1 func (relu: 1 cmp).
    Source: torch.nn.RNNCell
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ShapeError(f"nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
    states = None if hx is None else _one(hx)
    return _next(TANH, input, states, weight_ih, weight_hh, bias_ih, bias_hh, dims=(1, 2))


@RULES.op(nn.LSTMCell)
def lstm_cell(
    input: TensorSpec,
    hx: Any = None,
    *,
    weight_ih: TensorSpec,
    weight_hh: TensorSpec,
    bias_ih: Maybe = None,
    bias_hh: Maybe = None,
) -> tuple[TensorSpec, TensorSpec]:
    """A step c' = f · c + i · g, h' = o · tanh(c')      x (N, i) or (i), hx = (h, c), each (N, H) or (H) -> (h', c').

    The gates i, f, o are sigmoid(W_ih x + b_ih + W_hh h + b_hh), g is tanh of such a sum.

    Cost: 4 H gate numbers of two dot products, one add for each bias and one for the sum; 3 H mul, H add, 5 H func.
    Source: torch.nn.LSTMCell; Hochreiter and Schmidhuber 1997
    """
    return _lstm(input, hx, weight_ih, weight_hh, bias_ih, bias_hh, dims=(1, 2))


@RULES.op(nn.GRUCell)
def gru_cell(
    input: TensorSpec,
    hx: Maybe = None,
    *,
    weight_ih: TensorSpec,
    weight_hh: TensorSpec,
    bias_ih: Maybe = None,
    bias_hh: Maybe = None,
) -> TensorSpec:
    """A step h' = (1 − z) · n + z · h      x (N, i) or (i), h (N, H) or (H) -> h'.

    The gates r and z are sigmoid(W_ih x + b_ih + W_hh h + b_hh), n is tanh(W_in x + b_in + r · (W_hn h + b_hn)).

    Cost: 3 H gate numbers of two dot products, one add for each bias and one for the sum; 3 H mul, 2 H add, 3 H func.
    Source: torch.nn.GRUCell; Cho et al. 2014, arXiv:1406.1078
    """
    states = None if hx is None else _one(hx)
    return _next(GRU, input, states, weight_ih, weight_hh, bias_ih, bias_hh, dims=(1, 2))


def _cost(cell: Cell, input: TensorSpec, w_ih: TensorSpec, w_hh: TensorSpec, *biases: Maybe) -> Counts:
    given = sum(bias is not None for bias in biases)
    return step(cell, w_ih, w_hh, given) * math.prod(input.shape[:-1])


@rnn_cell.cost
def _(
    input: TensorSpec, weight_ih: TensorSpec, weight_hh: TensorSpec, bias_ih: Maybe, bias_hh: Maybe, nonlinearity: str
) -> Counts:
    return _cost(TANH if nonlinearity == "tanh" else RELU, input, weight_ih, weight_hh, bias_ih, bias_hh)


@lstm_cell.cost
def _(input: TensorSpec, weight_ih: TensorSpec, weight_hh: TensorSpec, bias_ih: Maybe, bias_hh: Maybe) -> Counts:
    return _cost(LSTM, input, weight_ih, weight_hh, bias_ih, bias_hh)


@gru_cell.cost
def _(input: TensorSpec, weight_ih: TensorSpec, weight_hh: TensorSpec, bias_ih: Maybe, bias_hh: Maybe) -> Counts:
    return _cost(GRU, input, weight_ih, weight_hh, bias_ih, bias_hh)


def _functional(name: str, function: Any, cell: Cell) -> None:
    """A cell as a function of its state and weights, a batch of 2 dimensions alone."""

    def shape(
        input: TensorSpec, hx: Any, w_ih: TensorSpec, w_hh: TensorSpec, b_ih: Maybe = None, b_hh: Maybe = None
    ) -> Any:
        if cell is LSTM:
            return _lstm(input, hx, w_ih, w_hh, b_ih, b_hh)
        return _next(cell, input, _one(hx), w_ih, w_hh, b_ih, b_hh)

    def cost(input: TensorSpec, w_ih: TensorSpec, w_hh: TensorSpec, b_ih: Maybe, b_hh: Maybe) -> Counts:
        return _cost(cell, input, w_ih, w_hh, b_ih, b_hh)

    shape.__doc__ = f"The same as {name}, on weights that are given.\n\nCost: as {name}.\nSource: torch.nn.modules.rnn"
    RULES.op(function, name=name)(shape).cost(cost)


_functional("rnn_cell", torch.rnn_tanh_cell, TANH)
_functional("rnn_cell", torch.rnn_relu_cell, RELU)
_functional("lstm_cell", torch.lstm_cell, LSTM)
_functional("gru_cell", torch.gru_cell, GRU)
