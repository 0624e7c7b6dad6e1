"""Memory: liveness and traffic by pencil; models and sequences that no machine could hold."""

from __future__ import annotations

import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer import TensorSpec, Traffic, analyze

X = TensorSpec((3, 7))  # 21 elements, 84 bytes
A = 84


def timeline(analysis):
    return [live for _, live in analysis.memory.timeline]


def chain(x):
    return x.exp().sin().neg()


def view_in_between(x):
    return x.exp().view(7, 3).T.neg()


def in_place(x):
    return x.exp().mul_(2).add_(1)


def in_place_function(x):
    return F.relu(F.relu(x * 2, inplace=True), inplace=True)


def residual(x):
    y = x.exp()
    z = y.sin().neg()
    return y + z


def grown(x):
    return torch.cat([x.exp(), x])


def two_outputs(x):
    y = x.exp()
    return y, y.neg()


def view_kept(x):
    y = x.exp()[:1]
    return y + x.sin().sum(0)


def writes_a_part(x):
    y = x.exp()
    y[0] = 1
    return y.neg()


def returns_a_view(x):
    return x.exp()[0]


def picks_rows(x):
    return x.exp()[torch.tensor([0])].neg()


def converts(x):
    return x.exp().double().neg()


def converts_to_the_same(x):
    return x.exp().float().neg()


def drops_out(x):
    return F.dropout(x.exp(), 0.5, training=False).neg()


# What lives while each node runs, in bytes; the input is an activation too.
LIVENESS = [
    # input | exp: x e | sin: e s | neg: s n | output: n
    (chain, [A, 2 * A, 2 * A, 2 * A, A]),
    # a view adds nothing: input | exp | view | T | neg: e n | output
    (view_in_between, [A, 2 * A, A, A, 2 * A, A]),
    # written in place: input | exp: x e | mul: e | add: e | output: e
    (in_place, [A, 2 * A, A, A, A]),
    (in_place_function, [A, 2 * A, A, A, A]),
    # input | exp: x y | sin: y s | neg: y s n | add: y n out | output
    (residual, [A, 2 * A, 2 * A, 3 * A, 3 * A, A]),
    # input | exp: x e | cat: x e and twice the size | output
    (grown, [A, 2 * A, 4 * A, 2 * A]),
    # input | exp: x y | neg: y n | output: y n
    (two_outputs, [A, 2 * A, 2 * A, 2 * A]),
    # a view keeps its whole base: input | exp: x e | getitem | sin: x e s | sum: e s 28 | add: e 28 28 | output
    (view_kept, [A, 2 * A, 2 * A, 3 * A, 2 * A + 28, A + 56, 28]),
    # input | exp: x e | setitem: e | neg: e n | output
    (writes_a_part, [A, 2 * A, A, 2 * A, A]),
    # the output is a view: its base lives to the end
    (returns_a_view, [A, 2 * A, A, A]),
    # indices pick into new storage: input | exp: x e | the index 8 and e | getitem: e 8 28 | neg: 28 28 | output
    (picks_rows, [A, 2 * A, A + 8, A + 8 + 28, 56, 28]),
    # input | exp: x e | double: e d | neg: d n | output
    (converts, [A, 2 * A, 3 * A, 4 * A, 2 * A]),
    # nothing to convert, nothing to drop, nothing new
    (converts_to_the_same, [A, 2 * A, A, 2 * A, A]),
    (drops_out, [A, 2 * A, A, 2 * A, A]),
]


@pytest.mark.parametrize(("function", "bytes"), LIVENESS, ids=[row[0].__name__ for row in LIVENESS])
def test_liveness(function, bytes):
    memory = analyze(function, X).memory
    assert [live for _, live in memory.timeline] == bytes
    assert memory.peak == max(bytes)


def test_the_peak_and_the_largest_activation_have_a_place():
    model = nn.Sequential(nn.Linear(7, 5, bias=False), nn.Linear(5, 11, bias=False), nn.Linear(11, 2, bias=False))
    memory = analyze(model, (3, 7)).memory
    # bytes of 3 rows: 84, 60, 132, 24
    assert timeline(analyze(model, (3, 7))) == [84, 84 + 60, 60 + 132, 132 + 24, 24]
    assert (memory.peak, memory.peak_node) == (192, "1")
    assert (memory.largest, memory.largest_node) == (132, "1")


def test_parameters_are_no_activations():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(5, 7))

        def forward(self, x):
            return x @ self.weight.T

    # The transposed weight is a view of a parameter: nothing alive but x (84) and the result (60).
    assert timeline(analyze(Net(), (3, 7)))[-2:] == [144, 60]


