"""Recurrent layers and cells with quantized weights: sizes as the modules say them, costs as of their float kin."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.ao.nn.quantized import dynamic as nnqd
from torch.nn.utils.rnn import PackedSequence
from torch.utils._python_dispatch import _disable_current_modes

from analyzer.counts import Counts
from analyzer.errors import MissingRuleError
from analyzer.rule import Bound, Rule
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules.quantize import dynamic_cost, operators
from rules.quantized_layers import packed_weights
from rules.recurrent import RULES as LAYERS
from rules.recurrent_cells import GRU, LSTM, RELU, RULES as CELLS, TANH, Cell

__all__ = ["RULES"]

RULES = RuleSet()

_SAID = (
    "\n\nWeights and biases go by the sizes that the module says.\n\n"
    "Cost: as {0}, and each number of every product's input is quantized (1 div, 1 add, 1 func, 2 cmp, and 2 cmp for "
    "the\nextremes), each output scaled by 1 mul; float16 weights need neither.\nSource: torch.ao.nn.quantized.dynamic"
)


def _flat_weights(module: Any, gates: int) -> list[TensorSpec]:
    """The float weights that a dynamic layer was made of."""
    directions = 2 if module.bidirectional else 1
    hidden, rows = module.hidden_size, gates * module.hidden_size
    found = []
    for layer in range(module.num_layers):
        inputs = module.input_size if layer == 0 else directions * hidden
        cell = [(rows, inputs), (rows, hidden), *[(rows,)] * (2 if module.bias else 0)]
        found += cell * directions
    return [TensorSpec(shape) for shape in found]


def _quantization(width: int, rows: int, dtype: Any) -> Counts:
    """For one step: a product's input of ``width`` numbers quantized, its ``rows`` outputs scaled."""
    return Counts() if dtype is torch.float16 else dynamic_cost(width) + Counts(mul=rows)


def _layer(module: Any, name: str, float_layer: Any, gates: int) -> None:
    rule: Rule = LAYERS[float_layer]

    def shape(
        input: Any, hx: Any = None, *, params: Any, has_biases: bool, num_layers: int, bidirectional: bool,
        batch_first: bool, mode: str, dtype: Any,
    ) -> Any:  # fmt: skip
        return rule.shape(
            input, hx, params=params, has_biases=has_biases, num_layers=num_layers, bidirectional=bidirectional,
            batch_first=batch_first, mode=mode,
        )  # fmt: skip

    def cost(
        input: Any, params: Any, has_biases: bool, num_layers: int, bidirectional: bool, mode: str, dtype: Any, out: Any
    ) -> Counts:
        data = input if isinstance(input, TensorSpec) else PackedSequence(*input).data
        bound = {"input": input, "params": params, "has_biases": has_biases, "num_layers": num_layers, "mode": mode}
        counts = rule.call_cost(bound | {"dropout": 0.0, "train": False, "bidirectional": bidirectional}, out)
        matrices = [spec for spec in params if spec.ndim == 2]
        each = sum((_quantization(w.shape[1], w.shape[0], dtype) for w in matrices), Counts())
        return counts + each * math.prod(data.shape[:-1])

    shape.__doc__ = f"{name} with weights quantized beforehand and inputs quantized on the way." + _SAID.format(name)
    attributes = {
        "params": lambda module: _flat_weights(module, gates),
        "has_biases": lambda module: module.bias,
        "dtype": lambda module: module.dtype,
    }
    RULES.op(module, name=f"dynamic_{name}", attributes=attributes)(shape).cost(cost)


_layer(nnqd.LSTM, "lstm", torch.nn.LSTM, 4)
_layer(nnqd.GRU, "gru", torch.nn.GRU, 3)


