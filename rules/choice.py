"""Choices between values: limits, and one or the other by a condition."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.bounds import at_most
from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import elementwise_spec, result_dtype
from analyzer.rule import Bound
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_operands, check_tensor, spellings
from rules._results import real_only

__all__ = ["RULES"]

RULES = RuleSet()


def _bounded(input: Any, *limits: Any) -> TensorSpec:
    operands = [limit for limit in limits if limit is not None]
    if not operands:
        raise ShapeError("min or max must be given, got None for both")
    check_operands(*operands)
    out = elementwise_spec(check_tensor(input, "input"), *operands)
    real_only(out.dtype)
    return out


@RULES.op(*spellings("clamp", "clip"))
def clamp(input: TensorSpec, min: Any = None, max: Any = None) -> TensorSpec:
    """min(max(input, min), max), broadcast.

    Cost: one cmp an element of the result.
    Source: torch.clamp
    """
    return _bounded(input, min, max)


@RULES.op(*spellings("clamp_min"), name="clamp")
def clamp_min(input: TensorSpec, min: Any) -> TensorSpec:
    """max(input, min), broadcast.

    Cost: one cmp an element of the result.
    Source: torch.clamp
    """
    return _bounded(input, min)


@RULES.op(*spellings("clamp_max"), name="clamp")
def clamp_max(input: TensorSpec, max: Any) -> TensorSpec:
    """min(input, max), broadcast.

    Cost: one cmp an element of the result.
    Source: torch.clamp
    """
    return _bounded(input, max)


@RULES.op(torch.where)
def where(condition: TensorSpec, input: Any = None, other: Any = None) -> Any:
    """Out = condition ? input : other, broadcast.

    With a condition alone: where it is true, one index tensor a dimension.

    Cost: one cmp an element of the result: the choice.
    Source: torch.where
    """
    check_tensor(condition, "condition")
    if input is None and other is None:
        found = TensorSpec((at_most(condition.numel),), torch.int64, condition.device)
        why = "as many indices as condition has true elements"
        return Bound((found,) * (condition.ndim or 1), why, lambda: torch.where(torch.ones(condition.shape).bool()))
    check_operands(input, other)
    if condition.dtype not in (torch.bool, torch.uint8):
        raise ShapeError(f"condition must be bool, got {condition}")
    return elementwise_spec(condition, input, other, dtype=result_dtype(input, other))


@RULES.op("where", name="where")
def tensor_where(input: Any, condition: TensorSpec, other: Any) -> TensorSpec:
    """Out = condition ? input : other, broadcast, called on input.

    Cost: one cmp an element of the result: the choice.
    Source: torch.Tensor.where
    """
    choice: TensorSpec = where(condition, input, other)
    return choice


@where.cost
def _(out: Any, condition: TensorSpec) -> Counts:
    return Counts(cmp=out.numel if isinstance(out, TensorSpec) else condition.numel)


def _cmp_cost(out: TensorSpec) -> Counts:
    return Counts(cmp=out.numel)


for _definition in (clamp, clamp_min, clamp_max, tensor_where):
    _definition.cost(_cmp_cost)
