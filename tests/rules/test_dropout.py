from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from analyzer.counts import Traffic
from analyzer.spec import TensorSpec
from rules.dropout import RULES

X = TensorSpec((2, 3, 5), torch.bfloat16)
T = torch.Tensor

ROWS = {
    "dropout": (nn.Dropout, F.dropout, torch.dropout, {"mul": 30}),
    "dropout1d": (nn.Dropout1d, F.dropout1d, None, {"mul": 30}),
    "dropout2d": (nn.Dropout2d, F.dropout2d, None, {"mul": 30}),
    "dropout3d": (nn.Dropout3d, F.dropout3d, None, {"mul": 30}),
    "feature_dropout": (None, None, torch.feature_dropout, {"mul": 30}),
    "alpha_dropout": (nn.AlphaDropout, F.alpha_dropout, torch.alpha_dropout, {"mul": 30, "add": 30}),
    "feature_alpha_dropout": (
        nn.FeatureAlphaDropout, F.feature_alpha_dropout, torch.feature_alpha_dropout, {"mul": 30, "add": 30},
    ),
}  # fmt: skip


def calls(name, training, p=0.25):
    layer, function, inner, _ = ROWS[name]
    made = []
    if layer is not None:
        made = [partial(layer(p).train(training), X), partial(function, X, p=p, training=training)]
    if inner is not None:
        made.append(partial(inner, X, p, training))
        made.append(partial(getattr(torch, inner.__name__ + "_"), X, p, training))
    return made


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.filterwarnings("ignore:dropout")
def test_scaling_in_training_and_nothing_in_evaluation(agree, name):
    agree(RULES, name, calls(name, True), **ROWS[name][3])
    agree(RULES, name, calls(name, False))
    agree(RULES, name, calls(name, True, p=0.0))


def test_each_function_has_its_own_default(agree):
    agree(RULES, "dropout", [partial(F.dropout, X)], mul=30)
    agree(RULES, "alpha_dropout", [partial(F.alpha_dropout, X)])


def test_with_its_mask(agree):
    agree(RULES, "dropout", [partial(torch.native_dropout, X, 0.5, True)], mul=30)
    agree(RULES, "dropout", [partial(torch.native_dropout, X, 0.5, None)], mul=30)
    agree(RULES, "dropout", [partial(torch.native_dropout, X, 0.5, False)])


def test_in_evaluation_nothing_moves():
    rule = RULES[F.dropout]
    assert rule.call_traffic(rule.bind((X,), {}), X) == Traffic(read=60, written=60)
    assert rule.call_traffic(rule.bind((X,), {"training": False}), X) == Traffic()
    rule = RULES[nn.Dropout]
    assert rule.call_traffic(rule.bind_module(nn.Dropout().eval(), (X,), {}), X) == Traffic()
    assert rule.random


@pytest.mark.filterwarnings("ignore:dropout")
def test_refuses_what_torch_refuses(agree, rejects):
    whole = TensorSpec((2, 3, 5), torch.int64)
    rejects(RULES, partial(F.dropout, X, p=1.5), "p must be from 0 to 1, got 1.5")
    rejects(RULES, partial(torch.dropout, X, -0.5, False), "p must be from 0 to 1, got -0.5")
    rejects(RULES, partial(F.dropout, whole), "input must hold floating numbers, got int64")
    rejects(RULES, partial(F.dropout1d, TensorSpec((5,)), training=False), "input must have 2 or 3 dimensions, got 1")
    rejects(RULES, partial(F.dropout2d, TensorSpec((5,))), "input must have 2 dimensions or more, got 1")
    rejects(RULES, partial(F.dropout3d, TensorSpec(())), "input must have 1 dimensions or more, got 0")
    agree(RULES, "dropout", [partial(F.dropout, whole, training=False), partial(F.dropout, whole, 0.0)])
    agree(RULES, "dropout2d", [partial(F.dropout2d, TensorSpec((5,)), training=False)])
    agree(RULES, "dropout3d", [partial(F.dropout3d, TensorSpec((5,)))], mul=5)
