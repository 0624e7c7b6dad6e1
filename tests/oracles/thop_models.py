"""Models on which thop and its descendant do something of their own: shared, tied, derived, lazy, odd layers."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm
from torch.nn.utils.rnn import pack_padded_sequence


class Shared(nn.Module):
    """Layers and a block in several places, a bare parameter, and a layer that is never called."""

    def __init__(self) -> None:
        super().__init__()
        linear = nn.Linear(7, 7)
        block = nn.Sequential(linear, nn.PReLU())
        self.first = nn.Sequential(linear, nn.ReLU(), linear)
        self.second = block
        self.rest = nn.ModuleList([block, nn.Linear(7, 5), linear])
        self.unused = nn.Linear(3, 2)
        self.scale = nn.Parameter(torch.zeros(5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rest[1](self.rest[0](self.second(self.first(x)))) * self.scale


class Tied(nn.Module):
    """One weight in two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.norm = nn.Embedding(11, 7), nn.LayerNorm(7)
        self.head = nn.Linear(7, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.embedding(ids)))


class Adapted(nn.Linear):
    """A derived layer with products of its own beside those of its base."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.down, self.up = nn.Parameter(torch.zeros(inputs, 3)), nn.Parameter(torch.zeros(3, outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + x @ self.down @ self.up


class Attending(nn.Module):
    """Attention in all its ways, and layers that are called by keyword."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(8, 8), Adapted(8, 8)
        self.attention = nn.MultiheadAttention(
            8, 2, batch_first=True, add_bias_kv=True, add_zero_attn=True, kdim=3, vdim=5
        )

    def forward(self, x: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        query = self.query(self.attention(x, k, v)[0])
        key = self.key(self.attention(query=x, key=k, value=v, need_weights=False)[0])
        return F.scaled_dot_product_attention(query, key, key) @ key.transpose(1, 2)


class Packed(nn.Module):
    """Recurrent layers of sequences of unequal length; one of them projects."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(7, 11, 2, bidirectional=True, proj_size=3)
        self.gru = nn.GRU(7, 5)

    def forward(self, x: torch.Tensor) -> Any:
        packed = pack_padded_sequence(x, torch.tensor([5, 3]))
        return self.lstm(packed)[0], self.gru(packed)[0]


class Summed(nn.Module):
    """einsum of two operands, of one, of three, and of two that have no index in common."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> Any:
        products = torch.einsum("ik,jk->ij", x, y)
        outer = torch.einsum("ik,j->ij", x, y[:, 0])
        return products, outer, torch.einsum("ik->i", x), torch.einsum("ij,j,k->ik", products, y[:, 0], y[0])


def resized(*layers: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*layers)


def zeros(*shape: int) -> torch.Tensor:
    return torch.zeros(shape)


_2D = zeros(2, 3, 13, 17)

# name -> (how the model is made, its inputs)
MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[torch.Tensor, ...]]] = {
    "shared": (Shared, (zeros(5, 7),)),
    "tied": (Tied, (torch.zeros(2, 5, dtype=torch.int64),)),
    "attending": (Attending, (zeros(2, 5, 8), zeros(2, 7, 3), zeros(2, 7, 5))),
    "encoder and decoder": (
        lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True),
        (zeros(2, 5, 8), zeros(2, 7, 8)),
    ),
    "packed": (Packed, (zeros(5, 2, 7),)),
    "summed": (Summed, (zeros(3, 7), zeros(5, 7))),
    "lazy": (
        lambda: nn.Sequential(nn.LazyConv2d(5, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(7)),
        (_2D,),
    ),
    "normed weights": (
        lambda: nn.Sequential(spectral_norm(nn.Conv2d(3, 5, 3)), parametrizations.weight_norm(nn.Conv2d(5, 2, 3))),
        (_2D,),
    ),
    "convolution without a batch": (lambda: nn.Conv2d(3, 5, 3), (zeros(3, 13, 17),)),
    "transposed convolution without a batch": (lambda: nn.ConvTranspose2d(4, 6, 3, groups=2), (zeros(4, 13, 17),)),
    "pooling without a batch": (lambda: nn.AdaptiveAvgPool2d((2, 3)), (zeros(3, 13, 17),)),
    "sequence without a batch": (lambda: nn.LSTM(7, 11), (zeros(5, 7),)),
    "cell without a batch": (lambda: nn.GRUCell(7, 11), (zeros(7),)),
    "trilinear": (resized(nn.Upsample(scale_factor=2, mode="trilinear")), (zeros(1, 2, 3, 5, 7),)),
    "nearest-exact, area": (
        resized(nn.Upsample(scale_factor=2, mode="nearest-exact"), nn.Upsample(size=(5, 3), mode="area")),
        (zeros(1, 2, 5, 7),),
    ),
    "softmaxes": (
        resized(nn.Softmax2d(), nn.Softmin(-1), nn.LogSoftmax(1), nn.Softmax(2)),
        (zeros(2, 3, 5, 7),),
    ),
    "padded pooling": (
        resized(nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), nn.AvgPool2d((3, 2), 1, (1, 0))),
        (_2D,),
    ),
}


def printed(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, str]:
    """What a call returns and prints; the exception where it raises."""
    text = io.StringIO()
    try:
        with contextlib.redirect_stdout(text), torch.no_grad():
            return function(*args, **kwargs), text.getvalue()
    except Exception as error:
        return error, text.getvalue()


def assert_same(theirs: Callable[..., Any], ours: Callable[..., Any], name: str, **options: Any) -> None:
    """The tool and its drop-in return and print the same for a model; skipped where the tool fails."""
    make, inputs = MODELS[name]
    said, lines = printed(theirs, make(), inputs, **options)
    if isinstance(said, Exception):
        pytest.skip(f"the tool fails: {said}")
    assert printed(ours, make(), inputs, faithful=True, **options) == (said, lines)
