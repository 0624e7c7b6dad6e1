"""FlopCounterMode itself, on the CPU and on meta, against our description of it."""

from __future__ import annotations

from typing import Any

import torch
from holding import assert_models_agree, assert_table_agrees
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from analyzer import analyze
from analyzer.tools import TOOLS


def theirs(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> int:
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(*inputs)
    return counter.get_total_flops()


def theirs_on_meta(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> int:
    return theirs(model.to("meta"), tuple(tensor.to("meta") for tensor in inputs))


def said_by(name: str) -> Any:
    return lambda model, inputs: TOOLS[name].read(analyze(model, inputs).graph).total


def test_table_on_a_cpu() -> None:
    assert_table_agrees(theirs, said_by("flop_counter_cpu"))


def test_table_on_meta() -> None:
    assert_table_agrees(theirs_on_meta, said_by("flop_counter"))


def test_models() -> None:
    assert_models_agree(theirs, said_by("flop_counter_cpu"))
    assert_models_agree(theirs_on_meta, said_by("flop_counter"))
