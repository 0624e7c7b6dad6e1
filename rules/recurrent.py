"""Recurrent layers: RNN, LSTM and GRU over sequences, each step of each layer and direction a cell's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from analyzer.bounds import at_most
from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.rule import Bound
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, check_tensors
from rules.packed import sequences
from rules.recurrent_cells import GRU, LSTM, RELU, TANH, Cell, check_weights, step

__all__ = ["RULES"]

RULES = RuleSet()

_UNKNOWN = "the lengths are data: as many sequences as the rows and steps allow"

# The weights by name, not the list that the module keeps beside them: parameters may have been replaced since.
_FROM_MODULE: Mapping[str, Callable[[Any], Any]] = {
    "params": lambda module: [getattr(module, name) for name in module._flat_weights_names],
    "has_biases": lambda module: module.bias,
    "train": lambda module: module.training,
}


def _weights(params: Any, has_biases: bool, num_layers: int, bidirectional: bool) -> list[tuple[TensorSpec, ...]]:
    """The weights of each cell: weight_ih, weight_hh, two biases if there are any, weight_hr if it projects."""
    flat = check_tensors(params, "params")
    cells = num_layers * (2 if bidirectional else 1)
    least = 4 if has_biases else 2
    each, rest = divmod(len(flat), cells) if cells > 0 else (0, 0)
    if rest or each not in (least, least + 1):
        raise ShapeError(f"params must be {least} or {least + 1} weights for each of {cells} cells, got {len(flat)}")
    return [flat[start : start + each] for start in range(0, len(flat), each)]


def _sizes(
    cell: Cell, cells: list[tuple[TensorSpec, ...]], has_biases: bool, bidirectional: bool
) -> tuple[int, int, int]:
    """Features taken, hidden numbers, and numbers of a state (fewer where it is projected), once all weights fit."""
    w_ih, w_hh = cells[0][:2]
    if w_ih.ndim != 2 or w_hh.ndim != 2:
        raise ShapeError(f"weights must have 2 dimensions, got {w_ih.shape} and {w_hh.shape}")
    inputs, hidden, state = w_ih.shape[1], w_ih.shape[0] // cell.gates, w_hh.shape[1]
    directions = 2 if bidirectional else 1
    for index, weights in enumerate(cells):
        features = inputs if index < directions else directions * state
        check_weights(cell, features, hidden, state, *weights[: 4 if has_biases else 2])
        projection = weights[-1] if len(weights) % 2 else None
        if projection is not None and projection.shape != (state, hidden):
            raise ShapeError(f"weight_hr must be {(state, hidden)}, got {projection.shape}")
        if projection is None and state != hidden:
            raise ShapeError(f"weight_hh takes a state of {state}, the cell has {hidden} hidden numbers")
    return inputs, hidden, state


def _check_states(states: Any, like: TensorSpec, *shapes: tuple[int, ...]) -> None:
    for index, (spec, shape) in enumerate(zip(states, shapes, strict=True)):
        name = "hx" if len(shapes) == 1 else f"hx[{index}]"
        if check_tensor(spec, name).shape != shape:
            raise ShapeError(f"{name} must be {shape}, (layers and directions, sequences, numbers), got {spec.shape}")
        if spec.dtype is not like.dtype:
            raise ShapeError(f"input and {name} must have the same dtype, got {like.dtype_name} and {spec.dtype_name}")


def _states(cell: Cell, hx: Any) -> tuple[Any, ...] | None:
    if hx is None:
        return None
    if cell is not LSTM:
        return (check_tensor(hx, "hx"),)
    if not isinstance(hx, (tuple, list)) or len(hx) != 2:
        raise ShapeError(f"hx must be two states, hidden and cell, got {hx}")
    return tuple(check_tensor(spec, "hx") for spec in hx)


def _batch(data: TensorSpec, packed: Any, states: Any, batch_first: bool) -> tuple[tuple[int, ...], bool]:
    """How many sequences there are, as the dimension that states have for it, and whether that is known."""
    if packed is None:
        length = data.shape[1 if batch_first and data.ndim == 3 else 0]
        if length == 0:
            raise ShapeError(f"input must be one step or more, got {data.shape}")
        return (data.shape[0 if batch_first else 1],) if data.ndim == 3 else (), True
    if packed.sorted_indices is not None:
        return (packed.sorted_indices.shape[0],), True
    if states is not None and states[0].ndim == 3:
        return (states[0].shape[1],), True
    count, known = sequences(data.shape[0], packed.batch_sizes)
    return (count if known else at_most(count),), known


def _run(
    cell: Cell,
    input: Any,
    hx: Any,
    params: Any,
    has_biases: bool,
    num_layers: int,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Any, tuple[TensorSpec, ...], bool]:  # fmt: skip
    """Output, last states, and whether the number of sequences is known."""
    packed = input if isinstance(input, PackedSequence) else None
    data = check_tensor(packed.data if packed is not None else input, "input")
    allowed = (2,) if packed is not None else (2, 3)
    if data.ndim not in allowed:
        raise ShapeError(f"input must have {' or '.join(map(str, allowed))} dimensions, got {data.ndim}: {data.shape}")
    cells = _weights(params, has_biases, num_layers, bidirectional)
    inputs, hidden, state = _sizes(cell, cells, has_biases, bidirectional)
    if data.shape[-1] != inputs:
        raise ShapeError(f"input has {data.shape[-1]} features, the layer takes {inputs}")
    weight = cells[0][0]
    if data.dtype is not weight.dtype:
        raise ShapeError(f"input and weights must have the same dtype, got {data.dtype_name} and {weight.dtype_name}")
    states = _states(cell, hx)
    batch, known = _batch(data, packed, states, batch_first)
    shapes = [(len(cells), *batch, size) for size in ((state, hidden) if cell is LSTM else (state,))]
    if states is not None:
        _check_states(states, data, *shapes)
    out: Any = data.with_shape(*data.shape[:-1], state * (2 if bidirectional else 1))
    if packed is not None:
        out = PackedSequence(out, *packed[1:])
    return out, tuple(data.with_shape(*shape) for shape in shapes), known


def _cost(
    cell: Cell,
    data: TensorSpec,
    params: Any,
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> Counts:
    """The steps of every layer and direction, and in training one mul a number that dropout passes between layers."""
    total = Counts()
    cells = _weights(params, has_biases, num_layers, bidirectional)
    for weights in cells:
        projection = weights[-1] if len(weights) % 2 else None
        total += step(cell, weights[0], weights[1], 2 if has_biases else 0, projection)
    if train and dropout > 0:
        width = cells[0][1].shape[1] * (2 if bidirectional else 1)
        total += Counts(mul=width * (num_layers - 1))
    return total * math.prod(data.shape[:-1])


def _layer(name: str, module: Any, kinds: Mapping[str, Cell], formula: str, each: str, source: str) -> None:
    """One kind of layer as a module, which takes a batch, one sequence or a packed one, and may be given no state."""

    def shape(
        input: Any, hx: Any = None, *, params: Any, has_biases: bool = True, num_layers: int = 1, dropout: float = 0.0,
        train: bool = False, bidirectional: bool = False, batch_first: bool = False, mode: str = "",
    ) -> Any:  # fmt: skip
        out, states, known = _run(kinds[mode], input, hx, params, has_biases, num_layers, bidirectional, batch_first)
        result = (out, states if len(states) > 1 else states[0])
        return result if known else Bound(result, _UNKNOWN)

    def cost(
        input: Any,
        params: Any,
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        mode: str,
    ) -> Counts:
        data = input if isinstance(input, TensorSpec) else input[0]
        return _cost(kinds[mode], data, params, has_biases, num_layers, dropout, train, bidirectional)

    shape.__doc__ = (
        f"{formula}      x (L, N, i), (N, L, i) or (L, i) -> all h, last states (layers · directions, N, H).\n\n"
        f"A packed sequence has as many steps as data has rows. A bidirectional layer puts two states side by side;\n"
        f"one with proj_size has states of that many numbers, W_hr h.\n\n"
        f"Cost: a step of a layer and direction: {each}; a projection is proj_size dot products of\nlength H; dropout "
        f"between layers, in training, one mul a number.\nSource: torch.nn.{source}"
    )
    RULES.op(module, name=name, attributes=_FROM_MODULE)(shape).cost(cost)


def _functional(name: str, function: Any, cell: Cell) -> None:
    """A layer as a function, of a batch of 3 dimensions or of packed rows, with all its arguments."""

    def padded(input: Any, *rest: Any) -> tuple[Any, ...]:
        """The arguments as the form for padded input orders them; the other one has batch_sizes second."""
        if not isinstance(rest[2], (tuple, list)):
            return (input, *rest)
        rows: Any = check_tensor(input, "data")
        sizes: Any = check_tensor(rest[0], "batch_sizes")
        return (PackedSequence(rows, sizes), *rest[1:], False)

    def shape(
        input: Any, hx: Any, params: Any, has_biases: Any, num_layers: Any, dropout: Any, train: Any,
        bidirectional: Any, batch_first: Any,
    ) -> Any:  # fmt: skip
        given = padded(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)
        data, before, weights, biases, layers, _, _, both, first = given
        if isinstance(data, TensorSpec) and data.ndim != 3:
            raise ShapeError(f"input must have 3 dimensions, got {data.ndim}: {data.shape}")
        if before is None:
            raise ShapeError("hx must be given, got None")
        out, states, _ = _run(cell, data, before, weights, biases, layers, both, first)
        return (out if isinstance(out, TensorSpec) else out.data, *states)

    def cost(
        input: Any, hx: Any, params: Any, has_biases: Any, num_layers: Any, dropout: Any, train: Any,
        bidirectional: Any, batch_first: Any,
    ) -> Counts:  # fmt: skip
        given = padded(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)
        _, _, weights, biases, layers, p, training, both, _ = given
        return _cost(cell, input, weights, biases, layers, p, training, both)

    shape.__doc__ = f"The same as {name}, on weights that are given.\n\nCost: as {name}.\nSource: torch.nn.modules.rnn"
    RULES.op(function, name=name)(shape).cost(cost)


_layer(
    "rnn", nn.RNN, {"RNN_TANH": TANH, "RNN_RELU": RELU}, "h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu",
    "two dot products a hidden number, one add for each bias, one for the sum, 1 func (relu: 1 cmp)", "RNN",
)  # fmt: skip
_layer(
    "lstm", nn.LSTM, {"LSTM": LSTM}, "c' = f · c + i · g, h' = o · tanh(c')",
    "4 H gate numbers of two dot products,\none add for each bias, one for the sum; 3 H mul, H add, 5 H func",
    "LSTM; Hochreiter and Schmidhuber 1997",
)  # fmt: skip
_layer(
    "gru", nn.GRU, {"GRU": GRU}, "h' = (1 − z) · n + z · h, n = tanh(W_in x + b_in + r · (W_hn h + b_hn))",
    "3 H gate numbers of two dot products,\none add for each bias, one for the sum; 3 H mul, 2 H add, 3 H func",
    "GRU; Cho et al. 2014, arXiv:1406.1078",
)  # fmt: skip
_functional("rnn", torch.rnn_tanh, TANH)
_functional("rnn", torch.rnn_relu, RELU)
_functional("lstm", torch.lstm, LSTM)
_functional("gru", torch.gru, GRU)
