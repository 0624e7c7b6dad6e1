"""A picture of a sweep: parameters against multiply-accumulates, and the models at its lower left edge."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzer.errors import InputError
from analyzer.sweeps.job import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

Place = tuple[float, float, str]

__all__ = ["check", "figure", "front", "save"]

SUFFIXES = (".png", ".svg", ".pdf")
CROWD = 400  # models from which on they are drawn smaller
OTHERS = 24  # names of models off the front that are written where there is room

PAPER, INK, GREY, FAINT, ACCENT = "#ffffff", "#22272e", "#8a94a0", "#e7eaee", "#c2410c"
COLOURS = ("#7f9cc4", "#8fb996", "#c9a66b", "#a88fc0", "#6fb1b5", "#c98b9a")  # one a source: timm, torchvision, ...

LEADER = tuple(n / 16 for n in range(17))  # where along the line from a point to its name others are looked for

# Where a name may stand around its point, nearest first: offset in points and alignment.
PLACES: list[Place] = [
    (side * right, up * over, {1: "left", -1: "right", 0: "center"}[side])
    for right, over in ((7, 0), (6, 8), (0, 10), (12, 16), (20, 26), (34, 36), (12, 36), (48, 48), (24, 60), (60, 80))
    for side in ((1, -1) if right else (0,))
    for up in ((-1, 1) if over else (1,))
]


def front(results: Iterable[Result]) -> list[Result]:
    """The models that no other has both fewer parameters and fewer MACs than, by parameters.

    >>> [r.name for r in front([Result("a", 2, 7), Result("b", 3, 5), Result("c", 5, 5), Result("d", 7, 3)])]
    ['a', 'b', 'd']
    """
    best: list[Result] = []
    for result in sorted(_shown(results), key=lambda item: (item.params, item.macs)):
        if not best or (result.macs or 0) < (best[-1].macs or 0):
            best.append(result)
    return best


def _shown(results: Iterable[Result]) -> list[Result]:
    """Those with numbers that have a place on an axis of logarithms."""
    return [result for result in results if result.params and result.macs]


def check(path: str | os.PathLike[str]) -> None:
    """Look whether a picture can be drawn there, before hours of work are done for it.

    Raises:
        InputError: matplotlib is not installed, or the file's name ends otherwise.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise InputError(f"a picture is a file that ends in {', '.join(SUFFIXES)}, not {str(path)!r}")
    if not Path(path).parent.is_dir():
        raise InputError(f"there is no folder {str(Path(path).parent)!r}")
    try:
        import matplotlib.figure  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        raise InputError("pictures are drawn by matplotlib, which is missing: pip install 'flopgraph[plot]'") from None


def save(results: Iterable[Result], path: str | os.PathLike[str]) -> None:
    """Draw `figure` into a file.

    Raises:
        InputError: it cannot be drawn there, or no model has numbers.
    """
    check(path)
    figure(results).savefig(path, dpi=160, facecolor=PAPER)


def figure(results: Iterable[Result]) -> Any:
    """Parameters against MACs as a matplotlib Figure: the front marked and named, others named where there is room.

    Raises:
        InputError: no model has numbers.
    """
    from matplotlib.figure import Figure

    results = list(results)
    shown = _shown(results)
    if not shown:
        raise InputError("there is nothing to draw: no model has both parameters and MACs")
    drawing = Figure(figsize=(10, 6.5), layout="constrained")
    axes = drawing.subplots()
    best = front(shown)
    _frame(axes, shown, len(results) - len(shown))
    _points(axes, shown, best)
    drawing.draw_without_rendering()  # the layout is settled, so that labels know where they are
    _labels(axes, shown, best)
    return drawing


