"""Tables of an analysis for people. Only this file and `rule_table` import rich.

A table fits itself to the width it is given: the bar goes first, then types, then input shapes.
As text it is as wide as it needs.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.jupyter import JupyterMixin
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from analyzer.conventions import Convention
from analyzer.report import numbers
from analyzer.report.figures import UNREAD, Figures, figures_by_node, figures_by_op, unread
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


class AnalysisTable(JupyterMixin):
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

    def layout(self, layout: Layout) -> Table:
        """The rich table in one layout."""
        name, kind = NAMES[self.by]
        has_shapes = layout.outputs and any(line.inputs or line.outputs or line.notes for line in self.lines)
        table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False, header_style="bold")
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

    def _fitting(self, console: Console, options: ConsoleOptions) -> Table:
        for layout in LAYOUTS:
            table = self.layout(layout)
            if Measurement.get(console, options.update(width=10_000), table).maximum <= options.max_width:
                break
        return table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._fitting(console, options)
        yield Text()
        yield from (Text(line, style="dim" if index else "") for index, line in enumerate(self.foot))

    def __str__(self) -> str:
        """The table as wide as it needs, without colours."""
        console = Console(
            file=io.StringIO(), width=10_000, color_system=None, force_terminal=False, legacy_windows=False
        )
        with console.capture() as capture:
            console.print(self.layout(LAYOUTS[0]))
        lines = [line.rstrip() for line in capture.get().splitlines()]
        return "\n".join([*lines, "", *self.foot])

    def print(self, file: IO[str]) -> None:
        """Write to a stream: fitted and coloured where it is a terminal, as plain text at full width otherwise."""
        console = Console(file=file)
        if console.is_terminal:
            console.print(self)
        else:
            file.write(f"{self}\n")


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
