"""Weights that quantization packs into objects of its own are parameters all the same."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from analyzer import analyze

ao = pytest.importorskip("torch.ao.quantization")


@pytest.mark.filterwarnings("ignore")
def test_packed_weights_are_parameters():
    model = ao.quantize_dynamic(nn.Sequential(nn.Linear(7, 11), nn.ReLU(), nn.Linear(11, 5)).eval(), {nn.Linear})
    analysis = analyze(model, (3, 7))
    assert analysis.params == 7 * 11 + 11 + 11 * 5 + 5
    assert analysis.param_bytes == 7 * 11 + 11 * 4 + 11 * 5 + 5 * 4  # a byte a weight, four a bias
    assert [item.name for item in analysis.parameters] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert [item.spec.dtype for item in analysis.parameters[:2]] == [torch.qint8, torch.float32]
    assert analysis.total("macs") == 3 * (7 * 11 + 11 * 5)
