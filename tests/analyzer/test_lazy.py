"""Lazy modules: shapes are inferred for the analysis; the user's model stays lazy."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from analyzer import analyze

LAYERS = [
    (lambda: nn.LazyLinear(5), (3, 7), 40, 3 * 5 * 7),
    (lambda: nn.LazyLinear(5, bias=False), (2, 3, 7), 35, 6 * 35),
    (lambda: nn.LazyConv1d(5, 3), (2, 3, 11), 50, 2 * 9 * 5 * 9),
    (lambda: nn.LazyConv2d(5, 3, padding=1), (2, 3, 7, 11), 140, 2 * 77 * 5 * 27),
    (lambda: nn.LazyConv3d(2, 3), (1, 3, 5, 5, 5), 164, 27 * 2 * 81),
    (lambda: nn.LazyConvTranspose2d(5, 3), (2, 3, 7, 11), 140, 2 * 77 * 3 * 5 * 9),
    (lambda: nn.LazyBatchNorm1d(), (7, 5), 10, 0),
    (lambda: nn.LazyBatchNorm2d(), (2, 5, 3, 3), 10, 0),
    (lambda: nn.LazyInstanceNorm2d(affine=True), (2, 5, 3, 3), 10, 0),
]


@pytest.mark.parametrize(("make", "shape", "params", "macs"), LAYERS, ids=[type(row[0]()).__name__ for row in LAYERS])
def test_a_lazy_layer(make, shape, params, macs, described):
    layer, x = make(), torch.zeros(shape)
    analysis = analyze(layer, x)
    assert analysis.params == params
    assert analysis.total("macs") == macs
    assert all(isinstance(p, UninitializedParameter) for p in layer.parameters())
    assert type(layer).__name__.startswith("Lazy")
    assert described(analysis.outputs) == described(make()(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.LazyConv2d(5, 3)
        self.norm = nn.LazyBatchNorm2d()
        self.head = nn.LazyLinear(2)

    def forward(self, x):
        return self.head(self.norm(self.conv(x)).flatten(1))


def test_lazy_layers_in_a_model():
    model = Net().eval()
    analysis = analyze(model, (2, 3, 7, 11))
    conv, norm, head = 5 * 27 + 5, 10, 2 * 5 * 45 + 2
    assert analysis.params == conv + norm + head
    assert analysis.graph.parameters["head.weight"].spec.shape == (2, 225)
    assert analysis.outputs.shape == (2, 2)
    assert model.conv.has_uninitialized_params()
    assert model.head.in_features == 0


def test_another_input_gives_another_inference():
    model = Net().eval()
    assert analyze(model, (2, 3, 7, 11)).params != analyze(model, (2, 7, 7, 11)).params


def test_the_hook_of_a_lazy_module_is_no_hook_and_others_are():
    model = nn.LazyLinear(5)
    assert [node.op for node in analyze(model, (3, 7)).graph] == ["input", "linear", "output"]
    model.register_forward_hook(lambda module, args, out: out * 2)
    assert [node.op for node in analyze(model, (3, 7)).graph] == ["input", "linear", "mul", "output"]


def test_a_lazy_module_called_twice_keeps_its_first_shape():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.LazyLinear(7)

        def forward(self, x):
            return self.fc(self.fc(x))

    analysis = analyze(Twice(), (3, 7))
    assert analysis.params == 56
    assert analysis.total("macs") == 2 * 3 * 49


def test_a_lazy_module_called_with_two_sizes_is_an_error():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.LazyLinear(5)

        def forward(self, x):
            return self.fc(self.fc(x))

    with pytest.raises(Exception, match="7"):
        analyze(Twice(), (3, 7))


def test_a_lazy_module_that_was_initialized_is_a_plain_one():
    model = nn.LazyLinear(5)
    model(torch.zeros(3, 7))
    assert analyze(model, (3, 7)).params == 40


def test_a_lazy_module_that_is_never_called_is_listed_without_a_shape():
    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.spare = nn.Linear(7, 5), nn.LazyLinear(5)

        def forward(self, x):
            return self.used(x)

    analysis = analyze(Unused(), (3, 7))
    assert analysis.params == 40
    assert [p.name for p in analysis.unused_parameters] == ["spare.weight", "spare.bias"]


def test_a_user_written_lazy_module():
    class Scale(nn.modules.lazy.LazyModuleMixin, nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = UninitializedParameter()

        def initialize_parameters(self, x):
            if self.has_uninitialized_params():
                with torch.no_grad():
                    self.scale.materialize((x.shape[-1],))
                    self.scale.fill_(1)

        def forward(self, x):
            return x * self.scale

    model = Scale()
    analysis = analyze(model, (3, 7))
    assert analysis.params == 7
    assert isinstance(model.scale, UninitializedParameter)
