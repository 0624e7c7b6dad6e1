"""Copies in another order or size: flipped, rolled, tiled, repeated, with a part replaced; copies of views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from analyzer.errors import DataDependentError, ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules import reshape, transpose
from rules._dims import check_tensor, numbers, spellings, whole, wrap_dim, wrap_dims
from rules.passthrough import same
from rules.select import as_strided_shape, diagonal_shape, select_shape, slice_shape
from rules.split import RULES as PIECES

__all__ = ["RULES"]

RULES = RuleSet()
VIEWS = reshape.RULES | transpose.RULES


@RULES.op(*spellings("flip"))
def flip(input: TensorSpec, *dims: int) -> TensorSpec:
    """The elements in reverse along dims.

    Cost: nothing, it moves data.
    Source: torch.flip
    """
    if len(dims) == 1 and isinstance(dims[0], (tuple, list)):
        dims = tuple(dims[0])
    wrap_dims(dims, input.ndim, "dims")
    return input


def _flip(name: str, least: int) -> None:
    def shape(input: TensorSpec) -> TensorSpec:
        if input.ndim < least:
            raise ShapeError(f"input must have {least} or more dimensions, got {input.ndim}")
        return input

    shape.__doc__ = f"The elements in reverse along a dimension.\n\nCost: nothing, it moves data.\nSource: torch.{name}"
    RULES.op(*spellings(name), name="flip")(shape)


_flip("fliplr", 2)
_flip("flipud", 1)


@RULES.op(*spellings("roll"))
def roll(input: TensorSpec, shifts: Any, dims: Any = ()) -> TensorSpec:
    """The elements moved along dims, what falls off coming in again.

    Cost: nothing, it moves data.
    Source: torch.roll
    """
    shifts, dims = numbers(shifts, "shifts"), numbers(() if dims is None else dims, "dims")
    if not shifts:
        raise ShapeError("shifts must not be empty")
    if len(shifts) != (len(dims) or 1):
        raise ShapeError(f"shifts and dims must be equally many, got {len(shifts)} and {len(dims)}")
    for dim in dims if input.numel else ():  # torch does not look at them where there is nothing to move
        if not input.shape:
            raise ShapeError(f"dims must not name a dimension of a tensor that has none, got {dims}")
        wrap_dim(dim, input.ndim, "dims")
    return input


@RULES.op(*spellings("rot90"))
def rot90(input: TensorSpec, k: int = 1, dims: Any = (0, 1)) -> TensorSpec:
    """A plane turned k times by 90 degrees.

    Cost: nothing, it moves data.
    Source: torch.rot90
    """
    if len(dims) != 2:
        raise ShapeError(f"dims must be two, got {dims}")
    if input.ndim < 2:
        raise ShapeError(f"input must have 2 or more dimensions, got {input.ndim}")
    first, second = wrap_dims(dims, input.ndim, "dims")
    shape = list(input.shape)
    if k % 2:
        shape[first], shape[second] = shape[second], shape[first]
    return input.with_shape(*shape)


def _repeated(input: TensorSpec, times: tuple[int, ...], name: str) -> TensorSpec:
    for count in times:
        if count < 0:
            raise ShapeError(f"{name} must be 0 or more, got {times}")
    shape = (*[1] * (len(times) - input.ndim), *input.shape)
    return input.with_shape(*[size * count for size, count in zip(shape, times, strict=True)])


@RULES.op("repeat")
def repeat(input: TensorSpec, *repeats: int) -> TensorSpec:
    """The tensor that many times along each dimension.

    Cost: nothing, it moves data.
    Source: torch.Tensor.repeat
    """
    times = numbers(repeats, "repeats")
    if len(times) < input.ndim:
        raise ShapeError(f"repeats must name every dimension of input, got {len(times)} for {input.ndim}")
    return _repeated(input, times, "repeats")


@RULES.op(*spellings("tile"))
def tile(input: TensorSpec, *dims: int) -> TensorSpec:
    """The tensor that many times along the last dimensions.

    Cost: nothing, it moves data.
    Source: torch.tile
    """
    times = numbers(dims, "dims")
    return _repeated(input, (*[1] * (input.ndim - len(times)), *times), "dims")


@RULES.op(*spellings("repeat_interleave"))
def repeat_interleave(
    input: TensorSpec, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> TensorSpec:
    """Every slice along dim, or every element, that many times in a row.

    Cost: nothing, it moves data.
    Source: torch.repeat_interleave
    """
    if repeats is None:
        if input.ndim != 1 or input.dtype not in (torch.int32, torch.int64):
            raise ShapeError(f"repeats must be a vector of whole numbers, got {input}")
        if output_size is None:
            raise _unknown_repeats(input)
        return input.with_shape(output_size)
    if dim is not None and not input.shape:
        raise ShapeError(f"dim must not name a dimension of a tensor that has none, got {dim}")
    axis = 0 if dim is None else wrap_dim(dim, input.ndim)
    shape = (input.numel,) if dim is None else input.shape
    size = shape[axis]
    if isinstance(repeats, TensorSpec):
        if repeats.ndim > 1 or repeats.dtype not in (torch.int32, torch.int64):
            raise ShapeError(f"repeats must be a vector of whole numbers, got {repeats}")
        if repeats.ndim == 1 and repeats.shape[0] not in (1, size):
            raise ShapeError(f"repeats must be as many as the elements along dim, got {repeats.shape[0]} for {size}")
        if output_size is None and size != 0:
            raise _unknown_repeats(repeats)
        total = output_size or 0
    else:
        times = whole(repeats, "repeats")
        if times < 0:
            raise ShapeError(f"repeats must be 0 or more, got {times}")
        total = size * times
    return input.with_shape(*shape[:axis], total, *shape[axis + 1 :])


def _unknown_repeats(repeats: TensorSpec) -> DataDependentError:
    return DataDependentError(
        f"how often each element is repeated is data, in repeats: {repeats}",
        hint="say how many there are in all with output_size=",
        argument="output_size",
    )


# A part replaced -------------------------------------------------------------------------------------------------


def _replaced(input: TensorSpec, src: Any, part: TensorSpec) -> TensorSpec:
    if check_tensor(src, "src").shape != part.shape:
        raise ShapeError(f"src must have the shape of what it replaces, got {src.shape} for {part.shape}")
    return input


@RULES.op(*spellings("select_scatter"))
def select_scatter(input: TensorSpec, src: TensorSpec, dim: int, index: int) -> TensorSpec:
    """A copy of input with one place along dim replaced by src.

    Cost: nothing, it moves data.
    Source: torch.select_scatter
    """
    return _replaced(input, src, select_shape(input, dim, index))


@RULES.op(*spellings("slice_scatter"))
def slice_scatter(
    input: TensorSpec, src: TensorSpec, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> TensorSpec:
    """A copy of input with a slice along dim replaced by src.

    Cost: nothing, it moves data.
    Source: torch.slice_scatter
    """
    return _replaced(input, src, slice_shape(input, dim, start, end, step))


@RULES.op(*spellings("diagonal_scatter"))
def diagonal_scatter(input: TensorSpec, src: TensorSpec, offset: int = 0, dim1: int = 0, dim2: int = 1) -> TensorSpec:
    """A copy of input with a diagonal replaced by src.

    Cost: nothing, it moves data.
    Source: torch.diagonal_scatter
    """
    return _replaced(input, src, diagonal_shape(input, offset, dim1, dim2))


@RULES.op(*spellings("as_strided_scatter"))
def as_strided_scatter(
    input: TensorSpec, src: TensorSpec, size: Any, stride: Any, storage_offset: int | None = None
) -> TensorSpec:
    """A copy of input with what other strides see of it replaced by src.

    Cost: nothing, it moves data.
    Source: torch.as_strided_scatter
    """
    part = as_strided_shape(input, size, stride, storage_offset)
    last = (storage_offset or 0) + sum([(length - 1) * step for length, step in zip(part.shape, stride, strict=True)])
    if part.numel and last >= input.numel:
        raise ShapeError(f"size and stride must stay within input, got place {last} of {input.numel}")
    return _replaced(input, src, part)


# Copies of views -------------------------------------------------------------------------------------------------


def _copies(name: str, view: Callable[..., Any]) -> None:
    """The twin of a view that copies."""
    RULES.op(getattr(torch, f"{name}_copy"), name=f"{name}_copy")(view)


for _name in ("permute", "squeeze", "transpose", "t", "unsqueeze", "view", "expand"):
    _copies(_name, VIEWS[_name].shape)
for _name in ("unbind", "split_with_sizes"):
    _copies(_name, PIECES[_name].shape)
RULES.op(torch.split_copy, name="split_copy")(PIECES[torch.functional.split].shape)
RULES.op(torch.alias_copy, torch.detach_copy, name="clone")(same)
