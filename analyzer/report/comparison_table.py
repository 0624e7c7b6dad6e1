"""The table of a comparison for people, drawn by rich: a block a tool, a line a cause."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from analyzer.report.comparison import HEAD, Comparison, lines
from analyzer.report.printed import Printed, empty_table

__all__ = ["ComparisonTable"]

NUMBERS = ("says", "true", "difference")


class ComparisonTable(Printed):
    """What tools say, what is true, and why: a rich renderable, and plain text as ``str(table)``."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    def layouts(self) -> Iterator[Table]:
        """The rich table; it has one width."""
        table = empty_table()
        for title in HEAD:
            numeric = title in NUMBERS
            table.add_column(title, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
        for verdict in self.comparison.verdicts:
            for cells in lines(verdict, self.comparison.missing):
                table.add_row(*map(Text, cells), style="bold" if cells[0] else "")
        yield table
