"""Conventions: textbook digits by pencil, `flop_counter` held against torch's own FlopCounterMode, sums that agree."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from analyzer import CONVENTIONS, Convention, Counts, TensorSpec, analyze, skeleton

# --- the digits of the README ---

OUTPUTS = 2 * 5 * 13 * 17
DIGITS = [
    ("conv", nn.Conv2d(3, 5, (7, 11), padding=(3, 5), bias=False), (2, 3, 13, 17), 1_018_810, OUTPUTS * 231),
    ("conv with bias", nn.Conv2d(3, 5, (7, 11), padding=(3, 5)), (2, 3, 13, 17), 1_021_020, OUTPUTS * 231),
    ("linear", nn.Linear(7, 5, bias=False), (3, 7), 195, 105),
    ("linear with bias", nn.Linear(7, 5), (3, 7), 210, 105),
]


@pytest.mark.parametrize(
    ("layer", "shape", "flops", "macs"), [row[1:] for row in DIGITS], ids=[row[0] for row in DIGITS]
)
def test_digits(layer, shape, flops, macs):
    analysis = analyze(layer, shape)
    assert analysis.total() == analysis.total("flops") == flops
    assert analysis.total("macs") == macs


def test_totals_are_whole_numbers():
    big = analyze(skeleton(nn.Linear, 10**9, 10**9), TensorSpec((10**6, 10**9), device="meta"))
    assert big.total("macs") == 10**24
    assert type(big.total("flops")) is int


# --- folding ---


class Behind(nn.Module):
    """conv -> norm, with what else reads the convolution, what lies between, and how the norm is spelt."""

    def __init__(self, between=None, norm=None):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, padding=1, bias=False)
        self.norm = norm or nn.BatchNorm2d(5)
        self.between = between or (lambda y: y)

    def forward(self, x):
        y = self.conv(x)
        return self.norm(self.between(y))


class Read(Behind):
    def forward(self, x):
        y = self.conv(x)
        return self.norm(y) + y


class Before(Behind):
    def __init__(self):
        super().__init__(norm=nn.BatchNorm2d(3))

    def forward(self, x):
        return self.conv(self.norm(x))


class Functional(Behind):
    def forward(self, x):
        y = F.conv2d(x, self.conv.weight, padding=1)
        n = self.norm
        return F.batch_norm(y, n.running_mean, n.running_var, n.weight, n.bias, False)


class Torch(Behind):
    def forward(self, x):
        y = torch.conv2d(x, self.conv.weight, padding=1)
        n = self.norm
        return torch.batch_norm(y, n.weight, n.bias, n.running_mean, n.running_var, False, 0.1, 1e-5, False)


class Twice(Behind):
    """Called twice: each call has its own convolution in front."""

    def forward(self, x):
        return self.norm(self.conv(x)) + self.norm(self.conv(x))


class Returned(Behind):
    """The convolution's own output is returned too."""

    def forward(self, x):
        y = self.conv(x)
        return self.norm(y), y


class InPlaceBetween(Behind):
    """A write between the two is a reader."""

    def forward(self, x):
        y = self.conv(x)
        y.add_(1)
        return self.norm(y)


CONV = (2 * 27 - 1) * 2 * 5 * 77  # (2, 3, 7, 11), 27 products an output
NORM = 2 * 2 * 5 * 77  # scale and shift
ADD = 2 * 5 * 77
FOLDING = [
    ("behind a convolution", Behind(), CONV, 1),
    ("functional spelling", Functional(), CONV, 1),
    ("torch spelling", Torch(), CONV, 1),
    ("called twice", Twice(), 2 * CONV + ADD, 2),
    ("through Identity", Behind(nn.Identity()), CONV, None),
    ("others read it too", Read(), CONV + NORM + ADD, 0),
    ("it is returned too", Returned(), CONV + NORM, 0),
    ("before a convolution", Before(), CONV + 2 * 2 * 3 * 77, 0),
    ("something in between", Behind(torch.relu), CONV + NORM, 0),
    ("a write in between", InPlaceBetween(), CONV + NORM + ADD, 0),
    ("no running statistics", Behind(norm=nn.BatchNorm2d(5, track_running_stats=False)), None, 0),
    ("not affine", Behind(norm=nn.BatchNorm2d(5, affine=False)), CONV, 1),
    ("a group norm", Behind(norm=nn.GroupNorm(1, 5)), None, 0),
]


