"""ptflops itself, with both of its backends, against our description of it and our drop-in for it."""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from holding import asked, assert_models_agree, assert_table_agrees, quiet, the_tool
from table import Call, Plus, ids, image
from torch import nn

from analyzer import analyze
from analyzer.compat import ptflops as ours
from analyzer.tools import ptflops, ptflops_aten

READ = {"pytorch": ptflops.PYTORCH, "aten": ptflops_aten.ATEN}
BACKENDS = pytest.mark.parametrize("backend", READ)


class Spread(nn.Module):
    """A model that is given its inputs in one list, by name: ptflops gives no more than one by position."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: list[torch.Tensor]) -> Any:
        return self.model(*inputs)


def theirs(backend: str) -> Any:
    return through(the_tool("ptflops").get_model_complexity_info, backend)


def mine(backend: str) -> Any:
    return through(ours.get_model_complexity_info, backend, faithful=True)


def through(info: Callable[..., Any], backend: str, **more: Any) -> Any:
    def count(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
        given = {"input_constructor": lambda _: {"inputs": list(inputs)}, "backend": backend} | more
        return info(Spread(model), (1,), as_strings=False, print_per_layer_stat=False, **given)[0]

    return count


def read(backend: str) -> Any:
    return lambda model, inputs: READ[backend].read(analyze(Spread(model), (list(inputs),)).graph).total


@BACKENDS
def test_table(backend: str) -> None:
    assert_table_agrees(theirs(backend), read(backend))


@BACKENDS
def test_models(backend: str) -> None:
    assert_models_agree(theirs(backend), read(backend))


# --- more of what torch makes of a call than the table has ------------------------------------------------------------


class Attention(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(12, 3, **options)

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return self.attention(q, k, v, need_weights=False)[0]


class Masked(nn.Module):
    """A mask that is learned: torch's kernel has no gradient for it."""

    def __init__(self) -> None:
        super().__init__()
        self.mask = nn.Parameter(torch.zeros(5, 7))

    def forward(self, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        return F.scaled_dot_product_attention(q, k, k, attn_mask=self.mask)


def on_tokens(function: Callable[..., Any], *layers: nn.Module) -> nn.Module:
    return nn.Sequential(Call(function), *layers, nn.Linear(7, 11))


_SHARED = nn.Linear(7, 7)
_TURNED, _2D = image(2, 7, 5), image(2, 3, 13, 17)
_Q, _K = image(2, 6, 5, 8), image(2, 3, 7, 8)
CASES: dict[str, tuple[nn.Module, tuple[torch.Tensor, ...]]] = {
    "shared": (nn.Sequential(Plus(_SHARED), Plus(_SHARED), _SHARED, _SHARED), (image(3, 7),)),
    "widths": (nn.MultiheadAttention(12, 3, kdim=7, vdim=18), (image(5, 2, 12), image(11, 2, 7), image(11, 2, 18))),
    "widths, batch first": (
        Attention(kdim=7, vdim=18, batch_first=True),
        (image(2, 5, 12), image(2, 11, 7), image(2, 11, 18)),
    ),
    "more keys": (
        nn.MultiheadAttention(12, 3, add_bias_kv=True, bias=False),
        (image(5, 2, 12), *(image(11, 2, 12),) * 2),
    ),
    "decoder": (nn.TransformerDecoderLayer(12, 3, 19), (image(5, 2, 12), image(7, 2, 12))),
    "norm first": (nn.TransformerEncoderLayer(12, 3, 19, activation="gelu", norm_first=True), (image(5, 2, 12),)),
    "transformer": (nn.Transformer(12, 3, 2, 2, 19), (image(5, 2, 12), image(7, 2, 12))),
    "grouped heads": (Call(lambda q, k: F.scaled_dot_product_attention(q, k, k, enable_gqa=True)), (_Q, _K)),
    "no batch": (Call(lambda q, k: F.scaled_dot_product_attention(q, k, k)), (_Q[0], _Q[0])),
    "one batch": (Call(lambda q, k: F.scaled_dot_product_attention(q, k, k)), (_Q, _Q[:1])),
    "learned mask": (Masked(), (image(2, 3, 5, 8), _K)),
    # resizing
    "factor 1.5": (Call(lambda x: F.interpolate(x, scale_factor=1.5)), (_2D,)),
    "factors": (Call(lambda x: F.interpolate(x, scale_factor=(2.0, 3.0))), (_2D,)),
    "size": (Call(lambda x: F.interpolate(x, size=7)), (_2D,)),
    "upsample": (Call(lambda x: F.upsample(x, scale_factor=2)), (_2D,)),
    "upsample_bilinear": (Call(lambda x: F.upsample_bilinear(x, scale_factor=2)), (_2D,)),
    "Upsample by 1.5": (nn.Upsample(scale_factor=1.5), (_2D,)),
    # pooling and convolutions
    "LPPool2d": (nn.LPPool2d(2, 3), (_2D,)),
    "MaxPool2d with indices": (nn.MaxPool2d(3, return_indices=True), (_2D,)),
    "Conv2d of one image": (nn.Conv2d(3, 5, 3), (image(3, 13, 17),)),
    "Conv2d circular": (nn.Conv2d(3, 5, 3, padding=1, padding_mode="circular"), (_2D,)),
    "DeformConv2d": (torchvision.ops.DeformConv2d(6, 10, 3, groups=2), (image(2, 6, 13, 17), image(2, 18, 11, 15))),
    "DeformConv2d with a mask": (
        torchvision.ops.DeformConv2d(6, 10, 3, groups=2, bias=False),
        (image(2, 6, 13, 17), image(2, 18, 11, 15), image(2, 9, 11, 15)),
    ),
    # shapes that do not stand below each other
    "torch.add": (Call(lambda x, y: torch.add(x, y)), (image(2, 5, 7), image(5, 7))),
    "x.mul": (Call(lambda x, y: x.mul(y)), (image(5, 7), image(2, 5, 7))),
    "x.add_": (Call(lambda x: x.add_(3).mul_(2)), (image(5, 7),)),
    "torch.matmul": (Call(lambda x, y: torch.matmul(x, y)), (image(5, 7), image(3, 7, 11))),
    "torch.matmul with a vector": (Call(lambda x, y: torch.matmul(x, y)), (image(5, 7), image(7))),
    "torch.baddbmm": (Call(lambda x, y, z: torch.baddbmm(x, y, z)), (image(3, 1, 11), image(3, 5, 7), image(3, 7, 11))),
    "torch.addmm": (Call(lambda x, y, z: torch.addmm(x, y, z, beta=0)), (image(11), image(5, 7), image(7, 11))),
    # a linear layer on what lies otherwise in memory
    "turned": (on_tokens(lambda x: x.transpose(1, 2)), (_TURNED,)),
    "turned, relu": (on_tokens(lambda x: x.transpose(1, 2), nn.ReLU(), nn.Dropout()), (_TURNED,)),
    "turned, sum": (on_tokens(lambda x: x.transpose(1, 2) + 1), (_TURNED,)),
    "turned, second": (on_tokens(lambda x: x.new_zeros(2, 5, 7) + x.transpose(1, 2)), (_TURNED,)),
    "turned, broadcast": (on_tokens(lambda x: x.transpose(1, 2) + x.new_zeros(1, 5, 7)), (_TURNED,)),
    "turned, norm": (on_tokens(lambda x: x.transpose(1, 2), nn.LayerNorm(7)), (_TURNED,)),
    "turned, batch norm": (on_tokens(lambda x: x.transpose(1, 2), nn.BatchNorm1d(5)), (_TURNED,)),
    "turned, softmax": (on_tokens(lambda x: x.transpose(1, 2), nn.Softmax(-1)), (_TURNED,)),
    "turned, cat": (on_tokens(lambda x: torch.cat((x.transpose(1, 2), x.transpose(1, 2)), 1)), (_TURNED,)),
    "turned, pad": (on_tokens(lambda x: F.pad(x.transpose(1, 2), (0, 0, 1, 1))), (_TURNED,)),
    "turned, one": (on_tokens(lambda x: x.transpose(1, 2)), (image(1, 7, 1),)),
    "turned, addcmul": (
        on_tokens(lambda x: torch.addcmul(x.new_zeros(7), x.new_zeros(7), x.transpose(1, 2))),
        (_TURNED,),
    ),
    "turned, pooled, turned": (
        on_tokens(lambda x: F.avg_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)),
        (image(2, 6, 10, 7),),
    ),
    "sliced": (on_tokens(lambda x: x[:, 1:]), (image(2, 6, 7),)),
    "sliced, one": (on_tokens(lambda x: x[:, 1:]), (image(1, 6, 7),)),
    "channels last": (
        nn.Sequential(
            nn.Conv2d(3, 7, 3), Call(lambda x: x.permute(0, 2, 3, 1)), nn.Linear(7, 11), nn.GELU(), nn.Linear(11, 5)
        ),
        (image(2, 3, 9, 13),),
    ),
    # recurrent
    "GRU, batch first": (nn.GRU(7, 11, 2, bidirectional=True, batch_first=True), (image(2, 5, 7),)),
    "GRU, one sequence": (nn.GRU(7, 11, 2, bidirectional=True, batch_first=True), (image(1, 5, 7),)),
    "GRU, no batch": (nn.GRU(7, 11), (image(5, 7),)),
    "GRU, no bias": (nn.GRU(7, 11, bias=False), (image(5, 2, 7),)),
    "RNN": (nn.RNN(7, 11, 2), (image(5, 2, 7),)),
    "LSTM with projections": (nn.LSTM(7, 11, 2, proj_size=5, bidirectional=True), (image(5, 2, 7),)),
    "LSTM of doubles": (nn.LSTM(7, 11).double(), (image(5, 2, 7).double(),)),
    # products in other words
    "inner": (Call(lambda x, y: torch.inner(x, y)), (image(3, 7), image(5, 7))),
    "matrix_power": (Call(lambda x: torch.linalg.matrix_power(x, 5)), (image(7, 7),)),
    "einsum of three": (
        Call(lambda a, b, c: torch.einsum("ab,bc,cd->ad", a, b, c)),
        (image(3, 5), image(5, 7), image(7, 11)),
    ),
    "einsum, nothing summed": (Call(lambda a, b: torch.einsum("a,b->ab", a, b)), (image(3), image(5))),
    "einsum with a vector": (Call(lambda a, b: torch.einsum("ab,b->a", a, b)), (image(3, 5), image(5))),
    "cov": (Call(lambda x: torch.cov(x)), (image(3, 5),)),
    "EmbeddingBag": (nn.EmbeddingBag(13, 7), (ids(2, 5),)),
}


