"""Rows looked up in a table, and numbers spelt out as one-hot rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from analyzer.counts import Counts, Traffic
from analyzer.errors import DataDependentError, ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_flag, check_scalar, numbers, whole
from rules._layer import check_floating

__all__ = ["RULES", "check_indices", "check_table", "renorm_counts"]

RULES = RuleSet()
F = nn.functional


def check_indices(input: Any, name: str = "input") -> None:
    """Refuse what is no tensor of indices."""
    if not isinstance(input, TensorSpec):
        raise ShapeError(f"{name} must be a tensor, got {input!r}")
    if input.dtype is not torch.int64 and input.dtype is not torch.int32:
        raise ShapeError(f"{name} must hold int64 or int32 numbers, got {input.dtype_name}")


def check_table(weight: Any, padding_idx: Any) -> None:
    """Refuse what is no table (V, D), and a row of padding that it does not have."""
    if not isinstance(weight, TensorSpec) or len(weight.shape) != 2:
        raise ShapeError(f"weight must have 2 dimensions, got {getattr(weight, 'shape', weight)}")
    rows = weight.shape[0]
    if padding_idx is not None and not -rows <= whole(padding_idx, "padding_idx") < max(rows, 1):
        raise ShapeError(f"padding_idx must be from {-rows} to {rows - 1}, got {padding_idx}")


def _looked_up(input: TensorSpec, weight: TensorSpec, padding_idx: int | None) -> TensorSpec:
    check_indices(input)
    check_table(weight, padding_idx)
    return weight.with_shape(*input.shape, weight.shape[1])


def renorm_counts(input: TensorSpec, weight: TensorSpec, max_norm: float | None, norm_type: float) -> Counts:
    """The most that max_norm takes: every index another row, each too long."""
    if max_norm is None:
        return Counts()
    rows, width = min(input.numel, weight.shape[0]), weight.shape[1]
    powers = Counts(mul=width) if norm_type == 2 else Counts(func=width)
    return (powers + Counts(add=width, func=1, cmp=1, div=1, mul=width)) * rows


@RULES.op(nn.Embedding, F.embedding)
def embedding(
    input: TensorSpec,
    weight: TensorSpec,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> TensorSpec:
    """Row x of the table      x (*), weight (V, D) -> (*, D).

    Cost: nothing, it moves data. With max_norm at most, for each row looked up, its norm (D mul, D - 1 add, 1 func; for
    norm_type other than 2 D func in place of D mul), 1 cmp, the factor (1 add, 1 div) and D mul.
    Source: torch.nn.functional.embedding
    """
    if max_norm is not None:
        check_floating(weight, "weight", complex=True)
        check_scalar(max_norm, "max_norm")
        check_scalar(norm_type, "norm_type")
    check_flag(scale_grad_by_freq, "scale_grad_by_freq")
    check_flag(sparse, "sparse")
    return _looked_up(input, weight, padding_idx)


@embedding.cost
def _(input: TensorSpec, weight: TensorSpec, max_norm: float | None, norm_type: float) -> Counts:
    return renorm_counts(input, weight, max_norm, norm_type)


@RULES.op(torch.embedding, name="embedding")
def torch_embedding(
    weight: TensorSpec,
    indices: TensorSpec,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> TensorSpec:
    """The same as embedding, the table first.

    Cost: nothing, it moves data.
    Source: torch.nn.functional.embedding
    """
    return _looked_up(indices, weight, None)


@embedding.traffic
def _(out: TensorSpec, input: TensorSpec) -> Traffic:
    return Traffic(read=input.nbytes + out.nbytes, written=out.nbytes, weights=out.nbytes)


@torch_embedding.traffic
def _(out: TensorSpec, indices: TensorSpec) -> Traffic:
    return Traffic(read=indices.nbytes + out.nbytes, written=out.nbytes, weights=out.nbytes)


@RULES.op(torch.embedding_renorm_, torch.ops.aten.embedding_renorm, name="embedding_renorm")
def embedding_renorm(input: TensorSpec, indices: TensorSpec, max_norm: float, norm_type: float) -> TensorSpec:
    """The table (V, D), the rows looked up shortened to max_norm.

    Cost: as embedding with max_norm.
    Source: torch.nn.functional.embedding
    """
    _looked_up(indices, input, None)
    return check_floating(input, complex=True)


@embedding_renorm.cost
def _(input: TensorSpec, indices: TensorSpec, max_norm: float, norm_type: float) -> Counts:
    return renorm_counts(indices, input, max_norm, norm_type)


@RULES.op(F.one_hot)
def one_hot(input: TensorSpec, num_classes: int = -1) -> TensorSpec:
    """A 1 in the place that x names, 0 elsewhere      x (*) -> (*, num_classes), of int64.

    Cost: nothing, it moves data.
    Source: torch.nn.functional.one_hot
    """
    if not isinstance(input, TensorSpec) or input.dtype is not torch.int64:
        raise ShapeError(f"input must hold int64 numbers, got {getattr(input, 'dtype_name', input)}")
    (classes,) = numbers(num_classes, "num_classes")
    if classes > 0:
        return input.with_shape(*input.shape, classes)
    if classes == -1 and input.numel:
        raise DataDependentError(
            "num_classes is the largest number in input, plus 1, which a tensor here does not have",
            hint="say num_classes in the call",
            argument="num_classes",
        )
    raise ShapeError(f"num_classes must be positive, got {classes}")


@one_hot.choice
def _(out: TensorSpec) -> Any:
    classes = out.shape[-1]
    return F.one_hot(torch.arange(out.numel // classes) % classes, classes).reshape(out.shape)