@pytest.mark.parametrize(("model", "flops", "folded"), [row[1:] for row in FOLDING], ids=[row[0] for row in FOLDING])
def test_folding(model, flops, folded):
    analysis = analyze(model.eval(), (2, 3, 7, 11))
    if folded is not None:
        assert sum(node.status == "folded" for node in analysis.graph) == folded
    if flops is not None:
        assert analysis.total("flops") == flops


def test_folding_marks_and_never_zeroes():
    analysis = analyze(Behind().eval(), (2, 3, 7, 11))
    (norm,) = [node for node in analysis.graph if node.status == "folded"]
    assert norm.counts == Counts(mul=770, add=770)
    assert analysis.total("all") == CONV + NORM
    assert analysis.by_module()["norm"] == 0
    assert "folded" in analysis.why(norm)


@pytest.mark.parametrize(
    ("conv", "norm", "shape"),
    [
        (nn.Conv1d(3, 5, 3), nn.BatchNorm1d(5), (2, 3, 11)),
        (nn.Conv3d(3, 5, 3), nn.BatchNorm3d(5), (2, 3, 5, 5, 5)),
        (nn.ConvTranspose2d(3, 5, 3), nn.BatchNorm2d(5), (2, 3, 5, 7)),
        (nn.Conv2d(3, 5, 3, padding_mode="reflect", padding=1), nn.BatchNorm2d(5), (2, 3, 5, 7)),
        (nn.Conv2d(3, 5, 3), nn.SyncBatchNorm(5), (2, 3, 5, 7)),
    ],
    ids=["1d", "3d", "transposed", "reflecting", "sync"],
)
def test_folding_behind_every_convolution(conv, norm, shape):
    alone = analyze(conv.eval(), shape).total("flops")
    assert analyze(nn.Sequential(conv, norm).eval(), shape).total("flops") == alone


def test_in_training_nothing_folds():
    """A channel: n-1 add, 1 div (mean); n add; n mul; n-1 add, 1 div; 1 add; n mul; affine n mul, n add."""
    n = 2 * 77
    analysis = analyze(Behind(), (2, 3, 7, 11), training=True)
    assert not any(node.status == "folded" for node in analysis.graph)
    assert analysis.total("flops") == CONV + 5 * ((n - 1) + 1 + n + n + (n - 1) + 1 + 1 + n + n + n)


# --- complex numbers ---

C64 = torch.complex64
COMPLEX = [
    ("dot product", torch.dot, ((7,), (7,)), 8 * 7 - 2, 7),
    ("matrix product", torch.matmul, ((3, 7), (7, 5)), 15 * (8 * 7 - 2), 105),
    ("linear with bias", nn.Linear(7, 5, dtype=C64), ((3, 7),), 15 * (8 * 7 - 2) + 15 * 2, 105),
    ("conv", nn.Conv1d(3, 5, 7, bias=False, dtype=C64), ((1, 3, 11),), 5 * 5 * (8 * 21 - 2), 5 * 5 * 21),
    ("sum", lambda x: x.sum(), ((3, 7),), 2 * 20, 0),
    ("product", lambda x, y: x * y, ((3, 7), (3, 7)), 21 * 6, 0),
]


@pytest.mark.parametrize(
    ("call", "shapes", "flops", "macs"), [row[1:] for row in COMPLEX], ids=[row[0] for row in COMPLEX]
)
def test_complex_arithmetic_counts_its_parts(call, shapes, flops, macs):
    analysis = analyze(call, tuple(TensorSpec(shape, C64) for shape in shapes))
    assert analysis.total("flops") == flops
    assert analysis.total("macs") == macs, "macs counts one a complex multiply-accumulate, as torch does"


# --- flop_counter ---


