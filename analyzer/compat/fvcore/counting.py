"""Count a captured graph by fvcore's rules: operators to handles, and handles' numbers to modules."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

import torch

from analyzer.errors import AnalyzerError, InputError, ModelError
from analyzer.graph import Graph
from analyzer.node import Node
from analyzer.tools.fvcore import name_of
from analyzer.tools.fvcore_handles import Handle
from analyzer.tools.jit_trace import Record, is_reached, record_of, trace

__all__ = ["Rules", "Statistics", "count"]

Counts = Mapping[str, Any]


@dataclass(frozen=True)
class Statistics:
    """What was counted.

    Attributes:
        counts: module path -> operator name -> count.
        unsupported_ops: module path -> operator -> how often it was met and not counted.
        uncalled_modules: paths of modules that are never called.
        failed: operators on which fvcore's own handle fails.
    """

    counts: dict[str, Counter[str]]
    unsupported_ops: dict[str, Counter[str]]
    uncalled_modules: set[str]
    failed: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Rules:
    """How to count.

    Attributes:
        handles: operator -> handle.
        defaults: the handles that fvcore brings.
        ignored: operators that are neither counted nor reported.
        right: the right count of a call, in place of fvcore's own handles; None to ask handles alone.
        owners: whether an operator counts for the modules that own the running one; for all that are running else.
        faithful: whether to read the trace that fvcore reads.
        in_place: paths of modules that are asked to write over their input.
    """

    handles: Mapping[str, Handle]
    defaults: Mapping[str, Handle]
    ignored: Collection[str]
    right: Callable[[Node], int] | None
    owners: bool
    faithful: bool
    in_place: Collection[str] = ()

    def is_own(self, kind: str) -> bool:
        """Whether a handle of the user's serves an operator."""
        return kind in self.handles and self.handles[kind] is not self.defaults.get(kind)

    def takes_whole(self, kind: str) -> bool:
        """Whether a Function is one operator: always in a trace, and else where the user speaks of it by name."""
        return self.faithful or self.is_own(kind) or kind in self.ignored


def count(
    graph: Graph, paths: Collection[str], rules: Rules, functions: Mapping[str, Record] | None = None
) -> Statistics:
    """Count all operators of a graph.

    Args:
        graph: the graph.
        paths: the first name of every module of the model.
        rules: how to count.
        functions: calls of Functions, by their path on the stack.

    Raises:
        ModelError: a handle of the user's fails.
        InputError: a handle returns what is no number.
    """
    stats = Statistics({path: Counter() for path in paths}, {path: Counter() for path in paths}, set())
    whole = {path: each for path, each in (functions or {}).items() if rules.takes_whole(each.kind)}
    seen: set[str] = set()
    for node, records in _calls(graph, rules, whole):
        modules = _owners(node.stack[-1]) if rules.owners else set(node.stack)
        seen |= modules
        known = modules & stats.counts.keys()
        for kind, counts in _counted(node, records, rules, stats.failed):
            for path in known:
                if counts is None:
                    stats.unsupported_ops[path][kind] += 1
                else:
                    stats.counts[path] += Counter(counts)
    if not rules.faithful:
        seen.update(path for path, info in graph.modules.items() if info.calls)
    stats.uncalled_modules.update(set(paths) - seen)
    return stats


def _calls(graph: Graph, rules: Rules, functions: Mapping[str, Record]) -> Iterator[tuple[Node, tuple[Record, ...]]]:
    """Calls, and the operators of each. All that happens inside a Function is one operator, where it is to be one."""
    traced: defaultdict[int, list[Record]] = defaultdict(list)
    for index, record in trace(graph, gradients=torch.is_grad_enabled()) if rules.faithful else ():
        traced[index].append(record)
    reached = is_reached(graph) if rules.faithful else [True] * len(graph)
    met: set[str] = set()
    for index, node in enumerate(graph):
        function = next((path for path in node.stack if path in functions), None) if functions else None
        if function is not None:
            if function not in met:
                yield node._replace(stack=node.stack[: node.stack.index(function)]), (functions[function],)
            met.add(function)
        elif reached[index]:
            records = tuple(traced[index]) if rules.faithful else record_of(node)
            if rules.faithful and node.op.endswith("dropout") and node.stack[-1] in rules.in_place:
                records = tuple([replace(record, kind=f"{record.kind}_") for record in records])
            if records:
                yield node, records


def _owners(path: str) -> set[str]:
    parts = path.split(".")
    return {"", *(".".join(parts[: end + 1]) for end in range(len(parts)))}


def _counted(
    node: Node, records: tuple[Record, ...], rules: Rules, failed: Counter[str]
) -> Iterator[tuple[str, Counts | None]]:
    """``(operator, counts)`` of a call; None for one that nothing counts. Ignored ones are left out."""
    total, carrier = _right(node, records, rules)
    for record in records:
        kind = record.kind
        if rules.is_own(kind):
            yield kind, _asked(record, rules.handles[kind])
        elif kind in rules.ignored and kind not in rules.handles:
            continue
        elif record is carrier:
            yield kind, {_named(kind): total}
        elif kind not in rules.handles:
            yield kind, None
        elif rules.right is None:
            yield kind, _by_default(record, rules.handles[kind], failed)


def _right(node: Node, records: tuple[Record, ...], rules: Rules) -> tuple[int, Record | None]:
    """The right count of a call, and the operator that it is said for: the one that fvcore would count, if any.

    A call that takes several (a recurrent cell) is counted once, as a whole.
    """
    if rules.right is None or not records:
        return 0, None
    total = rules.right(node)
    served = [record for record in records if record.kind in rules.defaults]
    if served:
        return total, served[0]
    return (total, next((each for each in records if each.kind not in rules.ignored), None)) if total else (0, None)


def _named(kind: str) -> str:
    return "conv" if kind.startswith("aten::_convolution") else name_of(kind)


def _asked(record: Record, handle: Handle) -> Counts:
    """What a handle of the user's counts."""
    try:
        said = handle(record.inputs, record.outputs)
    except AnalyzerError:
        raise
    except Exception as error:
        name = getattr(handle, "__qualname__", str(handle))
        raise ModelError(
            f"{name}, the handle of {record.kind}, raised {type(error).__name__}: {error}",
            hint="it is given shapes and constants, and no values of tensors",
        ) from error
    counts = said if isinstance(said, Mapping) else {name_of(record.kind): said}
    for value in counts.values():
        if not isinstance(value, Real):
            raise InputError(f"the handle of {record.kind} returns a number, or numbers by name, and not {value!r}")
    return counts


def _by_default(record: Record, handle: Handle, failed: Counter[str]) -> Counts:
    """What fvcore's own handle counts; nothing where it fails."""
    try:
        said = handle(record.inputs, record.outputs)
    except (TypeError, ValueError, IndexError):
        failed[record.kind] += 1
        return {}
    return said if isinstance(said, Mapping) else {name_of(record.kind): said}