def _frame(axes: Axes, shown: Sequence[Result], left_out: int) -> None:
    from matplotlib.ticker import EngFormatter, LogLocator

    axes.set(xscale="log", yscale="log", facecolor=PAPER)
    axes.margins(0.15, 0.1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(LogLocator(subs=(2, 5)))
        axis.set_major_formatter(EngFormatter(sep=" "))
        axis.set_minor_formatter(EngFormatter(sep=" "))
    axes.grid(color=FAINT, linewidth=0.8)
    axes.tick_params(which="both", length=0, labelsize=9, labelcolor=GREY)
    axes.spines[:].set_visible(False)
    axes.set_axisbelow(True)
    axes.set_xlabel("parameters", color=INK)
    axes.set_ylabel("multiply-accumulates of one forward pass", color=INK)
    note = f"{len(shown):,} models" + (f", {left_out:,} without numbers" if left_out else "")
    axes.set_title("What models cost", loc="left", color=INK, fontsize=13, fontweight="bold")
    axes.set_title(note, loc="right", color=GREY, fontsize=9)


def _points(axes: Axes, shown: Sequence[Result], best: Sequence[Result]) -> None:
    sources = dict.fromkeys(_source(result) for result in shown)
    for index, source in enumerate(sources):
        colour = COLOURS[index % len(COLOURS)]
        size = 22 if len(shown) < CROWD else 12
        for bound in (False, True):  # numbers that are not exact are hollow
            members = [r for r in shown if _source(r) == source and bool(r.sign) is bound]
            label = f"{source}, a bound" if bound else source
            face = "none" if bound else colour
            if members:
                axes.scatter(
                    *_xy(members), s=size, facecolor=face, edgecolor=colour, alpha=0.75, linewidth=1, label=label
                )
    axes.step(*_xy(best), where="post", color=ACCENT, linewidth=1, alpha=0.6, zorder=3)
    label = "none is both smaller and cheaper"
    axes.scatter(*_xy(best), s=34, color=ACCENT, edgecolor=PAPER, linewidth=0.8, zorder=4, label=label)
    axes.legend(loc="lower right", frameon=False, fontsize=9, labelcolor=INK)


def _source(result: Result) -> str:
    return result.name.partition(":")[0] if ":" in result.name else "models"


def _xy(results: Iterable[Result]) -> tuple[list[int], list[int]]:
    pairs = [(result.params or 0, result.macs or 0) for result in results]
    return [x for x, _ in pairs], [y for _, y in pairs]


def _labels(axes: Axes, shown: Sequence[Result], best: Sequence[Result]) -> None:
    """Names that overlap nothing: those of the front, then those of the models that stand most alone."""
    import numpy

    points = axes.transData.transform(numpy.transpose(_xy(shown)))
    legend = axes.get_legend()
    taken = [] if legend is None else [legend.get_window_extent()]
    busy = numpy.concatenate([points, _stairs(axes, best)])
    empty_side_first = sorted(PLACES, key=lambda place: (abs(place[1]) > 12, place[0] > 0))
    for result in best:
        _label(axes, result, busy, taken, {"color": ACCENT, "fontsize": 8.5}, empty_side_first)
    nearest = [numpy.sort(numpy.hypot(*(points - point).T))[1:3].sum() for point in points]
    room = OTHERS
    for _, index in sorted(zip(nearest, range(len(shown)), strict=True), reverse=True):
        if room and shown[index] not in best:
            room -= _label(axes, shown[index], busy, taken, {"color": GREY, "fontsize": 7.5}, PLACES[:5])


def _stairs(axes: Axes, best: Sequence[Result]) -> Any:
    """Points along the line of the front, close enough that no name fits between them."""
    import numpy

    corners = axes.transData.transform(numpy.repeat(numpy.transpose(_xy(best)), 2, axis=0))
    corners[1:-1:2, 0] = corners[2::2, 0]  # to the right at its own height, then down
    ends = [numpy.linspace(a, b, 2 + int(abs(b - a).max() / 4)) for a, b in pairwise(corners)]
    return numpy.concatenate(ends)


def _label(
    axes: Axes, result: Result, busy: Any, taken: list[Bbox], look: dict[str, Any], places: Sequence[Place]
) -> bool:
    """Write a name at the first place around its point that is free; whether there was one."""
    from matplotlib.transforms import Bbox

    text, at = result.name.partition(":")[2] or result.name, (result.params or 0, result.macs or 0)
    sample = axes.text(*at, text, fontsize=look["fontsize"])
    width, height = sample.get_window_extent().size
    sample.remove()
    x, y = axes.transData.transform(at)
    pixels, inside = axes.figure.dpi / 72, axes.get_window_extent()
    for right, up, align in places:
        left = x + right * pixels - width * {"left": 0, "center": 0.5, "right": 1}[align]
        box = Bbox.from_bounds(left, y + up * pixels - height / 2, width, height).padded(2)
        if inside.contains(*box.min) and inside.contains(*box.max) and not box.count_overlaps(taken):
            around = box.padded(3.5)  # points are drawn as circles
            leader = [(x + part * right * pixels, y + part * up * pixels) for part in LEADER]
            if ((busy > around.min) & (busy < around.max)).all(axis=1).any():
                continue
            if any(other.contains(*point) for other in taken for point in leader):
                continue
            line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkB": 3} if abs(up) > 12 else None
            look |= {"ha": align, "va": "center", "zorder": 5}
            axes.annotate(text, at, (right, up), textcoords="offset points", arrowprops=line, **look)
            taken.append(box)
            return True
    return False
