"""The graph as people draw it: modules as nested boxes, cut at a depth, equal neighbours folded into one.

Every call stands in exactly one leaf of the outline, so the costs of its leaves add up to the total. Pictures and
Mermaid are written from it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from operator import itemgetter
from typing import TYPE_CHECKING

from analyzer.conventions import Convention
from analyzer.node import Node
from analyzer.report.branches import Branch, grow
from analyzer.report.figures import Figures, figures_by_node
from analyzer.report.numbers import human, shape, share
from analyzer.report.tree import folded_label, runs

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

Copy = dict[int, int]
"""Which of the folded neighbours a call is in, by the number of the fold."""

__all__ = ["ENDS", "READABLE", "Box", "Link", "Outline", "outline"]

READABLE = 60
"""As many leaves as a picture may have that one still reads: the depth that is taken when none is asked for."""

ENDS = ("input", "constant", "output")
"""Operations that are no calls."""


@dataclass(slots=True, eq=False)
class Box:
    """A module or a call; equal neighbours are one box.

    Attributes:
        path: where it stands, ``"layers.0-31.attn"`` within folded neighbours.
        label: what it is called there.
        type: the module's class or the name of the operation.
        times: how many equal neighbours are folded into this box.
        figures: what all that is in the box costs, in all neighbours together.
        children: the boxes in it, in execution order; a leaf has none.
        node: the call that a leaf stands for, the first one where it is folded; None for a module.
    """

    path: str
    label: str
    type: str
    times: int = 1
    figures: Figures = field(default_factory=Figures)
    children: list[Box] = field(default_factory=list)
    node: Node | None = None

    def leaves(self) -> Iterator[Box]:
        """The boxes that have none in them."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()

    def caption(self, unit: str, whole: int) -> tuple[str, str, str]:
        """What is written in the box: its name and how often it is there, its type, what it costs; or nothing.

        Args:
            unit: what the cost is called.
            whole: the cost of the model, for the share.

        >>> Box("layers.0-3", "0-3", "Layer", 4, Figures(cost=37)).caption("FLOPs", 148)
        ('0-3  4 ×', 'Layer', '37 FLOPs, 25.0 %')
        """
        name = f"{self.label}  {self.times} ×" if self.times > 1 else self.label
        said = self.type in ENDS or self.type == self.label.split(":")[0]
        cost = self.figures.cost
        if not cost and not self.figures.at_least:
            return name, "" if said else self.type, ""
        parts = (f"{human(cost, missing=self.figures.at_least)} {unit}", share(cost, whole))
        return name, "" if said else self.type, ", ".join(filter(None, parts))


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """Tensors on their way from one leaf to another.

    Attributes:
        source: the leaf that makes them.
        target: the leaf that reads them.
        shapes: their shapes, each once.
    """

    source: Box
    target: Box
    shapes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """Boxes, and the links between their leaves.

    Attributes:
        root: the model.
        links: in execution order. From one folded neighbour to the next there is none.
    """

    root: Box
    links: tuple[Link, ...]


def outline(analysis: Analysis, weigh: Convention, depth: int | None = None) -> Outline:
    """The outline of a model.

    Args:
        analysis: the analysis.
        weigh: the convention of `Figures.cost`.
        depth: how many levels below the model are drawn; as many as stay `READABLE` when left out, at least one.

    >>> from torch import nn
    >>> from analyzer import CONVENTIONS, analyze
    >>> analysis = analyze(nn.Sequential(*[nn.Linear(7, 7) for _ in range(3)]).eval(), (3, 7))
    >>> [(box.label, box.times, box.figures.macs) for box in outline(analysis, CONVENTIONS["macs"]).root.leaves()]
    [('input', 1, 0), ('0-2', 3, 441), ('output', 1, 0)]
    """
    figures = figures_by_node(analysis, weigh)
    trunk = grow(analysis, figures)
    drawing = _Drawing(analysis, trunk, figures, 1 if depth is None else depth)
    for level in range(2, 2 + _height(trunk)) if depth is None else ():
        deeper = _Drawing(analysis, trunk, figures, level)
        if sum(1 for _ in deeper.root.leaves()) > READABLE:
            break
        drawing = deeper
    return Outline(drawing.root, tuple(drawing.links()))


def _height(branch: Branch) -> int:
    return 1 + max(map(_height, branch.children.values()), default=0)


