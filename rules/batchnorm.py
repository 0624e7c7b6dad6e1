"""Normalization over a batch: each channel shifted to mean 0 and scaled to variance 1.

A group of n numbers costs: the mean n - 1 add and 1 div, centring n add, the squares n mul, the variance n - 1 add and
1 div, eps 1 add, the inverse root 1 func, scaling n mul. Running statistics that a training step updates do not count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._layer import check_ndim
from rules._norm import Maybe, Three, affine, allowed_ndim, check_channels, check_running, normalized, saved_statistics

__all__ = ["RULES"]

RULES = RuleSet()
F = nn.functional
aten = torch.ops.aten


@RULES.op(torch.batch_norm, name="batch_norm")
def _torch_batch_norm(
    input: TensorSpec,
    weight: Maybe,
    bias: Maybe,
    running_mean: Maybe,
    running_var: Maybe,
    training: bool,
    momentum: float | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> TensorSpec:
    """batch_norm, with the arguments in torch's inner order.

    Cost: as batch_norm.
    Source: torch.nn.functional.batch_norm
    """
    check_running(running_mean, running_var, not training, "in evaluation")
    check_channels(input, 2, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    return input


@_torch_batch_norm.cost
def _batch_norm_cost(input: TensorSpec, weight: Maybe, bias: Maybe, training: bool) -> Counts:
    numel = input.numel
    if not training:
        return Counts(mul=numel, add=numel)
    shape = input.shape
    if numel == 0:
        return Counts()
    return normalized(shape[1], shape[0] * math.prod(shape[2:])) + affine(numel, weight, bias)


def _running(name: str) -> Any:
    return lambda module: module._buffers.get(name) if module.track_running_stats or not module.training else None


@RULES.op(
    _BatchNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, F.batch_norm,
    attributes={
        "training": lambda m: m.training or (m.running_mean is None and m.running_var is None),
        "running_mean": _running("running_mean"),
        "running_var": _running("running_var"),
        "ndim": allowed_ndim,
    },
)  # fmt: skip
def batch_norm(
    input: TensorSpec,
    running_mean: Maybe,
    running_var: Maybe,
    weight: Maybe = None,
    bias: Maybe = None,
    training: bool = False,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
    *,
    ndim: Sequence[int] | None = None,
) -> TensorSpec:
    """Out = (x - mean) / sqrt(var + eps) * weight + bias      x (N, C, *) -> (N, C, *), a group is all of one channel.

    Cost: with running statistics a mul and an add an element; with the batch's own (in training, or where there are no
    running ones) a normalized group a channel, a mul an element with a weight, an add an element with a bias.
    Source: torch.nn.functional.batch_norm; Ioffe and Szegedy 2015, arXiv:1502.03167
    """
    check_ndim(input, ndim)
    _torch_batch_norm(input, weight, bias, running_mean, running_var, training)
    if training and input.shape[0] * math.prod(input.shape[2:]) == 1:
        raise ShapeError(f"input must have more than 1 value a channel in training, got {input.shape}")
    if eps < 0 or (training and eps == 0):
        raise ShapeError(f"eps must be {'positive in training' if training else '0 or more'}, got {eps}")
    return input


batch_norm.cost(_batch_norm_cost)


@RULES.op(torch.native_batch_norm, torch._native_batch_norm_legit, name="batch_norm")
def _native_batch_norm(
    input: TensorSpec,
    weight: Maybe,
    bias: Maybe,
    running_mean: Any,
    running_var: Any,
    training: Any,
    momentum: float | None = None,
    eps: float = 1e-5,
) -> Three:
    """batch_norm with the statistics it took: y (N, C, *), mean and inverse root (C), both empty in evaluation.

    Cost: as batch_norm.
    Source: torch.nn.functional.batch_norm
    """
    if isinstance(running_mean, bool):  # the overload without running statistics goes on: training, momentum, eps
        running_mean, running_var, training = None, None, True
    _torch_batch_norm(input, weight, bias, running_mean, running_var, training)
    saved = saved_statistics(input, weight, bias, running_mean).with_shape(input.shape[1] if training else 0)
    return input, saved, saved


@_native_batch_norm.cost
def _(input: TensorSpec, weight: Maybe, bias: Maybe, running_mean: Any, training: Any) -> Counts:
    return _batch_norm_cost(input, weight, bias, isinstance(running_mean, bool) or bool(training))


@RULES.op(torch._native_batch_norm_legit_no_training, name="batch_norm")
def _batch_norm_evaluated(
    input: TensorSpec, weight: Maybe, bias: Maybe, running_mean: Maybe, running_var: Maybe, momentum: Any, eps: float
) -> Three:
    """batch_norm on running statistics: y (N, C, *) and two empty tensors.

    Cost: as batch_norm in evaluation.
    Source: torch.nn.functional.batch_norm
    """
    out: Three = _native_batch_norm(input, weight, bias, running_mean, running_var, False)
    return out


@_batch_norm_evaluated.cost
def _(input: TensorSpec) -> Counts:
    return _batch_norm_cost(input, None, None, False)


def _with_reserve(target: Any, training: bool, statistics: str, kind: str) -> None:
    """batch_norm as torch's compiler has it: also a reserve for the backward pass, which is empty on the CPU."""

    def shape(
        input: TensorSpec, weight: Maybe, bias: Maybe, running_mean: Maybe, running_var: Maybe, momentum: Any,
        eps: float,
    ) -> tuple[TensorSpec, ...]:  # fmt: skip
        out = _native_batch_norm(input, weight, bias, running_mean, running_var, training)
        return (*out, input.with_shape(0).with_dtype(torch.uint8))

    def cost(input: TensorSpec, weight: Maybe, bias: Maybe) -> Counts:
        return _batch_norm_cost(input, weight, bias, training)

    shape.__doc__ = (
        f"batch_norm on {statistics}, with a reserve for the backward pass, empty on the CPU.\n\n"
        f"Cost: as batch_norm in {kind}.\nSource: torch.nn.functional.batch_norm"
    )
    RULES.op(target, name="batch_norm")(shape).cost(cost)


_with_reserve(aten._batch_norm_no_update, False, "running statistics", "evaluation")
_with_reserve(aten._batch_norm_with_update, True, "the batch's own statistics", "training")
