"""The drop-in for ptflops: numbers from a pencil and from its README, and nothing left behind on a model."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from analyzer import AnalyzerError, InputError, ModelError, TensorSpec, skeleton
from analyzer.compat import ptflops
from analyzer.compat.ptflops import FLOPS_BACKEND, flops_to_string, get_model_complexity_info, params_to_string
from analyzer.tools import TOOLS


def macs(model: nn.Module, shape: tuple[int, ...], **options: Any) -> int:
    return counted(model, shape, **options)[0]


def counted(model: nn.Module, shape: tuple[int, ...], **options: Any) -> tuple[Any, Any]:
    settings = {"as_strings": False, "print_per_layer_stat": False} | options
    return get_model_complexity_info(model, shape, **settings)


def printed(model: nn.Module, shape: tuple[int, ...], **options: Any) -> str:
    ost = io.StringIO()
    get_model_complexity_info(model, shape, ost=ost, **options)
    return ost.getvalue()


class Call(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)


class Residual(Call):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers[0](x)


class Products(Call):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ x.transpose(-1, -2)


class Functional(Call):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(F.linear(x, self.layers[0].weight))


class Doubled(nn.Module):
    """A layer that no tool knows, with a hook of the user's own for it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(7, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


def hook(module: Any, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
    module.__flops__ += int(args[0].numel() * 1000 + output.numel())


def broken(module: Any, args: Any, output: Any) -> None:
    module.left_behind = 1
    module.register_buffer("a_buffer", torch.zeros(1))
    raise ValueError("no such thing")


# --- numbers --------------------------------------------------------------------------------------------------------


def test_layers_by_a_pencil() -> None:
    # (3·7·7 + 1 bias)·5·11·15, then 2 an element of a norm, 1 of an activation, and of what is pooled
    assert macs(nn.Conv2d(3, 5, 7), (3, 17, 21)) == 148 * 5 * 11 * 15
    assert macs(nn.BatchNorm2d(3), (3, 13, 17)) == 2 * 3 * 13 * 17
    assert macs(nn.LayerNorm(7), (5, 7)) == 2 * 5 * 7
    assert macs(nn.LayerNorm(7, elementwise_affine=False), (5, 7)) == 5 * 7
    assert macs(nn.GELU(), (5, 7)) == 5 * 7
    assert macs(nn.MaxPool2d(3, 2), (3, 13, 17)) == 3 * 13 * 17
    assert macs(nn.Upsample(scale_factor=3), (3, 5, 7)) == 3 * 15 * 21
    assert macs(nn.Softmax(-1), (5, 7)) == 5 * 7
    assert macs(nn.Linear(7, 11), (5, 7)) == 5 * (7 * 11 + 11)


def test_every_spelling_counts() -> None:
    assert macs(Residual(nn.Linear(7, 7)), (5, 7)) == 5 * (49 + 7) + 35
    assert macs(Products(), (5, 7)) == 5 * 7 * 5
    assert macs(Functional(nn.Linear(7, 11)), (5, 7)) == 5 * 7 * 11 + 5 * 11


def test_recurrent_layers_by_a_pencil() -> None:
    # a step: 4·11 rows over 7 inputs and 11 states, two biases, 10 a unit for the gates
    step = 44 * (7 + 11) + 2 * 44 + 10 * 11
    assert macs(nn.LSTM(7, 11, batch_first=True), (5, 7)) == 5 * step
    assert macs(nn.LSTM(7, 11, bidirectional=True, batch_first=True), (5, 7)) == 2 * 5 * step
    assert macs(nn.GRUCell(7, 11), (7,)) == 33 * 18 + 2 * 33 + 7 * 11
    # the aten backend has products and biases alone
    assert macs(nn.LSTM(7, 11, batch_first=True), (5, 7), backend="aten") == 5 * (44 * 18 + 2 * 44)


def test_attention_by_a_pencil() -> None:
    class Attention(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.scaled_dot_product_attention(x, x, x)

    # 2 heads of 7 queries and keys, 5 wide: products twice, a softmax, and the queries scaled
    assert macs(Attention(), (2, 7, 5)) == 2 * (2 * 7 * 7 * 5 + 7 * 7 + 7 * 5)
    assert macs(Attention(), (2, 7, 5), backend="aten") == 2 * 2 * 7 * 7 * 5
    # torch has one kernel for it on a CPU, which ptflops does not know: 0, measured with 0.7.5 on torch 2.14
    assert macs(Attention(), (2, 7, 5), backend="aten", faithful=True) == 0


# ptflops' README, "Benchmark", in GMac: (pytorch backend, aten backend); its own figures are those of faithful=True.
README = {"alexnet": (0.72, 0.71), "resnet18": (1.83, 1.81), "resnet50": (4.13, 4.09), "vgg16": (15.52, 15.48)}


@pytest.mark.parametrize("name", README)
def test_readme_benchmark(name: str) -> None:
    model = skeleton(getattr(torchvision.models, name))
    by_layers, by_operators = README[name]
    assert macs(model, (3, 224, 224), faithful=True) / 1e9 == pytest.approx(by_layers, abs=0.011)
    assert macs(model, (3, 224, 224), backend="aten", faithful=True) / 1e9 == pytest.approx(by_operators, abs=0.0051)
    # ours: activations and poolings once and residuals too, which is less than 1 %
    assert macs(model, (3, 224, 224)) / 1e9 == pytest.approx(by_layers, rel=0.01)


def test_readme_script() -> None:
    net = skeleton(torchvision.models.densenet161)
    ost = io.StringIO()
    got = get_model_complexity_info(
        net, (3, 224, 224), as_strings=True, backend="pytorch", print_per_layer_stat=True, verbose=True, ost=ost
    )
    # ptflops' README of its first years, when it had no functions yet that count a second time
    assert got == ("7.82 GMac", "28.68 M")
    text = ost.getvalue()
    assert "DenseNet(\n  28.68 M, 100.000% Params, 7.82 GMac, 100.000% MACs, \n" in text
    assert "(conv0): Conv2d(14.11 k, 0.049% Params, 177.02 MMac, " in text
    got = get_model_complexity_info(net, (3, 224, 224), True, backend="aten", verbose=True, ost=ost)
    assert got == ("7.73 GMac", "28.68 M")


def test_an_article_of_old() -> None:
    text = printed(
        skeleton(torchvision.models.resnet50), (3, 200, 280), as_strings=True, print_per_layer_stat=True, verbose=True
    )
    assert "ResNet(\n  25.56 M, 100.000% Params, 4.84 GMac, 100.000% MACs, \n" in text
    assert "(fc): Linear(2.05 M, 8.017% Params, 2.05 MMac, 0.042% MACs, in_features=2048," in text


def test_faithful() -> None:
    """Measured with ptflops 0.7.5 on torch 2.14.1."""
    assert macs(nn.ReLU(), (5, 7), faithful=True) == 2 * 35
    assert macs(nn.MaxPool2d(3, 2), (3, 13, 17), faithful=True) == 2 * 663
    assert macs(nn.LayerNorm(7), (5, 7), faithful=True) == 35
    assert macs(Products(), (5, 7), faithful=True) == 0
    assert macs(Functional(nn.Linear(7, 11)), (5, 7), faithful=True) == 55
    shared = nn.Linear(7, 7)
    twice = nn.Sequential(nn.Sequential(shared), nn.Sequential(shared), shared, shared)
    assert macs(twice, (7,), faithful=True) == 672
    assert macs(twice, (7,)) == 224
    net = torchvision.models.resnet50
    assert macs(skeleton(net), (3, 224, 224), faithful=True) == 4132436968


def test_frozen_parameters() -> None:
    model = nn.Sequential(nn.Linear(7, 11), nn.Linear(11, 3))
    model[0].weight.requires_grad_(False)
    assert counted(model, (7,))[1] == 7 * 11 + 11 + 11 * 3 + 3
    assert counted(model, (7,), faithful=True)[1] == 11 + 11 * 3 + 3


@pytest.mark.parametrize("backend", ["pytorch", "aten"])
def test_faithful_is_what_the_tool_is_said_to_read(backend: str) -> None:
    from analyzer import analyze

    for name in ("mobilenet_v2", "swin_t"):
        model = skeleton(getattr(torchvision.models, name)).eval()
        tool = TOOLS["ptflops" if backend == "pytorch" else "ptflops_aten"]
        analysis = analyze(model, (1, 3, 224, 224))
        assert macs(model, (3, 224, 224), backend=backend, faithful=True) == tool.read(analysis.graph).total
        assert macs(model, (3, 224, 224), backend=backend) == analysis.total(tool.right)


# --- arguments ------------------------------------------------------------------------------------------------------


def test_inputs_by_a_function() -> None:
    def by_name(shape: tuple[int, ...]) -> dict[str, Any]:
        return {"input": TensorSpec((3, *shape))}

    assert macs(nn.Linear(7, 5), (7,), input_constructor=by_name) == 3 * 40
    # a tensor's images share the number
    images = {"input_constructor": lambda shape: torch.zeros(3, *shape)}
    assert macs(nn.Conv2d(3, 5, 3), (3, 9, 11), **images) == macs(nn.Conv2d(3, 5, 3), (3, 9, 11))
    assert macs(nn.Linear(7, 5), (7,), backend="aten", **images) == 3 * 40


def test_the_model_says_the_dtype() -> None:
    seen = []

    class Layer(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append((x.dtype, tuple(x.shape)))
            return super().forward(x)

    macs(Layer(7, 5).half(), (3, 7))
    assert seen == [(torch.float16, (1, 3, 7))]


def test_hooks_of_the_users_own() -> None:
    model = nn.Sequential(Doubled(), nn.ReLU())
    assert macs(model, (7,), custom_modules_hooks={Doubled: hook}) == 7005 + 5
    assert macs(model, (7,), custom_modules_hooks={Doubled: hook}, faithful=True) == 7005 + 2 * 5
    # measured with ptflops 0.7.5: what is inside the layer is left out
    assert "(0): Doubled(\n    40, 100.000% Params, 7.0 KMac" in printed(
        model, (7,), custom_modules_hooks={Doubled: hook}
    )


def test_operators_of_the_users_own() -> None:
    def softmax(args: Any, outputs: Any) -> int:
        assert args[0].shape == outputs[0].shape
        return 5 * args[0].numel()

    model = nn.Sequential(nn.Linear(7, 5), nn.Softmax(-1))
    own = {torch.ops.aten._softmax: softmax}
    for faithful in (False, True):
        options = {"backend": "aten", "custom_modules_hooks": own, "faithful": faithful}
        assert macs(model, (3, 7), **options) == 3 * 40 + 5 * 15
        assert "aten._softmax: 75 Mac" in printed(model, (3, 7), **options)


def test_what_makes_tensors_is_not_made_again() -> None:
    class Noisy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.relu(x + torch.rand(7) + torch.zeros(10**6, 10**6, device="cpu")[0, :7])  # 4 TB

    before, said = torch.get_rng_state(), io.StringIO()
    hooks = {torch.ops.aten.relu: lambda args, outputs: outputs[0].numel()}
    assert macs(Noisy(), (3, 7), backend="aten", custom_modules_hooks=hooks, verbose=True, ost=said) == 3 * 7
    assert "aten.rand operation is treated as a zero-op" in said.getvalue()
    assert torch.equal(torch.get_rng_state(), before)


def test_ignored_layers() -> None:
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU())
    assert macs(model, (3, 9, 9), ignore_modules=[nn.Conv2d]) == 3 * 5 * 49
    assert macs(model, (3, 9, 9), ignore_modules=[nn.Conv2d], faithful=True) == 4 * 5 * 49
    assert macs(nn.Sequential(Doubled(), nn.Linear(5, 3)), (7,), ignore_modules=[Doubled]) == 18


def test_ignored_operators() -> None:
    model = nn.Sequential(nn.Conv1d(3, 5, 3), nn.ReLU(), nn.Linear(7, 2))
    ignored = {"backend": "aten", "ignore_modules": [torch.ops.aten.convolution]}
    assert macs(model, (3, 9), **ignored) == 5 * (7 * 2 + 2)
    assert printed(model, (3, 9), **ignored) == (
        "Warning: aten.convolution operation is ignored\n"
        "Total:80 Mac\nModule:  Global\naten.addmm: 80 Mac\n\nModule:  2\naten.addmm: 80 Mac\n\n"
    )


def test_without_functions() -> None:
    model = Residual(nn.Linear(7, 7))
    config = {"backend_specific_config": {"count_functional": False}}
    assert macs(model, (7,), **config) == macs(model, (7,), **config, faithful=True) == 56
    assert macs(nn.Sequential(nn.ReLU()), (7,), **config, faithful=True) == 7


def test_what_counts_nothing_is_named() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(7, 5), nn.Dropout()), nn.Dropout(), nn.Sigmoid())
    lines = [f"Warning: module {name} is treated as a zero-op." for name in ("Dropout", "Sigmoid")]
    for faithful in (False, True):
        text = printed(model, (7,), verbose=True, print_per_layer_stat=False, faithful=faithful)
        assert text.splitlines() == lines
        text = printed(model, (7,), verbose=True, backend="aten", faithful=faithful)
        assert "Warning: aten.sigmoid operation is treated as a zero-op\n" in text


