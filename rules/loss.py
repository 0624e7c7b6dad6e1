"""Losses that compare two tensors element by element; `loss_likelihood`, `loss_margin` and `loss_ctc` have the others.

Each counts its formula as torch's documentation writes it: one operation an element for each sign in it. Where a
formula has two branches, every element counts as the dearer one. Then a sum takes n − 1 add, a mean 1 div more.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes, elementwise_spec, real_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor
from rules._layer import check_floating
from rules._loss import Loss, Maybe, Spelling, Switch, check_number, loss

__all__ = ["RULES"]

RULES = RuleSet()
F = nn.functional
nn_functions = torch._C._nn


def _equal_shapes(input: Any, target: Any) -> None:
    check_floating(input)
    if check_tensor(target, "target").shape != input.shape:
        raise ShapeError(f"input and target must have the same shape, got {input.shape} and {target.shape}")


def _compared(input: Any, target: Any) -> TensorSpec:
    """Both numbers broadcast, one of them floating at least."""
    out = elementwise_spec(check_tensor(input, "input"), check_tensor(target, "target"))
    return check_floating(out, "input or target")


def _weighted(made: Loss, input: TensorSpec, weight: Any, divide: bool = True) -> Loss:
    """Each number times its weight; where ``divide``, a mean divides by the sum of weights."""
    if weight is None:
        return made
    if check_tensor(weight, "weight").shape != input.shape:
        raise ShapeError(f"input and weight must have the same shape, got {input.shape} and {weight.shape}")
    spec = elementwise_spec(made.spec, weight)
    return Loss(spec, made.counts + Counts(mul=spec.numel), weight.numel if divide else 0)


def _absolute(input: Any, target: Any) -> Loss:
    out = elementwise_spec(check_number(input, "input"), check_number(target, "target"))
    return Loss(out.with_dtype(real_dtype(out.dtype)), Counts(add=1, cmp=1) * out.numel)


@loss(RULES, nn.L1Loss, F.l1_loss, spellings=[Spelling(nn_functions.l1_loss, "input target reduction")])
def l1_loss(
    input: TensorSpec, target: TensorSpec, size_average: Switch = None, reduce: Switch = None, reduction: Any = "mean",
    weight: Maybe = None,
) -> Loss:  # fmt: skip
    """|x − y|      x, y broadcast.

    Cost: an element 1 add, 1 cmp; a weight 1 mul, and a mean then divides by the sum of weights.
    Source: torch.nn.functional.l1_loss
    """
    return _weighted(_absolute(input, target), input, weight)


@loss(RULES, nn.MSELoss, F.mse_loss, spellings=[Spelling(nn_functions.mse_loss, "input target reduction")])
def mse_loss(
    input: TensorSpec, target: TensorSpec, size_average: Switch = None, reduce: Switch = None, reduction: Any = "mean",
    weight: Maybe = None,
) -> Loss:  # fmt: skip
    """(x − y)²      x, y broadcast.

    Cost: an element 1 add, 1 mul; a weight 1 mul, and a mean then divides by the sum of weights.
    Source: torch.nn.functional.mse_loss
    """
    out = _compared(input, target)
    return _weighted(Loss(out, Counts(add=1, mul=1) * out.numel), input, weight)


@loss(
    RULES, nn.SmoothL1Loss, F.smooth_l1_loss,
    spellings=[Spelling(nn_functions.smooth_l1_loss, "input target reduction beta")],
)  # fmt: skip
def smooth_l1_loss(
    input: TensorSpec, target: TensorSpec, size_average: Switch = None, reduce: Switch = None, reduction: Any = "mean",
    beta: float = 1.0,
) -> Loss:  # fmt: skip
    """½ (x − y)² / beta where |x − y| < beta, else |x − y| − ½ beta      x, y broadcast.

    Cost: an element 1 add, 2 cmp, 2 mul, and 1 div unless beta is 1; with beta 0 as l1_loss.
    Source: torch.nn.functional.smooth_l1_loss
    """
    if beta < 0:
        raise ShapeError(f"beta must be 0 or more, got {beta}")
    if beta == 0:
        return _absolute(input, target)
    out = _compared(input, target)
    return Loss(out, Counts(add=1, cmp=2, mul=2, div=0 if beta == 1 else 1) * out.numel)


@loss(
    RULES, nn.HuberLoss, F.huber_loss, spellings=[Spelling(nn_functions.huber_loss, "input target reduction delta")]
)  # fmt: skip
def huber_loss(
    input: TensorSpec, target: TensorSpec, reduction: Any = "mean", delta: float = 1.0, weight: Maybe = None
) -> Loss:
    """½ (x − y)² where |x − y| <= delta, else delta (|x − y| − ½ delta)      x, y broadcast.

    Cost: an element 1 add, 2 cmp, 2 mul; a weight 1 mul.
    Source: torch.nn.functional.huber_loss
    """
    if delta <= 0:
        raise ShapeError(f"delta must be positive, got {delta}")
    shape = broadcast_shapes(check_floating(input).shape, _compared(input, target).shape)
    out = input.with_shape(*shape)
    return _weighted(Loss(out, Counts(add=1, cmp=2, mul=2) * out.numel), input, weight, divide=False)


@loss(
    RULES, nn.SoftMarginLoss, F.soft_margin_loss,
    spellings=[Spelling(nn_functions.soft_margin_loss, "input target reduction")],
)  # fmt: skip
def soft_margin_loss(
    input: TensorSpec, target: TensorSpec, size_average: Switch = None, reduce: Switch = None, reduction: Any = "mean"
) -> Loss:
    """log(1 + exp(−y x))      x (*), y broadcasts to it.

    Cost: an element 1 cmp (the sign), 1 mul, 1 add, 2 func.
    Source: torch.nn.functional.soft_margin_loss
    """
    if _compared(check_floating(input), target).shape != input.shape:
        raise ShapeError(f"target must broadcast to input, {input.shape}, got {target.shape}")
    return Loss(input, Counts(cmp=1, mul=1, add=1, func=2) * input.numel)


def _element_weight(input: TensorSpec, weight: Any, name: str = "weight") -> int:
    if weight is None:
        return 0
    if broadcast_shapes(input.shape, check_tensor(weight, name).shape) != input.shape:
        raise ShapeError(f"{name} must broadcast to input, {input.shape}, got {weight.shape}")
    return 1


@loss(
    RULES, nn.BCELoss, F.binary_cross_entropy,
    spellings=[Spelling(nn_functions.binary_cross_entropy, "input target weight reduction")],
)  # fmt: skip
def binary_cross_entropy(
    input: TensorSpec, target: TensorSpec, weight: Maybe = None, size_average: Switch = None, reduce: Switch = None,
    reduction: Any = "mean",
) -> Loss:  # fmt: skip
    """−w (y log x + (1 − y) log(1 − x))      x, y of one shape, w broadcasts to it.

    Cost: an element 2 func, 3 add, 2 mul, 1 cmp (the sign); a weight 1 mul.
    Source: torch.nn.functional.binary_cross_entropy
    """
    _equal_shapes(input, target)
    if target.dtype is not input.dtype:
        raise ShapeError(f"input and target must have the same dtype, got {input.dtype_name} and {target.dtype_name}")
    each = Counts(func=2, add=3, mul=2 + _element_weight(input, weight), cmp=1)
    return Loss(input, each * input.numel)


@loss(
    RULES, nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits,
    spellings=[Spelling(torch.binary_cross_entropy_with_logits, "input target weight pos_weight reduction")],
)  # fmt: skip
def binary_cross_entropy_with_logits(
    input: TensorSpec, target: TensorSpec, weight: Maybe = None, size_average: Switch = None, reduce: Switch = None,
    reduction: Any = "mean", pos_weight: Maybe = None,
) -> Loss:  # fmt: skip
    """−w (p y log σ(x) + (1 − y) log(1 − σ(x)))      x, y of one shape, w and p broadcast to it.

    Cost: an element 3 func, 3 add, 2 mul, 1 cmp (the sign); each weight 1 mul.
    Source: torch.nn.functional.binary_cross_entropy_with_logits
    """
    _equal_shapes(input, target)
    weights = _element_weight(input, weight) + _element_weight(input, pos_weight, "pos_weight")
    out = check_floating(target, "target", complex=True)
    return Loss(out, Counts(func=3, add=3, mul=2 + weights, cmp=1) * out.numel)
