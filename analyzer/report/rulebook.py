"""The rules as rows and text: what is read from their docstrings, signatures and targets, and nothing else.

A rule's docstring is its entry: the first line is the formula, ``Cost:`` says what is counted, ``Source:`` by whom.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import torch
from torch import nn

from analyzer.errors import DataDependentError
from analyzer.report.documents import escape
from analyzer.report.numbers import plural, words
from analyzer.rule import Bound, Rule
from analyzer.ruleset import RuleSet, describe_target

__all__ = ["COLUMNS", "Entry", "entries", "explain", "heading", "read", "short", "to_markdown"]

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
        return self.name, self.targets, self.statement, self.cost, self.source


def entries(rules: RuleSet) -> list[Entry]:
    """An entry a rule, by family, then name."""
    spellings: dict[Rule, list[str]] = {}
    for target, rule in rules.items():
        spellings.setdefault(rule, []).extend(_names_of(target))
    found = [_entry(rule, names) for rule, names in spellings.items()]
    return sorted(found, key=lambda entry: (entry.family, entry.name, entry.spellings))


def _entry(rule: Rule, names: Iterable[str]) -> Entry:
    parts = read(inspect.getdoc(rule.shape) or "")
    family = str(rule.shape.__module__).removeprefix("rules.")
    return Entry(rule.name, family, tuple(sorted(set(names), key=_rank)), **parts, rule=rule)


def read(docstring: str) -> dict[str, str]:
    """The parts of a rule's docstring, each a line, but for the remarks.

    >>> read("y = x Wᵀ        x (*, K), W (N, K) -> (*, N).\\n\\nCost: a dot product\\nan output.\\nSource: torch.nn")
    {'formula': 'y = x Wᵀ', 'shapes': 'x (*, K), W (N, K) -> (*, N).', 'cost': 'a dot product an output.',
     'source': 'torch.nn', 'remarks': ''}
    """
    head, _, body = docstring.partition("\n")
    formula, shapes = (re.split(r"\s{2,}", head.strip(), maxsplit=1) + [""])[:2]
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


# --- spellings ----------------------------------------------------------------------------------------------------

_PLACES: Mapping[str, Any] = {
    "torch.nn": nn, "torch.nn.functional": nn.functional, "torch": torch, "torch.Tensor": torch.Tensor,
    "torch.linalg": torch.linalg, "torch.fft": torch.fft, "torch.special": torch.special,
    "torch.nn.utils.rnn": nn.utils.rnn,
}  # fmt: skip
_SHORT = {"torch.nn.functional.": "F.", "torch.nn.": "nn.", "torch.Tensor.": "Tensor."}


@cache
def _public() -> Mapping[int, list[str]]:
    """Every name of torch's callables, by identity; what torch does not document stays out."""
    names: dict[int, list[str]] = {}
    for place, owner in _PLACES.items():
        for name in dir(owner):
            value = getattr(torch.Tensor, name) if owner is torch.Tensor else getattr(owner, name)
            private = name.startswith("_") and not (owner is torch.Tensor and name.endswith("__"))
            if not private and (callable(value) or owner is torch.Tensor):
                names.setdefault(id(value), []).append(f"{place}.{name}")
    return names


def _names_of(target: Any) -> list[str]:
    return _public().get(id(target)) or [describe_target(target).replace("torch._ops.", "torch.ops.")]


def _rank(name: str) -> tuple[int, bool, str]:
    """Modules first, then functions, methods, operators; what works in place after what does not."""
    place = name.rpartition(".")[0]
    places = list(_PLACES)
    return places.index(place) if place in places else len(places), name.endswith("_"), name


def short(name: str) -> str:
    """A name as it is written in code.

    >>> short("torch.nn.functional.relu"), short("torch.nn.ReLU"), short("torch.Tensor.relu")
    ('F.relu', 'nn.ReLU', 'Tensor.relu')
    """
    lead = next((place for place in _SHORT if name.startswith(place)), "")
    return _SHORT.get(lead, "") + name.removeprefix(lead)


# --- one rule in full ---------------------------------------------------------------------------------------------


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
    kinds = [f"a view of {rule.alias}, or shares its storage" if rule.alias else "new"]
    if rule.random:
        kinds.append("random")
    if is_data_dependent(rule):
        kinds.append("data-dependent: what is data is bounded from above, or must be a constant")
    if rule.values:
        kinds.append(f"sized by the values of {' and '.join(rule.values)}")
    return ", ".join(kinds)


def _place(rule: Rule) -> str:
    """The file that holds the rule, from its package on, and the line."""
    code = inspect.unwrap(rule.shape).__code__
    depth = str(rule.shape.__module__).count(".") + 1
    return f"{'/'.join(Path(code.co_filename).parts[-depth:])}:{code.co_firstlineno}"


def is_data_dependent(rule: Rule) -> bool:
    """Whether data can decide a size of the result: the shape function, or one that it calls, makes a `Bound`.

    Or itself, or one in its own file, refuses to size what only data knows.
    """
    home = rule.shape.__module__
    for function in _reached(rule.shape):
        used = [value for _, value in _globals(function)]
        if Bound in used or (function.__module__ == home and DataDependentError in used):
            return True
    return False


def _reached(function: Any) -> Iterator[FunctionType]:
    """The function and those that it names, and so on."""
    waiting, seen = [function], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, FunctionType) and one not in seen:
            seen.add(one)
            yield one
            cells = [cell.cell_contents for cell in one.__closure__ or ()]
            waiting += [*cells, *(value for _, value in _globals(one))]


def _globals(function: FunctionType) -> Iterator[tuple[str, Any]]:
    for name in _code_names(function.__code__):
        if name in function.__globals__:
            yield name, function.__globals__[name]


def _code_names(code: CodeType) -> set[str]:
    inner = (_code_names(item) for item in code.co_consts if isinstance(item, CodeType))
    return set(code.co_names).union(*inner)


# --- all of them --------------------------------------------------------------------------------------------------


def heading(rules: RuleSet, found: list[Entry]) -> str:
    """How many rules there are."""
    families = len({entry.family for entry in found})
    return f"{plural(len(found), 'rule')} in {families} families, for {plural(len(rules), 'spelling')} of operations"


def to_markdown(found: Iterable[Entry]) -> str:
    """The entries as a table for a manual."""
    lines = [" | ".join(COLUMNS), " | ".join("---" for _ in COLUMNS)]
    lines += [" | ".join(escape(cell) for cell in entry.cells) for entry in found]
    return "\n".join(f"| {line} |" for line in lines) + "\n"
