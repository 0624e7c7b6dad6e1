"""fvcore: multiply-accumulates, which it calls flops, of what a trace holds; by the names of aten operators."""

from __future__ import annotations

from collections.abc import Mapping

from analyzer.conventions import Convention
from analyzer.graph import Graph
from analyzer.node import Node
from analyzer.tools.fvcore_handles import (
    Handle,
    Number,
    addmm,
    batch_norm,
    bmm,
    conv,
    einsum,
    elements,
    elementwise,
    linear,
    matmul,
    norm,
    norm_weight,
)
from analyzer.tools.jit_trace import Record, is_reached, record_of, trace
from analyzer.tools.tool import Reading, Tool, all_params

__all__ = ["ACTIVATIONS", "FLOPS", "FVCORE", "IGNORED", "activations", "handled", "name_of"]

_SOURCE = "fvcore/nn/flop_count.py, jit_handles.py, jit_analysis.py, 0.1.5.post20221221"

# Not counted, and not reported as unsupported: views, copies, integers, and what fvcore holds to be free.
IGNORED = frozenset(
    "aten::" + name
    for name in (
        "Int ScalarImplicit __and__ arange bitwise_not cat chunk clamp clamp_ constant_pad_nd contiguous copy_ detach "
        "dropout empty eq expand flatten floor floor_divide full full_like gather ge gt index index_put_ masked_fill "
        "max narrow new_empty new_full new_zeros nonzero ones permute relu relu_ remainder reshape roll select size "
        "slice split split_with_sizes squeeze stack t to transpose type_as unbind unsqueeze unsqueeze_ view zeros "
        "zeros_like"
    ).split()
)


FLOPS: Mapping[str, Handle] = {
    "aten::addmm": addmm, "aten::bmm": bmm, "aten::_convolution": conv, "aten::einsum": einsum, "aten::matmul": matmul,
    "aten::mm": matmul, "aten::linear": linear, "aten::batch_norm": batch_norm, "aten::group_norm": norm(2),
    "aten::layer_norm": norm(2), "aten::instance_norm": norm(1), "aten::upsample_nearest2d": elementwise(0, 1),
    "aten::upsample_bilinear2d": elementwise(0, 4), "aten::adaptive_avg_pool2d": elementwise(1, 0),
    "aten::grid_sampler": elementwise(0, 4),
}  # fmt: skip
ACTIVATIONS: Mapping[str, Handle] = {
    "aten::_convolution": elements("conv"), "aten::addmm": elements(), "aten::bmm": elements(),
    "aten::einsum": elements(), "aten::matmul": elements(), "aten::linear": elements(),
}  # fmt: skip

_DROPPED = "no result of the model hangs on it: left out of the trace"
_FAILS = "fvcore itself fails on this call; taken for 0"


def handled(record: Record, handle: Handle) -> Mapping[str, Number]:
    """What a handle counts for an operator, by name: the operator's without ``aten::`` where the handle gives none."""
    said = handle(record.inputs, record.outputs)
    return said if isinstance(said, Mapping) else {name_of(record.kind): said}


def name_of(kind: str) -> str:
    """An operator's name without its namespace.

    >>> name_of("aten::layer_norm")
    'layer_norm'
    """
    return kind.partition("::")[2] or kind


# --- the same conventions, without the faults ---------------------------------------------------------------------


def _numel(node: Node) -> int:
    return int(node.arguments["input"].numel)


def _norm(node: Node) -> int:
    return _numel(node) * norm_weight(node.arguments.get("weight") is not None)


def _batch_norm(node: Node) -> int:
    by_input = bool(node.arguments.get("training"))
    return _numel(node) * norm_weight(node.arguments.get("weight") is not None, by_input)


def _resized(node: Node) -> int:
    """Resizing in 2 dimensions, which is all that fvcore weighs."""
    if node.arguments["input"].ndim != 4:
        return 0
    output = int(node.outputs[0].numel)
    weights = {"nearest": output, "nearest-exact": output, "bilinear": 4 * output, "area": _numel(node)}
    return weights.get(node.arguments.get("mode") or "nearest", 0)


def _sampled(node: Node) -> int:
    return 4 * int(node.outputs[0].numel)


_RIGHT = Convention(
    "fvcore",
    _SOURCE,
    {"mac": 1},
    parts=False,
    overrides={
        "batch_norm": _batch_norm,
        "layer_norm": _norm,
        "group_norm": _norm,
        "instance_norm": _norm,
        "interpolate": _resized,
        "adaptive_avg_pool2d": _numel,
        "grid_sample": _sampled,
    },
)


def activations(node: Node) -> int:
    """Elements that products leave: of the output, or of each product inside a call that makes several.

    Attention leaves its scores too, as it does where it is written out, and a recurrent layer the sums of its gates.

    >>> from analyzer import TensorSpec, analyze
    >>> sum(map(activations, analyze(lambda x, y: x @ y, (TensorSpec((2, 3)), TensorSpec((3, 5)))).graph))
    10
    """
    if not node.counts.mac:
        return 0
    if any(record.kind in ACTIVATIONS or record.kind.startswith("aten::_convolution") for record in record_of(node)):
        return sum(int(spec.numel) for record in record_of(node) if record.kind in _PRODUCTS for spec in record.results)
    return int(node.counts.dot)


_PRODUCTS = frozenset((*ACTIVATIONS, "aten::_convolution_mode"))


def _read(graph: Graph) -> Reading:
    counts = [0] * len(graph)
    reached = is_reached(graph)
    causes = {index: _DROPPED for index, is_wanted in enumerate(reached) if not is_wanted}
    for index, record in trace(graph):
        handle = FLOPS.get(record.kind)
        if handle is None or not reached[index]:
            continue
        try:
            counts[index] += int(sum(handled(record, handle).values()))
        except (TypeError, ValueError, IndexError):
            causes[index] = _FAILS
    return Reading(tuple(counts), all_params(graph), causes)


FVCORE = Tool("fvcore", "0.1.5.post20221221", _SOURCE, "macs", "flops", _RIGHT, _read)
