"""Two models side by side: which modules and calls came, went, or changed in name, shape or cost."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzer.conventions import Convention, convention
from analyzer.difference.matching import Pair, match
from analyzer.difference.parts import Side, is_document, read_document, side
from analyzer.difference.rows import Row, cells, records, rows
from analyzer.errors import InputError
from analyzer.report.documents import escape
from analyzer.report.numbers import exactly, growth, human, plural, printable
from analyzer.report.text import heading

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["FORMATS", "Difference", "check", "diff", "is_document", "read_document"]

FORMATS = ("table", "json", "csv", "md", "html")
KINDS = ("added", "removed", "moved", "renamed", "changed")


def check(format: str) -> None:
    """Look at the format before the work is done.

    Raises:
        InputError: there is no such format; the sentence lists those that exist.
    """
    if format not in FORMATS:
        raise InputError(f"no format {format!r} of a difference; there are {', '.join(FORMATS)}")


def diff(
    a: Analysis | Mapping[str, Any] | str | Path,
    b: Analysis | Mapping[str, Any] | str | Path,
    convention: str | Convention = "flops",
    *,
    names: tuple[str, str] = ("", ""),
) -> Difference:
    """What is not the same in two models.

    A module is found again by its path, or else by its place among modules of its type in the same parent: then it was
    renamed; or else, where all of it is as it was, in another parent: then it moved. ``print`` the result for a table.

    Args:
        a: the old model: an `Analysis`, or the JSON file that ``analysis.save`` wrote, or what is in it.
        b: the new one.
        convention: what counts as cost beside the MACs.
        names: what people call the models; nothing when left out.

    Raises:
        InputError: a file is no saved analysis, or there is no such convention.

    >>> from torch import nn
    >>> from analyzer import analyze
    >>> a = analyze(nn.Sequential(nn.Linear(7, 5), nn.ReLU()).eval(), (3, 7))
    >>> b = analyze(nn.Sequential(nn.Linear(7, 5), nn.Dropout(), nn.ReLU()).eval(), (3, 7))
    >>> diff(a, b).marks()
    {'1': 'added', '2': 'changed'}
    """
    weigh = _convention(convention)
    old, new = side(a, weigh, names[0]), side(b, weigh, names[1])
    return Difference(old, new, weigh, match(old.root, new.root), tuple(map(_itself, (a, b))))


def _itself(given: Any) -> Analysis | None:
    return None if isinstance(given, (Mapping, str, Path)) else given


_convention = convention  # the parameter of that name hides it


@dataclass(frozen=True, repr=False)
class Difference:
    """What `diff` found. ``print`` it for a table; that needs the extra ``cli``.

    Attributes:
        a: the old model.
        b: the new one.
        convention: what counts as cost.
        root: both models, module by module.
        analyses: both, where they are no saved ones.
    """

    a: Side
    b: Side
    convention: Convention
    root: Pair
    analyses: tuple[Analysis | None, ...] = (None, None)

    def __bool__(self) -> bool:
        """Whether anything is not as it was."""
        return self.root.differs

    def __repr__(self) -> str:
        return f"Difference({self.a.root.label} → {self.b.root.label}: {self._counted()})"

    def marks(self) -> dict[str, str]:
        """Module path or node id -> ``"added"``, ``"changed"`` or ``"removed"``: what a page of b shows.

        What went goes by its old path, unless something else has that now.
        """
        marks: dict[str, str] = {}
        for pair in self.root.walk():
            kind = _kind(pair.changes)
            if not pair.differs or not pair.part.path:
                continue
            for part in pair.part.walk():
                if kind == "added":
                    marks[part.path] = kind
                elif kind == "removed":
                    marks.setdefault(part.path, kind)
                elif kind == "moved":
                    marks.pop(part.path, None)  # where it came with what is around it
            if kind not in ("added", "removed"):
                marks[pair.part.path] = "changed"
        return marks

    def records(self, depth: int | None = None) -> list[dict[str, Any]]:
        """A record for every module and call that differs, with exact numbers.

        Args:
            depth: how many levels below the model; None for all.
        """
        return list(records(self.root, self.convention, depth))

    def rows(self, depth: int | None = None) -> list[Row]:
        """The rows of the table: equal neighbours are one."""
        return list(rows(self.root, depth))

    def summary(self) -> list[str]:
        """The totals, old and new, and how many modules and calls came, went and changed."""
        a, b = self.a.figures, self.b.figures
        totals = [_change(a.params, b.params, "params"), _change(a.macs, b.macs, "MACs", a.at_least, b.at_least)]
        if self.convention.name != "macs":
            totals.append(_change(a.cost, b.cost, heading(self.convention), a.at_least, b.at_least))
        sizes = [(self.a.param_bytes, self.b.param_bytes, "of parameters"), (self.a.peak, self.b.peak, "peak")]
        memory = [f"{_both(human(old, 'B'), human(new, 'B'))} {what}{_grown(old, new)}" for old, new, what in sizes]
        names = [f"{self.a.name} → {self.b.name}"] if self.a.name or self.b.name else []
        return [*names, ", ".join(totals), ", ".join(memory), self._counted()]

    def _counted(self) -> str:
        """``2 modules added, 1 renamed; 3 calls removed``, or that nothing is."""
        records = [record for record in self.records() if record["path"] and record["changes"]]
        found = Counter((record["kind"], _kind(record["changes"])) for record in records)
        told = []
        for noun in ("module", "call"):
            kinds = [kind for kind in KINDS if found[noun, kind]]
            for kind in kinds[:1]:
                first = f"{plural(found[noun, kind], noun)} {kind}"
                told.append(", ".join([first, *(f"{found[noun, kind]:,} {kind}" for kind in kinds[1:])]))
        return "; ".join(told) or "no module and no call differs"

    def table(self, depth: int | None = 2) -> Any:
        """A rich renderable, and plain text as ``str(table)``.

        Args:
            depth: how many levels of modules are shown; None for all.

        Raises:
            InputError: rich is not installed.
        """
        try:
            from analyzer.report.difference_table import DifferenceTable
        except ModuleNotFoundError:
            raise InputError("tables are drawn by rich, which is missing: pip install 'flopgraph[cli]'") from None
        lines = [cells(row, self.convention, human) for row in self.rows(depth)]
        return DifferenceTable(self._titles(), lines, [printable(line) for line in self.summary()])

    def __str__(self) -> str:
        """The table; the totals alone where rich is not installed."""
        try:
            return str(self.table())
        except InputError:
            return "\n".join(map(printable, self.summary()))

    def _titles(self) -> list[str]:
        cost = heading(self.convention)
        numbers = ["params", *dict.fromkeys(("MACs", cost)), f"Δ {cost}"]
        return ["module", "type", "change", "shape", *numbers]

    def export(self, format: str, depth: int | None = None) -> str:
        """The difference as text: ``table`` with three digits of every number, ``json csv md`` with all.

        ``html`` is the page of the new model, on which what differs is marked.

        Raises:
            InputError: there is no such format, or a saved analysis is to be drawn.
        """
        check(format)
        if format == "table":
            return f"{self.table(depth)}\n"
        if format == "json":
            return json.dumps(self._document(depth), indent=1) + "\n"
        if format == "html":
            return self._page()
        return self._csv(depth) if format == "csv" else "".join(self._markdown(depth))

    def _page(self) -> str:
        before, after = self.analyses
        if after is None:
            raise InputError("a saved analysis has no graph to draw", hint="give the new model itself")
        from analyzer.report.page import to_html

        return to_html(after, self.convention, self.marks(), before)

    def _document(self, depth: int | None) -> dict[str, Any]:
        return {
            "schema": 1,
            "convention": self.convention.name,
            "old": _totals(self.a, self.convention),
            "new": _totals(self.b, self.convention),
            "differences": self.records(depth),
        }

    def _csv(self, depth: int | None) -> str:
        text = io.StringIO(newline="")
        found = self.records(depth)
        writer = csv.DictWriter(text, list(found[0] if found else ("path", "kind", "changes")), lineterminator="\n")
        writer.writeheader()
        writer.writerows(record | {"changes": "; ".join(record["changes"])} for record in found)
        return text.getvalue()

    def _markdown(self, depth: int | None) -> Iterator[str]:
        found = self.rows(depth)
        if found:
            titles = self._titles()
            yield f"| {' | '.join(titles)} |\n"
            yield f"| {' | '.join(['---'] * 4 + ['---:'] * (len(titles) - 4))} |\n"
        for row in found:
            lead = "&nbsp;&nbsp;" * row.level
            yield f"| {lead}{' | '.join(map(escape, cells(row, self.convention, exactly)))} |\n"
        yield "\n" if found else ""
        yield from (f"{escape(line)}  \n" for line in self.summary())


def _kind(changes: Sequence[str]) -> str:
    return changes[0] if changes and changes[0] in KINDS else "changed"


def _both(old: str, new: str) -> str:
    return old if old == new else f"{old} → {new}"


def _grown(old: int, new: int) -> str:
    return f" ({growth(old, new)})" if growth(old, new) else ""


def _change(old: int, new: int, what: str, less: bool = False, more: bool = False) -> str:
    return f"{_both(exactly(old, less), exactly(new, more))} {what}{_grown(old, new)}"


def _totals(model: Side, weigh: Convention) -> dict[str, Any]:
    figures = model.figures
    costs = {"macs": int(figures.macs), weigh.name: int(figures.cost)}
    sizes = {"param_bytes": model.param_bytes, "peak_bytes": int(model.peak)}
    return (
        {"name": model.name or model.root.label, "params": figures.params}
        | costs
        | sizes
        | {"bound": model.root.facts.bound}
    )
