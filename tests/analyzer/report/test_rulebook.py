"""The list of operators, read from the rules: every rule has its entry, and every entry says the same things."""

from __future__ import annotations

import re

import pytest
import torch
from rich.console import Console
from torch import nn

from analyzer.errors import InputError
from analyzer.plugins import installed_rules
from analyzer.report.dependence import is_data_dependent
from analyzer.report.rule_table import RuleTable
from analyzer.report.rulebook import COLUMNS, entries, explain, explanation, find, read, to_markdown
from analyzer.rule import Bound
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec

RULES = installed_rules()
ENTRIES = entries(RULES)


def sample():
    """Two rules, whose listing fits a page."""
    rules = RuleSet()

    @rules.op(torch.kron, "kron")
    def kron(input: TensorSpec, other: TensorSpec) -> TensorSpec:
        """Every product | of two        (a), (b) -> (a b).

        A remark
        of two lines.

        Cost: per output
        one mul.
        Source: torch.kron; a paper
        """
        return input

    @rules.op(nn.Upsample, alias="input", name="bigger")
    def bigger(input: TensorSpec) -> Bound:
        """As large as it is."""
        return Bound(input, "sizes are data")

    return rules


# --- every rule ---------------------------------------------------------------------------------------------------


def test_every_rule_has_an_entry_and_every_target_a_name():
    assert len(ENTRIES) == len(set(RULES.values()))
    assert [entry for entry in ENTRIES if not entry.spellings] == []
    assert [(entry.family, entry.name) for entry in ENTRIES] == sorted((entry.family, entry.name) for entry in ENTRIES)


@pytest.mark.parametrize("part", ["formula", "cost", "source"])
def test_every_rule_says(part):
    assert [f"{entry.family}: {entry.name}" for entry in ENTRIES if not getattr(entry, part)] == []


def test_no_part_of_a_docstring_is_lost():
    for entry in ENTRIES:
        text = " ".join(entry.rule.shape.__doc__.split())
        parts = (entry.formula, entry.shapes, entry.remarks, entry.cost, entry.source)
        labels = len("Cost:Source:")
        assert sum(len("".join(part.split())) for part in parts) + labels == len(text.replace(" ", "")), entry.name


def test_no_spelling_is_torchs_own_inside():
    inside = [name for entry in ENTRIES for name in entry.spellings if re.match(r"torch\._(C|ops)\.", name)]
    assert inside == []


def test_every_rule_can_be_found_and_explained():
    for entry in ENTRIES:
        assert entry in find(ENTRIES, entry.spellings[0])
        text = explain(entry)
        assert entry.formula in text
        assert f"rules/{entry.family}.py:" in text or not entry.rule.shape.__module__.startswith("rules.")


def test_the_markdown_has_every_rule():
    rows = [line for line in to_markdown(ENTRIES).splitlines() if line.startswith("| ")]
    heads = [line for line in rows if line.startswith(("| operation", "| ---"))]
    assert len(rows) - len(heads) == len(ENTRIES)
    assert len(heads) == 2 * len({entry.family for entry in ENTRIES})
    assert {len(re.split(r"(?<!\\)\|", line)) for line in rows} == {2 + len(COLUMNS)}


# --- one rule -----------------------------------------------------------------------------------------------------


def test_parts_of_a_docstring():
    entry = find(entries(sample()), "kron")[0]
    assert (entry.formula, entry.shapes) == ("Every product | of two", "(a), (b) -> (a b).")
    assert (entry.remarks, entry.cost, entry.source) == ("A remark\nof two lines.", "per output one mul.",
                                                         "torch.kron; a paper")  # fmt: skip
    assert entry.spellings == ("torch.kron", "torch.Tensor.kron")
    assert read("Cost") == {"formula": "Cost", "shapes": "", "cost": "", "source": "", "remarks": ""}


