"""ptflops itself, with both of its backends, against our description of it and our drop-in for it."""

from __future__ import annotations

from typing import Any

import torch
from holding import assert_models_agree, assert_table_agrees, the_tool
from torch import nn

from analyzer import analyze
from analyzer.tools import ptflops, ptflops_aten


class Spread(nn.Module):
    """A model that is given its inputs in one list, by name: ptflops gives no more than that by position."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: list[torch.Tensor]) -> Any:
        return self.model(*inputs)


def theirs(backend: str) -> Any:
    tool = the_tool("ptflops")

    def count(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
        macs, _ = tool.get_model_complexity_info(
            Spread(model),
            (1,),
            as_strings=False,
            print_per_layer_stat=False,
            input_constructor=lambda _: {"inputs": list(inputs)},
            backend=backend,
        )
        return macs

    return count


def read(tool: Any) -> Any:
    return lambda model, inputs: tool.read(analyze(Spread(model), (list(inputs),)).graph).total


def test_table_with_the_pytorch_backend() -> None:
    assert_table_agrees(theirs("pytorch"), read(ptflops.PYTORCH))


def test_table_with_the_aten_backend() -> None:
    assert_table_agrees(theirs("aten"), read(ptflops_aten.ATEN))


def test_models() -> None:
    assert_models_agree(theirs("pytorch"), read(ptflops.PYTORCH))
    assert_models_agree(theirs("aten"), read(ptflops_aten.ATEN))
