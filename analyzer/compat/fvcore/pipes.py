"""A table between ``|``, laid out as fvcore's tables are."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["pipe_table"]


def pipe_table(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> str:
    """Rows of text under headers, in Markdown. Columns of numbers alone stand to the right, others to the left.

    >>> print(pipe_table([["model", "35"], [" fc", " 7"]], ["module", "#flops"]))
    | module   |   #flops |
    |:---------|---------:|
    | model    |       35 |
    |  fc      |        7 |
    """
    columns = [_column(header, [row[index] for row in rows]) for index, header in enumerate(headers)]
    return "\n".join("|" + "|".join(cells) + "|" for cells in zip(*columns, strict=True))


def _column(header: str, cells: list[str]) -> list[str]:
    """The header, the rule and the cells, all of one width; two more than the header at least."""
    kinds = {_kind(cell) for cell in cells if cell}
    if kinds and kinds <= {int, float}:
        if float in kinds:
            cells = [f"{float(cell):g}" if cell else "" for cell in cells]
        digits = [len(cell.partition(".")[2]) + ("." in cell) for cell in cells]
        cells = [cell + " " * (max(digits) - own) for cell, own in zip(cells, digits, strict=True)]
        width = max(len(header) + 2, *map(len, cells))
        return [f" {header:>{width}} ", "-" * (width + 1) + ":", *(f" {cell:>{width}} " for cell in cells)]
    width = max(len(header) + 2, *map(len, cells))
    return [f" {header:<{width}} ", ":" + "-" * (width + 1), *(f" {cell:<{width}} " for cell in cells)]


def _kind(cell: str) -> type:
    for kind in (int, float):
        try:
            kind(cell)
        except ValueError:
            continue
        return kind
    return str
