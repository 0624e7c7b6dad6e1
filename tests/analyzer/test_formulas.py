"""Every formula that `why` prints comes to the number beside it: read as arithmetic, by Python."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from analyzer import TensorSpec, analyze, skeleton

torchvision = pytest.importorskip("torchvision")

UNITS = re.compile(r"\b(mac|dot|add|mul|div|cmp|func)\b|,")


def value_of(formula: str) -> int:
    text = formula.replace("⌊", "((").replace("⌋", ")//1)").replace("·", "*").replace("−", "-")
    return eval(UNITS.sub("", text))


def specs(*shapes):
    return tuple(TensorSpec(shape) for shape in shapes)


CALLS = {
    "resnet18": (lambda: skeleton(torchvision.models.resnet18), (1, 3, 224, 224)),
    "swin_t": (lambda: skeleton(torchvision.models.swin_t), (1, 3, 224, 224)),
    "shufflenet": (lambda: skeleton(torchvision.models.shufflenet_v2_x0_5), (1, 3, 224, 224)),
    "transformer": (lambda: nn.Transformer(20, 4, 1, 1, 13, batch_first=True), specs((2, 7, 20), (2, 5, 20))),
    "lstm": (lambda: nn.LSTM(7, 5, 2, bidirectional=True), (3, 2, 7)),
    "lstm cell": (lambda: nn.LSTMCell(7, 5), (3, 7)),
    "gru cell": (lambda: nn.GRUCell(7, 5), (3, 7)),
    "rnn cell": (lambda: nn.RNNCell(7, 5), (3, 7)),
    "bilinear": (lambda: nn.Bilinear(3, 7, 5), specs((2, 3), (2, 7))),
    "einsum": (lambda: lambda a, b: torch.einsum("bij,bjk->bik", a, b), specs((2, 3, 7), (2, 7, 5))),
    "outer": (lambda: torch.outer, specs((3,), (5,))),
    "baddbmm": (lambda: torch.baddbmm, specs((2, 5, 7), (2, 5, 3), (2, 3, 7))),
    "transposed": (lambda: nn.ConvTranspose2d(3, 5, 3, stride=2), (2, 3, 7, 11)),
    "std": (lambda: lambda x: x.std(), specs((3, 7))),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_formula_comes_to_its_number(name):
    build, inputs = CALLS[name]
    analysis = analyze(build(), inputs, training=False)
    checked = 0
    for node in analysis.graph:
        for convention in ("macs", "flops", "all"):
            for line in analysis.why(node, convention).splitlines():
                row = re.fullmatch(r"  (?:mac|dot|add|mul|div|cmp|func|macs|flops|all)\s+(.+) = ([\d,]+)", line)
                if row:
                    assert value_of(row[1]) == int(row[2].replace(",", "")), f"{node.id}: {line}"
                    checked += 1
    assert checked
