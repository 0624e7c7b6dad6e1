"""DeepSpeed's flops profiler itself against our description of it, and against its drop-in."""

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
from analyzer.compat import deepspeed as ours
from analyzer.tools import TOOLS

tool = the_tool("deepspeed.profiling.flops_profiler.profiler")


def theirs(model: nn.Module, inputs: tuple[torch.Tensor, ...], **options: Any) -> Any:
    with put_back(tool):
        given = {"print_profile": False, "as_string": False, "warm_up": 0, **options}
        return tool.get_model_profile(with_a_parameter(model), args=list(inputs), **given)


def said(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    return theirs(model, inputs)[:2]


def described(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    graph = analyze(model, inputs).graph
    return TOOLS["deepspeed"].read(graph).total, TOOLS["deepspeed_macs"].read(graph).total


def dropped_in(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    return ours.get_model_profile(model, args=inputs, print_profile=False, as_string=False, faithful=True)[:2]


def test_table() -> None:
    assert_table_agrees(said, described)
    assert_table_agrees(said, dropped_in)


def test_models() -> None:
    assert_models_agree(said, described)
    assert_models_agree(said, dropped_in)


FIGURES = re.compile(r"^Profile|^(params|fwd) .*:  |^depth|^    (params|MACs) +-|% Params|^Top|^-")
# What is measured there, with its share, and is not here.
MEASURED = [(r"\S+ \w?s = \S+% latency, \S+ \w?FLOPS", "unmeasured latency, unmeasured FLOPS")]
LATENCIES = re.compile(r"^fwd (latency|FLOPS)")


def printed(function: Any, model: nn.Module, **options: Any) -> list[str]:
    """What is returned, and the lines of the report that hold figures, without what is measured."""
    out = io.StringIO()
    with redirect_stdout(out), put_back(tool):
        result = function(model, input_shape=(2, 3, 224, 224), **options)
    lines = [line for line in out.getvalue().splitlines() if FIGURES.search(line) and not LATENCIES.search(line)]
    for pattern, word in MEASURED:
        lines = [re.sub(pattern, word, line) for line in lines]
    return [*result, *lines]


@pytest.mark.parametrize("name", MODELS)
def test_report(name: str) -> None:
    model = getattr(torchvision.models, name)().eval()
    options: dict[str, Any] = {"top_modules": 3, "module_depth": 2 if name == "resnet50" else -1}
    said = printed(tool.get_model_profile, copy.deepcopy(model), **options)
    assert len(said) > 10
    assert printed(ours.get_model_profile, model, faithful=True, **options) == said


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
    options: dict[str, Any] = {"print_profile": False, "as_string": False, "ignore_modules": ignored}
    assert ours.get_model_profile(model, args=[x], faithful=True, **options) == expected


def profiled(profiler: Any, model: nn.Module) -> list[Any]:
    """The script of the tutorial: two calls of a model in training, with the numbers after them."""
    profiler.start_profile()
    for size in (3, 5):
        model(torch.zeros(size, 3, 13, 17))
    totals = [getattr(profiler, f"get_total_{what}") for what in ("flops", "macs", "params")]
    numbers = [total(as_string=text) for total in totals for text in (False, True)]
    profiler.end_profile()
    return numbers


def test_profiler() -> None:
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU())
    with quiet(), put_back(tool):
        expected = profiled(tool.FlopsProfiler(model), model)
    assert profiled(ours.FlopsProfiler(model, faithful=True), model) == expected


def test_signatures() -> None:
    methods = [
        name for name in vars(tool.FlopsProfiler) if name not in ("__module__", "__doc__", "__dict__", "__weakref__")
    ]
    pairs = [(getattr(tool.FlopsProfiler, name), getattr(ours.FlopsProfiler, name, None)) for name in methods]
    absent = [name for name, (_, mine) in zip(methods, pairs, strict=True) if mine is None]
    assert absent == ["is_expert_tensor_parallelism_enabled"]
    for asked, offered in [*pairs, (tool.get_model_profile, ours.get_model_profile)]:
        if offered is not None and callable(asked):
            said, mine = (list(inspect.signature(each).parameters.values()) for each in (asked, offered))
            assert [p.name for p in said] == [p.name for p in mine if p.name != "faithful"]
            assert all((p.default or None) == (q.default or None) for p, q in zip(said, mine, strict=False))


def test_bert() -> None:
    from transformers import BertConfig, BertModel

    config = BertConfig(num_hidden_layers=2, hidden_size=60, num_attention_heads=3, intermediate_size=77)
    bert, tokens = BertModel(config).eval(), torch.ones(2, 17, dtype=torch.int64)
    given = {"input_ids": tokens, "attention_mask": tokens}
    options: dict[str, Any] = {"print_profile": False, "as_string": False}
    with quiet(), put_back(tool):
        expected = tool.get_model_profile(copy.deepcopy(bert), kwargs=given, **options)
    assert ours.get_model_profile(bert, kwargs=given, faithful=True, **options) == expected
