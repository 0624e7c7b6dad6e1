"""``--open``: where the page is written, and a browser that shows it."""

from __future__ import annotations

import re
import tempfile
import webbrowser
from pathlib import Path

import typer

from analyzer.errors import InputError

__all__ = ["page_file", "show"]


def page_file(model: str, output: Path | None, format: str | None) -> Path:
    """The file of a page that is to be opened: the one asked for, else a new one among temporary files.

    Raises:
        InputError: another format than HTML was asked for.
    """
    from analyzer.report import format_of

    asked = format or (format_of(output) if output else "html")
    if asked != "html":
        raise InputError(f"--open shows an HTML page, not {asked}", hint="-o model.html --open, or --open alone")
    if output is not None:
        return output
    name = re.sub(r"[^\w.-]+", "_", model).strip("_.") or "model"
    return Path(tempfile.mkdtemp(prefix="flopgraph-")) / f"{name}.html"


def show(path: Path) -> None:
    """Open a file in the browser, and say on stderr where it is."""
    opened = webbrowser.open(path.resolve().as_uri())
    typer.echo(f"{'opened' if opened else 'no browser found to open'} {path}", err=True)
