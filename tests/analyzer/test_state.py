"""Everything is as before: the model, its hooks and modes, random states, nn.Module itself; and no operator runs."""

from __future__ import annotations

import collections
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.utils._python_dispatch import TorchDispatchMode

from analyzer import AnalyzerError, analyze

CALL = nn.Module.__call__


def snapshot(model: nn.Module) -> dict[str, Any]:
    """Identity of every attribute, container entry, hook, parameter and buffer; values of the tensors; modes."""
    state: dict[str, Any] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        for key, value in vars(module).items():
            state[f"{path}|{key}"] = id(value)
            if isinstance(value, dict):
                state[f"{path}|{key}|items"] = [(k, id(v)) for k, v in value.items()]
            elif isinstance(value, (list, set)):
                state[f"{path}|{key}|items"] = [id(v) for v in value]
            if isinstance(value, (bool, int, float, str)):
                state[f"{path}|{key}|value"] = value
        for name, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None and tensor.device.type != "meta":
                state[f"{path}|{name}|tensor"] = (
                    tensor.detach().clone().tolist(),
                    tensor._version,
                    tensor.requires_grad,
                )
    return state


def randomness() -> tuple[Any, ...]:
    return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()


class Restless(nn.Module):
    """Counts, caches, fills lists, swaps submodules and parameters, switches modes, seeds generators, adds hooks."""

    def __init__(self, ending: str = "success"):
        super().__init__()
        self.fc = nn.Linear(7, 7)
        self.norm = nn.BatchNorm1d(7)
        self.cache: dict[str, Any] = {"kept": 1}
        self.history: list[Any] = []
        self.seen: set[int] = set()
        self.calls = 0
        self.nested = {"inner": []}
        self.register_buffer("steps", torch.zeros(()))
        self.ending = ending

    def forward(self, x):
        self.calls += 1
        self.cache["x"] = x
        self.history.append(x.shape)
        self.seen.add(self.calls)
        self.late = nn.Linear(7, 7)
        self.steps = self.steps + 1
        self.running = x.mean()
        self.fc.weight = nn.Parameter(self.fc.weight * 2) if self.ending == "swaps" else self.fc.weight
        self.fc.register_forward_hook(lambda module, args, out: out * 2)
        self.register_buffer("mask", x > 0)
        self.norm.eval()
        self.train(not self.training)
        torch.manual_seed(self.calls)
        random.random()
        np.random.rand()
        torch.rand(3)
        x = self.norm(self.fc(x))
        if self.ending == "error":
            return x @ x
        if self.ending == "own error":
            raise KeyError("nothing here")
        if self.ending == "interrupt":
            raise KeyboardInterrupt
        if self.ending == "exit":
            raise SystemExit(3)
        if self.ending == "branch" and x.sum() > 0:
            return x
        return x


ENDINGS = {
    "success": None, "swaps": None, "error": AnalyzerError, "own error": AnalyzerError, "branch": AnalyzerError,
    "interrupt": KeyboardInterrupt, "exit": SystemExit,
}  # fmt: skip


@pytest.mark.parametrize("training", [None, True, False], ids=["as it stands", "training", "evaluation"])
@pytest.mark.parametrize(("ending", "error"), ENDINGS.items(), ids=ENDINGS.keys())
def test_a_restless_model_is_as_before(ending, error, training):
    model = Restless(ending)
    model.norm.eval()
    before, drawn = snapshot(model), randomness()
    if error is None:
        analyze(model, (3, 7), training=training)
    else:
        with pytest.raises(error):
            analyze(model, (3, 7), training=training)
    assert snapshot(model) == before
    assert randomness() == drawn
    assert nn.Module.__call__ is CALL
    assert not torch._C._len_torch_function_stack()
    assert not torch._C._len_torch_dispatch_stack()


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize(
    "wrap",
    [nn.utils.weight_norm, nn.utils.spectral_norm, parametrizations.weight_norm, parametrizations.spectral_norm],
    ids=["weight_norm hooks", "spectral_norm hooks", "weight_norm", "spectral_norm"],
)
def test_weights_that_are_computed_before_a_call_are_as_before(wrap, training):
    model = nn.Sequential(wrap(nn.Linear(7, 5)), wrap(nn.Linear(5, 3))).train(training)
    before = snapshot(model)
    analyze(model, (3, 7))
    assert snapshot(model) == before


