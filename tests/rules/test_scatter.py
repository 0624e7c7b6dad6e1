"""Gathering, scattering and masks."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from analyzer.counts import Traffic
from analyzer.spec import TensorSpec
from rules import RULES

X, BOOL = TensorSpec((3, 7, 5)), TensorSpec((3, 7, 5), torch.bool)
PLACES, TWO = TensorSpec((3, 11, 5), torch.int64), TensorSpec((2,), torch.int64)
SOURCE, SLICES = TensorSpec((3, 11, 5)), TensorSpec((3, 2, 5))
Tensor = torch.Tensor


def test_picking_costs_nothing(agree):
    agree(RULES, "index_select", [partial(torch.index_select, X, 1, TWO), partial(Tensor.index_select, X, -1, TWO)])
    agree(RULES, "gather", [partial(torch.gather, X, 1, PLACES), partial(Tensor.gather, X, index=PLACES, dim=1)])
    agree(RULES, "take", [partial(torch.take, X, PLACES)])
    agree(RULES, "take_along_dim", [partial(torch.take_along_dim, X, TensorSpec((1, 2, 1), torch.int64), 1)])


def test_a_pick_reads_only_what_it_picks():
    rule = RULES[torch.index_select]
    bound = rule.bind((X, 1, TWO), {})
    assert rule.call_traffic(bound, rule.call_shape(bound)) == Traffic(read=30 * 4 + 16, written=30 * 4)


def test_writing_and_adding(agree):
    agree(RULES, "scatter", [partial(torch.scatter, X, 1, PLACES, SOURCE), partial(Tensor.scatter, X, 1, PLACES, 1.0)])
    agree(RULES, "scatter", [partial(Tensor.scatter_, X, 1, PLACES, value=2.0, reduce="multiply")], mul=165)
    agree(RULES, "scatter_add", [partial(torch.scatter_add, X, 1, PLACES, SOURCE)], add=165)
    agree(RULES, "scatter_reduce", [partial(torch.scatter_reduce, X, 1, PLACES, SOURCE, "amax")], cmp=165)
    agree(RULES, "scatter_reduce", [partial(torch.scatter_reduce, X, 1, PLACES, SOURCE, "mean")], add=330, div=105)
    agree(
        RULES,
        "index_add",
        [partial(torch.index_add, X, 1, TWO, SLICES), partial(Tensor.index_add_, X, 1, TWO, SLICES)],
        add=30,
    )
    agree(RULES, "index_add", [partial(torch.index_add, X, 1, TWO, SLICES, alpha=2)], add=30, mul=30)
    agree(RULES, "index_copy", [partial(torch.index_copy, X, 1, TWO, SLICES)])
    agree(RULES, "index_fill", [partial(torch.index_fill, X, 1, TWO, 2.0)])
    agree(RULES, "index_put", [partial(torch.index_put, X, (TWO,), TensorSpec((5,)))])
    agree(RULES, "index_put", [partial(torch.index_put, X, (TWO,), TensorSpec((5,)), True)], add=2 * 35)


def test_masks(agree):
    calls = [
        partial(torch.masked_fill, X, BOOL, 2.0),
        partial(Tensor.masked_fill, TensorSpec((5,)), BOOL, TensorSpec(())),
    ]
    agree(RULES, "masked_fill", calls, cmp=105)
    agree(RULES, "masked_scatter", [partial(torch.masked_scatter, X, BOOL, X)])
    agree(RULES, "isin", [partial(torch.isin, X, TensorSpec((11,)))], cmp=105 * 11)
    agree(RULES, "nonzero", [partial(torch.nonzero_static, X, size=4)], cmp=105)


@pytest.mark.parametrize(
    ("target", "kwargs", "shapes"),
    [
        (torch.nonzero, {}, [(105, 3)]),
        ("nonzero", {"as_tuple": True}, [(105,)] * 3),
        (torch.argwhere, {}, [(105, 3)]),
    ],
)
def test_what_is_found_is_an_upper_bound(target, kwargs, shapes):
    bound = RULES[target].call_shape(RULES[target].bind((X,), kwargs))
    found = bound.spec if isinstance(bound.spec, tuple) else (bound.spec,)
    assert [spec.shape for spec in found] == shapes
    assert all(spec.dtype is torch.int64 for spec in found)


def test_masked_select_is_an_upper_bound():
    bound = RULES[torch.masked_select].call_shape({"input": TensorSpec((5,)), "mask": BOOL})
    assert bound.spec.shape == (105,)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(torch.index_select, X, 1, PLACES), "vector"),
        (partial(torch.gather, X, 1, TensorSpec((4, 1, 5), torch.int64)), "not be larger than input"),
        (partial(torch.gather, X, 1, TWO), "as many dimensions"),
        (partial(torch.scatter, X, 1, PLACES, TensorSpec((3, 11, 4))), "not be larger than src"),
        (partial(torch.scatter_reduce, X, 1, PLACES, SOURCE, "most"), "'most'"),
        (partial(torch.index_add, X, 1, TWO, X), "a slice for every index"),
        (partial(torch.index_put, X, (TWO,), TensorSpec((6,))), "does not broadcast"),
        (partial(torch.masked_fill, X, X, 1.0), "mask must be bool"),
        (partial(torch.masked_fill, X, BOOL, TWO), "value must be a number"),
    ],
)
def test_what_torch_refuses_is_refused(call, words, rejects):
    rejects(RULES, call, words)
