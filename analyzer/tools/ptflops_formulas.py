"""What ptflops with its pytorch backend counts for one call: what its formulas mean to count, and what they count."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from analyzer.node import Node
from analyzer.spec import TensorSpec

__all__ = [
    "attention",
    "deformable_convolution",
    "exchanged_addmm",
    "exchanged_elementwise",
    "exchanged_interpolate",
    "exchanged_product",
    "first_image",
    "hooked_cell",
    "hooked_convolution",
    "hooked_recurrent",
    "made_of_power_pooling",
    "made_of_response_norm",
    "norm",
    "per_input",
    "per_output",
    "recurrent",
    "with_additions",
]


def _spec(node: Node, *names: str) -> TensorSpec:
    """The tensor argument that has one of these names."""
    spec: TensorSpec = next(node.arguments[name] for name in names if name in node.arguments)
    return spec


def _input(node: Node) -> TensorSpec:
    """The tensor that the call is about."""
    return _spec(node, "input")


# --- what is meant ------------------------------------------------------------------------------------------------


def with_additions(node: Node) -> int:
    """A product each, and the addition of a bias for each output."""
    return node.counts.mac + node.counts.add


def per_output(node: Node) -> int:
    """1 for each element of what is returned."""
    return node.outputs[0].numel


def per_input(node: Node) -> int:
    """1 for each element of what is given."""
    return _input(node).numel


def norm(node: Node) -> int:
    """1 for each element, 2 with weights. ptflops looks for ``affine``, which a LayerNorm calls otherwise."""
    return _input(node).numel * (2 if node.arguments.get("weight") is not None else 1)


def attention(node: Node) -> int:
    """The products, the scaling of the queries and the softmax of the scores: the hook of MultiheadAttention."""
    query, value = _spec(node, "query"), _spec(node, "value")
    scores = node.counts.mac // max(1, query.shape[-1] + value.shape[-1])
    return node.counts.mac + query.numel + scores


def deformable_convolution(node: Node) -> int:
    """A convolution, and for each place of a window 4 for where it lies, 20 for interpolation, 1 for its weight."""
    out, given = node.outputs[0], node.arguments
    window = math.prod(_spec(node, "weight").shape[2:])
    places = out.numel // out.shape[1] * window
    bias = out.numel if "bias" in {name.rpartition(".")[2] for name in node.params} else 0
    return node.counts.mac + bias + places * (25 if given["use_mask"] else 24)


# Sums and products of gates for each hidden unit of a step, and how many rows of the weights one unit has.
_GATES = {"rnn": (1, 1), "lstm": (10, 4), "gru": (7, 3)}


def _around(op: str, weight: TensorSpec, biases: bool) -> int:
    """What one step of a cell counts beside its products."""
    gates, rows = _GATES[op.removesuffix("_cell")]
    return gates * (weight.shape[0] // rows) + (2 * weight.shape[0] if biases else 0)


def _cells(node: Node) -> Iterator[Sequence[TensorSpec]]:
    """The weights of every layer and direction, in the order in which torch keeps them."""
    params, cells = node.arguments["params"], node.arguments["num_layers"] * _directions(node)
    size = len(params) // cells
    return (params[start : start + size] for start in range(0, len(params), size))


def _directions(node: Node) -> int:
    return 2 if node.arguments["bidirectional"] else 1


def recurrent(node: Node) -> int:
    """The products, both biases, and the gates' sums and products, of every step of every cell."""
    given = node.arguments
    if "params" not in given:
        weights = [_spec(node, "weight_ih"), _spec(node, "weight_hh")]
        around = _around(node.op, weights[0], given["bias_ih"] is not None)
    else:
        cells = list(_cells(node))
        weights = [weight for cell in cells for weight in cell if weight.ndim == 2]
        around = sum(_around(node.op, cell[0], given["has_biases"]) for cell in cells)
    steps = node.counts.mac // max(1, sum(weight.numel for weight in weights))
    return node.counts.mac + steps * around


# --- what hooks count ---------------------------------------------------------------------------------------------


def hooked_convolution(node: Node) -> int:
    """The first axis is taken for the batch, so an image without one is counted wrong."""
    x, weight, out = _input(node), _spec(node, "weight"), node.outputs[0]
    positions = (x if "transpose" in node.op else out).shape[2:]
    bias = x.shape[0] * math.prod(out.shape[1:]) if node.arguments["bias"] is not None else 0
    return x.shape[0] * math.prod(positions) * weight.numel + bias


def first_image(node: Node) -> int:
    """The elements of the first image that is returned."""
    return math.prod(node.outputs[0].shape[1:])


def hooked_recurrent(node: Node) -> int:
    """Twice the first direction's, without projections; the first two axes are taken for batch and time."""
    x, given = node.arguments["input"], node.arguments
    if not isinstance(x, TensorSpec) or x.ndim < 2:
        return 0
    forward = list(_cells(node))[:: _directions(node)]
    step = sum(cell[0].numel + cell[1].numel + _around(node.op, cell[0], given["has_biases"]) for cell in forward)
    return step * x.shape[0] * x.shape[1] * _directions(node)


def hooked_cell(node: Node) -> int:
    """The first axis is taken for the batch."""
    inner, outer = _spec(node, "weight_ih"), _spec(node, "weight_hh")
    around = _around(node.op, inner, node.arguments["bias_ih"] is not None)
    return (inner.numel + outer.numel + around) * _input(node).shape[0]


# --- what exchanged functions count -------------------------------------------------------------------------------


def exchanged_product(node: Node) -> int:
    """``numel(a) · b.shape[-1]``: wrong for a vector on the right, and for batches that ``a`` lacks."""
    return _input(node).numel * _spec(node, "other", "mat2").shape[-1]


def exchanged_addmm(node: Node) -> int:
    """``numel(a) · b.shape[-1]``, and every element of what is added before it is broadcast."""
    products = _spec(node, "mat1", "batch1").numel * _spec(node, "mat2", "batch2").shape[-1]
    return products + (_input(node).numel if node.arguments["beta"] != 0 else 0)


def exchanged_elementwise(node: Node) -> int:
    """The elements after broadcasting, with the shapes held against each other from the left and not from the right."""
    operands = node.arguments["input"], node.arguments["other"]
    shapes = [operand.shape for operand in operands if isinstance(operand, TensorSpec)]
    if not shapes:
        return 1
    length = max(map(len, shapes))
    padded = [(*shape, *(1,) * (length - len(shape))) for shape in shapes]
    return math.prod(map(max, *padded)) if len(padded) > 1 else math.prod(padded[0])


def exchanged_interpolate(node: Node) -> int:
    """The size asked for, or the input's elements times the factors, which may be no whole number."""
    x, size, factor = _input(node), node.arguments["size"], node.arguments["scale_factor"]
    if size is not None:
        return math.prod(x.shape[:2]) * _power(size, x.ndim - 2)
    if isinstance(factor, (tuple, list)):
        return x.numel * math.prod(map(int, factor))
    return int(x.numel * factor ** (x.ndim - 2))


def _power(size: Any, dims: int) -> int:
    return math.prod(size) if isinstance(size, (tuple, list)) else int(size) ** dims


def made_of_response_norm(node: Node) -> int:
    """Made of x·x, a pooling over padded channels, ·alpha and +k."""
    x = _input(node)
    padding: int = node.arguments["size"] - 1
    return 4 * x.numel + x.numel // x.shape[1] * padding


def made_of_power_pooling(node: Node) -> int:
    """Made of a pooling, a relu and a product."""
    return _input(node).numel + 2 * node.outputs[0].numel
