"""Pictures of the graph: DOT with modules as nested clusters, and what Graphviz makes of it (SVG, PNG, PDF).

Graphviz is a program that may be installed or not; DOT is text and needs nothing.
Source: https://graphviz.org/doc/info/lang.html
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from html import escape
from itertools import count
from typing import TYPE_CHECKING

from analyzer.conventions import Convention
from analyzer.errors import InputError
from analyzer.report.numbers import human, plural, printable, share, words
from analyzer.report.outline import ENDS, Box, outline
from analyzer.report.text import heading, totals

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["INK", "PICTURES", "colour", "picture", "program", "to_dot"]

PICTURES = ("svg", "png", "pdf")
"""What Graphviz draws."""

PATIENCE = 120  # seconds, after which a layout is given up; a readable picture takes less than one

INK, GREY, LINE, PAPER, HOT = "#1f2328", "#57606a", "#8c959f", "#ffffff", "#fb923c"
SHADES = ("#ffffff", "#f6f8fa")  # of clusters, by turns, so that nested ones are told apart
FONT = "Helvetica,Arial,sans-serif"

HEAD = f"""\
  graph [fontname="{FONT}", fontsize=11, fontcolor="{INK}", bgcolor="{PAPER}", labelloc=t, labeljust=l, rankdir=TB,
         nodesep=0.35, ranksep=0.35, pad=0.3, newrank=true];
  node [fontname="{FONT}", fontsize=11, fontcolor="{INK}", shape=box, style="rounded,filled", color="{LINE}",
        fillcolor="{PAPER}", margin="0.12,0.05", height=0.3];
  edge [fontname="{FONT}", fontsize=8, fontcolor="{GREY}", color="{LINE}", arrowsize=0.6];"""


def to_dot(analysis: Analysis, weigh: Convention, depth: int | None = None) -> str:
    r"""DOT, for Graphviz: modules as nested clusters, calls as nodes with their cost, shapes on the edges.

    Args:
        analysis: the analysis.
        weigh: the convention of cost, share and colour.
        depth: how many levels of modules are drawn; as many as one can read when left out.

    >>> from torch import nn
    >>> from analyzer import CONVENTIONS, analyze
    >>> dot = to_dot(analyze(nn.Sequential(nn.Linear(7, 5)).eval(), (3, 7)), CONVENTIONS["macs"])
    >>> print(dot.splitlines()[0], *(line.strip() for line in dot.splitlines() if "->" in line), sep="\n")
    digraph "Sequential" {
    n0 -> n1 [label=" 3x7"];
    n1 -> n2 [label=" 3x5"];
    """
    drawn = outline(analysis, weigh, depth)
    writer = _Writer(analysis, weigh, drawn.root)
    lines = [f"digraph {_quoted(analysis.graph.name)} {{", HEAD, f"  label={writer.title(analysis)};"]
    if drawn.root.children:
        for child in drawn.root.children:
            lines += writer.box(child, 1)
    else:
        lines += writer.box(drawn.root, 1)
    for link in drawn.links:
        ends = f"{writer.names[link.source]} -> {writer.names[link.target]}"
        lines.append(f"  {ends} [label={_quoted(' ' + words(link.shapes))}];")
    return "\n".join([*lines, "}"]) + "\n"


class _Writer:
    """Writes boxes, and remembers what their nodes are called."""

    def __init__(self, analysis: Analysis, weigh: Convention, root: Box) -> None:
        self.unit = heading(weigh)
        self.whole = totals(analysis, weigh).cost
        self.most = max((int(leaf.figures.cost) for leaf in root.leaves()), default=0)
        self.names: dict[Box, str] = {}
        self.numbers = count()

    def title(self, analysis: Analysis) -> str:
        cost = human(self.whole, missing=analysis.is_lower_bound)
        text = f"{human(analysis.params)} params, {cost} {self.unit}"
        if self.most:
            text += f". Colour is share of {self.unit}, at most {share(self.most, self.whole)} a box"
        return f"<<b>{_text(analysis.graph.name)}</b>   {_small(text)}<br/> >"

    def box(self, box: Box, level: int) -> Iterator[str]:
        """The lines of a leaf, or of a cluster and all in it."""
        indent = "  " * level
        if not box.children:
            yield f"{indent}{self.leaf(box)}"
            return
        yield f"{indent}subgraph cluster_{next(self.numbers)} {{"
        yield f'{indent}  style="rounded,filled"; color="{LINE}"; fillcolor="{SHADES[level % 2]}";'
        yield f"{indent}  label={self.label(box, '   ')}; tooltip={_quoted(_tooltip(box))};"
        for child in box.children:
            yield from self.box(child, level + 1)
        yield f"{indent}}}"

    def leaf(self, box: Box) -> str:
        name = self.names[box] = f"n{next(self.numbers)}"
        fields = [f"label={self.label(box, '<br/>')}", f"tooltip={_quoted(_tooltip(box))}"]
        if box.figures.cost:
            fields.append(f'fillcolor="{colour(int(box.figures.cost), self.most)}"')
        if box.figures.at_least:
            fields.append('style="rounded,filled,dashed"')
        if box.type in ENDS:
            fields.append(f'shape=plain, style="", fontcolor="{GREY}"')
        return f"{name} [{', '.join(fields)}];"

    def label(self, box: Box, between: str) -> str:
        """The name in bold, the type, and what it costs."""
        name, type, cost = box.caption(self.unit, self.whole)
        parts = [f"<b>{_text(name)}</b>", _small(type) if type else "", _small(cost, INK) if cost else ""]
        return f"<{between.join(filter(None, parts))}>"


def colour(part: int, most: int) -> str:
    """From white to orange, by how much of the most it is; dark text stays readable on all of it.

    >>> colour(0, 7), colour(7, 7)
    ('#ffffff', '#fb923c')
    """
    ends = ((int(PAPER[at : at + 2], 16), int(HOT[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(cold + (hot - cold) * part / max(most, 1)):02x}" for cold, hot in ends)


def _tooltip(box: Box) -> str:
    """What an SVG shows under the pointer."""
    figures = box.figures
    counts = f"{figures.params:,} params, {int(figures.macs):,} MACs, {int(figures.flops):,} FLOPs"
    lines = [f"{box.path}   {box.type}", counts]
    if box.times > 1:
        lines.append(f"{plural(box.times, 'equal neighbour')}, together")
    if box.node is not None and box.node.source is not None and not box.children:
        lines.append(str(box.node.source))
    return "\n".join(lines)


def _text(text: str) -> str:
    """Text inside an HTML-like label."""
    return escape(printable(text))


def _small(text: str, colour: str = GREY) -> str:
    return f'<font point-size="9" color="{colour}">{_text(text)}</font>'


def _quoted(text: str) -> str:
    r"""A string of DOT that is shown as it is, line breaks kept.

    >>> print(_quoted('a "b" \\N\nc'))
    "a \"b\" \\N\nc"
    """
    lines = (printable(line).replace("\\", r"\\").replace('"', r"\"") for line in text.split("\n"))
    return '"' + r"\n".join(lines) + '"'


def picture(dot: str, format: str) -> bytes:
    """What Graphviz draws from DOT.

    Args:
        dot: the source.
        format: one of `PICTURES`.

    Raises:
        InputError: Graphviz is not installed, or does not come to an end.
    """
    try:
        done = subprocess.run(
            [program(format), f"-T{format}", *(["-Gdpi=144"] if format == "png" else [])],
            input=dot.encode(), capture_output=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise InputError(
            f"Graphviz found no layout in {PATIENCE} s: draw fewer levels with depth, or write html"
        ) from None
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip()
        raise InputError(f"Graphviz could not draw the graph: {printable(said)}")
    return done.stdout


def program(format: str) -> str:
    """Where Graphviz is.

    Raises:
        InputError: it is not installed.
    """
    found = shutil.which("dot")
    if found is None:
        raise InputError(
            f"{format} is drawn by Graphviz, whose program dot is missing: install the package graphviz "
            "(apt-get, brew or conda); dot and mermaid are written without it"
        )
    return found
