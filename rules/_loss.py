"""What losses share: a number an element or a sample, then all of them, their mean or their sum.

A loss is one function that gives the numbers before they are reduced, and their cost. Its parameters are those of
torch.nn.functional, which says how to reduce in words; torch's own functions say it in numbers and another order.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.rule import Bound
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_flag, check_scalar, check_tensor, whole
from rules.reduce import wide

__all__ = ["Loss", "Maybe", "Spelling", "Switch", "check_number", "loss"]

Maybe = TensorSpec | None
Switch = bool | None

_NUMBERS = {0: "none", 1: "mean", 2: "sum"}
# What a parameter must be, by its annotation as it is written.
_PLAIN: dict[Any, Callable[[Any, str], Any]] = {"bool": check_flag, "float": check_scalar, "int": whole}


class Loss(NamedTuple):
    """A loss before it is reduced.

    Attributes:
        spec: a number an element, or a sample.
        counts: what all of them cost.
        weights: how many weights a mean divides by the sum of; 0 where it divides by how many numbers there are.
        why: why the counts are an upper bound; empty where they are exact.
    """

    spec: TensorSpec
    counts: Counts
    weights: int = 0
    why: str = ""


class Spelling(NamedTuple):
    """Another function for the same loss: its parameters in order, and what it returns beside the loss."""

    target: Any
    order: str
    beside: Callable[[Mapping[str, Any]], TensorSpec] | None = None


def check_number(value: Any, name: str) -> TensorSpec:
    """The argument itself where it is a tensor of numbers."""
    spec = check_tensor(value, name)
    if spec.dtype is torch.bool:
        raise ShapeError(f"{name} must hold numbers, got bool")
    return spec


def _reduction(given: Mapping[str, Any], batchmean: bool) -> str:
    """How to reduce: the old pair of switches wins over the word."""
    average, reduce, how = given.get("size_average"), given.get("reduce"), given.get("reduction", "none")
    if average is not None or reduce is not None:
        average, reduce = average is None or average, reduce is None or reduce
        return ("mean" if average else "sum") if reduce else "none"
    how = _NUMBERS.get(how, how) if isinstance(how, int) else how
    if how == "elementwise_mean" or (batchmean and how == "batchmean"):
        return "mean"
    if how not in ("none", "mean", "sum"):
        raise ShapeError(f"reduction must be 'none', 'mean' or 'sum', got {how!r}")
    return str(how)


def _reduced(made: Loss, how: str) -> TensorSpec:
    spec = made.spec
    if how == "mean" and not (spec.dtype.is_floating_point or spec.dtype.is_complex):
        raise ShapeError(f"a mean takes floating numbers, got {spec.dtype_name}")
    return spec if how == "none" else spec.with_shape().with_dtype(wide(spec.dtype))


def _counts(made: Loss, how: str) -> Counts:
    numel = made.spec.numel
    if how == "none" or numel == 0:
        return made.counts
    total = made.counts + Counts(add=numel - 1)
    if how == "mean":
        total += Counts(div=1, add=made.weights - 1 if made.weights else 0)
    return total


def loss(
    rules: RuleSet,
    *targets: Any,
    name: str | None = None,
    attributes: Mapping[str, Callable[[Any], Any]] | None = None,
    spellings: Iterable[Spelling] = (),
    batchmean: bool = False,
) -> Callable[[Callable[..., Loss]], Callable[..., Loss]]:
    """Make the decorated function the rule of ``targets``, and of other spellings with their own order of arguments."""

    def define(function: Callable[..., Loss]) -> Callable[..., Loss]:
        parameters = inspect.signature(function).parameters
        title = name or function.__name__
        _register(rules, function, title, targets, list(parameters.values()), batchmean, attributes)
        for target, order, beside in spellings:
            own = [parameters[word] for word in order.split()]
            if "reduction" in order and not isinstance(target, torch._ops.OpOverloadPacket):
                # An operator's default is the mean, and what Python makes of it is none.
                operator = getattr(torch.ops.aten, target.__name__)
                _register(rules, function, title, (operator,), own, batchmean, None, beside)
                own = [one.replace(default="none") if one.name == "reduction" else one for one in own]
            _register(rules, function, title, (target,), own, batchmean, None, beside)
        return function

    return define


def _register(
    rules: RuleSet,
    function: Callable[..., Loss],
    name: str,
    targets: tuple[Any, ...],
    parameters: list[inspect.Parameter],
    batchmean: bool,
    attributes: Mapping[str, Callable[[Any], Any]] | None,
    beside: Callable[[Mapping[str, Any]], TensorSpec] | None = None,
) -> None:
    names = [parameter.name for parameter in parameters]
    plain = [(one.name, _PLAIN[one.annotation]) for one in parameters if one.annotation in _PLAIN]
    # A spelling that does not ask how to reduce does not reduce.
    fixed = {} if "reduction" in names else {"reduction": "none"}

    @functools.wraps(function)
    def shape(**given: Any) -> Any:
        for word, check in plain:
            if not isinstance(given[word], TensorSpec):
                check(given[word], word)
        made = function(**fixed, **given)
        out: Any = _reduced(made, _reduction(given, batchmean))
        if beside is not None:
            out = (out, beside(given))
        return Bound(out, made.why) if made.why else out

    @functools.wraps(function)
    def cost(*values: Any) -> Counts:
        given = dict(zip(names, values, strict=True))
        return _counts(function(**fixed, **given), _reduction(given, batchmean))

    # What is left out in one spelling has its default, so the order needs none of them to be required.
    shape.__signature__ = cost.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    rules.op(*targets, name=name, attributes=attributes)(shape).cost(cost)
