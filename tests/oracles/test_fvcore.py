"""fvcore itself against our description of it, and against the drop-in."""

from __future__ import annotations

from typing import Any

import torch
from holding import assert_models_agree, assert_table_agrees, the_tool
from torch import nn

from analyzer import analyze
from analyzer.tools.fvcore import FVCORE

fvcore = the_tool("fvcore.nn")


def theirs(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    return fvcore.FlopCountAnalysis(model, inputs).total()


def said(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> int:
    return FVCORE.read(analyze(model, inputs).graph).total


def test_table() -> None:
    assert_table_agrees(theirs, said)


def test_models() -> None:
    assert_models_agree(theirs, said)
