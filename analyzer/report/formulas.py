"""Costs as formulas of open dimensions: for people, for papers, and for programs that have no torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from analyzer.conventions import Convention
from analyzer.errors import InputError
from analyzer.report.figures import figures_by_op
from analyzer.report.numbers import exactly, sign
from analyzer.report.text import heading
from analyzer.report.tree import Row, tree_rows
from analyzer.symbolic.expression import Expression
from analyzer.symbolic.search import crossing

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["FORMATS", "Line", "assuming", "by_module", "by_op", "crossings", "export", "totals"]

FORMATS = ("text", "latex", "json", "python")
SIBLINGS = 8  # as many parts of a module are held against each other


@dataclass(frozen=True, slots=True)
class Line:
    """A number with its name.

    Attributes:
        label: what it is a number of, as people read it.
        value: an int or an `Expression`.
        path: the module, the operation, or the name of a total.
        parent: the path of what it is a part of.
    """

    label: str
    value: Any
    path: str
    parent: str = ""

    @property
    def name(self) -> str:
        """A name that Python takes."""
        name = "".join(letter if letter.isalnum() else "_" for letter in self.path) or "model"
        return name if name.isidentifier() else f"_{name}"


def totals(analysis: Analysis, conventions: Iterable[Convention]) -> list[Line]:
    """What the whole model costs, and its parameters."""
    lines = [Line(heading(weigh), analysis.total(weigh), weigh.name) for weigh in conventions]
    return [*lines, Line("params", analysis.params, "params")]


def by_module(analysis: Analysis, weigh: Convention, depth: int | None) -> list[Line]:
    """A line a module that costs something, the ones that hold others in front of these."""
    lines = []
    parents: list[str] = []
    for row in tree_rows(analysis, weigh, depth):
        parents[row.depth :] = [row.path]
        parent = parents[row.depth - 1] if row.depth else ""
        if row.figures.cost:
            lines.append(Line(f"{'  ' * row.depth}{_label(row)}", row.figures.cost, row.path, parent))
    return lines


def _label(row: Row) -> str:
    return f"{row.label}  {row.times} ×" if row.times > 1 else row.label


def by_op(analysis: Analysis, weigh: Convention) -> list[Line]:
    """A line an operation that costs something, the dearest first."""
    return [Line(op, figures.cost, op) for op, _, figures in figures_by_op(analysis, weigh) if figures.cost]


def assuming(lines: Iterable[Line], conditions: Iterable[str]) -> list[Line]:
    """The lines where these conditions hold too, such as ``H % 32 == 0``."""
    given = list(conditions)
    return [replace(line, value=_assumed(line.value, given)) for line in lines]


def _assumed(value: Any, conditions: list[str]) -> Any:
    return value.assuming(*conditions) if conditions and isinstance(value, Expression) else value


def crossings(lines: Iterable[Line], name: str, sizes: Mapping[str, int]) -> Iterator[str]:
    """A sentence for every two parts of one whole, the dearest of it, that change places as one size grows."""
    for _, group in groupby(sorted(lines, key=lambda line: line.parent), key=lambda line: line.parent):
        open_ = [line for line in group if isinstance(line.value, Expression)]
        dearest = sorted(open_, key=lambda line: -int(line.value))[:SIBLINGS]
        for index, one in enumerate(dearest):
            for other in dearest[index + 1 :]:
                yield from _crossed(one, other, name, sizes)


def _crossed(one: Line, other: Line, name: str, sizes: Mapping[str, int]) -> Iterator[str]:
    if name not in {*one.value.names, *other.value.names}:
        return
    for upper, lower in ((one, other), (other, one)):
        domain = upper.value.domain
        size = crossing(upper.value, lower.value, name, **sizes)
        if size is not None and size > next(known.least for known in domain.names if known.name == name):
            full = domain.sizes({**sizes, name: size})
            broken = next((condition for condition in domain.conditions if not condition.holds(full)), None)
            outside = "" if broken is None else f", though the formula holds where {broken}"
            yield f"{upper.path} outgrows {lower.path} at {name} = {size:,}{outside}"


# --- formats --------------------------------------------------------------------------------------------------------


def export(analysis: Analysis, lines: list[Line], format: str, sizes: Mapping[str, int] | None = None) -> str:
    """The lines as text, LaTeX, JSON or Python's source.

    Args:
        analysis: where they come from.
        lines: what is written.
        format: one of `FORMATS`.
        sizes: numbers for these sizes in place of the formulas.

    Raises:
        InputError: there is no such format, or a formula does not hold for these sizes.
    """
    if format not in FORMATS:
        raise InputError(f"formulas have the formats {', '.join(FORMATS)}, and not {format!r}")
    if sizes:
        lines = [replace(line, value=_at(line.value, sizes)) for line in lines]
    write = {"text": _text, "latex": _latex, "json": _json, "python": _python}[format]
    return write(analysis, lines)


def _at(value: Any, sizes: Mapping[str, int]) -> Any:
    return value.at(**sizes) if isinstance(value, Expression) else value


def _text(analysis: Analysis, lines: list[Line]) -> str:
    width = max((len(line.label) for line in lines), default=0)
    text = [f"{line.label:<{width}}   {_written(line.value)}" for line in lines]
    if analysis.is_upper_bound:
        text += ["", "at most: a size that only data decide is taken as the largest it can be"]
    if analysis.is_lower_bound:
        text += ["", "at least: the cost of a call is unknown and missing"]
    conditions = _conditions(lines)
    if conditions:
        most = max(len(str(condition)) for condition in conditions)
        text += ["", "holds where"]
        text += [f"  {condition!s:<{most}}   {condition.source or ''}".rstrip() for condition in conditions]
    return "\n".join(text) + "\n"


def _written(value: Any) -> str:
    return f"{sign(value)}{value}" if isinstance(value, Expression) else exactly(value)


def _conditions(lines: list[Line]) -> list[Any]:
    """What the formulas in these lines need, each once; a number alone needs nothing more."""
    domains = {id(line.value.domain): line.value.domain for line in lines if isinstance(line.value, Expression)}
    return list(dict.fromkeys(condition for domain in domains.values() for condition in domain.conditions))


def _latex(analysis: Analysis, lines: list[Line]) -> str:
    rows = [
        rf"\text{{{_escaped(line.label.strip())}}} &= "
        + (line.value.latex() if isinstance(line.value, Expression) else f"{line.value}")
        for line in lines
    ]
    body = " \\\\\n".join(rows)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n"


def _escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "_%&#$" else letter for letter in text)


def _json(analysis: Analysis, lines: list[Line]) -> str:
    document = {
        "model": analysis.graph.name,
        "versions": dict(analysis.versions),
        "formulas": {line.path: _value(line.value) for line in lines},
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _value(value: Any) -> Any:
    return json.loads(value.to_json()) if isinstance(value, Expression) else int(value)


def _python(analysis: Analysis, lines: list[Line]) -> str:
    parts = [f'"""What {analysis.graph.name} costs, as functions of its open sizes."""']
    for line in lines:
        if isinstance(line.value, Expression):
            parts.append(line.value.to_python(line.name).rstrip())
        else:
            parts.append(f"{line.name.upper()} = {int(line.value)}")
    return "\n\n\n".join(parts) + "\n"
