"""Sizes that only data knows: the mark of the upper bound goes where the size goes, and nowhere else."""

from __future__ import annotations

import json
import pickle

import pytest
import torch
from torch import nn

from analyzer import ShapeError, TensorSpec, analyze
from analyzer.bounds import AtMost, is_bound


class Picks(nn.Module):
    """Layers in front of a mask, behind it, and behind a sum over what it takes."""

    def __init__(self):
        super().__init__()
        self.before, self.behind, self.after = nn.Linear(7, 11), nn.Linear(11, 13), nn.Linear(13, 17)

    def forward(self, x, mask):
        rows = self.behind(self.before(x)[mask])
        return self.after(rows.sum(0)), rows


@pytest.fixture
def picks():
    return analyze(Picks().eval(), (TensorSpec((3, 5, 7)), TensorSpec((3, 5), torch.bool)))


def test_the_mark_follows_the_size(picks):
    macs = picks.by_module("macs")
    assert macs == {"": 3 * 5 * 7 * 11 + 15 * 11 * 13 + 13 * 17, "before": 1155, "behind": 2145, "after": 221}
    assert {path for path, number in macs.items() if is_bound(number)} == {"", "behind"}
    assert is_bound(picks.total("flops"))
    assert picks.is_upper_bound
    assert [node.status for node in picks.graph if is_bound(node.counts.mac)] == ["ruled"]
    assert repr(picks.outputs) == "(TensorSpec((17,), float32), TensorSpec((≤15, 13), float32))"


def test_texts_show_the_mark(picks):
    table = [" ".join(line.split()) for line in str(picks.table()).splitlines()]
    assert "before Linear 3x5x7 → 3x5x11 88 1.16 k 2.31 k ███▊ 32.0 %" in table
    assert "behind Linear ≤15x11 → ≤15x13 156 ≤2.14 k ≤4.29 k ███████▏ 59.4 %" in table
    assert "MACs     ≤3,521   (3.52 k)" in str(picks)
    assert "mac      15·13·11 = ≤2,145" in picks.why("behind")
    assert "mac      13·17 = 221" in picks.why("after").replace("17·13", "13·17")


def test_files_hold_plain_numbers_and_say_which_are_bounds(picks):
    document = json.loads(picks.export("json"))
    assert document["totals"]["macs"] == 3521
    assert document["totals"]["bound"] == "upper"
    assert {row["path"]: row["bound"] for row in document["modules"]}["after"] == "exact"
    assert {node["id"]: node["bound"] for node in document["nodes"]}["behind"] == "upper"
    assert "behind,linear,torch.nn.Linear,behind,≤15x13" in picks.export("csv", by="node")
    for format in ("graphml", "gexf", "nodelink", "dot", "md"):
        assert "2,145" in (text := picks.export(format, by="node")) or "2145" in text
    assert is_bound(pickle.loads(pickle.dumps(picks)).total("macs"))


def test_a_bound_and_an_equal_size_are_not_mixed_up():
    """Answers are remembered by sizes, and a bound equals its size: the exact model comes first, between, and last."""
    layer = nn.Linear(11, 13).eval()

    def masked(x, mask):
        return layer(x[mask])

    rows, mask = TensorSpec((15, 11)), TensorSpec((15,), torch.bool)
    calls = [(layer, (rows,)), (masked, (rows, mask)), (layer, (TensorSpec((AtMost(15), 11)),))]
    totals = [repr(analyze(function, args).total("macs")) for function, args in calls * 2]
    assert totals == ["2145", "≤2145", "≤2145"] * 2


def test_the_mark_survives_the_models_own_arithmetic():
    def scattered(x, mask):
        rows = x[mask]
        count = rows.shape[0]
        return torch.zeros(2 * count, rows.size(1)).matmul(torch.zeros(rows.shape[-1], 3)), rows.numel()

    analysis = analyze(scattered, (TensorSpec((5, 7)), TensorSpec((5,), torch.bool)))
    assert repr(analysis.outputs) == "(TensorSpec((≤10, 3), float32), ≤35)"
    assert repr(analysis.total("macs")) == "≤210"


