"""The forms of textbooks and papers come out of modules by themselves.

The forms are written here by hand, as the papers have them; the tool is given a module and open sizes.
"""

import random

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from analyzer import TensorSpec, analyze
from analyzer.conventions import Convention

PRODUCTS = Convention("products", "2 a multiply-accumulate, as in both papers", {"mac": 2})
D = 7 * 13  # the width of a model: a prime number of heads, each a prime wide
HEADS = 7


def agrees(formula, by_hand, **ranges):
    """Equal at 50 random points; a wrong coefficient of any term cannot pass."""
    draw = random.Random(2020)
    for _ in range(50):
        sizes = {name: draw.randint(*ends) for name, ends in ranges.items()}
        assert formula.at(**sizes) == by_hand(**sizes), sizes


class Block(nn.Module):
    """A dense block of GPT-2 (Radford et al. 2019): attention, then an MLP four times as wide, both behind a norm."""

    def __init__(self, width, heads):
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.heads = heads

    def attention(self, x):
        batch, tokens, width = x.shape
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, width)

    def forward(self, x):
        x = x + self.projection(self.attention(self.norm_1(x)))
        return x + self.down(F.gelu(self.up(self.norm_2(x))))


@pytest.fixture(scope="module")
def block():
    return analyze(Block(D, HEADS).eval(), TensorSpec(("B", "S", D)))


def test_a_dense_gpt_block(block):
    """24·B·S·d² + 4·B·S²·d FLOPs.

    Narayanan et al. 2021, "Efficient Large-Scale Language Model Training on GPU Clusters Using Megatron-LM", appendix:
    attention 6Bsh² + 2Bs²h + 2Bs²h + 2Bsh², MLP 16Bsh². Kaplan et al. 2020, "Scaling Laws for Neural Language Models",
    table 1, has the same per token and layer: 2·(12·d²) and 2·n_ctx·d for each of two products.
    """
    flops = block.total(PRODUCTS)
    assert str(flops) == f"{24 * D**2:,}·B·S + {4 * D:,}·B·S²"
    agrees(flops, lambda B, S: 24 * B * S * D**2 + 4 * B * S**2 * D, B=(2, 99), S=(2, 9999))
    assert flops.growth("S") == "∝ S²"
    assert flops.growth("B") == "∝ B"


def test_the_parts_of_a_dense_gpt_block(block):
    """Kaplan et al. 2020, table 1, per token: QKV 2·d·3d, mask 2·n_ctx·d, projection 2·d·d, feed-forward 2·2·d·4d."""
    parts = block.by_module(PRODUCTS)
    agrees(parts["qkv"], lambda B, S: B * S * 2 * D * 3 * D, B=(2, 99), S=(2, 9999))
    agrees(parts["projection"], lambda B, S: B * S * 2 * D * D, B=(2, 99), S=(2, 9999))
    agrees(parts["up"] + parts["down"], lambda B, S: B * S * 2 * 2 * D * 4 * D, B=(2, 99), S=(2, 9999))


def test_attention_outgrows_the_rest_of_a_block_at_six_times_its_width(block):
    """4·S²·d is more than 24·S·d² from S = 6·d + 1 on."""
    from analyzer.symbolic.search import crossing

    ops = block.by_op(PRODUCTS)
    assert crossing(ops["scaled_dot_product_attention"], ops["linear"], "S", B=3) == 6 * D + 1


def test_a_depthwise_separable_block():
    """D_K·D_K·M·D_F·D_F + M·N·D_F·D_F multiply-adds (Howard et al. 2017, "MobileNets", equation 5)."""
    kernel, m, n = 3, 11, 17
    block = nn.Sequential(nn.Conv2d(m, m, kernel, padding=1, groups=m, bias=False), nn.Conv2d(m, n, 1, bias=False))
    macs = analyze(block, TensorSpec((1, m, "D_F", "D_F"))).total("macs")
    assert str(macs) == f"{kernel * kernel * m + m * n}·D_F²"
    agrees(macs, lambda D_F: kernel * kernel * m * D_F * D_F + m * n * D_F * D_F, D_F=(1, 999))


def test_what_a_depthwise_separable_block_saves():
    """1/N + 1/D_K² of the standard convolution (Howard et al. 2017, section 3.1)."""
    kernel, m, n = 5, 11, 17
    standard = nn.Conv2d(m, n, kernel, padding=2, bias=False)
    block = nn.Sequential(nn.Conv2d(m, m, kernel, padding=2, groups=m, bias=False), nn.Conv2d(m, n, 1, bias=False))
    image = TensorSpec((1, m, "H", "W"))
    few, many = (analyze(model, image).total("macs") for model in (block, standard))
    assert few * n * kernel**2 == many * (kernel**2 + n)


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (7, 2, 3), (5, 3, 0)])
def test_a_convolution(kernel, stride, padding):
    """H_out·W_out·C_out·C_in·K² an image (Dumoulin and Visin 2016, relationship 6: ⌊(i + 2p − k)/s⌋ + 1)."""
    layer = nn.Conv2d(5, 11, kernel, stride=stride, padding=padding)
    macs = analyze(layer, TensorSpec(("B", 5, "H", "W"))).total("macs")

    def out(size):
        return (size + 2 * padding - kernel) // stride + 1

    agrees(macs, lambda B, H, W: B * out(H) * out(W) * 11 * 5 * kernel**2, B=(1, 99), H=(7, 999), W=(7, 999))


def test_an_lstm():
    """4·(i·h + h·h)·B·S: four gates (Hochreiter and Schmidhuber 1997; Gers et al. 2000), each on input and state."""
    i, h = 13, 17
    macs = analyze(nn.LSTM(i, h, batch_first=True), TensorSpec(("B", "S", i))).total("macs")
    assert str(macs) == f"{4 * (i * h + h * h):,}·B·S"


def test_a_gru_has_three_gates():
    """3·(i·h + h·h)·B·S (Cho et al. 2014)."""
    i, h = 13, 17
    macs = analyze(nn.GRU(i, h), TensorSpec(("S", "B", i))).total("macs")
    assert str(macs) == f"{3 * (i * h + h * h):,}·B·S"


def test_torchs_own_encoder_layer_has_the_same_form():
    """nn.TransformerEncoderLayer with a feed-forward part four times as wide: 12·d² and 2·S·d a token, in products."""
    layer = nn.TransformerEncoderLayer(D, HEADS, 4 * D, batch_first=True).eval()
    macs = analyze(layer, TensorSpec(("B", "S", D))).total("macs")
    agrees(macs, lambda B, S: 12 * B * S * D**2 + 2 * B * S**2 * D, B=(2, 99), S=(2, 9999))


def test_a_two_layer_perceptron_in_matmuls():
    """2·B·(i·h + h·o) FLOPs, by plain products of tensors."""
    shapes = (TensorSpec(("B", 7)), TensorSpec((7, 11)), TensorSpec((11, 13)))
    flops = analyze(lambda x, a, b: torch.relu(x @ a) @ b, shapes).total(PRODUCTS)
    assert str(flops) == f"{2 * (7 * 11 + 11 * 13)}·B"
