from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from analyzer.spec import TensorSpec
from rules import RULES

X = TensorSpec((2, 6, 5, 7))  # a channel of the batch: 2·5·7 = 70, of one instance: 35, two channels: 70
SIX = TensorSpec((6,))
W, B = torch.ones(6), torch.zeros(6)
EVAL = nn.BatchNorm2d(6).eval()
PLAIN = nn.BatchNorm2d(6, affine=False, track_running_stats=False).eval()
BIASLESS = nn.BatchNorm2d(6, bias=False).train()
TRACKED = nn.InstanceNorm2d(6, affine=True, track_running_stats=True).eval()
UNTRACKED = nn.InstanceNorm2d(6).eval()
aten = torch.ops.aten

ROWS = {
    "batch_norm on running statistics": (
        "batch_norm",
        [
            partial(EVAL, X),
            partial(nn.SyncBatchNorm(6).eval(), X),
            partial(F.batch_norm, X, SIX, SIX, SIX, bias=SIX),
            partial(F.batch_norm, X, SIX, SIX),
            partial(torch.batch_norm, X, SIX, SIX, SIX, SIX, False, 0.1, 1e-5, False),
            partial(torch.native_batch_norm, X, SIX, SIX, SIX, SIX, False, 0.1, 1e-5),
            partial(torch._native_batch_norm_legit_no_training, X, SIX, SIX, SIX, SIX, 0.1, 1e-5),
            partial(aten._batch_norm_no_update, X, SIX, SIX, SIX, SIX, 0.1, 1e-5),
        ],
        {"mul": 420, "add": 420},
    ),
    "batch_norm on the batch, plain": (
        "batch_norm",
        [
            partial(PLAIN, X),
            partial(nn.BatchNorm2d(6, affine=False).train(), X),
            partial(F.batch_norm, X, None, None, training=True),
            partial(torch.batch_norm, X, None, None, None, None, True, 0.1, 1e-5, False),
            partial(torch.native_batch_norm, X, None, None, None, None, True, 0.1, 1e-5),
            partial(torch._native_batch_norm_legit, X, None, None, True, 0.1, 1e-5),
        ],
        {"mul": 6 * (70 + 70), "add": 6 * (69 + 70 + 69 + 1), "div": 6 * 2, "func": 6},
    ),
    "batch_norm on the batch, with a weight": (
        "batch_norm",
        [
            partial(BIASLESS, X),
            partial(F.batch_norm, X, SIX, SIX, SIX, training=True),
            partial(aten._batch_norm_with_update, X, SIX, None, SIX, SIX, 0.1, 1e-5),
        ],
        {"mul": 6 * (70 + 70 + 70), "add": 6 * (69 + 70 + 69 + 1), "div": 6 * 2, "func": 6},
    ),
    "instance_norm": (
        "instance_norm",
        [
            partial(UNTRACKED, X),
            partial(nn.InstanceNorm2d(6, track_running_stats=True).train(), X),
            partial(F.instance_norm, X),
            partial(torch.instance_norm, X, None, None, None, None, True, 0.1, 1e-5, False),
        ],
        {"mul": 12 * (35 + 35), "add": 12 * (34 + 35 + 34 + 1), "div": 12 * 2, "func": 12},
    ),
    "instance_norm without a batch": (
        "instance_norm",
        [partial(nn.InstanceNorm2d(6, affine=True), TensorSpec((6, 5, 7)))],
        {"mul": 6 * (35 + 35 + 35), "add": 6 * (34 + 35 + 34 + 1 + 35), "div": 6 * 2, "func": 6},
    ),
    "instance_norm on running statistics": (
        "instance_norm",
        [partial(TRACKED, X), partial(F.instance_norm, X, SIX, SIX, SIX, SIX, use_input_stats=False)],
        {"mul": 420, "add": 420},
    ),
    "layer_norm": (
        "layer_norm",
        [
            partial(nn.LayerNorm((5, 7)), X),
            partial(F.layer_norm, X, (5, 7), TensorSpec((5, 7)), bias=TensorSpec((5, 7))),
            partial(torch.layer_norm, X, [5, 7], TensorSpec((5, 7)), TensorSpec((5, 7)), 1e-5, False),
            partial(torch.native_layer_norm, X, [5, 7], TensorSpec((5, 7)), TensorSpec((5, 7)), 1e-5),
        ],
        {"mul": 12 * (35 + 35 + 35), "add": 12 * (34 + 35 + 34 + 1 + 35), "div": 12 * 2, "func": 12},
    ),
    "layer_norm without a bias": (
        "layer_norm",
        [partial(nn.LayerNorm(7, bias=False), X), partial(F.layer_norm, X, (7,), TensorSpec((7,)))],
        {"mul": 60 * (7 + 7 + 7), "add": 60 * (6 + 7 + 6 + 1), "div": 60 * 2, "func": 60},
    ),
    "rms_norm": (
        "rms_norm",
        [
            partial(nn.RMSNorm(7), X),
            partial(F.rms_norm, X, (7,), TensorSpec((7,))),
            partial(torch.rms_norm, X, [7], TensorSpec((7,)), 1e-5),
        ],
        {"mul": 60 * (7 + 7 + 7), "add": 60 * (6 + 1), "div": 60, "func": 60},
    ),
    "rms_norm without a weight": (
        "rms_norm",
        [partial(nn.RMSNorm(7, elementwise_affine=False), X), partial(torch._fused_rms_norm, X, [7], None, None)],
        {"mul": 60 * (7 + 7), "add": 60 * (6 + 1), "div": 60, "func": 60},
    ),
    "group_norm": (
        "group_norm",
        [
            partial(nn.GroupNorm(3, 6), X),
            partial(F.group_norm, X, 3, SIX, bias=SIX),
            partial(torch.group_norm, X, 3, SIX, SIX, 1e-5, False),
            partial(torch.native_group_norm, X, SIX, SIX, 2, 6, 35, 3, 1e-5),
        ],
        {"mul": 6 * (70 + 70 + 70), "add": 6 * (69 + 70 + 69 + 1 + 70), "div": 6 * 2, "func": 6},
    ),
    "local_response_norm": (
        "local_response_norm",
        [
            partial(nn.LocalResponseNorm(3), X),
            partial(F.local_response_norm, X, 3),
            partial(F.local_response_norm, TensorSpec((2, 6, 5, 7), torch.int64), size=3),
        ],
        {"mul": 420 + 420, "add": 420 * 2 + 420, "div": 420 + 420, "func": 420},
    ),
}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_counts_in_every_spelling(agree, row):
    name, calls, counts = ROWS[row]
    agree(RULES, name, calls, **counts)


