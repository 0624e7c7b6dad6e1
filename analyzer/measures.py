"""The numbers of a model that can be limited, and where most of each is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from analyzer.conventions import convention
from analyzer.report.numbers import human
from analyzer.report.records import module_records

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["LIMITS", "Measure"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that can be limited.

    Attributes:
        name: as baselines have it.
        what: what it is a number of.
        of: reads it.
        where: says where most of it is.
        unit: ``"B"``, or nothing.
        missing: whether more may have to be added, for calls that no rule knows.
    """

    name: str
    what: str
    of: Callable[[Analysis], int]
    where: Callable[[Analysis], str]
    missing: Callable[[Analysis], bool] = lambda it: False
    unit: str = ""


def _dearest(analysis: Analysis, name: str) -> str:
    """The module with most of it, at the first level on which no single one has all of it."""
    records = {record["path"]: record[name] for record in module_records(analysis, convention("flops"))}
    path, whole = "", records[""]
    while True:
        lead = f"{path}." if path else ""
        below = [inner for inner in records if inner.startswith(lead) and inner != "" and "." not in inner[len(lead) :]]
        top = max(below, key=records.__getitem__, default="")
        if not top or not records[top]:
            return f"dearest: {path} {human(whole)}" if path else ""
        path = top
        if records[top] < whole:
            return f"dearest: {path} {human(records[path])}"


def _largest_parameter(analysis: Analysis) -> str:
    most = max(analysis.parameters, key=lambda parameter: parameter.spec.nbytes, default=None)
    return f"largest: {most.name} {human(most.spec.nbytes, 'B')}" if most else ""


def _has_guessed_shapes(analysis: Analysis) -> bool:
    return any(node.status == "unknown" for node in analysis.graph)


def _cost(name: str, what: str) -> Measure:
    missing = attrgetter("is_lower_bound")
    return Measure(name, what, lambda it: it.total(name), lambda it: _dearest(it, name), missing)


def _memory(name: str, what: str, field: str) -> Measure:
    number, place = attrgetter(f"memory.{field}"), attrgetter(f"memory.{field}_node")
    return Measure(name, what, number, lambda it: f"at {place(it)}", _has_guessed_shapes, "B")


LIMITS: Mapping[str, Measure] = {
    f"max_{measure.name}": measure
    for measure in (
        Measure("params", "params", lambda it: it.params, lambda it: _dearest(it, "params")),
        _cost("macs", "MACs"),
        _cost("flops", "FLOPs"),
        _memory("peak", "peak", "peak"),
        _memory("activation", "activation", "largest"),
        Measure("param_bytes", "of parameters", lambda it: it.param_bytes, _largest_parameter, unit="B"),
    )
}
"""The limits there are, by their names, and what each is a limit of."""
