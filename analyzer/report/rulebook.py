"""The rules as rows and text: what is read from their docstrings, signatures and targets, and nothing else.

A rule's docstring is its entry: the first line is the formula, ``Cost:`` says what is counted, ``Source:`` by whom.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from analyzer.errors import InputError
from analyzer.report.dependence import is_data_dependent
from analyzer.report.documents import escape
from analyzer.report.numbers import plural, words
from analyzer.report.spellings import names_of, rank, short
from analyzer.rule import Rule
from analyzer.ruleset import RuleSet

__all__ = ["COLUMNS", "Entry", "entries", "explain", "explanation", "find", "heading", "read", "to_markdown"]

COLUMNS = ("operation", "targets", "formula", "counted", "source")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is said about one rule.

    Attributes:
        name: the operation.
        family: the module that holds the rule, without ``rules.`` in front of the project's own.
        spellings: every name in torch under which calls arrive, modules first.
        formula: what it calculates.
        shapes: what goes in and comes out; empty where the formula says it.
        remarks: paragraphs between the formula and the cost.
        cost: what is counted.
        source: where that is written, or defined.
        rule: the rule itself.
    """

    name: str
    family: str
    spellings: tuple[str, ...]
    formula: str
    shapes: str
    remarks: str
    cost: str
    source: str
    rule: Rule

    @property
    def statement(self) -> str:
        """Formula and shapes in one line."""
        return "   ".join(filter(None, (self.formula, self.shapes)))

    @property
    def targets(self) -> str:
        """The first spellings, shortened as in code."""
        return words([short(name) for name in self.spellings], 3)

    @property
    def cells(self) -> tuple[str, ...]:
        """A row of `COLUMNS`."""
        return self.name, self.targets, self.statement, self.cost, short(self.source)

    @property
    def about(self) -> str:
        """What the family is, by the first words of its file."""
        text = inspect.getdoc(sys.modules.get(self.rule.shape.__module__)) or ""
        return re.split(r"[:.;](?:\s|$)", text, maxsplit=1)[0]


def entries(rules: RuleSet) -> list[Entry]:
    """An entry a rule, by family, then name."""
    spellings: dict[Rule, list[str]] = {}
    for target, rule in rules.items():
        spellings.setdefault(rule, []).extend(names_of(target))
    found = [_entry(rule, names) for rule, names in spellings.items()]
    return sorted(found, key=lambda entry: (entry.family, entry.name, entry.spellings))


def _entry(rule: Rule, names: Iterable[str]) -> Entry:
    parts = read(inspect.getdoc(rule.shape) or "")
    family = str(rule.shape.__module__).removeprefix("rules.")
    return Entry(rule.name, family, tuple(sorted(set(names), key=rank)), **parts, rule=rule)


def read(docstring: str) -> dict[str, str]:
    r"""The parts of a rule's docstring, each a line, but for the remarks.

    >>> read("y = x Wᵀ        x (*, K), W (N, K) -> (*, N).\n\nCost: a dot product\nan output.\nSource: torch.nn")
    {'formula': 'y = x Wᵀ', 'shapes': 'x (*, K), W (N, K) -> (*, N).', 'cost': 'a dot product an output.',
     'source': 'torch.nn', 'remarks': ''}
    """
    head, _, body = docstring.partition("\n")
    formula, shapes = [*re.split(r"\s{2,}", head.strip(), maxsplit=1), ""][:2]
    parts = {"formula": formula, "shapes": shapes, "cost": "", "source": ""}
    remarks: list[str] = []
    current = "remarks"
    for line in body.splitlines():
        label = re.match(r"(Cost|Source):\s*", line)
        if label:
            current, line = label[1].lower(), line[label.end() :]
        elif not line.strip():
            current = "remarks"
        if current == "remarks":
            remarks.append(line)
        else:
            parts[current] = f"{parts[current]} {line.strip()}".strip()
    return parts | {"remarks": "\n".join(remarks).strip()}


# --- one rule by its name -----------------------------------------------------------------------------------------


def find(found: Iterable[Entry], name: str) -> list[Entry]:
    """The entries for a name: one in full, the end of one (``conv2d``, ``nn.Conv2d``), or an operation's.

    Raises:
        InputError: there is none; the sentence names those that are near.
    """
    found = list(found)
    full = re.sub(r"^F\.", "torch.nn.functional.", name.replace("::", "."))
    for cased in (True, False):
        fits = [(_fit(entry, full, cased), entry) for entry in found]
        best = max((fit for fit, _ in fits), default=0)
        if best:
            return [entry for fit, entry in fits if fit == best]
    raise InputError(f"no rule is called {name!r}", hint=_near(found, full))


def _fit(entry: Entry, name: str, cased: bool) -> int:
    """How well a name fits: 4 a whole spelling, 3 the end of one, 2 of a quantized one, 1 the operation, 0 none."""
    spellings, operation = [*entry.spellings], entry.name
    if not cased:
        spellings, operation, name = [item.lower() for item in spellings], operation.lower(), name.lower()
    if name in spellings:
        return 4
    ends = [item for item in spellings if item.endswith(f".{name}")]
    if not ends:
        return int(operation == name)
    return 2 if all(item.startswith(("torch.ao.", "torch.ops.quantized.")) for item in ends) else 3