def test_a_subclass_checks_its_own_dimensions(agree):
    class Anything(nn.BatchNorm2d):
        def _check_input_dim(self, input):
            pass

    agree(RULES, "batch_norm", [partial(Anything(6).eval(), TensorSpec((5, 6)))], mul=30, add=30)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_saved_statistics_take_the_dtype_of_the_parameters(agree, dtype):
    for parameter in {dtype, torch.float32} - ({torch.float32} if dtype is torch.float64 else set()):
        x, w = TensorSpec((3, 7), dtype), TensorSpec((7,), parameter)
        agree(
            RULES, "layer_norm", [partial(torch.native_layer_norm, x, [7], w, w, 1e-5)],
            mul=3 * 21, add=3 * (6 + 7 + 6 + 1 + 7), div=6, func=3,
        )  # fmt: skip


@pytest.mark.parametrize("shape", [(0, 6, 5, 7), (2, 6, 0, 7)])
def test_nothing_costs_nothing(agree, shape):
    x = TensorSpec(shape)
    agree(RULES, "batch_norm", [partial(EVAL, x), partial(BIASLESS, x)])
    agree(RULES, "layer_norm", [partial(F.layer_norm, x, (7,))])
    agree(RULES, "rms_norm", [partial(F.rms_norm, x, (7,))])
    agree(RULES, "local_response_norm", [partial(F.local_response_norm, x, 3)])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(EVAL, TensorSpec((2, 6, 5))), "input must have 4 dimensions, got 3"),
        (partial(EVAL, TensorSpec((2, 5, 5, 7))), "input has channels (5,), running_mean has shape (6,)"),
        (partial(EVAL, TensorSpec((2, 6, 5, 7), torch.int64)), "input must hold floating numbers, got int64"),
        (partial(EVAL, TensorSpec((2, 6, 5, 7), torch.float64)), "must have the same dtype, got float64 and float32"),
        (partial(BIASLESS, TensorSpec((1, 6, 1, 1))), "more than 1 value a channel in training, got (1, 6, 1, 1)"),
        (partial(F.batch_norm, X, None, None), "running_mean and running_var must be given in evaluation"),
        (partial(F.batch_norm, TensorSpec((5,)), SIX, SIX), "input must have 2 dimensions or more, got 1"),
        (partial(F.batch_norm, X, SIX, SIX, training=True, eps=0.0), "eps must be positive in training, got 0.0"),
        (partial(nn.InstanceNorm2d(5, affine=True), X), "input has 6 channels, the layer takes 5"),
        (partial(F.instance_norm, TensorSpec((2, 6, 1))), "more than 1 value a channel, got (2, 6, 1)"),
        (partial(F.layer_norm, X, (5,)), "input ends in (7,), normalized_shape is (5,)"),
        (partial(F.layer_norm, X, (7,), SIX), "weight has shape (6,)"),
        (partial(F.layer_norm, X, ()), "normalized_shape must have 1 dimension or more"),
        (partial(F.rms_norm, X, (7,), SIX), "weight has shape (6,), normalized_shape is (7,)"),
        (partial(F.group_norm, X, 4), "input has 6 channels, which num_groups must divide, got 4"),
        (partial(torch.group_norm, X, 0), "input has 6 channels, which num_groups must divide, got 0"),
        (partial(F.group_norm, TensorSpec((1, 6, 1)), 6), "more than 1 value a group, got (1, 6, 1) in 6 groups"),
        (partial(F.local_response_norm, TensorSpec((2, 6)), 2), "input must have 3 dimensions or more, got 2"),
    ],
)
def test_refuses_what_torch_refuses(rejects, call, words):
    rejects(RULES, call, words)
