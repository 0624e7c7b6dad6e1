"""Recurrent layers and cells with quantized weights: sizes as the modules say them, costs as of their float kin."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.ao.nn.quantized import dynamic as nnqd
from torch.nn.utils.rnn import PackedSequence

from analyzer.counts import Counts
from analyzer.errors import MissingRuleError
from analyzer.rule import Rule
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules.quantize import dynamic_cost
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


@RULES.op(
    torch.ops.aten.quantized_lstm, torch.ops.aten.quantized_gru, "quantized::quantized_lstm_cell_dynamic",
    "quantized::quantized_gru_cell_dynamic", "quantized::quantized_rnn_tanh_cell_dynamic",
    "quantized::quantized_rnn_relu_cell_dynamic", name="quantized_rnn",
)  # fmt: skip
def packed_rnn(input: TensorSpec, *rest: Any, **more: Any) -> Any:
    """A recurrent layer on packed weights, which say nothing of their sizes; the modules of dynamic layers do.

    Cost: none.
    Source: torch.ao.nn.quantized.dynamic
    """
    raise MissingRuleError(
        "a recurrent operator was called on packed quantized weights, which do not say their sizes",
        hint="call the layer of torch.ao.nn.quantized.dynamic, which does, and which no hook or subclass changes",
    )
