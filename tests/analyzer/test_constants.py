"""Small tensors that no input and no weight is part of keep their values: .item(), int(), branches on them work."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer import DataDependentError, Known, analyze

X = torch.zeros(5, 7)


def arange_loop(x):
    for start in torch.arange(0, 5, 2):
        x = x[int(start) :] if int(start) < 2 else x
    return x


def arange_list(x):
    return [x[i : i + 1] for i in torch.arange(3).tolist()]


def linspace_depths(x):
    rates = [r.item() for r in torch.linspace(0, 0.2, 5)]
    return x[: round(rates[-1] * 10)]


def size_tensor(x):
    hw = torch.tensor([[x.shape[0], x.shape[1]]])
    return x.new_zeros(int(hw.prod()), int(hw.max(-1)[0]), hw[0, 1].item())


def branch(x):
    positions = torch.arange(x.shape[0])
    if positions.max() > 3 and (positions >= 0).all():
        return x.sum(0)
    return x


def cumulated(x):
    lengths = torch.tensor([2, 3])
    starts = F.pad(lengths.cumsum(0), (1, 0))
    return [x[a:b] for a, b in zip(starts.tolist()[:-1], starts.tolist()[1:], strict=True)]


def written_constant(x):
    table = torch.zeros(4, dtype=torch.int64)
    table[1:] += 2
    view = table[2:]
    view.mul_(3)
    return x[: table[3].item() // 2 + int(table[0])]


def repeated_asking(x):
    table = torch.arange(6)
    first = table[2].item()
    table += 1
    return x[: first + table[2].item() - 3]


def as_index(x):
    n = torch.tensor(3)
    return x[:n], x.view(-1)[: n * 2], range(n)[0], torch.zeros(n), [0] * n


def equal_constants(x):
    a = torch.arange(3)
    assert torch.equal(a, torch.tensor([0, 1, 2]))
    assert torch.allclose(a.float(), torch.tensor([0.0, 1.0, 2.0]))
    return x if bool(a[0] == 0) else None


def unique_constant(x):
    return x[: len(torch.unique(torch.tensor([1, 1, 2])))]


def nonzero_constant(x):
    return x[torch.tensor([1, 0, 1, 0, 0]).nonzero()[:, 0]]


def masked_constant(x):
    steps = torch.arange(5)
    return steps[steps > 2], x.sum()


def numpy_constant(x):
    return x[: int(torch.arange(4).numpy()[-1])]


def formatted(x):
    return {f"{i:d}": x[int(i)] for i in torch.arange(2)}


CONSTANTS = [
    arange_loop, arange_list, linspace_depths, size_tensor, branch, cumulated, written_constant, repeated_asking,
    as_index, equal_constants, unique_constant, nonzero_constant, masked_constant, numpy_constant, formatted,
]  # fmt: skip


@pytest.mark.parametrize("function", CONSTANTS, ids=lambda f: f.__name__)
def test_constants_have_values(function, like_torch):
    like_torch(function, X)


class Windowed(nn.Module):
    """Index buffers, as swin's relative positions: registered in the constructor, asked in forward."""

    def __init__(self):
        super().__init__()
        self.register_buffer("index", torch.arange(6).view(2, 3))
        self.register_buffer("sizes", torch.tensor([2, 3]))
        self.table = nn.Parameter(torch.zeros(6, 7))

    def forward(self, x):
        bias = self.table[self.index.view(-1)].view(*self.index.shape, -1)
        return x[: self.sizes.sum().item()] + bias.sum(0)[: int(self.sizes[0]) - 1]


def test_registered_index_buffers(like_torch):
    like_torch(Windowed(), X)


def test_a_buffer_that_forward_wrote_from_data_is_no_constant():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

        def forward(self, x):
            self.seen += x.long().sum()
            return x[: self.seen.item()]

    with pytest.raises(DataDependentError, match="item"):
        analyze(Counting(), (5, 7))


def test_a_counter_of_constants_stays_known_and_the_buffer_is_untouched():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

        def forward(self, x):
            self.seen += 2
            return x[: self.seen.item()]

    model = Counting()
    assert analyze(model, (5, 7)).outputs.shape == (2, 7)
    assert model.seen.item() == 0


