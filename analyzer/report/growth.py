"""A figure of what the parts of a model cost as one open size grows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analyzer.conventions import Convention
from analyzer.errors import InputError
from analyzer.report import charts
from analyzer.report.formulas import Line, by_module, by_op, crossings
from analyzer.report.numbers import printable
from analyzer.report.text import heading
from analyzer.symbolic.expression import Expression

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analyzer.analysis import Analysis

__all__ = ["figure", "parts"]

POINTS = 400
PARTS = 9  # as many colours as one tells apart; the rest is one part


def parts(analysis: Analysis, weigh: Convention, by: str, depth: int | None) -> list[Line]:
    """The parts of a model that add up to its cost: operations, or modules that hold no other that is shown."""
    if by == "op":
        return by_op(analysis, weigh)
    lines = by_module(analysis, weigh, 2 if depth is None else depth)
    holders = {line.parent for line in lines[1:]}
    return [line for line in lines if line.path not in holders or (line.path == "" and len(lines) == 1)]


def figure(
    analysis: Analysis,
    name: str,
    low: int,
    high: int,
    sizes: Mapping[str, int],
    weigh: Convention,
    by: str = "module",
    depth: int | None = None,
) -> Figure:
    """The cost of every part, stacked, on logarithmic axes; a line where one outgrows another.

    Args:
        analysis: an analysis with open sizes.
        name: the size that grows.
        low: where it starts.
        high: where it ends.
        sizes: what the others are.
        weigh: the convention of cost.
        by: ``"module"`` or ``"op"``.
        depth: how many levels of modules are told apart.

    Raises:
        InputError: matplotlib is not installed, or the formulas hold nowhere in the range.

    >>> from torch import nn
    >>> from analyzer import CONVENTIONS, TensorSpec, analyze
    >>> analysis = analyze(nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 3)).eval(), TensorSpec(("B", 7)))
    >>> drawn = figure(analysis, "B", 1, 64, {}, CONVENTIONS["macs"])
    >>> [text.get_text() for text in drawn.axes[0].get_legend().get_texts()]
    ['1', '0']
    """
    charts.require_matplotlib()
    from matplotlib.figure import Figure

    lines = parts(analysis, weigh, by, depth)
    steps = _steps(lines, name, low, high, sizes)
    shown = _grouped([(line.path or line.label, _values(line.value, name, steps, sizes)) for line in lines])
    drawing = Figure(figsize=(10, 6), layout="constrained", facecolor=charts.PAPER)
    axes = drawing.subplots()
    axes.stackplot(steps, *(values for _, values in shown), labels=[printable(label) for label, _ in shown], alpha=0.85)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlim(steps[0], steps[-1])
    _marks(axes, list(crossings(lines, name, sizes)), low, high)
    rest = ", ".join(f"{key} = {size:,}" for key, size in sizes.items())
    axes.set_xlabel(name + (f"   ({rest})" if rest else ""), color=charts.GREY)
    axes.set_title(
        f"{printable(analysis.graph.name)}: {heading(weigh)} over {name}", loc="left", color=charts.INK,
        fontweight="bold", parse_math=False,
    )  # fmt: skip
    axes.legend(loc="upper left", fontsize=8, frameon=False, reverse=True)
    axes.spines[["top", "right"]].set_visible(False)
    return drawing


def _steps(lines: list[Line], name: str, low: int, high: int, sizes: Mapping[str, int]) -> list[int]:
    """Sizes in the range, evenly on a logarithmic axis, at which the formulas hold."""
    formula = next(
        (line.value for line in lines if isinstance(line.value, Expression) and name in line.value.names), None
    )
    if formula is None:
        raise InputError(f"no cost depends on {name}")
    ratio = high / low
    steps = sorted({round(low * ratio ** (index / (POINTS - 1))) for index in range(POINTS)})
    domain = formula.domain
    domain.sizes({**sizes, name: low})
    held = [step for step in steps if _holds(domain, {**domain.pinned, **sizes, name: step})]
    if len(held) < 2:
        domain.check(domain.sizes({**sizes, name: low}))
        raise InputError(f"the formulas hold for fewer than two sizes from {name} = {low:,} to {high:,}")
    return held


def _holds(domain: Any, sizes: Mapping[str, int]) -> bool:
    allowed = all(known.allows(sizes[known.name]) for known in domain.names)
    return allowed and all(condition.holds(sizes) for condition in domain.conditions)


def _values(value: Any, name: str, steps: list[int], sizes: Mapping[str, int]) -> list[float]:
    if not isinstance(value, Expression):
        return [float(value)] * len(steps)
    return [float(value.at(**{**sizes, name: step})) for step in steps]


def _grouped(rows: list[tuple[str, list[float]]]) -> list[tuple[str, list[float]]]:
    """The parts that are dearest at the end, and all others as one."""
    order = sorted(rows, key=lambda row: -row[1][-1])
    kept = [row for row in rows if row in order[:PARTS]]
    rest = [row[1] for row in order[PARTS:]]
    return [*kept, ("others", [sum(column) for column in zip(*rest, strict=True)])] if rest else kept


def _marks(axes: Axes, told: list[str], low: int, high: int) -> None:
    for sentence in told:
        size = int(sentence.partition(" = ")[2].partition(", though")[0].replace(",", ""))
        if low <= size <= high:
            axes.axvline(size, color=charts.HOT, linewidth=0.8, linestyle="--")
            axes.annotate(
                sentence, (size, 0.02), (3, 0), xycoords=("data", "axes fraction"), textcoords="offset points",
                rotation=90, fontsize=7, color=charts.HOT, va="bottom", parse_math=False,
            )  # fmt: skip
