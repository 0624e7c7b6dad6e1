from functools import partial

import pytest
import torch
from torch import nn

from analyzer.spec import TensorSpec
from rules.adaptive_softmax import RULES

# 16 features, classes to 5 in the head, 5 to 12 through 4 hidden numbers, 12 to 31 through 1.
LAYER = nn.AdaptiveLogSoftmaxWithLoss(16, 31, [5, 12], head_bias=True)
X, TARGET = TensorSpec((3, 16)), TensorSpec((3,), torch.int64)


def test_every_target_in_the_dearest_cluster(agree):
    # head 5 + 2 wide; the first cluster has 4·16 + 7·4 = 92 weights, the second 16 + 19 = 35
    agree(
        RULES, "adaptive_log_softmax_with_loss", [partial(LAYER, X, TARGET)],
        mac=3 * (7 * 16 + 92),
        dot=3 * (7 + 4 + 7),
        add=3 * 7 + 3 * (7 + 6 + 7) + 3 * (7 + 6 + 7) + 3 + 2,
        cmp=3 * 6 + 3 * 6 + 3,
        func=3 * 8 + 3 * 8,
        div=1,
    )  # fmt: skip


def test_shapes_without_a_batch():
    rule = RULES[nn.AdaptiveLogSoftmaxWithLoss]
    bound = rule.bind_module(LAYER, (TensorSpec((16,)), TensorSpec((), torch.int64)), {})
    output, loss = rule.call_shape(bound).spec
    assert (output.shape, loss.shape) == ((), ())


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((X, TensorSpec((2,), torch.int64)), "the batch of target_ and features, got (3, 16) and (2,)"),
        ((X, TensorSpec((3, 1), torch.int64)), "target_ must have 0 or 1 dimensions, got 2: (3, 1)"),
        ((TensorSpec((3, 5)), TARGET), "input_ has 5 features, the head takes 16"),
    ],
)
def test_refuses_what_torch_refuses(rejects, args, words):
    rejects(RULES, partial(LAYER, *args), words)
