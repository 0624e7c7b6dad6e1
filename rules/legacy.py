"""Functions of torch that newer ones have replaced, and those that call back into Python for every element."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import DataDependentError, ShapeError
from analyzer.promotion import elementwise_spec
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, wrap_dim
from rules.norms import RULES as NORMS

__all__ = ["RULES"]

RULES = RuleSet()

_norm = NORMS[torch.norm]


def _norm_shape(input: TensorSpec, p: Any, dim: Any, keepdim: bool) -> TensorSpec:
    out: TensorSpec = _norm.shape(check_tensor(input, "input"), p, dim, keepdim)
    return out


def _norm_cost(out: TensorSpec, input: TensorSpec, p: Any, dim: Any) -> Counts:
    return _norm.call_cost({"input": input, "p": p, "dim": dim}, out)


@RULES.op(torch.nuclear_norm)
def nuclear_norm(input: TensorSpec, dim: Any = (-2, -1), keepdim: bool = False) -> TensorSpec:
    """Sum of the singular values of the matrices that two dimensions span.

    Cost: as norm of 'nuc'.
    Source: torch.nuclear_norm
    """
    if isinstance(dim, bool):  # (input, keepdim)
        dim, keepdim = (-2, -1), dim
    return _norm_shape(input, "nuc", dim, keepdim)


@nuclear_norm.cost
def _(out: TensorSpec, input: TensorSpec, dim: Any) -> Counts:
    return _norm_cost(out, input, "nuc", (-2, -1) if isinstance(dim, bool) else dim)


@RULES.op(torch.frobenius_norm)
def frobenius_norm(input: TensorSpec, dim: Any = None, keepdim: bool = False) -> TensorSpec:
    """Root of the sum of squares over one or two dimensions.

    Cost: n mul, n − 1 add, 1 func for n numbers.
    Source: torch.frobenius_norm
    """
    return _norm_shape(input, "fro", tuple(dim) if isinstance(dim, list) else dim, keepdim)


@frobenius_norm.cost
def _(out: TensorSpec, input: TensorSpec, dim: Any) -> Counts:
    return _norm_cost(out, input, "fro", dim)


@RULES.op(torch.norm_except_dim)
def norm_except_dim(v: TensorSpec, pow: int = 2, dim: int = 0) -> TensorSpec:
    """Norms over every dimension but one, which stays: (*, D, *) -> (1, D, 1); of all for dim −1.

    Cost: as norm.
    Source: torch.norm_except_dim, torch.nn.utils.weight_norm
    """
    check_tensor(v, "v")
    if dim == -1:
        return _norm_shape(v, pow, None, False)
    kept = wrap_dim(dim, v.ndim)
    if v.ndim == 1:
        return _norm_shape(v.with_shape(*v.shape, 1), pow, 1, False)
    return _norm_shape(v, pow, tuple(axis for axis in range(v.ndim) if axis != kept), True)


@norm_except_dim.cost
def _(out: TensorSpec, v: TensorSpec, pow: int) -> Counts:
    return _norm_cost(out, v, pow, None)


@RULES.op(torch._weight_norm, torch.ops.aten._weight_norm)
def weight_norm(v: TensorSpec, g: TensorSpec, dim: int = 0) -> TensorSpec:
    """A weight with its length apart: g · v / ‖v‖        v (*, D, *), g (1, D, 1) -> (*, D, *).

    Cost: the norms of v over all dimensions but dim; a length 1 div; an element 1 mul.
    Source: torch.nn.utils.weight_norm
    """
    norm = norm_except_dim(v, 2, dim)
    return elementwise_spec(v, elementwise_spec(check_tensor(g, "g"), norm))


@weight_norm.cost
def _(out: TensorSpec, v: TensorSpec, g: TensorSpec, dim: int) -> Counts:
    norm = norm_except_dim(v, 2, dim)
    return _norm_cost(norm, v, 2, None) + Counts(div=elementwise_spec(g, norm).numel, mul=out.numel)


@RULES.op("fill_diagonal_", name="fill_diagonal")
def fill_diagonal(input: TensorSpec, fill_value: Any, wrap: bool = False) -> TensorSpec:
    """One number on the main diagonal.

    Cost: nothing, it fills memory.
    Source: torch.Tensor.fill_diagonal_
    """
    if input.ndim < 2:
        raise ShapeError(f"input must have 2 dimensions or more, got {input.ndim}: {input.shape}")
    if input.ndim > 2 and len(set(input.shape)) > 1:
        raise ShapeError(f"input of more than 2 dimensions must be equally long in all, got {input.shape}")
    return input


def _called_back(name: str) -> None:
    def shape(input: TensorSpec, *rest: Any) -> TensorSpec:
        raise DataDependentError(
            f"{name} calls a Python function with the value of every element, and a tensor here has no values",
            hint="write the function with torch's operators",
        )

    shape.__doc__ = f"A Python function of every element.\n\nCost: none.\nSource: torch.Tensor.{name}"
    RULES.op(name, name=name)(shape)


for _name in ("apply_", "map_", "map2_"):
    _called_back(_name)


@RULES.op(torch.native_norm)
def native_norm(
    input: TensorSpec, p: Any = 2, dim: Any = None, keepdim: bool = False, dtype: torch.dtype | None = None
) -> TensorSpec:
    """The p-norm as sparse tensors have it.

    Cost: as norm.
    Source: torch.native_norm
    """
    out = _norm_shape(input, p, tuple(dim) if dim else None, keepdim)
    return out if dtype is None else out.with_dtype(dtype)


@native_norm.cost
def _(out: TensorSpec, input: TensorSpec, p: Any, dim: Any) -> Counts:
    return _norm_cost(out, input, p, dim or None)


@RULES.op(torch.batch_norm_stats)
def batch_norm_stats(input: TensorSpec, eps: float) -> tuple[TensorSpec, TensorSpec]:
    """Mean and 1 / √(variance + eps) of every channel      x (N, C, *) -> (C), (C).

    Cost: for each of C channels of n 2 (n − 1) + n + 1 add, n mul, 3 div, 1 func.
    Source: torch.batch_norm_stats
    """
    if check_tensor(input, "input").ndim < 2:
        raise ShapeError(f"input must have 2 dimensions or more, got {input.shape}")
    own = torch.float32 if input.dtype in (torch.float16, torch.bfloat16) else input.dtype
    out = input.with_shape(input.shape[1]).with_dtype(own)
    return out, out


@batch_norm_stats.cost
def _(input: TensorSpec) -> Counts:
    n, channels = input.numel, input.shape[1]
    return Counts(add=3 * n - channels, mul=n, div=3 * channels, func=channels) if n else Counts()


@RULES.op(torch.batch_norm_elemt)
def batch_norm_elemt(
    input: TensorSpec, weight: TensorSpec | None, bias: TensorSpec | None, mean: TensorSpec, invstd: TensorSpec,
    eps: float,
) -> TensorSpec:  # fmt: skip
    """(x − mean) · invstd · weight + bias, by channel.

    Cost: an element 1 add, 1 mul; 1 mul with a weight, 1 add with a bias.
    Source: torch.batch_norm_elemt
    """
    return check_tensor(input, "input")


@batch_norm_elemt.cost
def _(input: TensorSpec, weight: TensorSpec | None, bias: TensorSpec | None) -> Counts:
    n = input.numel
    return Counts(add=n * (1 + (bias is not None)), mul=n * (1 + (weight is not None)))


# What exported programs ask -------------------------------------------------------------------------------------


@RULES.op(torch.ops.aten.sym_size, name="size")
def sym_size(input: TensorSpec, dim: int) -> int:
    """The size of a dimension, a plain number.

    Cost: nothing.
    Source: torch.Tensor.size
    """
    return input.shape[wrap_dim(dim, input.ndim)]


@RULES.op(torch.ops.aten.sym_numel, name="numel")
def sym_numel(input: TensorSpec) -> int:
    """How many elements there are, a plain number.

    Cost: nothing.
    Source: torch.Tensor.numel
    """
    return input.numel


@RULES.op(torch.ops.aten.lift_fresh_copy, name="clone")
def lift_fresh_copy(input: TensorSpec) -> TensorSpec:
    """The same values.

    Cost: nothing, it moves data.
    Source: torch.clone
    """
    return check_tensor(input, "input")
