"""What an `Analysis` says: text, tables, documents, drawings. The core imports these few functions alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzer.conventions import Convention, convention
from analyzer.errors import InputError
from analyzer.report import documents, drawing
from analyzer.report.figures import is_uncounted
from analyzer.report.text import summary, why

if TYPE_CHECKING:
    from analyzer.analysis import Analysis
    from analyzer.ruleset import RuleSet

__all__ = [
    "BY",
    "FORMATS",
    "check",
    "export",
    "format_of",
    "is_uncounted",
    "listing",
    "save",
    "summary",
    "table",
    "why",
]

FORMATS = ("table", "json", "csv", "md", "html", "graphml", "gexf", "dot", "nodelink")
BY = ("module", "op", "node")
SUFFIXES = {"txt": "table", "htm": "html", "markdown": "md", "gv": "dot"}


def check(format: str, by: str, convention: str | Convention) -> Convention:
    """Look at the options before the work is done, and return the convention.

    Raises:
        InputError: there is no such format, kind of record or convention; the sentence lists those that exist.
    """
    if format not in FORMATS:
        raise InputError(f"no format {format!r}; there are {', '.join(FORMATS)}")
    if by not in BY:
        raise InputError(f"no table by {by!r}; there are {', '.join(BY)}")
    return _convention(convention)


def table(analysis: Analysis, *, depth: int | None, convention: str | Convention, by: str) -> Any:
    """A rich renderable; see `analyzer.report.tables`.

    Raises:
        InputError: rich is not installed, or an option does not exist.
    """
    weigh = check("table", by, convention)
    with _rich():
        from analyzer.report.tables import AnalysisTable
    return AnalysisTable(analysis, weigh, depth=depth, by=by)


def listing(rules: RuleSet) -> Any:
    """A rich renderable of rules; see `analyzer.report.rule_table`.

    Raises:
        InputError: rich is not installed.
    """
    with _rich():
        from analyzer.report.rule_table import RuleTable
    return RuleTable(rules)


@contextlib.contextmanager
def _rich() -> Iterator[None]:
    """Around an import of rich: say what to do where it is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("rich"):
            raise
        raise InputError("tables are drawn by rich, which is missing: pip install 'flopgraph[cli]'") from None


def export(
    analysis: Analysis,
    format: str,
    *,
    by: str = "module",
    convention: str | Convention = "flops",
    depth: int | None = None,
) -> str:
    """The analysis as text in one of `FORMATS`.

    Raises:
        InputError: there is no such format, kind of record or convention.
    """
    weigh = check(format, by, convention)
    match format:
        case "table":
            return f"{table(analysis, depth=depth, convention=convention, by=by)}\n"
        case "html":
            from analyzer.report.page import to_html  # its template engine is slow to import

            return to_html(analysis, weigh)
        case "json":
            return documents.to_json(analysis, weigh)
        case "csv":
            return documents.to_csv(analysis, by, weigh, depth)
        case "md":
            return documents.to_markdown(analysis, by, weigh, depth)
        case "graphml":
            return drawing.to_graphml(analysis, weigh)
        case "gexf":
            return drawing.to_gexf(analysis, weigh)
        case "dot":
            return drawing.to_dot(analysis, weigh)
        case "nodelink":
            return drawing.to_nodelink(analysis, weigh)
    raise AssertionError(f"{format!r} is in FORMATS and has no writer")


_convention = convention  # the parameters of that name hide it


def format_of(path: Path) -> str:
    """The format that a file's name asks for by its suffix.

    >>> format_of(Path("model.json")), format_of(Path("model.gv"))
    ('json', 'dot')

    Raises:
        InputError: the suffix is that of no format.
    """
    suffix = path.suffix.lower().removeprefix(".")
    format = SUFFIXES.get(suffix, suffix)
    if format not in FORMATS:
        raise InputError(f"{path.name!r} ends in no known format: give one of {', '.join(FORMATS)}")
    return format


def save(analysis: Analysis, path: Path, format: str | None, **options: Any) -> Path:
    """Write `export` to a file, in UTF-8; the format is the suffix of its name when left out.

    Raises:
        InputError: there is no such format.
    """
    text = export(analysis, format or format_of(path), **options)
    path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
    return path
