"""A gate: does a model cost more than it may, or than it did? Each broken limit has a reason in one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from analyzer.baseline import COSTS, Entry, entry
from analyzer.bounds import is_bound
from analyzer.errors import InputError, LimitError
from analyzer.measures import LIMITS, Measure
from analyzer.quantities import parse_quantity, parse_tolerance
from analyzer.report.figures import is_uncounted
from analyzer.report.numbers import exactly, growth, human, plural, share, signed, words

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["Check", "Finding", "check"]

Limit = str | int | float
FEW = 3
"""As many modules are named in a reason."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How one number stands to one limit.

    Attributes:
        broken: whether it is over.
        said: the number, and how it stands.
        limit: the limit's name and value, ``"max_macs 4.2G"``; or the baseline's value.
        why: where it comes from.
    """

    broken: bool
    said: str
    limit: str
    why: str = ""

    def told(self, *, option: bool = False) -> str:
        """One line; limits by their names in Python, or as options of a command."""
        name, _, value = self.limit.partition(" ")
        limit = f"--{name.replace('_', '-')} {value}" if option and name in LIMITS else self.limit
        return f"{self.said} {limit}{self.why}"

    def __str__(self) -> str:
        return self.told()


@dataclass(frozen=True)
class Check:
    """What `check` found; ``print`` it for a line a limit.

    Attributes:
        name: what the model is called.
        findings: a finding for every limit, and for every number that is not what the baseline has.
    """

    name: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether no limit is broken."""
        return not self.broken

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The limits that are broken."""
        return tuple(finding for finding in self.findings if finding.broken)

    def require(self) -> Check:
        """The check itself.

        Raises:
            LimitError: a limit is broken.
        """
        if self.broken:
            raise LimitError("\n".join(f"{self.name}: {finding}" for finding in self.broken))
        return self

    def __str__(self) -> str:
        return "\n".join(f"{self.name}: {finding}" for finding in self.findings)


def check(
    analysis: Analysis,
    *,
    max_params: Limit | None = None,
    max_macs: Limit | None = None,
    max_flops: Limit | None = None,
    max_peak: Limit | None = None,
    max_activation: Limit | None = None,
    max_param_bytes: Limit | None = None,
    baseline: Entry | None = None,
    tolerance: str | float = 0,
    allow_missing: bool = False,
    name: str = "",
) -> Check:
    """Whether a model stays within limits, and within what it cost before.

    An upper bound (≤) counts as what it is at most. What is at least so much (≥), since the cost of some call is not
    known, passes no limit unless that is allowed.

    Args:
        analysis: the model.
        max_params: the most elements of parameters, a number or text such as ``"26M"``.
        max_macs: the most multiply-accumulates.
        max_flops: the most FLOPs.
        max_peak: the most bytes of activations alive at once, such as ``"10MB"``.
        max_activation: the most bytes of one activation.
        max_param_bytes: the most bytes of parameters.
        baseline: what it cost before: ``Baseline.read("costs.json").entry(key)``. Costing less than that is no fault.
        tolerance: by how much it may cost more than before: ``"1%"`` or 0.01.
        allow_missing: let numbers pass to which calls of unknown cost are to be added.
        name: what the model is called; its class when left out.

    Raises:
        InputError: a limit is no number, or there is neither a limit nor a baseline.

    >>> from torch import nn
    >>> from analyzer import analyze
    >>> analysis = analyze(nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 5)).eval(), (3, 7))
    >>> print(check(analysis, max_macs=150, max_params="1k"))
    Sequential: 70 params, within max_params 1k (7.0 %)
    Sequential: 180 MACs is 30 over max_macs 150; dearest: 0 105
    """
    given = dict(zip(LIMITS, (max_params, max_macs, max_flops, max_peak, max_activation, max_param_bytes), strict=True))
    limits = {name: limit for name, limit in given.items() if limit is not None}
    if not limits and baseline is None:
        raise InputError(f"there is nothing to check: give one of {', '.join(LIMITS)}, or a baseline")
    share_more = parse_tolerance(tolerance)
    findings = [_limited(analysis, LIMITS[limit], limit, value, allow_missing) for limit, value in limits.items()]
    if baseline is not None:
        findings += _compared(analysis, baseline, share_more, allow_missing)
    return Check(name or analysis.graph.name, tuple(findings))


def _limited(analysis: Analysis, measure: Measure, name: str, limit: Limit, allow_missing: bool) -> Finding:
    most = parse_quantity(limit, name, bytes=bool(measure.unit))
    value, missing = measure.of(analysis), measure.missing(analysis)
    said = f"{name} {limit if isinstance(limit, str) else human(most, measure.unit)}"
    if value > most:
        number, over = _written(value, most, measure, missing)
        return Finding(True, f"{number} is {over} over", said, _why(measure.where(analysis), _bounded(analysis, value)))
    number = human(value, measure.unit, missing=missing)
    if missing and not allow_missing:
        return Finding(True, f"{number} {measure.what} may be over", said, f": {_uncounted(analysis)}")
    part = f" ({share(value, most)})" if value else ""
    return Finding(
        False, f"{number} {measure.what}, within", said, part + (f": {_uncounted(analysis)}" if missing else "")
    )


def _compared(analysis: Analysis, old: Entry, tolerance: Fraction, allow_missing: bool) -> Iterator[Finding]:
    """What is not as it was; one finding that all is where all is."""
    new = entry(analysis)
    found = False
    for measure in LIMITS.values():
        value, before = measure.of(analysis), old[measure.name]
        missing = measure.missing(analysis) and not allow_missing and old["bound"] not in ("lower", "mixed")
        if value == before and not missing:
            continue
        found = True
        number, change = _written(value, before, measure, measure.missing(analysis))
        was = f"the baseline's {human(before, measure.unit)}"
        if missing:
            yield Finding(True, f"{number} cannot be held to", was, f": {_uncounted(analysis)}")
        elif value > before * (1 + tolerance):
            grown = f" ({growth(before, value)})" if before else ""
            yield Finding(True, f"{number} is {change}{grown} over", was, _why(*_moved(measure, analysis, old, new)))
        elif value > before:
            yield Finding(False, f"{number} is {growth(before, value)} over", was, ", which is tolerated")
        else:
            yield Finding(False, f"{number} is {growth(before, value)} against", was, ", which could be updated")
    if not found:
        yield Finding(False, f"{human(new['macs'])} MACs, {human(new['params'])} params: all as in", "the baseline")


def _written(value: int, limit: int, measure: Measure, missing: bool) -> tuple[str, str]:
    """The number, and its distance to the limit: with all digits where three would not tell them apart."""
    close = human(int(value)) == human(limit)
    unit = f" {measure.unit}" if close and measure.unit else ""
    number = f"{exactly(value, missing)}{unit}" if close else human(value, measure.unit, missing=missing)
    return f"{number} {measure.what}", human(abs(int(value) - limit), measure.unit)


def _why(*reasons: str) -> str:
    told = ", ".join(filter(None, reasons))
    return f"; {told}" if told else ""


def _uncounted(analysis: Analysis) -> str:
    ids = [node.id for node in analysis.graph if is_uncounted(node)]
    return f"{plural(len(ids), 'call')} not counted, for want of a rule ({words(ids)})"


def _bounded(analysis: Analysis, value: int) -> str:
    """What an upper bound hangs on."""
    ids = [node.id for node in analysis.graph if node.status == "bounded"] if is_bound(value) else []
    return f"at most, by the largest size of {words(ids)}" if ids else ""


def _moved(measure: Measure, analysis: Analysis, old: Entry, new: Entry) -> Iterator[str]:
    """Where a number changed: the innermost modules of the baseline that did; the outermost where these are many."""
    if measure.name not in COSTS:
        yield measure.where(analysis)
    else:
        changes = _changes(old["modules"], new["modules"], measure.name)
        above = {path.rpartition(".")[0] for path in changes}
        inner = [item for item in changes.items() if item[0] not in above]
        outer = [item for item in changes.items() if "." not in item[0]]
        told = sorted(inner if len(inner) <= FEW else outer, key=lambda item: -abs(item[1]))
        yield words([f"{path} {signed(change, human(change))}" for path, change in told], FEW)
    then = {name: version for name, version in old.get("versions", {}).items() if new["versions"].get(name) != version}
    yield from (f"recorded with {name} {version}" for name, version in then.items())


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> dict[str, int]:
    """Path -> by how much a number of a module changed, for those where it did; what came and went counts from 0."""
    nothing = {name: 0}
    changes = {path: new.get(path, nothing)[name] - old.get(path, nothing)[name] for path in {**old, **new}}
    return {path: change for path, change in changes.items() if change}
