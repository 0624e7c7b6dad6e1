"""The table of a difference for people, drawn by rich: what came is green, what went is red."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from analyzer.report.numbers import printable
from analyzer.report.printed import Printed, empty_table

__all__ = ["DifferenceTable"]

STYLES = {"added": "green", "removed": "red"}
LEFT = ("module", "type", "change", "shape")


class DifferenceTable(Printed):
    """Rows of two models side by side.

    Args:
        titles: of the columns.
        lines: the cells of every row, the model's first.
        foot: the lines below the table.
    """

    def __init__(self, titles: Sequence[str], lines: Sequence[Sequence[str]], foot: Sequence[str]) -> None:
        self.titles = titles
        self.lines = lines
        self.foot = foot

    def layouts(self) -> Iterator[Table]:
        """Without types, and without shapes too, where there is no room."""
        if not self.lines:
            yield Table(box=None, show_header=False)
            return
        filled = [index for index, cells in enumerate(zip(*self.lines, strict=True)) if any(cells)]
        for hidden in ((), ("type",), ("type", "shape"), ("type", "shape", "params")):
            yield self._layout([index for index in filled if self.titles[index] not in hidden])

    def _layout(self, shown: Sequence[int]) -> Table:
        table = empty_table()
        for index in shown:
            numeric = self.titles[index] not in LEFT
            table.add_column(
                self.titles[index], justify="right" if numeric else "left", no_wrap=numeric, overflow="fold"
            )
        for number, line in enumerate(self.lines):
            style = STYLES.get(line[2], "") if number else "bold"
            table.add_row(*(Text(printable(line[index])) for index in shown), style=style)
        return table
