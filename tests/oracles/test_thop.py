"""thop itself, run, against our description of it and against the drop-in."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision
from holding import assert_models_agree, assert_table_agrees, quiet, the_tool
from table import TABLE
from thop_models import MODELS, Shared, assert_same
from torch import nn
from torchvision.models.resnet import Bottleneck

from analyzer import analyze
from analyzer.compat import thop as ours
from analyzer.tools.thop import THOP


def theirs(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    return the_tool("thop").profile(model, inputs)


def described(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    reading = THOP.read(analyze(model, inputs).graph)
    return reading.total, reading.params


def faithful(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    return ours.profile(model, inputs, faithful=True)


def test_table() -> None:
    assert_table_agrees(theirs, described)
    assert_table_agrees(theirs, faithful)


def test_models() -> None:
    assert_models_agree(theirs, described)


def test_a_resnet_has_none_of_its_faults() -> None:
    model, shape = torchvision.models.resnet50(), (2, 3, 200, 280)
    with quiet():
        assert ours.profile(model, input_size=shape) == theirs(model, (torch.zeros(shape),))


@pytest.mark.parametrize("name", MODELS)
def test_layers_and_prints(name: str) -> None:
    assert_same(the_tool("thop").profile, ours.profile, name, ret_layer_info=True, report_missing=True)
    assert_same(the_tool("thop").profile_origin, ours.profile_origin, name, report_missing=True)


def test_origin_on_the_table() -> None:
    def origin(tool: Any, **options: Any) -> Any:
        return lambda model, inputs: tool.profile_origin(model, inputs, **options)

    assert_table_agrees(origin(the_tool("thop")), origin(ours, faithful=True))


def count_elements(m: nn.Module, x: Any, y: torch.Tensor) -> None:
    m.total_ops += torch.DoubleTensor([x[0].numel() + y.numel()])


def set_elements(m: nn.Module, x: Any, y: torch.Tensor) -> None:
    m.total_ops = torch.DoubleTensor([y.numel()])


@pytest.mark.parametrize("count", [count_elements, set_elements])
@pytest.mark.parametrize("cls", [nn.Linear, nn.PReLU, nn.Sequential, nn.ModuleList, Shared])
def test_functions_of_the_users_own(cls: type[nn.Module], count: Any) -> None:
    for function in ("profile", "profile_origin"):
        options = {"custom_ops": {cls: count}}
        assert_same(getattr(the_tool("thop"), function), getattr(ours, function), "shared", **options)


def test_a_function_for_blocks() -> None:
    image, custom = (torch.zeros(1, 3, 64, 64),), {Bottleneck: count_elements}
    model = torchvision.models.resnet50()
    with quiet():
        said = the_tool("thop").profile(model, image, custom_ops=custom)
        assert ours.profile(model, image, custom_ops=custom, faithful=True) == said
        # thop leaves out nothing but what is inside the blocks, so its operations are the right ones.
        assert ours.profile(model, image, custom_ops=custom)[0] == said[0]


@pytest.mark.parametrize("name", [name for name, (make, _) in TABLE.items() if type(make()) in ours.register_hooks])
def test_hooks_count_as_its_own(name: str) -> None:
    make, inputs = TABLE[name]
    layer = nn.Sequential(make()) if len(inputs) == 1 else make()
    own = {type(make()): ours.register_hooks[type(make())]}
    with quiet():
        said = the_tool("thop").profile(layer, inputs)
        assert ours.profile(layer, inputs, custom_ops=own, faithful=True) == said


@pytest.mark.parametrize("nums", [0, 999, 1000, 1e6 + 1, [1e9], [4133742592.0, 25557032.0], 3.2e12, -5.0])
def test_clever_format(nums: Any) -> None:
    for format in ("%.2f", "%.3f"):
        assert ours.clever_format(nums, format) == the_tool("thop").clever_format(nums, format)