def flop_counter(call, args) -> int:
    """What torch itself prints, on meta, no_grad, evaluation."""
    if isinstance(call, nn.Module):
        call = call.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        call(*args)
    return counter.get_total_flops()


def meta(*shape, dtype=torch.float32):
    return torch.empty(shape, dtype=dtype, device="meta")


def layer(cls, *args, **kwargs):
    return cls(*args, device="meta", **kwargs)


IMAGE = meta(2, 3, 11, 13)
CALLS = {
    "mm": (torch.mm, (meta(3, 7), meta(7, 5))),
    "bmm": (torch.bmm, (meta(2, 3, 7), meta(2, 7, 5))),
    "embedding_bag": (layer(nn.EmbeddingBag, 11, 5, mode="sum"), (meta(3, 7, dtype=torch.int64), None, meta(3, 7))),
    "addmm": (torch.addmm, (meta(5), meta(3, 7), meta(7, 5))),
    "baddbmm": (torch.baddbmm, (meta(2, 3, 5), meta(2, 3, 7), meta(2, 7, 5))),
    "addbmm": (torch.addbmm, (meta(3, 5), meta(2, 3, 7), meta(2, 7, 5))),
    "mv": (torch.mv, (meta(3, 7), meta(7))),
    "addmv": (torch.addmv, (meta(3), meta(3, 7), meta(7))),
    "dot": (torch.dot, (meta(7), meta(7))),
    "vdot": (torch.vdot, (meta(7), meta(7))),
    "inner": (torch.inner, (meta(3, 7), meta(5, 7))),
    "inner of vectors": (torch.inner, (meta(7), meta(7))),
    "outer": (torch.outer, (meta(3), meta(5))),
    "kron": (torch.kron, (meta(3, 5), meta(2, 7))),
    "addr": (torch.addr, (meta(3, 5), meta(3), meta(5))),
    "matmul of vectors": (torch.matmul, (meta(7), meta(7))),
    "matmul vector matrix": (torch.matmul, (meta(7), meta(7, 5))),
    "matmul matrix vector": (torch.matmul, (meta(3, 7), meta(7))),
    "matmul batch vector": (torch.matmul, (meta(2, 3, 7), meta(7))),
    "matmul vector batch": (torch.matmul, (meta(3), meta(2, 3, 7))),
    "matmul folded": (torch.matmul, (meta(11, 3, 7), meta(7, 5))),
    "matmul broadcast": (torch.matmul, (meta(11, 1, 3, 7), meta(2, 7, 5))),
    "tensordot": (lambda a, b: torch.tensordot(a, b, 2), (meta(3, 5, 7), meta(5, 7, 2))),
    "einsum": (lambda a, b: torch.einsum("bhid,bhjd->bhij", a, b), (meta(2, 3, 5, 7), meta(2, 3, 11, 7))),
    "einsum, nothing summed": (lambda a, b: torch.einsum("ij,ij->ij", a, b), (meta(3, 5), meta(3, 5))),
    "einsum, outer": (lambda a, b: torch.einsum("i,j->ij", a, b), (meta(3), meta(5))),
    "einsum, three": (lambda a, b, c: torch.einsum("ij,jk,kl->il", a, b, c), (meta(3, 5), meta(5, 7), meta(7, 2))),
    "einsum, trace": (lambda a: torch.einsum("ii->", a), (meta(5, 5),)),
    "einsum, dot": (lambda a, b: torch.einsum("i,i->", a, b), (meta(5), meta(5))),
    "chain": (torch.linalg.multi_dot, ([meta(3, 5), meta(5, 7), meta(7, 2)],)),
    "complex": (torch.mm, (meta(3, 7, dtype=C64), meta(7, 5, dtype=C64))),
    "linear": (layer(nn.Linear, 7, 5), (meta(3, 7),)),
    "linear of three dimensions": (layer(nn.Linear, 7, 5), (meta(2, 3, 7),)),
    "linear without bias": (layer(nn.Linear, 7, 5, bias=False), (meta(2, 3, 7),)),
    "linear of a vector": (layer(nn.Linear, 7, 5), (meta(7),)),
    "linear of a vector without bias": (layer(nn.Linear, 7, 5, bias=False), (meta(7),)),
    "bilinear": (layer(nn.Bilinear, 7, 5, 3), (meta(2, 7), meta(2, 5))),
    "conv1d": (layer(nn.Conv1d, 3, 5, 7), (meta(2, 3, 29),)),
    "conv2d": (layer(nn.Conv2d, 3, 5, (3, 5), stride=2, padding=1), (IMAGE,)),
    "conv2d unbatched": (layer(nn.Conv2d, 3, 5, 3), (meta(3, 11, 13),)),
    "conv2d grouped": (layer(nn.Conv2d, 6, 4, 3, groups=2), (meta(2, 6, 11, 13),)),
    "conv2d same": (layer(nn.Conv2d, 3, 5, 4, padding="same"), (IMAGE,)),
    "conv2d circular": (layer(nn.Conv2d, 3, 5, 3, padding=2, padding_mode="circular"), (IMAGE,)),
    "conv3d": (layer(nn.Conv3d, 3, 5, 3), (meta(1, 3, 5, 7, 7),)),
    "conv_transpose1d": (layer(nn.ConvTranspose1d, 3, 5, 7, stride=2), (meta(2, 3, 11),)),
    "conv_transpose2d": (layer(nn.ConvTranspose2d, 3, 5, 3, stride=2, output_padding=1), (IMAGE,)),
    "conv_transpose2d grouped": (layer(nn.ConvTranspose2d, 6, 4, 3, groups=2), (meta(2, 6, 11, 13),)),
    "sdpa": (F.scaled_dot_product_attention, (meta(2, 3, 5, 7), meta(2, 3, 11, 7), meta(2, 3, 11, 13))),
    "sdpa causal": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        (meta(2, 3, 5, 7), meta(2, 3, 5, 7), meta(2, 3, 5, 7)),
    ),
    "sdpa grouped": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True),
        (meta(2, 6, 5, 7), meta(2, 3, 11, 7), meta(2, 3, 11, 7)),
    ),
    "multihead attention": (layer(nn.MultiheadAttention, 12, 3), (meta(5, 2, 12),) * 3),
    "encoder layer": (layer(nn.TransformerEncoderLayer, 12, 3, 17, batch_first=True), (meta(2, 5, 12),)),
    "lstm": (layer(nn.LSTM, 7, 5, 2, bidirectional=True), (meta(3, 2, 7),)),
    "gru": (layer(nn.GRU, 7, 5), (meta(3, 2, 7),)),
    "rnn without bias": (layer(nn.RNN, 7, 5, bias=False), (meta(3, 2, 7),)),
    "lstm cell": (layer(nn.LSTMCell, 7, 5), (meta(3, 7),)),
    "deform_conv2d": (
        lambda *args: pytest.importorskip("torchvision").ops.deform_conv2d(*args),
        (meta(2, 4, 7, 11), meta(2, 18, 5, 9), meta(5, 4, 3, 3)),
    ),
    "affine_grid": (lambda theta: F.affine_grid(theta, [2, 3, 5, 7], align_corners=False), (meta(2, 2, 3),)),
    "matrix_exp": (torch.matrix_exp, (meta(5, 5),)),
    "pinv": (torch.linalg.pinv, (meta(3, 5),)),
    "cdist": (torch.cdist, (meta(3, 7), meta(5, 7))),
    "cdist of many": (torch.cdist, (meta(31, 7), meta(29, 7))),
    "norms and activations": (nn.Sequential(layer(nn.LayerNorm, 7), nn.GELU(), nn.Softmax(-1)), (meta(3, 7),)),
}


