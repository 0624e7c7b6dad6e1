"""What a model meets in forward: tensors of other classes and layouts, errors it catches, threads, other processes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer import AnalyzerError, DataDependentError, InputError, ShapeError, analyze

X = torch.ones(3, 7)


class Model(nn.Module):
    """``forward`` is a function of the model and its inputs."""

    def __init__(self, function):
        super().__init__()
        self.function, self.fc = function, nn.Linear(7, 5)

    def forward(self, *args):
        return self.function(self, *args)


# --- tensor classes -------------------------------------------------------------------------------------------------


class Doubled(torch.Tensor):
    """A weight whose linear layer has a second product behind it."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is F.linear:
            return torch.matmul(F.linear(args[0], args[1].as_subclass(torch.Tensor)), torch.eye(5))
        return super().__torch_function__(func, types, args, kwargs or {})


class Scaled(torch.Tensor):
    """A weight that is kept as whole numbers and a scale."""

    @staticmethod
    def __new__(cls, numbers, scale):
        return torch.Tensor._make_wrapper_subclass(cls, numbers.shape, dtype=scale.dtype)

    def __init__(self, numbers, scale):
        self.numbers, self.scale = numbers, scale

    def __tensor_flatten__(self):
        return ["numbers", "scale"], None

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.detach.default:
            return cls(args[0].numbers, args[0].scale)
        args = [arg.numbers.to(arg.scale.dtype) * arg.scale if isinstance(arg, cls) else arg for arg in args]
        return func(*args, **(kwargs or {}))


WEIGHTS = {
    "a class that has a say": (torch.ones(5, 7).as_subclass(Doubled), 3 * 7 * 5 + 3 * 5 * 5),
    "a class that stands for a value": (Scaled(torch.ones(5, 7, dtype=torch.int8), torch.ones(5, 1)), 3 * 7 * 5),
}


@pytest.mark.parametrize(("weight", "macs"), WEIGHTS.values(), ids=WEIGHTS.keys())
def test_weights_of_a_class_of_their_own(weight, macs, like_torch):
    model = nn.Linear(7, 5, bias=False)
    model.weight = nn.Parameter(weight, requires_grad=False)
    analysis = like_torch(model, X)
    assert analysis.total("macs") == macs
    assert analysis.params == 35


# --- another way, other threads, other layouts ----------------------------------------------------------------------


def tries(*errors):
    def model(m, x):
        first = iter([lambda: m.fc(x.T), lambda: x.view(4, 4), lambda: x.sum(5), lambda: x[3], lambda: x + x.T])
        failed = 0
        for way in first:
            try:
                way()
            except errors:
                failed += 1
        return m.fc(x) * failed

    return model


def test_a_model_that_takes_another_way(like_torch, ops):
    analysis = like_torch(Model(tries(RuntimeError, IndexError)), X)
    assert analysis.total("macs") == 105
    with pytest.raises(ShapeError, match="does not hold"):
        analyze(Model(tries(KeyError)), X.sum(0))


def test_a_thread_of_the_models_own():
    from concurrent.futures import ThreadPoolExecutor

    def model(m, x):
        with ThreadPoolExecutor(1) as pool:
            return torch.cat(list(pool.map(m.fc, [x, x])))

    with pytest.raises(DataDependentError, match="in another thread"):
        analyze(Model(model), X)


@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_nested_tensors_are_refused(layout):
    def model(x):
        return torch.nested.as_nested_tensor([x, x[:2]], layout=layout) * 2

    with pytest.raises(AnalyzerError, match=r"nested tensor.* sizes of their own") as caught:
        analyze(model, X)
    assert "padded" in caught.value.hint
    with pytest.raises(InputError, match=r"nested tensor.* sizes of their own"):
        analyze(nn.Linear(7, 5), torch.nested.nested_tensor([X, X[:2]], layout=layout))


def test_pinned_memory_and_tensor_hooks():
    def model(x):
        y = x.pin_memory().share_memory_() * 2
        y.register_hook(lambda gradient: gradient).remove()
        y.retain_grad()
        return y, y.is_pinned()

    analysis = analyze(model, X)
    assert analysis.outputs[0].shape == (3, 7)
    assert not analysis.is_lower_bound


class Graph(nn.Module):
    """A product with an adjacency that is a buffer, or a plain attribute."""

    def __init__(self, held):
        super().__init__()
        adjacency = torch.eye(7).to_sparse()
        if held:
            self.register_buffer("adjacency", adjacency)
        else:
            self.adjacency = adjacency

    def forward(self, x):
        return self.adjacency @ x.T


def test_sparse_tensors_count_as_dense_ones_and_say_so(like_torch):
    for analysis in (
        like_torch(Graph(held=True), X),
        like_torch(Graph(held=False), X),
        analyze(torch.matmul, (torch.eye(7).to_sparse_csr(), X.T)),
    ):
        assert analysis.total("macs") == 7 * 7 * 3
        assert "sparse-as-dense" in [remark.code for remark in analysis.diagnostics]


def test_talking_to_other_processes(tmp_path):
    distributed = torch.distributed
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)

    def reduces(m, x):
        y = m.fc(x)
        distributed.all_reduce(y)
        return y

    try:
        wrapped = nn.parallel.DistributedDataParallel(nn.Linear(7, 5))
        for mode in (True, False):
            assert analyze(wrapped, X, training=mode).total("macs") == 105
        with pytest.raises(AnalyzerError, match="talks to other processes"):
            analyze(Model(reduces), X)
    finally:
        distributed.destroy_process_group()
