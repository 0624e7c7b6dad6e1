"""Losses of distributions: divergence of two, likelihood under a Poisson or a normal distribution; as `loss` counts."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import elementwise_spec, float_dtype, result_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor
from rules._layer import check_floating
from rules._loss import Loss, Spelling, Switch, check_number, loss

__all__ = ["RULES"]

RULES = RuleSet()
F = nn.functional


@loss(
    RULES, nn.KLDivLoss, F.kl_div, batchmean=True,
    spellings=[Spelling(torch.kl_div, "input target reduction log_target")],
)  # fmt: skip
def kl_div(
    input: TensorSpec, target: TensorSpec, size_average: Switch = None, reduce: Switch = None, reduction: Any = "mean",
    log_target: bool = False,
) -> Loss:  # fmt: skip
    """Divergence y (log y − x), or exp(y) (y − x) where the target is a logarithm      x, y broadcast.

    Cost: an element 1 func, 1 add, 1 mul; a batch mean, like a mean, n − 1 add and 1 div.
    Source: torch.nn.functional.kl_div
    """
    out = elementwise_spec(check_floating(input), check_floating(target, "target"))
    return Loss(out, Counts(func=1, add=1, mul=1) * out.numel)


def _poisson(input: Any, target: Any, log_input: bool, full: bool) -> Loss:
    together = elementwise_spec(check_tensor(input, "input"), check_tensor(target, "target"))
    if together.dtype is torch.bool or (full and (target.dtype is torch.bool or target.dtype.is_complex)):
        raise ShapeError(f"input and target must hold numbers, got {input.dtype_name} and {target.dtype_name}")
    floats = input.with_dtype(float_dtype(input.dtype))
    each = Counts(func=1, mul=1, add=1 if log_input else 2)
    if full:
        each += Counts(func=2, mul=3, add=3, cmp=1)
    return Loss(together.with_dtype(result_dtype(floats, together)), each * together.numel)


@loss(
    RULES, F.poisson_nll_loss,
    spellings=[Spelling(torch.poisson_nll_loss, "input target log_input full eps reduction")],
)  # fmt: skip
def poisson_nll_loss(
    input: TensorSpec, target: TensorSpec, log_input: bool = True, full: bool = False, size_average: Switch = None,
    eps: float = 1e-8, reduce: Switch = None, reduction: Any = "mean",
) -> Loss:  # fmt: skip
    """exp(x) − y x, or x − y log(x + eps) where x is no logarithm      x, y broadcast.

    In full, where y > 1, more by Stirling's y log y − y + ½ log(2π y).

    Cost: an element 1 func, 1 mul, 1 add (2 where x is no logarithm); in full 2 func, 3 mul, 3 add, 1 cmp more.
    Source: torch.nn.functional.poisson_nll_loss
    """
    return _poisson(input, target, log_input, full)


@loss(RULES, nn.PoissonNLLLoss, name="poisson_nll_loss", attributes={"logarithm": lambda module: module.log_input})
def _poisson_module(
    input: TensorSpec, target: TensorSpec, logarithm: bool = True, full: bool = False, reduction: Any = "mean"
) -> Loss:
    """The same as poisson_nll_loss; this module calls its input log_input too.

    Cost: as poisson_nll_loss.
    Source: torch.nn.PoissonNLLLoss
    """
    return _poisson(input, target, logarithm, full)


@loss(RULES, nn.GaussianNLLLoss, F.gaussian_nll_loss)
def gaussian_nll_loss(
    input: TensorSpec, target: TensorSpec, var: Any, full: Any = False, eps: float = 1e-6, reduction: Any = "mean"
) -> Loss:
    """½ (log(max(v, eps)) + (x − y)² / max(v, eps))      x, y broadcast; v has x's shape, or one number a row of it.

    Cost: an element 2 add, 2 mul, 1 div, in full 1 add more; a variance 1 cmp, 1 func.
    Source: torch.nn.functional.gaussian_nll_loss
    """
    out = elementwise_spec(check_number(input, "input"), check_number(target, "target"))
    if isinstance(var, float):
        if var < 0:
            raise ShapeError(f"var must be 0 or more, got {var}")
        var = input.with_dtype(float_dtype(input.dtype))
    shape = check_floating(var, "var").shape
    if shape == input.shape[:-1] and shape != input.shape:
        var = var.with_shape(*shape, 1)
    elif shape != input.shape:
        odd = [theirs for ours, theirs in zip(input.shape, shape, strict=False) if ours != theirs]
        if len(shape) != input.ndim or sum(odd) != 1:
            raise ShapeError(f"var must have the shape of input, {input.shape}, or a row's, got {shape}")
    out = elementwise_spec(out, var)
    each = Counts(add=3 if full else 2, mul=2, div=1)
    return Loss(out, each * out.numel + Counts(cmp=1, func=1) * var.numel)