@pytest.mark.parametrize(("call", "args"), CALLS.values(), ids=CALLS.keys())
def test_flop_counter_prints_what_torch_prints(call, args):
    want = flop_counter(call, args)
    assert analyze(call, args).total("flop_counter") == want


MODELS = {
    "alexnet": (1, 3, 224, 224),
    "resnext50_32x4d": (2, 3, 96, 64),
    "densenet121": (1, 3, 64, 64),
    "mobilenet_v3_small": (1, 3, 64, 64),
    "efficientnet_b0": (1, 3, 64, 64),
    "convnext_tiny": (1, 3, 64, 64),
    "swin_t": (1, 3, 64, 64),
    "vit_b_32": (1, 3, 224, 224),
    "regnet_x_400mf": (1, 3, 64, 64),
    "mvit_v2_s": (1, 3, 16, 224, 224),
}


@pytest.mark.parametrize(("name", "shape"), MODELS.items(), ids=MODELS.keys())
def test_flop_counter_of_whole_models(name, shape):
    torchvision = pytest.importorskip("torchvision")
    model = skeleton(torchvision.models.get_model, name).to("meta").eval()
    analysis = analyze(model, (meta(*shape),))
    want = flop_counter(model, (meta(*shape),))
    assert analysis.total("flop_counter") == want
    assert 2 * analysis.total("macs") == want


