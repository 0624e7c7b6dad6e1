"""What ``torch.jit``'s tracer calls our operations: aten names, where ours are others.

Measured with torch 2.14. The tracer writes operators down as Python calls them, before they are taken apart, except
convolutions (``_convolution``) and recurrent cells (their linear layers and gates).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import torch

from analyzer.node import Node

__all__ = ["is_in_place", "kinds_of"]

# What is called, by the last word of its name -> the operators that are written down.
_SPELLINGS: Mapping[str, str] = {
    "truediv": "div", "floordiv": "floor_divide", "mod": "remainder", "invert": "bitwise_not", "pos": "",
    "and_": "__and__", "or_": "__or__", "xor": "__xor__", "lshift": "__lshift__", "rshift": "__rshift__",
    "__floordiv__": "floor_divide", "__rfloordiv__": "floor_divide", "__mod__": "remainder", "__rmod__": "remainder",
    "__pow__": "pow", "__rpow__": "pow", "__rsub__": "rsub", "__invert__": "bitwise_not", "__rdiv__": "reciprocal mul",
    "__rtruediv__": "reciprocal mul", "__rmatmul__": "matmul", "__abs__": "abs", "__neg__": "neg", "__eq__": "eq",
    "__ne__": "ne", "__lt__": "lt", "__le__": "le", "__gt__": "gt", "__ge__": "ge",
    "T": "numpy_T", "H": "matrix_H", "norm": "linalg_vector_norm", "inverse": "inverse", "clamp_min": "clamp_min",
    "unfold_copy": "unfold_copy", "new_tensor": "", "tensor": "", "as_tensor": "",
}  # fmt: skip

# Other names of operators, which the tracer does not keep.
_ALIASES: Mapping[str, str] = {
    "absolute": "abs", "clip": "clamp", "divide": "div", "true_divide": "div", "multiply": "mul", "subtract": "sub",
    "negative": "neg", "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "not_equal": "ne",
    "concat": "cat", "concatenate": "cat", "swapaxes": "transpose", "swapdims": "transpose", "moveaxis": "movedim",
    "arctan": "atan", "arcsin": "asin", "arccos": "acos", "arctanh": "atanh", "arcsinh": "asinh", "arccosh": "acosh",
    "arctan2": "atan2", "fix": "trunc", "special_expit": "sigmoid", "row_stack": "vstack", "ger": "outer",
}  # fmt: skip

# Operators that write their result over their first argument.
_IN_PLACE = {"add": "add_", "sub": "sub_", "mul": "mul_", "truediv": "div_", "div": "div_", "floordiv": "floor_divide_",
             "mod": "remainder_", "pow": "pow_", "and": "__iand__", "or": "__ior__", "xor": "__ixor__"}  # fmt: skip
_IN_PLACE_SPELLINGS = {
    **{f"i{name}": kind for name, kind in _IN_PLACE.items()},
    **{f"__i{name}__": kind for name, kind in _IN_PLACE.items()},
}

# Our operation -> the operators that are written down.
_OPERATIONS: Mapping[str, str] = {
    "relu6": "hardtanh", "tanhshrink": "tanh sub", "softsign": "abs add div", "logsigmoid": "log_sigmoid",
    "softmin": "neg softmax", "dropout1d": "feature_dropout", "dropout2d": "feature_dropout",
    "dropout3d": "feature_dropout", "local_response_norm": "mul pad avg_pool3d mul add pow div",
    "cross_entropy": "cross_entropy_loss", "grid_sample": "grid_sampler", "affine_grid": "affine_grid_generator",
    "fold": "col2im", "unfold": "im2col", "weight_norm": "_weight_norm", "gamma": "_standard_gamma",
    "float": "to", "half": "to", "double": "to", "bfloat16": "to", "int": "to", "long": "to", "short": "to",
    "char": "to", "byte": "to", "bool": "to", "cfloat": "to", "cdouble": "to", "type": "to", "cpu": "to", "cuda": "to",
    "xpu": "to", "setitem": "copy_", "rnn": "rnn_tanh", "norms": "linalg_vector_norm", "pinv": "linalg_pinv",
    "mse_loss": "broadcast_tensors mse_loss", "l1_loss": "broadcast_tensors l1_loss",
    "smooth_l1_loss": "broadcast_tensors smooth_l1_loss", "huber_loss": "broadcast_tensors huber_loss",
    "rnn_cell": "linear linear add_ tanh",
    "lstm_cell": "linear linear add_ unsafe_chunk sigmoid_ sigmoid_ tanh_ sigmoid_ mul mul add_ tanh mul",
    "gru_cell": "linear unsafe_chunk linear unsafe_chunk add_ sigmoid_ add_ sigmoid_ mul_ add tanh_ sub mul_ add_",
    "lp_pool1d": "pow avg_pool1d sign abs relu mul mul pow", "lp_pool2d": "pow avg_pool2d sign abs relu mul mul pow",
    "lp_pool3d": "pow avg_pool3d sign abs relu mul mul pow", "max_unpool1d": "max_unpool2d", "unique": "_unique2",
}  # fmt: skip

_WITH_INDICES = frozenset({"max_pool1d", "max_pool2d", "max_pool3d"})
# Layers and functions with an argument ``inplace``.
_MAY_BE_IN_PLACE = frozenset(
    "relu relu6 leaky_relu elu selu celu silu mish hardtanh hardswish hardsigmoid threshold rrelu".split()
)
_ENDS = frozenset({"placeholder", "get_attr", "output"})


@cache
def _is_aten(name: str) -> bool:
    return bool(torch._C._jit_get_schemas_for_operator(f"aten::{name}"))


def is_in_place(node: Node) -> bool:
    """Whether a layer or function was asked to write its result over its input (``inplace=True``)."""
    if node.op in _MAY_BE_IN_PLACE:
        return bool(node.alias_of)
    return node.op.endswith("dropout") and node.call[1].get("inplace") is True


def kinds_of(node: Node) -> tuple[str, ...]:
    """The operators that a trace has for a call, in order: ``("aten::linear",)``; none for the ends of the graph.

    >>> from analyzer import analyze
    >>> [kinds_of(node) for node in analyze(torch.nn.ReLU6(), (2, 3)).graph]
    [(), ('aten::hardtanh',), ()]
    """
    if node.kind in _ENDS:
        return ()
    last = node.target.rpartition(".")[2]
    if node.target.startswith("torch.ops."):
        space, name = node.target.removeprefix("torch.ops.").split(".")[:2]
        return (f"{space}::{name}",)
    return tuple(f"aten::{name}" for name in _names(node, last))


def _names(node: Node, last: str) -> list[str]:
    if node.kind != "call_module":
        bare = last.removesuffix("_")
        last = _ALIASES.get(bare, bare) + last[len(bare) :]
        found = _IN_PLACE_SPELLINGS.get(last, _SPELLINGS.get(last))
        if found is not None:
            return found.split()
        if _is_aten(last) and node.op not in _OPERATIONS and not is_in_place(node):
            return [last]
    if node.op in _WITH_INDICES and node.arguments.get("return_indices"):
        return [f"{node.op}_with_indices"]
    names = _OPERATIONS.get(node.op, node.op).split()
    if node.op in ("rnn", "rnn_cell") and _is_relu(node):
        names[-1] = names[-1].replace("tanh", "relu")
    if node.op == "local_response_norm" and node.arguments["input"].ndim == 3:
        names[names.index("avg_pool3d")] = "avg_pool2d"
    if is_in_place(node):
        names[-1] += "_"
    return names


def _is_relu(node: Node) -> bool:
    """Whether a plain recurrent layer or cell has a ReLU, and no tanh."""
    how = node.arguments.get("mode", node.arguments.get("nonlinearity"))
    return "RELU" in str(how).upper()
