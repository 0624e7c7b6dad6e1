"""Values written over those of a tensor."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Traffic
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_operands, check_tensor, spellings
from rules.create import made

__all__ = ["RULES"]

RULES = RuleSet()


@RULES.op("copy_", torch.ops.aten.copy, name="copy")
def copy(input: TensorSpec, src: Any, non_blocking: bool = False) -> TensorSpec:
    """The values of src, broadcast, written over input.

    Cost: nothing, it moves data.
    Source: torch.Tensor.copy_
    """
    check_operands(src)
    if (
        isinstance(src, TensorSpec)
        and src.shape != input.shape
        and broadcast_shapes(input.shape, src.shape) != input.shape
    ):
        raise ShapeError(f"src must broadcast to the shape of input, got {src.shape} for {input.shape}")
    return input


@copy.traffic
def _(out: TensorSpec, src: Any) -> Traffic:
    return Traffic(read=src.nbytes if isinstance(src, TensorSpec) else 0, written=out.nbytes)


@RULES.op(torch.fill, "fill_")
def fill(input: TensorSpec, value: Any) -> TensorSpec:
    """One number everywhere.

    Cost: nothing, it fills memory.
    Source: torch.Tensor.fill_
    """
    check_operands(value)
    if isinstance(value, TensorSpec) and value.shape:
        raise ShapeError(f"value must be a number, got {value}")
    if isinstance(value, complex) and not input.dtype.is_complex:
        raise ShapeError(f"value must be real for a real tensor, got {value} for {input.dtype}")
    return input


@RULES.op("zero_", torch.zero_, torch.ops.aten.zero, name="zero")
def zero(input: TensorSpec) -> TensorSpec:
    """Zero everywhere.

    Cost: nothing, it fills memory.
    Source: torch.Tensor.zero_
    """
    return input


def _written(out: TensorSpec) -> Traffic:
    return Traffic(written=out.nbytes)


fill.traffic(_written)
zero.traffic(_written)


@RULES.op("resize_", name="resize_")
def resize(input: TensorSpec, *size: int) -> TensorSpec:
    """The same storage, made larger where it must, under another size.

    Cost: nothing, it moves data.
    Source: torch.Tensor.resize_
    """
    return made(size, input.dtype, input.device)


@RULES.op(*spellings("resize_as_"), name="resize_")
def resize_as(input: TensorSpec, other: TensorSpec) -> TensorSpec:
    """The same storage, made larger where it must, under the size of other.

    Cost: nothing, it moves data.
    Source: torch.Tensor.resize_as_
    """
    return input.with_shape(*check_tensor(other, "other").shape)
