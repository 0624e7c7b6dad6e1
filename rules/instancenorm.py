"""Normalization over one instance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules.instancenorm import _InstanceNorm

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._layer import check_ndim
from rules._norm import Maybe, affine, allowed_ndim, check_channels, check_running, normalized

__all__ = ["RULES"]

RULES = RuleSet()
F = nn.functional


def _unbatched(module: Any) -> Any:
    return module._get_no_batch_dim()


@RULES.op(torch.instance_norm, name="instance_norm")
def _torch_instance_norm(
    input: TensorSpec,
    weight: Maybe,
    bias: Maybe,
    running_mean: Maybe,
    running_var: Maybe,
    use_input_stats: bool,
    momentum: float | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> TensorSpec:
    """instance_norm, with the arguments in torch's inner order.

    Cost: as instance_norm.
    Source: torch.nn.functional.instance_norm
    """
    check_running(running_mean, running_var, not use_input_stats, "where use_input_stats is False")
    check_channels(input, 2, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    return input


@RULES.op(
    _InstanceNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, F.instance_norm,
    attributes={
        "use_input_stats": lambda module: module.training or not module.track_running_stats,
        "ndim": allowed_ndim,
        "unbatched": _unbatched,
        "num_features": lambda module: module.num_features if module.affine else None,
    },
)  # fmt: skip
def instance_norm(
    input: TensorSpec,
    running_mean: Maybe = None,
    running_var: Maybe = None,
    weight: Maybe = None,
    bias: Maybe = None,
    use_input_stats: bool = True,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
    *,
    ndim: Sequence[int] | None = None,
    unbatched: int = 0,
    num_features: int | None = None,
) -> TensorSpec:
    """Out = (x - mean) / sqrt(var + eps) * weight + bias      x (N, C, *) -> (N, C, *), a group is a channel of one n.

    Cost: with the input's statistics a normalized group a channel, a mul an element with a weight, an add an element
    with a bias; with running ones a mul and an add an element.
    Source: torch.nn.functional.instance_norm; Ulyanov et al. 2016, arXiv:1607.08022
    """
    check_ndim(input, ndim)
    shape = input.shape
    if len(shape) == unbatched:  # the module takes (C, *) too
        shape = (1, *shape)
    if num_features is not None and shape[1] != num_features:
        raise ShapeError(f"input has {shape[1]} channels, the layer takes {num_features}")
    _torch_instance_norm(input.with_shape(*shape), weight, bias, running_mean, running_var, use_input_stats)
    if use_input_stats and math.prod(shape[2:]) == 1:
        raise ShapeError(f"input must have more than 1 value a channel, got {input.shape}")
    return input


def _instance_norm_cost(input: TensorSpec, weight: Maybe, bias: Maybe, use_input_stats: bool, lead: int) -> Counts:
    numel = input.numel
    if not use_input_stats:
        return Counts(mul=numel, add=numel)
    groups = math.prod(input.shape[:lead])
    return normalized(groups, math.prod(input.shape[lead:])) + affine(numel, weight, bias)


@_torch_instance_norm.cost
def _(input: TensorSpec, weight: Maybe, bias: Maybe, use_input_stats: bool) -> Counts:
    return _instance_norm_cost(input, weight, bias, use_input_stats, 2)


@instance_norm.cost
def _(input: TensorSpec, weight: Maybe, bias: Maybe, use_input_stats: bool, unbatched: int) -> Counts:
    return _instance_norm_cost(input, weight, bias, use_input_stats, 1 if input.ndim == unbatched else 2)
