"""How fvcore counts an operator of a trace: handles over its inputs and outputs, as values of ``torch.jit``.

They take the stand-ins of `jit_values`, and the real ones as well. One multiply-accumulate is one flop to fvcore.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from analyzer.tools.einsum_path import optimized_flops

__all__ = [
    "Handle", "Number", "addmm", "batch_norm", "bmm", "conv", "conv_count", "einsum", "elements", "elementwise",
    "linear", "matmul", "norm", "norm_weight", "shape_of",
]  # fmt: skip

Number = int | float
Handle = Callable[[Any, Any], Number | Mapping[str, Number]]


def shape_of(val: Any) -> list[int] | None:
    """The shape of a value; None where it is no tensor."""
    return list(val.type().sizes()) if val.isCompleteTensor() else None


def _shape(value: Any) -> list[int]:
    shape = shape_of(value)
    if shape is None:
        raise TypeError("a tensor is needed here")
    return shape


def addmm(inputs: Any, outputs: Any) -> Number:
    """Rows times columns times what both share: (n, k) @ (k, m), of 2 dimensions each."""
    (rows, inner), (_, columns) = _shape(inputs[1]), _shape(inputs[2])
    return rows * inner * columns


def linear(inputs: Any, outputs: Any) -> Number:
    """Elements of the input times output features; no bias."""
    return prod(_shape(inputs[0])) * _shape(inputs[1])[0]


def bmm(inputs: Any, outputs: Any) -> Number:
    """(b, n, k) @ (b, k, m)."""
    batch, rows, inner = _shape(inputs[0])
    return batch * rows * inner * _shape(inputs[1])[-1]


def matmul(inputs: Any, outputs: Any) -> Number:
    """Elements of the left times columns of the right: too few where the right alone has a batch; fails on a vector."""
    left, right = _shape(inputs[0]), _shape(inputs[1])
    if left[-1] != right[-2]:
        raise ValueError(f"{left} and {right} do not fit")
    return prod(left) * right[-1]


def conv_count(x_shape: list[int], w_shape: list[int], out_shape: list[int], transposed: bool = False) -> Number:
    """Batch times weights times positions: of the output, or of the input where transposed. No bias.

    >>> conv_count([2, 3, 13, 17], [5, 3, 7, 11], [2, 5, 13, 17])
    510510
    """
    positions = (x_shape if transposed else out_shape)[2:]
    return x_shape[0] * prod(w_shape) * prod(positions)


def conv(inputs: Any, outputs: Any) -> Mapping[str, Number]:
    """A convolution, under the name ``conv``."""
    transposed = inputs[6].toIValue()
    return Counter({"conv": conv_count(_shape(inputs[0]), _shape(inputs[1]), _shape(outputs[0]), transposed)})


def einsum(inputs: Any, outputs: Any) -> Number:
    """Half of what numpy's ``einsum_path`` prints, whose text keeps four digits; two equations exactly."""
    equation = inputs[0].toIValue().replace(" ", "")
    shapes = [tuple(_shape(value)) for value in inputs[1].node().inputs()]
    letters = list(dict.fromkeys(filter(str.isalpha, equation)))
    equation = equation.translate({ord(old): 97 + index for index, old in enumerate(letters)})
    if equation == "abc,abd->acd":
        return prod(shapes[0]) * shapes[1][-1]
    if equation == "abc,adc->adb":
        return prod(shapes[0]) * shapes[1][1]
    return float(optimized_flops(equation, shapes) // 2)


def norm(affine_arg_index: int) -> Handle:
    """A normalization by the statistics of its input: 5 an element, 4 without weights, which are that argument."""

    def count(inputs: Any, outputs: Any) -> Number:
        shape = _shape(inputs[0])
        if not 2 <= len(shape) <= 5:
            raise ValueError(f"a norm takes 2 to 5 dimensions, not {shape}")
        return prod(shape) * norm_weight(shape_of(inputs[affine_arg_index]) is not None)

    return count


def norm_weight(affine: bool, by_input: bool = True) -> int:
    """What an element of a normalization counts, by its input's own statistics or by kept ones."""
    return (5 if affine else 4) if by_input else (2 if affine else 1)


def batch_norm(inputs: Any, outputs: Any) -> Number:
    """In training, as other normalizations; in evaluation, 2 an element, 1 without weights."""
    if inputs[5].toIValue():
        return norm(1)(inputs, outputs)  # type: ignore[return-value]
    return prod(_shape(inputs[0])) * norm_weight(shape_of(inputs[1]) is not None, by_input=False)


def elementwise(input_scale: float = 1, output_scale: float = 0) -> Handle:
    """So much for an element of the first input, and so much for one of the first output."""

    def count(inputs: Any, outputs: Any) -> Number:
        total: Number = 0
        if input_scale:
            total += input_scale * prod(_shape(inputs[0]))
        if output_scale:
            total += output_scale * prod(_shape(outputs[0]))
        return total

    return count


def elements(op_name: str | None = None) -> Handle:
    """Elements of the first output: how many activations a call leaves. ``op_name`` stands for the operator's."""

    def count(inputs: Any, outputs: Any) -> Number | Mapping[str, Number]:
        found = prod(_shape(outputs[0]))
        return found if op_name is None else Counter({op_name: found})

    return count
