"""Layers of torch.nn that can be written as functions or methods too: one operation, one cost, in each spelling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

X = torch.zeros(3, 7)
P = torch.full((3, 7), 0.5)
S = torch.zeros(2, 4, 11)
I = torch.zeros(2, 4, 11, 13)
V = torch.zeros(2, 4, 5, 7, 6)
IDS = torch.zeros(2, 3, dtype=torch.int64)
CLASSES = torch.zeros(3, dtype=torch.int64)
SIGNS = torch.ones(3)

Spelling = Callable[..., Any]
ROWS: list[tuple[nn.Module, tuple[torch.Tensor, ...], tuple[Spelling, ...]]] = []


def row(layer: nn.Module, *args: Any) -> None:
    """``row(layer, *inputs, *spellings)``: a spelling takes the layer (for its weights) and the inputs."""
    tensors = tuple(arg for arg in args if isinstance(arg, (torch.Tensor, tuple)))
    ROWS.append((layer.eval(), tensors, args[len(tensors) :]))


# --- activations ---
row(nn.ReLU(), X, lambda m, x: F.relu(x), lambda m, x: torch.relu(x), lambda m, x: x.relu())
row(nn.ReLU6(), X, lambda m, x: F.relu6(x))
row(nn.LeakyReLU(0.2), X, lambda m, x: F.leaky_relu(x, 0.2))
row(nn.ELU(), X, lambda m, x: F.elu(x))
row(nn.SELU(), X, lambda m, x: F.selu(x), lambda m, x: torch.selu(x))
row(nn.CELU(), X, lambda m, x: F.celu(x), lambda m, x: torch.celu(x))
row(nn.GELU(), X, lambda m, x: F.gelu(x))
row(nn.GELU("tanh"), X, lambda m, x: F.gelu(x, approximate="tanh"))
row(nn.SiLU(), X, lambda m, x: F.silu(x))
row(nn.Mish(), X, lambda m, x: F.mish(x))
row(nn.Hardswish(), X, lambda m, x: F.hardswish(x))
row(nn.Hardsigmoid(), X, lambda m, x: F.hardsigmoid(x))
row(nn.Hardtanh(-2, 2), X, lambda m, x: F.hardtanh(x, -2, 2))
row(nn.Hardshrink(), X, lambda m, x: F.hardshrink(x), lambda m, x: torch.hardshrink(x), lambda m, x: x.hardshrink())
row(nn.Softshrink(), X, lambda m, x: F.softshrink(x))
row(nn.Tanhshrink(), X, lambda m, x: F.tanhshrink(x))
row(nn.Softplus(), X, lambda m, x: F.softplus(x))
row(nn.Softsign(), X, lambda m, x: F.softsign(x))
row(nn.LogSigmoid(), X, lambda m, x: F.logsigmoid(x))
row(
    nn.Sigmoid(),
    X,
    lambda m, x: F.sigmoid(x),
    lambda m, x: torch.sigmoid(x),
    lambda m, x: x.sigmoid(),
    lambda m, x: torch.special.expit(x),
)
row(nn.Tanh(), X, lambda m, x: F.tanh(x), lambda m, x: torch.tanh(x), lambda m, x: x.tanh())
row(
    nn.PReLU(7),
    X,
    lambda m, x: F.prelu(x, m.weight),
    lambda m, x: torch.prelu(x, m.weight),
    lambda m, x: x.prelu(m.weight),
)
row(nn.RReLU(), X, lambda m, x: F.rrelu(x), lambda m, x: torch.rrelu(x))
row(nn.Threshold(0.1, 2), X, lambda m, x: F.threshold(x, 0.1, 2), lambda m, x: torch.threshold(x, 0.1, 2))
row(nn.GLU(1), S, lambda m, x: F.glu(x, 1))
row(
    nn.Softmax(1),
    X,
    lambda m, x: F.softmax(x, 1),
    lambda m, x: torch.softmax(x, 1),
    lambda m, x: x.softmax(1),
    lambda m, x: torch.special.softmax(x, 1),
)
row(
    nn.LogSoftmax(1),
    X,
    lambda m, x: F.log_softmax(x, 1),
    lambda m, x: torch.log_softmax(x, 1),
    lambda m, x: x.log_softmax(1),
)
row(nn.Softmin(1), X, lambda m, x: F.softmin(x, 1))
row(nn.Softmax2d(), I, lambda m, x: F.softmax(x, -3))
# --- products ---
row(nn.Linear(7, 5), X, lambda m, x: F.linear(x, m.weight, m.bias))
row(nn.Linear(7, 5, bias=False), X, lambda m, x: F.linear(x, weight=m.weight))
row(
    nn.Bilinear(7, 7, 2),
    X,
    X,
    lambda m, x, y: F.bilinear(x, y, m.weight, m.bias),
    lambda m, x, y: torch.bilinear(x, y, m.weight, m.bias),
)
row(
    nn.Conv1d(4, 6, 3, 2, 1),
    S,
    lambda m, x: F.conv1d(x, m.weight, m.bias, 2, 1),
    lambda m, x: torch.conv1d(x, m.weight, m.bias, stride=2, padding=1),
)
row(
    nn.Conv2d(4, 6, (3, 5), groups=2),
    I,
    lambda m, x: F.conv2d(x, m.weight, m.bias, groups=2),
    lambda m, x: torch.conv2d(x, m.weight, m.bias, groups=2),
)
row(nn.Conv2d(4, 6, 3, padding="same", bias=False), I, lambda m, x: F.conv2d(x, m.weight, padding="same"))
row(
    nn.Conv3d(4, 6, 3, dilation=(1, 2, 1)),
    V,
    lambda m, x: F.conv3d(x, m.weight, m.bias, dilation=(1, 2, 1)),
    lambda m, x: torch.conv3d(x, m.weight, m.bias, dilation=(1, 2, 1)),
)
row(
    nn.ConvTranspose1d(4, 6, 3, 2),
    S,
    lambda m, x: F.conv_transpose1d(x, m.weight, m.bias, 2),
    lambda m, x: torch.conv_transpose1d(x, m.weight, m.bias, 2),
)
row(
    nn.ConvTranspose2d(4, 6, 3, 2, 1, 1),
    I,
    lambda m, x: F.conv_transpose2d(x, m.weight, m.bias, 2, 1, 1),
    lambda m, x: torch.conv_transpose2d(x, m.weight, m.bias, 2, 1, 1),
)
row(
    nn.ConvTranspose3d(4, 6, 3),
    V,
    lambda m, x: F.conv_transpose3d(x, m.weight, m.bias),
    lambda m, x: torch.conv_transpose3d(x, m.weight, m.bias),
)
row(nn.Embedding(11, 7), IDS, lambda m, i: F.embedding(i, m.weight), lambda m, i: torch.embedding(m.weight, i))
row(nn.EmbeddingBag(11, 7), IDS, lambda m, i: F.embedding_bag(i, m.weight))
# --- normalizations ---
row(
    nn.BatchNorm1d(4),
    S,
    lambda m, x: F.batch_norm(x, m.running_mean, m.running_var, m.weight, m.bias),
    lambda m, x: torch.batch_norm(x, m.weight, m.bias, m.running_mean, m.running_var, False, 0.1, 1e-5, False),
)
row(nn.BatchNorm2d(4, affine=False), I, lambda m, x: F.batch_norm(x, m.running_mean, m.running_var))
row(nn.BatchNorm3d(4), V, lambda m, x: F.batch_norm(x, m.running_mean, m.running_var, m.weight, m.bias))
row(
    nn.LayerNorm((11, 13)),
    I,
    lambda m, x: F.layer_norm(x, (11, 13), m.weight, m.bias),
    lambda m, x: torch.layer_norm(x, (11, 13), m.weight, m.bias),
)
row(nn.LayerNorm(13, elementwise_affine=False), I, lambda m, x: F.layer_norm(x, (13,)))
row(
    nn.GroupNorm(2, 4),
    I,
    lambda m, x: F.group_norm(x, 2, m.weight, m.bias),
    lambda m, x: torch.group_norm(x, 2, m.weight, m.bias),
)
row(nn.InstanceNorm1d(4), S, lambda m, x: F.instance_norm(x))
row(
    nn.InstanceNorm2d(4, affine=True),
    I,
    lambda m, x: F.instance_norm(x, weight=m.weight, bias=m.bias),
    lambda m, x: torch.instance_norm(x, m.weight, m.bias, None, None, True, 0.1, 1e-5, False),
)
row(nn.RMSNorm(13), I, lambda m, x: F.rms_norm(x, (13,), m.weight), lambda m, x: torch.rms_norm(x, (13,), m.weight))
row(nn.LocalResponseNorm(3), I, lambda m, x: F.local_response_norm(x, 3))
# --- pooling ---
row(nn.MaxPool1d(3, 2), S, lambda m, x: F.max_pool1d(x, 3, 2), lambda m, x: torch.max_pool1d(x, 3, 2))
row(
    nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    I,
    lambda m, x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True),
    lambda m, x: torch.max_pool2d(x, 3, 2, 1, 1, True),
)
row(nn.MaxPool3d(2), V, lambda m, x: F.max_pool3d(x, 2), lambda m, x: torch.max_pool3d(x, 2))
row(nn.AvgPool1d(3), S, lambda m, x: F.avg_pool1d(x, 3), lambda m, x: torch.avg_pool1d(x, 3))
row(nn.AvgPool2d((3, 5), 2, 1), I, lambda m, x: F.avg_pool2d(x, (3, 5), 2, 1))
row(nn.AvgPool3d(2), V, lambda m, x: F.avg_pool3d(x, 2))
row(nn.AdaptiveAvgPool1d(3), S, lambda m, x: F.adaptive_avg_pool1d(x, 3), lambda m, x: torch.adaptive_avg_pool1d(x, 3))
row(nn.AdaptiveAvgPool2d((3, None)), I, lambda m, x: F.adaptive_avg_pool2d(x, (3, None)))
row(nn.AdaptiveAvgPool3d(1), V, lambda m, x: F.adaptive_avg_pool3d(x, 1))
row(nn.AdaptiveMaxPool1d(3), S, lambda m, x: F.adaptive_max_pool1d(x, 3))
row(nn.AdaptiveMaxPool2d(3), I, lambda m, x: F.adaptive_max_pool2d(x, 3))
row(nn.AdaptiveMaxPool3d(2), V, lambda m, x: F.adaptive_max_pool3d(x, 2))
row(nn.LPPool1d(2, 3), S, lambda m, x: F.lp_pool1d(x, 2, 3))
row(nn.LPPool2d(2, 3), I, lambda m, x: F.lp_pool2d(x, 2, 3))
row(nn.FractionalMaxPool2d(3, output_size=5), I, lambda m, x: F.fractional_max_pool2d(x, 3, output_size=5))
# --- shapes ---
row(nn.Flatten(), I, lambda m, x: torch.flatten(x, 1), lambda m, x: x.flatten(1))
row(nn.Unflatten(1, (2, 2)), I, lambda m, x: torch.unflatten(x, 1, (2, 2)), lambda m, x: x.unflatten(1, (2, 2)))
row(nn.PixelShuffle(2), I, lambda m, x: F.pixel_shuffle(x, 2), lambda m, x: torch.pixel_shuffle(x, 2))
row(nn.PixelUnshuffle(1), I, lambda m, x: F.pixel_unshuffle(x, 1), lambda m, x: torch.pixel_unshuffle(x, 1))
row(nn.ChannelShuffle(2), I, lambda m, x: F.channel_shuffle(x, 2), lambda m, x: torch.channel_shuffle(x, 2))
row(nn.ZeroPad2d((1, 2, 3, 4)), I, lambda m, x: F.pad(x, (1, 2, 3, 4)))
row(nn.ConstantPad1d(2, 1.5), S, lambda m, x: F.pad(x, (2, 2), value=1.5))
row(nn.ReflectionPad2d(1), I, lambda m, x: F.pad(x, (1, 1, 1, 1), "reflect"))
row(nn.ReplicationPad3d(1), V, lambda m, x: F.pad(x, (1,) * 6, "replicate"))
row(nn.CircularPad2d((1, 2, 0, 3)), I, lambda m, x: F.pad(x, (1, 2, 0, 3), "circular"))
row(nn.Fold((4, 5), (2, 3)), torch.zeros(2, 12, 9), lambda m, x: F.fold(x, (4, 5), (2, 3)))
row(nn.Unfold((2, 3), padding=1), I, lambda m, x: F.unfold(x, (2, 3), padding=1))
row(nn.Upsample(scale_factor=2), I, lambda m, x: F.interpolate(x, scale_factor=2))
row(nn.Upsample(size=(5, 7), mode="bilinear"), I, lambda m, x: F.interpolate(x, (5, 7), mode="bilinear"))
row(nn.UpsamplingNearest2d(scale_factor=3), I, lambda m, x: F.interpolate(x, scale_factor=3))
row(
    nn.UpsamplingBilinear2d(scale_factor=2),
    I,
    lambda m, x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True),
)
# --- dropout: nothing in evaluation ---
row(nn.Dropout(0.3), X, lambda m, x: F.dropout(x, 0.3, m.training), lambda m, x: torch.dropout(x, 0.3, m.training))
row(nn.Dropout1d(0.3), S, lambda m, x: F.dropout1d(x, 0.3, m.training))
row(nn.Dropout2d(0.3), I, lambda m, x: F.dropout2d(x, 0.3, m.training))
row(nn.Dropout3d(0.3), V, lambda m, x: F.dropout3d(x, 0.3, m.training))
row(
    nn.AlphaDropout(0.3),
    X,
    lambda m, x: F.alpha_dropout(x, 0.3, m.training),
    lambda m, x: torch.alpha_dropout(x, 0.3, m.training),
)
row(nn.FeatureAlphaDropout(0.3), X, lambda m, x: F.feature_alpha_dropout(x, 0.3, m.training))
# --- distances and losses ---
row(
    nn.CosineSimilarity(1),
    X,
    X,
    lambda m, a, b: F.cosine_similarity(a, b, 1),
    lambda m, a, b: torch.cosine_similarity(a, b, 1),
)
row(
    nn.PairwiseDistance(2),
    X,
    X,
    lambda m, a, b: F.pairwise_distance(a, b, 2),
    lambda m, a, b: torch.pairwise_distance(a, b, 2),
)
row(nn.L1Loss(), X, X, lambda m, a, b: F.l1_loss(a, b))
row(nn.MSELoss(reduction="sum"), X, X, lambda m, a, b: F.mse_loss(a, b, reduction="sum"))
row(nn.SmoothL1Loss(), X, X, lambda m, a, b: F.smooth_l1_loss(a, b))
row(nn.HuberLoss(reduction="none"), X, X, lambda m, a, b: F.huber_loss(a, b, reduction="none"))
row(nn.CrossEntropyLoss(), X, CLASSES, lambda m, a, b: F.cross_entropy(a, b))
row(nn.CrossEntropyLoss(label_smoothing=0.1), X, P, lambda m, a, b: F.cross_entropy(a, b, label_smoothing=0.1))
row(nn.NLLLoss(), X, CLASSES, lambda m, a, b: F.nll_loss(a, b))
row(nn.KLDivLoss(reduction="batchmean"), X, P, lambda m, a, b: F.kl_div(a, b, reduction="batchmean"))
row(nn.BCELoss(), P, P, lambda m, a, b: F.binary_cross_entropy(a, b))
row(
    nn.BCEWithLogitsLoss(),
    X,
    P,
    lambda m, a, b: F.binary_cross_entropy_with_logits(a, b),
    lambda m, a, b: torch.binary_cross_entropy_with_logits(a, b, reduction=1),
)
row(nn.SoftMarginLoss(), X, P, lambda m, a, b: F.soft_margin_loss(a, b))
row(nn.HingeEmbeddingLoss(), X, P, lambda m, a, b: F.hinge_embedding_loss(a, b))
row(nn.PoissonNLLLoss(), X, P, lambda m, a, b: F.poisson_nll_loss(a, b))
row(nn.GaussianNLLLoss(), X, X, P, lambda m, a, b, v: F.gaussian_nll_loss(a, b, v))
row(nn.MarginRankingLoss(), SIGNS, SIGNS, SIGNS, lambda m, a, b, y: F.margin_ranking_loss(a, b, y))
row(nn.CosineEmbeddingLoss(), X, X, SIGNS, lambda m, a, b, y: F.cosine_embedding_loss(a, b, y))
row(
    nn.TripletMarginLoss(),
    X,
    X,
    X,
    lambda m, a, b, c: F.triplet_margin_loss(a, b, c),
    lambda m, a, b, c: torch.triplet_margin_loss(a, b, c, reduction=1),
)
row(nn.MultiMarginLoss(), X, CLASSES, lambda m, a, b: F.multi_margin_loss(a, b))
row(nn.MultiLabelMarginLoss(), X, torch.zeros(3, 7, dtype=torch.int64), lambda m, a, b: F.multilabel_margin_loss(a, b))
row(nn.MultiLabelSoftMarginLoss(), X, P, lambda m, a, b: F.multilabel_soft_margin_loss(a, b))
row(
    nn.CTCLoss(),
    torch.zeros(11, 3, 7),
    torch.ones(3, 5, dtype=torch.int64),
    torch.full((3,), 11),
    torch.full((3,), 5),
    lambda m, a, b, c, d: F.ctc_loss(a, b, c, d),
)
# --- recurrent ---
H = torch.zeros(3, 5)
row(nn.RNNCell(7, 5), X, H, lambda m, x, h: torch.rnn_tanh_cell(x, h, m.weight_ih, m.weight_hh, m.bias_ih, m.bias_hh))
row(nn.GRUCell(7, 5), X, H, lambda m, x, h: torch.gru_cell(x, h, m.weight_ih, m.weight_hh, m.bias_ih, m.bias_hh))
row(nn.LSTMCell(7, 5), X, (H, H), lambda m, x, h: torch.lstm_cell(x, h, m.weight_ih, m.weight_hh, m.bias_ih, m.bias_hh))
row(
    nn.LSTM(7, 5),
    torch.zeros(2, 3, 7),
    (H[None], H[None]),
    lambda m, x, h: torch.lstm(x, h, m._flat_weights, True, 1, 0.0, False, False, False),
)
row(
    nn.GRU(7, 5, bias=False),
    torch.zeros(2, 3, 7),
    H[None],
    lambda m, x, h: torch.gru(x, h, m._flat_weights, False, 1, 0.0, False, False, False),
)
row(
    nn.RNN(7, 5),
    torch.zeros(2, 3, 7),
    H[None],
    lambda m, x, h: torch.rnn_tanh(x, h, m._flat_weights, True, 1, 0.0, False, False, False),
)


def name_of(row: tuple[Any, ...]) -> str:
    return type(row[0]).__name__


def found(analysis: Any) -> list[Any]:
    return [(node.op, node.counts) for node in analysis.graph if node.op not in ("input", "output", "constant")]


@pytest.mark.parametrize(("layer", "tensors", "spellings"), ROWS, ids=map(name_of, ROWS))
def test_one_operation_in_every_spelling(layer, tensors, spellings, like_torch):
    module = like_torch(layer, *tensors)
    for spelling in spellings:
        function = like_torch(lambda *args, spelling=spelling: spelling(layer, *args), *tensors)
        assert found(function) == found(module)
        assert not [node for node in function.graph if node.status == "inferred"]


@pytest.mark.parametrize(
    ("layer", "tensors", "spellings"),
    [row for row in ROWS if "Dropout" in name_of(row)],
    ids=[name_of(r) for r in ROWS if "Dropout" in name_of(r)],
)
def test_dropout_in_training(layer, tensors, spellings, like_torch):
    layer.train()
    try:
        module = like_torch(layer, *tensors)
        for spelling in spellings:
            assert found(like_torch(lambda *args, spelling=spelling: spelling(layer, *args), *tensors)) == found(module)
    finally:
        layer.eval()


def test_every_layer_of_torch_nn_with_a_function_is_here():
    """A new layer of torch shows up here; those that have no function of their own are listed."""
    without = {
        "AdaptiveLogSoftmaxWithLoss", "Container", "CrossMapLRN2d", "DataParallel", "FractionalMaxPool3d", "Identity",
        "LinearCrossEntropyLoss", "Module", "ModuleDict", "ModuleList", "MultiheadAttention", "NLLLoss2d",
        "ParameterDict",
        "ParameterList", "RNNBase", "RNNCellBase", "Sequential", "SyncBatchNorm", "Transformer", "TransformerDecoder",
        "TransformerDecoderLayer", "TransformerEncoder", "TransformerEncoderLayer", "TripletMarginWithDistanceLoss",
        "LPPool3d",
    }  # fmt: skip
    families = ("Lazy", "Pad", "InstanceNorm", "MaxUnpool")  # one of each stands for its dimensions
    here = {name_of(row) for row in ROWS}
    layers = {
        name for name in dir(nn) if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Module)
    }
    missing = {name for name in layers - here - without if not any(family in name for family in families)}
    assert missing == set()
