"""torchinfo itself against our description of it, and its text against our drop-in's."""

from __future__ import annotations

import torch
from holding import assert_models_agree, assert_table_agrees, the_tool
from torch import nn

from analyzer import analyze
from analyzer.tools import TOOLS

torchinfo = the_tool("torchinfo")


def theirs(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[int, int]:
    result = torchinfo.summary(model, input_data=list(inputs), verbose=0)
    return result.total_mult_adds, result.total_params


def reading(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[int, int]:
    said = TOOLS["torchinfo"].read(analyze(model, inputs, training=False).graph)
    return said.total, said.params


def test_table() -> None:
    assert_table_agrees(theirs, reading)


def test_models() -> None:
    assert_models_agree(theirs, reading)
