"""skeleton(): models of any size without weights, as their constructors write them."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from analyzer import AnalyzerError, DataDependentError, ModelError, analyze, skeleton

META = torch.device("meta")


def on_meta(model):
    return {parameter.device for parameter in model.parameters()} == {META}


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(1000, 70)
        self.head = nn.Linear(70, 1000, bias=False)
        self.head.weight = self.embed.weight
        self.again = nn.Parameter(torch.zeros(3))
        self.register_parameter("alias", self.again)


class Computes(nn.Module):
    """Schedules by .tolist() and .item(), tables by arange, small buffers, in-place initialization, numpy."""

    def __init__(self, depth=5):
        super().__init__()
        rates = [rate.item() for rate in torch.linspace(0, 0.2, depth)]
        widths = (torch.arange(depth) * 8 + 8).tolist()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.rates = rates
        self.register_buffer(
            "index", torch.stack(torch.meshgrid(torch.arange(3), torch.arange(2), indexing="ij")).flatten(1)
        )
        self.register_buffer("frequencies", 1.0 / 10_000 ** (torch.arange(0, 8, 2).float() / 8), persistent=False)
        self.scale = nn.Parameter(torch.ones(depth) * torch.tensor(rates))
        for layer in self.layers:
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
            with torch.no_grad():
                layer.weight.mul_(2).clamp_(-1, 1)
                layer.bias.data.fill_(1)
        if int(self.index.max()) != 2:
            raise ValueError("small tensors must be right")


def test_a_factory_and_a_block_give_the_same():
    by_call = skeleton(Tied)
    with skeleton():
        by_block = Tied()
    assert on_meta(by_call)
    assert on_meta(by_block)
    assert [p.shape for p in by_call.parameters()] == [p.shape for p in by_block.parameters()]
    assert [p.shape for p in by_call.parameters()] == [p.shape for p in Tied().parameters()]


def test_tied_weights_stay_tied():
    model = skeleton(Tied)
    assert model.head.weight is model.embed.weight
    assert model.alias is model.again
    assert sum(p.numel() for p in model.parameters()) == 70_003


def test_constructors_compute_with_small_tensors():
    model, real = skeleton(Computes), Computes()
    assert on_meta(model)
    assert model.rates == real.rates
    assert [layer.in_features for layer in model.layers] == [8, 16, 24, 32]
    torch.testing.assert_close(model.index, real.index)
    torch.testing.assert_close(model.frequencies, real.frequencies)


def test_large_tensors_are_on_meta_and_cost_nothing():
    class Large(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mask", torch.full((10**6, 10**6), float("-inf")).triu(1))
            self.table = nn.Parameter(torch.randn(10**6, 10**6) * 0.02)
            self.norm = nn.Linear(10**6, 10**6)
            nn.init.orthogonal_(torch.empty(30, 30))
            nn.init.kaiming_uniform_(self.norm.weight)

    model = skeleton(Large)
    assert model.mask.device == META
    assert model.mask.shape == (10**6, 10**6)
    assert on_meta(model)


def test_a_dtype_and_a_device_are_kept_or_meta():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.half = nn.Linear(7, 5, dtype=torch.bfloat16)
            self.frozen = nn.Parameter(torch.zeros(3), requires_grad=False)

    model = skeleton(Mixed)
    assert model.__dict__["_modules"]["half"].weight.dtype is torch.bfloat16
    assert not model.frozen.requires_grad


def test_a_subclass_of_parameter_keeps_what_hangs_on_it():
    class Marked(nn.Module):
        def __init__(self):
            super().__init__()
            weight = nn.Parameter(torch.zeros(7, 5))
            weight.no_decay = True
            self.weight = weight

    assert skeleton(Marked).weight.no_decay


@pytest.mark.parametrize(
    "name", ["regnet_y_400mf", "swin_t", "convnext_tiny", "mvit_v2_s", "inception_v3", "googlenet", "vit_b_32"]
)
def test_torchvision_models(name):
    torchvision = pytest.importorskip("torchvision")
    model = skeleton(torchvision.models.get_model, name)
    assert on_meta(model)
    with torch.device("meta"):
        try:
            want = torchvision.models.get_model(name)
        except (NotImplementedError, RuntimeError):  # regnets read values in their constructor
            return
    assert {k: v.shape for k, v in model.state_dict().items()} == {k: v.shape for k, v in want.state_dict().items()}


@pytest.mark.parametrize(
    "wrap",
    [parametrizations.weight_norm, parametrizations.spectral_norm, nn.utils.weight_norm, nn.utils.spectral_norm],
    ids=["weight_norm", "spectral_norm", "weight_norm hooks", "spectral_norm hooks"],
)
def test_reparametrized_layers(wrap):
    model = skeleton(lambda: wrap(nn.Linear(700, 500)))
    assert analyze(model, (3, 700), training=False).total("macs") >= 3 * 700 * 500


def test_lazy_layers_stay_lazy():
    model = skeleton(lambda: nn.Sequential(nn.LazyLinear(5), nn.Linear(5, 3)))
    assert model[0].has_uninitialized_params()
    assert analyze(model, (3, 7)).params == 40 + 18


def test_reading_a_large_tensor_is_one_clear_error():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            weight = torch.randn(1000, 1000)
            self.norm = weight.norm().item()

    with pytest.raises(DataDependentError, match="reads values of a large tensor") as caught:
        skeleton(Reads)
    assert "outside skeleton()" in caught.value.hint
    assert caught.value.source is not None
    assert caught.value.source.text == "self.norm = weight.norm().item()"


def test_a_branch_on_a_weight_is_one_clear_error():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(7, 5)
            if self.fc.weight.sum() > 0:
                self.fc = None

    with pytest.raises(AnalyzerError):
        skeleton(Reads)


def test_an_error_of_the_constructor_names_its_line():
    class Raises(nn.Module):
        def __init__(self, width):
            super().__init__()
            raise ValueError(f"no model of width {width}")

    with pytest.raises(ModelError, match="Raises raised ValueError: no model of width 7") as caught:
        skeleton(Raises, width=7)
    assert caught.value.source.text == 'raise ValueError(f"no model of width {width}")'
    assert isinstance(caught.value.__cause__, ValueError)


def test_everything_is_as_before_after_success_and_after_an_error():
    state, drawn = torch.get_rng_state(), random.getstate()
    skeleton(Computes)
    with pytest.raises(ModelError):
        skeleton(lambda: nn.Linear("seven", 5))
    assert torch.equal(torch.get_rng_state(), state)
    assert random.getstate() == drawn
    assert nn.Linear(7, 5).weight.device.type == "cpu"
    assert torch.zeros(100_000).device.type == "cpu"
    assert not nn.modules.module._global_parameter_registration_hooks
    assert not nn.modules.module._global_buffer_registration_hooks


def test_an_index_of_pairs_is_made_of_larger_tables():
    class Window(nn.Module):
        def __init__(self):
            super().__init__()
            places = torch.arange(14 * 14)
            pairs = places[None] - places[:, None] + torch.zeros(2, 196, 196, dtype=torch.int64)  # 76,832 elements
            index = torch.zeros(197, 197, dtype=torch.int64)
            index[1:, 1:] = pairs.sum(0)
            self.register_buffer("index", index)

    window = skeleton(Window)
    assert window.index[1, 196].item() == 2 * 195
    assert window.index[0].tolist() == [0] * 197


@pytest.mark.parametrize(("python", "dtype"), [(bool, torch.bool), (int, torch.int64), (float, torch.float64)])
def test_types_of_pythons_are_dtypes_too(python, dtype):
    def table(asked):
        layer = nn.Module()
        layer.register_buffer("table", torch.ones((700, 900), dtype=asked))
        return layer

    made, same = skeleton(table, python).table, skeleton(table, dtype).table
    assert (made.dtype, made.device) == (same.dtype, same.device) == (dtype, same.device)


def test_a_buffer_filled_from_a_tensor_without_values_has_none_either():
    class Table(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3))
            self.register_buffer("copied", torch.empty(3, 5))
            self.register_buffer("part", torch.empty(3, 5))
            self.copied.copy_(torch.rand(3, 5, device=self.scale.device))
            self.part[1:] = torch.rand(2, 5, device=self.scale.device)

    table = skeleton(Table)
    assert {name: (tuple(b.shape), b.device.type) for name, b in table.named_buffers()} == {
        "copied": ((3, 5), "meta"),
        "part": ((3, 5), "meta"),
    }


def test_threads_that_build_do_not_disturb_each_other():
    def build(width):
        return [skeleton(nn.Linear, width, width).weight.device.type for _ in range(30)]

    with ThreadPoolExecutor(8) as pool:
        assert {kind for kinds in pool.map(build, range(1, 40)) for kind in kinds} == {"meta"}
    assert not nn.modules.module._global_parameter_registration_hooks


def test_blocks_nest():
    with skeleton():
        with skeleton():
            inner = nn.Linear(7, 5)
        outer = nn.Linear(7, 5)
    assert inner.weight.device == outer.weight.device == META
    assert nn.Linear(7, 5).weight.device.type == "cpu"


def test_other_threads_are_not_concerned():
    seen = {}

    def other():
        seen["weight"] = nn.Linear(7, 5).weight.device.type
        seen["tensor"] = torch.zeros(100_000).device.type

    with skeleton():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert seen == {"weight": "cpu", "tensor": "cpu"}


def test_a_real_model_moved_or_loaded_inside_is_not_emptied():
    real = nn.Linear(300, 300)
    want = real.weight.detach().clone()
    with skeleton():
        holder = nn.Sequential(nn.Linear(7, 7))
        real.weight.detach().sum()
    torch.testing.assert_close(real.weight.detach(), want)
    assert on_meta(holder)


def test_a_state_dict_can_be_assigned_afterwards():
    model, real = skeleton(Computes), Computes()
    model.load_state_dict(real.state_dict(), assign=True)
    assert {p.device.type for p in model.parameters()} == {"cpu"}
