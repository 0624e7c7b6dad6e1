"""Losses with a margin: nothing is to be gained beyond it. Pairs, triplets, rankings, and classes against classes.

Each counts its formula as torch's documentation writes it, as `loss` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes, elementwise_spec, float_dtype, result_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor
from rules._layer import check_floating
from rules._loss import Loss, Maybe, Spelling, Switch, check_number, loss
from rules.distance import distance_counts, pairwise, similarity_counts

__all__ = ["RULES"]

RULES = RuleSet()
F = nn.functional
nn_functions = torch._C._nn
aten = torch.ops.aten


@loss(
    RULES, nn.HingeEmbeddingLoss, F.hinge_embedding_loss,
    spellings=[Spelling(torch.hinge_embedding_loss, "input target margin reduction")],
)  # fmt: skip
def hinge_embedding_loss(
    input: TensorSpec, target: TensorSpec, margin: float = 1.0, size_average: Switch = None, reduce: Switch = None,
    reduction: Any = "mean",
) -> Loss:  # fmt: skip
    """Distances: x where y = 1, max(0, margin − x) where y = −1      x, y broadcast.

    Cost: an element 1 add, 2 cmp.
    Source: torch.nn.functional.hinge_embedding_loss
    """
    if check_number(input, "input").dtype.is_complex:
        raise ShapeError(f"input must hold real numbers, got {input.dtype_name}")
    out = input.with_shape(*broadcast_shapes(input.shape, check_tensor(target, "target").shape))
    return Loss(out, Counts(add=1, cmp=2) * out.numel)


@loss(
    RULES, nn.MarginRankingLoss, F.margin_ranking_loss,
    spellings=[Spelling(torch.margin_ranking_loss, "input1 input2 target margin reduction")],
)  # fmt: skip
def margin_ranking_loss(
    input1: TensorSpec, input2: TensorSpec, target: TensorSpec, margin: float = 0, size_average: Switch = None,
    reduce: Switch = None, reduction: Any = "mean",
) -> Loss:  # fmt: skip
    """max(0, −y (x1 − x2) + margin)      x1, x2, y broadcast, with as many dimensions each.

    Cost: an element 2 add, 1 mul, 2 cmp.
    Source: torch.nn.functional.margin_ranking_loss
    """
    specs = [check_number(v, n) for n, v in (("input1", input1), ("input2", input2), ("target", target))]
    if len({spec.ndim for spec in specs}) > 1:
        raise ShapeError(f"input1, input2 and target must have as many dimensions, got {[s.shape for s in specs]}")
    out = elementwise_spec(*specs, dtype=result_dtype(*specs, 0.0))
    if out.dtype.is_complex:
        raise ShapeError("input1, input2 and target must hold real numbers, got complex ones")
    return Loss(out, Counts(add=2, mul=1, cmp=2) * out.numel)


@loss(
    RULES, nn.CosineEmbeddingLoss, F.cosine_embedding_loss,
    spellings=[Spelling(torch.cosine_embedding_loss, "input1 input2 target margin reduction")],
)  # fmt: skip
def cosine_embedding_loss(
    input1: TensorSpec, input2: TensorSpec, target: TensorSpec, margin: float = 0, size_average: Switch = None,
    reduce: Switch = None, reduction: Any = "mean",
) -> Loss:  # fmt: skip
    """1 − cos(x1, x2) where y = 1, max(0, cos(x1, x2) − margin) where y = −1      x1, x2 (N, D) or (D), y (N) or ().

    Cost: a cosine_similarity of D, and 1 add, 2 cmp a pair.
    Source: torch.nn.functional.cosine_embedding_loss
    """
    dims = check_tensor(target, "target").ndim
    if dims > 1:
        raise ShapeError(f"target must have 0 or 1 dimensions, got {dims}: {target.shape}")
    for name, spec in (("input1", input1), ("input2", input2)):
        if check_tensor(spec, name).ndim != dims + 1:
            raise ShapeError(f"{name} must have one dimension more than target, {dims + 1}, got {spec.shape}")
        if spec.dtype.is_complex:
            raise ShapeError(f"{name} must hold real numbers, got {spec.dtype_name}")
    both = broadcast_shapes(input1.shape, input2.shape)
    dtype = torch.promote_types(float_dtype(input1.dtype), float_dtype(input2.dtype))
    pairs = input1.with_shape(*both[:-1])
    out = input1.with_shape(*broadcast_shapes(pairs.shape, target.shape)).with_dtype(dtype)
    return Loss(out, similarity_counts(pairs.numel, both[-1]) + Counts(add=1, cmp=2) * out.numel)


@loss(
    RULES, nn.TripletMarginLoss, F.triplet_margin_loss,
    spellings=[Spelling(torch.triplet_margin_loss, "anchor positive negative margin p eps swap reduction")],
)  # fmt: skip
def triplet_margin_loss(
    anchor: TensorSpec, positive: TensorSpec, negative: TensorSpec, margin: float = 1.0, p: float = 2,
    eps: float = 1e-6, swap: bool = False, size_average: Switch = None, reduce: Switch = None, reduction: Any = "mean",
) -> Loss:  # fmt: skip
    """max(0, d(a, p) − d(a, n) + margin), d the pairwise distance      a, p, n (N, D) or (D), broadcast.

    Where swapped, d(p, n) takes the place of a greater d(a, n).

    Cost: two pairwise_distance, and 2 add, 1 cmp a triplet; swapped a third one, and 1 cmp more.
    Source: torch.nn.functional.triplet_margin_loss
    """
    if margin <= 0:
        raise ShapeError(f"margin must be positive, got {margin}")
    specs = [check_tensor(v, n) for n, v in (("anchor", anchor), ("positive", positive), ("negative", negative))]
    if len({spec.ndim for spec in specs}) > 1:
        raise ShapeError(f"anchor, positive and negative must have as many dimensions, got {[s.shape for s in specs]}")
    counts = Counts()
    found = []
    for one, other in ((anchor, positive), (anchor, negative), (positive, negative))[: 3 if swap else 2]:
        distance = pairwise(one, other)
        shape = broadcast_shapes(one.shape, other.shape)
        counts += distance_counts(distance.numel, shape[-1] if shape else 1, p, eps=True)
        found.append(distance)
    out = elementwise_spec(*found)
    return Loss(out, counts + Counts(add=2, cmp=2 if swap else 1) * out.numel)


def _classes(input: Any) -> tuple[int, int]:
    """Samples and classes of scores (N, C) or (C)."""
    shape = check_floating(input).shape
    if len(shape) > 2 or 0 in shape[-1:]:
        raise ShapeError(f"input must be (N, C) or (C) with a class at least, got {shape}")
    return (shape[0] if len(shape) == 2 else 1), (shape[-1] if shape else 1)


@loss(
    RULES, nn.MultiMarginLoss, F.multi_margin_loss,
    spellings=[Spelling(nn_functions.multi_margin_loss, "input target p margin weight reduction")],
)  # fmt: skip
def multi_margin_loss(
    input: TensorSpec, target: TensorSpec, p: Any = 1, margin: float = 1.0, weight: Maybe = None,
    size_average: Switch = None, reduce: Switch = None, reduction: Any = "mean",
) -> Loss:  # fmt: skip
    """Σ max(0, margin − x[y] + x[i])^p / C over i ≠ y      x (N, C) or (C), y (N) or ().

    Cost: a sample of C: margin − x[y] 1 add, C − 1 terms each 1 add, 1 cmp (p = 2: 1 mul; a weight: 1 mul), their sum
    C − 2 add, 1 div.
    Source: torch.nn.functional.multi_margin_loss
    """
    if p not in (1, 2):
        raise ShapeError(f"p must be 1 or 2, got {p}")
    samples, classes = _classes(input)
    if check_tensor(target, "target").ndim > 1 or target.numel != samples:
        raise ShapeError(f"target must be a class for each of {samples} samples, got {target.shape}")
    if target.dtype is not torch.int64:
        raise ShapeError(f"target must be int64, got {target.dtype_name}")
    if weight is not None and check_tensor(weight, "weight").shape != (classes,):
        raise ShapeError(f"input has {classes} classes, weight has shape {weight.shape}")
    if weight is not None and weight.dtype is not input.dtype:
        raise ShapeError(f"input and weight must have the same dtype, got {input.dtype_name} and {weight.dtype_name}")
    products = (p == 2) + (weight is not None)
    each = Counts(add=1, div=1) + Counts(add=1, cmp=1, mul=products) * (classes - 1)
    each += Counts(add=max(classes - 2, 0))
    return Loss(input.with_shape(*target.shape), each * samples)


def _is_target(given: Mapping[str, Any]) -> TensorSpec:
    spec: TensorSpec = given["target"].with_dtype(given["input"].dtype)
    return spec


@loss(
    RULES, nn.MultiLabelMarginLoss, F.multilabel_margin_loss,
    spellings=[
        Spelling(nn_functions.multilabel_margin_loss, "input target reduction"),
        Spelling(aten.multilabel_margin_loss_forward, "input target reduction", _is_target),
    ],
)  # fmt: skip
def multilabel_margin_loss(
    input: TensorSpec, target: TensorSpec, size_average: Switch = None, reduce: Switch = None, reduction: Any = "mean"
) -> Loss:
    """Σ max(0, 1 − (x[y] − x[i])) / C over all labels y and other classes i      x (N, C) or (C), y of x's shape.

    How many classes of a sample are labels is data; there are as many pairs as can be, half of C times the other half.

    Cost: a pair 2 add, 1 cmp; a sample the pairs' sum and 1 div.
    Source: torch.nn.functional.multilabel_margin_loss
    """
    samples, classes = _classes(input)
    wanted = check_tensor(target, "target").shape
    if wanted != input.shape and (input.ndim > 1 or len(wanted) > 1 or target.numel != classes):
        raise ShapeError(f"input and target must have the same shape, got {input.shape} and {wanted}")
    if target.dtype is not torch.int64:
        raise ShapeError(f"target must be int64, got {target.dtype_name}")
    pairs = (classes // 2) * (classes - classes // 2)
    each = Counts(add=2, cmp=1) * pairs + Counts(add=max(pairs - 1, 0), div=1)
    out = input.with_shape(*input.shape[:-1]) if input.ndim == 2 else input.with_shape()
    return Loss(out, each * samples, why="how many classes are labels is data: counted as half of them")


@loss(RULES, nn.MultiLabelSoftMarginLoss, F.multilabel_soft_margin_loss)
def multilabel_soft_margin_loss(
    input: TensorSpec, target: TensorSpec, weight: Maybe = None, size_average: Switch = None, reduce: Switch = None,
    reduction: Any = "mean",
) -> Loss:  # fmt: skip
    """−w (y log σ(x) + (1 − y) log σ(−x)), and its mean over the classes      x, y (*, C), w broadcasts -> (*).

    Cost: an element 2 func, 2 add, 2 mul, 2 cmp (the signs), a weight 1 mul; a mean of C: C − 1 add, 1 div.
    Source: torch.nn.functional.multilabel_soft_margin_loss
    """
    if not check_floating(input).shape:
        raise ShapeError("input must have 1 dimension or more, got 0")
    made = elementwise_spec(input, check_number(target, "target"))
    counts = Counts(func=2, add=2, mul=2, cmp=2) * made.numel
    if weight is not None:
        made = elementwise_spec(made, weight)
        counts += Counts(mul=made.numel)
    axis = input.ndim - 1
    out = made.with_shape(*made.shape[:axis], *made.shape[axis + 1 :])
    counts += Counts(add=max(made.numel - out.numel, 0), div=out.numel)
    return Loss(out, counts)
