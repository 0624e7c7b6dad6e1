"""How many parameters work on one token: all of a dense model, a part of a mixture of experts."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from analyzer.graph import Graph
from analyzer.node import Attribute, Node, Ref
from analyzer.spec import TensorSpec

__all__ = ["active_params"]


def active_params(graph: Graph) -> int:
    """Elements of the parameters that a token meets, on average.

    Behind a router, a weight that is applied to fewer rows than there are tokens counts by the part of them that it
    sees: of E experts, of which a token goes to k, together k / E. Parameters that no call reads count nothing, all
    others whole, an embedding too.

    Source: the active parameters of Mixtral (arXiv:2401.04088) and DeepSeek-V3 (arXiv:2412.19437).
    """
    unread = {name for name, parameter in graph.parameters.items() if parameter.buffer or not parameter.used}
    if not any(node.op in ("topk", "one_hot") for node in graph):
        return sum([p.spec.numel for name, p in graph.parameters.items() if name not in unread])
    met: dict[str, Fraction] = {}
    moved: dict[str, str] = {}  # node that only moves a parameter's data: a view, a slice, a gather -> the parameter
    chosen: set[str] = set()  # nodes that pass on what a router chose
    tokens = 0
    for node in graph:
        known = any(edge.source in chosen for edge in node.inputs)
        if node.op == "topk" or (node.op == "one_hot" and not known):
            tokens = _routed(node)
        if node.op in ("topk", "one_hot") or (known and not node.counts):
            chosen.add(node.id)
        if not node.counts and node.op not in ("embedding", "output"):
            name = _data_of(node, moved)
            if name:
                moved[node.id] = name
                continue
        for name in (*node.params, *(moved[edge.source] for edge in node.inputs if edge.source in moved)):
            part = _rows(node, graph.parameters[name].spec) / tokens if tokens else Fraction(1)
            met[name] = met.get(name, Fraction(0)) + part
    return round(
        sum(
            parameter.spec.numel * min(met.get(name, Fraction(1)), Fraction(1))
            for name, parameter in graph.parameters.items()
            if name not in unread
        )
    )


def _data_of(node: Node, moved: Mapping[str, str]) -> str:
    """The parameter whose data a node passes on; empty where it passes on something else."""
    args, kwargs = node.call
    first = args[0] if args else next(iter(kwargs.values()), None)
    if isinstance(first, Attribute):
        return first.name
    return moved.get(first.source, "") if isinstance(first, Ref) else ""


def _routed(node: Node) -> int:
    """How many tokens a router sends on their way: rows of the k best, or of one-hot numbers."""
    chosen = node.outputs[-1]
    return int(chosen.numel) // max(int(chosen.shape[-1]), 1) if chosen.shape else 1


def _rows(node: Node, parameter: TensorSpec) -> Fraction:
    """How many times each element of a parameter is applied: a matrix by its products, a vector by the outputs."""
    products = int(node.counts.mac) if parameter.ndim > 1 else 0
    times = products or max((int(spec.numel) for spec in node.outputs), default=0)
    return Fraction(times, parameter.numel) if parameter.numel else Fraction(1)
