"""Reductions, scans, spread, norms and order statistics."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from analyzer.spec import TensorSpec
from rules import RULES

X, I64, BOOL = TensorSpec((3, 7, 5)), TensorSpec((3, 7, 5), torch.int64), TensorSpec((3, 7, 5), torch.bool)
M, V, EMPTY = TensorSpec((7, 5)), TensorSpec((11,)), TensorSpec((0, 3))
U8, COMPLEX = TensorSpec((3, 7, 5), torch.uint8), TensorSpec((3, 7, 5), torch.complex64)
Tensor = torch.Tensor


def test_sums_and_products(agree):
    calls = [partial(torch.sum, X, 1), partial(Tensor.sum, I64, dim=-2), partial(torch.sum, BOOL, 1, keepdim=True)]
    agree(RULES, "sum", [*calls, partial(torch.sum, U8, (1,), dtype=torch.float16)], add=15 * 6)
    agree(
        RULES,
        "sum",
        [partial(torch.sum, X), partial(torch.sum, X, ()), partial(Tensor.sum, X, axis=(0, 1, 2))],
        add=104,
    )
    agree(RULES, "mean", [partial(torch.mean, X, (0, 2)), partial(Tensor.mean, X, (0, 2), True)], add=7 * 14, div=7)
    agree(RULES, "prod", [partial(torch.prod, X, 1), partial(Tensor.prod, BOOL, 1)], mul=15 * 6)
    agree(RULES, "nansum", [partial(torch.nansum, X, 1)], add=15 * 6, cmp=105)
    agree(RULES, "nanmean", [partial(torch.nanmean, X, 1)], add=2 * 15 * 6, cmp=105, div=15)
    agree(RULES, "sum", [partial(torch.sum, EMPTY, 0), partial(torch.sum, EMPTY)])


def test_truth(agree):
    agree(
        RULES, "any", [partial(torch.any, X, 1), partial(Tensor.any, U8, 1), partial(torch.any, BOOL, (1,))], cmp=15 * 6
    )
    agree(RULES, "all", [partial(torch.all, X), partial(Tensor.all, U8)], cmp=104)
    agree(RULES, "all", [partial(torch.all, X, ())])
    agree(RULES, "count_nonzero", [partial(torch.count_nonzero, X, 1)], cmp=105, add=15 * 6)


def test_extremes(agree):
    agree(RULES, "max", [partial(torch.max, X), partial(Tensor.max, BOOL)], cmp=104)
    agree(RULES, "max", [partial(torch.max, X, 1), partial(Tensor.max, I64, -2, True)], cmp=15 * 6)
    agree(RULES, "min", [partial(torch.min, X, TensorSpec((5,))), partial(torch.min, X, other=I64)], cmp=105)
    agree(RULES, "amax", [partial(torch.amax, X, (0, 2)), partial(Tensor.amax, X, (0, 2), True)], cmp=7 * 14)
    agree(RULES, "amin", [partial(torch.amin, X)], cmp=104)
    agree(RULES, "argmax", [partial(torch.argmax, X, 1), partial(Tensor.argmax, I64, 1, keepdim=True)], cmp=15 * 6)
    agree(RULES, "argmin", [partial(torch.argmin, X)], cmp=104)
    agree(RULES, "aminmax", [partial(torch.aminmax, X, dim=1)], cmp=2 * 15 * 6)


def test_results_have_torchs_own_names():
    largest = RULES["max"].call_shape({"input": X, "dim": 1, "keepdim": False, "other": None})
    assert (largest.values.shape, largest.indices.dtype) == ((3, 5), torch.int64)


def test_logsumexp_takes_the_largest_out_first(agree):
    calls = [partial(torch.logsumexp, X, 1), partial(Tensor.logsumexp, I64, (1,), keepdim=True)]
    agree(RULES, "logsumexp", calls, cmp=15 * 6, add=105 + 15 * 6 + 15, func=105 + 15)


def test_scans(agree):
    agree(RULES, "cumsum", [partial(torch.cumsum, X, 1), partial(Tensor.cumsum, BOOL, -2)], add=15 * 6)
    agree(RULES, "cumprod", [partial(torch.cumprod, X, 1, dtype=torch.float64)], mul=15 * 6)
    agree(RULES, "cummax", [partial(torch.cummax, X, 1)], cmp=15 * 6)
    agree(RULES, "logcumsumexp", [partial(torch.logcumsumexp, X, 1)], func=15 * 6)
    agree(RULES, "cumsum", [partial(torch.cumsum, TensorSpec(()), 0)])
    agree(RULES, "diff", [partial(torch.diff, X, dim=1)], add=15 * 6)
    agree(RULES, "diff", [partial(torch.diff, X, 2, 1)], add=15 * 6 + 15 * 5)
    agree(RULES, "diff", [partial(torch.diff, X, dim=1, prepend=TensorSpec((3, 2, 5)))], add=15 * 8)
    agree(RULES, "diff", [partial(torch.diff, BOOL, dim=1)], func=15 * 6)


def test_spread(agree):
    spread = {"add": 15 * (6 + 7 + 6), "mul": 105, "div": 30}
    agree(RULES, "var", [partial(torch.var, X, 1), partial(Tensor.var, X, (1,), correction=0)], **spread)
    agree(RULES, "std", [partial(torch.std, X, 1, False), partial(torch.std, COMPLEX, 1)], **spread, func=15)
    agree(
        RULES, "var_mean", [partial(torch.var_mean, X, 1, keepdim=True), partial(torch.var_mean, COMPLEX, 1)], **spread
    )
    agree(RULES, "std_mean", [partial(torch.std_mean, X, 1)], **spread, func=15)
    agree(RULES, "std", [partial(torch.std, V, False)], add=10 + 11 + 10, mul=11, div=2, func=1)


def test_norms_of_vectors(agree):
    two = [partial(torch.linalg.vector_norm, X, dim=1), partial(torch.norm, X, dim=1), partial(Tensor.norm, X, 2, 1)]
    agree(RULES, "vector_norm", two[:1], mul=105, add=15 * 6, func=15)
    agree(RULES, "norm", [*two[1:], partial(torch.linalg.norm, X, dim=1)], mul=105, add=15 * 6, func=15)
    agree(RULES, "norm", [partial(torch.norm, X, 1, 1)], cmp=105, add=15 * 6)
    agree(RULES, "norm", [partial(torch.norm, X, float("inf"), 1)], cmp=105 + 15 * 6)
    agree(RULES, "norm", [partial(torch.norm, X, 3, 1)], cmp=105, add=15 * 6, func=105 + 15)
    agree(RULES, "dist", [partial(torch.dist, X, TensorSpec((5,)))], mul=105, add=105 + 104, func=1)


def test_norms_of_matrices(agree):
    agree(RULES, "norm", [partial(torch.linalg.norm, X, "fro", (1, 2))], mul=105, add=3 * 34, func=3)
    agree(RULES, "matrix_norm", [partial(torch.linalg.matrix_norm, X, 1)], cmp=105 + 3 * 4, add=3 * 5 * 6)
    # Singular values of 7 x 5: 4 m n² − 4 n³ / 3 = 533 products and sums in halves, then the 4 sums of 5 of them.
    agree(RULES, "norm", [partial(torch.norm, M, "nuc")], mul=266, add=267 + 4)


def test_order(agree):
    # 7 elements are sorted in 7 ⌈log2 7⌉ comparisons, 105 in 105 · 7.
    agree(RULES, "sort", [partial(torch.sort, X, 1), partial(Tensor.sort, X, stable=True, dim=1)], cmp=15 * 7 * 3)
    agree(RULES, "argsort", [partial(torch.argsort, X, 1), partial(Tensor.argsort, X, 1, True)], cmp=15 * 7 * 3)
    agree(RULES, "topk", [partial(torch.topk, X, 2, 1), partial(Tensor.topk, X, k=2, dim=-2)], cmp=15 * 7 * 3)
    agree(RULES, "kthvalue", [partial(torch.kthvalue, X, 2, 1, True)], cmp=15 * 7 * 3)
    agree(RULES, "median", [partial(torch.median, X, 1), partial(Tensor.median, I64, 1)], cmp=15 * 7 * 3)
    agree(RULES, "median", [partial(torch.median, X)], cmp=105 * 7)
    agree(RULES, "mode", [partial(torch.mode, X, 1)], cmp=15 * 7 * 3 + 15 * 6)
    agree(RULES, "msort", [partial(torch.msort, M)], cmp=5 * 7 * 3)
    agree(RULES, "quantile", [partial(torch.quantile, X, TensorSpec((2,)), 1)], cmp=315, add=2 * 30, mul=30)
    agree(RULES, "quantile", [partial(torch.quantile, X, 0.5, 1, interpolation="lower")], cmp=315)


def test_search_and_counting(agree):
    agree(RULES, "searchsorted", [partial(torch.searchsorted, V, X), partial(torch.searchsorted, V, I64)], cmp=105 * 4)
    agree(RULES, "bucketize", [partial(torch.bucketize, X, V, out_int32=True)], cmp=105 * 4)
    agree(RULES, "histc", [partial(torch.histc, V, 3, 0, 1)], div=11, add=11)


def test_different_values_are_an_upper_bound():
    bound = RULES[torch.unique].call_shape(RULES[torch.unique].bind((M,), {"return_counts": True}))
    assert [spec.shape for spec in bound.spec] == [(35,), (35,)]
    bound = RULES["unique"].call_shape(RULES["unique"].bind((M,), {"return_inverse": True, "dim": 1}))
    assert [spec.shape for spec in bound.spec] == [(7, 5), (5,)]


def test_integrals_and_covariances(agree):
    agree(
        RULES, "trapezoid", [partial(torch.trapezoid, M), partial(torch.trapz, M)], add=7 * 4 + 7 * 3, mul=7 * 4, div=7
    )
    agree(RULES, "cumulative_trapezoid", [partial(torch.cumulative_trapezoid, M)], add=7 * 4 + 7 * 3, mul=28, div=28)
    agree(RULES, "gradient", [partial(torch.gradient, M)], add=70, div=70)
    agree(RULES, "cov", [partial(torch.cov, M)], mac=49 * 5, dot=49, add=7 * 4 + 35, div=7 + 49)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(torch.sum, X, 3), "dim must be from -3 to 2, got 3"),
        (partial(torch.sum, X, (0, 0)), "twice"),
        (partial(torch.mean, I64), "floating point or complex"),
        (partial(torch.max, EMPTY), "empty"),
        (partial(torch.amax, EMPTY, 0), "a dimension with elements, got 0"),
        (partial(torch.max, COMPLEX), "real"),
        (partial(torch.argmax, BOOL), "numbers"),
        (partial(torch.std, I64), "floating point or complex"),
        (partial(torch.topk, X, 8, 1), "k must be from 0 to 7"),
        (partial(torch.kthvalue, X, 0, 1), "k must be from 1 to 7"),
        (partial(torch.linalg.norm, X, 2), "1 or 2 dimensions"),
        (partial(torch.linalg.matrix_norm, X, 3), "ord"),
        (partial(torch.quantile, I64, 0.5), "float or double"),
        (partial(torch.bucketize, X, M), "vector"),
        (partial(torch.trapezoid, M, V), "place for every sample"),
    ],
)
def test_what_torch_refuses_is_refused(call, words, rejects):
    rejects(RULES, call, words)
