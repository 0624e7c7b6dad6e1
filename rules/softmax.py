"""Softmax and its kin over one dimension of n: n - 1 cmp (the largest), n add, n func, n - 1 add (the sum), n div."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import wrap_dim
from rules._layer import check_floating, check_ndim

__all__ = ["RULES", "log_softmax_counts"]

RULES = RuleSet()
F = nn.functional


def _rows(shape: tuple[int, ...], numel: int, dim: int | None) -> int:
    """How many groups of numbers are each brought to the sum 1."""
    return numel // shape[_axis(shape, dim)] if shape and numel else numel


def _axis(shape: tuple[int, ...], dim: int | None) -> int:
    """The dimension; where none is named, torch takes the first of 0, 1 or 3 dimensions and the second of others."""
    if dim is None:
        return 0 if len(shape) in (0, 1, 3) else 1
    return wrap_dim(dim, len(shape))


def _softmax(input: Any, dim: int | None, dtype: torch.dtype | None) -> TensorSpec:
    if not isinstance(input, TensorSpec):
        raise ShapeError(f"input must be a tensor, got {input!r}")
    if dim is not None:
        wrap_dim(dim, len(input.shape))
    if dtype is None:
        return check_floating(input)
    return check_floating(input.with_dtype(dtype), "dtype")


@RULES.op(nn.Softmax, F.softmax)
def softmax(
    input: TensorSpec, dim: int | None = None, _stacklevel: int = 3, dtype: torch.dtype | None = None
) -> TensorSpec:
    """exp(x) / sum(exp(x)) over dim      x (*) -> (*).

    Cost: a row of n: n - 1 cmp, n add, n func, n - 1 add, n div.
    Source: torch.nn.functional.softmax
    """
    return _softmax(input, dim, dtype)


@RULES.op(torch.softmax, "softmax", torch.special.softmax, torch._safe_softmax, name="softmax")
def _torch_softmax(input: TensorSpec, dim: int, dtype: torch.dtype | None = None) -> TensorSpec:
    """The same as softmax, with dtype third.

    Cost: as softmax.
    Source: torch.softmax
    """
    return _softmax(input, dim, dtype)


@RULES.op(nn.Softmax2d, name="softmax")
def _softmax_2d(input: TensorSpec) -> TensorSpec:
    """The same as softmax, over the channels      x (N, C, H, W) or (C, H, W) -> the same.

    Cost: as softmax.
    Source: torch.nn.Softmax2d
    """
    check_ndim(input, (3, 4))
    return check_floating(input)


@RULES.op(torch._softmax, name="softmax")
def _inner_softmax(input: TensorSpec, dim: int, half_to_float: bool) -> TensorSpec:
    """The same as softmax, as torch's kernels have it; ``half_to_float`` gives float32 for float16.

    Cost: as softmax.
    Source: torch.softmax
    """
    return _softmax(input, dim, torch.float32 if half_to_float else None)


@RULES.op(torch._masked_softmax, name="softmax")
def _masked_softmax(input: TensorSpec, mask: TensorSpec, dim: int | None = None, mask_type: Any = None) -> TensorSpec:
    """The same as softmax, over what the mask leaves, all of it counted; the last dimension where dim is None.

    Cost: as softmax.
    Source: torch.softmax
    """
    return _softmax(input, -1 if dim is None else dim, None)


def _softmax_counts(out: TensorSpec, dim: int | None) -> Counts:
    numel = out.numel
    rows = _rows(out.shape, numel, dim)
    return Counts(cmp=numel - rows, add=2 * numel - rows, func=numel, div=numel)


@softmax.cost
@_torch_softmax.cost
@_inner_softmax.cost
def _(out: TensorSpec, dim: int | None) -> Counts:
    return _softmax_counts(out, dim)


@_masked_softmax.cost
def _(out: TensorSpec, dim: int | None) -> Counts:
    return _softmax_counts(out, -1 if dim is None else dim)


@_softmax_2d.cost
def _(out: TensorSpec) -> Counts:
    return _softmax_counts(out, -3)


@RULES.op(nn.Softmin, F.softmin)
def softmin(
    input: TensorSpec, dim: int | None = None, _stacklevel: int = 3, dtype: torch.dtype | None = None
) -> TensorSpec:
    """softmax(-x) over dim      x (*) -> (*).

    Cost: a row of n: n cmp (the signs), then softmax: n - 1 cmp, n add, n func, n - 1 add, n div.
    Source: torch.nn.functional.softmin
    """
    return _softmax(input, dim, dtype)


@softmin.cost
def _(out: TensorSpec, dim: int | None) -> Counts:
    return _softmax_counts(out, dim) + Counts(cmp=out.numel)


def log_softmax_counts(rows: int, length: int) -> Counts:
    """So many rows of ``length`` numbers each."""
    numel = rows * length
    return Counts(cmp=numel - rows, add=3 * numel - rows, func=numel + rows)


@RULES.op(nn.LogSoftmax, F.log_softmax)
def log_softmax(
    input: TensorSpec, dim: int | None = None, _stacklevel: int = 3, dtype: torch.dtype | None = None
) -> TensorSpec:
    """Out = x - log(sum(exp(x))) over dim      x (*) -> (*).

    Cost: a row of n: n - 1 cmp, n add, n func, n - 1 add, 1 func, n add.
    Source: torch.nn.functional.log_softmax
    """
    return _softmax(input, dim, dtype)


@RULES.op(torch.log_softmax, "log_softmax", torch.special.log_softmax, name="log_softmax")
def _torch_log_softmax(input: TensorSpec, dim: int, dtype: torch.dtype | None = None) -> TensorSpec:
    """The same as log_softmax, with dtype third.

    Cost: as log_softmax.
    Source: torch.log_softmax
    """
    return _softmax(input, dim, dtype)


@RULES.op(torch._log_softmax, name="log_softmax")
def _inner_log_softmax(input: TensorSpec, dim: int, half_to_float: bool) -> TensorSpec:
    """The same as log_softmax as torch's kernels have it; ``half_to_float`` gives float32 for float16.

    Cost: as log_softmax.
    Source: torch.log_softmax
    """
    return _softmax(input, dim, torch.float32 if half_to_float else None)


@log_softmax.cost
@_torch_log_softmax.cost
@_inner_log_softmax.cost
def _(out: TensorSpec, dim: int | None) -> Counts:
    numel = out.numel
    rows = _rows(out.shape, numel, dim)
    return log_softmax_counts(rows, numel // rows) if rows else Counts()
