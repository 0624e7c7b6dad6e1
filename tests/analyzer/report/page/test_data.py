"""The page's data: its sums are the analysis's totals, its numbers exact, its text the model's own."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from torch import nn
from torchvision.models import resnet50, swin_t

from analyzer import CONVENTIONS, analyze, skeleton
from analyzer.errors import Diagnostic
from analyzer.report.page import to_html
from analyzer.report.page.data import page_data

FLOPS = CONVENTIONS["flops"]


def number(raw):
    return int(str(raw).lstrip("≤≥≈"))


def leaf_sums(data):
    """What the leaves cost, and what boxes hold besides the boxes in them, each as often as it stands in the model."""
    items = data["items"]
    sums = [0] * len(data["measures"])
    for item in items:
        times, box = 1, item
        while True:
            times *= box.get("times", 1)
            if "parent" not in box:
                break
            box = items[box["parent"]]
        inner = [other for other in items if "parent" in other and items[other["parent"]] is item]
        for measure, cost in enumerate(item["costs"]):
            below = sum(number(other["costs"][measure]) * other.get("times", 1) for other in inner)
            sums[measure] += times * (number(cost) - below)
    return dict(zip((measure["name"] for measure in data["measures"]), sums, strict=True))


@pytest.mark.parametrize("make", [resnet50, swin_t])
def test_sums_are_the_totals(make):
    analysis = analyze(skeleton(make).eval(), (1, 3, 224, 224))
    data = page_data(analysis, FLOPS)
    sums = leaf_sums(data)
    for name in CONVENTIONS:
        assert sums[name] == analysis.total(name)
    assert sums["params"] == analysis.params
    assert sums["traffic"] == analysis.traffic.read + analysis.traffic.written
    own = [node for node in analysis.graph if node.op not in ("input", "constant", "output") and not node.alias_of]
    assert sums["activations"] == sum(spec.nbytes for node in own for spec in node.outputs)
    assert [number(cost) for cost in data["items"][0]["costs"]] == list(sums.values())


def test_numbers_by_pencil():
    model = nn.Sequential(nn.Linear(7, 5), nn.ReLU()).eval()
    data = page_data(analyze(model, (3, 7)), CONVENTIONS["macs"])
    assert [measure["name"] for measure in data["measures"]] == [
        "macs", "flops", "all", "flop_counter", "params", "traffic", "activations",
    ]  # fmt: skip
    linear = next(item for item in data["items"] if item.get("type") == "Linear")
    # 15 outputs of 7 products and a bias; 35 + 5 elements; 21 + 40 + 15 numbers of 4 bytes; 15 of them made
    assert linear["costs"] == [105, 210, 210, 210, 40, 304, 60]
    assert linear["counts"] == [["mac", "3·5·7 = 105"], ["dot", "3·5 = 15"], ["add", "3·5 = 15"]]
    assert linear["formulas"][0].endswith("= 105")
    assert [data["tensors"][index] for _, index, _ in linear["params"]] == [
        ["5x7", "float32", 140],
        ["5", "float32", 20],
    ]
    assert [(link[0], link[2], data["tensors"][link[4]][0]) for link in data["links"]] == [
        (1, 2, "3x7"), (2, 3, "3x5"), (3, 4, "3x5"),
    ]  # fmt: skip


def test_numbers_beyond_a_double_are_text(hostile):
    items = page_data(hostile, FLOPS)["items"]
    assert items[0]["costs"][1] == str(2**70 * 8)
    assert json.loads(json.dumps(items))[0]["costs"][1] == str(2**70 * 8)


def test_bounds_and_gaps_have_their_signs(bounded):
    items = {item["label"]: item for item in page_data(bounded, FLOPS)["items"]}
    flops = {label: item["costs"][0] for label, item in items.items()}
    assert (flops["near"], flops["far"], flops["sure"]) == ("≤3", "≥0", 5)
    assert flops["Bounded"] == "≈8"
    assert (items["near"]["status"], items["far"]["status"]) == ("bounded", "unknown")
    assert items["near"]["remarks"] == ["at most 2"]


def test_what_is_folded_is_stored_once():
    model = nn.Sequential(*[nn.Linear(7, 7) for _ in range(126)]).eval()
    data = page_data(analyze(model, (3, 7)), FLOPS)
    assert [(item["label"], item.get("times")) for item in data["items"]] == [
        ("Sequential", None), ("input", None), ("0-125", 126), ("output", None),
    ]  # fmt: skip
    assert data["items"][2]["chained"]
    assert data["items"][0]["costs"][4] == 126 * 56


def test_a_large_model_stays_small():
    small = len(to_html(analyze(nn.Sequential(*[nn.Linear(7, 7) for _ in range(2)]).eval(), (3, 7)), FLOPS))
    large = len(to_html(analyze(nn.Sequential(*[nn.Linear(7, 7) for _ in range(500)]).eval(), (3, 7)), FLOPS))
    assert abs(large - small) < 100


def test_diagnostics_name_their_item():
    analysis = analyze(nn.Sequential(*[nn.Linear(7, 7) for _ in range(3)]).eval(), (3, 7))
    told = [Diagnostic("a", node, "said", "hint") for node in ("2", "input", "", "gone")]
    data = page_data(replace(analysis, diagnostics=tuple(told)), FLOPS)
    places = [entry["item"] for entry in data["diagnostics"]]
    found = [place if place is None else data["items"][place]["label"] for place in places]
    assert found == ["0-2", "input", "Sequential", None]


def test_changes_are_marked(residual):
    changes = {"block": "changed", "block.add": "added"}
    items = {item["label"]: item.get("change") for item in page_data(residual, FLOPS, changes)["items"]}
    assert (items["block"], items["add"], items["stem"]) == ("changed", "added", None)


def test_changes_stand_beside_what_was():
    old = analyze(nn.Sequential(nn.Linear(7, 5), nn.ReLU()).eval(), (3, 7))
    new = analyze(nn.Sequential(nn.Linear(7, 11), nn.ReLU()).eval(), (3, 7))
    items = {item["label"]: item for item in page_data(new, FLOPS, {"0": "changed", "1": "added"}, old)["items"]}
    assert (items["0"]["before"][1], items["0"]["costs"][1]) == (105, 231)
    assert "before" not in items["1"]


def test_what_is_marked_is_not_folded_away():
    analysis = analyze(nn.Sequential(*[nn.Linear(7, 7) for _ in range(9)]).eval(), (3, 7))
    items = page_data(analysis, FLOPS, {"4": "changed"})["items"]
    assert [(item["label"], item.get("change")) for item in items[2:-1]] == [
        ("0-3", None),
        ("4", "changed"),
        ("5-8", None),
    ]


def test_text_cannot_break_out_of_the_page(hostile):
    page = to_html(hostile, FLOPS)
    assert "alert(1)" not in page
    assert "<title>Host&lt;ile&gt;&amp;|[b] · flopgraph</title>" in page
    assert page.count("</script>") == 3


def test_the_same_analysis_gives_the_same_page(residual):
    assert to_html(residual, FLOPS) == to_html(residual, FLOPS)
