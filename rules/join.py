"""Several tensors into one, and several made to fit."""

from __future__ import annotations

import math
from typing import Any

import torch

from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes, result_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensors, wrap_dim

__all__ = ["RULES"]

RULES = RuleSet()


def _some(tensors: Any) -> tuple[TensorSpec, ...]:
    some = check_tensors(tensors, "tensors")
    if not some:
        raise ShapeError("tensors must not be empty")
    return some


def _join(tensors: tuple[TensorSpec, ...], dim: Any) -> TensorSpec:
    """Along an existing dimension; an empty tensor of one dimension fits any other, as it did in old times."""
    lead = next((tensor for tensor in tensors if tensor.shape != (0,)), tensors[0])
    for tensor in tensors:
        if not tensor.shape:
            raise ShapeError(f"tensors must have dimensions to join, got {tensor}")
    axis = wrap_dim(dim, lead.ndim)
    before, after = lead.shape[:axis], lead.shape[axis + 1 :]
    total = 0
    dtype = lead.dtype
    for tensor in tensors:
        if tensor.dtype is not dtype:
            dtype = result_dtype(*tensors)
        shape = tensor.shape
        if shape == (0,) and len(before) + len(after):
            continue
        if len(shape) != len(lead.shape) or shape[:axis] != before or shape[axis + 1 :] != after:
            raise ShapeError(f"tensors must agree in every dimension but {axis}, got {lead.shape} and {shape}")
        total = total + shape[axis]
    return lead.with_shape(*before, total, *after).with_dtype(dtype)


@RULES.op(torch.cat, torch.concat, torch.concatenate)
def cat(tensors: Any, dim: int = 0) -> TensorSpec:
    """Tensors end to end along dim.

    Cost: nothing, it moves data.
    Source: torch.cat
    """
    return _join(_some(tensors), dim)


@RULES.op(torch.stack)
def stack(tensors: Any, dim: int = 0) -> TensorSpec:
    """Tensors of one shape along a new dimension.

    Cost: nothing, it moves data.
    Source: torch.stack
    """
    given = _some(tensors)
    shape = given[0].shape
    axis = wrap_dim(dim, len(shape) + 1)
    for tensor in given:
        if tensor.shape != shape:
            raise ShapeError(f"tensors must have one shape, got {shape} and {tensor.shape}")
    dtype = given[0].dtype
    if any(tensor.dtype is not dtype for tensor in given):
        dtype = result_dtype(*given)
    return given[0].with_shape(*shape[:axis], len(given), *shape[axis:]).with_dtype(dtype)


def _at_least(tensor: TensorSpec, ndim: int) -> TensorSpec:
    """Dimensions of size 1 added; with 3, a matrix gets its one at the end."""
    shape = tensor.shape
    if len(shape) >= ndim:
        return tensor
    if ndim == 3 and len(shape) == 2:
        return tensor.with_shape(*shape, 1)
    if ndim == 3 and len(shape) == 1:
        return tensor.with_shape(1, *shape, 1)
    return tensor.with_shape(*[1] * (ndim - len(shape)), *shape)


@RULES.op(torch.hstack)
def hstack(tensors: Any) -> TensorSpec:
    """Tensors side by side: along the second dimension, vectors along their only one.

    Cost: nothing, it moves data.
    Source: torch.hstack
    """
    tensors = tuple([_at_least(tensor, 1) for tensor in _some(tensors)])
    return _join(tensors, 0 if tensors[0].ndim == 1 else 1)


@RULES.op(torch.vstack, torch.row_stack)
def vstack(tensors: Any) -> TensorSpec:
    """Tensors on top of each other: along the first dimension, vectors as rows.

    Cost: nothing, it moves data.
    Source: torch.vstack
    """
    return _join(tuple([_at_least(tensor, 2) for tensor in _some(tensors)]), 0)


@RULES.op(torch.dstack)
def dstack(tensors: Any) -> TensorSpec:
    """Tensors behind each other: along the third dimension.

    Cost: nothing, it moves data.
    Source: torch.dstack
    """
    return _join(tuple([_at_least(tensor, 3) for tensor in _some(tensors)]), 2)


@RULES.op(torch.column_stack)
def column_stack(tensors: Any) -> TensorSpec:
    """Vectors and matrices as columns of one.

    Cost: nothing, it moves data.
    Source: torch.column_stack
    """
    columns = [tensor.with_shape(tensor.numel, 1) if tensor.ndim <= 1 else tensor for tensor in _some(tensors)]
    return _join(tuple(columns), 1)


