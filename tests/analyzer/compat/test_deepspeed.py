"""The drop-in for DeepSpeed's flops profiler: its scripts, right numbers, and DeepSpeed's own where asked for."""

from __future__ import annotations

import contextlib
import copy
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from analyzer import InputError, ModelError, TensorSpec
from analyzer.compat.deepspeed import FlopsProfiler, get_model_profile

NUMBERS: dict[str, Any] = {"print_profile": False, "as_string": False}


class Net(nn.Module):
    """Operators and methods, an einsum, and two layers of one class."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(7, 11), nn.Linear(11, 7, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.second(self.first(x).relu())  # (5, 7)
        return torch.einsum("ij,kj->ik", x, x)


LINEAR, EINSUM = 2 * 5 * 7 * 11, 5 * 5 * 7
PARAMS = 7 * 11 + 11 + 77


def test_every_product_counts_by_default() -> None:
    flops = 2 * (LINEAR + EINSUM) + 5 * 11 + 5 * 7  # relu and +
    assert get_model_profile(Net(), (5, 7), **NUMBERS) == (flops, LINEAR + EINSUM, PARAMS)


def test_faithful() -> None:
    """Measured with DeepSpeed 0.19.8: einsum is 351 FLOPs and no MACs; neither the method relu nor + is seen."""
    assert get_model_profile(Net(), (5, 7), faithful=True, **NUMBERS) == (2 * LINEAR + 351, LINEAR, PARAMS)


def test_the_script_of_the_tutorial(capsys: pytest.CaptureFixture[str]) -> None:
    models = pytest.importorskip("torchvision").models
    model = models.alexnet()
    batch_size = 256
    flops, macs, params = get_model_profile(
        model=model,
        input_shape=(batch_size, 3, 224, 224),
        args=None or [],
        kwargs=None,
        print_profile=True,
        detailed=True,
        module_depth=-1,
        top_modules=1,
        warm_up=10,
        as_string=True,
        output_file=None,
        ignore_modules=None,
    )
    # The tutorial says 61.1 M, 183.18 GMACs with biases in them; 256 · 714,188,480 are
    assert (flops, macs, params) == ("366.01 G", "182.83 GMACs", "61.1 M")
    lines = capsys.readouterr().out.splitlines()
    assert "Profile Summary at step 10:" in lines
    assert "params of model = params per GPU * mp_size: ".ljust(72) + "61.1 M  " in lines
    assert "fwd latency: ".ljust(72) + "unmeasured" in lines
    assert "    MACs        - {'AlexNet': '182.83 GMACs'}" in lines
    assert (
        "    (1): Linear(37.75 M = 61.79% Params, 9.66 GMACs = 5.29% MACs, unmeasured latency, unmeasured FLOPS, "
        "in_features=9216, out_features=4096, bias=True)"
    ) in lines


def test_a_report_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "report.txt"
    assert get_model_profile(Net(), (5, 7), detailed=False, output_file=str(path)) == ("1.98 K", "945 MACs", "165")
    assert capsys.readouterr().out == ""
    assert "Detailed Profile" not in path.read_text()
    assert path.read_text().endswith("-\n")


def test_ignored_modules() -> None:
    model = nn.Sequential(nn.Linear(7, 5), nn.GRU(5, 11))
    whole, without = (get_model_profile(model, (2, 3, 7), ignore_modules=each, **NUMBERS) for each in (None, [nn.GRU]))
    assert whole[1] == 2 * 3 * 7 * 5 + 2 * 3 * 33 * (5 + 11)
    assert without[:2] == (420, 210)


def test_a_training_script_with_a_profiler(capsys: pytest.CaptureFixture[str]) -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    prof = FlopsProfiler(model)
    profile_step = 1
    for step in range(3):
        if step == profile_step:
            prof.start_profile()
        loss = model(torch.randn(5, 7)).sum()
        if step == profile_step:
            assert prof.get_total_flops(as_string=True) == "1.98 K"
            assert prof.get_total_params(as_string=True) == "165"
            prof.print_model_profile(profile_step=profile_step)
            prof.end_profile()
        loss.backward()
        optimizer.step()
    assert (prof.flops, prof.macs, prof.params) == (2 * 945 + 90, 945, 165)
    assert "Profile Summary at step 1:" in capsys.readouterr().out


def test_a_profiler_without_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    model = Net().to("meta")
    prof = FlopsProfiler(model)
    prof.start_profile()
    assert (prof.get_total_flops(), prof.get_total_params()) == (0, PARAMS)
    prof.profile(TensorSpec((5, 7)))
    prof.profile(x=TensorSpec((5, 7)))
    assert prof.get_total_macs(as_string=True) == "1.89 KMACs"
    assert math.isnan(prof.get_total_duration())
    assert prof.get_total_duration(as_string=True) == "unmeasured"
    prof.print_model_aggregated_profile(module_depth=1, top_modules=2)
    assert "    params      - {'Net': '165'}" in capsys.readouterr().out.splitlines()
    prof.reset_profile()
    assert prof.get_total_flops() == 0
    prof.end_profile()
    with pytest.raises(InputError, match="start_profile"):
        prof.get_total_flops()
    prof.print_model_profile()
    assert capsys.readouterr().out == ""


def test_an_engine_says_its_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    engine = SimpleNamespace(world_size=6, dp_world_size=3, mp_world_size=2, train_micro_batch_size_per_gpu=lambda: 5)
    prof = FlopsProfiler(Net(), ds_engine=engine)
    prof.start_profile()
    prof.profile(TensorSpec((5, 7)))
    prof.print_model_profile(detailed=False)
    prof.end_profile()
    lines = capsys.readouterr().out.splitlines()
    assert "params of model = params per GPU * mp_size: ".ljust(72) + "330     " in lines
    assert "fwd flops of model = fwd flops per GPU * mp_size: ".ljust(72) + "3.96 K  " in lines
    assert "batch size per GPU: ".ljust(72) + "5       " in lines


class Failing(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        super().forward(x)
        raise ValueError("no")


@pytest.mark.parametrize("model", [Net(), Failing(), nn.Sequential(nn.BatchNorm1d(7), nn.Dropout())])
def test_the_model_is_left_alone(model: nn.Module) -> None:
    model.train()
    before = [copy.copy(vars(module)) for module in model.modules()]
    inside = [{key: dict(value) for key, value in each.items() if isinstance(value, dict)} for each in before]
    prof = FlopsProfiler(model)
    prof.start_profile()
    prof.profile(TensorSpec((5, 7)))
    for use in (prof.print_model_profile, lambda: get_model_profile(model, (5, 7))):
        with contextlib.suppress(ModelError):
            use()
    prof.end_profile()
    after = [vars(module) for module in model.modules()]
    assert after == before
    assert [{key: dict(value) for key, value in each.items() if isinstance(value, dict)} for each in after] == inside


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"input_shape": 7},
        {"input_shape": (1, 7), "mode": "train"},
        {"input_shape": (1, 7), "ignore_modules": nn.Linear},
        {"input_shape": (1, 7), "module_depth": "all"},
        {"input_shape": (1, 7), "output_file": __file__ + "/below_a_file"},
    ],
)
def test_wrong_calls(arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        get_model_profile(nn.Linear(7, 5), **arguments)


def test_what_is_no_model() -> None:
    for make in (get_model_profile, FlopsProfiler):
        with pytest.raises(InputError, match=r"nn\.Module"):
            make(torch.relu)  # type: ignore[operator]
