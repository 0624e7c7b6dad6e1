"""ptflops with its aten backend: the products among the operators that torch takes a model apart into, on a CPU.

A product is one MAC, and so is an addition of a bias where torch adds it in the same operator. It knows ``mm``,
``addmm``, ``bmm`` and ``convolution``; whether a linear layer is an ``addmm``, which has a bias, or an ``mm`` and an
addition, which is not seen, depends on how its input lies in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from analyzer.conventions import Convention
from analyzer.graph import Graph
from analyzer.node import Attribute, Node, Ref
from analyzer.spec import TensorSpec
from analyzer.tools.kernels import is_fused_attention
from analyzer.tools.layout import rearranged
from analyzer.tools.ptflops import trainable_params
from analyzer.tools.ptflops_formulas import with_additions
from analyzer.tools.tool import Reading, Tool

__all__ = ["ATEN", "Seen", "operator_of", "seen"]

_SOURCE = "ptflops/aten_ops.py and aten_engine.py of ptflops 0.7.5"
_CONVOLUTIONS = "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d".split()
_RECURRENT = "lstm gru rnn lstm_cell gru_cell rnn_cell".split()

Seen = Mapping[str, int]
"""What is counted for a call, by operator: ``{"addmm": 462}``."""


def _recurrent_biases(node: Node) -> tuple[int, int]:
    """Additions of the biases of the inputs and of the states in all steps, those of a sequence's first layer first."""
    given = node.arguments
    if "params" not in given:
        added = node.outputs[0].numel // node.outputs[0].shape[-1] * given["weight_ih"].shape[0]
        return 0, 2 * added if given["bias_ih"] is not None else 0
    if not given["has_biases"]:
        return 0, 0
    directions = 2 if given["bidirectional"] else 1
    matrices = [weight.numel for weight in given["params"] if weight.ndim == 2]
    added = node.counts.mac // max(1, sum(matrices)) * given["params"][0].shape[0]
    return directions * added, directions * added * (2 * given["num_layers"] - 1)


def _recurrent(node: Node) -> int:
    return node.counts.mac + sum(_recurrent_biases(node))


_RIGHT = Convention(
    "ptflops_aten",
    _SOURCE,
    {"mac": 1},
    parts=False,
    overrides={
        **dict.fromkeys((*_CONVOLUTIONS, "linear", "bilinear", "addmm", "baddbmm", "addbmm", "addmv"), with_additions),
        **dict.fromkeys(_RECURRENT, _recurrent),
    },
)


# --- what torch makes of a call on a CPU ---------------------------------------------------------------------------


def _linear(node: Node, is_contiguous: bool) -> Seen:
    if node.arguments["weight"].ndim != 2:
        return {}
    if node.arguments["bias"] is not None and (node.arguments["input"].ndim <= 2 or is_contiguous):
        return {"addmm": node.counts.mac + node.outputs[0].numel}
    return {"mm": node.counts.mac}


def _matmul(node: Node, is_contiguous: bool) -> Seen:
    """A vector on the right makes it an ``mv`` or ``dot``; rows of several dimensions times a matrix are one ``mm``."""
    first, second = node.arguments["input"], node.arguments["other"]
    if second.ndim == 1:
        return {}
    is_one = second.ndim == 2 and (first.ndim <= 2 or is_contiguous)
    return {"mm" if is_one else "bmm": node.counts.mac}


def _inner(node: Node, is_contiguous: bool) -> Seen:
    return {} if node.arguments["other"].ndim == 1 else {"mm": node.counts.mac}


def _attention(node: Node, is_contiguous: bool) -> Seen:
    """One kernel of its own, which is not known; two products where that cannot be taken."""
    if is_fused_attention(node):
        return {}
    return {"bmm" if node.arguments["query"].ndim > 2 else "mm": node.counts.mac}


def _addmm(node: Node, is_contiguous: bool) -> Seen:
    return {"addmm": node.counts.mac + node.outputs[0].numel}


def _convolution(node: Node, is_contiguous: bool) -> Seen:
    return {"convolution": with_additions(node)}


def _lstm(node: Node, is_contiguous: bool) -> Seen:
    """One kernel of oneDNN for each layer, but not for float64 nor with projections."""
    is_double = node.outputs[0].dtype is torch.float64
    return _steps(node, is_contiguous) if is_double or _is_projected(node) else {}


