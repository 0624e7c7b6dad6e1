"""Rows of the module tree: folding, the rest of a module, sharing, and column sums at every depth."""

from __future__ import annotations

import random

import pytest
from torch import nn

from analyzer import analyze, diff
from analyzer.bounds import is_bound
from analyzer.conventions import convention
from analyzer.counts import Counts
from analyzer.report.figures import Figures
from analyzer.report.tree import tree_rows

ALL = ["residual", "repeated", "shared", "bounded", "hostile"]


def labels(analysis, depth=None):
    return [
        (row.path, row.times, row.figures.params, row.figures.macs)
        for row in tree_rows(analysis, convention("macs"), depth)
    ]


def sums(rows):
    return sum((row.figures for row in rows if row.leaf), Figures())


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kind", ["macs", "flops", "all"])
@pytest.mark.parametrize("depth", [0, 1, 2, 3, None])
def test_columns_add_up_to_the_totals_at_any_depth(name, kind, depth, request):
    analysis = request.getfixturevalue(name)
    total = sums(tree_rows(analysis, convention(kind), depth))
    assert (total.params, total.macs, total.cost) == (analysis.params, analysis.total("macs"), analysis.total(kind))
    assert (is_bound(total.cost), total.at_least) == (is_bound(analysis.total(kind)), analysis.is_lower_bound)


@pytest.mark.parametrize("seed", range(12))
def test_columns_add_up_on_trees_drawn_by_chance(seed, sketch):
    rng = random.Random(seed)
    s = sketch().input()
    paths = [""]
    for index in range(40):
        parent = rng.choice(paths)
        path = f"{parent}.{index}".lstrip(".")
        s.module(path, rng.choice(["A", "B"]), calls=rng.choice([0, 1, 1, 2]))
        if rng.random() < 0.5:
            s.parameter(f"{path}.weight", rng.choice([3, 5]), used=rng.random() < 0.5)
        paths.append(path)
    for index in range(120):
        stack = ["", *(rng.choice(paths[1:]) for _ in range(rng.randrange(4)))]  # nested, elsewhere, or twice
        s.node(
            f"n{index}", stack=tuple(dict.fromkeys(stack)), counts=Counts(mac=rng.randrange(50), add=rng.randrange(9))
        )
    analysis = s.done()
    for depth in (0, 1, 2, 3, 5, None):
        total = sums(tree_rows(analysis, convention("all"), depth))
        assert (total.params, total.macs, total.cost) == (
            analysis.params,
            analysis.total("macs"),
            analysis.total("all"),
        )


def test_what_a_module_does_besides_its_children_has_a_row(residual):
    rows = {row.path: row for row in tree_rows(residual, convention("flops"), None)}
    assert rows["block.(own operations)"].figures.cost == 109
    assert rows["block"].figures.cost == (2 * 309 - 3) + (2 * 535 - 5) + 109
    assert not rows["block"].leaf
    assert rows[""].figures.params == 60


def test_rows_below_the_depth_are_rolled_up(residual):
    rows = tree_rows(residual, convention("flops"), 1)
    assert [row.path for row in rows] == ["", "stem", "block", "head"]
    assert rows[2].leaf
    assert rows[2].figures.cost == (2 * 309 - 3) + (2 * 535 - 5) + 109


def test_identical_neighbours_are_folded_and_their_figures_are_the_sum(repeated):
    assert labels(repeated) == [
        ("", 1, 121, 189),
        ("layers", 1, 121, 189),
        ("layers.0-3", 4, 92, 148),
        ("layers.0-3.fc", 1, 92, 148),
        ("layers.4", 1, 29, 41),
        ("layers.4.fc", 1, 29, 41),
    ]
    folded = next(
        row for row in tree_rows(repeated, convention("flops"), None) if row.path == "layers.0-3.(own operations)"
    )
    assert folded.figures.cost == 4 * 3


def test_where_in_the_graph_a_call_stands_makes_no_difference(sketch):
    s = sketch().input()
    for index in range(3):
        s.module(f"layer{index}")
        (call,) = s.modules[f"layer{index}"].calls
        s.modules[f"layer{index}"] = s.modules[f"layer{index}"]._replace(
            calls=(call._replace(nodes=range(1 + index, 2 + index)),)
        )
        s.node(f"layer{index}", stack=("", f"layer{index}"), counts=Counts(mac=5))
    assert labels(s.done()) == [("", 1, 0, 15), ("layer0-2", 3, 0, 15)]


