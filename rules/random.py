"""Random numbers: new tensors of them, tensors drawn from others, and tensors written over with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_operands, spellings, whole
from rules.create import like, made

__all__ = ["RULES"]

RULES = RuleSet()


def _drawn(out: TensorSpec) -> Counts:
    return Counts(func=out.numel)


def _inexact(out: TensorSpec) -> TensorSpec:
    if not out.dtype.is_floating_point and not out.dtype.is_complex:
        raise ShapeError(f"dtype must be floating point or complex, got {out.dtype}")
    return out


def _real(out: TensorSpec) -> TensorSpec:
    if out.dtype.is_complex:
        raise ShapeError(f"dtype must be real, got {out.dtype_name}")
    return out


# New ones --------------------------------------------------------------------------------------------------------


def uniform(*size: int, dtype: torch.dtype | None = None, device: Any = None) -> TensorSpec:
    """Random numbers of the given size.

    Cost: one func an element.
    Source: torch.rand
    """
    return _inexact(made(size, dtype, device))


def uniform_like(
    input: TensorSpec, *, dtype: torch.dtype | None = None, device: Any = None, memory_format: Any = None
) -> TensorSpec:
    """Random numbers of the size of input.

    Cost: one func an element.
    Source: torch.rand_like
    """
    return _inexact(like(input, dtype, device, memory_format))


for _name in ("rand", "randn"):
    RULES.op(getattr(torch, _name), name=_name, random=True)(uniform).cost(_drawn)
    RULES.op(getattr(torch, f"{_name}_like"), name=f"{_name}_like", random=True)(uniform_like).cost(_drawn)


def _range(low: Any, high: Any) -> None:
    for name, value in (("low", low), ("high", high)):
        if not isinstance(value, TensorSpec):
            whole(value, name)
    if not isinstance(low, TensorSpec) and not isinstance(high, TensorSpec) and low >= high:
        raise ShapeError(f"low must be less than high, got {low} and {high}")


@RULES.op(torch.randint, random=True)
def randint(
    low: Any = None, high: Any = None, size: Any = None, *, dtype: torch.dtype | None = None, device: Any = None
) -> TensorSpec:
    """Random whole numbers from low, or 0, up to but without high.

    Cost: one func an element.
    Source: torch.randint
    """
    if size is None:
        high, size = (low, high) if not isinstance(high, (int, torch.SymInt)) else (high, None)
        low = 0
    elif high is None:
        low, high = 0, low
    low = 0 if low is None else low
    if size is None or high is None:
        raise ShapeError("high and size must be given")
    _range(low, high)
    return _real(made(size, dtype, device, torch.int64))


@RULES.op(torch.randint_like, random=True)
def randint_like(
    input: TensorSpec, low: Any = None, high: Any = None, *, dtype: torch.dtype | None = None, device: Any = None
) -> TensorSpec:
    """Random whole numbers from low, or 0, up to but without high, of the size of input.

    Cost: one func an element.
    Source: torch.randint_like
    """
    if high is None:
        low, high = 0, low
    _range(low or 0, high)
    return _real(like(input, dtype, device))


@RULES.op(torch.randperm, random=True)
def randperm(n: int, *, dtype: torch.dtype = torch.int64, device: Any = None) -> TensorSpec:
    """The whole numbers from 0 to n − 1 in random order.

    Cost: one func an element.
    Source: torch.randperm
    """
    return made((n,), dtype, device)


for _definition in (randint, randint_like, randperm):
    _definition.cost(_drawn)


# Drawn from other tensors ----------------------------------------------------------------------------------------


@RULES.op(*spellings("bernoulli"), random=True)
def bernoulli(input: TensorSpec, p: Any = None) -> TensorSpec:
    """One or zero, with the probability in input (or p).

    Cost: one func an element.
    Source: torch.bernoulli
    """
    if p is None and not input.dtype.is_floating_point:
        raise ShapeError(f"input must be floating point probabilities, got {input}")
    if isinstance(p, (int, float)) and not 0 <= p <= 1:
        raise ShapeError(f"p must be from 0 to 1, got {p}")
    return input


@RULES.op(torch._standard_gamma, torch._sample_dirichlet, name="gamma", random=True)
def gamma(input: TensorSpec) -> TensorSpec:
    """Numbers of a gamma distribution, with the concentration in input; or of Dirichlet's, whose rows add up to 1.

    Cost: one func an element.
    Source: torch.distributions.Gamma, torch.distributions.Dirichlet
    """
    return _inexact(input)


@RULES.op(*spellings("poisson"), random=True)
def poisson(input: TensorSpec) -> TensorSpec:
    """Numbers of events, with the rate in input.

    Cost: one func an element.
    Source: torch.poisson
    """
    return _inexact(input)


@RULES.op(torch.binomial, random=True)
def binomial(count: TensorSpec, prob: TensorSpec) -> TensorSpec:
    """Numbers of successes among count tries, with probability prob.

    Cost: one func an element.
    Source: torch.binomial
    """
    return _inexact(count.with_shape(*broadcast_shapes(count.shape, prob.shape)))


@RULES.op(torch.normal, random=True)
def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, dtype: torch.dtype | None = None, device: Any = None
) -> TensorSpec:
    """Normally distributed numbers with the given means and standard deviations, of one size where both are numbers.

    Cost: one func an element.
    Source: torch.normal
    """
    check_operands(mean, std)
    if isinstance(std, (int, float)) and std < 0:
        raise ShapeError(f"std must be 0 or more, got {std}")
    tensors = [value for value in (mean, std) if isinstance(value, TensorSpec)]
    if size is not None:
        if tensors:
            raise ShapeError(f"size may be given where mean and std are numbers, got {mean} and {std}")
        return _inexact(made(size, dtype, device))
    if not tensors:
        raise ShapeError("size must be given where mean and std are numbers")
    if isinstance(std, TensorSpec) and std.dtype.is_complex:
        raise ShapeError(f"std must be real, got {std}")
    return _inexact(tensors[0].with_shape(*broadcast_shapes(*[tensor.shape for tensor in tensors])))


@RULES.op(*spellings("multinomial"), random=True)
def multinomial(input: TensorSpec, num_samples: int, replacement: bool = False) -> TensorSpec:
    """So many places out of each row of n weights, (*, n) -> (*, num_samples).

    Cost: one func a sample.
    Source: torch.multinomial
    """
    if input.ndim not in (1, 2):
        raise ShapeError(f"input must be a vector or rows of weights, got {input.ndim} dimensions")
    if not input.dtype.is_floating_point:
        raise ShapeError(f"input must be floating point weights, got {input}")
    if input.shape[-1] > 2**24:
        raise ShapeError(f"input may have up to 2^24 weights in a row, got {input.shape[-1]}")
    if whole(num_samples, "num_samples") <= 0:
        raise ShapeError(f"num_samples must be 1 or more, got {num_samples}")
    if not replacement and num_samples > input.shape[-1]:
        room = input.shape[-1]
        raise ShapeError(f"num_samples without replacement must be up to {room}, a row's weights, got {num_samples}")
    return input.with_shape(*input.shape[:-1], num_samples).with_dtype(torch.int64)


for _definition in (bernoulli, gamma, poisson, binomial, normal):
    _definition.cost(_drawn)


@multinomial.cost
def _(out: TensorSpec, input: TensorSpec) -> Counts:
    return Counts(func=out.numel)


# Written over ----------------------------------------------------------------------------------------------------


# name: (its two parameters, their defaults, what they must be, in words)
_WRITTEN: dict[str, tuple[tuple[str, str], tuple[Any, Any], Callable[[Any, Any], bool], str]] = {
    "normal": (("mean", "std"), (0, 1), lambda mean, std: std >= 0, "std must be 0 or more"),
    "uniform": (("from", "to"), (0, 1), lambda low, high: low <= high, "from must not be greater than to"),
    "exponential": (("lambd", ""), (1, None), lambda rate, _: rate > 0, "lambd must be greater than 0"),
    "geometric": (("p", ""), (None, None), lambda p, _: 0 < p < 1, "p must be between 0 and 1"),
    "cauchy": (("median", "sigma"), (0, 1), lambda median, sigma: sigma > 0, "sigma must be greater than 0"),
    "log_normal": (("mean", "std"), (1, 2), lambda mean, std: std > 0, "std must be greater than 0"),
    "random": (("from", "to"), (0, None), lambda low, high: True, ""),
}
_FLOATING = ("exponential", "cauchy", "log_normal")


def _overwrite(name: str) -> None:
    names, defaults, good, words = _WRITTEN[name]

    def shape(input: TensorSpec, *parameters: Any, **more: Any) -> TensorSpec:
        first, second = (*parameters, *defaults[len(parameters) :])[:2]
        if not good(first, second):
            given = [f"{word} {value}" for word, value in zip(names, (first, second), strict=True) if word]
            raise ShapeError(f"{words}, got {' and '.join(given)}")
        if name in _FLOATING and not input.dtype.is_floating_point:
            raise ShapeError(f"input must hold floating numbers, got {input.dtype_name}")
        return input

    shape.__doc__ = "The tensor written over with random numbers.\n\nCost: one func an element.\n"
    shape.__doc__ += f"Source: torch.Tensor.{name}_"
    aten = [getattr(torch.ops.aten, name)] if hasattr(torch.ops.aten, name) else []
    RULES.op(f"{name}_", *aten, name=name, random=True)(shape).cost(_drawn)


for _name in _WRITTEN:
    _overwrite(_name)