def _forms(trunk: Branch) -> dict[int, int]:
    """A number for every branch, by identity; equal numbers stand for equal calls in the same order, at every level."""
    numbers: dict[Hashable, int] = {}
    forms: dict[int, int] = {}
    for branch in reversed(list(trunk.walk())):
        calls = tuple((node.op, node.status, node.outputs) for node in branch.nodes)
        below = tuple((child.label, forms[id(child)]) for child in branch.children.values())
        key = (branch.info.type, branch.own, branch.home, calls, below)
        forms[id(branch)] = numbers.setdefault(key, len(numbers))
    return forms


class _Drawing:
    """One way through the branches, which notes where every call went."""

    def __init__(self, analysis: Analysis, trunk: Branch, figures: Mapping[str, Figures], depth: int) -> None:
        self.graph = analysis.graph
        self.figures = figures
        self.depth = depth
        self.forms = _forms(trunk)
        self.index = {node.id: number for number, node in enumerate(analysis.graph)}
        self.leaf: dict[str, Box] = {}  # by the id of a call
        self.copy: dict[str, Copy] = {}
        self.folds = count()
        self.root = self.box([(trunk, {})], "", trunk.label, 1, 0)

    def box(self, group: list[tuple[Branch, Copy]], path: str, label: str, times: int, level: int) -> Box:
        """The box that stands for a group of equal branches, each with the copies of folds that it is in."""
        first = group[0][0]
        box = Box(path, label, first.info.type, times, sum((branch.total for branch, _ in group), Figures()))
        if level == self.depth or len(_calls(first)) == 1:
            for branch, copy in group:
                self.place(box, _calls(branch), copy)
            return box
        parts = [*self.calls(group, path), *self.modules(group, path, level)]
        box.children = [part for _, part in sorted(parts, key=itemgetter(0))]
        return box

    def calls(self, group: list[tuple[Branch, Copy]], path: str) -> Iterator[tuple[int, Box]]:
        """A leaf for every call that no module below makes, and when it is made."""
        each = [(_made_here(branch), copy) for branch, copy in group]
        for number, (first, type) in enumerate(each[0][0]):
            same = [(made[number][0], copy) for made, copy in each]
            label = first.id.rpartition(".")[2]
            figures = sum((self.figures[node.id] for node, _ in same), Figures())
            box = Box(f"{path}.{label}" if path else label, label, type, 1, figures)
            for node, copy in same:
                self.place(box, [node], copy)
            yield self.index[first.id], box

    def modules(self, group: list[tuple[Branch, Copy]], path: str, level: int) -> Iterator[tuple[int, Box]]:
        """A box for every run of equal modules right below, and when the first call in it is made."""
        below = [list(branch.children.values()) for branch, _ in group]
        start = 0
        for run in runs(below[0], self.forms):
            fold = next(self.folds)
            copies = [
                (children[start + number], copy | {fold: number})
                for children, (_, copy) in zip(below, group, strict=True)
                for number in range(len(run))
            ]
            start += len(run)
            calls = _calls(run[0])
            if calls and not _is_reused(run[0]):
                label = folded_label(run)
                box = self.box(copies, f"{path}.{label}" if path else label, label, len(run), level + 1)
                yield min(self.index[node.id] for node in calls), box

    def place(self, box: Box, nodes: list[Node], copy: Copy) -> None:
        """Note that these calls stand in a leaf."""
        box.node = box.node or nodes[0]
        for node in nodes:
            self.leaf[node.id], self.copy[node.id] = box, copy

    def links(self) -> Iterator[Link]:
        """What goes from leaf to leaf."""
        found: dict[tuple[Box, Box], dict[str, None]] = {}
        for node in self.graph:
            for edge in node.inputs:
                ends = self.leaf[edge.source], self.leaf[node.id]
                here, there = self.copy[edge.source], self.copy[node.id]
                if ends[0] is not ends[1] and all(there.get(fold, number) == number for fold, number in here.items()):
                    found.setdefault(ends, {})[shape(edge.spec)] = None
        for (source, target), shapes in found.items():
            yield Link(source, target, tuple(shapes))


def _made_here(branch: Branch) -> list[tuple[Node, str]]:
    """The calls that stand right in a module, and the type that each has: its operation, or the class of a layer."""
    reused = [child for child in branch.children.values() if _is_reused(child)]
    layers = [(node, child.info.type) for child in reused for node in child.nodes]
    return [*((node, node.op) for node in branch.nodes), *layers]


def _is_reused(branch: Branch) -> bool:
    """Whether this is one layer that is called here and there, such as the ReLU of a ResNet's block.

    A box around its calls would say that they belong together; each stands where it is called instead.
    """
    return len(branch.nodes) > 1 and all(node.kind == "call_module" for node in branch.nodes)


def _calls(branch: Branch) -> list[Node]:
    """All calls in a branch."""
    return [node for below in branch.walk() for node in below.nodes]
