"""What a notebook shows of an analysis: the module table as HTML that is at home on light and dark pages."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from analyzer.conventions import convention
from analyzer.report.numbers import human, printable, shapes, share
from analyzer.report.text import foot, totals
from analyzer.report.tree import Row, tree_rows

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["to_html"]

ROWS = 40  # a longer table shows fewer levels

# Colours are those of the page: text inherits its own, bars and lines are half transparent.
STYLE = """\
.flopgraph{overflow-x:auto;font-size:13px}
.flopgraph table{border-collapse:collapse;border:none;margin:0 0 8px;font-size:inherit;color:inherit}
.flopgraph th,.flopgraph td{padding:2px 10px;text-align:left;border:none;background:none;color:inherit}
.flopgraph th,.flopgraph td{white-space:nowrap}
.flopgraph th{border-bottom:1px solid #8888}
.flopgraph .n{text-align:right;font-variant-numeric:tabular-nums}
.flopgraph .q{opacity:.7}
.flopgraph .b{display:inline-block;height:.7em;background:#f97316aa;margin-right:6px}
"""

HEAD = "".join(
    f"<th{' class=n' if number else ''}>{name}</th>"
    for name, number in (
        ("module", 0), ("type", 0), ("input → output", 0), ("params", 1), ("MACs", 1), ("FLOPs", 1), ("share", 0),
    )
)  # fmt: skip


def to_html(analysis: Analysis) -> str:
    """A fragment of HTML: the first levels of modules, equal neighbours folded, the totals below; names escaped.

    >>> from torch import nn
    >>> from analyzer import analyze
    >>> html = to_html(analyze(nn.Sequential(nn.Linear(7, 5)).eval(), (3, 7)))
    >>> "<td>Linear</td>" in html and "40 params, 105 MACs, 210 FLOPs" in html
    True
    """
    weigh = convention("flops")
    whole = totals(analysis, weigh).cost
    for depth in (2, 1, 0):
        rows = tree_rows(analysis, weigh, depth)
        if len(rows) <= ROWS:
            break
    body = "\n".join(f"<tr>{''.join(_cells(row, whole))}</tr>" for row in rows)
    lines = "<br>".join(escape(line) for line in foot(analysis, weigh))
    return (
        f'<div class="flopgraph"><style>{STYLE}</style><table><thead><tr>{HEAD}</tr></thead>\n'
        f'<tbody>\n{body}\n</tbody></table><div class="q">{lines}</div></div>'
    )


def _cells(row: Row, whole: int) -> list[str]:
    name = f"{row.label}  {row.times} ×" if row.times > 1 else row.label
    figures = row.figures
    flow = f"{shapes(row.inputs)} → {shapes(row.outputs)}" if row.inputs or row.outputs else ""
    said = "  ".join(filter(None, (flow, ", ".join(row.notes))))
    percent = 100 * int(figures.cost) / int(whole) if whole else 0
    bar = f'<span class="b" style="width:{percent * 0.8:.1f}px"></span>'
    numbers = (
        human(figures.params),
        human(figures.macs, missing=figures.at_least),
        human(figures.cost, missing=figures.at_least),
    )
    return [
        f'<td style="padding-left:{10 + 16 * row.depth}px">{_text(name)}</td>',
        f"<td>{_text(row.type)}</td>",
        f"<td>{_text(said)}</td>",
        *(f'<td class="n">{_text(number)}</td>' for number in numbers),
        f"<td>{bar}{_text(share(figures.cost, whole))}</td>",
    ]


def _text(text: str) -> str:
    return escape(printable(text))
