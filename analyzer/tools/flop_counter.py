"""FlopCounterMode of torch: 2 FLOPs a product of the operators that it has a formula for, and nothing else."""

from __future__ import annotations

from analyzer.conventions import CONVENTIONS, Convention
from analyzer.graph import Graph
from analyzer.node import Node
from analyzer.tools.tool import Reading, Tool, all_params

__all__ = ["CPU", "META"]

_SOURCE = "torch/utils/flop_counter.py"
# On a CPU, without gradients, torch has one kernel each for these, and FlopCounterMode no formula for it.
_FUSED_ON_CPU = frozenset({"scaled_dot_product_attention", "lstm"})

_RIGHT = Convention("flop_counter", _SOURCE, {"mac": 2}, parts=False)


def _read(graph: Graph) -> Reading:
    return Reading(tuple(CONVENTIONS["flop_counter"].over(graph)), all_params(graph))


def _on_cpu(node: Node, count: int) -> int:
    return 0 if node.op in _FUSED_ON_CPU else count


def _read_on_cpu(graph: Graph) -> Reading:
    counts = map(_on_cpu, graph, CONVENTIONS["flop_counter"].over(graph))
    return Reading(tuple(counts), all_params(graph))


META = Tool("flop_counter", "torch 2.14", _SOURCE, "flops", "FLOPs", _RIGHT, _read)
CPU = Tool("flop_counter_cpu", "torch 2.14, on a CPU", _SOURCE, "flops", "FLOPs", _RIGHT, _read_on_cpu)