def _is_projected(node: Node) -> bool:
    rows, state = node.arguments["params"][1].shape
    return bool(rows != 4 * state)


def _steps(node: Node, is_contiguous: bool) -> Seen:
    """A product of a whole sequence for the inputs of each layer, and one for the states of each step."""
    first, others = _recurrent_biases(node)
    if "params" in node.arguments and not (is_contiguous and _is_time_first(node)):
        first = 0  # a sequence that is turned round: a product, and an addition that is not seen
    return {"addmm" if first or others else "mm": node.counts.mac + first + others}


def _is_time_first(node: Node) -> bool:
    """Whether the steps come first in memory: so given, or of one sequence."""
    x = node.arguments["input"]
    return not node.arguments["batch_first"] or not isinstance(x, TensorSpec) or x.ndim < 3 or 1 in x.shape[:2]


def _by(operator: str) -> Callable[[Node, bool], Seen]:
    return lambda node, is_contiguous: {operator: node.counts.mac}


_OPERATORS: Mapping[str, Callable[[Node, bool], Seen]] = {
    **dict.fromkeys(_CONVOLUTIONS, _convolution),
    "linear": _linear,
    "matmul": _matmul,
    "inner": _inner,
    "scaled_dot_product_attention": _attention,
    "addmm": _addmm,
    "lstm": _lstm,
    **dict.fromkeys(("gru", "rnn", "lstm_cell", "gru_cell", "rnn_cell"), _steps),
    **dict.fromkeys(("mm", "multi_dot", "chain_matmul", "tensordot", "matrix_power", "cov", "corrcoef"), _by("mm")),
    **dict.fromkeys(("bmm", "einsum"), _by("bmm")),
}
# What torch calls an operation where it is not the rule's name.
_NAMES = {"linear": "addmm", "matmul": "bmm", "conv_tbc": "conv_tbc", **dict.fromkeys(_CONVOLUTIONS, "convolution")}


def operator_of(node: Node) -> str:
    """The operator that a call comes down to, as near as its name tells, such as ``"convolution"``."""
    return _NAMES.get(node.op, node.op)


def seen(graph: Graph) -> list[Seen]:
    """What ptflops counts for every node, by operator."""
    turned, learned = rearranged(graph), _learned(graph)
    return [_seen(node, turned, learned) for node in graph]


def _seen(node: Node, turned: frozenset[tuple[str, int]], learned: frozenset[str]) -> Seen:
    count = _OPERATORS.get(node.op)
    if count is None or not node.counts.mac:
        return {}
    if node.op == "scaled_dot_product_attention" and _mask_of(node) in learned:
        return {"bmm": node.counts.mac}  # the kernel of its own has no gradient for a mask
    return count(node, not (node.inputs and (node.inputs[0].source, node.inputs[0].index) in turned))


def _mask_of(node: Node) -> str:
    """The node that made the mask of attention, or the parameter that it is."""
    args, kwargs = node.call
    mask = kwargs.get("attn_mask", args[3] if len(args) > 3 else None)
    return mask.source if isinstance(mask, Ref) else mask.name if isinstance(mask, Attribute) else ""


def _learned(graph: Graph) -> frozenset[str]:
    """Parameters that require a gradient, and ids of the nodes that hang on them; ptflops leaves gradients on."""
    trainable = {parameter.name for parameter in graph.parameters.values() if parameter.trainable}
    found: set[str] = set()
    for node in graph:
        if not trainable.isdisjoint(node.params) or any(edge.source in found for edge in node.inputs):
            found.add(node.id)
    return frozenset(found | trainable)


def _read(graph: Graph) -> Reading:
    operators = seen(graph)
    causes = {
        index: "additions of a bias apart from the product not seen"
        for index, (node, by) in enumerate(zip(graph, operators, strict=True))
        if by and 0 < sum(by.values()) < _RIGHT(node)
    }
    return Reading(tuple(sum(by.values()) for by in operators), trainable_params(graph), causes)


ATEN = Tool("ptflops_aten", "0.7.5", _SOURCE, "macs", "MACs", _RIGHT, _read)
