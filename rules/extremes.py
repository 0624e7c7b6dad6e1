"""The largest, the smallest, and where they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import elementwise_spec
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import is_whole, not_whole, spellings, wrap_dim
from rules.reduce import not_empty, real, reduced, steps

__all__ = ["RULES", "pair"]

RULES = RuleSet()


def truth(input: TensorSpec, dim: Any = None, keepdim: bool = False) -> TensorSpec:
    """Whether one is true, or all are, over dim; an empty dim reduces nothing.

    Cost: n − 1 cmp an answer over n.
    Source: torch.any
    """
    dtype = torch.uint8 if input.dtype is torch.uint8 else torch.bool
    if isinstance(dim, (tuple, list)) and not dim:
        return input.with_dtype(dtype)
    return reduced(input, dim, keepdim).with_dtype(dtype)


def _extreme_cost(out: Any, input: TensorSpec) -> Counts:
    return Counts(cmp=steps(input, out[0] if isinstance(out, tuple) else out))


for _name, _private in (("any", torch._is_any_true), ("all", torch._is_all_true)):
    RULES.op(*spellings(_name), _private, name=_name)(truth).cost(_extreme_cost)


def pair(name: str, values: TensorSpec) -> Any:
    """Values and where they stood, under torch's own names for the two."""
    make: Callable[[Any], Any] = getattr(torch.return_types, name)
    return make((values, values.with_dtype(torch.int64)))


def _extreme(name: str) -> None:
    """Max and min: of all, along one dimension with the places, or of two tensors elementwise."""

    def shape(input: TensorSpec, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        real(input)
        other = dim if isinstance(dim, TensorSpec) else other
        if other is not None:
            if not isinstance(other, TensorSpec):
                raise ShapeError(f"other must be a tensor, got {other!r}")
            return elementwise_spec(input, other)
        not_empty(input, dim)
        if dim is None:
            return reduced(input, None)
        if not is_whole(dim):
            raise not_whole("dim", dim)
        return pair(name, reduced(input, dim, keepdim))

    def cost(out: Any, input: TensorSpec, dim: Any, other: Any) -> Counts:
        if other is not None or isinstance(dim, TensorSpec):
            return Counts(cmp=out.numel)
        return _extreme_cost(out, input)

    shape.__doc__ = f"{name} of all, along one dimension with the places, or of two tensors elementwise.\n\n"
    shape.__doc__ += f"Cost: n − 1 cmp a result over n; of two tensors one an element.\nSource: torch.{name}"
    RULES.op(*spellings(name), name=name)(shape).cost(cost)


_extreme("max")
_extreme("min")


def largest(input: TensorSpec, dim: Any = (), keepdim: bool = False) -> TensorSpec:
    """The largest, or smallest, over dim.

    Cost: n − 1 cmp a result over n.
    Source: torch.amax
    """
    real(input)
    not_empty(input, dim)
    return reduced(input, dim, keepdim)


def place(input: TensorSpec, dim: int | None = None, keepdim: bool = False) -> TensorSpec:
    """Where the largest, or smallest, stands along dim.

    Cost: n − 1 cmp a result over n.
    Source: torch.argmax
    """
    real(input)
    if input.dtype is torch.bool:
        raise ShapeError(f"input must be numbers, got {input}")
    not_empty(input, dim)
    if dim is not None:
        wrap_dim(dim, input.ndim)
    return reduced(input, dim, keepdim).with_dtype(torch.int64)


for _name in ("amax", "amin"):
    RULES.op(*spellings(_name), name=_name)(largest).cost(_extreme_cost)
for _name in ("argmax", "argmin"):
    RULES.op(*spellings(_name), name=_name)(place).cost(_extreme_cost)


@RULES.op(*spellings("aminmax"))
def aminmax(input: TensorSpec, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest and the largest along dim.

    Cost: 2 · (n − 1) cmp a pair over n.
    Source: torch.aminmax
    """
    real(input)
    not_empty(input, dim)
    if dim is not None:
        wrap_dim(dim, input.ndim)
    out = reduced(input, dim, keepdim)
    make: Callable[[Any], Any] = torch.return_types.aminmax
    return make((out, out))


@aminmax.cost
def _(out: Any, input: TensorSpec) -> Counts:
    return Counts(cmp=2 * steps(input, out[0]))