@BACKENDS
@pytest.mark.parametrize("name", CASES)
def test_further_calls(name: str, backend: str) -> None:
    model, inputs = CASES[name]
    model.eval()
    said = asked(theirs(backend), copy.deepcopy(model), inputs)
    assert isinstance(said, int)
    assert asked(read(backend), model, inputs) == asked(mine(backend), model, inputs) == said


# --- the drop-in: numbers, parameters and what is printed -------------------------------------------------------------


# On a batch that is not known and on layers in several places, which each package words for itself.
REMARKS = ("Warning! No positional inputs", "Warning: inputs by name", "Warning: parameters of", "Warning: modules in")


def report(info: Callable[..., Any], model: nn.Module, shape: tuple[int, ...], **options: Any) -> tuple[Any, str]:
    ost = io.StringIO()
    with contextlib.redirect_stdout(ost), quiet_errors():
        got = info(model, shape, ost=ost, **options)
    return got, "".join(line for line in ost.getvalue().splitlines(keepends=True) if not line.startswith(REMARKS))


@contextlib.contextmanager
def quiet_errors() -> Any:
    with contextlib.redirect_stderr(io.StringIO()):
        yield


def assert_reports_agree(model: nn.Module, shape: tuple[int, ...], **options: Any) -> None:
    info = the_tool("ptflops").get_model_complexity_info
    expected = report(info, copy.deepcopy(model), shape, **options)
    assert report(ours.get_model_complexity_info, model, shape, **options, faithful=True) == expected