def _near(found: Iterable[Entry], name: str) -> str:
    """``did you mean nn.Conv2d?``: among last parts of names, since their places are long and alike."""
    by_end: dict[str, str] = {}
    for entry in found:
        for spelling in (entry.name, *entry.spellings):
            by_end.setdefault(spelling.rpartition(".")[2].lower(), short(spelling))
    near = [by_end[end] for end in get_close_matches(name.rpartition(".")[2].lower(), by_end, 3, 0.6)]
    return f"did you mean {' or '.join(near)}?" if near else "flopgraph rules lists them all"


# --- one rule in full ---------------------------------------------------------------------------------------------


def explanation(found: Iterable[Entry], name: str) -> str:
    """What is known under a name, and where else operations of its kind arrive.

    Raises:
        InputError: nothing is.
    """
    found = list(found)
    chosen = find(found, name)
    texts = [explain(entry) for entry in chosen]
    names = {entry.name for entry in chosen}
    others = [entry.spellings[0] for entry in found if entry.name in names and entry not in chosen]
    if others:
        texts.append(_field("see also", ", ".join(others)))
    return "\n\n".join(texts) + "\n"


def explain(entry: Entry) -> str:
    """All that a rule says about itself: the docstring, every spelling, the signature, the file."""
    body = "\n\n".join(filter(None, ("\n".join(filter(None, (entry.formula, entry.shapes))), entry.remarks)))
    label = [("counted", entry.cost), ("source", entry.source)]
    label += [("result", _nature(entry)), ("spellings", ", ".join(entry.spellings))]
    label += [("signature", f"{entry.name}{_signature(entry.rule)}"), ("file", _place(entry.rule))]
    lines = [_field(name, text) for name, text in label if text]
    return "\n".join([entry.name, textwrap.indent(body, "  "), "", *lines])


def _field(label: str, text: str) -> str:
    lead = f"  {label:<11}"
    return textwrap.fill(
        text, 100, initial_indent=lead, subsequent_indent=" " * 13, break_long_words=False, break_on_hyphens=False
    )


def _signature(rule: Rule) -> str:
    """The arguments by torch's names. Annotations are text, as they are written in the file."""
    items = [
        item.replace(annotation=_Text(item.annotation) if isinstance(item.annotation, str) else item.annotation)
        for item in inspect.signature(rule.shape).parameters.values()
    ]
    return str(inspect.Signature(items)).replace("TensorSpec", "Tensor")


class _Text(str):
    """Text that a signature shows without quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _nature(entry: Entry) -> str:
    """What kind of tensor comes out."""
    rule = entry.rule
    view = f"a view of {rule.alias}{', or a copy' if rule.traffic else ''}"
    kinds = [view if rule.alias else "a new tensor, random" if rule.random else "a new tensor"]
    if not rule.alias and any(name.endswith("_") and not name.endswith("__") for name in entry.spellings):
        kinds.append("in place under the names that end in _")
    if is_data_dependent(rule):
        kinds.append("data-dependent: what only data decides is taken at its most, or must be a constant")
    if rule.values:
        kinds.append(f"sized by the values of {' and '.join(rule.values)}")
    return "; ".join(kinds)


def _place(rule: Rule) -> str:
    """The file that holds the rule, from its package on, and the line."""
    code = inspect.unwrap(rule.shape).__code__
    depth = str(rule.shape.__module__).count(".") + 1
    return f"{'/'.join(Path(code.co_filename).parts[-depth:])}:{code.co_firstlineno}"


# --- all of them --------------------------------------------------------------------------------------------------


def heading(rules: RuleSet, found: list[Entry]) -> str:
    """How many rules there are."""
    families = len({entry.family for entry in found})
    return f"{plural(len(found), 'rule')} in {families} families, for {plural(len(rules), 'spelling')} of operations"


def to_markdown(found: Iterable[Entry]) -> str:
    """The entries for a manual: a heading and a table a family."""
    parts = []
    for family, members in groupby(found, attrgetter("family")):
        group = list(members)
        lines = [" | ".join(COLUMNS), " | ".join("---" for _ in COLUMNS)]
        lines += [" | ".join(_markdown_cells(entry)) for entry in group]
        head = f"## {escape(family)}\n\n{escape(group[0].about)}.\n\n"
        parts.append(head + "".join(f"| {line} |\n" for line in lines))
    return "\n".join(parts)


def _markdown_cells(entry: Entry) -> list[str]:
    """A row in Markdown, the shapes below the formula."""
    cells = [escape(cell) for cell in entry.cells]
    cells[COLUMNS.index("formula")] = "<br>".join(escape(part) for part in (entry.formula, entry.shapes) if part)
    return cells
