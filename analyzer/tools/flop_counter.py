"""FlopCounterMode of torch: 2 FLOPs a product of the operators that it has a formula for, and nothing else."""

from __future__ import annotations

from analyzer.conventions import CONVENTIONS, Convention
from analyzer.graph import Graph
from analyzer.tools.causes import family_of
from analyzer.tools.kernels import fused_without_gradients, is_fused_attention
from analyzer.tools.tool import Reading, Tool, all_params

__all__ = ["CPU", "META"]

_SOURCE = "torch/utils/flop_counter.py"
_RIGHT = Convention("flop_counter", _SOURCE, {"mac": 2}, parts=False)


def _read(graph: Graph) -> Reading:
    return Reading(tuple(map(int, CONVENTIONS["flop_counter"].over(graph))), all_params(graph))


def _read_on_cpu(graph: Graph) -> Reading:
    native = fused_without_gradients(graph)
    counts, causes = list(_read(graph).counts), {}
    for index, node in enumerate(graph):
        if index in native or is_fused_attention(node) or node.op == "lstm":
            if counts[index]:
                causes[index] = f"{family_of(node)} in a fused kernel not seen"
            counts[index] = 0
    return Reading(tuple(counts), all_params(graph), causes)


META = Tool("flop_counter", "2.14", _SOURCE, "flops", "FLOPs", _RIGHT, _read)
CPU = Tool("flop_counter_cpu", "2.14", _SOURCE, "flops", "FLOPs", _RIGHT, _read_on_cpu)
