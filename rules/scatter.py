"""Scattering: elements written, summed or counted by index tensors."""

from __future__ import annotations

from typing import Any

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_operands, check_tensor, spellings, wrap_dim
from rules.gather import check_index, check_within

__all__ = ["RULES", "check_same_dtype", "reduction_cost"]

RULES = RuleSet()


def check_same_dtype(input: TensorSpec, src: TensorSpec, name: str) -> None:
    if src.dtype is not input.dtype:
        raise ShapeError(f"input and {name} must have one dtype, got {input.dtype} and {src.dtype}")


_REDUCTIONS = {
    "sum": "add",
    "add": "add",
    "prod": "mul",
    "multiply": "mul",
    "mean": "add",
    "amax": "cmp",
    "amin": "cmp",
}


def _scattered(input: TensorSpec, dim: Any, index: Any, src: Any) -> TensorSpec:
    axis = wrap_dim(dim, input.ndim)
    check_index(index)
    if isinstance(src, TensorSpec):
        check_same_dtype(input, src, "src")
    else:
        check_operands(src)
    if index.numel == 0:
        return input
    check_within(input, axis, index)
    if isinstance(src, TensorSpec):
        if (src.ndim or 1) != (index.ndim or 1):
            raise ShapeError(f"src must have as many dimensions as index, got {src.ndim} and {index.ndim}")
        if any(own > limit for own, limit in zip(index.shape or (1,), src.shape or (1,), strict=True)):
            raise ShapeError(f"index must not be larger than src, got {index.shape} for {src.shape}")
    return input


def reduction_cost(size: int, reduce: str | None) -> Counts:
    return Counts(**{_REDUCTIONS[reduce]: size}) if reduce is not None else Counts()


@RULES.op(*spellings("scatter"))
def scatter(
    input: TensorSpec, dim: int, index: TensorSpec, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> TensorSpec:
    """input[index[i][j]][j] = src[i][j], for dim 0; with reduce, added or multiplied on.

    Cost: nothing, it moves data; with reduce one add or mul an index.
    Source: torch.Tensor.scatter
    """
    if reduce not in (None, "add", "multiply"):
        raise ShapeError(f"reduce must be 'add' or 'multiply', got {reduce!r}")
    return _scattered(input, dim, index, value if src is None else src)


@scatter.cost
def _(index: TensorSpec, reduce: str | None) -> Counts:
    return reduction_cost(index.numel, reduce)


@RULES.op(*spellings("scatter_add"))
def scatter_add(input: TensorSpec, dim: int, index: TensorSpec, src: TensorSpec) -> TensorSpec:
    """input[index[i][j]][j] += src[i][j], for dim 0.

    Cost: one add an index.
    Source: torch.Tensor.scatter_add
    """
    return _scattered(input, dim, index, check_tensor(src, "src"))


@scatter_add.cost
def _(index: TensorSpec) -> Counts:
    return Counts(add=index.numel)


@RULES.op(*spellings("scatter_reduce"))
def scatter_reduce(
    input: TensorSpec, dim: int, index: TensorSpec, src: TensorSpec, reduce: str, *, include_self: bool = True
) -> TensorSpec:
    """All of src that an element of input is meant for, made one with it by reduce.

    Cost: one add, mul or cmp an index; for the mean also one add an index and one div an element.
    Source: torch.Tensor.scatter_reduce
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise ShapeError(f"reduce must be 'sum', 'prod', 'mean', 'amax' or 'amin', got {reduce!r}")
    return _scattered(input, dim, index, check_tensor(src, "src"))


@scatter_reduce.cost
def _(out: TensorSpec, index: TensorSpec, reduce: str) -> Counts:
    # A mean needs the count of what came to each element too.
    mean = Counts(add=index.numel, div=out.numel) if reduce == "mean" else Counts()
    return reduction_cost(index.numel, reduce) + mean
