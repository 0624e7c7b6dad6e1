"""Views: the same elements under another shape. `transpose` reorders, `split` cuts, `select` takes a part."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from analyzer.symbolic.deciding import is_plainly_one
from rules._dims import check_tensor, fill_in, numbers, spellings, wrap_dim, wrap_dims

__all__ = ["RULES"]

RULES = RuleSet()

_aten = torch.ops.aten


@RULES.op(*spellings("reshape"), alias="input")
def reshape(input: TensorSpec, *shape: int) -> TensorSpec:
    """The elements in order under another shape, one size of which may be -1.

    Cost: nothing, it is a view where the strides allow.
    Source: torch.reshape
    """
    return input.with_shape(*fill_in(numbers(shape, "shape"), input.numel))


@RULES.op("view", alias="input")
def view(input: TensorSpec, *size: Any, dtype: torch.dtype | None = None) -> TensorSpec:
    """The elements in order under another shape; or, with a dtype, the same bytes read as another dtype.

    Cost: nothing, it is a view.
    Source: torch.Tensor.view
    """
    if len(size) == 1 and isinstance(size[0], torch.dtype):
        dtype = size[0]
    if dtype is None:
        return input.with_shape(*fill_in(numbers(size, "shape"), input.numel))
    old, new = input.dtype.itemsize, dtype.itemsize
    if old == new:
        return input.with_dtype(dtype)
    if not input.shape:
        raise ShapeError(f"a tensor without dimensions is viewed as a dtype of its own size, got {input} as {dtype}")
    last = input.shape[-1] * old
    if last % new != 0:
        raise ShapeError(f"the last dimension holds {last} bytes, which is no multiple of {dtype}'s {new}")
    return input.with_shape(*input.shape[:-1], last // new).with_dtype(dtype)


@RULES.op(_aten._unsafe_view, _aten._reshape_alias, _aten._reshape_copy, alias="input", name="view")
def unsafe_view(input: TensorSpec, size: Any, stride: Any = None) -> TensorSpec:
    """What a reshape becomes on its way through torch.

    Cost: nothing, it is a view.
    Source: torch.reshape
    """
    return input.with_shape(*fill_in(numbers(size, "shape"), input.numel))


@RULES.op("view_as", "reshape_as", alias="input", name="view_as", unread=("other",))
def view_as(input: TensorSpec, other: TensorSpec) -> TensorSpec:
    """The elements in order under the shape of other.

    Cost: nothing, it is a view.
    Source: torch.Tensor.view_as
    """
    return input.with_shape(*fill_in(check_tensor(other, "other").shape, input.numel))


@RULES.op(nn.Flatten, *spellings("flatten"), alias="input")
def flatten(input: TensorSpec, start_dim: int = 0, end_dim: int = -1) -> TensorSpec:
    """Dimensions start_dim to end_dim as one, (a, b, c) -> (a, b·c).

    Cost: nothing, it is a view where the strides allow.
    Source: torch.flatten
    """
    shape = input.shape
    start, end = wrap_dim(start_dim, len(shape), "start_dim"), wrap_dim(end_dim, len(shape), "end_dim")
    if start > end:
        raise ShapeError(f"start_dim must not come after end_dim, got {start_dim} and {end_dim}")
    if not shape:
        return input.with_shape(1)
    if start == end:
        return input
    return input.with_shape(*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])


@RULES.op(*spellings("ravel"), alias="input")
def ravel(input: TensorSpec) -> TensorSpec:
    """All elements in one dimension.

    Cost: nothing, it is a view where the strides allow.
    Source: torch.ravel
    """
    return input.with_shape(input.numel)


@RULES.op(
    nn.Unflatten,
    *spellings("unflatten"),
    alias="input",
    attributes={"sizes": lambda module: module.unflattened_size},
)
def unflatten(input: TensorSpec, dim: int, sizes: Any) -> TensorSpec:
    """Dimension dim as several, of which one may be -1, (a, b·c) -> (a, b, c).

    Cost: nothing, it is a view.
    Source: torch.unflatten
    """
    axis = wrap_dim(dim, input.ndim)
    sizes = numbers(sizes, "sizes")
    if not sizes:
        raise ShapeError(f"sizes must not be empty, got {sizes}")
    if not input.shape:
        raise ShapeError(f"input must have a dimension to unflatten, got {input}")
    filled = fill_in(sizes, input.shape[axis], "sizes", f"dimension {dim}")
    return input.with_shape(*input.shape[:axis], *filled, *input.shape[axis + 1 :])


@RULES.op(*spellings("squeeze"), alias="input")
def squeeze(input: TensorSpec, dim: Any = None) -> TensorSpec:
    """Without the dimensions of size 1; or without those in dim, where their size is 1.

    Cost: nothing, it is a view.
    Source: torch.squeeze
    """
    shape = input.shape
    if dim is None:
        return input.with_shape(*[size for size in shape if size != 1])
    dims = wrap_dims(dim, len(shape))
    return input.with_shape(*[size for axis, size in enumerate(shape) if axis not in dims or size != 1])


@RULES.op(*spellings("unsqueeze"), alias="input")
def unsqueeze(input: TensorSpec, dim: int) -> TensorSpec:
    """One more dimension, of size 1, at dim.

    Cost: nothing, it is a view.
    Source: torch.unsqueeze
    """
    axis = wrap_dim(dim, len(input.shape) + 1)
    return input.with_shape(*input.shape[:axis], 1, *input.shape[axis:])


@RULES.op("expand", *spellings("broadcast_to"), alias="input")
def expand(input: TensorSpec, *size: int, implicit: bool = False) -> TensorSpec:
    """Dimensions of size 1 repeated without copies, new ones in front; -1 keeps a size.

    Cost: nothing, it is a view.
    Source: torch.Tensor.expand
    """
    sizes = list(numbers(size, "size"))
    extra = len(sizes) - input.ndim
    if extra < 0:
        raise ShapeError(f"size must have at least as many dimensions as input, got {tuple(sizes)} for {input.ndim}")
    for axis, wanted in enumerate(sizes):
        own = input.shape[axis - extra] if axis >= extra else None
        if wanted == -1 and own is not None:
            sizes[axis] = own
        elif wanted < 0 or not (own is None or is_plainly_one(own) or own == wanted or own == 1):
            raise ShapeError(f"input of shape {input.shape} does not expand to size {tuple(sizes)}")
    return input.with_shape(*sizes)


@RULES.op("expand_as", alias="input", name="expand", unread=("other",))
def expand_as(input: TensorSpec, other: TensorSpec) -> TensorSpec:
    """Expanded to the shape of other.

    Cost: nothing, it is a view.
    Source: torch.Tensor.expand_as
    """
    spec: TensorSpec = expand(input, *check_tensor(other, "other").shape)
    return spec