def test_both_backends_by_name_and_by_value() -> None:
    assert macs(nn.ReLU(), (7,), backend=FLOPS_BACKEND.ATEN) == 0
    assert macs(nn.ReLU(), (7,), backend=FLOPS_BACKEND.PYTORCH) == 7
    assert FLOPS_BACKEND("aten") is FLOPS_BACKEND.ATEN


def test_strings() -> None:
    assert [flops_to_string(n) for n in (999, 1000, 1234567, 10**9)] == ["999 Mac", "1.0 KMac", "1.23 MMac", "1.0 GMac"]
    assert flops_to_string(1234567, "KMac", 1) == "1234.6 KMac"
    assert flops_to_string(1234567, "FLOPs") == "1234567 Mac"
    assert [params_to_string(n) for n in (999, 1234, 1234567)] == ["999", "1.23 k", "1.23 M"]
    assert params_to_string(1234567890, "B", 3) == "1.235 B"
    assert params_to_string(1234, "K") == "1.23 K"
    assert params_to_string(1234, "k") == "1234"


def test_units() -> None:
    got = counted(nn.Linear(700, 500), (700,), as_strings=True, flops_units="MMac", param_units="K", output_precision=3)
    assert got == ("0.35 MMac", "350.5 K")


def test_printed_to_the_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    get_model_complexity_info(nn.Linear(7, 5), (7,))
    expected = "Linear(40, 100.000% Params, 40.0 Mac, 100.000% MACs, in_features=7, out_features=5, bias=True)\n"
    assert capsys.readouterr().out == expected


