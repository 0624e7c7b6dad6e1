"""What the first net lets through: TorchScript, autograd Functions, functorch, legacy constructors."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from analyzer import analyze

X = torch.zeros(3, 7)


@torch.jit.script
def scripted_gelu(x: torch.Tensor) -> torch.Tensor:
    return x * 0.5 * (1.0 + torch.erf(x / 1.4142135623))


@torch.jit.script
def scripted_sizes(x: torch.Tensor, times: int) -> list[torch.Tensor]:
    out: list[torch.Tensor] = []
    for i in range(times):
        out += [x[: i + 1].matmul(torch.zeros(x.size(1), 2))]
    return out


@torch.jit.script
def scripted_constant(n: int) -> torch.Tensor:
    return torch.arange(n, dtype=torch.float32).unsqueeze(0)


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.save_for_backward(x)
        ctx.factor = factor
        ctx.mark_non_differentiable()
        return x * x * factor

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 2 * x * ctx.factor, None


class SquareNew(torch.autograd.Function):
    @staticmethod
    def forward(x, factor):
        return x * x * factor, x.sum()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx, grad, other):
        return grad, None


class Scripted(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.jit.script(nn.Sequential(nn.Linear(7, 5), nn.ReLU()))

    def forward(self, x):
        return self.inner(x) * 2


def checkpointed(**how):
    net = nn.Sequential(nn.Linear(7, 7), nn.ReLU())
    return lambda x: checkpoint(net, x, **how)


NET = nn.Sequential(nn.Linear(7, 7), nn.ReLU(), nn.Linear(7, 7))

PAST_THE_FIRST_NET = {
    "torchscript function": lambda x: scripted_gelu(x) + 1,
    "torchscript with sizes": lambda x: scripted_sizes(x, 3),
    "torchscript on no tensor": lambda x: x + scripted_constant(7),
    "torchscript module": Scripted(),
    "autograd function": lambda x: Square.apply(x, 3),
    "autograd function, new style": lambda x: SquareNew.apply(x, 3),
    "checkpoint": checkpointed(use_reentrant=False),
    "checkpoint, reentrant": checkpointed(use_reentrant=True),
    "checkpoint_sequential": lambda x: checkpoint_sequential(NET, 2, x, use_reentrant=False),
    "no_grad": torch.no_grad()(lambda x: x @ x.T),
    "inference_mode": torch.inference_mode()(lambda x: x @ x.T),
    "enable_grad": lambda x: torch.enable_grad().__enter__() or x * 2,
    "legacy constructor of sizes": lambda x: torch.Tensor(3, 7) + x,
    "legacy constructor of values": lambda x: torch.Tensor([1.0] * 7) + x,
    "legacy LongTensor": lambda x: x[torch.LongTensor([0, 2])],
    "legacy FloatTensor of sizes": lambda x: torch.FloatTensor(3, 7).zero_() + x,
    "from_numpy": lambda x: torch.from_numpy(__import__("numpy").zeros((3, 7), "float32")) + x,
    "as_tensor of an array": lambda x: torch.as_tensor(__import__("numpy").zeros(7)) + x,
    "tensor of shapes": lambda x: torch.tensor(x.shape) * 2,
    "nn.Parameter made in forward": lambda x: nn.Parameter(torch.zeros(7)) * x,
    "torch.ops.aten": lambda x: torch.ops.aten.addmm.default(x[:, :5], x, x.new_zeros(7, 5)),
    "torch.ops.aten packet": lambda x: torch.ops.aten.silu(x),
    "composite without a rule": lambda x: torch.cosine_similarity(x, x, 1),
    "vmap-free grad helper": lambda x: torch.func.functional_call(NET, dict(NET.named_parameters()), (x,)),
    "compiler disabled": lambda x: torch.compiler.disable(lambda y: y * 2)(x),
    "cond on shapes": lambda x: x * 2 if torch.jit.is_scripting() or torch.jit.is_tracing() else x + 1,
    "gumbel_softmax": lambda x: F.gumbel_softmax(x, hard=True),
    "multi_margin_loss": lambda x: F.multi_margin_loss(x, torch.zeros(3, dtype=torch.int64)),
    "triplet": lambda x: F.triplet_margin_with_distance_loss(x, x, x),
    "unflatten and friends": lambda x: x.unflatten(1, (7, 1)).flatten(0, 1).tensor_split(2)[0].unsafe_chunk(2),
    "meshgrid": lambda x: torch.meshgrid(x[0], x[1, :3], indexing="ij"),
    "broadcast_tensors": lambda x: torch.broadcast_tensors(x, x[:1]),
    "block_diag": lambda x: torch.block_diag(x, x),
    "cartesian_prod": lambda x: torch.cartesian_prod(x[0], x[1]),
    "atleast_3d": lambda x: torch.atleast_3d(x),
    "lu": lambda x: torch.linalg.lu_factor(torch.eye(3) + x @ x.T),
    "stft": lambda x: torch.stft(x.flatten(), 8, return_complex=True, window=torch.hann_window(8)),
}


@pytest.mark.parametrize("model", PAST_THE_FIRST_NET.values(), ids=PAST_THE_FIRST_NET.keys())
def test_outputs_are_torchs_own(model, like_torch):
    like_torch(model, X)


def test_a_torchscript_function_is_counted_by_the_rules_of_its_operators(ops):
    analysis = analyze(lambda x: scripted_gelu(x), X)
    assert sorted(ops(analysis)) == sorted(["mul", "div", "erf", "add", "mul"])
    assert analysis.counts.func == 21
    assert not analysis.diagnostics


def test_checkpointing_costs_what_its_function_costs():
    for how in ({"use_reentrant": False}, {"use_reentrant": True}):
        assert analyze(checkpointed(**how), X).total("macs") == 3 * 49


def test_autograd_functions_are_seen_through(ops):
    assert ops(analyze(lambda x: Square.apply(x, 3), X)) == ["mul", "mul"]


def test_large_tensors_of_legacy_constructors_are_never_allocated():
    analysis = analyze(lambda x: torch.Tensor(10**6, 10**6)[:3, :7] + x, X)
    assert analysis.outputs.shape == (3, 7)


def test_vmap_over_a_product(like_torch):
    analysis = like_torch(lambda x: torch.vmap(lambda row: row @ row.new_zeros(7, 5))(x), X)
    assert analysis.total("macs") == 3 * 7 * 5


def test_vmap_over_a_product_with_a_weight(like_torch):
    weight = torch.zeros(7, 5)
    analysis = like_torch(lambda x: torch.vmap(lambda row: torch.mv(weight.T, row).relu())(x), X)
    assert analysis.total("macs") == 3 * 7 * 5
    assert analysis.counts.cmp == 15


def test_vmap_over_a_reduction(like_torch):
    analysis = like_torch(lambda x: torch.vmap(lambda row: F.softmax(row, -1) * 2 + row.sum())(x), X)
    assert (analysis.counts.func, analysis.counts.mul) == (21, 21)


def test_einops(like_torch):
    einops = pytest.importorskip("einops")
    from einops.layers.torch import Rearrange, Reduce

    like_torch(lambda x: einops.rearrange(x, "(a b) (c d) -> a (b d) c", b=3, d=7), X)
    like_torch(lambda x: einops.repeat(einops.reduce(x, "a b -> b", "mean"), "b -> b n", n=2), X)
    like_torch(lambda x: einops.einsum(x, x, "i k, j k -> i j"), X)
    like_torch(nn.Sequential(Rearrange("a b -> b a"), nn.Linear(3, 5), Reduce("b c -> c", "max")), X)


# --- torch's own Python, entered ---

SEQ = torch.zeros(5, 2, 12)


def test_multi_head_attention_forward_is_entered(like_torch):
    """Products by hand: q, k, v and out 4 x 12 x 12 a token, scores and values 2 x 12 a pair of tokens."""

    def model(q, w_in, b_in, w_out, b_out):
        return F.multi_head_attention_forward(
            q, q, q, 12, 3, w_in, b_in, None, None, False, 0.0, w_out, b_out, training=False, need_weights=True
        )

    weights = (torch.zeros(36, 12), torch.zeros(36), torch.zeros(12, 12), torch.zeros(12))
    analysis = like_torch(model, SEQ, *weights)
    assert analysis.total("macs") == 10 * 4 * 144 + 2 * 5 * 5 * 2 * 12


ATTENTION = {
    "weights": {},
    "no weights": {"need_weights": False},
    "every head's weights": {"average_attn_weights": False},
    "mask": {"attn_mask": torch.zeros(5, 5), "need_weights": False},
    "padding": {"key_padding_mask": torch.zeros(2, 5, dtype=torch.bool)},
}


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("batch_first", [False, True], ids=["sequence first", "batch first"])
@pytest.mark.parametrize("options", ATTENTION.values(), ids=ATTENTION.keys())
def test_multihead_attention(options, batch_first, training, like_torch):
    layer = nn.MultiheadAttention(12, 3, batch_first=batch_first).train(training)
    x = SEQ.transpose(0, 1) if batch_first else SEQ
    analysis = like_torch(layer, x, x, x, **options)
    assert analysis.total("macs") == 10 * 4 * 144 + 2 * 5 * 5 * 2 * 12


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("batch_first", [False, True], ids=["sequence first", "batch first"])
def test_transformer_layers(batch_first, training, like_torch):
    """Feed-forward 2 x 12 x 17 a token on top of attention; the fast path of evaluation counts the same."""
    layer = nn.TransformerEncoderLayer(12, 3, 17, batch_first=batch_first).train(training)
    tokens, pairs = 10, 2 * 25
    analysis = like_torch(layer, SEQ.transpose(0, 1) if batch_first else SEQ)
    assert analysis.total("macs") == tokens * (4 * 144 + 2 * 12 * 17) + pairs * 24


def test_transformer(like_torch):
    model = nn.Transformer(12, 3, 2, 2, 17, batch_first=True).eval()
    source, target = torch.zeros(2, 5, 12), torch.zeros(2, 7, 12)
    analysis = like_torch(model, source, target, tgt_mask=nn.Transformer.generate_square_subsequent_mask(7))
    encoder = 2 * (10 * (576 + 408) + 50 * 24)
    # A decoder layer: attention to itself (14 tokens), to the source (q and out of 14, k and v of 10), feed-forward.
    decoder = 2 * (14 * 576 + 2 * 49 * 24 + 14 * 288 + 10 * 288 + 2 * 35 * 24 + 14 * 408)
    assert analysis.total("macs") == encoder + decoder


def test_transformer_encoder_with_a_padding_mask(like_torch):
    layer = nn.TransformerEncoderLayer(12, 3, 17, batch_first=True)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    padding = torch.zeros(2, 5, dtype=torch.bool)
    like_torch(model, torch.zeros(2, 5, 12), src_key_padding_mask=padding, mask=torch.zeros(5, 5))


# --- packed sequences ---


class Packed(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([5, 3]), batch_first=True, enforce_sorted=False)
        out, state = self.layer(packed)
        return nn.utils.rnn.pad_packed_sequence(out, batch_first=True), state


@pytest.mark.parametrize("cls", [nn.LSTM, nn.GRU, nn.RNN], ids=lambda cls: cls.__name__)
def test_a_packed_sequence_costs_its_real_steps(cls, like_torch):
    gates = {nn.LSTM: 4, nn.GRU: 3, nn.RNN: 1}[cls]
    analysis = like_torch(Packed(cls(7, 11, batch_first=True)), torch.zeros(2, 5, 7))
    assert analysis.total("macs") == 8 * gates * 11 * (7 + 11)
