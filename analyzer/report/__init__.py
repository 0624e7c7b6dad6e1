"""What an `Analysis` says: text, tables, documents, drawings. The core imports these few functions alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzer.conventions import Convention, convention
from analyzer.errors import InputError
from analyzer.report import documents, drawing, graphviz, mermaid, model_explorer, netron
from analyzer.report.figures import is_uncounted
from analyzer.report.graphviz import PICTURES
from analyzer.report.text import summary, why

if TYPE_CHECKING:
    from analyzer.analysis import Analysis
    from analyzer.ruleset import RuleSet

__all__ = [
    "BY",
    "FORMATS",
    "check",
    "export",
    "figure",
    "format_of",
    "is_uncounted",
    "listing",
    "save",
    "summary",
    "table",
    "to_pandas",
    "why",
]

JSONS = ("nodelink", "model_explorer", "model_explorer_data")  # in files that end in .json as well
FORMATS = ("table", "json", "csv", "md", "html", "graphml", "gexf", *JSONS, "netron", "dot", "mermaid", *PICTURES)
BINARY = ("png", "pdf")  # no text
BY = ("module", "op", "node")
SUFFIXES = {"txt": "table", "htm": "html", "markdown": "md", "gv": "dot", "mmd": "mermaid"}


def check(format: str, by: str, convention: str | Convention) -> Convention:
    """Look at the options before the work is done, and return the convention.

    Raises:
        InputError: there is no such format, kind of record or convention; the sentence lists those that exist.
    """
    if format not in FORMATS:
        raise InputError(f"no format {format!r}; there are {', '.join(FORMATS)}")
    if by not in BY:
        raise InputError(f"no table by {by!r}; there are {', '.join(BY)}")
    if format in PICTURES:
        graphviz.program(format)
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
        InputError: there is no such format, kind of record or convention, the format is no text, or Graphviz, which
            draws it, is not installed.
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
        case "nodelink":
            return drawing.to_nodelink(analysis, weigh)
        case "model_explorer":
            return model_explorer.to_model_explorer(analysis, weigh)
        case "model_explorer_data":
            return model_explorer.to_node_data(analysis, weigh)
        case "netron":
            return netron.to_netron(analysis, weigh)
        case "dot":
            return graphviz.to_dot(analysis, weigh, depth)
        case "mermaid":
            return mermaid.to_mermaid(analysis, weigh, depth)
        case "svg":
            return graphviz.picture(graphviz.to_dot(analysis, weigh, depth), "svg").decode()
        case "png" | "pdf":
            raise InputError(f"{format} is no text: it is written to a file alone")
    raise AssertionError(f"{format!r} is in FORMATS and has no writer")


_convention = convention  # the parameters of that name hide it


def format_of(path: Path) -> str:
    """The format that a file's name asks for by its suffix, or by the word in front of ``.json``.

    >>> format_of(Path("model.json")), format_of(Path("model.gv")), format_of(Path("model.nodelink.json"))
    ('json', 'dot', 'nodelink')

    Raises:
        InputError: the suffix is that of no format.
    """
    *_, kind, suffix = ("", "", *(word.lower().removeprefix(".") for word in path.suffixes))
    if suffix == "json" and kind in JSONS:
        return kind
    format = SUFFIXES.get(suffix, suffix)
    if format not in FORMATS:
        raise InputError(f"{path.name!r} ends in no known format: give one of {', '.join(FORMATS)}")
    return format


def save(analysis: Analysis, path: Path, format: str | None, **options: Any) -> Path:
    """Write `export` to a file, in UTF-8, or a picture; the format is the suffix of its name when left out.

    Raises:
        InputError: there is no such format, or Graphviz, which draws it, is not installed.
    """
    format = format or format_of(path)
    if format in BINARY:
        dot = export(analysis, "dot", **options)
        path.write_bytes(graphviz.picture(dot, format))
    else:
        text = export(analysis, format, **options)
        path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
    return path


def figure(analysis: Analysis, *, depth: int | None, convention: str | Convention) -> Any:
    """A matplotlib Figure; see `analyzer.report.charts`.

    Raises:
        InputError: matplotlib is not installed, or there is no such convention.
    """
    from analyzer.report import charts

    return charts.figure(analysis, _convention(convention), depth)


def to_pandas(analysis: Analysis, *, by: str, convention: str | Convention, depth: int | None) -> Any:
    """Records as a pandas DataFrame, a row a module, operation or node, by its name; shapes as text.

    Raises:
        InputError: pandas is not installed, or there is no such kind of record or convention.
    """
    rows = documents.cells(analysis, by, check("csv", by, convention), depth)
    try:
        import pandas
    except ModuleNotFoundError as error:
        if error.name != "pandas":
            raise
        raise InputError("a DataFrame takes pandas, which is missing: pip install 'flopgraph[pandas]'") from None
    return pandas.DataFrame(rows).set_index(next(iter(rows[0])))
