"""What the page knows, as one plain dict: totals, boxes, the links between them, how every number comes about.

The format, which the page's scripts read:

- ``measures``: what boxes can be coloured by, each with its ``name``, ``title``, ``unit`` and ``note``.
- ``items``: the boxes, outer ones first. ``parent`` is the index of the box around; ``times`` how many equal neighbours
  it stands for; ``costs`` one number a measure, of one of them. A call has ``op`` and all that explains it.
- ``links``: ``[source item, output, target item, slot, index in "tensors"]``.
- ``tensors``: ``[shape, dtype, bytes]``, each once; ``rules``: what a rule says, each once.

A number that is exact and below 2^53 is a number; any other is text, all its digits with its sign: ``"≤1600"``.
An item may have ``change`` (``added``, ``removed`` or ``changed``) and ``before``, its costs in another analysis.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analyzer.conventions import CONVENTIONS, Convention
from analyzer.formula import counts_as_formulas
from analyzer.node import Node
from analyzer.report.branches import grow
from analyzer.report.figures import ends, figures_by_node, is_call, is_uncounted
from analyzer.report.numbers import shape, shapes, sign
from analyzer.report.page.boxes import Box, Drawing, draw
from analyzer.report.text import count_rows, foot, heading, mode, statement
from analyzer.spec import TensorSpec

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["FORMAT", "page_data"]

FORMAT = 1
"""Version of the dict."""

Record = dict[str, Any]


def page_data(
    analysis: Analysis, weigh: Convention, changes: Mapping[str, str] | None = None, before: Analysis | None = None
) -> Record:
    """The page's data.

    Args:
        analysis: the analysis.
        weigh: the convention that is shown first.
        changes: ``added``, ``removed`` or ``changed`` for paths of modules and ids of nodes that are to be marked.
        before: another analysis, whose costs stand beside those of what changed.

    >>> from torch import nn
    >>> from analyzer import CONVENTIONS, analyze
    >>> data = page_data(analyze(nn.Sequential(nn.Linear(7, 5)).eval(), (3, 7)), CONVENTIONS["macs"])
    >>> [item["label"] for item in data["items"]], data["items"][0]["costs"][:3]
    (['Sequential', 'input', '0', 'output'], [105, 210, 210])
    """
    conventions = list({weigh.name: weigh, **CONVENTIONS}.values())
    writer = _Writer(analysis, conventions, changes or {})
    if before is not None:
        _remember(writer.items, _Writer(before, conventions, {}).items)
    call = ends(analysis.graph)
    return {
        "format": FORMAT,
        "name": analysis.graph.name,
        "signature": f"{shapes(call.inputs, dtype=True)} → {shapes(call.outputs, dtype=True)}",
        "mode": mode(analysis),
        "versions": dict(analysis.versions),
        "measures": _measures(conventions),
        "facts": foot(analysis, weigh),
        "items": writer.items,
        "links": writer.links,
        "tensors": list(map(list, writer.tensors)),
        "rules": list(map(list, writer.rules)),
        "diagnostics": [
            {"code": item.code, "item": writer.item_of(item.node), "message": item.message, "hint": item.hint}
            for item in analysis.diagnostics
        ],
    }


def _remember(items: list[Record], before: list[Record]) -> None:
    """Put what changed items cost before beside what they cost now."""
    costs = {_name(item): item["costs"] for item in before}
    for item in items:
        if item.get("change") == "changed" and _name(item) in costs:
            item["before"] = costs[_name(item)]


def _name(item: Record) -> Any:
    """What an item goes by in both of two analyses: the id of a call, else the path of a module."""
    return item.get("id", item.get("path", item["label"]))


def _measures(conventions: list[Convention]) -> list[Record]:
    made = "bytes of the tensors that calls make; views, which share another's memory, have none"
    return [
        *({"name": item.name, "title": heading(item), "unit": "", "note": item.source} for item in conventions),
        {"name": "params", "title": "Parameters", "unit": "", "note": "elements, shared parameters once"},
        {"name": "traffic", "title": "Bytes moved", "unit": "B", "note": "if each call reads and writes all once"},
        {"name": "activations", "title": "Activations", "unit": "B", "note": made},
    ]


def quantity(number: int, missing: bool = False) -> int | str:
    """A number as the page reads it: JavaScript's own are exact below 2^53 alone.

    >>> from analyzer.bounds import AtMost
    >>> quantity(5), quantity(AtMost(5)), quantity(0, missing=True), quantity(2**53)
    (5, '≤5', '≥0', '9007199254740992')
    """
    plain = int(number)
    said = sign(number, missing)
    return f"{said}{plain}" if said or abs(plain) >= 2**53 else plain


class _Writer:
    """Writes boxes as items, and keeps what many of them share once."""

    def __init__(self, analysis: Analysis, conventions: list[Convention], changes: Mapping[str, str]) -> None:
        self.analysis = analysis
        self.conventions = conventions
        self.changes = changes
        self.costs = list(zip(*(analysis.costs(item) for item in conventions), strict=True))
        self.records = analysis.graph.nodes()
        self.tensors: dict[tuple[str, str, int | str], int] = {}
        self.rules: dict[tuple[str, ...], int] = {}
        self.items: list[Record] = []
        self.place: dict[int, int] = {}  # index in the graph -> index of the item
        figures = figures_by_node(analysis, conventions[0])
        self.drawing: Drawing = draw(analysis.graph, grow(analysis, figures), figures, changes)
        self.write(self.drawing.root, None)
        # The whole knows more than its parts: a size may lose its mark on the way through the model's own code.
        missing = analysis.is_lower_bound
        self.items[0]["costs"][: len(conventions)] = [quantity(analysis.total(item), missing) for item in conventions]
        self.links = [
            [self.place[link.source], link.output, self.place[link.target], link.slot,
             self.tensor(self.records[link.source].outputs[link.output])]
            for link in self.drawing.links
        ]  # fmt: skip

    def tensor(self, spec: TensorSpec) -> int:
        """Where in ``tensors`` a spec is."""
        key = (shape(spec), spec.dtype_name, quantity(spec.nbytes))
        return self.tensors.setdefault(key, len(self.tensors))

    def item_of(self, id: str) -> int | None:
        """The item of a node, or of the module of that path; None where nothing has that name."""
        for index, node in enumerate(self.records):
            if node.id == id:
                return self.place.get(self.drawing.stands_in.get(index, index))
        return next((index for index, item in enumerate(self.items) if item.get("path") == id), None)

    # --- items --------------------------------------------------------------------------------------------------

    def write(self, box: Box, parent: int | None) -> tuple[list[int], bool]:
        """Append a box and all in it; return its costs, one a measure, and whether something is missing in them."""
        item: Record = {"label": box.label}
        place = len(self.items)
        self.items.append(item)
        if parent is not None:
            item["parent"] = parent
        item |= self.module(box)
        if box.node is not None:
            self.place[box.nodes[0]] = place
            item |= self.call(box.node)
        costs, missing = self.own_costs(box)
        for inner in box.boxes:
            below, lacking = self.write(inner, place)
            costs = [total + inner.times * number for total, number in zip(costs, below, strict=True)]
            missing = missing or lacking
        item["costs"] = [
            quantity(number, missing and measure < len(self.conventions)) for measure, number in enumerate(costs)
        ]
        return costs, missing

    def own_costs(self, box: Box) -> tuple[list[int], bool]:
        """What is not in the boxes of a box: its call, and its own parameters."""
        node = box.node
        if node is None:
            return [0] * len(self.conventions) + [box.params, 0, 0], False
        made = 0 if node.alias_of or not is_call(node) else sum(spec.nbytes for spec in node.outputs)
        moved = node.traffic.read + node.traffic.written
        return [*self.costs[box.nodes[0]], box.params, moved, made], is_uncounted(node)

    def module(self, box: Box) -> Record:
        """What is known of a box that is no call, and how it is folded."""
        item: Record = {}
        if box.times > 1:
            item["times"] = box.times
            if box.chained:
                item["chained"] = True
        if box.branch is not None:
            info = box.branch.info
            item |= {"path": box.branch.path, "type": info.type}
            if box.call is not None and box.node is None:
                item["inputs"] = [self.tensor(spec) for spec in box.call.inputs]
                item["outputs"] = [self.tensor(spec) for spec in box.call.outputs]
            if box.branch.notes:
                item["notes"] = list(box.branch.notes)
            if names := (*info.parameters, *info.buffers):
                item["params"] = [self.parameter(name) for name in names]
            if box.branch.path in self.changes:
                item["change"] = self.changes[box.branch.path]
        elif box.node is None:
            item["stretch"] = True
        if not box.nodes:
            item["idle"] = True
        return item

    def parameter(self, name: str) -> list[Any]:
        """Name, tensor, and what is special about a parameter or buffer."""
        parameter = self.analysis.graph.parameters[name]
        special = "buffer" if parameter.buffer else "" if parameter.trainable else "frozen"
        return [name, self.tensor(parameter.spec), special]

    # --- calls --------------------------------------------------------------------------------------------------

    def call(self, node: Node) -> Record:
        """What is known of a call, and how each of its costs comes about."""
        item: Record = {"id": node.id, "op": node.op, "target": node.target}
        item["outputs"] = [self.tensor(spec) for spec in node.outputs]
        if node.status != "ruled":
            item["status"] = node.status
        if node.source is not None:
            item["source"] = [f"{node.source.file}:{node.source.line}", node.source.text]
        if node.alias_of:
            item["alias"] = node.alias_of
        if node.notes:
            item["remarks"] = list(node.notes)
        if node.params:
            item["params"] = [self.parameter(name) for name in node.params]
        if given := {name: _short(value) for name, value in node.arguments.items() if _is_plain(value)}:
            item["arguments"] = given
        if node.id in self.changes:
            item["change"] = self.changes[node.id]
        return item | self.explanation(node)

    def explanation(self, node: Node) -> Record:
        """The formulas of a call's counts, and of its cost in every convention."""
        if not is_call(node):
            return {}
        rules = self.analysis.rules
        rule = None if rules is None else rules.of_call(node.op, node.target)
        counts = node.counts
        item: Record = {}
        if rule is not None:
            text = tuple(statement(rule))
            item["rule"] = self.rules.setdefault(text, len(self.rules))
            if rule.cost is not None:
                counts = counts_as_formulas(rule, node.arguments, node.outputs, node.counts)
        item["counts"] = [list(row) for row in count_rows(counts, node.counts)]
        item["formulas"] = [weigh.explain(node, counts) for weigh in self.conventions]
        return item


def _is_plain(value: Any) -> bool:
    """Whether an argument is worth showing: tensors are among the inputs, and None says nothing."""
    if isinstance(value, (tuple, list)):
        return not any(isinstance(item, TensorSpec) for item in value)
    return value is not None and not isinstance(value, TensorSpec)


def _short(value: Any, most: int = 200) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"
