"""Losses on (3, 5) unless said: 15 elements, 3 samples of 5 classes. A sum of n takes n − 1 add, a mean 1 div more."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from analyzer import TensorSpec, analyze
from rules import distance, loss, loss_class, loss_ctc, loss_likelihood, loss_margin

RULES = loss.RULES | loss_class.RULES | loss_ctc.RULES | loss_likelihood.RULES | loss_margin.RULES

X = TensorSpec((3, 5))
ROW = TensorSpec((5,))
CLASS = TensorSpec((3,), torch.int64)
GRID, CLASSES = TensorSpec((3, 5, 7, 2)), TensorSpec((3, 7, 2), torch.int64)
LABELS = TensorSpec((3, 5), torch.int64)
W = torch.ones(5)
inner = torch._C._nn
aten = torch.ops.aten

# log_softmax of 5: 4 cmp, 5 add, 5 func, 4 add, 1 func, 5 add
SOFT = {"cmp": 4, "add": 14, "func": 6}

ROWS = {
    "l1_loss": (
        "l1_loss",
        [partial(nn.L1Loss(), X, X), partial(F.l1_loss, X, ROW), partial(inner.l1_loss, X, X, 1)],
        {"add": 15 + 14, "cmp": 15, "div": 1},
    ),
    "l1_loss, weighted": (
        "l1_loss",
        [partial(F.l1_loss, X, X, weight=X), partial(F.l1_loss, X, X, True, None, "none", X)],
        {"add": 15 + 14 + 14, "cmp": 15, "mul": 15, "div": 1},
    ),
    "l1_loss, each": (
        "l1_loss",
        [
            partial(nn.L1Loss(reduction="none"), X, X),
            partial(nn.L1Loss(reduce=False), X, X),
            partial(F.l1_loss, X, X, reduction="none"),
            partial(F.l1_loss, X, X, reduce=False),
            partial(F.smooth_l1_loss, X, X, reduction="none", beta=0.0),
            partial(inner.l1_loss, X, X, 0),
        ],
        {"add": 15, "cmp": 15},
    ),
    "mse_loss, summed": (
        "mse_loss",
        [
            partial(nn.MSELoss(reduction="sum"), X, X),
            partial(nn.MSELoss(size_average=False), X, X),
            partial(F.mse_loss, X, X, False),
            partial(F.mse_loss, ROW, X, reduction="sum"),
            partial(inner.mse_loss, X, X, 2),
        ],
        {"add": 15 + 14, "mul": 15},
    ),
    "smooth_l1_loss": (
        "smooth_l1_loss",
        [
            partial(nn.SmoothL1Loss(), X, X),
            partial(F.smooth_l1_loss, X, X),
            partial(inner.smooth_l1_loss, X, X, 1, 1.0),
        ],
        {"add": 15 + 14, "cmp": 30, "mul": 30, "div": 1},
    ),
    "smooth_l1_loss, beta": (
        "smooth_l1_loss",
        [partial(nn.SmoothL1Loss(beta=0.5), X, X), partial(F.smooth_l1_loss, X, X, beta=0.5)],
        {"add": 15 + 14, "cmp": 30, "mul": 30, "div": 15 + 1},
    ),
    "huber_loss": (
        "huber_loss",
        [
            partial(nn.HuberLoss(delta=2.0), X, X),
            partial(F.huber_loss, X, ROW),
            partial(inner.huber_loss, X, X, 1, 2.0),
        ],
        {"add": 15 + 14, "cmp": 30, "mul": 30, "div": 1},
    ),
    "huber_loss, weighted": (
        "huber_loss",
        [partial(F.huber_loss, X, X, weight=X)],
        {"add": 15 + 14, "cmp": 30, "mul": 45, "div": 1},
    ),
    "soft_margin_loss": (
        "soft_margin_loss",
        [
            partial(nn.SoftMarginLoss(), X, X),
            partial(F.soft_margin_loss, X, ROW),
            partial(inner.soft_margin_loss, X, X, 1),
        ],
        {"cmp": 15, "mul": 15, "add": 15 + 14, "func": 30, "div": 1},
    ),
    "binary_cross_entropy": (
        "binary_cross_entropy",
        [
            partial(nn.BCELoss(), X, X),
            partial(F.binary_cross_entropy, X, X),
            partial(inner.binary_cross_entropy, X, X, None, 1),
        ],
        {"func": 30, "add": 45 + 14, "mul": 30, "cmp": 15, "div": 1},
    ),
    "binary_cross_entropy, weighted": (
        "binary_cross_entropy",
        [partial(nn.BCELoss(W), X, X), partial(F.binary_cross_entropy, X, X, ROW)],
        {"func": 30, "add": 45 + 14, "mul": 45, "cmp": 15, "div": 1},
    ),
    "binary_cross_entropy_with_logits": (
        "binary_cross_entropy_with_logits",
        [
            partial(nn.BCEWithLogitsLoss(), X, X),
            partial(F.binary_cross_entropy_with_logits, X, X),
            partial(torch.binary_cross_entropy_with_logits, X, X, reduction=1),
            partial(aten.binary_cross_entropy_with_logits, X, X),
        ],
        {"func": 45, "add": 45 + 14, "mul": 30, "cmp": 15, "div": 1},
    ),
    "binary_cross_entropy_with_logits, both weights": (
        "binary_cross_entropy_with_logits",
        [
            partial(nn.BCEWithLogitsLoss(W, reduction="sum", pos_weight=W), X, X),
            partial(F.binary_cross_entropy_with_logits, X, X, ROW, pos_weight=ROW, reduction="sum"),
            partial(torch.binary_cross_entropy_with_logits, X, X, ROW, ROW, 2),
        ],
        {"func": 45, "add": 45 + 14, "mul": 60, "cmp": 15},
    ),
    "kl_div, by batch": (
        "kl_div",
        [
            partial(nn.KLDivLoss(reduction="batchmean"), X, X),
            partial(nn.KLDivLoss(reduction="batchmean", log_target=True), X, X),
            partial(F.kl_div, X, X, reduction="batchmean"),
            partial(F.kl_div, X, ROW),
            partial(torch.kl_div, X, X, 1, log_target=True),
        ],
        {"func": 15, "add": 15 + 14, "mul": 15, "div": 1},
    ),
    "poisson_nll_loss": (
        "poisson_nll_loss",
        [
            partial(nn.PoissonNLLLoss(), X, X),
            partial(nn.PoissonNLLLoss(), log_input=X, target=X),
            partial(F.poisson_nll_loss, X, X),
            partial(torch.poisson_nll_loss, X, X, True, False, 1e-8, 1),
        ],
        {"func": 15, "mul": 15, "add": 15 + 14, "div": 1},
    ),
    "poisson_nll_loss, full": (
        "poisson_nll_loss",
        [
            partial(nn.PoissonNLLLoss(log_input=False, full=True), X, X),
            partial(F.poisson_nll_loss, X, X, False, True),
            partial(torch.poisson_nll_loss, X, X, False, True, 1e-8, 1),
        ],
        {"func": 45, "mul": 60, "add": 15 * 5 + 14, "cmp": 15, "div": 1},
    ),
    "gaussian_nll_loss": (
        "gaussian_nll_loss",
        [
            partial(nn.GaussianNLLLoss(), X, X, X),
            partial(F.gaussian_nll_loss, X, X, X),
            partial(F.gaussian_nll_loss, X, X, 1.0),
        ],
        {"func": 15, "cmp": 15, "mul": 30, "add": 30 + 14, "div": 15 + 1},
    ),
    "gaussian_nll_loss, a variance a row": (
        "gaussian_nll_loss",
        [
            partial(nn.GaussianNLLLoss(full=True), X, X, TensorSpec((3,))),
            partial(F.gaussian_nll_loss, X, X, TensorSpec((3, 1)), full=True),
        ],
        {"func": 3, "cmp": 3, "mul": 30, "add": 45 + 14, "div": 15 + 1},
    ),
    "nll_loss": (
        "nll_loss",
        [
            partial(nn.NLLLoss(), X, CLASS),
            partial(F.nll_loss, X, CLASS),
            partial(inner.nll_loss_nd, X, CLASS, None, 1, -100),
            partial(aten.nll_loss_forward, X, CLASS, None, 1, -100),
        ],
        {"cmp": 3, "add": 2, "div": 1},
    ),
    "nll_loss of images, weighted": (
        "nll_loss",
        [
            partial(nn.NLLLoss(W), GRID, CLASSES),
            partial(F.nll_loss, GRID, CLASSES, ROW),
            partial(inner.nll_loss2d, GRID, CLASSES, ROW, 1, -100),
            partial(aten.nll_loss2d_forward, GRID, CLASSES, ROW, 1, -100),
        ],
        {"cmp": 42, "mul": 42, "add": 41 + 41, "div": 1},
    ),
    "nll_loss of one sample": (
        "nll_loss",
        [partial(nn.NLLLoss(), ROW, TensorSpec((), torch.int64))],
        {"cmp": 1, "div": 1},
    ),
    "cross_entropy": (
        "cross_entropy",
        [
            partial(nn.CrossEntropyLoss(), X, CLASS),
            partial(F.cross_entropy, X, CLASS),
            partial(inner.cross_entropy_loss, X, CLASS, None, 1, -100, 0.0),
        ],
        {"cmp": 3 * 4 + 3, "add": 3 * 14 + 2, "func": 3 * 6, "div": 1},
    ),
    "cross_entropy of images, each": (
        "cross_entropy",
        [
            partial(nn.CrossEntropyLoss(W, reduction="none"), GRID, CLASSES),
            partial(F.cross_entropy, GRID, CLASSES, ROW, reduction="none"),
        ],
        {"cmp": 42 * 5, "add": 42 * 14, "func": 42 * 6, "mul": 42},
    ),
    "cross_entropy, smoothed": (
        "cross_entropy",
        [
            partial(nn.CrossEntropyLoss(label_smoothing=0.1), X, CLASS),
            partial(F.cross_entropy, X, CLASS, label_smoothing=0.1),
            partial(inner.cross_entropy_loss, X, CLASS, None, 1, -100, 0.1),
        ],
        {"cmp": 3 * (4 + 1 + 1), "add": 3 * (14 + 4 + 1) + 2, "func": 3 * 6, "mul": 3 * 2, "div": 1},
    ),
    "cross_entropy with probabilities": (
        "cross_entropy",
        [partial(nn.CrossEntropyLoss(), X, X), partial(F.cross_entropy, X, X)],
        {"cmp": 3 * (4 + 1), "add": 3 * (14 + 4) + 2, "func": 3 * 6, "mul": 3 * 5, "div": 1},
    ),
    "cross_entropy with probabilities, weighted, smoothed": (
        "cross_entropy",
        [
            partial(nn.CrossEntropyLoss(W, label_smoothing=0.1), X, X),
            partial(F.cross_entropy, X, X, ROW, label_smoothing=0.1),
        ],
        {"cmp": 3 * (4 + 1), "add": 3 * (14 + 4 + 5) + 2, "func": 3 * 6, "mul": 3 * (5 + 5 + 5), "div": 1},
    ),
    "linear_cross_entropy": (
        "linear_cross_entropy",
        [partial(F.linear_cross_entropy, TensorSpec((3, 7)), TensorSpec((5, 7)), CLASS, linear_bias=ROW)],
        {"mac": 3 * 5 * 7, "dot": 15, "cmp": 3 * 5, "add": 15 + 3 * 14 + 2, "func": 3 * 6, "div": 1},
    ),
    "hinge_embedding_loss": (
        "hinge_embedding_loss",
        [
            partial(nn.HingeEmbeddingLoss(), X, X),
            partial(F.hinge_embedding_loss, X, ROW, 2.0),
            partial(torch.hinge_embedding_loss, X, X, 1.0, 1),
        ],
        {"add": 15 + 14, "cmp": 30, "div": 1},
    ),
    "margin_ranking_loss": (
        "margin_ranking_loss",
        [
            partial(nn.MarginRankingLoss(0.5), X, X, X),
            partial(F.margin_ranking_loss, X, X, TensorSpec((3, 1))),
            partial(torch.margin_ranking_loss, X, X, X, 0.5, 1),
        ],
        {"add": 30 + 14, "mul": 15, "cmp": 30, "div": 1},
    ),
    "cosine_embedding_loss": (
        "cosine_embedding_loss",
        [
            partial(nn.CosineEmbeddingLoss(), X, X, TensorSpec((3,))),
            partial(F.cosine_embedding_loss, X, X, CLASS, 0.5),
            partial(torch.cosine_embedding_loss, X, X, CLASS, 0.5, 1),
        ],
        # a cosine: three sums of 5 products, 2 roots, 1 mul, 1 cmp, 1 div
        {"mul": 45 + 3, "add": 3 * 12 + 3 + 2, "func": 6, "cmp": 3 + 6, "div": 3 + 1},
    ),
    "triplet_margin_loss": (
        "triplet_margin_loss",
        [
            partial(nn.TripletMarginLoss(), X, X, X),
            partial(F.triplet_margin_loss, X, X, X),
            partial(torch.triplet_margin_loss, X, X, X, reduction=1),
        ],
        # a distance: 5 differences, 5 eps, 5 squares, 4 sums, 1 root
        {"add": 2 * 3 * (10 + 4) + 6 + 2, "mul": 30, "func": 6, "cmp": 3, "div": 1},
    ),
    "triplet_margin_loss, swapped, p = 1": (
        "triplet_margin_loss",
        [
            partial(nn.TripletMarginLoss(p=1, swap=True, reduction="none"), X, X, X),
            partial(F.triplet_margin_loss, X, X, X, 1.0, 1, swap=True, reduction="none"),
        ],
        {"add": 3 * 3 * (10 + 4) + 6, "cmp": 45 + 6},
    ),
    "multi_margin_loss": (
        "multi_margin_loss",
        [
            partial(nn.MultiMarginLoss(), X, CLASS),
            partial(F.multi_margin_loss, X, CLASS),
            partial(inner.multi_margin_loss, X, CLASS, 1, 1.0, None, 1),
        ],
        {"add": 3 * (1 + 4 + 3) + 2, "cmp": 12, "div": 3 + 1},
    ),
    "multi_margin_loss, squared, weighted": (
        "multi_margin_loss",
        [
            partial(nn.MultiMarginLoss(2, weight=W, reduction="none"), X, CLASS),
            partial(F.multi_margin_loss, X, CLASS, 2, weight=ROW, reduction="none"),
        ],
        {"add": 3 * 8, "cmp": 12, "mul": 24, "div": 3},
    ),
    "multilabel_margin_loss: 2 labels against 3 others at most": (
        "multilabel_margin_loss",
        [
            partial(nn.MultiLabelMarginLoss(), X, LABELS),
            partial(F.multilabel_margin_loss, X, LABELS),
            partial(inner.multilabel_margin_loss, X, LABELS, 1),
            partial(aten.multilabel_margin_loss_forward, X, LABELS, 1),
        ],
        {"add": 3 * (2 * 6 + 5) + 2, "cmp": 18, "div": 3 + 1},
    ),
    "multilabel_soft_margin_loss": (
        "multilabel_soft_margin_loss",
        [
            partial(nn.MultiLabelSoftMarginLoss(W), X, X),
            partial(F.multilabel_soft_margin_loss, X, X, ROW),
        ],
        {"func": 30, "add": 30 + 3 * 4 + 2, "mul": 45, "cmp": 30, "div": 3 + 1},
    ),
    "ctc_loss": (
        "ctc_loss",
        [
            partial(nn.CTCLoss(), TensorSpec((11, 3, 5)), TensorSpec((3, 4), torch.int64), (11, 7, 5), (4, 2, 3)),
            partial(F.ctc_loss, TensorSpec((11, 3, 5)), TensorSpec((9,), torch.int64), (11, 7, 5), (4, 2, 3)),
            partial(torch.ctc_loss, TensorSpec((11, 3, 5)), TensorSpec((9,), torch.int64), [11, 7, 5], [4, 2, 3], 0, 1),
        ],
        # 10 · 9 + 6 · 5 + 4 · 7 states after the first step
        {"cmp": 2 * 148 + 6, "add": 7 * 148 + 12 + 2, "func": 4 * 148 + 9, "div": 3 + 1},
    ),
    "ctc_loss of one sequence": (
        "ctc_loss",
        [
            partial(nn.CTCLoss(reduction="sum"), TensorSpec((11, 5)), TensorSpec((4,), torch.int64), (11,), (4,)),
            partial(F.ctc_loss, TensorSpec((11, 5)), TensorSpec((4,), torch.int64), (11,), (4,), reduction="sum"),
        ],
        {"cmp": 2 * 90 + 2, "add": 7 * 90 + 4, "func": 4 * 90 + 3},
    ),
    "ctc_loss and its alignments": (
        "ctc_loss",
        [partial(torch._ctc_loss, TensorSpec((11, 3, 5)), TensorSpec((3, 4), torch.int64), (11, 7, 5), (4, 2, 3))],
        {"cmp": 2 * 148 + 6, "add": 7 * 148 + 12, "func": 4 * 148 + 9},
    ),
    "nothing costs nothing": (
        "mse_loss",
        [partial(nn.MSELoss(), TensorSpec((0, 5)), TensorSpec((0, 5)))],
        {},
    ),
}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_counts_in_every_spelling(agree, row):
    name, calls, counts = ROWS[row]
    agree(RULES, name, calls, **counts) if row != "l1_loss, each" else each_l1(agree, calls, counts)


SPELLINGS = {
    "C mse": inner.mse_loss,
    "C kl": torch.kl_div,
    "aten mse": aten.mse_loss,
    "aten kl": aten.kl_div,
    "F mse": F.mse_loss,
}


@pytest.mark.parametrize("function", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_the_reduction_left_out_is_torchs_own(function):
    rule = RULES[function]
    out = rule.call_shape(rule.bind((X, X), {}))
    assert out.shape == tuple(function(torch.zeros(3, 5), torch.zeros(3, 5)).shape)


def each_l1(agree, calls, counts):
    """With beta 0 the smooth loss is the plain one, under its own name."""
    for call in calls:
        agree(RULES, "smooth_l1_loss" if call.func is F.smooth_l1_loss else "l1_loss", [call], **counts)


def test_lengths_in_a_tensor_are_full_ones():
    args = (
        torch.zeros(11, 3, 5),
        torch.zeros(3, 4, dtype=torch.int64),
        torch.tensor([11, 7, 5]),
        torch.tensor([4, 2, 3]),
    )
    analysis = analyze(nn.CTCLoss(reduction="none"), args, rules=RULES)
    assert analysis.outputs.shape == (3,)
    assert analysis.counts.func == 4 * 3 * 10 * 9 + 9
    assert "bounded" in {node.status for node in analysis.graph.nodes()}


def scripted(x: torch.Tensor, y: torch.Tensor, t: torch.Tensor):
    return (
        torch.nn.functional.mse_loss(x, y),
        torch.nn.functional.nll_loss(x, t),
        torch.nn.functional.binary_cross_entropy_with_logits(x, y, reduction="none"),
        torch.nn.functional.multilabel_soft_margin_loss(x, y),
    )


def test_what_script_reaches_has_the_same_name_and_cost():
    args = (torch.zeros(3, 5), torch.zeros(3, 5), torch.zeros(3, dtype=torch.int64))
    plain = analyze(lambda x, y, t: scripted(x, y, t)[:2], args, rules=RULES)
    deep = analyze(torch.jit.script(scripted), args, rules=RULES)
    assert [spec.shape for spec in deep.outputs] == [(), (), (3, 5), ()]
    for name in ("mse_loss", "nll_loss"):
        assert deep.by_op("all")[name] == plain.by_op("all")[name]


def test_a_triplet_loss_with_a_distance_is_entered():
    for call in (nn.TripletMarginWithDistanceLoss(), F.triplet_margin_with_distance_loss):
        analysis = analyze(call, (X, X, X), rules=RULES | distance.RULES)
        assert analysis.outputs.shape == ()
        # two distances of 5 numbers, and a − b + margin, clamped, and a mean of 3
        counts = analysis.counts
        assert (counts.add, counts.mul, counts.func, counts.cmp, counts.div) == (2 * 42 + 6 + 2, 30, 6, 3, 1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(F.mse_loss, X, TensorSpec((4, 5))), "shapes (3, 5) and (4, 5) do not broadcast"),
        (partial(F.mse_loss, LABELS, LABELS), "must hold floating numbers, got int64"),
        (partial(F.l1_loss, LABELS, LABELS), "a mean takes floating numbers, got int64"),
        (partial(F.l1_loss, X, X, weight=ROW), "input and weight must have the same shape, got (3, 5) and (5,)"),
        (partial(F.mse_loss, X, X, reduction="batchmean"), "must be 'none', 'mean' or 'sum', got 'batchmean'"),
        (partial(F.smooth_l1_loss, X, X, beta=-1.0), "beta must be 0 or more, got -1.0"),
        (partial(F.huber_loss, X, X, delta=0.0), "delta must be positive, got 0.0"),
        (partial(F.soft_margin_loss, TensorSpec((3, 1)), X), "target must broadcast to input, (3, 1), got (3, 5)"),
        (partial(F.binary_cross_entropy, X, ROW), "the same shape, got (3, 5) and (5,)"),
        (partial(F.binary_cross_entropy, X, TensorSpec((3, 5), torch.float64)), "the same dtype, got float32"),
        (partial(F.binary_cross_entropy_with_logits, X, X, TensorSpec((2, 3, 5))), "weight must broadcast to input"),
        (partial(F.gaussian_nll_loss, X, X, TensorSpec((2,))), "var must have the shape of input, (3, 5)"),
        (partial(F.gaussian_nll_loss, X, X, -1.0), "var must be 0 or more, got -1.0"),
        (partial(F.nll_loss, X, TensorSpec((4,), torch.int64)), "target must be (3,)"),
        (partial(F.nll_loss, GRID, TensorSpec((3, 7), torch.int64)), "target must be (3, 7, 2)"),
        (partial(F.nll_loss, X, TensorSpec((3,))), "target must be int64 or uint8, got float32"),
        (partial(F.nll_loss, X, CLASS, TensorSpec((4,))), "input has 5 classes, weight has shape (4,)"),
        (partial(F.cross_entropy, X, LABELS), "class probabilities must hold floating numbers, got int64"),
        (partial(F.cross_entropy, X, X, ignore_index=2), "ignore_index takes a target of classes"),
        (partial(F.cross_entropy, X, CLASS, label_smoothing=1.5), "label_smoothing must be from 0 to 1, got 1.5"),
        (partial(F.linear_cross_entropy, X, TensorSpec((7, 4)), CLASS), "input has 5 features, linear_weight takes 4"),
        (partial(F.margin_ranking_loss, X, X, ROW), "must have as many dimensions"),
        (partial(F.cosine_embedding_loss, X, X, X), "target must have 0 or 1 dimensions, got 2"),
        (partial(F.cosine_embedding_loss, ROW, ROW, TensorSpec((3,))), "must have one dimension more than target, 2"),
        (partial(F.triplet_margin_loss, X, X, X, margin=0.0), "margin must be positive, got 0.0"),
        (partial(F.triplet_margin_loss, X, X, ROW), "must have as many dimensions"),
        (partial(F.multi_margin_loss, X, CLASS, 3), "p must be 1 or 2, got 3"),
        (partial(F.multi_margin_loss, X, TensorSpec((4,), torch.int64)), "a class for each of 3 samples, got (4,)"),
        (
            partial(F.multilabel_margin_loss, X, TensorSpec((3, 4), torch.int64)),
            "the same shape, got (3, 5) and (3, 4)",
        ),
        (partial(F.multilabel_soft_margin_loss, TensorSpec(()), TensorSpec(())), "input must have 1 dimension or more"),
        (partial(F.ctc_loss, X, ROW, (3, 3), (5,)), "input_lengths must be a length for each of 1 sequences"),
        (
            partial(F.ctc_loss, TensorSpec((11, 3, 5)), LABELS, (12, 1, 1), (1, 1, 1)),
            "input_lengths must be from 0 to 11, got [12, 1, 1]",
        ),
        (
            partial(F.ctc_loss, TensorSpec((11, 3, 5)), TensorSpec((8,), torch.int64), (11, 1, 1), (4, 3, 2)),
            "target_lengths must sum up to the labels in targets, 8, got 9",
        ),
    ],
)
def test_refuses_what_torch_refuses(rejects, call, words):
    rejects(RULES, call, words)
