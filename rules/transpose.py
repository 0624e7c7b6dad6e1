"""Dimensions in another order."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import spellings, wrap_dim, wrap_dims

__all__ = ["RULES"]

RULES = RuleSet()

_aten = torch.ops.aten


@RULES.op(*spellings("transpose", "swapaxes", "swapdims"), alias="input")
def transpose(input: TensorSpec, dim0: int, dim1: int) -> TensorSpec:
    """Two dimensions exchanged.

    Cost: nothing, it is a view.
    Source: torch.transpose
    """
    shape = list(input.shape)
    first, second = wrap_dim(dim0, len(shape), "dim0"), wrap_dim(dim1, len(shape), "dim1")
    if shape:
        shape[first], shape[second] = shape[second], shape[first]
    return input.with_shape(*shape)


@RULES.op(*spellings("t"), alias="input")
def t(input: TensorSpec) -> TensorSpec:
    """A matrix transposed; fewer dimensions stay as they are.

    Cost: nothing, it is a view.
    Source: torch.t
    """
    if input.ndim > 2:
        raise ShapeError(f"input may have up to 2 dimensions, got {input.ndim}")
    return input.with_shape(*input.shape[::-1])


@RULES.op("T", _aten.numpy_T, alias="input", name="t")
def reverse_dims(input: TensorSpec) -> TensorSpec:
    """All dimensions in reverse.

    Cost: nothing, it is a view.
    Source: torch.Tensor.T
    """
    return input.with_shape(*input.shape[::-1])


@RULES.op("H", _aten.matrix_H, alias="input", name="t")
def conjugate_transpose(input: TensorSpec) -> TensorSpec:
    """A matrix transposed and conjugated; the conjugation is done by whoever reads it.

    Cost: nothing, it is a view.
    Source: torch.Tensor.H
    """
    if input.ndim not in (0, 2):
        raise ShapeError(f"input must be a matrix, got {input.ndim} dimensions")
    return input.with_shape(*input.shape[::-1])


@RULES.op("mT", "mH", *spellings("adjoint"), alias="input", name="transpose")
def batch_transpose(input: TensorSpec) -> TensorSpec:
    """The last two dimensions exchanged, (*, M, N) -> (*, N, M).

    Cost: nothing, it is a view.
    Source: torch.Tensor.mT
    """
    if input.ndim == 1:
        raise ShapeError(f"input must be a batch of matrices, got {input.ndim} dimension")
    return input.with_shape(*input.shape[:-2], *input.shape[:-3:-1])


@RULES.op(*spellings("permute"), alias="input")
def permute(input: TensorSpec, *dims: int) -> TensorSpec:
    """Dimensions in another order.

    Cost: nothing, it is a view.
    Source: torch.permute
    """
    shape = input.shape
    if len(dims) == 1 and isinstance(dims[0], (tuple, list)):
        dims = tuple(dims[0])
    if len(dims) != len(shape):
        raise ShapeError(f"dims must name every dimension of input once, got {dims} for {len(shape)}")
    return input.with_shape(*[shape[dim] for dim in wrap_dims(dims, len(shape), "dims")])


@RULES.op(*spellings("movedim", "moveaxis"), alias="input")
def movedim(input: TensorSpec, source: Any, destination: Any) -> TensorSpec:
    """Dimensions source at places destination, the others in their order.

    Cost: nothing, it is a view.
    Source: torch.movedim
    """
    shape = input.shape
    sources, places = wrap_dims(source, len(shape), "source"), wrap_dims(destination, len(shape), "destination")
    if len(sources) != len(places):
        raise ShapeError(f"source and destination must be equally many, got {source} and {destination}")
    if not shape:
        return input
    rest = iter([axis for axis in range(len(shape)) if axis not in sources])
    moved = dict(zip(places, sources, strict=True))
    return input.with_shape(*[shape[moved[place] if place in moved else next(rest)] for place in range(len(shape))])
