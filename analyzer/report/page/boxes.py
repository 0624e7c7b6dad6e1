"""What the page draws: boxes in boxes in execution order, equal neighbours stored once, and the tensors between them.

Where the table has one line for a module, the page has a box for each of its calls, so that no arrow runs backwards
through a layer that is called again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import ceil

from analyzer.graph import Graph
from analyzer.node import ModuleCall, Node
from analyzer.report.branches import Branch
from analyzer.report.figures import Figures, is_call
from analyzer.report.tree import folded_label, runs

__all__ = ["LONGEST", "Box", "Drawing", "Link", "draw"]

LONGEST = 120
"""As many boxes as one level may have that a layout engine lays out at once and a person still reads."""


@dataclass(slots=True, eq=False)
class Box:
    """A call of a module, a call of an operation, or a stretch of a long level.

    Attributes:
        label: what it is called in the box around it; ``"0-125"`` for folded neighbours.
        branch: the module; None for an operation that is called outside a module of its own, and for a stretch.
        call: the module's call; None where it is none, or never called.
        node: the one call that a leaf stands for; None where there are boxes in it.
        boxes: those in it, in execution order.
        nodes: where in the graph all its calls are, those of folded boxes in it too.
        params: elements of the module's own parameters, counted at its first call.
        times: how many equal neighbours it stands for.
        chained: whether one of those neighbours feeds the next.
    """

    label: str
    branch: Branch | None = None
    call: ModuleCall | None = None
    node: Node | None = None
    boxes: list[Box] = field(default_factory=list)
    nodes: Sequence[int] = ()
    params: int = 0
    times: int = 1
    chained: bool = False

    def walk(self) -> Iterator[Box]:
        """This box and all in it, the outer ones first."""
        yield self
        for box in self.boxes:
            yield from box.walk()


@dataclass(frozen=True, slots=True)
class Link:
    """One tensor on its way.

    Attributes:
        source: index in the graph of the call that makes it, the first of those folded together.
        output: which of that call's outputs.
        target: index of the call that reads it, the first of those folded together.
        slot: as which argument.
    """

    source: int
    output: int
    target: int
    slot: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """All boxes, and the links between the leaves among them.

    Attributes:
        root: the model.
        links: each once, in execution order; from one folded neighbour to the next there is none.
        stands_in: for a call that is folded away, which call stands for it; by index in the graph.
    """

    root: Box
    links: tuple[Link, ...]
    stands_in: Mapping[int, int]


def draw(
    graph: Graph, trunk: Branch, figures: Mapping[str, Figures], changes: Mapping[str, str] | None = None
) -> Drawing:
    """The boxes and links of a model.

    Args:
        graph: the graph.
        trunk: its branches, see `analyzer.report.branches.grow`.
        figures: those of every node, by id.
        changes: marks of modules, by path, and of nodes, by id: what is marked otherwise is not folded together.

    >>> from torch import nn
    >>> from analyzer import CONVENTIONS, analyze
    >>> from analyzer.report.branches import grow
    >>> from analyzer.report.figures import figures_by_node
    >>> analysis = analyze(nn.Sequential(*[nn.Linear(7, 7) for _ in range(3)]).eval(), (3, 7))
    >>> figures = figures_by_node(analysis, CONVENTIONS["macs"])
    >>> drawing = draw(analysis.graph, grow(analysis, figures), figures)
    >>> [(box.label, box.times) for box in drawing.root.boxes], len(drawing.links)
    ([('input', 1), ('0-2', 3), ('output', 1)], 2)
    """
    packer = _Packer(graph, trunk, _Forms(graph, figures, changes or {}))
    root = packer.box(trunk, range(len(graph)), trunk.label, first=True)
    links = tuple(packer.links(root))
    for box in list(root.walk()):
        box.boxes = _stretches(box.boxes)
    return Drawing(root, links, packer.stands_in)


def _stretches(boxes: list[Box]) -> list[Box]:
    """A level that is too long in stretches of neighbours, and those in stretches again where they are too many."""
    while len(boxes) > LONGEST:
        size = ceil(len(boxes) / ceil(len(boxes) / 100))
        parts = [boxes[start : start + size] for start in range(0, len(boxes), size)]
        boxes = [
            Box(f"{part[0].label} … {part[-1].label}", boxes=part, nodes=[index for box in part for index in box.nodes])
            for part in parts
        ]
    return boxes


class _Packer:
    """Puts every call into a box, and notes what was folded."""

    def __init__(self, graph: Graph, trunk: Branch, forms: _Forms) -> None:
        self.graph = graph
        self.forms = forms
        self.position = {node.id: index for index, node in enumerate(graph)}
        self.ends = [index for index, node in enumerate(graph) if not is_call(node)]
        self.within: dict[int, list[int]] = {}  # by the identity of a branch: where all calls in it are, in order
        self._collect(trunk)
        self.stands_in: dict[int, int] = {}
        self.copies: dict[int, dict[int, int]] = {}  # by index: in which copy of which fold a call is
        self.folds: list[Box] = []

    def _collect(self, branch: Branch) -> list[int]:
        found = [self.position[node.id] for node in branch.nodes]
        for child in branch.children.values():
            found += self._collect(child)
        self.within[id(branch)] = sorted(found)
        return self.within[id(branch)]

    def inside(self, branch: Branch, span: range) -> list[int]:
        """Where the calls in a branch are that were made during a span."""
        found = self.within[id(branch)]
        return found[bisect_left(found, span.start) : bisect_left(found, span.stop)]

    def box(self, branch: Branch, span: range, label: str, *, first: bool, call: ModuleCall | None = None) -> Box:
        """The box of what a module did during a span; ``first``: its parameters count here."""
        nodes = self.inside(branch, span)
        box = Box(label, branch, call, nodes=nodes, params=branch.own.params if first else 0)
        own = [node for node in branch.nodes if self.position[node.id] in span]
        parts = [part for child in branch.children.values() for part in self.parts(child, span, "", first=first)]
        if len(own) == 1 and not parts and branch.path:
            box.node = own[0]
            return box
        parts += [
            Box(node.id.rpartition(".")[2] or node.id, node=node, nodes=(self.position[node.id],)) for node in own
        ]
        box.boxes = self.folded(sorted(parts, key=lambda part: part.nodes[0] if part.nodes else len(self.graph)))
        return box

    def parts(self, branch: Branch, span: range, lead: str, *, first: bool) -> Iterator[Box]:
        """A box for every call of a module during a span.

        Of a container that is never called, and whose modules are called between others, only these modules are drawn.
        """
        label, nodes = f"{lead}{branch.label}", self.inside(branch, span)
        if not nodes:
            if first:
                yield self.box(branch, range(0), label, first=True)
            return
        if not branch.info.calls and not branch.own.params and self.is_interleaved(nodes):
            for child in branch.children.values():
                yield from self.parts(child, span, f"{label}.", first=first)
            return
        calls = [call for call in branch.info.calls if call.nodes and call.nodes[0] in span]
        if sum(len(self.inside(branch, call.nodes)) for call in calls) != len(nodes):  # of a graph made by hand
            calls = list(branch.info.calls[:1])
        if len(calls) < 2:
            yield self.box(branch, span, label, first=first, call=calls[0] if calls else None)
            return
        for number, call in enumerate(calls):
            name = f"{label}:{number}" if number else label
            yield self.box(branch, call.nodes, name, first=first and not number, call=call)

    def is_interleaved(self, nodes: list[int]) -> bool:
        """Whether other calls were made between these."""
        ends = bisect_left(self.ends, nodes[-1]) - bisect_left(self.ends, nodes[0])
        return nodes[-1] - nodes[0] + 1 - ends != len(nodes)

    def folded(self, boxes: list[Box]) -> list[Box]:
        """Equal neighbours as one box."""
        kept = []
        # Operations outside a module of their own are never folded: their numbers count calls, no layers.
        forms = {id(box): self.forms.of(box) if box.branch else -id(box) for box in boxes}
        for run in runs(boxes, forms):
            box = run[0]
            if len(run) > 1:
                for number, copy in enumerate(run):
                    for index, original in zip(copy.nodes, box.nodes, strict=True):
                        self.copies.setdefault(index, {})[len(self.folds)] = number
                        if number:
                            self.stands_in[index] = original
                box.label, box.times = folded_label(run), len(run)
                self.folds.append(box)
            kept.append(box)
        return kept

    def links(self, root: Box) -> Iterator[Link]:
        """What goes from leaf to leaf, each once."""
        seen = set()
        for target, node in enumerate(self.graph):
            for edge in node.inputs:
                source = self.position[edge.source]
                here, there = self.copies.get(source, {}), self.copies.get(target, {})
                between = [fold for fold, number in here.items() if there.get(fold, number) != number]
                for fold in between:
                    self.folds[fold].chained = True
                link = Link(self.original(source), edge.index, self.original(target), edge.slot)
                if not between and link not in seen:
                    seen.add(link)
                    yield link

    def original(self, index: int) -> int:
        """The call that stands for one that is folded away."""
        while index in self.stands_in:
            index = self.stands_in[index]
        return index


class _Forms:
    """Numbers for boxes: equal ones hold equal calls, linked alike, and are drawn alike."""

    def __init__(self, graph: Graph, figures: Mapping[str, Figures], changes: Mapping[str, str]) -> None:
        self.changes = changes
        self.numbers: dict[Hashable, int] = {}
        self.known: dict[Box, int] = {}
        position = {node.id: index for index, node in enumerate(graph)}
        self.inputs = [[(position[edge.source], edge.index, edge.slot) for edge in node.inputs] for node in graph]
        self.calls = [
            self.number((
                node.op, node.target, node.status, node.source, node.outputs, tuple(edge.spec for edge in node.inputs),
                node.counts, node.traffic, figures[node.id].bound, changes.get(node.id),
                tuple(graph.parameters[name].spec for name in node.params),
            ))
            for node in graph
        ]  # fmt: skip

    def number(self, key: Hashable) -> int:
        """A number of its own for every key."""
        return self.numbers.setdefault(key, len(self.numbers))

    def of(self, box: Box) -> int:
        """The number of a box, whatever its label."""
        if box not in self.known:
            self.known[box] = self.number(self.form(box))
        return self.known[box]

    def form(self, box: Box) -> Hashable:
        """All that is drawn of a box."""
        local = {index: place for place, index in enumerate(box.nodes)}
        outer: dict[tuple[int, int], int] = {}
        fresh = count(-1, -1)
        calls = []
        for index in box.nodes:
            reads = []
            for source, output, slot in self.inputs[index]:
                place = local.get(source)
                if place is None:
                    key = source, output
                    place = outer.get(key)
                    if place is None:
                        place = outer[key] = next(fresh)
                reads.append((place, output, slot))
            calls.append((self.calls[index], *reads))
        branch = box.branch
        type = (branch.info.type, branch.notes, branch.home, self.changes.get(branch.path)) if branch else None
        below = tuple((inner.label, inner.times, self.of(inner)) for inner in box.boxes)
        return type, box.params, tuple(calls), below
