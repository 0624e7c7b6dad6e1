"""autocast regions give torch's own dtypes: around the analysis, around a part of forward, nested, switched off."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

X = torch.zeros(2, 3, 7, 7)
BF16 = torch.bfloat16


class Mixed(nn.Module):
    """Products, a norm, a softmax, a residual, a cat of two dtypes."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, padding=1)
        self.norm = nn.BatchNorm2d(5)
        self.fc = nn.Linear(7, 7)
        self.ln = nn.LayerNorm(7)

    def forward(self, x):
        y = self.norm(self.conv(x))
        z = self.ln(self.fc(y))
        w = torch.softmax(z @ y.mT, -1)
        return {
            "conv": y,
            "ln": z,
            "softmax": w,
            "residual": w + x[:, :1],
            "cat": torch.cat([y, x], 1),
            "mean": w.mean(),
        }


class Region(nn.Module):
    """A region of its own, one switched off inside, and one by decorator."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(7, 7), nn.Linear(7, 7), nn.Linear(7, 7)

    @torch.autocast("cpu", dtype=BF16)
    def decorated(self, x):
        return self.c(x)

    def forward(self, x):
        with torch.autocast("cpu", dtype=BF16):
            a = self.a(x)
            with torch.autocast("cpu", enabled=False):
                b = self.b(x)
                asked = torch.is_autocast_enabled("cpu")
        return a, b, self.decorated(x), self.c(b), asked


def test_around_the_analysis(like_torch):
    with torch.autocast("cpu", dtype=BF16):
        analysis = like_torch(Mixed().eval(), X)
    assert analysis.outputs["conv"].dtype is BF16


def test_inside_forward(like_torch):
    like_torch(Region(), X)


def test_inside_with_regions_around(like_torch):
    with torch.autocast("cpu", dtype=BF16):
        like_torch(Region(), X)


def test_half_precision_of_another_kind(like_torch):
    with torch.autocast("cpu", dtype=torch.float16):
        like_torch(Mixed().eval(), X)


Y = torch.zeros(5, 7)
A, B = torch.zeros(2, 5, 7), torch.zeros(2, 7, 3)
TARGET = torch.zeros(5, dtype=torch.int64)

CALLS = {
    "matmul": lambda: A @ B,
    "bmm": lambda: torch.bmm(A, B),
    "addmm": lambda: torch.addmm(torch.zeros(5, 3), Y, B[0]),
    "baddbmm": lambda: torch.baddbmm(torch.zeros(2, 5, 3), A, B),
    "linear": lambda: F.linear(Y, torch.zeros(3, 7)),
    "conv1d": lambda: F.conv1d(A, torch.zeros(3, 5, 3)),
    "conv_transpose2d": lambda: F.conv_transpose2d(X, torch.zeros(3, 2, 3, 3)),
    "einsum": lambda: torch.einsum("bij,bjk->bik", A, B),
    "sdpa": lambda: F.scaled_dot_product_attention(X, X, X),
    "softmax of bfloat16": lambda: (A @ B).softmax(-1),
    "log_softmax of bfloat16": lambda: (A @ B).log_softmax(-1),
    "layer_norm of bfloat16": lambda: F.layer_norm(A @ B, (3,)),
    "group_norm of bfloat16": lambda: F.group_norm(torch.bmm(A, B), 5),
    "sum of bfloat16": lambda: (A @ B).sum(),
    "mean of bfloat16": lambda: (A @ B).mean(),
    "exp of bfloat16": lambda: (A @ B).exp(),
    "pow of bfloat16": lambda: (A @ B) ** 2,
    "cumsum of bfloat16": lambda: (A @ B).cumsum(0),
    "norm of bfloat16": lambda: (A @ B).norm(),
    "gelu of bfloat16": lambda: F.gelu(A @ B),
    "add mixed": lambda: (A @ B) + torch.zeros(3),
    "cat mixed": lambda: torch.cat([A @ B, torch.zeros(2, 5, 3)]),
    "stack mixed": lambda: torch.stack([A @ B, torch.zeros(2, 5, 3)]),
    "cross_entropy": lambda: F.cross_entropy(F.linear(Y, torch.zeros(3, 7)), TARGET),
    "mse_loss": lambda: F.mse_loss(A @ B, torch.zeros(2, 5, 3)),
    "interpolate of bfloat16": lambda: F.interpolate(
        F.conv2d(X, torch.zeros(2, 3, 1, 1)), scale_factor=2, mode="bilinear"
    ),
    "avg_pool of bfloat16": lambda: F.avg_pool2d(F.conv2d(X, torch.zeros(2, 3, 1, 1)), 2),
    "max_pool of bfloat16": lambda: F.max_pool2d(F.conv2d(X, torch.zeros(2, 3, 1, 1)), 2),
    "grid_sample": lambda: F.grid_sample(X, torch.zeros(2, 4, 4, 2)),
    "float64 stays": lambda: torch.mm(Y.double(), torch.zeros(7, 3, dtype=torch.float64)),
    "integers stay": lambda: torch.mm(Y.long(), torch.zeros(7, 3, dtype=torch.int64)),
    "embedding stays": lambda: F.embedding(TARGET, torch.zeros(3, 7)),
    "bilinear": lambda: F.bilinear(Y, Y, torch.zeros(2, 7, 7)),
    "addcmul mixed": lambda: torch.addcmul(A @ B, torch.zeros(3), torch.zeros(3)),
    "index_put mixed": lambda: torch.zeros(5, 3).index_put((TARGET,), F.linear(Y, torch.zeros(3, 7)).float()),
    "dot": lambda: torch.dot(Y[0], Y[1]),
    "prelu": lambda: F.prelu(A, torch.zeros(1)),
    "tensordot": lambda: torch.tensordot(A, B, dims=([2], [1])),
    "multi_head": lambda: nn.MultiheadAttention(7, 1)(A, A, A),
}


HALF = torch.zeros(2, 3, 4, 4, dtype=BF16)
VOLUME = torch.zeros(1, 2, 4, 4, 4, dtype=BF16)
FLAT = torch.zeros(5, dtype=BF16)

# The CPU's own list: on float32 these do not become bfloat16, or on bfloat16 they become float32.
CPU_LIST = {
    "mv": lambda: torch.mv(Y, Y[0]),
    "addmv": lambda: torch.addmv(Y[:, 0], Y, Y[0]),
    "addr": lambda: torch.addr(Y, Y[:, 0], Y[0]),
    "tensordot to a vector": lambda: torch.tensordot(torch.zeros(2, 2, 1), torch.zeros(2, 1, 2), dims=([0, 1], [2, 0])),
    "vecdot": lambda: torch.linalg.vecdot(Y, Y),
    "cov": lambda: (torch.cov(Y), torch.corrcoef(Y)),
    "trace": lambda: HALF[0, 0].trace(),
    "prod": lambda: (HALF.prod(), HALF.prod(1)),
    "reflect and replicate": lambda: [F.pad(HALF[0], (1, 1), mode) for mode in ("reflect", "replicate", "constant")],
    "soft_margin_loss": lambda: F.soft_margin_loss(FLAT, FLAT),
    "binary_cross_entropy_with_logits": lambda: F.binary_cross_entropy_with_logits(FLAT, FLAT),
    "max_pool3d": lambda: F.max_pool3d(VOLUME, 2),
    "adaptive_avg_pool3d": lambda: F.adaptive_avg_pool3d(VOLUME, 2),
    "adaptive_max_pool3d": lambda: F.adaptive_max_pool3d(VOLUME, 2),
    "fractional_max_pool2d": lambda: F.fractional_max_pool2d(HALF, 2, output_size=2),
    "max_unpool2d": lambda: F.max_unpool2d(*F.max_pool2d(HALF, 2, return_indices=True), 2),
}


@pytest.mark.parametrize("call", CPU_LIST.values(), ids=CPU_LIST.keys())
def test_the_list_of_the_cpu(call, like_torch):
    def model():
        with torch.autocast("cpu", dtype=BF16):
            return call()

    like_torch(model)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_dtypes_are_torchs_own(call, like_torch):
    def model():
        with torch.autocast("cpu", dtype=BF16):
            return call()

    like_torch(model)


@pytest.mark.parametrize("layer", [nn.LSTM(7, 3), nn.GRU(7, 3), nn.RNN(7, 3)], ids=["lstm", "gru", "rnn"])
def test_recurrent_layers(layer, like_torch):
    with torch.autocast("cpu", dtype=BF16):
        like_torch(layer, A)


def test_the_region_is_left_as_it_was(like_torch):
    like_torch(Region(), X)
    assert not torch.is_autocast_enabled("cpu")
