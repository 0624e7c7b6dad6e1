"""ultralytics-thop's drop-in. Numbers are from a pencil, or measured with ultralytics-thop 2.2.3 where it says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer import InputError, ModelError, TensorSpec
from analyzer.compat.ultralytics_thop import clever_format, profile, profile_origin


class Call(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.function(*inputs)


class Head(nn.Linear):
    """A derived layer with a softmax behind it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).softmax(-1)


class Mixer(nn.Module):
    """A layer, and a product of weights that no layer holds."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.weight = nn.Linear(7, 5), nn.Parameter(torch.zeros(5, 11))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x) @ self.weight


def macs(model: nn.Module, *inputs: Any, **options: Any) -> float:
    return profile(model, inputs, verbose=False, **options)[0]


def add_one(m: nn.Module, x: Any, y: Any) -> None:
    m.total_ops += 1


def test_readme() -> None:
    resnet50 = pytest.importorskip("torchvision.models").resnet50
    model = resnet50()
    dummy_input = torch.randn(1, 3, 224, 224)
    macs, params = profile(model, inputs=(dummy_input,))
    assert (macs, params) == (4_089_184_256 + 4 * 11_113_984 + 50 * 2048, 25_557_032)
    assert clever_format([macs, params], "%.3f") == ("4.134G", "25.557M")


def test_what_differs_from_thop_in_what_is_meant() -> None:
    image = torch.zeros(2, 3, 13, 17)
    assert macs(nn.AvgPool2d(3, 2), image) == 6 * 6 * 8 * (9 + 1)
    # windows of 3, two apart, over 13 and a padding of 1: the first has 2, the others 3, so 20 in 7; 26 in 9 of 17
    assert macs(nn.AvgPool2d(3, 2, 1, count_include_pad=False), image) == 6 * ((2 + 5 * 3 + 2) * (2 + 7 * 3 + 2) + 63)
    assert macs(nn.Upsample(scale_factor=2), image) == 0
    assert macs(nn.LogSoftmax(-1), image) == 78 * (3 * 17 - 1 + 1)
    assert macs(Call(lambda x: F.softmin(x, -1)), image) == 78 * (3 * 17 - 1 + 17)


def test_every_spelling_counts_the_same() -> None:
    x = torch.zeros(3, 7)
    products = (
        nn.Linear(7, 5), Head(7, 5), nn.Conv1d(7, 5, 1), Call(lambda x: x @ torch.zeros(7, 5)),
        Call(lambda x: torch.mm(x, torch.zeros(7, 5))), Call(lambda x: F.linear(x, torch.zeros(5, 7))),
        Call(lambda x: torch.addmm(torch.zeros(5), x, torch.zeros(7, 5))),
        Call(lambda x: torch.einsum("ik,kj->ij", x, torch.zeros(7, 5))),
    )  # fmt: skip
    found = [macs(model, x.t() if isinstance(model, nn.Conv1d) else x) for model in products]
    assert found == [105, 105 + 3 * 14, *[105] * 6]


def test_functions_count_for_derived_classes_and_all_inside_is_theirs() -> None:
    model = nn.Sequential(nn.Linear(7, 7), Head(7, 7), Mixer())
    keys = list(model.state_dict())
    assert macs(model, torch.zeros(3, 7), custom_ops={nn.Linear: add_one}) == 1 + 1 + 1 + 3 * 5 * 11
    assert macs(model, torch.zeros(3, 7), custom_ops={Mixer: add_one, Head: None}) == 147 + 1
    total, params, layers = profile(model, (3, 7), {Mixer: add_one}, verbose=False, ret_layer_info=True)
    assert (total, params, layers) == (147 + 147 + 60 + 1, 207, {
        "0": (147.0, 56.0, {}), "1": (207.0, 56.0, {}), "2": (1.0, 95.0, {}),
    })  # fmt: skip
    assert list(model.state_dict()) == keys
    assert not any("total_ops" in module.__dict__ for module in model.modules())
    assert model.training


def test_functions_see_keywords_in_the_order_of_forward() -> None:
    class Pair(nn.Module):
        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return a

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pair = Pair()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.pair(b=x, a=x[0])

    seen = []

    def count(m: nn.Module, x: Any, y: Any) -> None:
        seen.extend(tensor.shape for tensor in x)

    macs(Model(), torch.zeros(3, 7), custom_ops={Pair: count})
    assert seen == [(7,), (3, 7)]


def test_faithful_has_its_faults() -> None:
    """Measured with ultralytics-thop."""
    x = torch.zeros(3, 7)
    options: dict[str, Any] = {"verbose": False, "faithful": True}
    assert macs(Call(lambda x: torch.mm(x, torch.zeros(7, 5))), x, faithful=True) == 0
    assert macs(Call(lambda x: (x @ torch.zeros(7, 5)).softmax(-1)), x, faithful=True) == 105
    assert macs(Head(7, 5), x, faithful=True) == 105
    assert profile_origin(Mixer(), (x,), **options) == (105, 95)
    # what a function says is added to what layers inside count; products in functions inside are left out
    result = profile(Mixer(), (x,), {Mixer: add_one}, ret_layer_info=True, **options)
    assert result == (106, 95, {"linear": (105, 40, {})})


def test_a_stride_changes_nothing_but_the_estimate() -> None:
    model = nn.Sequential(nn.Conv2d(3, 5, 3, stride=2), nn.ReLU())  # without padding: 111 of 224
    image = torch.zeros(1, 3, 224, 224)
    right = 111 * 111 * 5 * 27
    assert macs(model, image) == macs(model, image, stride=32) == macs(model, image, faithful=True) == right
    assert macs(model, image, stride=32, faithful=True) == 49 * 15 * 15 * 5 * 27  # 15 of 32, measured
    assert macs(model, image, stride=32, min_cells=64, faithful=True) == right


def test_a_stride_where_costs_are_no_polynomial() -> None:
    model = nn.Sequential(nn.Conv2d(3, 5, 1), nn.Flatten(2), Call(lambda x: x.transpose(1, 2) @ x))
    image = torch.zeros(1, 3, 64, 64)
    square = 64 * 64 * 5 * (3 + 64 * 64)
    assert macs(model, image) == macs(model, image, stride=8, faithful=True) == square


def test_prints(capsys: pytest.CaptureFixture[str]) -> None:
    model = nn.Sequential(Head(7, 7), nn.GELU())
    profile(model, (3, 7), report_missing=True)
    head = f"[INFO] Register count_linear() for {Head}."
    out = capsys.readouterr().out.splitlines()
    assert out[0] == head
    assert "No rule for gelu: its 21 operations are zero Macs." in out[-2]
    profile(model, (3, 7), report_missing=True, faithful=True)
    out = capsys.readouterr().out.splitlines()
    assert out[:2] == [head, f"\033[91m[WARN] Cannot find rule for {nn.GELU}. Treat it as zero Macs."]
    profile_origin(model, (3, 7), {nn.Linear: add_one}, faithful=True)
    assert capsys.readouterr().out.splitlines()[0] == f"[INFO] Customize rule add_one() {Head}."


def test_clever_format() -> None:
    assert clever_format([1e12, 2.5e9, 2.5e6], "%.1f") == ("1.0T", "2.5G", "2.5M")
    assert clever_format(-1000) == "-1.00K"
    assert clever_format([2.5]) == "2.50B"


IMAGE = (TensorSpec((1, 3, 64, 64)),)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: profile(nn.Linear(7, 5), (3, 7), stride=4), "stride goes with one image"),
        (lambda: profile(nn.Identity(), IMAGE, stride=(4, 0)), "stride must be a positive whole number"),
        (lambda: profile(nn.Identity(), IMAGE, stride=4, min_cells=0), "min_cells must be a positive whole number"),
        (lambda: profile(nn.Identity(), IMAGE, custom_ops={nn.Linear: 3}), "custom_ops maps classes to functions"),
        (lambda: clever_format([3, "4"]), "nums is one number or several"),
        (lambda: profile(nn.Linear(7, 5), {"input": 3}), "args is a tuple of positional inputs"),
    ],
)
def test_wrong_calls_are_one_sentence(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        call()


def test_a_function_that_fails_leaves_the_model_as_it_was() -> None:
    def fails(m: nn.Module, x: Any, y: Any) -> None:
        m.seen = True
        raise KeyError("no")

    model = nn.Sequential(nn.Linear(7, 7))
    with pytest.raises(ModelError, match="fails, called for 0, raised KeyError"):
        macs(model, torch.zeros(3, 7), custom_ops={nn.Linear: fails})
    assert "seen" not in model[0].__dict__
    assert "total_ops" not in model[0].__dict__
