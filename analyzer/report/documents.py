"""An analysis as a document: JSON with everything in it, CSV and Markdown with one kind of record."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analyzer.conventions import CONVENTIONS, Convention
from analyzer.node import Node
from analyzer.report.figures import ends
from analyzer.report.numbers import shape
from analyzer.report.records import (
    UNITS,
    Record,
    join,
    module_records,
    node_records,
    op_records,
    parameter_records,
    tensor,
)
from analyzer.report.text import foot, mode, totals
from analyzer.spec import TensorSpec

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["SCHEMA", "cells", "document", "records", "to_csv", "to_json", "to_markdown"]

SCHEMA = 1
"""Version of the JSON document: it grows when a field changes its name or meaning, not when one is added."""


def records(analysis: Analysis, by: str, weigh: Convention, depth: int | None) -> list[Record]:
    """The records of one kind: ``module``, ``op`` or ``node``."""
    if by == "module":
        return module_records(analysis, weigh, depth)
    if by == "op":
        return op_records(analysis, weigh)
    return node_records(analysis, weigh)


def to_csv(analysis: Analysis, by: str, weigh: Convention, depth: int | None) -> str:
    """One kind of record, a header line first; several tensors in one cell are separated by ``"; "``."""
    rows = cells(analysis, by, weigh, depth)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def cells(analysis: Analysis, by: str, weigh: Convention, depth: int | None) -> list[Record]:
    """The records of one kind with text and numbers alone: tensors as their shapes and dtypes."""
    return [{name: _cell(value) for name, value in row.items()} for row in records(analysis, by, weigh, depth)]


def _cell(value: Any) -> Any:
    return join(f"{shape(spec)} {spec.dtype_name}" for spec in value) if isinstance(value, tuple) else value


def to_markdown(analysis: Analysis, by: str, weigh: Convention, depth: int | None) -> str:
    """One kind of record as a table for a README or a pull request; the units and the totals below it."""
    rows = records(analysis, by, weigh, depth)
    names = list(rows[0])
    numeric = {name for name in names if isinstance(rows[0][name], int)}
    lines = [" | ".join(names), " | ".join("---:" if name in numeric else "---" for name in names)]
    for row in rows:
        cells = (f"{row[name]:,}" if name in numeric else escape(str(_cell(row[name]))) for name in names)
        lines.append(" | ".join(cells))
    units = ", ".join(f"{name} in {UNITS[name]}" for name in names if name in UNITS)
    below = [f"Units: {units}.", *(escape(line) for line in foot(analysis, weigh))]
    return "\n".join([*(f"| {line} |" for line in lines), "", *(f"{line}  " for line in below)]) + "\n"


def escape(text: str) -> str:
    r"""Text that stands in a Markdown table as it is: no markup, no HTML, no cell border, no line break.

    >>> print(escape("<script>|[x](y) a_b _c_"))
    &lt;script&gt;\|\[x\](y) a_b \_c\_
    """
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*|\[\]~])", r"\\\1", text)
    text = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\_", text)
    return " ".join(text.split())


def to_json(analysis: Analysis, weigh: Convention) -> str:
    """`document` as text."""
    return json.dumps(document(analysis, weigh), indent=1) + "\n"


def document(analysis: Analysis, weigh: Convention) -> Record:
    """The whole analysis as one JSON object; whole numbers are exact, however large."""
    memory = analysis.memory
    call = ends(analysis.graph)
    conventions = {**CONVENTIONS, weigh.name: weigh}
    return {
        "schema": SCHEMA,
        "name": analysis.graph.name,
        "versions": dict(analysis.versions),
        "mode": mode(analysis),
        "convention": weigh.name,
        "conventions": {name: item.source for name, item in conventions.items()},
        "units": dict(UNITS),
        "inputs": [tensor(spec) for spec in call.inputs],
        "outputs": _tree(analysis.outputs),
        "totals": _totals(analysis, weigh, conventions),
        "memory": {
            "peak_bytes": memory.peak,
            "peak_node": memory.peak_node,
            "largest_bytes": memory.largest,
            "largest_node": memory.largest_node,
        },
        "modules": [_plain(record) for record in module_records(analysis, weigh)],
        "ops": op_records(analysis, weigh),
        "nodes": _nodes(analysis, weigh),
        "parameters": parameter_records(analysis),
        "diagnostics": [
            {"code": item.code, "node": item.node, "message": item.message, "hint": item.hint}
            for item in analysis.diagnostics
        ],
        **({"open": _open(analysis, conventions)} if analysis.domain else {}),
    }


def _open(analysis: Analysis, conventions: Mapping[str, Convention]) -> Record:
    """The open dimensions, the conditions, and the formulas of which all numbers are the values at the hints."""
    assert analysis.domain is not None
    by_module = {name: analysis.by_module(item) for name, item in conventions.items()}
    return {
        "names": [
            {"name": name.name, "hint": name.hint, "least": name.least, "most": name.most}
            for name in analysis.domain.names
        ],
        "conditions": [
            {"text": item.text, "python": item.code, "source": str(item.source or "")} for item in analysis.conditions
        ],
        "totals": {name: str(analysis.total(item)) for name, item in conventions.items()},
        "peak_bytes": str(analysis.memory.peak),
        "modules": {
            path: {name: str(costs[path]) for name, costs in by_module.items()} for path in analysis.graph.modules
        },
    }


def _totals(analysis: Analysis, weigh: Convention, conventions: Mapping[str, Convention]) -> Record:
    whole = totals(analysis, weigh)
    return {
        "params": analysis.params,
        "trainable_params": analysis.trainable_params,
        "param_bytes": analysis.param_bytes,
        "buffer_bytes": analysis.buffer_bytes,
        **{name: analysis.total(item) for name, item in conventions.items()},
        "counts": {kind: getattr(analysis.counts, kind) for kind in analysis.counts.__dataclass_fields__},
        "bytes_read": whole.bytes_read,
        "bytes_written": whole.bytes_written,
        "bound": whole.bound,
    }


def _plain(record: Record) -> Record:
    """A record with its tensors as records."""
    return {
        name: [tensor(spec) for spec in value] if isinstance(value, tuple) else value for name, value in record.items()
    }


def _nodes(analysis: Analysis, weigh: Convention) -> list[Record]:
    """The records of the nodes with what only a document has room for: edges, outputs, counts."""
    return [row | _details(node) for row, node in zip(node_records(analysis, weigh), analysis.graph, strict=True)]


def _details(node: Node) -> Record:
    return {
        "inputs": [
            {"slot": edge.slot, "source": edge.source, "index": edge.index} | tensor(edge.spec) for edge in node.inputs
        ],
        "outputs": [tensor(spec) for spec in node.outputs],
        "parameters": list(node.params),
        "counts": {
            kind: getattr(node.counts, kind) for kind in node.counts.__dataclass_fields__ if getattr(node.counts, kind)
        },
        "alias_of": node.alias_of,
        "notes": list(node.notes),
    }


def _tree(value: Any) -> Any:
    """What the model returns, with a record for every tensor; anything that JSON does not know is text."""
    if isinstance(value, TensorSpec):
        return tensor(value)
    if isinstance(value, Mapping):
        return {str(key): _tree(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_tree(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    return value if value is None or isinstance(value, (bool, int, str)) else repr(value)