def _cell(module: Any, name: str, float_cell: Any, kinds: dict[str, Cell]) -> None:
    rule: Rule = CELLS[float_cell]

    def shape(input: TensorSpec, hx: Any = None, *, params: Any, dtype: Any, nonlinearity: str = "") -> Any:
        more = {"nonlinearity": nonlinearity} if nonlinearity else {}
        weight_ih, weight_hh, *biases = params
        bias = dict(zip(("bias_ih", "bias_hh"), biases, strict=False))
        return rule.shape(input, hx, weight_ih=weight_ih, weight_hh=weight_hh, **bias, **more)

    def cost(input: TensorSpec, params: Any, dtype: Any, nonlinearity: str, out: Any) -> Counts:
        weights = {"weight_ih": params[0], "weight_hh": params[1], "bias_ih": None, "bias_hh": None}
        weights |= dict(zip(("bias_ih", "bias_hh"), params[2:], strict=False))
        counts = rule.call_cost({"input": input, "nonlinearity": nonlinearity} | weights, out)
        each = sum((_quantization(w.shape[1], w.shape[0], dtype) for w in params[:2]), Counts())
        return counts + each * math.prod(input.shape[:-1])

    def params_of(module: Any) -> list[TensorSpec]:
        rows = kinds[""].gates * module.hidden_size
        shapes = [(rows, module.input_size), (rows, module.hidden_size), *[(rows,)] * (2 if module.bias else 0)]
        return [TensorSpec(shape) for shape in shapes]

    shape.__doc__ = f"{name} with weights quantized beforehand and inputs quantized on the way." + _SAID.format(name)
    attributes = {"params": params_of, "dtype": lambda module: module.weight_dtype}
    RULES.op(module, name=f"dynamic_{name}", attributes=attributes)(shape).cost(cost)


_cell(nnqd.RNNCell, "rnn_cell", torch.nn.RNNCell, {"": TANH, "relu": RELU})
_cell(nnqd.LSTMCell, "lstm_cell", torch.nn.LSTMCell, {"": LSTM})
_cell(nnqd.GRUCell, "gru_cell", torch.nn.GRUCell, {"": GRU})


# Beneath the modules -----------------------------------------------------------------------------------------------


def _cell_weights(cell: Any) -> tuple[list[TensorSpec], Any]:
    """The weights of a packed cell, weight_ih, weight_hh and two biases, as floats; and what they are kept as."""
    with _disable_current_modes(), torch._C.DisableTorchFunction():
        *_, packed = cell.__getstate__()[0]  # a kind, biases, numbers, the packed weights; and a name behind them
    weights = [packed_weights(item) for item in packed]
    if len(weights) != 2:
        raise MissingRuleError(f"a packed recurrent cell holds {len(weights)} weights where 2 are known")
    found = [spec.with_dtype(torch.float32) for spec, _ in weights]
    return found + [found[0].with_shape(found[0].shape[0])] * 2, weights[0][0].dtype


def _operator(name: str, operator: Any, module: Any) -> None:
    """A layer on packed cells: (input, hx, params, ...), or packed rows and batch sizes in place of the input."""
    rule: Rule = RULES[module]
    mode = "LSTM" if name == "lstm" else "GRU"

    def given(input: Any, rest: tuple[Any, ...]) -> dict[str, Any]:
        rows = not isinstance(rest[1], (tuple, list)) or isinstance(rest[1][0], TensorSpec)
        if rows:  # (data, batch_sizes, hx, params, ...)
            input, rest = PackedSequence(input, rest[0]), rest[1:]
        hx, cells, has_biases, num_layers, _, _, bidirectional, *more = rest
        kept = [_cell_weights(cell) for cell in cells]
        weights = [spec for cell, _ in kept for spec in cell[: 4 if has_biases else 2]]
        return {
            "input": input, "hx": tuple(hx) if mode == "LSTM" else hx, "params": weights, "has_biases": has_biases,
            "num_layers": num_layers, "bidirectional": bidirectional, "mode": mode, "dtype": kept[0][1],
            "batch_first": bool(more[0]) if more and not rows else False,
        }  # fmt: skip

    def shape(input: TensorSpec, *rest: Any, dtype: Any = None, use_dynamic: bool = False) -> Any:
        found = rule.shape(**given(input, rest))
        out, states = found.spec if isinstance(found, Bound) else found
        data = out if isinstance(out, TensorSpec) else out.data
        return (data, *states) if mode == "LSTM" else (data, states)

    def cost(input: TensorSpec, rest: Any, out: Any) -> Counts:
        return rule.call_cost(given(input, rest), out)

    shape.__doc__ = (
        f"{name} on packed cells, which are asked for their sizes.\n\nCost: as dynamic_{name}.\nSource: torch.nn"
    )
    RULES.op(operator, name=f"dynamic_{name}")(shape).cost(cost)


