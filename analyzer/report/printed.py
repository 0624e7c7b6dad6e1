"""What all tables have in common: they fit themselves to a terminal, and are plain text elsewhere."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import IO

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.jupyter import JupyterMixin
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

__all__ = ["Printed", "empty_table"]


def empty_table() -> Table:
    """A table in the style of all of them."""
    return Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False, header_style="bold")


class Printed(JupyterMixin, ABC):
    """A rich renderable, and plain text as ``str(table)``.

    Attributes:
        foot: the lines below the table.
    """

    foot: Sequence[str] = ()

    @abstractmethod
    def layouts(self) -> Iterator[Table]:
        """The table in every width that it can have, the widest first."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for table in self.layouts():
            if Measurement.get(console, options.update(width=10_000), table).maximum <= options.max_width:
                break
        yield table
        if self.foot:
            yield Text()
        yield from (Text(line, style="dim" if index else "") for index, line in enumerate(self.foot))

    def __str__(self) -> str:
        """The table as wide as it needs, without colours."""
        console = Console(
            file=io.StringIO(), width=10_000, color_system=None, force_terminal=False, legacy_windows=False
        )
        with console.capture() as capture:
            console.print(next(self.layouts()))
        lines = [line.rstrip() for line in capture.get().splitlines()]
        return "\n".join([*lines, "", *self.foot] if self.foot else lines).strip("\n")

    def print(self, file: IO[str]) -> None:
        """Write to a stream: fitted and coloured where it is a terminal, as plain text at full width otherwise."""
        console = Console(file=file)
        if console.is_terminal:
            console.print(self)
        else:
            file.write(f"{self}\n")
