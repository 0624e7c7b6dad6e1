"""What one line of a report adds up: parameters, MACs, cost and bytes of some calls, and how sure they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer.bounds import is_bound
from analyzer.conventions import Convention
from analyzer.graph import Graph
from analyzer.node import ModuleCall, Node, around

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = [
    "UNREAD",
    "Figures",
    "ends",
    "figures_by_node",
    "figures_by_op",
    "is_call",
    "is_uncounted",
    "new_parameters",
    "parameter_owner",
    "unread",
]

UNREAD = "(never used)"
"""What stands for the parameters that no call reads."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over calls.

    Attributes:
        params: elements of parameters, each counted once.
        macs: multiply-accumulates.
        flops: cost in the convention ``flops``.
        cost: cost in the convention that was asked for.
        bytes_read: bytes read.
        bytes_written: bytes written.
        at_least: whether the cost of a call among them is unknown.

    A number that depends on a size that only data knows is an upper bound and says so, see `analyzer.bounds`.

    >>> from analyzer.bounds import AtMost
    >>> Figures(macs=AtMost(5)) + Figures(macs=7)
    Figures(params=0, macs=≤12, flops=0, cost=0, bytes_read=0, bytes_written=0, at_least=False)
    """

    params: int = 0
    macs: int = 0
    flops: int = 0
    cost: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    at_least: bool = False

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.params + other.params,
            self.macs + other.macs,
            self.flops + other.flops,
            self.cost + other.cost,
            self.bytes_read + other.bytes_read,
            self.bytes_written + other.bytes_written,
            self.at_least or other.at_least,
        )

    def __mul__(self, times: int) -> Figures:
        return Figures(
            self.params * times,
            self.macs * times,
            self.flops * times,
            self.cost * times,
            self.bytes_read * times,
            self.bytes_written * times,
            self.at_least,
        )

    @property
    def bound(self) -> str:
        """How sure the numbers are, as a word for data: ``exact``, ``upper``, ``lower`` or ``mixed``.

        >>> from analyzer.bounds import AtMost
        >>> Figures(macs=AtMost(5)).bound, Figures(macs=AtMost(5), at_least=True).bound, Figures(macs=5).bound
        ('upper', 'mixed', 'exact')
        """
        if any(map(is_bound, (self.macs, self.flops, self.cost, self.bytes_read, self.bytes_written))):
            return "mixed" if self.at_least else "upper"
        return "lower" if self.at_least else "exact"


def is_call(node: Node) -> bool:
    """Whether the node is a call, and not an end of the graph."""
    return node.op not in ("input", "constant", "output")


def ends(graph: Graph) -> ModuleCall:
    """The tensors that go into the whole graph and come out of it."""
    inputs = tuple(spec for node in graph if node.op == "input" for spec in node.outputs)
    outputs = tuple(edge.spec for node in graph if node.op == "output" for edge in node.inputs)
    return ModuleCall(inputs, outputs)


def is_uncounted(node: Node) -> bool:
    """Whether the cost of this call is missing in the totals: no rule knows it."""
    return node.status == "unknown" or (node.status == "inferred" and not node.counts)


def figures_by_node(analysis: Analysis, weigh: Convention) -> dict[str, Figures]:
    """The figures of every node; a parameter counts at the first call that reads it, so their sums are the totals."""
    new = new_parameters(analysis)
    sizes = {name: parameter.spec.numel for name, parameter in analysis.graph.parameters.items()}
    figures = {}
    costs = (analysis.costs("macs"), analysis.costs("flops"), analysis.costs(weigh))
    for node, macs, flops, cost in zip(analysis.graph, *costs, strict=True):
        figures[node.id] = Figures(
            params=sum([sizes[name] for name in new[node.id]]),
            macs=macs,
            flops=flops,
            cost=cost,
            bytes_read=node.traffic.read,
            bytes_written=node.traffic.written,
            at_least=is_uncounted(node),
        )
    return figures


def figures_by_op(analysis: Analysis, weigh: Convention) -> list[tuple[str, int, Figures]]:
    """Operation, number of calls and figures, the dearest first; parameters that no call reads stand last."""
    figures = figures_by_node(analysis, weigh)
    total: dict[str, Figures] = {}
    calls: Counter[str] = Counter()
    for node in analysis.graph:
        if is_call(node) or figures[node.id] != Figures():
            total[node.op] = total.get(node.op, Figures()) + figures[node.id]
            calls[node.op] += 1
    order = sorted(total, key=lambda op: (-total[op].cost, -total[op].macs, -calls[op], op))
    rest = unread(analysis, figures)
    return [(op, calls[op], total[op]) for op in order] + ([(UNREAD, 0, rest)] if rest else [])


def unread(analysis: Analysis, figures: Mapping[str, Figures]) -> Figures | None:
    """The parameters that no node is the first to read; None where there are none."""
    params = analysis.params - sum(item.params for item in figures.values())
    return Figures(params=params) if params else None


def new_parameters(analysis: Analysis) -> dict[str, tuple[str, ...]]:
    """For every node the parameters, buffers apart, that it is the first to read."""
    seen: set[str] = set()
    new = {}
    for node in analysis.graph:
        names = tuple(name for name in dict.fromkeys(node.params) if name not in seen)
        seen.update(names)
        new[node.id] = tuple(name for name in names if not analysis.graph.parameters[name].buffer)
    return new


def parameter_owner(name: str, analysis: Analysis) -> str:
    """Path of the module in which a parameter has its first name."""
    return around(name, analysis.graph.modules)
