"""What other tools say of a model beside what is true: a table for people, JSON, CSV, Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from analyzer.errors import InputError
from analyzer.report.documents import escape
from analyzer.report.numbers import exactly, human, plural, printable, sign
from analyzer.tools.comparison import Cause, Verdict

__all__ = ["FORMATS", "HEAD", "Comparison", "check", "lines"]

FORMATS = ("table", "json", "csv", "md")
UNITS = {"macs": "MACs", "flops": "FLOPs"}
HEAD = ("tool", "says", "true", "difference", "because")
BOUNDS = {"": "exact", "≤": "upper", "≥": "lower", "≈": "mixed"}
# Causes smaller than one part in so many of the true number are drawn together.
SMALL = 2_000
# Characters of a path that are shown whole.
LONG = 30


def check(format: str) -> None:
    """Look at the format before the work is done.

    Raises:
        InputError: there is no such format; the sentence lists those that exist.
    """
    if format not in FORMATS:
        raise InputError(f"no format {format!r} of a comparison; there are {', '.join(FORMATS)}")


@dataclass(frozen=True)
class Comparison:
    """Several tools' numbers for one model. ``print`` it for a table; that needs the extra ``cli``.

    Attributes:
        model: the model's name.
        verdicts: what each tool says, what is true, and the causes of the difference.
        missing: whether the true numbers are lower bounds: nobody knows the cost of some call.

    >>> from torch import nn
    >>> from analyzer import analyze
    >>> verdict = analyze(nn.LSTM(7, 5), (3, 2, 7)).compare("flop_counter_cpu").verdicts[0]
    >>> verdict.said, verdict.true, [cause.reason for cause in verdict.causes]
    (0, 3120, ['recurrent layers in a fused kernel not seen'])
    """

    model: str
    verdicts: tuple[Verdict, ...]
    missing: bool = False

    def records(self) -> list[dict[str, Any]]:
        """A record a cause, with exact numbers; a tool that is right has one without a cause."""
        return [
            {
                "tool": verdict.tool.name,
                "version": verdict.tool.version,
                "unit": verdict.unit,
                "said": verdict.said,
                "true": int(verdict.true),
                "bound": BOUNDS[sign(verdict.true, self.missing)],
                "difference": verdict.difference,
                "cause": cause.reason,
                "amount": cause.amount,
                "calls": cause.calls,
                "first": cause.first,
                "params": verdict.params,
                "true_params": verdict.true_params,
            }
            for verdict in self.verdicts
            for cause in verdict.causes or (Cause("", 0),)
        ]

    def table(self) -> Any:
        """A rich renderable, and plain text as ``str(table)``.

        Raises:
            InputError: rich is not installed.
        """
        try:
            from analyzer.report.comparison_table import ComparisonTable
        except ModuleNotFoundError:
            raise InputError("tables are drawn by rich, which is missing: pip install 'flopgraph[cli]'") from None
        return ComparisonTable(self)

    def __str__(self) -> str:
        return str(self.table())

    def export(self, format: str) -> str:
        """The comparison as text: ``table`` with three digits of every number, ``json csv md`` with all.

        Raises:
            InputError: there is no such format.
        """
        check(format)
        if format == "table":
            return f"{self}\n"
        if format == "json":
            return json.dumps({"model": self.model, "verdicts": self.records()}, indent=1) + "\n"
        return self._csv() if format == "csv" else self._markdown()

    def _csv(self) -> str:
        records = self.records()
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
        return text.getvalue()

    def _markdown(self) -> str:
        rows: list[tuple[str, ...]] = [HEAD, ("---", "---:", "---:", "---:", "---")]
        for verdict in self.verdicts:
            true = exactly(verdict.true, self.missing)
            rows.append(
                (name(verdict), exactly(verdict.said), true, f"{verdict.difference:+,}", f"in {UNITS[verdict.unit]}")
            )
            rows += [("", "", "", f"{cause.amount:+,}", reason(cause)) for cause in verdict.causes]
        return "".join(f"| {' | '.join(map(escape, row))} |\n" for row in rows)


def lines(verdict: Verdict, missing: bool = False) -> Iterator[tuple[str, ...]]:
    """The rows of one tool: what it says, and why that is not what is true."""
    large = [cause for cause in verdict.causes if abs(cause.amount) * SMALL >= int(verdict.true)]
    rest = [cause for cause in verdict.causes if cause not in large]
    shown, rest = (large, rest) if len(rest) > 1 else (list(verdict.causes), [])
    why = [(_signed(cause.amount), reason(cause)) for cause in shown]
    if rest:
        why.append((_signed(sum(cause.amount for cause in rest)), f"{len(rest)} small causes"))
    if verdict.params != verdict.true_params:
        why.append(("", _params(verdict)))
    unit = UNITS[verdict.unit]
    true = human(verdict.true, unit, missing=missing)
    head = (name(verdict), human(verdict.said, unit), true)
    yield *head, _signed(verdict.difference), "" if why else "the same"
    yield from (("", "", "", *each) for each in why)


def _params(verdict: Verdict) -> str:
    """What is reported of the parameters that there are, with all digits where fewer look the same."""
    said, true = human(verdict.params), human(verdict.true_params)
    if said == true:
        said, true = exactly(verdict.params), exactly(verdict.true_params)
    return f"reports {said} of {true} parameters"


def name(verdict: Verdict) -> str:
    """The tool and its release, without the date that some append."""
    return f"{verdict.tool.name} {verdict.tool.version.partition('.post')[0]}"


def reason(cause: Cause) -> str:
    """A cause, how many calls it concerns, and the first of them."""
    where = f" ({plural(cause.calls, 'call')}: {_end_of(printable(cause.first))})" if cause.calls else ""
    return f"{cause.reason}{where}"


def _end_of(path: str) -> str:
    """The end of a long path.

    >>> _end_of("encoder.layers.encoder_layer_0.self_attention.linear"), _end_of("features.0.linear")
    ('…self_attention.linear', 'features.0.linear')
    """
    names = path.split(".")
    while len(names) > 2 and len(".".join(names)) > LONG:
        names.pop(0)
    end = ".".join(names)
    return end if end == path else f"…{end}"


def _signed(amount: int) -> str:
    return f"{'+' if amount > 0 else ''}{human(amount)}"
