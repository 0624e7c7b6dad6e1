from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from analyzer.counts import Traffic
from analyzer.errors import DataDependentError
from analyzer.spec import TensorSpec
from rules import embedding, embedding_bag

RULES = embedding.RULES | embedding_bag.RULES

X, TABLE = TensorSpec((2, 3), torch.int64), TensorSpec((11, 7))
LINE, OFFSETS, ENDS = TensorSpec((13,), torch.int64), TensorSpec((5,), torch.int64), TensorSpec((6,), torch.int64)
WEIGHTS = TensorSpec((13,))


def test_looking_up_is_free_in_every_spelling(agree):
    agree(
        RULES, "embedding",
        [
            partial(nn.Embedding(11, 7), X),
            partial(nn.Embedding(11, 7, padding_idx=2), TensorSpec((), torch.int32)),
            partial(F.embedding, X, TABLE),
            partial(F.embedding, X, TensorSpec((11, 7), torch.int32), padding_idx=-11),
            partial(torch.embedding, TABLE, X),
            partial(torch.embedding, TABLE, X, 3, False, True),
        ],
    )  # fmt: skip


def test_max_norm_is_counted_at_its_most(agree):
    # six rows: norm 7 mul 6 add 1 func, 1 cmp, factor 1 add 1 div, 7 mul
    most = {"mul": 6 * 14, "add": 6 * 7, "func": 6, "cmp": 6, "div": 6}
    layer = nn.Embedding(11, 7, max_norm=1.0)
    agree(RULES, "embedding", [partial(layer, X), partial(F.embedding, X, TABLE, max_norm=1.0)], **most)
    agree(RULES, "embedding_renorm", [partial(torch.embedding_renorm_, TABLE, X, 1.0, 2.0)], **most)
    # seventeen indices into eleven rows shorten eleven at most
    many = TensorSpec((17,), torch.int64)
    counts = {"mul": 11 * 7, "add": 11 * 7, "func": 11 * 8, "cmp": 11, "div": 11}
    agree(RULES, "embedding", [partial(F.embedding, many, TABLE, None, 1.0, 3.0)], **counts)


def test_traffic_is_the_rows_looked_up():
    for target, args in ((F.embedding, (X, TABLE)), (torch.embedding, (TABLE, X))):
        rule = RULES[target]
        bound = rule.bind(args, {})
        out = rule.call_shape(bound)
        assert rule.call_traffic(bound, out) == Traffic(read=6 * 8 + 42 * 4, written=42 * 4, weights=42 * 4)
    rule = RULES[F.embedding_bag]
    bound = rule.bind((LINE, TABLE, OFFSETS), {})
    rows = 13 * 7 * 4
    expected = Traffic(read=13 * 8 + 5 * 8 + rows, written=35 * 4, weights=rows)
    assert rule.call_traffic(bound, rule.call_shape(bound)) == expected


@pytest.mark.parametrize(
    ("mode", "number", "counts"),
    [
        ("sum", 0, {"add": 8 * 7}),
        ("mean", 1, {"add": 8 * 7, "div": 5 * 7}),
        ("max", 2, {"cmp": 8 * 7}),
    ],
)
@pytest.mark.filterwarnings("ignore:Argument order")
def test_bags_of_thirteen_rows_in_five(agree, mode, number, counts):
    agree(
        RULES, "embedding_bag",
        [
            partial(nn.EmbeddingBag(11, 7, mode=mode), LINE, OFFSETS),
            partial(nn.EmbeddingBag(11, 7, mode=mode, include_last_offset=True), LINE, offsets=ENDS),
            partial(F.embedding_bag, LINE, TABLE, OFFSETS, mode=mode),
            partial(F.embedding_bag, TABLE, LINE, OFFSETS, mode=mode),
            partial(torch.embedding_bag, TABLE, LINE, OFFSETS, False, number),
            partial(torch.embedding_bag, TABLE, LINE, ENDS, False, number, False, None, True),
            partial(torch.embedding_bag, TABLE, LINE, OFFSETS, False, number, False, None, False, 3),
            partial(torch._embedding_bag, TABLE, LINE, ENDS, False, number, False, None, True),
            partial(torch._embedding_bag_forward_only, TABLE, LINE, ENDS, False, number, False, None, True),
        ],
        **counts,
    )  # fmt: skip