_operator("lstm", torch.ops.aten.quantized_lstm, nnqd.LSTM)
_operator("gru", torch.ops.aten.quantized_gru, nnqd.GRU)


def _step(name: str, float_cell: Any, packed_operator: str, function: Any) -> None:
    """A cell on packed weights, and as torch's older function, on weights of 8 bits beside packed ones."""
    rule: Rule = CELLS[float_cell]

    def plain(w_ih: TensorSpec, w_hh: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
        return w_ih.with_dtype(torch.float32), w_hh.with_dtype(torch.float32)

    def weights(w_ih: Any, w_hh: Any) -> tuple[TensorSpec, TensorSpec]:
        return plain(packed_weights(w_ih)[0], packed_weights(w_hh)[0])

    def counted(input: TensorSpec, w_ih: TensorSpec, w_hh: TensorSpec, dtype: Any, out: Any) -> Counts:
        bias = w_ih.with_shape(w_ih.shape[0])
        given = {"input": input, "w_ih": w_ih, "w_hh": w_hh, "b_ih": bias, "b_hh": bias}
        each = sum((_quantization(w.shape[1], w.shape[0], dtype) for w in (w_ih, w_hh)), Counts())
        return rule.call_cost(given, out) + each * math.prod(input.shape[:-1])

    def packed(input: TensorSpec, hx: Any, w_ih: Any, w_hh: Any, bias_ih: Any, bias_hh: Any) -> Any:
        return rule.shape(input, hx, *weights(w_ih, w_hh), bias_ih, bias_hh)

    def packed_cost(input: TensorSpec, w_ih: Any, w_hh: Any, out: Any) -> Counts:
        return counted(input, *weights(w_ih, w_hh), packed_weights(w_ih)[0].dtype, out)

    def older(
        input: TensorSpec, hx: Any, w_ih: TensorSpec, w_hh: TensorSpec, b_ih: TensorSpec, b_hh: TensorSpec, *packed: Any
    ) -> Any:
        return rule.shape(input, hx, *plain(w_ih, w_hh), b_ih, b_hh)

    def older_cost(input: TensorSpec, w_ih: TensorSpec, w_hh: TensorSpec, out: Any) -> Counts:
        return counted(input, w_ih, w_hh, torch.qint8, out)

    packed.__doc__ = older.__doc__ = (
        f"{name} on quantized weights.\n\nCost: as dynamic_{name}.\nSource: torch.ao.nn.quantized.dynamic"
    )
    RULES.op(*operators(packed_operator), name=f"dynamic_{name}")(packed).cost(packed_cost)
    RULES.op(function, name=f"dynamic_{name}")(older).cost(older_cost)


_step("lstm_cell", torch.lstm_cell, "quantized_lstm_cell_dynamic", torch.quantized_lstm_cell)
_step("gru_cell", torch.gru_cell, "quantized_gru_cell_dynamic", torch.quantized_gru_cell)
_step("rnn_cell", torch.rnn_tanh_cell, "quantized_rnn_tanh_cell_dynamic", torch.quantized_rnn_tanh_cell)
_step("rnn_cell", torch.rnn_relu_cell, "quantized_rnn_relu_cell_dynamic", torch.quantized_rnn_relu_cell)
