"""calflops itself against our description of it, and against its drop-in."""

from __future__ import annotations

import copy
import inspect
import io
import re
from contextlib import redirect_stdout
from typing import Any

import pytest
import torch
import torchvision
from holding import MODELS, assert_models_agree, assert_table_agrees, quiet, the_tool
from patched import put_back, with_a_parameter
from torch import nn

from analyzer import analyze
from analyzer.compat import calflops as ours
from analyzer.tools import TOOLS

tool = the_tool("calflops")
pipeline = the_tool("calflops.calculate_pipline")


def theirs(model: nn.Module, inputs: tuple[torch.Tensor, ...], **options: Any) -> Any:
    with put_back(pipeline):
        given = {"print_results": False, "output_as_string": False, **options}
        return tool.calculate_flops(with_a_parameter(model), args=list(inputs), **given)


def said(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    return theirs(model, inputs)[:2]


def described(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    graph = analyze(model, inputs).graph
    return TOOLS["calflops"].read(graph).total, TOOLS["calflops_macs"].read(graph).total


def dropped_in(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    return ours.calculate_flops(model, args=inputs, print_results=False, output_as_string=False, faithful=True)[:2]


def test_table() -> None:
    assert_table_agrees(said, described)
    assert_table_agrees(said, dropped_in)


def test_models() -> None:
    assert_models_agree(said, described)
    assert_models_agree(said, dropped_in)


FIGURES = re.compile(r"^Total|^fwd\S* \w+: |% Params|^-")


def printed(function: Any, model: nn.Module, **options: Any) -> list[str]:
    """What is returned, and the lines of the report that hold figures: the prose is ours."""
    out = io.StringIO()
    with redirect_stdout(out), put_back(pipeline):
        result = function(model, input_shape=(2, 3, 224, 224), output_precision=3, **options)
    return [*result, *filter(FIGURES.search, out.getvalue().splitlines())]


@pytest.mark.parametrize("name", MODELS)
def test_report(name: str) -> None:
    model = getattr(torchvision.models, name)().eval()
    for parameter in list(model.parameters())[::2]:
        parameter.requires_grad_(False)  # calflops reports those that are trained
    options: dict[str, Any] = {"include_backPropagation": True, "compute_bp_factor": 1.5}
    said = printed(tool.calculate_flops, copy.deepcopy(model), **options)
    assert len(said) > 10
    assert printed(ours.calculate_flops, model, faithful=True, **options) == said


class Twice(nn.Module):
    """One layer under two parents, a recurrent layer, and layers that may be ignored."""

    def __init__(self) -> None:
        super().__init__()
        shared = nn.Linear(7, 7)
        self.first, self.second = nn.Sequential(shared), nn.Sequential(shared, nn.ReLU())
        self.recurrent = nn.LSTM(7, 11, 2, bidirectional=True, batch_first=True)

    def forward(self, x: torch.Tensor) -> Any:
        return self.recurrent(self.second(self.first(x)))[0]


@pytest.mark.parametrize("ignored", [[], [nn.Linear], [nn.LSTM], [Twice], [nn.Sequential, nn.Linear]])
def test_shared_and_ignored_modules(ignored: list[type]) -> None:
    model, x = Twice().eval(), torch.zeros(2, 5, 7)
    with quiet():
        expected = theirs(copy.deepcopy(model), (x,), ignore_modules=ignored)
    options: dict[str, Any] = {"print_results": False, "output_as_string": False, "ignore_modules": ignored}
    assert ours.calculate_flops(model, args=[x], faithful=True, **options) == expected


def test_signatures() -> None:
    for name in ("calculate_flops", "calculate_flops_hf", "generate_transformer_input", "flops_to_string"):
        asked, offered = (list(inspect.signature(getattr(each, name)).parameters.values()) for each in (tool, ours))
        assert [p.name for p in asked] == [p.name for p in offered if p.name != "faithful"]
        defaults = [(p.default or None, q.default or None) for p, q in zip(asked, offered, strict=False)]
        assert all(said == mine for said, mine in defaults)


@pytest.mark.parametrize("number", [0, 1e-9, 3e-4, 0.5, 7, 999.996, 1000, 123456, 7.77e8, 1.5e9, 2.5e15])
@pytest.mark.parametrize("units", [None, "T", "G", "M", "K", "m", "u"])
def test_numbers_as_text(number: float, units: str | None) -> None:
    for name in ("number_to_string", "flops_to_string", "macs_to_string", "params_to_string", "bytes_to_string"):
        assert getattr(ours, name)(number, units, 3) == getattr(tool, name)(number, units, 3)


EQUATIONS = [
    ("ij,jk,kl->il", [(101, 7), (7, 103), (103, 5)]),
    ("...ij,...jk->...ik", [(3, 5, 7), (2, 1, 7, 11)]),
    ("ij", [(3, 5)]),
    ("ii->i", [(7, 7)]),
    ("ij->", [(3, 5)]),
    ("i,j->ij", [(3,), (5,)]),
    ("ab,bc,cd,de->ae", [(3, 5), (5, 7), (7, 11), (11, 13)]),
    ("abc,cd,be->ade", [(3, 5, 7), (7, 11), (5, 13)]),
]


@pytest.mark.parametrize(("equation", "shapes"), EQUATIONS)
def test_einsum(equation: str, shapes: list[tuple[int, ...]]) -> None:
    from calflops.pytorch_ops import _einsum_flops_compute

    from analyzer.tools.einsum_path import optimized_flops

    assert optimized_flops(equation, shapes) == _einsum_flops_compute(equation, *map(torch.zeros, shapes))[0]


def test_bert() -> None:
    from transformers import BertConfig, BertModel

    bert = BertModel(
        BertConfig(num_hidden_layers=2, hidden_size=60, num_attention_heads=3, intermediate_size=77)
    ).eval()
    given = {"input_ids": torch.zeros(2, 17, dtype=torch.int64), "attention_mask": torch.ones(2, 17, dtype=torch.int64)}
    options: dict[str, Any] = {"print_results": False, "output_as_string": False}
    with quiet(), put_back(pipeline):
        expected = tool.calculate_flops(copy.deepcopy(bert), kwargs=dict(given), **options)
    assert ours.calculate_flops(bert, kwargs=given, faithful=True, **options) == expected