def test_bags_of_equal_length(agree):
    layer = nn.EmbeddingBag(11, 7)
    agree(RULES, "embedding_bag", [partial(layer, X), partial(F.embedding_bag, X, TABLE)], add=2 * 2 * 7, div=2 * 7)


def test_weighted_bags_are_dot_products(agree):
    layer = nn.EmbeddingBag(11, 7, mode="sum")
    agree(
        RULES, "embedding_bag",
        [
            partial(layer, LINE, OFFSETS, WEIGHTS),
            partial(layer, LINE, OFFSETS, per_sample_weights=WEIGHTS),
            partial(F.embedding_bag, LINE, TABLE, OFFSETS, mode="sum", per_sample_weights=WEIGHTS),
            partial(torch._embedding_bag, TABLE, LINE, OFFSETS, False, 0, False, WEIGHTS),
        ],
        mac=13 * 7, dot=5 * 7,
    )  # fmt: skip


def test_one_hot(agree):
    agree(RULES, "one_hot", [partial(F.one_hot, X, 5), partial(F.one_hot, X, num_classes=5)])
    with pytest.raises(DataDependentError, match="num_classes is the largest number in input"):
        RULES[F.one_hot].call_shape({"input": X, "num_classes": -1})


FLOATS = TensorSpec((2, 3))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(F.embedding, FLOATS, TABLE), "input must hold int64 or int32 numbers, got float32"),
        (partial(F.embedding, X, TensorSpec((7,))), "weight must have 2 dimensions, got (7,)"),
        (partial(F.embedding, X, TABLE, padding_idx=11), "padding_idx must be from -11 to 10, got 11"),
        (partial(F.embedding, X, TABLE, padding_idx=-12), "padding_idx must be from -11 to 10, got -12"),
        (partial(F.embedding_bag, LINE, TABLE), "offsets must have 1 dimension, got None"),
        (partial(F.embedding_bag, X, TABLE, OFFSETS), "offsets must be None where input has 2 dimensions, got (5,)"),
        (partial(F.embedding_bag, TensorSpec((2, 3, 5), torch.int64), TABLE), "input must have 1 or 2 dimensions"),
        (partial(F.embedding_bag, X, TABLE, mode="min"), "mode must be one of sum, mean, max, got 'min'"),
        (partial(F.embedding_bag, X, TensorSpec((7,))), "weight must have 2 dimensions"),
        (partial(F.embedding_bag, X, TensorSpec((11, 7), torch.int64)), "weight must hold floating numbers, got int64"),
        (partial(F.embedding_bag, X, TABLE, mode="max", sparse=True), "mode 'max' goes without"),
        (
            partial(F.embedding_bag, LINE, TABLE, OFFSETS, per_sample_weights=WEIGHTS),
            "per_sample_weights goes with mode 'sum' alone, got 'mean'",
        ),
        (
            partial(F.embedding_bag, LINE, TABLE, OFFSETS, mode="sum", per_sample_weights=OFFSETS),
            "per_sample_weights and input must agree, got (5,), (13,)",
        ),
        (
            partial(nn.EmbeddingBag(11, 7, include_last_offset=True), LINE, TensorSpec((0,), torch.int64)),
            "offsets must have an element with include_last_offset, got 0",
        ),
        (partial(F.one_hot, FLOATS, 5), "input must hold int64 numbers, got float32"),
        (partial(F.one_hot, X, -2), "num_classes must be positive, got -2"),
        (partial(F.one_hot, TensorSpec((0, 3), torch.int64)), "num_classes must be positive, got -1"),
    ],
)
def test_refuses_what_torch_refuses(rejects, call, words):
    rejects(RULES, call, words)
