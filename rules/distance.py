"""Distances and similarities of vectors: of pairs side by side, of all pairs of two sets, of all pairs of one."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes, elementwise_spec, float_dtype, real_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_scalar, check_tensor, wrap_dim
from rules._layer import check_floating

__all__ = ["RULES", "distance_counts", "pairwise", "similarity_counts"]

RULES = RuleSet()
F = nn.functional


def _norms(count: int, length: int, p: float) -> Counts:
    """So many norms of vectors of ``length``, as vector_norm counts them."""
    if count == 0 or length == 0:
        return Counts()
    size, steps = count * length, count * (length - 1)
    if p == 2:
        return Counts(mul=size, add=steps, func=count)
    if math.isinf(p):
        return Counts(cmp=size + steps)
    if p in (0, 1):
        return Counts(cmp=size, add=steps)
    return Counts(cmp=size, func=size + count, add=steps)


def distance_counts(count: int, length: int, p: float, eps: bool = False) -> Counts:
    """So many distances of vectors of ``length``: their difference, eps where there is one, its norm."""
    return Counts(add=count * length * (2 if eps else 1)) + _norms(count, length, p)


def similarity_counts(count: int, length: int) -> Counts:
    """So many cosines of vectors of ``length``: their product, two norms, the norms' product, eps, the quotient."""
    size, steps = count * length, count * max(length - 1, 0)
    return Counts(mul=size, add=steps) + _norms(2 * count, length, 2) + Counts(mul=1, cmp=1, div=1) * count


@RULES.op(nn.CosineSimilarity, F.cosine_similarity)
def cosine_similarity(x1: TensorSpec, x2: TensorSpec, dim: int = 1, eps: float = 1e-8) -> TensorSpec:
    """x1 · x2 / max(‖x1‖ ‖x2‖, eps) over dim      x1, x2 broadcast.

    Cost: a result of n: n mul, n − 1 add; two norms, each n mul, n − 1 add, 1 func; 1 mul, 1 cmp, 1 div.
    Source: torch.nn.functional.cosine_similarity
    """
    both = check_floating(elementwise_spec(check_tensor(x1, "x1"), check_tensor(x2, "x2")), "x1 or x2")
    axis = wrap_dim(dim, len(both.shape))
    return both.with_shape(*both.shape[:axis], *both.shape[axis + 1 :])


@cosine_similarity.cost
def _(out: TensorSpec, x1: TensorSpec, x2: TensorSpec, dim: int) -> Counts:
    shape = broadcast_shapes(x1.shape, x2.shape)
    return similarity_counts(out.numel, shape[dim] if shape else 1)


def pairwise(x1: Any, x2: Any, keepdim: bool = False) -> TensorSpec:
    """One distance for each pair of vectors along the last dimension."""
    both = elementwise_spec(check_tensor(x1, "x1"), check_tensor(x2, "x2"))
    if torch.bool in (x1.dtype, x2.dtype):
        raise ShapeError(f"x1 and x2 must hold numbers, got {x1.dtype_name} and {x2.dtype_name}")
    both = both.with_dtype(real_dtype(float_dtype(both.dtype)))
    return both.with_shape(*both.shape[:-1], *((1,) if keepdim and both.shape else ()))


@RULES.op(nn.PairwiseDistance, F.pairwise_distance, attributes={"p": lambda module: module.norm})
def pairwise_distance(
    x1: TensorSpec, x2: TensorSpec, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> TensorSpec:
    """‖x1 − x2 + eps‖ of order p      x1, x2 (*, D), broadcast -> (*), or (*, 1) for keepdim.

    Cost: a distance of D: 2 D add and the norm: p = 2 D mul, D − 1 add, 1 func; p = 1 D cmp, D − 1 add; infinite
    2 D − 1 cmp; other D cmp, D + 1 func, D − 1 add.
    Source: torch.nn.functional.pairwise_distance
    """
    return pairwise(x1, x2, keepdim)


@pairwise_distance.cost
def _(out: TensorSpec, x1: TensorSpec, x2: TensorSpec, p: float) -> Counts:
    shape = broadcast_shapes(x1.shape, x2.shape)
    return distance_counts(out.numel, shape[-1] if shape else 1, p, eps=True)


_COMPUTE_MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")


def _check_order(p: float) -> None:
    check_scalar(p, "p")
    if not p >= 0:
        raise ShapeError(f"p must be 0 or more, got {p}")


def _all_pairs(x1: Any, x2: Any) -> TensorSpec:
    for name, spec in (("x1", x1), ("x2", x2)):
        if len(check_floating(spec, name).shape) < 2:
            raise ShapeError(f"{name} must have 2 dimensions or more, got {spec.ndim}: {spec.shape}")
    if x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(f"x1 has {x1.shape[-1]} columns, x2 has {x2.shape[-1]}")
    if x1.dtype is not x2.dtype:
        raise ShapeError(f"x1 and x2 must have the same dtype, got {x1.dtype_name} and {x2.dtype_name}")
    batch = broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    out: TensorSpec = x1.with_shape(*batch, x1.shape[-2], x2.shape[-2])
    return out


@RULES.op(torch.cdist, torch.ops.aten._cdist_forward)
def cdist(x1: TensorSpec, x2: TensorSpec, p: float = 2.0, compute_mode: Any = None) -> TensorSpec:
    """‖x1[i] − x2[j]‖ of order p for all i, j      x1 (*, P, M), x2 (*, R, M) -> (*, P, R).

    Cost: a distance of M: M add and the norm: p = 2 M mul, M − 1 add, 1 func; p = 1 M cmp, M − 1 add; infinite
    2 M − 1 cmp; other M cmp, M + 1 func, M − 1 add. However torch computes it.
    Source: torch.cdist
    """
    _check_order(p)
    if isinstance(compute_mode, str) and compute_mode not in _COMPUTE_MODES:
        raise ShapeError(f"compute_mode must be one of {', '.join(_COMPUTE_MODES)}, got {compute_mode!r}")
    return _all_pairs(x1, x2)


@RULES.op(torch._euclidean_dist, name="cdist")
def _euclidean(x1: TensorSpec, x2: TensorSpec) -> TensorSpec:
    """The same as cdist with p = 2.

    Cost: as cdist.
    Source: torch.cdist
    """
    return _all_pairs(x1, x2)


@cdist.cost
def _(out: TensorSpec, x1: TensorSpec, p: float) -> Counts:
    return distance_counts(out.numel, x1.shape[-1], p)


@_euclidean.cost
def _(out: TensorSpec, x1: TensorSpec) -> Counts:
    return distance_counts(out.numel, x1.shape[-1], 2)


@RULES.op(F.pdist, torch.ops.aten._pdist_forward)
def pdist(input: TensorSpec, p: float = 2.0) -> TensorSpec:
    """‖x[i] − x[j]‖ of order p for all i < j      x (N, M) -> (N (N − 1) / 2).

    Cost: a distance of M, as cdist.
    Source: torch.nn.functional.pdist
    """
    _check_order(p)
    if check_floating(input).ndim != 2:
        raise ShapeError(f"input must have 2 dimensions, got {input.ndim}: {input.shape}")
    count = input.shape[0]
    return input.with_shape(count * (count - 1) // 2)


@pdist.cost
def _(out: TensorSpec, input: TensorSpec, p: float) -> Counts:
    return distance_counts(out.numel, input.shape[1], p)
