"""Plain text: the short summary, the foot that says how far to trust a table, and why a node costs what it costs."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from analyzer.conventions import Convention, convention
from analyzer.counts import Counts
from analyzer.errors import Diagnostic
from analyzer.node import Node
from analyzer.report.figures import Figures, ends, is_call, is_uncounted
from analyzer.report.numbers import exactly, human, plural, printable, shapes, share, words
from analyzer.report.tree import tree_rows
from analyzer.rule import Rule
from analyzer.symbolic.expression import is_open

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["count_rows", "foot", "heading", "mode", "statement", "summary", "totals", "why"]


def heading(weigh: Convention) -> str:
    """What the column of a convention is called.

    >>> heading(convention("flops")), heading(convention("all"))
    ('FLOPs', 'all')
    """
    return {"macs": "MACs", "flops": "FLOPs"}.get(weigh.name, weigh.name)


def totals(analysis: Analysis, weigh: Convention) -> Figures:
    """The figures of the whole model."""
    return Figures(
        params=analysis.params,
        macs=analysis.total("macs"),
        flops=analysis.total("flops"),
        cost=analysis.total(weigh),
        bytes_read=analysis.traffic.read,
        bytes_written=analysis.traffic.written,
        at_least=analysis.is_lower_bound,
    )


def mode(analysis: Analysis) -> str:
    """``evaluation``, ``training`` or ``mixed``, by what the modules were set to; empty for a plain function."""
    modes = {info.training for info in analysis.graph.modules.values()}
    if len(modes) > 1:
        return "mixed"
    return {(): "", (False,): "evaluation", (True,): "training"}[tuple(modes)]


def summary(analysis: Analysis) -> str:
    """What ``print(analysis)`` shows."""
    whole = totals(analysis, convention("flops"))
    call = ends(analysis.graph)
    frozen = analysis.params - analysis.trainable_params
    size = f"{human(analysis.param_bytes, 'B')}{f', {frozen:,} of them frozen' if frozen else ''}"
    rows = [
        ("params", f"{whole.params:,}   ({size})"),
        *_active(analysis),
        ("MACs", _exactly(whole.macs, whole.at_least)),
        ("FLOPs", _exactly(whole.flops, whole.at_least)),
        ("memory", _peak(analysis)),
    ]
    head = f"{analysis.graph.name}   {shapes(call.inputs, dtype=True)} → {shapes(call.outputs, dtype=True)}"
    body = [f"  {label:<6}   {text}" for label, text in rows]
    below = (*_open(analysis), *_trust(analysis))
    lines = [head, *body, *_dearest(analysis, whole.flops), *(f"  {line}" for line in below)]
    return "\n".join(printable(line) for line in lines)


def _active(analysis: Analysis) -> list[tuple[str, str]]:
    """How many parameters a token meets, where experts share the tokens."""
    used = analysis.params - sum(item.spec.numel for item in analysis.unused_parameters)
    active = analysis.active_params
    return [("active", f"{active:,} params a token   ({human(active)})")] if active < used else []


def _exactly(number: int, missing: bool) -> str:
    return f"{exactly(number, missing)}{f'   ({human(int(number))})' if number >= 1000 else ''}"


def _dearest(analysis: Analysis, whole: int, most: int = 5) -> list[str]:
    """The modules that cost most, at the first level that has that many; operations, where there are no modules."""
    rows = tree_rows(analysis, convention("flops"), None)
    costs: list[tuple[str, int]] = []
    for level in range(1, 1 + max(row.depth for row in rows)):
        shown = (row for row in rows if row.depth == level or (row.leaf and row.depth < level))
        costs = [(row.path, row.figures.cost) for row in shown if row.figures.cost]
        if len(costs) >= most:
            break
    if len(costs) < 2:
        costs = [item for item in analysis.by_op("flops").items() if item[1]]
    costs = sorted(costs, key=lambda item: -item[1])[:most]
    width = max((len(name) for name, _ in costs), default=0)
    lines = [f"{name:<{width}}   {human(cost):>7}   {share(cost, whole):>6}" for name, cost in costs]
    return [f"  {'dearest' if index == 0 else '':<7}  {line}" for index, line in enumerate(lines)]


def foot(analysis: Analysis, weigh: Convention) -> list[str]:
    """The lines below a table: the totals to the last digit, how they came about, and what is worth knowing."""
    whole = totals(analysis, weigh)
    active = "".join(f" ({text.split(' params')[0]} active a token)" for _, text in _active(analysis))
    exact = [f"{whole.params:,} params{active}", f"{exactly(whole.macs, whole.at_least)} MACs"]
    if weigh.name != "macs":
        exact.append(f"{exactly(whole.cost, whole.at_least)} {heading(weigh)}")
    size = f"{human(analysis.param_bytes, 'B')} of parameters, {_peak(analysis)}"
    lines = [
        ", ".join(exact),
        *_open(analysis),
        size,
        *_trust(analysis),
        f"{heading(weigh)}: {weigh.source}",
        *_remarks(analysis),
    ]
    return [printable(line) for line in lines]


def _open(analysis: Analysis) -> list[str]:
    """At which sizes the numbers are shown, where dimensions are open, and how many conditions they have."""
    if not analysis.hints:
        return []
    shown = ", ".join(f"{name} = {size:,}" for name, size in analysis.hints.items())
    held = f" under {plural(len(analysis.conditions), 'condition')}" if analysis.conditions else ""
    return [f"numbers at {shown}; formulas{held} by total()"]


def _peak(analysis: Analysis) -> str:
    memory = analysis.memory
    return f"peak of {human(memory.peak, 'B')} live activations{f' at {memory.peak_node}' if memory.peak else ''}"


def _trust(analysis: Analysis) -> list[str]:
    """``412 of 412 calls ruled, evaluation mode, torch 2.14.1``, and what makes the totals bounds."""
    calls = [node for node in analysis.graph if is_call(node)]
    inferred = sum(node.status == "inferred" for node in calls)
    unknown = sum(node.status == "unknown" for node in calls)
    parts = [f"{len(calls) - inferred - unknown:,} of {plural(len(calls), 'call')} ruled"]
    parts += [f"{number:,} {word}" for number, word in ((inferred, "inferred"), (unknown, "unknown")) if number]
    if said := mode(analysis):
        parts.append(f"{said} mode" if said != "mixed" else "some modules in training mode")
    parts += [f"{package} {version}" for package, version in analysis.versions.items() if package != "flopgraph"]
    lines = [", ".join(parts)]
    if bounded := [node.id for node in calls if node.status == "bounded"]:
        lines.append(f"≤ {plural(len(bounded), 'call')} taken at the largest possible size: {words(bounded)}")
    if uncounted := [node.id for node in calls if is_uncounted(node)]:
        lines.append(f"≥ {plural(len(uncounted), 'call')} not counted, for want of a rule: {words(uncounted)}")
    return lines


def _remarks(analysis: Analysis) -> list[str]:
    """Parameters that are shared and that nothing uses, and the diagnostics, one line a code."""
    lines = []
    shared = [f"{alias} = {item.name}" for item in analysis.parameters for alias in item.aliases]
    if shared:
        lines.append(f"{plural(len(shared), 'shared parameter')}, counted once: {words(shared)}")
    if unused := analysis.unused_parameters:
        elements = plural(sum(item.spec.numel for item in unused), "element")
        names = words([item.name for item in unused])
        lines.append(f"{plural(len(unused), 'parameter')} never used, {elements}: {names}")
    told: dict[str, list[str]] = {}
    for diagnostic in analysis.diagnostics:
        if diagnostic.code != "unused-parameters":
            told.setdefault(diagnostic.code, []).append(_remark(diagnostic))
    lines += [
        texts[0] if len(texts) == 1 else f"{texts[0]}, and {len(texts) - 1:,} more of the kind"
        for texts in told.values()
    ]
    return lines


def _remark(diagnostic: Diagnostic) -> str:
    """A diagnostic in one line; a hint of several lines (a rule to paste) is for `Analysis.diagnostics` alone."""
    return str(replace(diagnostic, hint="") if "\n" in diagnostic.hint else diagnostic)


def why(node: Node, weigh: Convention, counts: Counts, rule: Rule | None) -> str:
    """How the cost of a node comes about.

    Args:
        node: the node.
        weigh: the convention to explain.
        counts: its counts; where they remember their formula (`analyzer.formula.Term`), it is shown.
        rule: what gave the counts, or None where that is not known any more.
    """
    rows = [("target", node.target)]
    if node.source is not None:
        rows.append(("at", str(node.source)))
    if rule is not None:
        rows += [("rule" if index == 0 else "", line) for index, line in enumerate(statement(rule))]
    if node.status != "ruled":
        rows.append(("status", node.status))
    rows += [("note", note) for note in node.notes]
    rows += count_rows(counts, node.counts)
    rows.append((weigh.name, weigh.explain(node, counts)))
    width = max(len(label) for label, _ in rows)
    head = f"{node.id}   {node.op}   {shapes(edge.spec for edge in node.inputs)} → {shapes(node.outputs)}"
    return "\n".join(printable(line) for line in (head, *(f"  {label:<{width}}   {text}" for label, text in rows)))


def statement(rule: Rule) -> list[str]:
    """First line and ``Cost:`` paragraph of a rule's docstring."""
    lines = inspect.cleandoc(rule.shape.__doc__ or "").splitlines()
    start = next((index for index, line in enumerate(lines) if line.startswith("Cost:")), None)
    cost: list[str] = []
    if start is not None:
        cost = [lines[start], *_until_next_heading(lines[start + 1 :])]
    elif rule.cost is None:
        cost = ["Cost: nothing is calculated."]
    return [line for line in (*lines[:1], " ".join(line.strip() for line in cost)) if line]


def _until_next_heading(lines: Iterable[str]) -> list[str]:
    """The lines up to an empty one or one such as ``Source: ...``."""
    kept = []
    for line in lines:
        if not line.strip() or (":" in line and line.split(":")[0].isidentifier()):
            break
        kept.append(line)
    return kept


def _number(number: int) -> str:
    return str(number) if is_open(number) else exactly(number)


def count_rows(counts: Counts, plain: Counts) -> list[tuple[str, str]]:
    """Kind and ``formula = number`` of all that a call counts; one row of 0 where it counts nothing."""
    rows = []
    for kind in Counts.__dataclass_fields__:
        value = getattr(counts, kind)
        if value:
            formula, number = str(value), _number(getattr(plain, kind))
            rows.append((kind, number if formula.lstrip("≤").isdigit() else f"{formula} = {number}"))
    return rows or [("counts", "0")]
