"""Other threads run real models, construct modules and analyze meanwhile; analyses nest."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer import TensorSpec, analyze, skeleton


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, padding=1)
        self.norm = nn.BatchNorm2d(5)
        self.attention = nn.MultiheadAttention(5, 1, batch_first=True)
        self.head = nn.Linear(5, 2)

    def forward(self, x):
        y = F.relu(self.norm(self.conv(x)), inplace=True).flatten(2).mT
        y = y + self.attention(y, y, y, need_weights=False)[0]
        y[:, 0] *= 2
        return self.head(y.mean(1))


def together(*jobs: Callable[[], None]) -> None:
    """Run the jobs in threads of their own; the first failure is raised here."""
    failures: list[BaseException] = []

    def guarded(job):
        try:
            job()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(7)
    return Net().eval()


def test_analyses_real_forwards_and_constructors_at_once(net):
    x = torch.randn(2, 3, 5, 7)
    with torch.no_grad():
        want = net(x)
    macs = analyze(net, x).total("macs")
    done = threading.Event()

    def analyzes():
        try:
            for _ in range(200):
                assert analyze(net, x).total("macs") == macs
        finally:
            done.set()

    def runs():
        with torch.no_grad():
            while not done.is_set():
                got = net(x)
                assert type(got) is torch.Tensor
                torch.testing.assert_close(got, want, rtol=0, atol=0)

    def constructs():
        while not done.is_set():
            made = Net()
            assert made.conv.weight.device.type == "cpu"
            assert made.head.bias.isfinite().all()
            assert type(made.conv.weight) is nn.Parameter

    together(analyzes, runs, constructs)
    assert nn.Module.__call__.__name__ == "_wrapped_call_impl"


def test_two_threads_analyze_one_model(net):
    want = analyze(net, (2, 3, 5, 7)).total("macs")

    def analyzes():
        for _ in range(50):
            assert analyze(net, (2, 3, 5, 7)).total("macs") == want

    together(analyzes, analyzes)


def test_skeletons_are_built_while_others_construct_for_real():
    done = threading.Event()

    def builds():
        try:
            for _ in range(100):
                assert skeleton(Net).conv.weight.device.type == "meta"
        finally:
            done.set()

    def constructs():
        while not done.is_set():
            assert nn.Linear(7, 5).weight.device.type == "cpu"
            assert torch.zeros(100_000).device.type == "cpu"

    together(builds, constructs)


def test_an_analysis_inside_a_forward_under_analysis():
    """The inner one is a tool that the model calls: it has a graph of its own and leaves no trace in the outer one."""
    inner_model = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 3))
    totals = []

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(7, 11)

        def forward(self, x):
            totals.append(analyze(inner_model, tuple(x.shape)).total("macs"))
            return self.fc(x)

    analysis = analyze(Outer(), (3, 7))
    assert totals == [3 * 35 + 3 * 15]
    assert analysis.total("macs") == 3 * 77
    assert [node.op for node in analysis.graph] == ["input", "linear", "output"]


def test_an_analysis_inside_a_forward_takes_abstract_tensors_as_inputs():
    inner_model = nn.Linear(7, 5)
    seen = []

    def outer(x):
        seen.append(analyze(inner_model, x * 2).outputs)
        return x

    assert [node.op for node in analyze(outer, TensorSpec((3, 7))).graph] == ["input", "mul", "output"]
    assert seen == [TensorSpec((3, 5))]


def test_a_skeleton_inside_a_forward():
    def outer(x):
        return x.new_zeros(skeleton(nn.Linear, 7, 5).weight.shape)

    assert analyze(outer, TensorSpec((3, 7))).outputs == TensorSpec((5, 7))
