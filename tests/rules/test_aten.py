"""aten operators called directly in a forward, as exported programs do: ruled, with torch's shapes and dtypes."""

import pytest
import torch

from analyzer import analyze
from analyzer.counts import Counts

from .conftest import metadata

aten = torch.ops.aten
X, M, W = torch.rand(3, 5, 7, 11), torch.rand(5, 7), torch.rand(13, 5, 3, 3)
ROWS = torch.zeros(4, dtype=torch.int64)
STATS = torch.rand(5)

CALLS = {
    "convolution": lambda: aten.convolution(X, W, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1),
    "conv2d": lambda: aten.conv2d.default(X, W), "linear": lambda: aten.linear(M, M), "mm": lambda: aten.mm(M, M.t()),
    "mm.default": lambda: aten.mm.default(M, aten.t.default(M)),
    "addmm": lambda: aten.addmm.default(M[:, :5], M, M.t()), "bmm": lambda: aten.bmm(X[0], X[0].mT),
    "baddbmm": lambda: aten.baddbmm(X[0][:, :, :7], X[0], X[0].mT), "matmul": lambda: aten.matmul(M, M.t()),
    "add": lambda: aten.add.Tensor(M, M, alpha=2), "add.Scalar": lambda: aten.add.Scalar(M, 2),
    "sub": lambda: aten.sub.Tensor(M, M), "mul": lambda: aten.mul.Tensor(M, M), "div": lambda: aten.div.Tensor(M, M),
    "floor": lambda: aten.div.Tensor_mode(M, M, rounding_mode="floor"), "rsub": lambda: aten.rsub.Scalar(M, 1),
    "pow": lambda: aten.pow.Tensor_Scalar(M, 2), "relu": lambda: aten.relu(M), "silu": lambda: aten.silu(M),
    "gelu": lambda: aten.gelu(M, approximate="tanh"), "sigmoid": lambda: aten.sigmoid(M), "exp": lambda: aten.exp(M),
    "rsqrt": lambda: aten.rsqrt(M), "hardtanh": lambda: aten.hardtanh(M, -1, 1), "clamp": lambda: aten.clamp(M, 0, 1),
    "where": lambda: aten.where.self(M > 0, M, M), "masked_fill": lambda: aten.masked_fill.Scalar(M, M > 0, 0.0),
    "_softmax": lambda: aten._softmax(M, -1, False), "softmax": lambda: aten.softmax.int(M, -1),
    "_log_softmax": lambda: aten._log_softmax(M, -1, False), "layer_norm": lambda: aten.layer_norm(M, [7]),
    "native_layer_norm": lambda: aten.native_layer_norm(M, [7], None, None, 1e-5),
    "native_group_norm": lambda: aten.native_group_norm(X, None, None, 3, 5, 77, 5, 1e-5),
    "batch_norm": lambda: aten._native_batch_norm_legit_no_training(X, None, None, STATS, STATS, 0.1, 1e-5),
    "max_pool": lambda: aten.max_pool2d_with_indices(X, [2, 2], [2, 2]), "avg_pool": lambda: aten.avg_pool2d(X, [2, 2]),
    "adaptive": lambda: aten._adaptive_avg_pool2d(X, [2, 3]), "mean": lambda: aten.mean.dim(X, [2, 3], True),
    "sum": lambda: aten.sum.dim_IntList(X, [1]), "amax": lambda: aten.amax(X, [1]), "argmax": lambda: aten.argmax(X, 1),
    "var": lambda: aten.var.correction(X, [1], correction=1), "var_mean": lambda: aten.var_mean.correction(X, [1]),
    "cumsum": lambda: aten.cumsum(X, 1), "topk": lambda: aten.topk(X, 2, -1), "sort": lambda: aten.sort(X, -1),
    "view": lambda: aten.view(X, [15, 77]), "_unsafe_view": lambda: aten._unsafe_view(X, [15, 77]),
    "permute": lambda: aten.permute(X, [1, 0, 2, 3]), "transpose": lambda: aten.transpose.int(X, 1, 2),
    "expand": lambda: aten.expand(M, [2, 5, 7]), "cat": lambda: aten.cat([M, M], 1),
    "stack": lambda: aten.stack([M], 1),
    "split": lambda: aten.split.Tensor(M, 2), "sizes": lambda: aten.split_with_sizes(M, [2, 5], 1),
    "slice": lambda: aten.slice.Tensor(M, 1, 0, 3, 2), "select": lambda: aten.select.int(M, 1, 0),
    "index": lambda: aten.index.Tensor(M, [ROWS]), "index_select": lambda: aten.index_select(M, 0, ROWS),
    "gather": lambda: aten.gather(M, 1, ROWS[:, None]), "embedding": lambda: aten.embedding(M, ROWS),
    "to": lambda: aten._to_copy(M, dtype=torch.float16), "clone": lambda: aten.clone(M),
    "full": lambda: aten.full([7], 1.0), "arange": lambda: aten.arange(7), "zeros_like": lambda: aten.zeros_like(M),
    "pad": lambda: aten.constant_pad_nd(X, [1, 1]), "nearest": lambda: aten.upsample_nearest2d(X, [14, 22]),
    "bilinear": lambda: aten.upsample_bilinear2d.vec(X, [14, 22], False, None), "tril": lambda: aten.tril(M),
    "dropout": lambda: aten.native_dropout(M, 0.5, True), "repeat": lambda: aten.repeat(M, [2, 1]),
    "attention": lambda: aten.scaled_dot_product_attention(X, X, X), "lift": lambda: aten.lift_fresh_copy(M),
    "on the CPU": lambda: aten._scaled_dot_product_flash_attention_for_cpu(X, X, X),
    "index_put": lambda: aten.index_put(M, [ROWS], M[0]), "strided": lambda: aten.as_strided(M, [2, 3], [1, 1]),
    "slice_scatter": lambda: aten.slice_scatter(M, M[:2], 0, 0, 2), "copy": lambda: aten.copy(M, M),
    "logsumexp": lambda: aten.logsumexp(M, [1]), "grid": lambda: aten.grid_sampler(X, X[..., :2], 0, 0, False),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_calls(call):
    answer = analyze(lambda x: call(), (X,))
    assert metadata(answer.outputs) == metadata(call())
    assert {node.status for node in answer.graph.nodes()} == {"ruled"}


def test_costs_are_those_of_the_functions():
    answer = analyze(lambda m: aten.addmm.default(m[:, :5], m, aten.t.default(m)), (M,))
    assert answer.counts == Counts(mac=175, dot=25, add=25)


def test_sizes_are_numbers():
    answer = analyze(lambda m: m * aten.sym_size.int(m, -1) + aten.sym_numel(m), (M,))
    assert answer.counts == Counts(mul=35, add=35)
    assert [node.op for node in answer.graph.nodes()][1:-1] == ["size", "mul", "numel", "add"]
