"""Losses of classes: the negative logarithm of the probability that the right one is given; as `loss` counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import result_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor
from rules._layer import check_floating
from rules._loss import Loss, Maybe, Spelling, Switch, loss

__all__ = ["RULES"]

RULES = RuleSet()
F = nn.functional
nn_functions: Any = torch._C._nn
aten = torch.ops.aten


def _log_softmax(rows: int, classes: int) -> Counts:
    if classes == 0:
        return Counts()
    return Counts(cmp=classes - 1, add=3 * classes - 1, func=classes + 1) * rows


def _check_class_weight(input: TensorSpec, weight: Any, classes: int) -> None:
    if weight is not None and check_tensor(weight, "weight").shape != (classes,):
        raise ShapeError(f"input has {classes} classes, weight has shape {weight.shape}")


def _samples(input: Any, target: Any, weight: Any) -> tuple[TensorSpec, int]:
    """One number a sample, and how many classes there are; ``target`` names a class for each."""
    shape, wanted = check_floating(input).shape, check_tensor(target, "target").shape
    if not shape:
        raise ShapeError("input must have 1 dimension or more, got 0")
    classes = shape[0] if len(shape) == 1 else shape[1]
    samples = () if len(shape) == 1 else (shape[0], *shape[2:])
    if wanted != samples and not (len(shape) == 1 and wanted == (1,)):
        raise ShapeError(f"target must be {samples}, a class for each sample of {shape}, got {wanted}")
    if target.dtype not in (torch.int64, torch.uint8):
        raise ShapeError(f"target must be int64 or uint8, got {target.dtype_name}")
    _check_class_weight(input, weight, classes)
    if weight is not None and weight.dtype is not input.dtype:
        raise ShapeError(f"input and weight must have the same dtype, got {input.dtype_name} and {weight.dtype_name}")
    return input.with_shape(*samples), classes


def _nll(input: Any, target: Any, weight: Any) -> Loss:
    out, _ = _samples(input, target, weight)
    count = out.numel
    if weight is None:
        return Loss(out, Counts(cmp=count))
    return Loss(out, Counts(cmp=count, mul=count), count)


def _total_weight(given: Mapping[str, Any]) -> TensorSpec:
    spec: TensorSpec = given["input"].with_shape()
    return spec


_ORDER = "input target weight reduction ignore_index"


@loss(
    RULES, nn.NLLLoss, F.nll_loss,
    spellings=[
        Spelling(nn_functions.nll_loss, _ORDER),
        Spelling(nn_functions.nll_loss_nd, _ORDER),
        Spelling(nn_functions.nll_loss2d, _ORDER),
        Spelling(aten.nll_loss_forward, _ORDER, _total_weight),
        Spelling(aten.nll_loss2d_forward, _ORDER, _total_weight),
    ],
)  # fmt: skip
def nll_loss(
    input: TensorSpec, target: TensorSpec, weight: Maybe = None, size_average: Switch = None, ignore_index: int = -100,
    reduce: Switch = None, reduction: Any = "mean",
) -> Loss:  # fmt: skip
    """−w[y] x[y]      x (N, C, *) or (C), a class y (N, *) or () for each sample.

    Cost: a sample 1 cmp (the sign); a weight 1 mul, and a mean then divides by the sum of weights. Ignored ones count.
    Source: torch.nn.functional.nll_loss
    """
    return _nll(input, target, weight)


def _probabilities(input: TensorSpec, target: TensorSpec, weight: Any, smoothing: float) -> Loss:
    """Cross entropy with a distribution: y (1 − s) + s / C where it is smoothed, then −Σ w y log p."""
    shape = input.shape
    if not shape:
        raise ShapeError("input must have 1 dimension or more, got 0")
    if not target.dtype.is_floating_point:
        raise ShapeError(f"target of class probabilities must hold floating numbers, got {target.dtype_name}")
    axis = 0 if len(shape) == 1 else 1
    classes = shape[axis]
    _check_class_weight(input, weight, classes)
    out = input.with_shape(*shape[:axis], *shape[axis + 1 :])
    tensors = (input, target) if weight is None else (input, target, weight)
    each = Counts(mul=classes, add=max(classes - 1, 0), cmp=1)
    if weight is not None:
        each += Counts(mul=classes)
    if smoothing > 0:
        each += Counts(mul=classes, add=classes)
    out = out.with_dtype(result_dtype(*tensors))
    return Loss(out, _log_softmax(out.numel, classes) + each * out.numel)


@loss(
    RULES, nn.CrossEntropyLoss, F.cross_entropy,
    spellings=[Spelling(nn_functions.cross_entropy_loss, f"{_ORDER} label_smoothing")],
)  # fmt: skip
def cross_entropy(
    input: TensorSpec, target: TensorSpec, weight: Maybe = None, size_average: Switch = None, ignore_index: int = -100,
    reduce: Switch = None, reduction: Any = "mean", label_smoothing: float = 0.0,
) -> Loss:  # fmt: skip
    """−Σ w y log softmax(x)      x (N, C, *) or (C), y a class (N, *) or (), or probabilities of x's shape.

    With label smoothing s, y becomes y (1 − s) + s / C.

    Cost: log_softmax, then as nll_loss. Smoothing: a sample C − 1 add and 1 cmp for the sum over classes (C mul with a
    weight), 2 mul and 1 add to mix. Probabilities: a sample C mul, C − 1 add, 1 cmp, C mul for a weight, C mul and C
    add for smoothing.
    Source: torch.nn.functional.cross_entropy
    """
    check_floating(input)
    if not 0 <= label_smoothing <= 1:
        raise ShapeError(f"label_smoothing must be from 0 to 1, got {label_smoothing}")
    if check_tensor(target, "target").shape == input.shape:
        if ignore_index >= 0:
            raise ShapeError(f"ignore_index takes a target of classes, got {ignore_index} with probabilities")
        return _probabilities(input, target, weight, label_smoothing)
    out, classes = _samples(input, target, weight)
    made = _nll(input, target, weight)
    counts = made.counts + _log_softmax(out.numel, classes)
    if label_smoothing > 0:
        each = Counts(add=max(classes - 1, 0) + 1, cmp=1, mul=2 if weight is None else 2 + classes)
        counts += each * out.numel
    return made._replace(counts=counts)


@loss(RULES, F.linear_cross_entropy)
def linear_cross_entropy(
    input: TensorSpec,
    linear_weight: TensorSpec,
    target: TensorSpec,
    linear_bias: Maybe = None,
    weight: Maybe = None,
    reduction: Any = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Loss:
    """Cross entropy of the logits W x + b      x (N, K) or (K), W (C, *, K), b (C, *), y as cross_entropy takes it.

    Cost: a logit one dot product of length K and 1 add for a bias, then as cross_entropy; however it is cut in chunks.
    Source: torch.nn.functional.linear_cross_entropy
    """
    shape, wide = check_floating(input).shape, check_floating(linear_weight, "linear_weight").shape
    if len(shape) not in (1, 2) or len(wide) < 2 or (len(wide) > 2 and len(shape) == 1):
        raise ShapeError(f"input must be (N, K) or (K) and linear_weight (C, *, K), got {shape} and {wide}")
    if shape[-1] != wide[-1]:
        raise ShapeError(f"input has {shape[-1]} features, linear_weight takes {wide[-1]}")
    if linear_bias is not None and linear_bias.shape != wide[:-1]:
        raise ShapeError(f"linear_bias must be {wide[:-1]}, got {linear_bias.shape}")
    logits = input.with_shape(*shape[:-1], *wide[:-1])
    if ignore_index is not None and check_tensor(target, "target").shape == logits.shape:
        raise ShapeError(f"ignore_index takes a target of classes, got {ignore_index} with probabilities")
    made = cross_entropy(logits, target, weight, label_smoothing=label_smoothing)
    counts = made.counts + Counts.dots(logits.numel, wide[-1])
    return made._replace(counts=counts if linear_bias is None else counts + Counts(add=logits.numel))