def test_the_peak_of_a_wide_inverted_bottleneck_is_at_its_wide_end():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.act, self.down = nn.Linear(7, 70), nn.Hardswish(), nn.Linear(70, 7)

        def forward(self, x):
            return x + self.down(self.act(self.up(x)))

    memory = analyze(Block(), (3, 7)).memory
    assert memory.peak == 84 + 840 + 840
    assert memory.peak_node == "act"


# --- traffic ---

IDS = TensorSpec((2, 3), torch.int64)
TRAFFIC = [
    ("linear", nn.Linear(7, 5), (X,), Traffic(84 + 140 + 20, 60, 160)),
    ("relu", nn.ReLU(), (X,), Traffic(84, 84)),
    ("a value read twice moves twice", lambda x: x * x, (X,), Traffic(168, 84)),
    ("a view moves nothing", lambda x: x.view(7, 3), (X,), Traffic()),
    ("half precision", lambda x: x.neg(), (TensorSpec((3, 7), torch.float16),), Traffic(42, 42)),
    ("matmul", torch.matmul, (X, TensorSpec((7, 5))), Traffic(84 + 140, 60)),
    ("an embedding reads the rows it takes", nn.Embedding(1000, 7), (IDS,), Traffic(48 + 168, 168, 168)),
    ("indexing reads what it takes", lambda x, i: x[i], (TensorSpec((1000, 7)), IDS), Traffic(48 + 168, 168)),
]  # fmt: skip


@pytest.mark.parametrize(("model", "args", "traffic"), [row[1:] for row in TRAFFIC], ids=[row[0] for row in TRAFFIC])
def test_traffic(model, args, traffic):
    analysis = analyze(model, args)
    assert analysis.traffic == traffic


def test_bytes_of_parameters_buffers_and_outputs():
    analysis = analyze(
        nn.Sequential(nn.Linear(7, 5), nn.BatchNorm1d(5)).half().eval(), TensorSpec((3, 7), torch.float16)
    )
    assert analysis.param_bytes == 2 * (40 + 10)
    assert analysis.buffer_bytes == 2 * 10 + 8  # running mean and variance, and the count of batches
    assert analysis.outputs.nbytes == 30


# --- no machine could hold these ---

HUGE = """
import json, re, sys
import torch
from torch import nn
from analyzer import analyze, skeleton
from analyzer.plugins import installed_rules

def peak():  # the kernel's high-water mark of this process, in MB
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1]) / 1024

class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm = nn.RMSNorm(d)
        self.q, self.k, self.v, self.o = (nn.Linear(d, d, bias=False) for _ in range(4))
        self.up, self.down = nn.Linear(d, 4 * d, bias=False), nn.Linear(4 * d, d, bias=False)

    def forward(self, x):
        y = self.norm(x)
        q, k, v = (f(y).unflatten(-1, (-1, 128)).transpose(1, 2) for f in (self.q, self.k, self.v))
        x = x + self.o(nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
        return x + self.down(torch.relu(self.up(x)))

class Net(nn.Module):
    def __init__(self, d, depth):
        super().__init__()
        self.embed = nn.Embedding(50_000, d)
        self.blocks = nn.ModuleList(Block(d) for _ in range(depth))
        self.head = nn.Linear(d, 50_000, bias=False)
        self.register_buffer("mask", torch.ones(20_000, 20_000, dtype=torch.bool).tril(), persistent=False)

    def forward(self, ids):
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(x)

installed_rules()
before = peak()
model = skeleton(Net, *DIMENSIONS)
analysis = analyze(model, torch.empty(1, TOKENS, dtype=torch.int64, device="meta"))
print(json.dumps({
    "grown": peak() - before, "gigabytes": analysis.param_bytes / 1e9, "outputs": list(analysis.outputs.shape),
    "macs": analysis.total("macs"),
}))
"""


def test_200_gigabytes_are_built_and_analyzed_in_under_100_megabytes(fresh_python):
    d, depth, tokens = 12_288, 27, 2_048
    found = json.loads(fresh_python(HUGE.replace("*DIMENSIONS", f"{d}, {depth}").replace("TOKENS", str(tokens))))
    assert found["gigabytes"] > 200
    assert found["grown"] < 100
    assert found["macs"] == tokens * (depth * (12 * d * d + 2 * tokens * d) + 50_000 * d)


def test_a_million_tokens_are_analyzed_without_allocating(fresh_python):
    d, depth, tokens = 256, 3, 1_000_000
    found = json.loads(fresh_python(HUGE.replace("*DIMENSIONS", f"{d}, {depth}").replace("TOKENS", str(tokens))))
    assert found["outputs"] == [1, tokens, 50_000]
    assert found["grown"] < 100
    assert found["macs"] == tokens * (depth * (12 * d * d + 2 * tokens * d) + 50_000 * d)
