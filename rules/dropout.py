"""Dropout: nothing in evaluation; in training one mul an element, and one add more where mean and variance are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from analyzer.counts import Counts, Traffic
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_flag, check_scalar, check_tensor
from rules._layer import check_floating, check_ndim

__all__ = ["RULES"]

RULES = RuleSet()
F = nn.functional


def _dropped(input: Any, p: float, training: bool, least: int) -> TensorSpec:
    """The input itself, once it is fit to lose elements."""
    check_tensor(input, "input")
    check_scalar(p, "p")
    check_flag(training, "training")
    if not 0 <= p <= 1:
        raise ShapeError(f"p must be from 0 to 1, got {p}")
    if training and 0 < p < 1 and input.numel:
        check_floating(input)
        if len(input.shape) < least:
            raise ShapeError(f"input must have {least} dimensions or more, got {input.ndim}: {input.shape}")
    return input  # type: ignore[no-any-return]


def _moved(out: TensorSpec, training: Any) -> Traffic:
    """In evaluation the output is the input and nothing moves."""
    return Traffic(read=out.nbytes, written=out.nbytes) if training else Traffic()


def _add(
    name: str, targets: Sequence[Any], *, train: Any = None, least: int = 0, ndim: Any = None, on: bool = True
) -> None:
    """One kind of dropout: ``targets`` say ``training``, torch's own function says ``train`` instead."""
    each = Counts(mul=1, add=1) if "alpha" in name else Counts(mul=1)
    work = "one mul and one add" if "alpha" in name else "one mul"

    def outer(input: TensorSpec, p: float = 0.5, training: bool = on) -> TensorSpec:
        check_ndim(input, ndim)
        return _dropped(input, p, training, least)

    def inner(input: TensorSpec, p: float, train: bool) -> TensorSpec:
        return _dropped(input, p, train, least)

    def outer_cost(out: TensorSpec, p: float, training: bool) -> Counts:
        return each * out.numel if training and p > 0 else Counts()

    def inner_cost(out: TensorSpec, p: float, train: bool) -> Counts:
        return each * out.numel if train and p > 0 else Counts()

    outer.__doc__ = inner.__doc__ = (
        f"{name}: in training each {'element' if name in ('dropout', 'alpha_dropout') else 'channel'} is dropped with "
        f"probability p and the rest scaled; in evaluation x itself.\n\n"
        f"Cost: in training {work} an element, in evaluation nothing.\nSource: torch.nn.functional.{name}"
    )
    if targets:
        definition = RULES.op(*targets, name=name, alias="input", random=True)(outer)
        definition.cost(outer_cost)
        definition.traffic(lambda out, training: _moved(out, training))
    if train is not None:
        definition = RULES.op(train, name=name, alias="input", random=True)(inner)
        definition.cost(inner_cost)
        definition.traffic(lambda out, train: _moved(out, train))


_add("dropout", [nn.Dropout, F.dropout], train=torch.dropout)
_add("dropout1d", [nn.Dropout1d, F.dropout1d], ndim=(2, 3))
_add("dropout2d", [nn.Dropout2d, F.dropout2d], least=2)
_add("dropout3d", [nn.Dropout3d, F.dropout3d], least=1)
_add("feature_dropout", [], train=torch.feature_dropout, least=2)
_add("alpha_dropout", [nn.AlphaDropout, F.alpha_dropout], train=torch.alpha_dropout, on=False)
_add(
    "feature_alpha_dropout",
    [nn.FeatureAlphaDropout, F.feature_alpha_dropout],
    train=torch.feature_alpha_dropout,
    least=2,
    on=False,
)


@RULES.op(torch.native_dropout, name="dropout", random=True)
def native_dropout(input: TensorSpec, p: float, train: bool | None) -> tuple[TensorSpec, TensorSpec]:
    """The same as dropout, with the mask of what was kept; train None is training.

    Cost: in training one mul an element, in evaluation nothing.
    Source: torch.nn.functional.dropout
    """
    out = _dropped(input, p, train is not False, 0)
    return out, out.with_dtype(torch.bool)


@native_dropout.cost
def _(input: TensorSpec, p: float, train: bool | None) -> Counts:
    return Counts() if train is False or p == 0 else Counts(mul=input.numel)
