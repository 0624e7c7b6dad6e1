"""What calflops and DeepSpeed count for recurrent layers, which they look up by exact class: FLOPs alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from analyzer.node import Node

__all__ = ["RECURRENT", "RNN_LAYERS", "Figures", "products", "right_recurrent"]


class Figures(NamedTuple):
    """FLOPs and MACs of one call."""

    flops: int = 0
    macs: int = 0


def products(macs: int, flops: int = 0) -> Figures:
    """2 FLOPs a product, and further ones."""
    return Figures(2 * macs + flops, macs)


RNN_LAYERS = {f"torch.nn.{kind}{cell}" for kind in ("RNN", "LSTM", "GRU") for cell in ("", "Cell")}
# Sums and products of gates, for each hidden unit of a step; and how many rows of the weights one unit has.
_GATES = {"rnn": (1, 1), "lstm": (10, 4), "gru": (7, 3)}


def _recurrent(node: Node) -> Figures:
    """The first two axes of the input are taken for batch and time; the weights' second direction is like the first."""
    given, x = node.arguments, node.arguments["input"]
    directions = 2 if given["bidirectional"] else 1
    group = len(given["params"]) // (given["num_layers"] * directions)
    layers = range(0, len(given["params"]), group * directions)
    step = sum(_step(node.op, given["params"][i : i + 2], given["has_biases"]) for i in layers)
    # The tools themselves fail on packed sequences.
    return Figures(step * directions * (_steps(node) if isinstance(x, tuple) else x.shape[0] * x.shape[1]))


def _recurrent_cell(node: Node) -> Figures:
    given = node.arguments
    weights = [given["weight_ih"], given["weight_hh"]]
    return Figures(_step(node.op.removesuffix("_cell"), weights, given["bias_ih"] is not None) * _steps(node))


def _steps(node: Node) -> int:
    """Steps that there are, of all sequences, packed ones among them."""
    x = node.arguments["input"]
    x = x[0] if isinstance(x, tuple) else x
    return int(x.numel // x.shape[-1])


def _step(kind: str, weights: list[Any], bias: bool) -> int:
    """One step of one layer in one direction: K products and K - 1 sums a row, the gates, and two biases."""
    rows: int = weights[0].shape[0]
    gates, share = _GATES[kind]
    summed = sum(2 * int(weight.numel) - rows for weight in weights)
    return summed + gates * (rows // share) + (2 * rows if bias else 0)


def right_recurrent(node: Node) -> int:
    """The same with our own products: of every step that there is, projections among them."""
    given, kind = node.arguments, node.op.removesuffix("_cell")
    gates, share = _GATES[kind]
    if node.op == kind:
        cells, bias = given["num_layers"] * (2 if given["bidirectional"] else 1), given["has_biases"]
        rows = given["params"][0].shape[0]
    else:
        cells, bias, rows = 1, given["bias_ih"] is not None, given["weight_ih"].shape[0]
    around = gates * (rows // share) + (2 * rows if bias else 0)
    return int(2 * node.counts.mac - node.counts.dot + _steps(node) * cells * around)


RECURRENT: Mapping[str, Callable[[Node], Figures]] = {
    **dict.fromkeys(_GATES, _recurrent),
    **dict.fromkeys([f"{kind}_cell" for kind in _GATES], _recurrent_cell),
}
"""Operation -> its counter."""