@pytest.mark.parametrize(
    "name",
    ["torch.nn.functional.conv2d", "conv2d", "nn.Conv2d", "F.conv2d", "torch.nn.Conv2d", "torch.conv2d", "CONV2D"],
)
def test_one_rule_under_many_names(name):
    assert [entry.rule for entry in find(ENTRIES, name)] == [RULES[nn.Conv2d]]


def test_a_name_is_the_end_of_a_spelling_before_it_is_an_operation():
    assert [entry.spellings for entry in find(ENTRIES, "Tensor.view")] == [("torch.Tensor.view",)]
    assert [entry.spellings[0] for entry in find(ENTRIES, "relu_")] == ["torch.nn.ReLU"]
    assert len(find(ENTRIES, "getitem")) > 1
    assert "see also   torch.Tensor.__getitem__" in explanation(ENTRIES, "torch.ops.aten.index")


def test_near_names_are_named():
    with pytest.raises(InputError, match=r"no rule is called 'F\.sofmax'") as caught:
        find(ENTRIES, "F.sofmax")
    assert "softmax" in caught.value.hint
    with pytest.raises(InputError) as caught:
        find(ENTRIES, "qqqqqqqq")
    assert caught.value.hint == "flopgraph rules lists them all"


def test_an_explanation():
    rule = find(entries(sample()), "torch.kron")[0]
    text = explain(rule)
    head, file = text.rsplit("\n", 1)
    assert head == (
        "kron\n  Every product | of two\n  (a), (b) -> (a b).\n\n  A remark\n  of two lines.\n\n"
        "  counted    per output one mul.\n"
        "  source     torch.kron; a paper\n"
        "  result     a new tensor\n"
        "  spellings  torch.kron, torch.Tensor.kron\n"
        "  signature  kron(input: Tensor, other: Tensor)"
    )
    assert re.fullmatch(r"  file       \S*test_rulebook\.py:\d+", file)


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("torch.nn.functional.linear", "a new tensor"),
        ("Tensor.view", "a view of input"),
        ("Tensor.__getitem__", "a view of input, or a copy; data-dependent"),
        ("torch.relu", "a new tensor; in place under the names that end in _"),
        ("torch.randn", "a new tensor, random"),
        ("torch.nonzero", "a new tensor; data-dependent: what only data decides"),
        ("nn.Upsample", "a view of input; data-dependent"),
    ],
)
def test_what_kind_of_tensor_comes_out(name, result):
    found = entries(sample()) if name == "nn.Upsample" else ENTRIES
    assert f"  result     {result}" in explain(find(found, name)[0])


def test_what_depends_on_data():
    dependent = {name for entry in ENTRIES if is_data_dependent(entry.rule) for name in entry.spellings}
    assert {"torch.nonzero", "torch.argwhere", "torch.masked_select", "torch.unique"} <= dependent
    assert {"torch.bincount", "torch.nn.functional.one_hot", "torch.repeat_interleave"} <= dependent
    assert not {"torch.nn.Conv2d", "torch.add", "torch.reshape", "torch.nn.Linear", "torch.cat"} & dependent


# --- all of them --------------------------------------------------------------------------------------------------


def test_markdown():
    assert to_markdown(find(entries(sample()), "kron")).splitlines()[2:] == [
        "The list of operators, read from the rules.",
        "",
        "| operation | targets | formula | counted | source |",
        "| --- | --- | --- | --- | --- |",
        r"| kron | torch.kron, Tensor.kron | Every product \| of two<br>(a), (b) -&gt; (a b). | per output one mul. "
        "| torch.kron; a paper |",
    ]


def test_lines_for_other_programs():
    lines = str(RuleTable(RULES)).splitlines()
    assert lines[0].split("\t") == ["family", *COLUMNS]
    assert len(lines) == 1 + len(ENTRIES)
    assert {line.count("\t") for line in lines} == {len(COLUMNS)}


@pytest.mark.parametrize(("width", "titles"), [(70, 3), (100, 4), (160, 5)])
def test_the_table_fits_its_width(width, titles):
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(RuleTable(RULES))
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines[0].split()) == titles
    assert lines[-1].startswith(f"{len(ENTRIES):,} rules in ")
