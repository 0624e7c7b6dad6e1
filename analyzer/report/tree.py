"""The module tree as plain rows, cut at a depth, identical neighbours folded. Its leaves add up to the totals."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from analyzer.conventions import Convention
from analyzer.report.branches import Branch, grow
from analyzer.report.figures import Figures, figures_by_node
from analyzer.spec import TensorSpec

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["Row", "folded_label", "follows", "numbered", "runs", "tree_rows"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the module table.

    Attributes:
        path: the module's path; ``"layers.1-23"`` for folded neighbours.
        label: its last part, or ``"(own operations)"`` for what a module does besides its children.
        type: the module's class.
        depth: 0 is the model.
        times: how many identical neighbours are folded into the row; its figures are their sum.
        inputs: tensors into its first call.
        outputs: tensors out of it.
        figures: what it costs, all below it included.
        leaf: whether nothing below it is shown, so that the row counts in the sum of its column.
        notes: remarks, such as ``"never called"``.
    """

    path: str
    label: str
    type: str
    depth: int
    times: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    figures: Figures
    leaf: bool
    notes: tuple[str, ...] = ()


def tree_rows(analysis: Analysis, weigh: Convention, depth: int | None) -> tuple[Row, ...]:
    """The rows of the module table, parents first.

    Args:
        analysis: the analysis.
        weigh: the convention of `Figures.cost`.
        depth: how many levels below the model are shown; None for all.
    """
    root = grow(analysis, figures_by_node(analysis, weigh))
    return tuple(_rows(root, "", root.label, 0, (1, 1), depth, _signatures(root)))


def _rows(
    branch: Branch,
    path: str,
    label: str,
    level: int,
    folded: tuple[int, int],
    depth: int | None,
    signatures: dict[int, int],
) -> Iterator[Row]:
    """``folded``: identical neighbours in this row, and how often all of it stands in the model."""
    times, whole = folded
    leaf = not branch.children or level == depth
    call = branch.info.calls[0] if branch.info.calls else None
    inputs, outputs = (call.inputs, call.outputs) if call else ((), ())
    figures = branch.total * whole
    yield Row(path, label, branch.info.type, level, times, inputs, outputs, figures, leaf, branch.notes)
    if leaf:
        return
    lead = f"{path}." if path else ""
    for run in runs(list(branch.children.values()), signatures):
        name = folded_label(run)
        below = (len(run), whole * len(run))
        yield from _rows(run[0], f"{lead}{name}", name, level + 1, below, depth, signatures)
    rest = branch.own
    if rest.params or rest.macs or rest.cost or rest.at_least:
        name = _rest_label(rest)
        yield Row(f"{lead}{name}", name, "", level + 1, 1, (), (), rest * whole, leaf=True)


def _rest_label(rest: Figures) -> str:
    if rest.macs or rest.cost or rest.at_least:
        return "(own operations and parameters)" if rest.params else "(own operations)"
    return "(own parameters)"


def _signatures(root: Branch) -> dict[int, int]:
    """A number for every branch, by identity; equal numbers stand for equal types, shapes, figures and children."""
    numbers: dict[Hashable, int] = {}
    signatures: dict[int, int] = {}
    for branch in reversed(list(root.walk())):
        below = tuple((child.label, signatures[id(child)]) for child in branch.children.values())
        calls = tuple((call.inputs, call.outputs) for call in branch.info.calls)  # where in the graph differs
        key = (branch.info.type, calls, branch.own, branch.notes, branch.home, below)
        signatures[id(branch)] = numbers.setdefault(key, len(numbers))
    return signatures


class Labelled(Protocol):
    """What stands in a tree under a name."""

    @property
    def label(self) -> str:
        """What it is called below its parent."""


Neighbour = TypeVar("Neighbour", bound=Labelled)


def runs(branches: Sequence[Neighbour], signatures: dict[int, int]) -> Iterator[list[Neighbour]]:
    """Neighbours that differ in nothing but a running number in their names, together.

    Args:
        branches: neighbours, in order.
        signatures: a number for every branch, by identity, that is the same for those that may be one.
    """
    run: list[Neighbour] = []
    for branch in branches:
        if run and not (signatures[id(branch)] == signatures[id(run[0])] and follows(run[-1].label, branch.label)):
            yield run
            run = []
        run.append(branch)
    if run:
        yield run


def numbered(label: str) -> tuple[str, str]:
    """Name and number of ``layer12``; a number with a leading zero is part of the name."""
    match = re.fullmatch(r"(.*?)([0-9]+)", label, re.DOTALL)
    if match is None or str(int(match[2])) != match[2]:
        return label, ""
    return match[1], match[2]


def follows(before: str, after: str) -> bool:
    """Whether names differ in a running number alone, and the second has the next.

    >>> follows("layer9", "layer10"), follows("a", "b")
    (True, False)
    """
    (prefix, number), (other, following) = numbered(before), numbered(after)
    return bool(number and following) and prefix == other and int(following) == int(number) + 1


def folded_label(run: Sequence[Labelled]) -> str:
    """The names of neighbours in one: ``layer0-11``."""
    first = run[0].label
    return first if len(run) == 1 else f"{first}-{numbered(run[-1].label)[1]}"
