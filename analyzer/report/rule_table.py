"""The table of rules for people, drawn by rich. It fits itself to the width it is given: the source goes first."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import IO

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from analyzer.report.numbers import printable
from analyzer.report.rulebook import COLUMNS, entries, heading
from analyzer.ruleset import RuleSet

__all__ = ["RuleTable"]

# Widths: narrower than that, the source and then the targets are left out.
WITH_SOURCE, WITH_TARGETS = 150, 90
RATIOS = {"operation": 4, "targets": 4, "formula": 7, "counted": 6, "source": 3}


class RuleTable:
    """Rules by family: a rich renderable, and a line a rule as ``str(table)``."""

    def __init__(self, rules: RuleSet) -> None:
        self.entries = entries(rules)
        self.heading = heading(rules, self.entries)

    def table(self, width: int) -> Table:
        """The rich table for so many characters."""
        titles = [title for title in COLUMNS if _has_room(title, width)]
        table = Table(
            box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False, header_style="bold", width=width
        )
        for title in titles:
            style = "dim" if title in ("targets", "source") else ""
            table.add_column(title, ratio=RATIOS[title], overflow="fold", style=style)
        for family, members in groupby(self.entries, attrgetter("family")):
            group = list(members)
            about = {"operation": family, "formula": group[0].about}
            table.add_row(*(Text(about.get(title, "")) for title in titles), style="bold")
            for entry in group:
                cells = dict(zip(COLUMNS, map(printable, entry.cells), strict=True))
                cells["operation"] = f"  {cells['operation']}"
                cells["formula"] = "\n".join(filter(None, map(printable, (entry.formula, entry.shapes))))
                table.add_row(*(Text(cells[title]) for title in titles))
            table.add_section()
        return table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.table(options.max_width)
        yield Text(self.heading)

    def __str__(self) -> str:
        """A line a rule, tabs between its cells, the family first."""
        rows = [("family", *COLUMNS), *((entry.family, *entry.cells) for entry in self.entries)]
        return "\n".join("\t".join(" ".join(cell.split()) for cell in row) for row in rows)

    def print(self, file: IO[str]) -> None:
        """Write to a stream: fitted and coloured where it is a terminal, lines for other programs otherwise."""
        console = Console(file=file)
        if console.is_terminal:
            console.print(self)
        else:
            file.write(f"{self}\n")


def _has_room(title: str, width: int) -> bool:
    return width >= {"source": WITH_SOURCE, "targets": WITH_TARGETS}.get(title, 0)
