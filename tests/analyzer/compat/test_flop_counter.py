"""FlopCounterMode's drop-in: the same block, and no model is run in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from analyzer import InputError
from analyzer.compat.flop_counter import FlopCounterMode

aten = torch.ops.aten


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 5, 7, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 5 * 11, 2))


def test_a_block_counts_and_returns_shapes() -> None:
    with FlopCounterMode(display=False) as counter:
        output = network()(torch.zeros(1, 3, 11, 17))
    convolution, linear = 2 * 5 * 5 * 11 * 3 * 7 * 7, 2 * 2 * 275  # 2 a product; 5x11 places, kernel 3x7x7
    assert output.shape == (1, 2)
    assert output.device.type == "meta"
    assert counter.get_total_flops() == convolution + linear
    counts = counter.get_flop_counts()
    assert counts["Global"] == counts["Sequential"] == {aten.convolution: convolution, aten.addmm: linear}
    assert counts["Sequential.3"] == {aten.addmm: linear}


def test_several_models_add_up_and_a_new_block_begins_anew() -> None:
    counter = FlopCounterMode(display=False)
    with counter:
        nn.Linear(7, 5, bias=False)(torch.zeros(3, 7))
        nn.Linear(7, 5)(torch.zeros(2, 7))
    assert counter.get_flop_counts()["Linear"] == {aten.mm: 210, aten.addmm: 140}
    with counter:
        pass
    assert counter.get_total_flops() == 0


def test_the_default_is_right_where_torch_has_no_formula() -> None:
    model, inputs = nn.Bilinear(7, 3, 11), (torch.zeros(5, 7), torch.zeros(5, 3))
    totals = []
    for faithful in (False, True):
        with FlopCounterMode(display=False, faithful=faithful) as counter:
            model(*inputs)
        totals.append(counter.get_total_flops())
    # Bilinear: 5 rows, 11 outputs, 7·3 products of three factors are 7·3 + 7 products of two, by rows
    assert totals[0] >= 2 * 5 * 11 * 7 * 3
    assert totals[1] == 0


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    with FlopCounterMode():
        nn.Sequential(nn.Linear(7, 5))(torch.zeros(3, 7))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["Module", "FLOP", "%", "Total"]
    assert lines[2].split() == ["Sequential", "210.000", "100.00%"]
    assert lines[4].split() == ["Sequential.0", "210.000", "100.00%"]


def test_what_would_be_left_out_is_an_error() -> None:
    with FlopCounterMode(display=False), pytest.raises(InputError, match="backward pass is not counted"):
        network()(torch.zeros(1, 3, 11, 17)).sum().backward()
    with FlopCounterMode(display=False), pytest.raises(InputError, match="mm is called outside of any module"):
        torch.mm(torch.zeros(2, 3), torch.zeros(3, 5))
    with pytest.raises(InputError, match="custom_mapping"):
        FlopCounterMode(custom_mapping={aten.add: lambda *args, **kwargs: 1})


def test_nothing_is_left_behind_after_an_error() -> None:
    model = network()
    with pytest.raises(InputError), FlopCounterMode(display=False):
        model(torch.zeros(1, 3, 11, 17)).sum().backward()
    assert model(torch.zeros(1, 3, 11, 17)).device.type == "cpu"


def test_blocks_nest() -> None:
    with FlopCounterMode(display=False) as outer:
        nn.Linear(7, 5)(torch.zeros(2, 7))
        with FlopCounterMode(display=False) as inner:
            nn.Linear(7, 5)(torch.zeros(3, 7))
    assert (outer.get_total_flops(), inner.get_total_flops()) == (350, 210)


@pytest.mark.parametrize("use", [lambda output: output.sum().item(), lambda output: output + torch.ones(3, 5)])
def test_what_needs_values_is_one_sentence(use: Callable[[torch.Tensor], Any]) -> None:
    with FlopCounterMode(display=False), pytest.raises(InputError, match="asks for the values or the device"):
        use(nn.Linear(7, 5)(torch.zeros(3, 7)))


def test_what_fails_by_itself_fails_as_ever() -> None:
    with FlopCounterMode(display=False), pytest.raises(RuntimeError, match="must match"):
        torch.ones(3) + torch.ones(5)