def test_a_model_that_runs_afterwards_runs_as_before():
    torch.manual_seed(3)
    model = nn.Sequential(nn.utils.spectral_norm(nn.Linear(7, 5)), nn.BatchNorm1d(5), nn.Dropout(0.5)).train()
    twin = torch.nn.Sequential(*model)
    x = torch.randn(3, 7)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    torch.manual_seed(5)
    want = twin(x)
    model.load_state_dict(state)
    torch.manual_seed(5)
    analyze(model, x)
    torch.testing.assert_close(model(x), want, rtol=0, atol=0)


def test_inputs_are_as_before():
    x, many = torch.zeros(3, 7), [torch.zeros(2)]

    def model(x, many):
        x += 1
        many.append(x)
        many[0].fill_(3)
        return x

    analyze(model, (x, many))
    assert x.sum() == 0
    assert len(many) == 1
    assert many[0].sum() == 0


def test_gradients_and_versions_are_as_before():
    model = nn.Linear(7, 5)
    model(torch.ones(3, 7)).sum().backward()
    grads = [(id(p.grad), p.grad.clone(), p._version) for p in model.parameters()]
    analyze(model, (3, 7))
    for (identity, grad, version), p in zip(grads, model.parameters(), strict=True):
        assert (id(p.grad), p._version) == (identity, version)
        assert torch.equal(p.grad, grad)


def test_a_weight_that_forward_writes_in_place_keeps_its_values():
    class Ema(nn.Module):
        def __init__(self):
            super().__init__()
            self.shadow = nn.Parameter(torch.ones(7), requires_grad=False)
            self.register_buffer("mean", torch.zeros(7))

        def forward(self, x):
            self.shadow.mul_(0.9).add_(x.mean(0))
            self.mean.lerp_(x.mean(0), 0.1)
            self.shadow.data.clamp_(0, 1)
            self.shadow.data = self.shadow.data * 2
            return x * self.shadow + self.mean

    model = Ema()
    before = snapshot(model)
    analyze(model, (3, 7))
    assert snapshot(model) == before


def test_grad_mode_and_default_dtype_are_as_before():
    def model(x):
        torch.set_grad_enabled(False)
        return x

    assert torch.is_grad_enabled()
    analyze(model, torch.zeros(3))
    assert torch.is_grad_enabled()


# --- nothing runs ---


class Seen(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.operators: list[Any] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.operators.append(func)
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope="module", params=["cpu", "meta"])
def resnet50(request):
    torchvision = pytest.importorskip("torchvision")
    with torch.device(request.param):
        return torchvision.models.resnet50().eval()


def test_analyzing_resnet50_dispatches_no_operator(resnet50):
    with Seen() as seen:
        analysis = analyze(resnet50, (1, 3, 224, 224))
        assert analysis.total("macs") == 4_089_184_256
    assert seen.operators == []


def test_analyzing_resnet50_records_no_aten_event(resnet50):
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        analyze(resnet50, (1, 3, 224, 224))
    assert [event.key for event in profile.key_averages() if event.key.startswith("aten::")] == []


@pytest.mark.parametrize("container", [collections.defaultdict(list), collections.Counter(), collections.deque([1])])
def test_other_containers_are_put_back(container):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.kept = container

        def forward(self, x):
            if isinstance(self.kept, dict):
                self.kept.setdefault("seen", x)
            else:
                self.kept.append(x)
            return x

    before = list(container)
    analyze(Net(), (3, 7))
    assert list(container) == before