def test_what_is_exact_for_all_that_is_unknown_has_no_mark():
    analysis = analyze(lambda x: (x.nonzero(), x * 2), (TensorSpec((5, 7)),))
    assert not is_bound(analysis.total("flops"))
    assert is_bound(analysis.traffic.written)
    assert analyze(lambda x: x.nonzero().sum(), (TensorSpec((5, 7)),)).total("flops") == AtMost(69)


def test_inputs_may_be_bounds():
    analysis = analyze(nn.Linear(7, 11).eval(), (TensorSpec((AtMost(5), 7)),))
    assert repr(analysis.total("macs")) == "≤385"
    assert repr(analysis.outputs) == "TensorSpec((≤5, 11), float32)"


def test_a_cost_that_is_the_bound_though_no_size_is():
    roi_align = pytest.importorskip("torchvision").ops.roi_align
    analysis = analyze(lambda x, boxes: roi_align(x, boxes, 2), (TensorSpec((1, 3, 7, 7)), TensorSpec((5, 5))))
    assert is_bound(analysis.total("flops"))
    assert repr(analysis.outputs) == "TensorSpec((5, 3, 2, 2), float32)"


def test_a_mark_that_the_model_loses_is_in_the_total_all_the_same():
    layer = nn.Linear(7, 11).eval()

    def first(x):
        rows = x[x[:, 0] > 0]
        return layer(rows[: min(int(rows.shape[0]), 3)].reshape(3, 7))

    assert repr(analyze(first, (TensorSpec((5, 7)),)).total("macs")) == "≤231"


def test_loops_over_what_data_choose_take_what_there_is_to_choose():
    """As detectors do: the best boxes of every class that some box has; no loop over all the boxes."""
    nms = pytest.importorskip("torchvision").ops.nms
    classes = 3

    def detect(boxes, scores):
        labels = torch.arange(classes).view(1, -1).expand_as(scores).reshape(-1)
        place = torch.where(scores.reshape(-1) > 0.5)[0]
        boxes, scores, labels = boxes.repeat_interleave(classes, 0)[place], scores.reshape(-1)[place], labels[place]
        kept = []
        for label in torch.unique(labels):
            here = torch.where(labels == label)[0]
            kept.append(here[nms(boxes[here], scores[here], 0.5)])
        return boxes[torch.cat(kept)]

    analysis = analyze(detect, (TensorSpec((5, 4)), TensorSpec((5, classes))))
    runs = [node for node in analysis.graph if node.op == "nms"]
    assert [repr(node.arguments["dets"].shape) for node in runs] == ["(≤5, 4)"] * classes
    assert repr(analysis.outputs) == "TensorSpec((≤15, 4), float32)"


def test_what_is_like_another_tensor_is_a_constant():
    def padded(ids):
        mask = torch.ones_like(ids)
        if mask.all() and ids.new_zeros(3).sum() == 0 and torch.full_like(ids, 7).max() == 7:
            return ids * 2
        return ids

    assert analyze(padded, (TensorSpec((2, 5), torch.int64),)).by_op("all")["mul"] == 10


# --- a size that must be what another one is ---


def meets(x, mask, rows):
    return x[mask] + rows  # as many rows as there are


def holds(x, mask, rows):
    return x.masked_select(mask[:, None]).view(2, 7)


def writes(x, mask, rows):
    x = x * 1
    x[mask] += rows
    return x[mask].reshape(-1, 5)


MEETS = {
    "an exact size": (meets, (2, 7), [2, 7]),
    "a shape": (holds, (2, 7), [2, 7]),
    "what is written": (writes, (2, 7), [4, 5]),
}


@pytest.mark.parametrize(("model", "rows", "shape"), MEETS.values(), ids=MEETS)
def test_a_bound_gives_way_to_the_size_that_it_must_be(model, rows, shape):
    answer = analyze(model, (TensorSpec((3, 7)), TensorSpec((3,), torch.bool), TensorSpec(rows)))
    assert list(answer.outputs.shape) == shape


@pytest.mark.parametrize("model", [meets, writes], ids=["an exact size", "what is written"])
def test_a_bound_is_no_size_beyond_it(model):
    with pytest.raises(ShapeError):
        analyze(model, (TensorSpec((3, 7)), TensorSpec((3,), torch.bool), TensorSpec((4, 7))))
