"""FlopCounterMode itself, on the CPU and on meta, against our description of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision
from holding import MODELS, assert_models_agree, assert_table_agrees
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from analyzer import analyze
from analyzer.compat.flop_counter import FlopCounterMode as OurMode
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


@pytest.mark.parametrize("name", MODELS)
def test_counts_by_module_and_operator(name: str) -> None:
    model = getattr(torchvision.models, name)().eval().to("meta")
    image = torch.zeros(1, 3, 224, 224, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as said:
        model(image)
    with OurMode(display=False, faithful=True) as ours:
        model(image)
    assert ours.get_flop_counts() == {module: dict(counts) for module, counts in said.get_flop_counts().items()}
