"""A figure of one model: what its stages cost, and how much memory its activations take while it runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzer.conventions import Convention
from analyzer.errors import InputError
from analyzer.report.numbers import human, printable, share
from analyzer.report.text import heading, totals
from analyzer.report.tree import Row, tree_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.analysis import Analysis

__all__ = ["check", "figure", "require_matplotlib", "save"]

SUFFIXES = (".png", ".svg", ".pdf")
BARS = 24  # as many stages as one can compare at a glance
LONGEST = 48  # characters of a name

PAPER, INK, GREY, FAINT, COLD, HOT = "#ffffff", "#22272e", "#6a7480", "#e7eaee", "#7f9cc4", "#c2410c"


def check(path: str | os.PathLike[str]) -> None:
    """Look whether a figure can be drawn there, before the work is done for it.

    Raises:
        InputError: matplotlib is not installed, there is no such folder, or the file's name ends otherwise.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise InputError(f"a figure is a file that ends in {', '.join(SUFFIXES)}, not {str(path)!r}")
    if not Path(path).parent.is_dir():
        raise InputError(f"there is no folder {str(Path(path).parent)!r}")
    require_matplotlib()


def require_matplotlib() -> None:
    """Say where matplotlib is missing.

    Raises:
        InputError: it is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        raise InputError("figures are drawn by matplotlib, which is missing: pip install 'flopgraph[plot]'") from None


def save(analysis: Analysis, path: str | os.PathLike[str], weigh: Convention, depth: int | None = None) -> None:
    """Draw `figure` into a file.

    Raises:
        InputError: it cannot be drawn there.
    """
    check(path)
    figure(analysis, weigh, depth).savefig(path, dpi=160, facecolor=PAPER)


def figure(analysis: Analysis, weigh: Convention, depth: int | None = None) -> Figure:
    """Two panels: a bar of cost for every stage, and the bytes of live activations over the execution order.

    Args:
        analysis: the analysis.
        weigh: the convention of cost.
        depth: how many levels of modules are told apart; as many as give no more than 24 bars when left out.

    Raises:
        InputError: matplotlib is not installed.

    >>> from torch import nn
    >>> from analyzer import CONVENTIONS, analyze
    >>> drawn = figure(analyze(nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 3)).eval(), (3, 7)), CONVENTIONS["macs"])
    >>> [float(bar.get_width()) for bar in drawn.axes[0].patches]
    [105.0, 45.0]
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    stages = _stages(analysis, weigh, depth)
    height = 0.26 * max(len(stages), 3)
    drawing = Figure(figsize=(10, height + 4.2), layout="constrained")
    bars, memory = drawing.subplots(2, 1, height_ratios=(height + 0.6, 2.8))
    _bars(bars, analysis, weigh, stages)
    _memory(memory, analysis)
    return drawing


def _stages(analysis: Analysis, weigh: Convention, depth: int | None) -> list[Row]:
    """The rows of the module table that cost something and have no other below them."""

    def at(level: int | None) -> list[Row]:
        rows = tree_rows(analysis, weigh, level)
        return [row for row in rows if row.leaf and (row.figures.cost or row.figures.at_least)]

    if depth is not None:
        return at(depth)
    stages, deepest = at(1), max(row.depth for row in tree_rows(analysis, weigh, None))
    for level in range(2, deepest + 1):
        deeper = at(level)
        if len(deeper) > BARS:
            break
        stages = deeper
    return stages


def _bars(axes: Axes, analysis: Analysis, weigh: Convention, stages: list[Row]) -> None:
    from matplotlib.ticker import EngFormatter

    whole = totals(analysis, weigh)
    costs = [float(row.figures.cost) for row in stages]  # numpy's integers end at 64 bits
    most = max(costs, default=0)
    places = range(len(stages))
    axes.barh(places, costs, height=0.72, color=[HOT if cost == most else COLD for cost in costs])
    for place, row in zip(places, stages, strict=True):
        cost = human(row.figures.cost, missing=row.figures.at_least)
        text = f" {cost}  {share(row.figures.cost, whole.cost)}"
        axes.text(float(row.figures.cost), place, text, va="center", fontsize=8, color=INK)
    axes.set_yticks(places, [_name(row) for row in stages], fontsize=8.5, color=INK, parse_math=False)
    axes.set_ylim(max(len(stages), 1) - 0.4, -0.6)  # the first stage on top
    axes.set_xlim(0, 1.18 * most or 1)
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    total = f"{human(whole.cost, missing=whole.at_least)} {heading(weigh)}"
    _frame(axes, f"{printable(analysis.graph.name)}: {heading(weigh)} per stage", total)


def _name(row: Row) -> str:
    name = _end(printable(row.path) or printable(row.label))
    return f"{name}  {row.times} ×" if row.times > 1 else name


def _end(name: str) -> str:
    """The end of a name that would leave no room for the figure."""
    return name if len(name) <= LONGEST else f"…{name[-LONGEST:]}"


def _memory(axes: Axes, analysis: Analysis) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    memory = analysis.memory
    alive = [float(size) for _, size in memory.timeline]
    order = range(len(alive))
    axes.fill_between(order, alive, step="mid", color=COLD, alpha=0.35, linewidth=0)
    axes.step(order, alive, where="mid", color=COLD, linewidth=1)
    if memory.peak:
        place = alive.index(float(memory.peak))
        axes.plot([place], [alive[place]], "o", color=HOT, markersize=5)
        right = place < len(alive) / 2
        text = f"{human(memory.peak, 'B')} at {_end(printable(memory.peak_node))}"
        look: dict[str, Any] = {"ha": "left" if right else "right", "va": "center", "color": HOT, "fontsize": 9}
        axes.annotate(text, (place, alive[place]), (8 if right else -8, 7), textcoords="offset points",
                      parse_math=False, **look)  # fmt: skip
    axes.margins(x=0.01, y=0.15)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(EngFormatter(unit="B", sep=" "))
    axes.set_xlabel("calls, in the order in which they run", color=GREY, fontsize=9)
    _frame(axes, "Live activations", f"{human(analysis.param_bytes, 'B')} of parameters beside them")


def _frame(axes: Axes, title: str, note: str) -> None:
    axes.set_facecolor(PAPER)
    axes.grid(axis="x" if axes.patches else "y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", length=0, labelcolor=GREY, labelsize=8.5)
    axes.spines[:].set_visible(False)
    axes.set_title(title, loc="left", color=INK, fontsize=12, fontweight="bold", parse_math=False)
    axes.set_title(note, loc="right", color=GREY, fontsize=9)