def test_neighbours_are_folded_only_where_they_are_the_same(sketch):
    s = sketch().input()
    for index, (shape, mac) in enumerate([((2,), 5), ((2,), 5), ((3,), 5), ((3,), 7), ((3,), 7)]):
        s.module(f"layer{index}", "Block", shape=shape)
        s.node(f"layer{index}", stack=("", f"layer{index}"), counts=Counts(mac=mac))
    s.module("other").module("another")
    assert [path for path, *_ in labels(s.done())] == ["", "layer0-1", "layer2", "layer3-4", "other", "another"]


def test_names_with_a_gap_or_a_leading_zero_are_not_folded(sketch):
    s = sketch().input().module("b1").module("b3").module("b4").module("c08").module("c09")
    assert [path for path, *_ in labels(s.done())] == ["", "b1", "b3-4", "c08", "c09"]


def test_a_shared_module_stands_in_each_place_by_what_was_used_there(shared):
    rows = {(row.path, row.depth): row for row in tree_rows(shared, convention("macs"), None)}
    assert rows["a.core", 2].figures.macs == 11
    assert rows["a.core", 2].figures.params == 5
    assert rows["b.core", 2].figures.macs == 13
    assert rows["b.core", 2].figures.params == 0
    assert rows["b.core", 2].notes == ("is a.core",)
    assert rows["a", 1].figures.macs == shared.by_module("macs")["a"] == 11
    assert rows["b", 1].figures.macs == shared.by_module("macs")["b"] == 13


def test_tied_and_unused_parameters_are_told(shared):
    notes = {row.path: row.notes for row in tree_rows(shared, convention("macs"), None)}
    assert notes["head"] == ("weight = a.core.weight",)
    assert notes["b"] == ("extra never used",)
    assert notes["aux"] == ("never called", "weight never used")


def test_a_module_whose_weights_are_read_without_a_call_is_told_from_an_unused_one(sketch):
    s = sketch().input().module("attn").module("attn.out_proj", calls=0).parameter("attn.out_proj.weight", 3)
    s.node("attn", "sdpa", stack=("", "attn"), params=["attn.out_proj.weight"])
    rows = {row.path: row.notes for row in tree_rows(s.done(), convention("macs"), None)}
    assert rows["attn.out_proj"] == ("parameters read, never called",)


def test_a_plain_function_is_one_row(sketch):
    s = sketch("function")
    s.modules.clear()
    s.input(7).node("add", "add", counts=Counts(add=7), shape=(7,))
    (row,) = tree_rows(s.done(), convention("flops"), None)
    assert (row.label, row.figures.cost, row.leaf, row.inputs[0].shape, row.outputs[0].shape) == (
        "function",
        7,
        True,
        (7,),
        (7,),
    )


def test_a_stack_of_a_thousand_layers_is_one_row_and_quick(sketch):
    s = sketch().input()
    for index in range(1000):
        s.module(f"{index}", "Linear").node(f"{index}", stack=("", f"{index}"), counts=Counts(mac=3), reads=["x"])
    assert labels(s.done()) == [("", 1, 0, 3000), ("0-999", 1000, 0, 3000)]


def test_names_may_have_dots_of_their_own():
    class Dotted(nn.Module):
        def __init__(self):
            super().__init__()
            # Module.add_module refuses such names; code that goes around it does not.
            self._modules["a.b"] = nn.ModuleList([nn.Linear(7, 5)])
            self._modules["c.d"] = nn.Linear(5, 3)

        def forward(self, x):
            return self._modules["c.d"](self._modules["a.b"][0](x))

    analysis = analyze(Dotted().eval(), (2, 7))
    rows = [(row.label, row.figures.params, row.figures.macs) for row in tree_rows(analysis, convention("macs"), None)]
    assert rows == [("Dotted", 58, 100), ("a.b", 40, 70), ("0", 40, 70), ("c.d", 18, 30)]
    assert analysis.by_module("macs") == {"": 100, "a.b": 70, "a.b.0": 70, "c.d": 30}
    assert not diff(analysis, analysis)
