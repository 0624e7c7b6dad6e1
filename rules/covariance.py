"""Variables against each other."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import float_dtype, result_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import spellings
from rules._results import whole_only

__all__ = ["RULES"]

RULES = RuleSet()


def _variables(input: TensorSpec) -> tuple[int, int]:
    """How many variables there are, and observations of each."""
    if input.ndim > 2:
        raise ShapeError(f"input may have up to 2 dimensions, got {input.ndim}")
    if input.dtype is torch.bool:
        raise ShapeError(f"input must be numbers, got {input}")
    return (input.shape[0], input.shape[1]) if input.ndim == 2 else (1, input.numel)


def _square(input: TensorSpec) -> TensorSpec:
    count, _ = _variables(input)
    out = input.with_dtype(float_dtype(input.dtype))
    return out.with_shape(count, count) if count != 1 else out.with_shape()


@RULES.op(*spellings("cov"))
def cov(
    input: TensorSpec, *, correction: int = 1, fweights: TensorSpec | None = None, aweights: TensorSpec | None = None
) -> TensorSpec:
    """Covariances of N variables in M observations, (N, M) -> (N, N); one variable alone gives one number.

    Cost: the means, M − 1 add and 1 div each; centre N M add; N² dot products of length M and their div; N M mul
    where weights are given.
    Source: torch.cov
    """
    _, observations = _variables(input)
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is not None and (weights.ndim > 1 or weights.numel != observations):
            raise ShapeError(f"{name} must be one an observation, got {weights.shape} for {observations}")
    if fweights is not None:
        whole_only(fweights.dtype)
    if aweights is not None and not aweights.dtype.is_floating_point:
        raise ShapeError(f"aweights must be floating point, got {aweights}")
    out = _square(input)
    return out if aweights is None else out.with_dtype(float_dtype(result_dtype(input, aweights)))


def _covariance_cost(out: TensorSpec, input: TensorSpec, sets: int) -> Counts:
    count, observations = _variables(input)
    if observations == 0:
        return Counts()
    means = Counts(add=count * (observations - 1), div=count)
    centred = Counts(add=count * observations, mul=sets * count * observations)
    return means + centred + Counts.dots(out.numel, observations) + Counts(div=out.numel)


@cov.cost
def _(out: TensorSpec, input: TensorSpec, fweights: Any, aweights: Any) -> Counts:
    return _covariance_cost(out, input, (fweights is not None) + (aweights is not None))


@RULES.op(*spellings("corrcoef"))
def corrcoef(input: TensorSpec) -> TensorSpec:
    """Correlations of N variables in M observations, (N, M) -> (N, N).

    Cost: as cov, N func for the deviations and 2 N² div.
    Source: torch.corrcoef
    """
    return _square(input)


@corrcoef.cost
def _(out: TensorSpec, input: TensorSpec) -> Counts:
    return _covariance_cost(out, input, 0) + Counts(func=_variables(input)[0], div=2 * out.numel)
