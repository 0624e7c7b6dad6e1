"""Tables of an analysis for people. Tables alone import rich.

A table fits itself to the width it is given: the bar goes first, then types, then input shapes.
As text it is as wide as it needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from analyzer.conventions import Convention
from analyzer.report import numbers
from analyzer.report.figures import UNREAD, Figures, figures_by_node, figures_by_op, unread
from analyzer.report.printed import Printed, empty_table
from analyzer.report.text import foot, heading, totals
from analyzer.report.tree import Row, tree_rows
from analyzer.spec import TensorSpec

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["AnalysisTable"]

NAMES = {"module": ("module", "type"), "op": ("operation", "calls"), "node": ("node", "operation")}


@dataclass(frozen=True, slots=True)
class Line:
    """What one line of any of the tables shows."""

    name: str
    kind: str
    figures: Figures
    level: int = 0
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """How much a table shows: the width of its bar, and which of its columns."""

    bar: int = 12
    kind: bool = True
    inputs: bool = True
    outputs: bool = True


LAYOUTS = (Layout(), Layout(bar=6), Layout(bar=0), Layout(0, kind=False), Layout(0, kind=False, inputs=False))


class AnalysisTable(Printed):
    """A table of modules, operations or nodes: a rich renderable, and plain text as ``str(table)``.

    Args:
        analysis: what to show.
        depth: how many levels of modules below the model; None for all.
        weigh: the cost of the last column, the bar and the share.
        by: ``"module"``, ``"op"`` or ``"node"``.
    """

    def __init__(self, analysis: Analysis, weigh: Convention, *, depth: int | None, by: str) -> None:
        self.by = by
        self.weigh = weigh
        self.total = totals(analysis, self.weigh).cost
        self.lines = list(_lines(analysis, self.weigh, by, depth))
        self.foot = foot(analysis, self.weigh)

    def layouts(self) -> Iterator[Table]:
        """The rich table in every layout, the widest first."""
        return map(self.layout, LAYOUTS)

    def layout(self, layout: Layout) -> Table:
        """The rich table in one layout."""
        name, kind = NAMES[self.by]
        has_shapes = layout.outputs and any(line.inputs or line.outputs or line.notes for line in self.lines)
        table = empty_table()
        table.add_column(name, overflow="fold")
        if layout.kind:
            table.add_column(kind, justify="right" if self.by == "op" else "left", overflow="fold", style="dim")
        if has_shapes:
            table.add_column("input → output" if layout.inputs else "output", overflow="fold")
        for title in ("params", "MACs", *self._cost_title()):
            table.add_column(title, justify="right", no_wrap=True)
        table.add_column("share", justify="left" if layout.bar else "right", no_wrap=True)
        for line in self.lines:
            table.add_row(*self._cells(line, layout, has_shapes), style="bold" if self._is_total(line) else "")
        return table

    def _cost_title(self) -> tuple[str, ...]:
        return () if self.weigh.name == "macs" else (heading(self.weigh),)

    def _is_total(self, line: Line) -> bool:
        return self.by == "module" and line.level == 0

    def _cells(self, line: Line, layout: Layout, has_shapes: bool) -> Iterator[Text]:
        yield Text("  " * line.level + numbers.printable(line.name))
        if layout.kind:
            yield Text(numbers.printable(line.kind))
        if has_shapes:
            yield _shapes(line, layout)
        figures = line.figures
        yield Text(numbers.human(figures.params))
        for number in (figures.macs, figures.cost)[: 1 + len(self._cost_title())]:
            yield Text(numbers.human(number, missing=figures.at_least))
        percent = f"{numbers.share(figures.cost, self.total):>7}"
        drawn = f"{numbers.bar(figures.cost, self.total, layout.bar):<{layout.bar}} " if layout.bar else ""
        yield Text.assemble((drawn, "cyan"), percent)


def _shapes(line: Line, layout: Layout) -> Text:
    text = Text()
    if line.inputs or line.outputs:
        lead = f"{numbers.shapes(line.inputs)} → " if layout.inputs else ""
        text.append(f"{lead}{numbers.shapes(line.outputs)}".strip())
    if line.notes:
        text.append(f"{'  ' if text else ''}{numbers.printable(', '.join(line.notes))}", style="italic yellow")
    return text


def _lines(analysis: Analysis, weigh: Convention, by: str, depth: int | None) -> Iterator[Line]:
    if by == "module":
        return map(_module_line, tree_rows(analysis, weigh, depth))
    if by == "op":
        return (Line(op, f"{calls:,}", figures) for op, calls, figures in figures_by_op(analysis, weigh))
    return _node_lines(analysis, weigh)


def _module_line(row: Row) -> Line:
    name = row.label if row.times == 1 else f"{row.label}  {row.times} ×"
    return Line(name, row.type, row.figures, row.depth, row.inputs, row.outputs, row.notes)


def _node_lines(analysis: Analysis, weigh: Convention) -> Iterator[Line]:
    figures = figures_by_node(analysis, weigh)
    for node in analysis.graph:
        inputs = tuple(edge.spec for edge in node.inputs)
        notes = (*((node.status,) if node.status != "ruled" else ()), *node.notes)
        yield Line(node.id, node.op, figures[node.id], 0, inputs, node.outputs, notes)
    if rest := unread(analysis, figures):
        yield Line(UNREAD, "", rest)
