"""ultralytics-thop itself, run, against our description of it and against the drop-in."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision
from holding import ULTRALYTICS, assert_models_agree, assert_table_agrees, quiet, the_tool
from thop_models import MODELS, Shared, assert_same
from torch import nn
from torchvision.models.resnet import BasicBlock

from analyzer import analyze
from analyzer.compat import ultralytics_thop as ours
from analyzer.tools.ultralytics_thop import ULTRALYTICS_THOP


@pytest.fixture(scope="module")
def tool() -> Any:
    return the_tool("thop", ULTRALYTICS)


def described(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    reading = ULTRALYTICS_THOP.read(analyze(model, inputs).graph)
    return reading.total, reading.params


def test_table(tool: Any) -> None:
    assert_table_agrees(tool.profile, described)
    assert_table_agrees(tool.profile, lambda model, inputs: ours.profile(model, inputs, faithful=True))


def test_models(tool: Any) -> None:
    assert_models_agree(tool.profile, described)


@pytest.mark.parametrize("name", MODELS)
def test_layers_and_prints(name: str, tool: Any) -> None:
    assert_same(tool.profile, ours.profile, name, ret_layer_info=True, report_missing=True)
    assert_same(tool.profile_origin, ours.profile_origin, name, report_missing=True)


def test_origin_on_the_table(tool: Any) -> None:
    assert_table_agrees(tool.profile_origin, lambda model, inputs: ours.profile_origin(model, inputs, faithful=True))


def count_elements(m: nn.Module, x: Any, y: torch.Tensor) -> None:
    m.total_ops += x[0].numel() + y.numel()


def set_elements(m: nn.Module, x: Any, y: torch.Tensor) -> None:
    m.total_ops = y.numel()


@pytest.mark.parametrize("count", [count_elements, set_elements])
@pytest.mark.parametrize("cls", [nn.Linear, nn.PReLU, nn.Sequential, nn.ModuleList, nn.Module, Shared])
def test_functions_of_the_users_own(cls: type[nn.Module], count: Any, tool: Any) -> None:
    assert_same(tool.profile, ours.profile, "shared", custom_ops={cls: count}, ret_layer_info=True)
    if count is count_elements:  # its profile_origin has a buffer there, which takes no numbers
        assert_same(tool.profile_origin, ours.profile_origin, "shared", custom_ops={cls: count})


def count_all(m: nn.Module, x: Any, y: torch.Tensor) -> None:
    m.total_ops += sum(value.numel() if isinstance(value, torch.Tensor) else 1000 for value in x)


def test_arguments_come_in_order_of_forward(tool: Any) -> None:
    custom = {nn.MultiheadAttention: count_all, nn.Linear: None}
    assert_same(tool.profile, ours.profile, "attending", custom_ops=custom, verbose=False)


class Attentive(nn.Module):
    """Costs that grow with the square of an image, by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=4, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.stem(x).flatten(2)
        return tokens.transpose(1, 2) @ tokens


@pytest.mark.parametrize("stride", [8, (8, 16), 32, 56])
@pytest.mark.parametrize("min_cells", [1, 3])
def test_estimates_of_large_images(stride: Any, min_cells: int, tool: Any) -> None:
    image = (torch.zeros(1, 3, 224, 448),)
    custom = {BasicBlock: count_elements}
    for model, own in (
        (torchvision.models.resnet18(), None),
        (torchvision.models.resnet18(), custom),
        (torchvision.models.segmentation.fcn_resnet50(weights_backbone=None), None),
        (torchvision.models.alexnet(), None),
        (Attentive(), None),
    ):
        options = {"custom_ops": own, "stride": stride, "min_cells": min_cells, "verbose": False}
        with quiet():
            assert ours.profile(model, image, faithful=True, **options) == tool.profile(model, image, **options)


@pytest.mark.parametrize("nums", [0, 999, 1000, 1e6 + 1, [1e9], [4133742592.0, 25557032.0], 3.2e12, -5.0, -5e7])
def test_clever_format(nums: Any, tool: Any) -> None:
    for format in ("%.2f", "%.3f"):
        assert ours.clever_format(nums, format) == tool.clever_format(nums, format)
