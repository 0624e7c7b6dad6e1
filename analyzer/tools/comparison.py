"""What tools say of a model beside what is true, and the difference broken down to named causes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analyzer.conventions import CONVENTIONS
from analyzer.graph import Graph
from analyzer.tools.causes import attention_products, cause_of
from analyzer.tools.tool import Reading, Tool, all_params

__all__ = ["Cause", "Verdict", "verdicts"]

CALLED_FLOPS = "MACs called FLOPs"


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why a tool's number is not the true one.

    Attributes:
        reason: in a few words.
        amount: how much of the difference it makes, with its sign.
        calls: how many calls it concerns; 0 where it concerns no call in particular.
        first: id of the first of these nodes, or an empty string.
    """

    reason: str
    amount: int
    calls: int = 0
    first: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one tool says, and what is true.

    Attributes:
        tool: the tool.
        said: its number.
        unit: what it calls that, ``"macs"`` or ``"flops"``, whatever it really counts.
        true: the true number in the unit of that name.
        causes: what makes up the difference, the largest first; their amounts add up to it.
        params: the parameters that the tool reports.
        true_params: the parameters that there are.
    """

    tool: Tool
    said: int
    unit: str
    true: int
    causes: tuple[Cause, ...]
    params: int
    true_params: int

    @property
    def difference(self) -> int:
        """What is said less what is true."""
        return self.said - int(self.true)


def verdicts(graph: Graph, tools: Iterable[Tool]) -> tuple[Verdict, ...]:
    """Ask each tool for its number, and say why it is not the true one."""
    attention = attention_products(graph)
    return tuple(_verdict(graph, tool, attention) for tool in tools)


def _verdict(graph: Graph, tool: Tool, attention: frozenset[str]) -> Verdict:
    reading = tool.read(graph)
    true = [int(cost) for cost in CONVENTIONS[tool.unit].over(graph)]
    unit, whole = tool.unit, sum(CONVENTIONS[tool.unit].over(graph))
    causes = _by_call(graph, reading, true, attention)
    causes += [Cause(reason, amount) for reason, amount in reading.extra.items() if amount]
    if unit == "macs" and "flop" in tool.label.lower():
        unit, macs = "flops", whole
        whole = sum(CONVENTIONS["flops"].over(graph))
        causes.append(Cause(CALLED_FLOPS, int(macs) - int(whole)))
    causes.sort(key=lambda cause: abs(cause.amount), reverse=True)
    return Verdict(tool, reading.total, unit, whole, tuple(causes), reading.params, all_params(graph))


def _by_call(graph: Graph, reading: Reading, true: list[int], attention: frozenset[str]) -> list[Cause]:
    found: dict[str, Cause] = {}
    for index, (node, said, right) in enumerate(zip(graph, reading.counts, true, strict=True)):
        if said == right:
            continue
        reason = reading.causes.get(index) or cause_of(node, said, right, attention=node.id in attention)
        known = found.get(reason, Cause(reason, 0, 0, node.id))
        found[reason] = Cause(reason, known.amount + said - right, known.calls + 1, known.first)
    return list(found.values())
