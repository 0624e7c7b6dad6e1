"""Mermaid, which GitHub draws where a README has it in a ``mermaid`` block: modules as subgraphs, costs, shapes.

Source: https://mermaid.js.org/syntax/flowchart.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from analyzer.conventions import Convention
from analyzer.report.graphviz import INK, colour
from analyzer.report.numbers import printable, words
from analyzer.report.outline import ENDS, Box, outline
from analyzer.report.text import heading, totals

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["to_mermaid"]

SHADES = 5
"""How many classes of colour there are beside white: a class is one line, a colour of its own for every node is not."""


def to_mermaid(analysis: Analysis, weigh: Convention, depth: int | None = None) -> str:
    """A flowchart; equal neighbours are one box with their number.

    Args:
        analysis: the analysis.
        weigh: the convention of cost, share and colour.
        depth: how many levels of modules are drawn; as many as one can read when left out.

    >>> from torch import nn
    >>> from analyzer import CONVENTIONS, analyze
    >>> print(to_mermaid(analyze(nn.Sequential(nn.Linear(7, 5)).eval(), (3, 7)), CONVENTIONS["macs"]), end="")
    flowchart TB
      n0(["input"])
      n1["0<br>Linear<br>105 MACs, 100.0 %"]:::c5
      n2(["output"])
      n0 -->|"3x7"| n1
      n1 -->|"3x5"| n2
      classDef c5 fill:#fb923c,color:#1f2328
    """
    drawn = outline(analysis, weigh, depth)
    writer = _Writer(analysis, weigh, drawn.root)
    text = ["flowchart TB"]
    for child in drawn.root.children or [drawn.root]:
        text += writer.box(child, 1)
    for link in drawn.links:
        ends = writer.names[link.source], writer.names[link.target]
        text.append(f'  {ends[0]} -->|"{_text(words(link.shapes))}"| {ends[1]}')
    return "\n".join([*text, *writer.classes()]) + "\n"


class _Writer:
    """Writes boxes, and remembers what they are called and which colours are needed."""

    def __init__(self, analysis: Analysis, weigh: Convention, root: Box) -> None:
        self.unit, self.whole = heading(weigh), totals(analysis, weigh).cost
        self.most = max((int(leaf.figures.cost) for leaf in root.leaves()), default=0)
        self.names: dict[Box, str] = {}
        self.shades: set[int] = set()

    def box(self, box: Box, level: int) -> Iterator[str]:
        """The lines of a leaf, or of a subgraph and all in it."""
        name, indent = f"n{len(self.names)}", "  " * level
        self.names[box] = name
        if box.children:
            yield f"{indent}subgraph {name}[{self.label(box, '  ')}]"
            for child in box.children:
                yield from self.box(child, level + 1)
            yield f"{indent}end"
            return
        label = self.label(box, "<br>")
        shade = self.shade(int(box.figures.cost))
        yield f"{indent}{name}{f'([{label}])' if box.type in ENDS else f'[{label}]'}{f':::c{shade}' if shade else ''}"

    def label(self, box: Box, between: str) -> str:
        return f'"{between.join(_text(part) for part in box.caption(self.unit, self.whole) if part)}"'

    def shade(self, cost: int) -> int:
        """The class of colour, rounded to the nearest; 0 is white."""
        shade = (2 * SHADES * cost + self.most) // (2 * self.most) if self.most else 0
        self.shades.add(shade)
        return shade

    def classes(self) -> list[str]:
        """The colours in use."""
        return [f"  classDef c{n} fill:{colour(n, SHADES)},color:{INK}" for n in sorted(self.shades - {0})]


def _text(text: str) -> str:
    """Text in quotes, where Mermaid reads HTML, Markdown, and entities that begin with ``#``.

    >>> print(_text('a_b "<i>"'))
    a_b #34;#60;i#62;#34;
    """
    plain = set(" _-.,:/()+×≤≥≈%")
    return "".join(c if c.isalnum() or c in plain else f"#{ord(c)};" for c in printable(text))
