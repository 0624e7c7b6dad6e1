"""A tool, described: which number it prints for a captured graph, and which number it ought to print."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from analyzer.conventions import Convention
from analyzer.graph import Graph
from analyzer.node import Node

__all__ = ["Entry", "Formula", "Reading", "Tool", "all_params", "by_call"]

Formula = Callable[[Node], int]
Unit = Literal["macs", "flops"]


def _always(node: Node) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Entry:
    """How a tool counts one operation.

    Attributes:
        count: what it counts for a call.
        sees: which calls of the operation it counts; the others are 0 to it.
        cause: what is wrong with its number, in a few words; empty where the general words say enough.
    """

    count: Formula
    sees: Callable[[Node], bool] = _always
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a tool makes of a graph.

    Attributes:
        counts: its number for every node, in execution order.
        params: how many parameters it reports.
        causes: what is wrong with a number, by the index of the node, where the tool's description says so.
        extra: what belongs to no single call, such as layers counted twice: cause -> how much.
    """

    counts: tuple[int, ...]
    params: int
    causes: Mapping[int, str] = field(default_factory=dict)
    extra: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """The one number that the tool prints."""
        return sum(self.counts) + sum(self.extra.values())


@dataclass(frozen=True, slots=True)
class Tool:
    """Another tool for counting, as a value: what it counts, what it calls that, and where it goes wrong.

    Attributes:
        name: how it is asked for, ``"ptflops"``.
        version: the release whose figures `read` gives.
        source: where its formulas are found.
        unit: what its number is: multiply-accumulates or operations.
        label: what it calls that.
        right: its convention without its faults: the same kinds of operations with the same weights, in every spelling.
        read: the figures that it prints itself, faults and all.

    >>> from analyzer.tools import TOOLS
    >>> TOOLS["flop_counter"].unit, TOOLS["flop_counter"].label
    ('flops', 'FLOPs')
    """

    name: str
    version: str
    source: str
    unit: Unit
    label: str
    right: Convention
    read: Callable[[Graph], Reading]


def all_params(graph: Graph) -> int:
    """Elements of all parameters, shared ones once: what most tools report."""
    return sum(parameter.spec.numel for parameter in graph.parameters.values() if not parameter.buffer)


def by_call(entries: Mapping[str, Entry], params: Callable[[Graph], int] = all_params) -> Callable[[Graph], Reading]:
    """How a tool reads a graph that counts call by call.

    Args:
        entries: operation -> how it is counted; every other operation is 0.
        params: how many parameters the tool reports.
    """

    def read(graph: Graph) -> Reading:
        counts, causes = [], {}
        for index, node in enumerate(graph):
            entry = entries.get(node.op)
            if entry is None or not entry.sees(node):
                counts.append(0)
                continue
            counts.append(entry.count(node))
            if entry.cause:
                causes[index] = entry.cause
        return Reading(tuple(counts), params(graph), causes)

    return read
