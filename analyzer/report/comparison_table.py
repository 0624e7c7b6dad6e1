"""The table of a comparison for people, drawn by rich: a block a tool, a line a cause."""

from __future__ import annotations

import io
from typing import IO

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.jupyter import JupyterMixin
from rich.table import Table
from rich.text import Text

from analyzer.report.comparison import HEAD, Comparison, lines

__all__ = ["ComparisonTable"]

NUMBERS = ("says", "true", "difference")


class ComparisonTable(JupyterMixin):
    """What tools say, what is true, and why: a rich renderable, and plain text as ``str(table)``."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    def layout(self) -> Table:
        """The rich table."""
        table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False, header_style="bold")
        for title in HEAD:
            numeric = title in NUMBERS
            table.add_column(title, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
        for verdict in self.comparison.verdicts:
            for cells in lines(verdict, self.comparison.missing):
                table.add_row(*map(Text, cells), style="bold" if cells[0] else "")
        return table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.layout()

    def __str__(self) -> str:
        """The table as wide as it needs, without colours."""
        console = Console(
            file=io.StringIO(), width=10_000, color_system=None, force_terminal=False, legacy_windows=False
        )
        with console.capture() as capture:
            console.print(self.layout())
        return "\n".join(line.rstrip() for line in capture.get().splitlines())

    def print(self, file: IO[str]) -> None:
        """Write to a stream: fitted and coloured where it is a terminal, as plain text at full width otherwise."""
        console = Console(file=file)
        if console.is_terminal:
            console.print(self)
        else:
            file.write(f"{self}\n")
