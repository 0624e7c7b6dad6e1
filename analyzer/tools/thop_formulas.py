"""thop's formulas, of shapes, and what it means to count of each operation: the same for it and for its descendant.

What it counts beside products, an element each: 2 for normalizing and 2 for an affine part, 3 for a softmax less 1 a
row, 1 for PReLU, 1 an output of average pooling (adaptive: 1 an input too), 1 to 259 an output of resizing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from analyzer.node import Node
from analyzer.tools.tool import Formula

__all__ = [
    "RESIZING", "RIGHT", "adapted", "attention", "convolved", "elements", "normalization", "normalized", "pooled",
    "recurrent", "resized", "resizing", "rows", "softmax", "softmaxed",
]  # fmt: skip

# For an element of the output.
RESIZING: Mapping[str, int] = {"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 259, "trilinear": 31}


def convolved(input: Sequence[int], output: Sequence[int], weight: Sequence[int], groups: int) -> int:
    """A convolution as thop counts it, transposed or not: each output reads a kernel of the input's channels.

    The channels are the second size, also of an input without a batch.

    >>> convolved((2, 3, 13, 17), (2, 5, 11, 15), (5, 3, 3, 3), 1)
    44550
    """
    return math.prod(output) * (input[1] // groups) * math.prod(weight[2:])


def normalized(elements: int, affine: bool) -> int:
    """Subtract, divide, and if affine multiply and add.

    >>> normalized(70, True), normalized(70, False)
    (280, 140)
    """
    return (4 if affine else 2) * elements


def rows(shape: Sequence[int], dim: int | None) -> tuple[int, int]:
    """How many rows a dim divides a tensor into, and how long each is; without a dim torch takes the first or second.

    >>> rows((2, 5, 7), -1), rows((2, 5, 7), None), rows((), -1)
    ((10, 7), (35, 2), (1, 1))
    """
    if dim is None:
        dim = 0 if len(shape) in (0, 1, 3) else 1
    length = shape[dim] if shape else 1
    return math.prod(shape) // length if length else 0, length


def softmax(shape: Sequence[int], dim: int | None) -> int:
    """An exponential and a division an element, and the sum of each row.

    >>> softmax((2, 5, 7), -1)
    200
    """
    count, length = rows(shape, dim)
    return count * (3 * length - 1) if length else 0


def adapted(input: Sequence[int], output: Sequence[int]) -> int:
    """Adaptive average pooling as thop counts it, with windows of a broken number of elements, rounded down at the end.

    >>> adapted((2, 3, 13, 17), (2, 3, 5, 5))
    1476
    """
    window = math.prod(size / out for size, out in zip(input[2:], output[2:], strict=True))
    return int((window + 1) * math.prod(output))


def resized(mode: str, elements: int) -> int:
    """Resizing as thop counts it, which does not know all modes, trilinear among them.

    >>> resized("bilinear", 7), resized("trilinear", 7)
    (77, 0)
    """
    return 0 if mode == "trilinear" else RESIZING.get(mode, 0) * elements


def recurrent(kind: str, inputs: int, hidden: int, bias: bool, layers: int = 1, directions: int = 1) -> int:
    """One step of a recurrent layer: both products and their sum for each gate, two biases, and the cell's 4 or none.

    >>> recurrent("lstm", 7, 11, True), recurrent("gru", 7, 11, True), recurrent("rnn", 7, 11, True)
    (968, 737, 231)
    """
    gates, rest = {"rnn": (1, 0), "gru": (3, 4), "lstm": (4, 4)}[kind]
    total = 0
    for width in (inputs, *[hidden * directions] * (layers - 1)):
        total += directions * hidden * (gates * (width + hidden + 1 + 2 * bool(bias)) + rest)
    return total


# --- what it means to count, of nodes ---------------------------------------------------------------------------------


def normalization(node: Node) -> int:
    """A norm of any kind; it is affine where it has a weight."""
    return normalized(node.arguments["input"].numel, node.arguments.get("weight") is not None)


def softmaxed(node: Node) -> int:
    """A softmax along its dim."""
    return softmax(node.arguments["input"].shape, node.arguments.get("dim", -3))  # Softmax2d takes no dim


def elements(node: Node) -> int:
    """One an element of the output."""
    return node.outputs[0].numel


def attention(node: Node) -> int:
    """The products of scaled dot-product attention, and the softmax between them."""
    query, key = node.arguments["query"].shape, node.arguments["key"].shape
    return node.counts.mac + softmax((*node.outputs[0].shape[:-2], query[-2], key[-2]), -1)


def pooled(node: Node) -> int:
    """An addition an element of each window, and a division an output; the first addition is to zero."""
    return node.counts.add + 2 * node.counts.div


def resizing(weights: Mapping[str, int]) -> Formula:
    """A formula for resizing with so much an output of each mode; a mode without a weight counts what it takes."""

    def count(node: Node) -> int:
        mode = node.arguments["mode"].removesuffix("-exact")
        if mode in weights:
            return weights[mode] * node.outputs[0].numel
        return pooled(node) if mode == "area" else node.counts.mul + node.counts.add

    return count


def _gru(node: Node) -> int:
    """``1 − z`` is not counted: as many subtractions as there are of each of its three multiplications."""
    return _recurrent(node) - node.counts.mul // 3


def _recurrent(node: Node) -> int:
    return node.counts.mac + node.counts.add + node.counts.mul


_NORMS = "batch_norm instance_norm layer_norm group_norm rms_norm".split()
_SOFTMAXES = "softmax log_softmax softmin".split()

# By operation, where it is not the products alone.
RIGHT: Mapping[str, Formula] = {
    **dict.fromkeys(_NORMS, normalization),
    "prelu": elements,
    **dict.fromkeys(_SOFTMAXES, softmaxed),
    "scaled_dot_product_attention": attention,
    **dict.fromkeys("avg_pool1d avg_pool2d avg_pool3d".split(), elements),
    **dict.fromkeys("adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d".split(), pooled),
    "interpolate": resizing(RESIZING),
    **dict.fromkeys("rnn lstm rnn_cell lstm_cell".split(), _recurrent),
    **dict.fromkeys(("gru", "gru_cell"), _gru),
}
