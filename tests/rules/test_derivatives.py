"""Kernels of derivatives: shapes are torch's own, counts are done by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from analyzer import Counts, analyze

aten = torch.ops.aten
G, X = torch.ones(3, 7), torch.ones(3, 7)
IMAGE, KERNEL, SEEN = torch.ones(2, 3, 5, 7), torch.ones(4, 3, 2, 3), torch.ones(2, 4, 4, 5)
# Of each of the outputs, 3·2·3 products.
PRODUCTS = 2 * 4 * 4 * 5 * 18
ROW = torch.ones(3, 1)

KERNELS = {
    "threshold": (aten.threshold_backward, (G, X, 0), Counts(cmp=21)),
    "leaky_relu": (aten.leaky_relu_backward, (G, X, 0.1, False), Counts(cmp=21, mul=21)),
    "gelu": (aten.gelu_backward, (G, X), Counts(func=21, mul=21)),
    "tanh": (aten.tanh_backward, (G, X), Counts(func=21, mul=21)),
    "elu": (aten.elu_backward, (G, 1, 1, 1, False, X), Counts(func=21, mul=21)),
    "softmax": (aten._softmax_backward_data, (G, X, 1, torch.float32), Counts(mul=3 * 14, add=3 * 13)),
    "log_softmax": (
        aten._log_softmax_backward_data, (G, X, 0, torch.float32), Counts(func=21, mul=21, add=7 * 5),
    ),
    "convolution": (
        aten.convolution_backward,
        (SEEN, IMAGE, KERNEL, [4], [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [True, True, True]),
        Counts(mac=2 * PRODUCTS, dot=210 + 72, add=160 - 4),
    ),
    "convolution, the weight's alone": (
        aten.convolution_backward,
        (SEEN, IMAGE, KERNEL, [4], [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [False, True, False]),
        Counts(mac=PRODUCTS, dot=72),
    ),
    "embedding": (aten.embedding_dense_backward, (G, torch.zeros(3, dtype=torch.int64), 11, -1, False), Counts(add=21)),
    # z: 21 add, 21 mul. g w: 21 mul. Two means of each of 3 rows: 36 add, 21 mul, 6 div. The rest 42 add, 42 mul.
    # The weight: 21 mul, 14 add; the bias: 14 add.
    "layer_norm": (
        aten.native_layer_norm_backward,
        (G, X, [7], ROW, ROW, torch.ones(7), torch.ones(7), [True, True, True]),
        Counts(add=21 + 36 + 42 + 28, mul=21 + 21 + 21 + 42 + 21, div=6),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kernel", "args", "counts"), KERNELS.values(), ids=KERNELS.keys())
def test_kernels(kernel, args, counts):
    analysis = analyze(kernel, args)
    real = kernel(*args)
    shapes = [None if leaf is None else tuple(leaf.shape) for leaf in (real if isinstance(real, tuple) else (real,))]
    found = analysis.outputs if isinstance(analysis.outputs, tuple) else (analysis.outputs,)
    # Where the mask leaves one out, torch may return a tensor without values.
    assert [None if leaf is None else leaf.shape for leaf in found if leaf is not None] == list(filter(None, shapes))
    assert analysis.counts == counts


def test_a_model_that_is_differentiated():
    weights = {"conv": torch.ones(5, 1, 3), "out": torch.ones(5, 5), "scale": torch.ones(5)}

    def loss(weights, x):
        y = F.gelu(F.conv1d(x[:, None], weights["conv"])).mT
        y = F.layer_norm(y, (5,), weights["scale"])
        y = (y @ y.mT).softmax(-1) @ y
        return F.relu(F.linear(y, weights["out"])).log_softmax(-1).sum()

    def model(x):
        return torch.func.grad(loss)(weights, x)

    analysis = analyze(model, X)
    assert {name: spec.shape for name, spec in analysis.outputs.items()} == {k: v.shape for k, v in weights.items()}
    assert not [node for node in analysis.graph if node.status in ("inferred", "unknown")]
    with FlopCounterMode(display=False) as counter:
        model(X)
    assert analysis.total("macs") * 2 == counter.get_total_flops()
