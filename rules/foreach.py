"""torch's operations on lists of tensors: what the same operation does to one tensor, for each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import real_dtype
from analyzer.rule import Rule
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules import (
    activation,
    choice,
    extremes,
    matmul,
    norms,
    numeric,
    overwrite,
    passthrough,
    pointwise,
    reduce,
    special,
)
from rules._dims import check_tensors

__all__ = ["RULES"]

RULES = RuleSet()

_FAMILIES = (pointwise, special, numeric, extremes, matmul, passthrough, activation, choice, reduce)

# By what they take beside the tensors: nothing, a list of tensors, of numbers, or one of either.
_ALONE = (
    "abs acos asin atan ceil clone cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 max neg "
    "reciprocal round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc"
).split()
_WITH_ONE = "clamp_max clamp_min div maximum minimum mm mul pow".split()


def _function(name: str) -> Any:
    return getattr(torch, name, None) or getattr(torch.Tensor, name)


def _find(name: str) -> Rule:
    """The rule of the operation on one tensor."""
    rule: Rule = next(family.RULES[_function(name)] for family in _FAMILIES if _function(name) in family.RULES)
    return rule


def _spread(value: Any, count: int) -> list[Any]:
    """An argument a tensor: those of a list, or the same one for all."""
    if not isinstance(value, (tuple, list)):
        return [value] * count
    if len(value) != count:
        raise ShapeError(f"lists must be equally long, got {count} and {len(value)}")
    return list(value)


def _calls(rule: Rule, given: tuple[Any, ...], named: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The bound arguments of the operation, tensor by tensor."""
    lists = [value for value in given if isinstance(value, (tuple, list))]
    if not lists or not any(isinstance(value, TensorSpec) for value in (*lists[0], *lists[-1])):
        raise ShapeError("takes lists of one tensor or more, got none")
    spread = [_spread(value, len(lists[0])) for value in given]
    return [rule.bind(tuple(args), named) for args in zip(*spread, strict=True)]


def _shapes(rule: Rule, given: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[TensorSpec, ...]:
    return tuple(rule.call_shape(bound) for bound in _calls(rule, given, named))


def _costs(rule: Rule, given: tuple[Any, ...], named: Mapping[str, Any], out: Any) -> Counts:
    calls = zip(_calls(rule, given, named), out, strict=True)
    return sum((rule.call_cost(bound, spec) for bound, spec in calls), Counts())


def _add(name: str, shape: Callable[..., Any], cost: Callable[..., Counts] | None, said: str = "") -> None:
    shape.__doc__ = (
        f"{name} of every tensor of a list.\n\nCost: {said or f'as {name}, for each tensor'}.\n"
        f"Source: torch._foreach_{name}"
    )
    spelled = (f"_foreach_{name}", f"_foreach_{name}_")
    definition = RULES.op(*(getattr(torch, one) for one in spelled if hasattr(torch, one)), name=f"foreach_{name}")
    rule = definition(shape)
    if cost is not None:
        rule.cost(cost)


def _alone(name: str) -> None:
    rule = _find(name)

    def shape(self: Any) -> Any:
        return _shapes(rule, (self,), {})

    def cost(self: Any, out: Any) -> Counts:
        return _costs(rule, (self,), {}, out)

    _add(name, shape, cost)


def _with_one(name: str) -> None:
    rule = _find(name)

    def shape(self: Any, other: Any) -> Any:
        return _shapes(rule, (self, other), {})

    def cost(self: Any, other: Any, out: Any) -> Counts:
        return _costs(rule, (self, other), {}, out)

    _add(name, shape, cost)


def _scaled(name: str) -> None:
    rule = _find(name)

    def shape(self: Any, other: Any, *, alpha: Any = 1) -> Any:
        return _shapes(rule, (self, other), {"alpha": alpha})

    def cost(self: Any, other: Any, alpha: Any, out: Any) -> Counts:
        return _costs(rule, (self, other), {"alpha": alpha}, out)

    _add(name, shape, cost)


def _factor(value: Any) -> Any:
    """Factors in one tensor are numbers that nobody knows, and none of them free."""
    return 2 if isinstance(value, TensorSpec) else value


def _with_two(name: str, more: Any) -> None:
    rule = _find(name)

    def shape(self: Any, tensor1: Any, tensor2: Any, value: Any = more) -> Any:
        return _shapes(rule, (self, tensor1, tensor2, _factor(value)), {})

    def cost(self: Any, tensor1: Any, tensor2: Any, value: Any, out: Any) -> Counts:
        return _costs(rule, (self, tensor1, tensor2, _factor(value)), {}, out)

    _add(name, shape, cost)


def _lerp() -> None:
    rule = _find("lerp")

    def shape(self: Any, tensors1: Any, weight: Any) -> Any:
        return _shapes(rule, (self, tensors1, weight), {})

    def cost(self: Any, tensors1: Any, weight: Any, out: Any) -> Counts:
        return _costs(rule, (self, tensors1, weight), {}, out)

    _add("lerp", shape, cost)


def _norm() -> None:
    rule = norms.RULES[torch.linalg.vector_norm]

    def shape(self: Any, ord: Any = 2, dtype: Any = None) -> Any:
        return _shapes(rule, (self, ord), {"dtype": dtype})

    def cost(self: Any, ord: Any, dtype: Any, out: Any) -> Counts:
        return _costs(rule, (self, ord), {"dtype": dtype}, out)

    def sums(self: Any, ord: Any = 2, dtype: Any = None) -> Any:
        return tuple(
            spec.with_shape().with_dtype(real_dtype(dtype or spec.dtype)) for spec in check_tensors(self, "self")
        )

    def sums_cost(self: Any, ord: Any) -> Counts:
        return sum(
            (Counts(**{"mul" if ord == 2 else "func": spec.numel}, add=max(spec.numel - 1, 0)) for spec in self),
            Counts(),
        )

    _add("norm", shape, cost, "as vector_norm, for each tensor")
    _add("powsum", sums, sums_cost, "of a tensor of n elements n mul (ord other than 2: n func) and n − 1 add")


def _writes() -> None:
    rule = overwrite.RULES[torch.Tensor.copy_]

    def copied(self: Any, src: Any, non_blocking: bool = False) -> Any:
        return _shapes(rule, (self, src), {})

    def zeros(self: Any) -> Any:
        return tuple(check_tensors(self, "self"))

    _add("copy", copied, None, "nothing, it moves data")
    _add("zero", zeros, None, "nothing, it fills memory")


for _name in _ALONE:
    _alone(_name)
for _name in _WITH_ONE:
    _with_one(_name)
for _name in ("add", "sub"):
    _scaled(_name)
for _name in ("addcmul", "addcdiv"):
    _with_two(_name, 1)
_lerp()
_norm()
_writes()
