"""thop itself, run, against our description of it and against the drop-in."""

from __future__ import annotations

from typing import Any

import torch
from holding import assert_models_agree, assert_table_agrees, the_tool
from torch import nn

from analyzer import analyze
from analyzer.tools.thop import THOP


def theirs(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    return the_tool("thop").profile(model, inputs, verbose=False)


def described(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    reading = THOP.read(analyze(model, inputs).graph)
    return reading.total, reading.params


def test_table() -> None:
    assert_table_agrees(theirs, described)


def test_models() -> None:
    assert_models_agree(theirs, described)