@RULES.op(torch.functional.block_diag)
def block_diag(*tensors: TensorSpec) -> TensorSpec:
    """Matrices along the diagonal of one, zeros elsewhere.

    Cost: nothing, it moves data.
    Source: torch.block_diag
    """
    tensors = check_tensors(tensors, "tensors")
    for tensor in tensors:
        if tensor.ndim > 2:
            raise ShapeError(f"tensors may have up to 2 dimensions, got {tensor.ndim}")
    blocks = [_at_least(tensor, 2).shape for tensor in tensors]
    rows, columns = sum([block[0] for block in blocks]), sum([block[1] for block in blocks])
    if not tensors:
        return TensorSpec((1, 0), torch.get_default_dtype())
    return tensors[0].with_shape(rows, columns).with_dtype(result_dtype(*[t.with_shape(1) for t in tensors]))


@RULES.op(torch.functional.meshgrid)
def meshgrid(*tensors: TensorSpec, indexing: str | None = None) -> tuple[TensorSpec, ...]:
    """Vectors of n, m, ... elements spread over an (n, m, ...) grid each.

    Cost: nothing, they are views.
    Source: torch.meshgrid
    """
    tensors = _some(tensors)
    if indexing not in (None, "ij", "xy"):
        raise ShapeError(f"indexing must be 'ij' or 'xy', got {indexing!r}")
    for tensor in tensors:
        if tensor.ndim > 1:
            raise ShapeError(f"tensors must be vectors or scalars, got {tensor}")
        if tensor.dtype is not tensors[0].dtype:
            raise ShapeError(f"tensors must have one dtype, got {tensors[0].dtype} and {tensor.dtype}")
    shape = [tensor.numel for tensor in tensors]
    if indexing == "xy" and len(shape) >= 2:
        shape[0], shape[1] = shape[1], shape[0]
    return tuple([tensor.with_shape(*shape) for tensor in tensors])


@RULES.op(torch.functional.cartesian_prod)
def cartesian_prod(*tensors: TensorSpec) -> TensorSpec:
    """Every choice of one element from each of n vectors, (product of their sizes, n).

    Cost: nothing, it moves data.
    Source: torch.cartesian_prod
    """
    tensors = _some(tensors)
    for tensor in tensors:
        if tensor.ndim != 1:
            raise ShapeError(f"tensors must be vectors, got {tensor}")
        if tensor.dtype is not tensors[0].dtype:
            raise ShapeError(f"tensors must have one dtype, got {tensors[0].dtype} and {tensor.dtype}")
    if len(tensors) == 1:
        return tensors[0]
    return tensors[0].with_shape(math.prod([tensor.numel for tensor in tensors]), len(tensors))


@RULES.op(torch.combinations)
def combinations(input: TensorSpec, r: int = 2, with_replacement: bool = False) -> TensorSpec:
    """Every choice of r elements from a vector of n, (n over r, r).

    Cost: nothing, it moves data.
    Source: torch.combinations
    """
    if input.ndim != 1:
        raise ShapeError(f"input must be a vector, got {input}")
    if r < 0:
        raise ShapeError(f"r must be 0 or more, got {r}")
    if r == 0:
        return input.with_shape(0)
    size = input.shape[0]
    return input.with_shape(math.comb(size + r - 1 if with_replacement else size, r), r)


@RULES.op(torch.functional.broadcast_tensors)
def broadcast_tensors(*tensors: TensorSpec) -> tuple[TensorSpec, ...]:
    """Every tensor stretched to the shape they all fit.

    Cost: nothing, they are views.
    Source: torch.broadcast_tensors
    """
    tensors = check_tensors(tensors, "tensors")
    if not tensors:
        return ()
    shape = broadcast_shapes(*[tensor.shape for tensor in tensors])
    return tuple([tensor.with_shape(*shape) for tensor in tensors])


def _atleast(name: str, ndim: int) -> None:
    def shape(*tensors: TensorSpec) -> TensorSpec | tuple[TensorSpec, ...]:
        given = tuple([_at_least(tensor, ndim) for tensor in check_tensors(tensors, "tensors")])
        return given[0] if len(given) == 1 else given

    shape.__doc__ = f"At least {ndim} dimensions, new ones of size 1.\n\n"
    shape.__doc__ += f"Cost: nothing, they are views.\nSource: torch.{name}"
    RULES.op(getattr(torch.functional, name), name=name)(shape)


for _ndim in (1, 2, 3):
    _atleast(f"atleast_{_ndim}d", _ndim)