# --- errors, and what stays as it was ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [
        ([3, 9, 9], {}, "input_res is the shape of an input without its batch"),
        ((), {}, "input_res is the shape"),
        ((3, -1, 9), {}, "a size must be a whole number"),
        ((3, 9, 9), {"backend": "onnx"}, 'backend is "pytorch" or "aten"'),
        ((3, 9, 9), {"input_constructor": lambda shape: 1 / 0}, "raised ZeroDivisionError"),
        ((3, 9, 9), {"ignore_modules": nn.Conv2d}, "ignore_modules is a list of classes or operators"),
        ((3, 9, 9), {"custom_modules_hooks": [nn.Conv2d]}, "custom_modules_hooks is a dict"),
        ((3, 9, 9), {"output_precision": "2"}, "output_precision is a whole number"),
        ((3, 9, 9), {"backend_specific_config": [1], "backend": "aten"}, "backend_specific_config is a dict"),
        ((3, 9, 9), {"ost": 3}, "ost is a file to print to"),
    ],
)
def test_wrong_arguments(shape: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        counted(nn.Conv2d(3, 5, 3), shape, **options)


def test_no_module() -> None:
    with pytest.raises(InputError, match="not a function"):
        counted(lambda x: x, (7,))  # type: ignore[arg-type]


def test_a_hook_that_leaves_no_number() -> None:
    def text(module: Any, args: Any, output: Any) -> None:
        module.__flops__ = "many"

    with pytest.raises(InputError, match="leaves a str in __flops__"):
        counted(nn.Sequential(Doubled()), (7,), custom_modules_hooks={Doubled: text})


def test_a_model_that_fails_is_an_error_and_not_none() -> None:
    with pytest.raises(AnalyzerError, match="input has 7 features, weight takes 5"):
        counted(nn.Sequential(nn.Linear(5, 3)), (7,))


def state(model: nn.Module) -> list[Any]:
    held = [
        (path, {key: dict(value) if isinstance(value, dict) else value for key, value in vars(module).items()})
        for path, module in model.named_modules()
    ]
    return [held, list(model.state_dict()), [module.training for module in model.modules()]]


@pytest.mark.parametrize("backend", ["pytorch", "aten"])
@pytest.mark.parametrize("faithful", [False, True])
def test_nothing_is_left_on_the_model(backend: str, faithful: bool) -> None:
    model = nn.Sequential(Doubled(), nn.BatchNorm1d(5), nn.Dropout(), nn.ReLU())
    model[1].eval()
    own = {Doubled: hook} if backend == "pytorch" else {torch.ops.aten.relu: lambda args, outputs: 1}
    before = state(model)
    printed(model, (7,), backend=backend, custom_modules_hooks=own, verbose=True, faithful=faithful)
    assert str(state(model)) == str(before)
    assert "Mac" not in repr(model)


def test_nothing_is_left_after_an_error() -> None:
    model = nn.Sequential(Doubled(), nn.ReLU())
    before = state(model)
    with pytest.raises(ModelError, match="broken, called for 0, raised ValueError: no such thing"):
        printed(model, (7,), custom_modules_hooks={Doubled: broken})
    own = {torch.ops.aten.relu: lambda args, outputs: outputs[1]}
    with pytest.raises(ModelError, match=r"aten\.relu, raised IndexError"):
        printed(model, (7,), custom_modules_hooks=own, backend="aten")
    assert str(state(model)) == str(before)


def test_all_names_are_there() -> None:
    assert set(ptflops.__all__) >= {"get_model_complexity_info", "flops_to_string", "params_to_string", "FLOPS_BACKEND"}