UNKNOWN = {
    "item of data": lambda x: x.sum().item(),
    "item of a size of data": lambda x: (x > 0).sum().item(),
    "data mixed in": lambda x: (torch.arange(7) + x)[0, 0].item(),
    "a random number": lambda x: torch.rand(()).item(),
    "a random order": lambda x: torch.randperm(3).tolist(),
    "written from data": lambda x: torch.zeros(7).copy_(x[0]).tolist(),
    "part written from data": lambda x: (lambda t: (t.__setitem__(0, x[0, 0]), t.tolist()))(torch.zeros(3)),
    "larger than the limit": lambda x: torch.arange(10**7).sum().item(),
}


@pytest.mark.parametrize("function", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_everything_else_has_no_values(function):
    with pytest.raises(DataDependentError):
        analyze(function, X)


def test_a_weight_has_no_values():
    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate = nn.Parameter(torch.zeros(1))

        def forward(self, x):
            return x if self.gate.item() > 0 else x * 2

    with pytest.raises(DataDependentError, match="item"):
        analyze(Gate(), X)


def test_large_constants_are_not_worked_out_and_cost_no_memory():
    analysis = analyze(lambda x: torch.arange(10**12, dtype=torch.float32)[:5] + x[:, 0], X)
    assert analysis.outputs.shape == (5,)


def test_assertions_on_data_are_taken_to_hold(like_torch):
    def model(x):
        torch._assert(x.shape[0] == 5, "five rows")
        torch._assert((x >= 0).all(), "no negative numbers")
        return x

    like_torch(model, X)


def test_an_assertion_on_constants_is_checked():
    with pytest.raises(Exception, match="six rows"):
        analyze(lambda x: torch._assert(torch.tensor(x.shape[0]) == 6, "six rows"), X)


def test_a_constant_that_outgrows_what_is_worked_out_does_not_lose_the_others():
    def model(x):
        wide = torch.arange(1000)[:, None].expand(1000, 91)[:, 1:]
        return x.new_zeros(int(torch.arange(5).sum())), wide

    analysis = analyze(model, torch.zeros(3))
    assert [spec.shape for spec in analysis.outputs] == [(10,), (1000, 90)]


class Started(nn.Module):
    """A codebook that is set from the first batch it sees."""

    def __init__(self):
        super().__init__()
        self.register_buffer("started", torch.tensor([False]))
        self.register_buffer("codes", torch.zeros(3))

    def forward(self, x):
        if not self.started:
            self.codes.data.copy_(x.mean(0))
            self.started.data.copy_(torch.Tensor([True]))
        return x * self.codes if self.started else x.sum()


def test_properties_of_constants_are_worked_out_and_written_through(like_torch):
    like_torch(lambda x: x[: torch.arange(6).view(2, 3).T[2, 1].item()], X)
    model = Started()
    analysis = analyze(model, torch.zeros(5, 3))
    assert analysis.outputs.shape == (5, 3)
    assert not model.started


COPIES = {
    "data": lambda sizes: sizes.data,
    "data of data": lambda sizes: (sizes + 1).data.data - 1,
    "copied": lambda sizes: copy.copy(sizes),
    "copied deeply": lambda sizes: copy.deepcopy({"sizes": sizes})["sizes"],
    "written on": lambda sizes: (sizes * 1).data.add_(1).sub_(1),
}


@pytest.mark.parametrize("alias", COPIES.values(), ids=COPIES)
def test_copies_keep_their_values(alias):
    def of_constants(x):
        return x.split(alias(torch.arange(2) + 2).tolist())

    def of_inputs(x, sizes):
        return x.split(alias(sizes).tolist())

    assert [part.shape for part in analyze(of_constants, (X,)).outputs] == [(2, 7), (3, 7)]
    assert [part.shape for part in analyze(of_inputs, (X, Known(torch.tensor([2, 3])))).outputs] == [(2, 7), (3, 7)]


def test_a_whole_number_among_the_parameters_is_a_flag():
    class Flagged(nn.Module):
        def __init__(self):
            super().__init__()
            self.done = nn.Parameter(torch.tensor(1, dtype=torch.uint8), requires_grad=False)
            self.scale = nn.Parameter(torch.tensor(1.0), requires_grad=False)

        def forward(self, x):
            return x[:2] if bool(self.done.item()) else x

    assert analyze(Flagged(), (3, 7)).outputs.shape == (2, 7)
