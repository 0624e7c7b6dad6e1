"""The boxes of the page: every call in one place, equal neighbours once, links that lose nothing but repetitions."""

from __future__ import annotations

import torch
from torch import nn

from analyzer import CONVENTIONS, TensorSpec, analyze
from analyzer.report.branches import grow
from analyzer.report.figures import figures_by_node
from analyzer.report.page.boxes import LONGEST, draw


def drawing_of(analysis):
    figures = figures_by_node(analysis, CONVENTIONS["flops"])
    return draw(analysis.graph, grow(analysis, figures), figures)


def labels(box):
    return [f"{inner.label} x{inner.times}" if inner.times > 1 else inner.label for inner in box.boxes]


def inside(box, *path):
    for label in path:
        box = next(inner for inner in box.boxes if inner.label == label)
    return box


def links(analysis, drawing):
    nodes = analysis.graph.nodes()
    return [(nodes[link.source].id, nodes[link.target].id) for link in drawing.links]


class Residual(nn.Module):
    def __init__(self, width=5):
        super().__init__()
        self.fc, self.act = nn.Linear(width, width), nn.ReLU()

    def forward(self, x):
        return x + self.act(self.fc(self.act(x)))


class Stack(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.layers = nn.ModuleList(Residual() for _ in range(depth))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def test_equal_blocks_in_a_row_are_one_box():
    analysis = analyze(Stack(7).eval(), (3, 5))
    drawing = drawing_of(analysis)
    layers = inside(drawing.root, "layers")
    assert labels(layers) == ["0-6 x7"]
    assert layers.boxes[0].chained
    # In one of them the layer's input goes to act and add; the last one's sum goes out. What goes from one to the next
    # is not drawn.
    assert links(analysis, drawing) == [
        ("input", "layers.0.act"),
        ("layers.0.act", "layers.0.fc"),
        ("layers.0.fc", "layers.0.act:1"),
        ("input", "layers.0.add"),
        ("layers.0.act:1", "layers.0.add"),
        ("layers.0.add", "output"),
    ]


def test_a_module_that_is_called_twice_has_two_boxes():
    block = inside(drawing_of(analyze(Stack(1).eval(), (3, 5))).root, "layers", "0")
    assert labels(block) == ["act", "fc", "act:1", "add"]
    assert [box.branch.path if box.branch else None for box in block.boxes] == [
        "layers.0.act", "layers.0.fc", "layers.0.act", None,
    ]  # fmt: skip


def test_parameters_of_a_module_called_twice_count_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(5, 5)

        def forward(self, x):
            return self.fc(self.fc(x))

    root = drawing_of(analyze(Twice().eval(), (3, 5))).root
    assert [(box.label, box.params) for box in root.boxes if box.branch] == [("fc", 30), ("fc:1", 0)]


def test_blocks_side_by_side_are_not_chained():
    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.heads = nn.ModuleList(nn.Linear(5, 5) for _ in range(3))

        def forward(self, x):
            return [head(x) for head in self.heads]

    analysis = analyze(Wide().eval(), (3, 5))
    drawing = drawing_of(analysis)
    heads = inside(drawing.root, "heads")
    assert (labels(heads), heads.boxes[0].chained) == (["0-2 x3"], False)
    # the output has a slot for each of them
    assert links(analysis, drawing) == [("input", "heads.0"), *[("heads.0", "output")] * 3]


def test_blocks_that_are_linked_otherwise_are_not_folded():
    class Skip(nn.Module):
        def __init__(self, swapped):
            super().__init__()
            self.a, self.b, self.swapped = nn.Linear(5, 5), nn.Linear(5, 5), swapped

        def forward(self, x):
            y = self.a(x)
            return self.b(y) * (x if self.swapped else y)

    model = nn.Sequential(Skip(False), Skip(True)).eval()
    assert labels(drawing_of(analyze(model, (3, 5))).root) == ["input", "0", "1", "output"]
    model = nn.Sequential(Skip(True), Skip(True)).eval()
    assert labels(drawing_of(analyze(model, (3, 5))).root) == ["input", "0-1 x2", "output"]


def test_a_container_whose_modules_are_called_between_others_is_no_box():
    class Ladder(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.ModuleList(nn.Linear(5, 5) for _ in range(2))
            self.side = nn.ModuleList(nn.Linear(5, 5) for _ in range(2))

        def forward(self, x):
            for down, side in zip(self.down, self.side, strict=True):
                x = side(down(x))
            return x

    assert labels(drawing_of(analyze(Ladder().eval(), (3, 5))).root) == [
        "input", "down.0", "side.0", "down.1", "side.1", "output",
    ]  # fmt: skip


def test_modules_that_are_never_called_hold_their_parameters():
    class Spare(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.spare = nn.Linear(5, 5), nn.Linear(5, 7)

        def forward(self, x):
            return self.fc(x)

    spare = inside(drawing_of(analyze(Spare().eval(), (3, 5))).root, "spare")
    assert (list(spare.nodes), spare.params, spare.node) == ([], 42, None)


def test_a_long_level_is_drawn_in_stretches():
    def chain(x):
        for _ in range(5 * LONGEST):
            x = x.sin()
        return x

    root = drawing_of(analyze(chain, TensorSpec((3,)))).root
    assert len(root.boxes) <= LONGEST
    assert all(box.branch is None and box.node is None for box in root.boxes)
    assert max(len(box.boxes) for box in root.boxes) <= LONGEST
    # the input, 600 calls, the output
    assert [index for box in root.boxes for index in box.nodes] == list(range(602))
    assert root.boxes[0].label.startswith("input … sin:")


def test_every_call_is_in_one_leaf_or_folded_into_one():
    analysis = analyze(Stack(4).eval(), (3, 5))
    drawing = drawing_of(analysis)
    leaves = [box.nodes[0] for box in drawing.root.walk() if box.node is not None]
    assert len(leaves) == len(set(leaves))
    assert sorted([*leaves, *drawing.stands_in]) == list(range(len(analysis.graph)))


def test_a_graph_made_by_hand(repeated):
    layers = inside(drawing_of(repeated).root, "layers")
    assert labels(layers) == ["0-3 x4", "4"]
    assert labels(layers.boxes[0]) == ["fc", "mul"]


def test_blocks_of_another_dtype_are_not_folded():
    class Cast(nn.Module):
        def forward(self, x):
            return x.half()

    root = drawing_of(analyze(nn.Sequential(Cast(), Cast(), Cast()), TensorSpec((3,), torch.float32))).root
    assert labels(root) == ["input", "0", "1-2 x2", "output"]