@pytest.mark.parametrize("name", ["resnet50", "vit_b_16", "swin_t", "densenet121", "googlenet", "mobilenet_v3_small"])
def test_printed_layers(name: str) -> None:
    with quiet():
        model = getattr(torchvision.models, name)()
    assert_reports_agree(model, (3, 224, 224), verbose=True)


@pytest.mark.parametrize("name", ["resnet50", "vit_b_16", "swin_t", "alexnet"])
def test_printed_operators(name: str) -> None:
    assert_reports_agree(getattr(torchvision.models, name)(), (3, 224, 224), backend="aten")


def test_printed_layers_of_timm() -> None:
    timm = pytest.importorskip("timm")
    for name in ("vit_tiny_patch16_224", "convnext_atto", "efficientnet_b0"):
        assert_reports_agree(timm.create_model(name), (3, 224, 224), verbose=True)
        assert_reports_agree(timm.create_model(name), (3, 224, 224), backend="aten")


@BACKENDS
def test_units_and_strings(backend: str) -> None:
    tool, model = the_tool("ptflops"), torchvision.models.resnet18()
    options = {"flops_units": "MMac", "param_units": "K", "output_precision": 4, "backend": backend}
    assert_reports_agree(model, (3, 200, 280), **options)
    assert_reports_agree(model, (3, 200, 280), as_strings=False, **options)
    for number in (0, 7, 999, 1000, 123456, 1234567, 10**9, 123456789012, 1234.5):
        for unit in (None, "GMac", "MMac", "KMac", "Mac", "M", "K", "B", "k"):
            assert ours.flops_to_string(number, unit, 3) == tool.flops_to_string(number, unit, 3)
            assert ours.params_to_string(number, unit, 1) == tool.params_to_string(number, unit, 1)


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(7, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.matmul(self.linear(x), x.transpose(-1, -2))


def hook(module: Any, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
    module.__flops__ += int(3 * output.numel() + args[0].numel())


def softmax(args: Any, outputs: Any) -> int:
    return 5 * args[0].numel() + outputs[0].shape[-1]


def test_options_of_the_pytorch_backend() -> None:
    model = nn.Sequential(Own(), nn.ReLU(), Own())
    for options in (
        {"custom_modules_hooks": {Own: hook}},
        {"custom_modules_hooks": {nn.ReLU: hook}, "ignore_modules": [nn.Linear]},
        {"ignore_modules": [Own, nn.ReLU]},
        {"backend_specific_config": {"count_functional": False}},
        {"input_constructor": lambda shape: torch.zeros(3, *shape)},
        {"input_constructor": lambda shape: {"input": torch.zeros(3, *shape)}},
    ):
        assert_reports_agree(model, (7, 7), verbose=True, **options)


def test_options_of_the_aten_backend() -> None:
    model = nn.Sequential(nn.Conv1d(3, 5, 3), nn.Softmax(-1), nn.Sequential(nn.Linear(7, 11), nn.Linear(11, 2)))
    aten = torch.ops.aten
    for options in (
        {"custom_modules_hooks": {aten._softmax: softmax}},
        {"custom_modules_hooks": {aten.addmm: lambda args, outputs: 7}},
        {"ignore_modules": [aten.convolution]},
        {"ignore_modules": [aten.addmm, aten.mm]},
        {"input_constructor": lambda shape: torch.zeros(3, *shape)},
    ):
        assert_reports_agree(model, (3, 9), backend="aten", **options)


@BACKENDS
def test_frozen_parameters(backend: str) -> None:
    model = nn.Sequential(nn.Linear(7, 11), nn.ReLU(), nn.BatchNorm1d(11), nn.Embedding(3, 5))[:3]
    model[0].weight.requires_grad_(False)
    assert_reports_agree(model, (7,), backend=backend)