# --- sums that agree ---


@pytest.fixture(scope="module")
def encoder():
    model = nn.Sequential(
        nn.Conv1d(7, 12, 3), nn.BatchNorm1d(12), nn.Flatten(1), nn.Unflatten(1, (-1, 12)),
        nn.TransformerEncoderLayer(12, 3, 17, batch_first=True), nn.LSTM(12, 5),
    )  # fmt: skip
    return analyze(model.eval(), (2, 7, 13))


@pytest.mark.parametrize("name", CONVENTIONS)
def test_sums_by_module_and_by_operation_equal_the_total(name, encoder):
    total = encoder.total(name)
    assert total > 0
    assert encoder.by_module(name)[""] == total
    assert sum(encoder.by_op(name).values()) == total
    top = [cost for path, cost in encoder.by_module(name).items() if path and "." not in path]
    assert sum(top) == total


def test_macs_are_the_products(encoder):
    assert encoder.total("macs") == encoder.counts.mac == sum(node.counts.mac for node in encoder.graph)


def test_all_counts_more_than_flops(encoder):
    assert encoder.total("all") > encoder.total("flops") > encoder.total("macs")


def test_a_convention_of_ones_own():
    adds = Convention("adds", "this test", {"add": 1}, overrides={"relu": lambda node: 1000})
    analysis = analyze(nn.Sequential(nn.Linear(7, 5), nn.ReLU()), (3, 7))
    assert analysis.total(adds) == 15 + 1000
    assert "this test" in analysis.why("1", adds)


# --- why ---


def test_why_gives_the_formula_with_its_values_and_the_total():
    analysis = analyze(nn.Sequential(nn.Conv2d(3, 5, (7, 11), padding=(3, 5))), (2, 3, 13, 17))
    text = analysis.why("0", "flops")
    assert "1,021,020" in text
    formula = next(line for line in text.splitlines() if line.strip().startswith("flops"))
    values = formula.split("flops", 1)[1].partition("=")[0]
    assert eval(values.replace("·", "*").replace("−", "-").replace(" add", "")) == 1_021_020
    for size in ("7", "11", "13", "17"):
        assert size in formula
    assert "test_conventions" not in text.splitlines()[0]
    assert "nn.Conv2d" in text


@pytest.mark.parametrize("name", CONVENTIONS)
def test_every_node_can_be_explained_in_every_convention(name, encoder):
    for node in encoder.graph:
        text = encoder.why(node, name)
        assert text.splitlines()[0].startswith(node.id)
        assert f"{CONVENTIONS[name](node):,}" in text.splitlines()[-1]


def test_why_of_an_unknown_node_names_near_ones(encoder):
    with pytest.raises(KeyError, match="did you mean"):
        encoder.why("linear")


def test_a_fourier_transform_counts_real_parts_once():
    """5 n log2 n operations, as the field counts them: 2 n log2 n multiplications and 3 n log2 n additions; n = 8."""
    analysis = analyze(torch.fft.fft, TensorSpec((8,), torch.complex64))
    assert (analysis.counts.mul, analysis.counts.add) == (2 * 8 * 3, 3 * 8 * 3)
    assert analysis.total("flops") == 5 * 8 * 3
