"""An analysis as flat records: modules, operations, nodes, parameters. Field names are stable; numbers are exact.

The ``own_`` numbers of modules, and all numbers of operations, add up to the totals; so do those of nodes, but for
parameters that no call reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from analyzer.bounds import is_bound
from analyzer.conventions import Convention
from analyzer.node import Node
from analyzer.report.branches import grow
from analyzer.report.figures import Figures, figures_by_node, figures_by_op, parameter_owner
from analyzer.report.numbers import shape
from analyzer.spec import TensorSpec
from analyzer.symbolic.expression import is_open

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["UNITS", "Record", "module_records", "node_records", "node_text", "op_records", "parameter_records"]

Record = dict[str, Any]

UNITS: Mapping[str, str] = {
    "params": "elements of parameters, each counted once",
    "macs": "multiply-accumulates",
    "flops": "floating point operations",
    "bytes_read": "bytes",
    "bytes_written": "bytes",
    "elements": "elements",
    "bytes": "bytes",
}


def _numbers(figures: Figures, weigh: Convention, prefix: str = "") -> Record:
    """The numbers of a record: the convention asked for stands beside ``macs`` and ``flops`` where it is neither."""
    numbers = {"params": figures.params, "macs": figures.macs, "flops": figures.flops}
    if weigh.name not in numbers:
        numbers[weigh.name] = figures.cost
    numbers |= {"bytes_read": figures.bytes_read, "bytes_written": figures.bytes_written}
    return {f"{prefix}{name}": int(number) for name, number in numbers.items()}


def module_records(analysis: Analysis, weigh: Convention, depth: int | None = None) -> list[Record]:
    """A record a module, by its path.

    Its numbers hold all that happens while it is on the call stack, its ``own_`` numbers what no shown module below
    does.

    Args:
        analysis: the analysis.
        weigh: the convention to show beside macs and flops.
        depth: how many levels below the model are shown; None for all.
    """
    figures = figures_by_node(analysis, weigh)
    branches = [branch for branch in grow(analysis, figures).walk() if branch.home]
    shown = {branch.path: branch for branch in branches if depth is None or _level(branch.path) <= depth}
    total, own = dict.fromkeys(shown, Figures()), dict.fromkeys(shown, Figures())
    for node in analysis.graph:
        cost = figures[node.id]
        cost += Figures(params=-cost.params)
        for path in analysis.owners(node.stack):
            if path in shown:
                total[path] += cost
        own[next(path for path in (*reversed(node.stack), "") if path in shown)] += cost
    for parameter in analysis.parameters:
        elements = Figures(params=parameter.spec.numel)
        around = [path for path in _around(parameter_owner(parameter.name, analysis)) if path in shown]
        own[around[0]] += elements
        for path in around:
            total[path] += elements
    records = []
    for path, branch in shown.items():
        call = branch.info.calls[0] if branch.info.calls else None
        records.append(
            {"path": path, "type": branch.info.type, "depth": _level(path), "calls": len(branch.info.calls)}
            | {"input": call.inputs if call else (), "output": call.outputs if call else ()}
            | _numbers(total[path], weigh)
            | _numbers(own[path], weigh, "own_")
            | {"bound": total[path].bound, "notes": "; ".join(branch.notes)}
        )
    return records


def _level(path: str) -> int:
    return path.count(".") + 1 if path else 0


def _around(path: str) -> list[str]:
    """The path and those of all modules around it, innermost first."""
    found = [path]
    while path:
        path = path.rpartition(".")[0]
        found.append(path)
    return found


def op_records(analysis: Analysis, weigh: Convention) -> list[Record]:
    """A record an operation, the dearest first, and one of parameters that no call reads, where there are some."""
    return [
        {"op": op, "calls": calls} | _numbers(figures, weigh) | {"bound": figures.bound}
        for op, calls, figures in figures_by_op(analysis, weigh)
    ]


def node_records(analysis: Analysis, weigh: Convention) -> list[Record]:
    """A record a node, in execution order."""
    figures = figures_by_node(analysis, weigh)
    return [
        {"id": node.id} | node_text(node) | _numbers(figures[node.id], weigh) | {"bound": figures[node.id].bound}
        for node in analysis.graph
    ]


def node_text(node: Node) -> Record:
    """The fields of a node that are text."""
    return {
        "op": node.op,
        "target": node.target,
        "module": node.module,
        "shape": join(shape(spec) for spec in node.outputs),
        "dtype": join(spec.dtype_name for spec in node.outputs),
        "status": node.status,
        "source": f"{node.source.file}:{node.source.line}" if node.source else "",
    }


def join(items: Iterable[str]) -> str:
    """Several values in one field.

    >>> join(["2x3", "5"])
    '2x3; 5'
    """
    return "; ".join(items)


def parameter_records(analysis: Analysis) -> list[Record]:
    """A record a parameter or buffer, shared ones once, with the nodes that read it."""
    readers: dict[str, list[str]] = {name: [] for name in analysis.graph.parameters}
    for node in analysis.graph:
        for name in dict.fromkeys(node.params):
            readers[name].append(node.id)
    return [
        {
            "name": item.name,
            "kind": "buffer" if item.buffer else "parameter",
            "module": parameter_owner(item.name, analysis),
            "shape": list(item.spec.shape),
            "dtype": item.spec.dtype_name,
            "elements": item.spec.numel,
            "bytes": item.spec.nbytes,
            "trainable": item.trainable,
            "shared_with": list(item.aliases),
            "read_by": readers[item.name],
            "used": item.used,
        }
        for item in analysis.graph.parameters.values()
    ]


def tensor(spec: TensorSpec) -> Record:
    """A tensor as a record; ``at_most`` are those of its dimensions whose size is an upper bound, where there are some.

    Where dimensions are open, ``shape`` has their sizes at the hints, and ``formulas`` what they are called.

    >>> from analyzer.bounds import AtMost
    >>> tensor(TensorSpec((2, 3))), tensor(TensorSpec((2, AtMost(3))))["at_most"]
    ({'shape': [2, 3], 'dtype': 'float32', 'bytes': 24}, [1])
    """
    record: Record = {"shape": list(spec.shape), "dtype": spec.dtype_name, "bytes": spec.nbytes}
    if any(map(is_open, spec.shape)):
        record["formulas"] = [str(size) for size in spec.shape]
    bounded = [dim for dim, size in enumerate(spec.shape) if is_bound(size)]
    return record | {"at_most": bounded} if bounded else record
