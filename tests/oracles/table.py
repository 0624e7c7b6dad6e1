"""The table of operations on which every tool is asked, and ours is held against it. Sizes are distinct primes."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


class Call(nn.Module):
    """A model whose forward is one function of its inputs."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.function(*inputs)


class Weighted(nn.Module):
    """A layer of one's own: a bare parameter, and a function of it."""

    def __init__(self, function: Callable[..., Any], *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x, self.weight)


class Plus(nn.Module):
    """A residual around a layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> Any:
        return x + self.layer(x)


class Itself(nn.Module):
    """Self-attention as vision transformers call it."""

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, x: torch.Tensor) -> Any:
        return self.attention(x, x, x, need_weights=False)[0]


def image(*shape: int) -> torch.Tensor:
    return torch.zeros(shape)


def ids(*shape: int) -> torch.Tensor:
    return torch.zeros(shape, dtype=torch.int64)


_1D, _2D, _3D = image(2, 3, 31), image(2, 3, 13, 17), image(2, 3, 5, 7, 11)
_ROWS, _TOKENS = image(5, 7), image(2, 5, 7)
_WIDE = image(2, 6, 13, 17)
_QKV = image(2, 3, 5, 8), image(2, 3, 7, 8), image(2, 3, 7, 11)

# name -> (how the model is made, its inputs)
TABLE: dict[str, tuple[Callable[[], nn.Module], tuple[torch.Tensor, ...]]] = {
    # convolutions
    "Conv1d": (lambda: nn.Conv1d(3, 5, 7), (_1D,)),
    "Conv2d": (lambda: nn.Conv2d(3, 5, (7, 11), padding=(3, 5)), (_2D,)),
    "Conv2d without bias": (lambda: nn.Conv2d(3, 5, 3, bias=False), (_2D,)),
    "Conv2d strided, dilated": (lambda: nn.Conv2d(3, 5, 3, stride=2, dilation=3, padding=2), (_2D,)),
    "Conv2d grouped": (lambda: nn.Conv2d(6, 10, 3, groups=2), (_WIDE,)),
    "Conv2d depthwise": (lambda: nn.Conv2d(6, 6, 3, groups=6, bias=False), (_WIDE,)),
    "Conv2d same": (lambda: nn.Conv2d(3, 5, 3, padding="same"), (_2D,)),
    "Conv3d": (lambda: nn.Conv3d(3, 5, 3), (_3D,)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(3, 5, 3, stride=2), (_1D,)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 5, 3, stride=2), (_2D,)),
    "ConvTranspose2d grouped": (lambda: nn.ConvTranspose2d(6, 10, 3, groups=2, bias=False), (_WIDE,)),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(3, 5, 3), (_3D,)),
    "conv2d": (lambda: Weighted(F.conv2d, 5, 3, 3, 3), (_2D,)),
    "conv_transpose2d": (lambda: Weighted(F.conv_transpose2d, 3, 5, 3, 3), (_2D,)),
    # products
    "Linear": (lambda: nn.Linear(7, 11), (_ROWS,)),
    "Linear without bias": (lambda: nn.Linear(7, 11, bias=False), (_ROWS,)),
    "Linear on tokens": (lambda: nn.Linear(7, 11), (_TOKENS,)),
    "linear": (lambda: Weighted(F.linear, 11, 7), (_ROWS,)),
    "Bilinear": (lambda: nn.Bilinear(7, 3, 11), (image(5, 7), image(5, 3))),
    "x @ weight": (lambda: Weighted(operator.matmul, 7, 11), (_ROWS,)),
    "x.matmul(weight)": (lambda: Weighted(lambda x, w: x.matmul(w), 7, 11), (_ROWS,)),
    "matmul": (lambda: Call(torch.matmul), (image(3, 5, 7), image(3, 7, 11))),
    "matmul broadcast": (lambda: Call(torch.matmul), (image(2, 3, 5, 7), image(7, 11))),
    "x @ y": (lambda: Call(operator.matmul), (image(3, 5, 7), image(3, 7, 11))),
    "mm": (lambda: Call(torch.mm), (image(5, 7), image(7, 11))),
    "x.mm(y)": (lambda: Call(lambda x, y: x.mm(y)), (image(5, 7), image(7, 11))),
    "bmm": (lambda: Call(torch.bmm), (image(3, 5, 7), image(3, 7, 11))),
    "addmm": (lambda: Call(torch.addmm), (image(5, 11), image(5, 7), image(7, 11))),
    "baddbmm": (lambda: Call(torch.baddbmm), (image(3, 5, 11), image(3, 5, 7), image(3, 7, 11))),
    "einsum": (lambda: Call(lambda x, y: torch.einsum("bik,bkj->bij", x, y)), (image(3, 5, 7), image(3, 7, 11))),
    "einsum attention": (
        lambda: Call(lambda q, k: torch.einsum("bqhd,bkhd->bhqk", q, k)),
        (image(2, 5, 3, 7), image(2, 11, 3, 7)),
    ),
    "mv": (lambda: Call(torch.mv), (image(5, 7), image(7))),
    # attention
    "MultiheadAttention": (
        lambda: nn.MultiheadAttention(12, 3, batch_first=True),
        (image(2, 5, 12), image(2, 5, 12), image(2, 5, 12)),
    ),
    "MultiheadAttention of others": (
        lambda: nn.MultiheadAttention(12, 3, batch_first=True),
        (image(2, 5, 12), image(2, 7, 12), image(2, 7, 12)),
    ),
    "MultiheadAttention of itself": (
        lambda: Itself(nn.MultiheadAttention(12, 2, batch_first=True)),
        (image(3, 5, 12),),
    ),
    "scaled_dot_product_attention": (lambda: Call(F.scaled_dot_product_attention), _QKV),
    "attention by hand": (
        lambda: Call(lambda q, k, v: (q @ k.transpose(-2, -1) / 8**0.5).softmax(-1) @ v),
        _QKV,
    ),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(12, 3, 19, batch_first=True), (image(2, 5, 12),)),
    "TransformerEncoderLayer, even heads": (
        lambda: nn.TransformerEncoderLayer(12, 2, 19, batch_first=True),
        (image(3, 5, 12),),
    ),
    "scaled_dot_product_attention of equal widths": (
        lambda: Call(F.scaled_dot_product_attention),
        (image(2, 3, 5, 8), image(2, 3, 7, 8), image(2, 3, 7, 8)),
    ),
    # recurrent
    "LSTM": (lambda: nn.LSTM(7, 11, batch_first=True), (_TOKENS,)),
    "LSTM, two layers, both ways": (lambda: nn.LSTM(7, 11, 2, bidirectional=True, batch_first=True), (_TOKENS,)),
    "LSTM, sequence first": (lambda: nn.LSTM(7, 11), (_TOKENS,)),
    "LSTM without bias": (lambda: nn.LSTM(7, 11, bias=False, batch_first=True), (_TOKENS,)),
    "GRU": (lambda: nn.GRU(7, 11, batch_first=True), (_TOKENS,)),
    "RNN": (lambda: nn.RNN(7, 11, batch_first=True), (_TOKENS,)),
    "LSTMCell": (lambda: nn.LSTMCell(7, 11), (_ROWS,)),
    "GRUCell": (lambda: nn.GRUCell(7, 11), (_ROWS,)),
    "RNNCell": (lambda: nn.RNNCell(7, 11), (_ROWS,)),
    # normalization
    "BatchNorm1d": (lambda: nn.BatchNorm1d(3), (_1D,)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3), (_2D,)),
    "BatchNorm2d not affine": (lambda: nn.BatchNorm2d(3, affine=False), (_2D,)),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(3), (_3D,)),
    "Conv2d and BatchNorm2d": (lambda: nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)), (_2D,)),
    "LayerNorm": (lambda: nn.LayerNorm(7), (_TOKENS,)),
    "LayerNorm not affine": (lambda: nn.LayerNorm(7, elementwise_affine=False), (_TOKENS,)),
    "GroupNorm": (lambda: nn.GroupNorm(3, 6), (_WIDE,)),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(3), (_2D,)),
    "InstanceNorm2d affine": (lambda: nn.InstanceNorm2d(3, affine=True), (_2D,)),
    "RMSNorm": (lambda: nn.RMSNorm(7), (_TOKENS,)),
    "layer_norm": (lambda: Call(lambda x: F.layer_norm(x, (7,))), (_TOKENS,)),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(5), (_2D,)),
    # activations
    **{
        name: (getattr(nn, name), (_2D,))
        for name in ("ReLU", "ReLU6", "LeakyReLU", "PReLU", "ELU", "GELU", "SiLU", "Sigmoid", "Tanh", "Hardswish")
    },
    "relu": (lambda: Call(F.relu), (_2D,)),
    "torch.relu": (lambda: Call(torch.relu), (_2D,)),
    "gelu": (lambda: Call(F.gelu), (_2D,)),
    "silu": (lambda: Call(F.silu), (_2D,)),
    "Softmax": (lambda: nn.Softmax(-1), (_TOKENS,)),
    "Softmax over channels": (lambda: nn.Softmax(1), (_TOKENS,)),
    "LogSoftmax": (lambda: nn.LogSoftmax(-1), (_TOKENS,)),
    "softmax": (lambda: Call(lambda x: F.softmax(x, -1)), (_TOKENS,)),
    "x.softmax()": (lambda: Call(lambda x: x.softmax(-1)), (_TOKENS,)),
    "Dropout": (lambda: nn.Dropout(), (_TOKENS,)),
    "Identity": (lambda: nn.Identity(), (_TOKENS,)),
    # pooling
    "MaxPool2d": (lambda: nn.MaxPool2d(3, 2), (_2D,)),
    "AvgPool1d": (lambda: nn.AvgPool1d(5), (_1D,)),
    "AvgPool2d": (lambda: nn.AvgPool2d(3, 2), (_2D,)),
    "AvgPool3d": (lambda: nn.AvgPool3d(2), (_3D,)),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d(1), (_2D,)),
    "AdaptiveAvgPool2d to 5": (lambda: nn.AdaptiveAvgPool2d(5), (_2D,)),
    "AdaptiveMaxPool2d": (lambda: nn.AdaptiveMaxPool2d(1), (_2D,)),
    "max_pool2d": (lambda: Call(lambda x: F.max_pool2d(x, 2)), (_2D,)),
    "adaptive_avg_pool2d": (lambda: Call(lambda x: F.adaptive_avg_pool2d(x, 1)), (_2D,)),
    "x.mean()": (lambda: Call(lambda x: x.mean((2, 3))), (_2D,)),
    # resizing
    "Upsample nearest": (lambda: nn.Upsample(scale_factor=2), (_2D,)),
    "Upsample bilinear": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (_2D,)),
    "Upsample bicubic": (lambda: nn.Upsample(scale_factor=2, mode="bicubic"), (_2D,)),
    "Upsample to a size": (lambda: nn.Upsample(size=(19, 23)), (_2D,)),
    "UpsamplingBilinear2d": (lambda: nn.UpsamplingBilinear2d(scale_factor=2), (_2D,)),
    "interpolate": (lambda: Call(lambda x: F.interpolate(x, scale_factor=2)), (_2D,)),
    "interpolate to a size": (lambda: Call(lambda x: F.interpolate(x, size=(19, 23), mode="bilinear")), (_2D,)),
    "grid_sample": (lambda: Call(F.grid_sample), (_2D, image(2, 19, 23, 2))),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), (image(2, 12, 5, 7),)),
    "ZeroPad2d": (lambda: nn.ZeroPad2d(2), (_2D,)),
    # embeddings
    "Embedding": (lambda: nn.Embedding(13, 7), (ids(2, 5),)),
    "EmbeddingBag": (lambda: nn.EmbeddingBag(13, 7), (ids(2, 5),)),
    # elements
    "x + y": (lambda: Call(operator.add), (_TOKENS, _TOKENS)),
    "x.add(y)": (lambda: Call(lambda x, y: x.add(y)), (_TOKENS, _TOKENS)),
    "torch.add": (lambda: Call(torch.add), (_TOKENS, _TOKENS)),
    "torch.add, broadcast": (lambda: Call(torch.add), (_TOKENS, image(7))),
    "x * y": (lambda: Call(operator.mul), (_TOKENS, _TOKENS)),
    "torch.mul": (lambda: Call(torch.mul), (_TOKENS, _TOKENS)),
    "torch.mul by a number": (lambda: Call(lambda x: torch.mul(x, 3)), (_TOKENS,)),
    "x * weight": (lambda: Weighted(operator.mul, 7), (_TOKENS,)),
    "reshape, transpose": (lambda: Call(lambda x: x.reshape(2, 35).t()), (_TOKENS,)),
    "cat": (lambda: Call(lambda x, y: torch.cat((x, y))), (_TOKENS, _TOKENS)),
    # layers together
    "Sequential": (lambda: nn.Sequential(nn.Linear(7, 11), nn.ReLU(), nn.Linear(11, 3)), (_ROWS,)),
    "the same layer twice": (lambda: _twice(nn.Linear(7, 7)), (_ROWS,)),
    "residual": (lambda: Plus(nn.Linear(7, 7)), (_ROWS,)),
    "a subclass of Conv2d": (lambda: Own(3, 5, 3), (_2D,)),
}


class Own(nn.Conv2d):
    """Knows nothing new: tools that look a layer up by its exact class do not find it."""


def _twice(layer: nn.Module) -> nn.Module:
    return nn.Sequential(layer, nn.ReLU(), layer)


MODELS = ("alexnet", "resnet50", "mobilenet_v2", "swin_t", "vit_b_16")
