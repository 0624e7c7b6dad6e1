"""fvcore itself against our description of it, and against the drop-in: numbers, names, tables."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torchvision
from holding import MODELS, assert_models_agree, assert_table_agrees, quiet, the_tool
from table import TABLE
from torch import nn

from analyzer import analyze
from analyzer.compat import fvcore as ours
from analyzer.tools.fvcore import FVCORE

tool = the_tool("fvcore.nn")
Inputs = tuple[torch.Tensor, ...]

# Arithmetic on sizes, which a trace has and a graph has not, by model: operators and how often more the tool has them.
ON_SIZES = {"swin_t": {"aten::mul": 24, "aten::rsub": 24, "aten::pow": 12}, "vit_b_16": {"aten::mul": 1}}


def total(model: nn.Module, inputs: Inputs) -> Any:
    return tool.FlopCountAnalysis(model, inputs).total()


def read(model: nn.Module, inputs: Inputs) -> int:
    return FVCORE.read(analyze(model, inputs).graph).total


def everything(package: Any, kind: str, model: nn.Module, inputs: Inputs, **options: Any) -> list[Any]:
    found = getattr(package, kind)(model, inputs, **options)
    return [found.by_module_and_operator(), found.by_module(), found.unsupported_ops(), found.uncalled_modules()]


@pytest.fixture(params=["FlopCountAnalysis", "ActivationCountAnalysis"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[True, False], ids=["gradients", "no gradients"])
def _mode(request: pytest.FixtureRequest) -> Iterator[None]:
    with torch.set_grad_enabled(request.param):
        yield


def test_table() -> None:
    assert_table_agrees(total, read)


def test_models() -> None:
    assert_models_agree(total, read)


@pytest.mark.usefixtures("_mode")
def test_the_drop_in_on_the_table(kind: str) -> None:
    for name, (make, inputs) in TABLE.items():
        model = make().eval()
        with quiet():
            theirs = everything(tool, kind, copy.deepcopy(model), inputs)
            assert everything(ours, kind, model, inputs, faithful=True) == theirs, name


@pytest.mark.parametrize("name", MODELS)
def test_the_drop_in_on_models(name: str, kind: str) -> None:
    model, inputs = getattr(torchvision.models, name)().eval(), (torch.zeros(1, 3, 224, 224),)
    with quiet():
        theirs = everything(tool, kind, copy.deepcopy(model), inputs)
        mine = everything(ours, kind, model, inputs, faithful=True)
    mine[2].update(ON_SIZES.get(name, {}))
    assert mine == theirs


@pytest.mark.parametrize("name", ["alexnet", "resnet50", "swin_t"])
def test_tables_and_text(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tabulate = pytest.importorskip("tabulate")
    # fvcore asks for indentation by a module variable, which tabulate 0.10 does not read any more.
    monkeypatch.setattr(tabulate, "tabulate", functools.partial(tabulate.tabulate, preserve_whitespace=True))
    model, inputs = getattr(torchvision.models, name)().eval(), (torch.zeros(1, 3, 224, 224),)
    pages = []
    for package, options in ((tool, {}), (ours, {"faithful": True})):
        flops = package.FlopCountAnalysis(model, inputs, **options)
        acts = package.ActivationCountAnalysis(model, inputs, **options)
        with quiet():
            pages.append(
                [
                    package.flop_count_table(flops),
                    package.flop_count_table(flops, max_depth=5, activations=acts),
                    package.flop_count_table(flops, 2, show_param_shapes=False),
                    _without_remark(package.flop_count_str(flops)),
                    _without_remark(package.flop_count_str(flops, acts)),
                    package.parameter_count_table(model),
                    package.parameter_count_table(model, 5),
                    package.parameter_count(model),
                ]
            )
    assert pages[0] == pages[1]


def _without_remark(text: str) -> str:
    """The text without a first line on modules that are not called, which each package words for itself."""
    return text.partition("\n")[2] if text.startswith("N/A") else text


def test_functions() -> None:
    model, inputs = torchvision.models.alexnet().eval(), (torch.zeros(1, 3, 224, 224),)
    with quiet():
        assert tool.flop_count(model, inputs) == ours.flop_count(model, inputs, faithful=True)
        assert tool.activation_count(model, inputs) == ours.activation_count(model, inputs, faithful=True)


def test_handles_are_given_the_same() -> None:
    """A handle of the user's sees the same shapes and constants, whichever operator it is for."""
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2, groups=3), nn.BatchNorm2d(6), nn.LeakyReLU(0.2), nn.GroupNorm(2, 6),
        nn.MaxPool2d(3, 2), nn.Flatten(2), nn.Linear(21, 7), nn.LayerNorm(7), nn.Softmax(-1),
    ).eval()  # fmt: skip
    kinds = "_convolution batch_norm leaky_relu group_norm max_pool2d linear layer_norm softmax"
    seen: list[list[Any]] = []

    def handle(inputs: Any, outputs: Any) -> int:
        def told(value: Any) -> Any:
            if value.isCompleteTensor():
                return value.type().sizes()
            if value.node().kind() == "prim::ListConstruct":
                return [item.toIValue() for item in value.node().inputs()]
            return value.toIValue()

        # cuDNN's switches are the machine's, and slopes are not kept with a node.
        seen[-1].append([told(value) for value in (*inputs, *outputs) if not isinstance(told(value), (bool, float))])
        return 1

    handles = {f"aten::{name}": handle for name in kinds.split()}
    for package, options in ((tool, {}), (ours, {"faithful": True})):
        seen.append([])
        analysis = package.FlopCountAnalysis(model, torch.zeros(1, 3, 17, 31), **options).set_op_handle(**handles)
        with quiet():
            assert analysis.total() == len(handles)
    assert [[x for x in call if x is not None] for call in seen[0]] == [
        [x for x in call if x is not None] for call in seen[1]
    ]
