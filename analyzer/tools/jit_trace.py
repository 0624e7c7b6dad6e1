"""A captured graph as ``torch.jit``'s tracer would have written it down: operators, with their inputs and outputs.

The tracer leaves out what no output hangs on, and writes down arithmetic on sizes, which a capture does not see; that
of ``nn.MultiheadAttention`` is known and added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from analyzer.graph import Graph
from analyzer.node import Node
from analyzer.spec import TensorSpec
from analyzer.tools.jit_names import kinds_of
from analyzer.tools.jit_values import Value
from analyzer.tools.kernels import fused_without_gradients

__all__ = ["Record", "is_reached", "record_of", "trace"]


@dataclass(frozen=True)
class Record:
    """One operator of a trace.

    Attributes:
        kind: its name, ``"aten::linear"``.
        arguments: what it was given, by the names of its schema or of our rule.
        results: the tensors that it returned.
    """

    kind: str
    arguments: Mapping[str, Any]
    results: tuple[TensorSpec, ...]

    @property
    def inputs(self) -> list[Value]:
        """Its arguments in the order of its schema, as a handle takes them."""
        return [Value(data, name) for name, data in _in_order(self.kind, self.arguments)]

    @property
    def outputs(self) -> list[Value]:
        """Its results, as a handle takes them."""
        return [Value(spec, f"out.{index}", self.kind) for index, spec in enumerate(self.results)]


def trace(graph: Graph, *, gradients: bool = True) -> Iterator[tuple[int, Record]]:
    """``(index of the node, operator)`` for all that a tracer writes down for a graph, in order.

    Without ``gradients``, torch has one kernel for self-attention in evaluation, and the tracer one operator.

    >>> from analyzer import analyze
    >>> [record.kind for _, record in trace(analyze(torch.nn.Conv2d(3, 5, 3), (1, 3, 7, 11)).graph)]
    ['aten::_convolution']
    """
    fused = frozenset() if gradients else fused_without_gradients(graph)
    for index, node in enumerate(graph):
        is_attention = _is_attention(graph, node)
        if index in fused and is_attention:
            if node.op == "linear" and node.arguments["weight"].shape[0] != node.arguments["weight"].shape[1]:
                given = {"query": node.arguments["input"], "qkv_weight": node.arguments["weight"]}
                yield index, Record(_NATIVE_ATTENTION, given, (node.arguments["input"],))
            continue
        for each in record_of(node):
            yield index, each
        if node.op in _ONCE_PER_ATTENTION and is_attention:
            # Of the number of heads and of sequences: no rule sees them, as they are Python's integers.
            for kind in _SIZES_OF_ATTENTION:
                yield index, Record(kind, {"self": _SIZE, "other": _SIZE}, (_SIZE,))


_NATIVE_ATTENTION = "aten::_native_multi_head_attention"
_SIZE = TensorSpec((), torch.int64)
_ONCE_PER_ATTENTION = frozenset({"scaled_dot_product_attention", "softmax"})
_SIZES_OF_ATTENTION = ("aten::div", *["aten::mul"] * 4)


def _is_attention(graph: Graph, node: Node) -> bool:
    info = graph.modules.get(node.module)
    return info is not None and info.type == "MultiheadAttention"


def is_reached(graph: Graph) -> list[bool]:
    """For every node, whether a result of the model hangs on it. The tracer leaves the others out.

    A call that writes over a tensor is reached through whatever reads it afterwards.
    """
    wanted: set[str] = set()
    reached = []
    for node in reversed(graph.records):
        is_wanted = node.kind in ("output", "placeholder") or node.id in wanted
        reached.append(is_wanted)
        if is_wanted:
            wanted.update([edge.source for edge in node.inputs])
    return reached[::-1]


def record_of(node: Node) -> tuple[Record, ...]:
    """The operators of one call."""
    expand = _EXPANSIONS.get(node.op)
    if expand is not None and node.kind not in ("placeholder", "get_attr", "output"):
        return tuple([Record(kind, arguments, results) for kind, arguments, results in expand(node)])
    return tuple([Record(kind, node.arguments, node.outputs) for kind in kinds_of(node)])


Parts = list[tuple[str, Mapping[str, Any], tuple[TensorSpec, ...]]]


def _convolution(node: Node) -> Parts:
    given = dict(node.arguments)
    dims = given["weight"].ndim - 2
    named = isinstance(given.get("padding"), str)
    for name in ("stride", "padding", "dilation", "output_padding"):
        if isinstance(given.get(name), int):
            given[name] = (given[name],) * dims
    given |= {"transposed": "transpose" in node.op, "output_padding": given.get("output_padding", (0,) * dims)}
    results = node.outputs
    parts: Parts = []
    if given.get("padding_mode", "zeros") != "zeros":
        parts.append(("aten::pad", {"self": given["input"], "mode": given["padding_mode"]}, (given["input"],)))
        given["padding"], named = (0,) * dims, False
    batched = given["input"].ndim == dims + 2
    if not batched:
        given["input"] = given["input"].with_shape(1, *given["input"].shape)
        results = tuple(spec.with_shape(1, *spec.shape) for spec in results)
        parts.append(("aten::unsqueeze", {"self": node.arguments["input"], "dim": 0}, (given["input"],)))
    parts.append(("aten::_convolution_mode" if named else "aten::_convolution", given, results))
    if not batched:
        parts.append(("aten::squeeze", {"self": results[0], "dim": 0}, node.outputs))
    return parts


_RESIZERS = {
    "nearest": "aten::upsample_nearest{}d", "nearest-exact": "aten::_upsample_nearest_exact{}d",
    "linear": "aten::upsample_linear{}d", "bilinear": "aten::upsample_bilinear{}d",
    "bicubic": "aten::upsample_bicubic{}d", "trilinear": "aten::upsample_trilinear{}d",
    "area": "aten::adaptive_avg_pool{}d",
}  # fmt: skip


def _resizing(node: Node) -> Parts:
    given = node.arguments
    kind = _RESIZERS[given.get("mode") or "nearest"].format(given["input"].ndim - 2)
    if given.get("antialias"):
        kind = kind.replace("::", "::_") + "_aa"
    return [(kind, {**given, "output_size": list(node.outputs[0].shape[2:])}, node.outputs)]


def _indexing(node: Node) -> Parts:
    """A number selects, a slice slices, None is a new dimension, and tensors and lists index together."""
    index = node.arguments["index"]
    items = index if isinstance(index, tuple) else (index,)
    kinds = dict.fromkeys("aten::index" for item in items if isinstance(item, (TensorSpec, list)))
    parts = [_SELECTORS[type(item)] for item in items if type(item) in _SELECTORS]
    return [(kind, {"self": node.arguments["input"]}, node.outputs) for kind in (*parts, *kinds)]


_SELECTORS = {int: "aten::select", slice: "aten::slice", type(None): "aten::unsqueeze"}


def _writing(node: Node) -> Parts:
    given, views = node.arguments, _indexing(node)
    if views and views[-1][0] == "aten::index":
        return [*views[:-1], ("aten::index_put_", given, node.outputs)]
    kind = "aten::copy_" if isinstance(given.get("value"), TensorSpec) else "aten::fill_"
    return [*views, (kind, given, node.outputs)]


def _cell(node: Node) -> Parts:
    """A recurrent cell: a linear layer of its input, one of its state, and the gates."""
    given = node.arguments
    input, rows = given["input"], given["weight_ih"].shape[0]
    gates = input.with_shape(*input.shape[:-1], rows)
    state = node.outputs[0]
    layers = iter((
        {"input": input, "weight": given["weight_ih"], "bias": given.get("bias_ih")},
        {"input": state, "weight": given["weight_hh"], "bias": given.get("bias_hh")},
    ))  # fmt: skip
    return [
        (kind, next(layers), (gates,)) if kind == "aten::linear" else (kind, {"self": state}, (state,))
        for kind in kinds_of(node)
    ]


def _bag(node: Node) -> Parts:
    """Rows of one length each are numbered first."""
    counted: Parts = [("aten::numel", {"self": node.arguments["input"]}, ())]
    return [
        *(counted if node.arguments["input"].ndim == 2 else ()),
        ("aten::embedding_bag", node.arguments, node.outputs),
    ]


_EXPANSIONS: Mapping[str, Callable[[Node], Parts]] = {
    **dict.fromkeys([f"conv{dims}d" for dims in "123"], _convolution),
    **dict.fromkeys([f"conv_transpose{dims}d" for dims in "123"], _convolution),
    **dict.fromkeys(("rnn_cell", "lstm_cell", "gru_cell"), _cell),
    "interpolate": _resizing, "getitem": _indexing, "setitem": _writing, "embedding_bag": _bag,
}  # fmt: skip

# A schema's name for an argument -> ours.
_OURS = {"self": "input", "tensors": "operands"}


def _in_order(kind: str, arguments: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """``(name, value)`` in the order of the operator's schema; the given order where it has none."""
    given = frozenset(name for name, value in arguments.items() if value is not None)
    schema = _schema(kind, given, frozenset(name for name in given if isinstance(arguments[name], TensorSpec)))
    if schema is None:
        return list(arguments.items())
    pairs = []
    for name, default, length in schema:
        key = next((key for key in (name, _OURS.get(name)) if key in arguments), None)
        value = default if key is None else arguments[key]
        pairs.append((name, [value] * length if length and isinstance(value, int) else value))
    return pairs


@cache
def _schema(kind: str, names: frozenset[str], tensors: frozenset[str]) -> list[tuple[str, Any, int | None]] | None:
    """The arguments of that overload of an operator which these names and tensors fit best.

    Each with its default, and with its length where one number may stand for a list: ``kernel_size=3`` for ``(3, 3)``.
    """
    schemas = torch._C._jit_get_schemas_for_operator(kind)
    if not schemas:
        return None

    def fit(schema: Any) -> int:
        score = 0
        for argument in schema.arguments:
            key = argument.name if argument.name in names else _OURS.get(argument.name)
            if key in names:
                score += 2 if ("Tensor" in str(argument.type)) == (key in tensors) else -1
            elif not argument.has_default_value():
                score -= 1
            score -= 3 * argument.is_out
        return score

    best = max(schemas, key=lambda schema: (fit(schema), len(schema.arguments)))
    return [(a.name, a.default_value if a.has_default_value() else None, getattr(a, "N", None)) for a in best.arguments]
