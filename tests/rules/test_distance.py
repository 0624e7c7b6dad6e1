"""Vectors of 5 numbers. A distance of order 2: 5 differences, 5 squares, 4 sums, 1 root."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from analyzer import TensorSpec, analyze
from rules.distance import RULES

X = TensorSpec((3, 5))
ROW = TensorSpec((5,))
LEFT, RIGHT = TensorSpec((2, 3, 5)), TensorSpec((2, 7, 5))
aten = torch.ops.aten

ROWS = {
    "cosine_similarity": (
        "cosine_similarity",
        [
            partial(nn.CosineSimilarity(), X, X),
            partial(nn.CosineSimilarity(dim=-1), ROW, X),
            partial(F.cosine_similarity, X, X, dim=-1),
            partial(torch.cosine_similarity, X, ROW),
        ],
        {"mul": 3 * (15 + 1), "add": 3 * 12, "func": 6, "cmp": 3, "div": 3},
    ),
    "cosine_similarity along the first dimension": (
        "cosine_similarity",
        [partial(nn.CosineSimilarity(dim=0), X, X), partial(F.cosine_similarity, X, X, 0)],
        {"mul": 5 * (9 + 1), "add": 5 * 6, "func": 10, "cmp": 5, "div": 5},
    ),
    "pairwise_distance": (
        "pairwise_distance",
        [
            partial(nn.PairwiseDistance(), X, X),
            partial(nn.PairwiseDistance(keepdim=True), ROW, X),
            partial(F.pairwise_distance, X, X),
            partial(torch.pairwise_distance, X, ROW),
        ],
        {"add": 3 * (5 + 5 + 4), "mul": 15, "func": 3},
    ),
    "pairwise_distance, p = 1": (
        "pairwise_distance",
        [partial(nn.PairwiseDistance(1), X, X), partial(F.pairwise_distance, X, X, 1.0)],
        {"add": 3 * (5 + 5 + 4), "cmp": 15},
    ),
    "pairwise_distance, p infinite": (
        "pairwise_distance",
        [partial(nn.PairwiseDistance(float("inf")), X, X), partial(F.pairwise_distance, X, X, p=float("inf"))],
        {"add": 3 * 10, "cmp": 3 * 9},
    ),
    "pairwise_distance of numbers": (
        "pairwise_distance",
        [partial(F.pairwise_distance, TensorSpec(()), TensorSpec(()))],
        {"add": 2, "mul": 1, "func": 1},
    ),
    "cdist": (
        "cdist",
        [
            partial(torch.cdist, LEFT, RIGHT),
            partial(torch.cdist, LEFT, RIGHT, compute_mode="donot_use_mm_for_euclid_dist"),
            partial(aten._cdist_forward, LEFT, RIGHT, 2.0, None),
            partial(torch._euclidean_dist, LEFT, RIGHT),
        ],
        {"add": 42 * 9, "mul": 42 * 5, "func": 42},
    ),
    "cdist, p = 3": (
        "cdist",
        [partial(torch.cdist, LEFT, TensorSpec((7, 5)), p=3.0)],
        {"add": 42 * 9, "cmp": 42 * 5, "func": 42 * 6},
    ),
    "cdist to nothing": ("cdist", [partial(torch.cdist, LEFT, TensorSpec((2, 0, 5)))], {}),
    "pdist": (
        "pdist",
        [
            partial(F.pdist, TensorSpec((7, 5))),
            partial(torch.pdist, TensorSpec((7, 5)), 2.0),
            partial(aten._pdist_forward, TensorSpec((7, 5)), 2.0),
        ],
        {"add": 21 * 9, "mul": 21 * 5, "func": 21},
    ),
}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_counts_in_every_spelling(agree, row):
    name, calls, counts = ROWS[row]
    agree(RULES, name, calls, **counts)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(F.cosine_similarity, X, TensorSpec((4, 5))), "shapes (3, 5) and (4, 5) do not broadcast"),
        (partial(F.cosine_similarity, ROW, ROW), "dim must be from -1 to 0, got 1"),
        (
            partial(F.cosine_similarity, CLASSES := TensorSpec((3, 5), torch.int64), CLASSES),
            "floating numbers, got int64",
        ),
        (partial(F.pairwise_distance, X, TensorSpec((3, 4))), "do not broadcast"),
        (partial(torch.cdist, X, ROW), "x2 must have 2 dimensions or more, got 1: (5,)"),
        (partial(torch.cdist, X, TensorSpec((3, 4))), "x1 has 5 columns, x2 has 4"),
        (partial(torch.cdist, X, X, p=-1.0), "p must be 0 or more, got -1.0"),
        (partial(F.pdist, ROW), "input must have 2 dimensions, got 1: (5,)"),
    ],
)
def test_refuses_what_torch_refuses(rejects, call, words):
    rejects(RULES, call, words)


def test_a_layer_is_one_node():
    for layer, name in ((nn.PairwiseDistance(3.0), "pairwise_distance"), (nn.CosineSimilarity(), "cosine_similarity")):
        analysis = analyze(layer, (X, X), rules=RULES)
        assert [node.op for node in analysis.graph.nodes()] == ["input", "input", name, "output"]
