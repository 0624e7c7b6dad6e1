"""thop's drop-in. Numbers are from a pencil, or measured with thop 0.1.1.post2209072238 where it says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer import Convention, InputError, ModelError, TensorSpec, analyze
from analyzer.compat import thop
from analyzer.compat.thop import clever_format, profile, profile_origin
from analyzer.tools import TOOLS


class Call(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.function(*inputs)


class Block(nn.Module):
    """A residual block with a block inside."""

    def __init__(self, inner: nn.Module | None = None) -> None:
        super().__init__()
        self.linear, self.inner = nn.Linear(7, 7), inner or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.inner(self.linear(x))


def state(model: nn.Module) -> list[Any]:
    """Whatever can be seen of a model."""
    found: list[Any] = [list(model.state_dict())]
    for name, module in model.named_modules():
        own = {key: dict(value) if isinstance(value, dict) else value for key, value in module.__dict__.items()}
        found.append((name, module.training, {key: repr(value) for key, value in own.items()}))
    return found


def macs(model: nn.Module, *inputs: Any, **options: Any) -> float:
    return profile(model, inputs, verbose=False, **options)[0]


# --- scripts as they stand in READMEs and articles --------------------------------------------------------------------


def test_readme() -> None:
    resnet50 = pytest.importorskip("torchvision.models").resnet50
    model = resnet50()
    input = torch.randn(1, 3, 224, 224)
    macs, params = profile(model, inputs=(input,))
    # products, 4 an element of the 11,113,984 that are normalized, and 49 + 1 for each of 2048 pooled
    assert (macs, params) == (4_089_184_256 + 4 * 11_113_984 + 50 * 2048, 25_557_032)
    assert type(macs) is type(params) is float
    assert clever_format([macs, params], "%.3f") == ("4.134G", "25.557M")


def test_calls_of_old_articles() -> None:
    class YourModule(nn.Module):
        pass

    def count_your_model(model: nn.Module, x: Any, y: Any) -> None:
        raise AssertionError("there is no such layer")

    model = pytest.importorskip("torchvision.models").resnet50()
    flops, params = profile(model, input_size=(2, 3, 200, 280))
    assert (flops, params) == (9_696_224_256, 25_557_032)  # thop says the same
    custom = profile(model, input_size=(2, 3, 200, 280), custom_ops={YourModule: count_your_model})
    assert custom == (flops, params)


def test_a_function_for_a_layer_of_ones_own() -> None:
    seen = []

    def count_your_model(model: nn.Module, x: Any, y: Any) -> None:
        x = x[0]
        seen.append((type(model), x.shape, y.shape, x.is_meta, model.training))
        model.total_ops += torch.Tensor([int(x.size(0) * y.nelement())])

    model = nn.Sequential(nn.Linear(7, 7), Block())
    before = state(model)
    assert profile(model, input_size=(3, 7), custom_ops={Block: count_your_model}) == (3 * 49 + 3 * 21, 2 * 56)
    assert seen == [(Block, (3, 7), (3, 7), True, False)]
    assert state(model) == before


def test_inputs_of_every_kind() -> None:
    layer = nn.Linear(7, 5)
    for inputs in ((torch.zeros(3, 7),), [TensorSpec((3, 7))], (3, 7)):
        assert profile(layer, inputs, verbose=False) == (105, 40)
    pair = Call(torch.matmul)
    assert profile(pair, inputs=(torch.zeros(3, 7), torch.zeros(7, 5)), verbose=False) == (105, 0)


# --- what is right ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "layers"),
    [
        (2 * 5 * 11 * 15 * 27, (nn.Conv2d(3, 5, 3), lambda x: F.conv2d(x, torch.zeros(5, 3, 3, 3)))),
        (2 * 3 * 13 * 17 * 5 * 9, (nn.ConvTranspose2d(3, 5, 3, stride=2),)),
        (4 * 1326, (nn.BatchNorm2d(3), nn.GroupNorm(3, 3), nn.InstanceNorm2d(3, affine=True))),
        (2 * 1326, (nn.InstanceNorm2d(3), lambda x: F.layer_norm(x, (17,)), lambda x: F.rms_norm(x, (17,)))),
        (1326, (nn.PReLU(), lambda x: F.prelu(x, torch.zeros(1)))),
        (78 * (3 * 17 - 1), (nn.Softmax(-1), lambda x: F.softmax(x, -1), lambda x: x.softmax(-1), nn.LogSoftmax(-1))),
        (6 * 6 * 8, (nn.AvgPool2d(3, 2), lambda x: F.avg_pool2d(x, 3, 2))),
        (6 * (221 + 1), (nn.AdaptiveAvgPool2d(1), lambda x: F.adaptive_avg_pool2d(x, 1))),
        # 13 in 5 windows are 17 elements in all, 17 in 5 are 21
        (6 * (17 * 21 + 25), (nn.AdaptiveAvgPool2d(5), lambda x: F.interpolate(x, size=(5, 5), mode="area"))),
        (6 * 26 * 34, (nn.Upsample(scale_factor=2), lambda x: F.interpolate(x, scale_factor=2, mode="nearest-exact"))),
        (11 * 6 * 26 * 34, (nn.UpsamplingBilinear2d(scale_factor=2),)),
        (0, (nn.ReLU(), nn.GELU(), nn.MaxPool2d(2), nn.Dropout(), lambda x: x + x, lambda x: x.mean((2, 3)))),
    ],
)
def test_every_spelling_counts_the_same(count: int, layers: tuple[Any, ...]) -> None:
    for layer in layers:
        assert macs(layer if isinstance(layer, nn.Module) else Call(layer), torch.zeros(2, 3, 13, 17)) == count


def test_attention_counts_the_same_fused_and_by_hand() -> None:
    inputs = torch.zeros(2, 3, 5, 8), torch.zeros(2, 3, 7, 8), torch.zeros(2, 3, 7, 11)
    by_hand = Call(lambda q, k, v: (q @ k.transpose(-2, -1) / 8**0.5).softmax(-1) @ v)
    right = 6 * 5 * 7 * (8 + 11) + 30 * (3 * 7 - 1)
    assert macs(by_hand, *inputs) == macs(Call(F.scaled_dot_product_attention), *inputs) == right


def test_recurrent_layers_count_gates() -> None:
    step = 4 * 11 * (7 + 11 + 1 + 2) + 4 * 11  # both products, their sum, two biases; f·c, i·g, their sum, o·tanh
    assert macs(nn.LSTM(7, 11), torch.zeros(5, 2, 7)) == 10 * step
    assert macs(nn.LSTMCell(7, 11), torch.zeros(2, 7)) == 2 * step
    assert macs(nn.GRU(7, 11), torch.zeros(5, 2, 7)) == 10 * (3 * 11 * 21 + 4 * 11)
    assert macs(nn.RNN(7, 11, bias=False), torch.zeros(5, 2, 7)) == 10 * 11 * 19


def test_shared_layers_and_parameters_are_counted_once_a_call() -> None:
    layer = nn.Linear(7, 7)
    model = nn.Sequential(nn.Sequential(layer), nn.Sequential(layer), nn.Linear(7, 7))
    assert profile(model, (torch.zeros(3, 7),), verbose=False) == (3 * 3 * 49, 2 * 56)


def test_evaluation_whatever_the_mode() -> None:
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)).train()
    model[1].eval()
    before = state(model)
    assert macs(model, torch.zeros(2, 3, 13, 17)) == 1650 * (27 + 4)
    assert state(model) == before


def test_layers() -> None:
    model = nn.Sequential(Block(Block()), nn.Softmax(-1))
    total, params, layers = profile(model, input_size=(3, 7), verbose=False, ret_layer_info=True)
    inner = {"linear": (147.0, 56.0, {}), "inner": (0.0, 0.0, {})}
    outer = {"linear": (147.0, 56.0, {}), "inner": (147.0, 56.0, inner)}
    assert (total, params) == (294 + 60, 112)
    assert layers == {"0": (294.0, 112.0, outer), "1": (60.0, 0.0, {})}


def test_a_convention_for_analyses_too() -> None:
    right: Convention = TOOLS["thop"].right
    assert analyze(nn.LayerNorm(7).eval(), (3, 7)).total(right) == 84


# --- functions of the user's own --------------------------------------------------------------------------------------


def add_one(m: nn.Module, x: Any, y: Any) -> None:
    m.total_ops += torch.DoubleTensor([1])


def set_one(m: nn.Module, x: Any, y: Any) -> None:
    m.total_ops = torch.Tensor([1])
    m.total_params = torch.Tensor([1000])
    m.my_own = True
    m.linear.my_own = True
    m.linear.weight = None


@pytest.mark.parametrize("count", [add_one, set_one])
def test_the_outermost_layer_counts_once_a_call_and_all_inside_is_its(count: Any) -> None:
    block = Block(Block())
    model = nn.Sequential(block, nn.Linear(7, 7), block)
    before = state(model)
    result = profile(model, input_size=(3, 7), custom_ops={Block: count}, verbose=False, ret_layer_info=True)
    assert result == (1 + 147 + 1, 3 * 56, {"0": (2.0, 112.0, {}), "1": (147.0, 56.0, {})})
    assert state(model) == before


def test_what_a_function_is_shown_has_the_structure_that_the_layer_saw() -> None:
    class Odd(nn.Module):
        def forward(self, pair: Any, *, scale: int) -> Any:
            return {"sum": pair[0] + pair[1]}

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.odd = Odd()

        def forward(self, x: torch.Tensor) -> Any:
            return self.odd((x, x), scale=2)["sum"]

    seen = []

    def count(m: nn.Module, x: Any, y: Any) -> None:
        seen.append((len(x), len(x[0]), tuple(y["sum"].shape)))

    assert macs(Model(), torch.zeros(3, 7), custom_ops={Odd: count}) == 0
    assert seen == [(1, 2, (3, 7))]


def test_thops_own_functions_are_there() -> None:
    class Own(nn.ConvTranspose2d):
        pass

    model = Own(3, 5, 3)
    assert macs(model, torch.zeros(2, 3, 13, 17)) == 6 * 221 * 45
    own = {Own: thop.count_convNd}  # counts on the output, as in thop
    assert macs(model, torch.zeros(2, 3, 13, 17), custom_ops=own) == 2 * 5 * 15 * 19 * 27
    assert macs(model, torch.zeros(2, 3, 13, 17), custom_ops={Own: thop.zero_ops}) == 0
    assert macs(model, torch.zeros(2, 3, 13, 17), custom_ops={Own: None}) == 0


def test_functions_put_into_the_table_of_hooks_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(thop.register_hooks, Block, add_one)
    assert macs(Block(), torch.zeros(3, 7)) == 1
    assert macs(Block(), torch.zeros(3, 7), custom_ops={Block: thop.zero_ops}) == 0


@pytest.mark.parametrize("faithful", [False, True])
def test_a_function_that_fails_leaves_the_model_as_it_was(faithful: bool) -> None:
    def asks(m: nn.Module, x: Any, y: Any) -> None:
        m.seen = True
        m.total_ops += int((y > 0).sum())

    def leaves_none(m: nn.Module, x: Any, y: Any) -> None:
        m.total_ops = y.sum()

    model = nn.Sequential(Block().eval(), nn.Linear(7, 7)).train()
    before = state(model)
    for function, words in ((asks, "asks, called for 0, raised"), (leaves_none, "leaves no number")):
        with pytest.raises(ModelError, match=words):
            macs(model, torch.zeros(3, 7), custom_ops={Block: function}, faithful=faithful)
        assert state(model) == before


# --- what thop prints -------------------------------------------------------------------------------------------------


def test_faithful_has_thops_faults() -> None:
    """Measured with thop."""
    image = torch.zeros(2, 3, 13, 17)
    assert macs(nn.ConvTranspose2d(3, 5, 3, stride=2), image, faithful=True) == 255150
    assert macs(nn.Conv2d(3, 5, 3), torch.zeros(3, 13, 17), faithful=True) == 96525  # the height taken for channels
    assert macs(nn.AdaptiveAvgPool2d(5), image, faithful=True) == 1476
    assert macs(Call(lambda x: F.conv2d(x, torch.zeros(5, 3, 3, 3))), image, faithful=True) == 0
    assert macs(type("Own", (nn.Conv2d,), {})(3, 5, 3), image, faithful=True) == 0
    assert profile(nn.Linear(7, 5), (torch.zeros(3, 7),), verbose=False, faithful=True) == (105, 0)
    layer = nn.Linear(7, 7)
    shared = nn.Sequential(nn.Sequential(layer), nn.Sequential(layer), nn.GroupNorm(1, 7))
    assert profile(shared, (torch.zeros(3, 7),), verbose=False, faithful=True) == (8 * 147, 112)
    assert profile_origin(shared, (torch.zeros(3, 7),), verbose=False, faithful=True) == (4 * 147, 56 + 14)


def test_faithful_layers_and_functions() -> None:
    """Measured with thop."""
    model = nn.Sequential(Block(Block()), nn.Linear(7, 7), Block())
    options: dict[str, Any] = {"verbose": False, "ret_layer_info": True, "faithful": True}
    result = profile(model, input_size=(3, 7), custom_ops={Block: add_one}, **options)
    assert result == (149, 224, {"0": (1, 112, {}), "1": (147, 56, {}), "2": (1, 56, {})})
    total, params, layers = profile(model, input_size=(3, 7), **options)
    assert (total, params, layers["2"]) == (588, 224, (147, 56, {"linear": (147, 56, {}), "inner": (0, 0, {})}))


def test_prints(capsys: pytest.CaptureFixture[str]) -> None:
    model = nn.Sequential(nn.Linear(7, 7), Block(), nn.GELU(), nn.Linear(7, 7))
    lines = [
        "[INFO] Register count_linear() for <class 'torch.nn.modules.linear.Linear'>.",
        f"[INFO] Customize rule add_one() {Block}.",
        "[INFO] Register zero_ops() for <class 'torch.nn.modules.container.Sequential'>.",
    ]
    profile(model, input_size=(3, 7), custom_ops={Block: add_one})
    assert capsys.readouterr().out.splitlines() == lines
    profile(model, input_size=(3, 7), custom_ops={Block: add_one}, report_missing=True)
    out = capsys.readouterr().out
    assert "\033[91m[WARN] No rule for gelu: its 21 operations are zero Macs.\n\033[00m" in out
    assert "identity" not in out
    assert "No rule for add" not in out
    profile(model, input_size=(3, 7), report_missing=True, faithful=True)
    out = capsys.readouterr().out
    assert f"[WARN] Cannot find rule for {nn.GELU}. Treat it as zero Macs and zero Params." in out
    assert macs(model, torch.zeros(3, 7))
    assert not capsys.readouterr().out


def test_clever_format() -> None:
    assert clever_format([1e12 + 1, 2.5e9, 2.5e6], "%.1f") == ("1.0T", "2.5G", "2.5M")
    assert clever_format(1000) == "1000.00B"
    assert clever_format([2500]) == "2.50K"


# --- wrong calls ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: profile(nn.Linear(7, 5)), "takes inputs or input_size, and got neither"),
        (lambda: profile(nn.Linear(7, 5), (3, 7), input_size=(3, 7)), "got both"),
        (lambda: profile(lambda x: x, (3, 7)), "takes an nn.Module"),
        (lambda: profile(nn.Linear(7, 5), (3, 7), [nn.Linear]), "custom_ops maps classes to functions"),
        (lambda: profile(nn.Linear(7, 5), (3, 7), {"Linear": add_one}), "custom_ops maps classes to functions"),
        (lambda: clever_format(None), "nums is one number or several"),
        (lambda: profile(nn.Linear(7, 5), input_size=5), "a shape is a tuple of sizes"),
        (lambda: profile(nn.Linear(7, 5), (torch.zeros(3, 7), 1, 2)), "these inputs are no call of Linear"),
    ],
)
def test_wrong_calls_are_one_sentence(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        call()


def test_bounds_are_told() -> None:
    with pytest.warns(UserWarning, match="upper bounds"):
        assert macs(Call(lambda x: x[x > 0].unsqueeze(0).softmax(-1)), torch.zeros(3, 7)) == 62
