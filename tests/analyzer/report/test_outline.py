"""Nested boxes for pictures: what is folded, what is cut off, which links remain, and that no cost is lost."""

from __future__ import annotations

import pytest
from torch import nn

from analyzer.api import analyze
from analyzer.conventions import convention
from analyzer.counts import Counts
from analyzer.report.outline import READABLE, outline


def boxes(drawn):
    return [(box.path, box.type, box.times, int(box.figures.cost)) for box in drawn.root.leaves()]


def links(drawn):
    return [(link.source.path, link.target.path) for link in drawn.links]


@pytest.mark.parametrize("name", ["residual", "repeated", "shared", "bounded", "hostile"])
@pytest.mark.parametrize("depth", [0, 1, 2, 3, None])
@pytest.mark.parametrize("kind", ["macs", "flops"])
def test_every_cost_is_in_one_leaf(name, depth, kind, request):
    analysis = request.getfixturevalue(name)
    drawn = outline(analysis, convention(kind), depth)
    assert sum(int(box.figures.cost) for box in drawn.root.leaves()) == analysis.total(kind)
    assert any(box.figures.at_least for box in drawn.root.leaves()) == analysis.is_lower_bound


def test_a_residual_block_open_and_closed(residual):
    drawn = outline(residual, convention("macs"), 2)
    assert boxes(drawn) == [
        ("x", "input", 1, 0), ("stem", "Conv2d", 1, 202), ("block.a", "Linear", 1, 309), ("block.b", "Linear", 1, 535),
        ("block.add", "add", 1, 0), ("head", "Linear", 1, 791), ("output", "output", 1, 0),
    ]  # fmt: skip
    assert links(drawn) == [
        ("x", "stem"), ("stem", "block.a"), ("block.a", "block.b"), ("block.b", "block.add"), ("stem", "block.add"),
        ("block.add", "head"), ("head", "output"),
    ]  # fmt: skip
    closed = outline(residual, convention("macs"), 1)
    assert [box[0] for box in boxes(closed)] == ["x", "stem", "block", "head", "output"]
    assert boxes(closed)[2] == ("block", "Block", 1, 309 + 535)
    assert links(closed) == [("x", "stem"), ("stem", "block"), ("block", "head"), ("head", "output")]


def test_equal_layers_are_one_box_and_nothing_goes_from_one_to_the_next(repeated):
    drawn = outline(repeated, convention("macs"))
    assert boxes(drawn) == [
        ("x", "input", 1, 0), ("layers.0-3.fc", "Linear", 1, 4 * 37), ("layers.0-3.mul", "mul", 1, 0),
        ("layers.4.fc", "Linear", 1, 41), ("layers.4.mul", "mul", 1, 0), ("output", "output", 1, 0),
    ]  # fmt: skip
    (layers,) = [box for box in drawn.root.children if box.label == "layers"]
    assert [(box.label, box.times) for box in layers.children] == [("0-3", 4), ("4", 1)]
    assert links(drawn) == [
        ("x", "layers.0-3.fc"), ("layers.0-3.fc", "layers.0-3.mul"), ("layers.0-3.mul", "layers.4.fc"),
        ("layers.4.fc", "layers.4.mul"), ("layers.4.mul", "output"),
    ]  # fmt: skip


def test_a_skip_from_every_folded_layer_is_one_link(sketch):
    s = sketch().input()
    for index in range(3):
        s.module(f"layer{index}")
        s.node(f"layer{index}", stack=("", f"layer{index}"), counts=Counts(mac=5))
    s.node("cat", "cat", reads=["layer0", "layer1", "layer2"])
    drawn = outline(s.done(), convention("macs"))
    assert links(drawn) == [("x", "layer0-2"), ("layer0-2", "cat"), ("cat", "output")]


def test_layers_of_other_calls_are_not_folded_though_they_cost_the_same(sketch):
    s = sketch().input()
    for index, op in enumerate(("tanh", "tanh", "sin")):
        s.module(f"layer{index}")
        s.node(f"layer{index}", op, stack=("", f"layer{index}"), counts=Counts(func=5))
    assert [box[0] for box in boxes(outline(s.done(), convention("all")))] == ["x", "layer0-1", "layer2", "output"]


def test_one_layer_that_is_called_here_and_there_has_a_box_for_each_call(sketch):
    s = sketch().module("relu", "ReLU", calls=2).module("fc", "Linear").input()
    s.node("relu", "relu", stack=("", "relu"), counts=Counts(cmp=2), kind="call_module")
    s.node("fc", "linear", stack=("", "fc"), counts=Counts(mac=4))
    s.node("relu:1", "relu", stack=("", "relu"), counts=Counts(cmp=3), kind="call_module")
    drawn = outline(s.done(), convention("all"))
    assert [box[:2] for box in boxes(drawn)] == [
        ("x", "input"), ("relu", "ReLU"), ("fc", "Linear"), ("relu:1", "ReLU"), ("output", "output"),
    ]  # fmt: skip
    assert [box[3] for box in boxes(drawn)] == [0, 2, 8, 3, 0]


def test_without_a_depth_as_many_levels_are_drawn_as_one_can_read(sketch):
    s = sketch().input()
    for index in range(READABLE // 2):
        s.module(f"b{2 * index}")  # no two are neighbours by their numbers, so that none are folded
        for part in ("a", "b"):
            s.module(f"b{2 * index}.{part}")
            s.node(f"b{2 * index}.{part}", stack=("", f"b{2 * index}", f"b{2 * index}.{part}"), counts=Counts(mac=2))
    analysis = s.done()
    assert len(boxes(outline(analysis, convention("macs")))) == READABLE // 2 + 2
    assert len(boxes(outline(analysis, convention("macs"), 2))) == READABLE + 2


class Zigzag(nn.Module):
    """Layers of two lists by turns, a shared layer, a skip over all, and an operation of its own between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.mix = nn.ModuleList(nn.Sequential(nn.Linear(width, width), nn.ReLU()) for _ in range(3))
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        start = x
        for down, mix in zip(self.down, self.mix, strict=True):
            x = self.norm(mix(down(x)) * 2)
        return x + start


def test_lists_that_run_by_turns_are_folded_each():
    analysis = analyze(nn.Sequential(Zigzag(5), Zigzag(5)).eval(), (3, 5))
    drawn = outline(analysis, convention("macs"), 3)
    assert [box[:3] for box in boxes(drawn)] == [
        ("input", "input", 1), ("0-1.down.0-2", "Linear", 3), ("0-1.mix.0-2", "Sequential", 3), ("0-1.mul", "mul", 1),
        ("0-1.norm", "LayerNorm", 1), ("0-1.mul:1", "mul", 1), ("0-1.norm:1", "LayerNorm", 1), ("0-1.mul:2", "mul", 1),
        ("0-1.norm:2", "LayerNorm", 1), ("0-1.add", "add", 1), ("output", "output", 1),
    ]  # fmt: skip
    # three layers of 3·5·5 MACs in each list, all of it twice
    assert [box[3] for box in boxes(drawn)][1:3] == [6 * 75, 6 * 75]
    assert {target for source, target in links(drawn) if source == "0-1.mix.0-2"} == {
        "0-1.mul", "0-1.mul:1", "0-1.mul:2",
    }  # fmt: skip
    assert ("input", "0-1.add") in links(drawn)
    assert ("0-1.add", "output") in links(drawn)
    assert ("0-1.add", "0-1.down.0-2") not in links(drawn)  # from one neighbour to the next
