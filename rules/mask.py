"""Masks: elements filled, replaced, picked or found where something is true."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.bounds import at_most
from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes, real_dtype
from analyzer.rule import Bound
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_operands, check_tensor, spellings, whole

__all__ = ["RULES"]

RULES = RuleSet()


def _mask(mask: Any) -> TensorSpec:
    if check_tensor(mask, "mask").dtype is not torch.bool:
        raise ShapeError(f"mask must be bool, got {mask}")
    return mask  # type: ignore[no-any-return]


@RULES.op(*spellings("masked_fill"))
def masked_fill(input: TensorSpec, mask: TensorSpec, value: Any) -> TensorSpec:
    """Mask ? value : input, broadcast.

    Cost: one cmp an element of the result: the choice.
    Source: torch.Tensor.masked_fill_
    """
    check_operands(value)
    if isinstance(value, TensorSpec) and value.shape:
        raise ShapeError(f"value must be a number, got {value}")
    parts = isinstance(value, complex) or (isinstance(value, TensorSpec) and value.dtype.is_complex)
    if parts and not input.dtype.is_complex:
        raise ShapeError(f"value must be real for a real tensor, got {value} for {input.dtype}")
    return input.with_shape(*broadcast_shapes(input.shape, _mask(mask).shape))


@masked_fill.cost
def _(out: TensorSpec) -> Counts:
    return Counts(cmp=out.numel)


@RULES.op(*spellings("masked_scatter"))
def masked_scatter(input: TensorSpec, mask: TensorSpec, source: TensorSpec) -> TensorSpec:
    """Where mask is true, the elements of source one after the other; broadcast.

    Cost: nothing, it moves data.
    Source: torch.Tensor.masked_scatter_
    """
    if check_tensor(source, "source").dtype is not input.dtype:
        raise ShapeError(f"input and source must have one dtype, got {input.dtype} and {source.dtype}")
    return input.with_shape(*broadcast_shapes(input.shape, _mask(mask).shape))


@RULES.op(*spellings("masked_select"))
def masked_select(input: TensorSpec, mask: TensorSpec) -> Bound:
    """The elements where mask is true, both broadcast.

    Cost: nothing, it moves data.
    Source: torch.masked_select
    """
    spread = input.with_shape(*broadcast_shapes(input.shape, _mask(mask).shape))
    return Bound(spread.with_shape(at_most(spread.numel)), "as many elements as the mask has true ones")


@RULES.op(*spellings("nonzero"))
def nonzero(input: TensorSpec, *, as_tuple: bool = False) -> Bound:
    """The places of what is not zero, (how many, dimensions); or one vector a dimension.

    Cost: one cmp an element.
    Source: torch.nonzero
    """
    why = "as many rows as there are elements that are not zero"

    def all_places() -> Any:
        every = torch.ones(input.shape, dtype=torch.bool)
        return every.nonzero(as_tuple=True) if as_tuple else every.nonzero()

    if as_tuple:
        one = input.with_shape(at_most(input.numel)).with_dtype(torch.int64)
        return Bound((one,) * (input.ndim or 1), why, all_places)
    return Bound(input.with_shape(at_most(input.numel), input.ndim).with_dtype(torch.int64), why, all_places)


@RULES.op(*spellings("argwhere"), name="nonzero")
def argwhere(input: TensorSpec) -> Bound:
    """The places of what is not zero, (how many, dimensions).

    Cost: one cmp an element.
    Source: torch.argwhere
    """
    out: Bound = nonzero(input)
    return out


@RULES.op(*spellings("nonzero_static"), name="nonzero")
def nonzero_static(input: TensorSpec, *, size: int, fill_value: int = -1) -> TensorSpec:
    """The places of what is not zero, cut or filled to so many.

    Cost: one cmp an element.
    Source: torch.nonzero_static
    """
    if whole(size, "size") < 0:
        raise ShapeError(f"size must be 0 or more, got {size}")
    return input.with_shape(size, input.ndim).with_dtype(torch.int64)


def _cost(input: TensorSpec) -> Counts:
    return Counts(cmp=input.numel)


for _definition in (nonzero, argwhere, nonzero_static):
    _definition.cost(_cost)


@RULES.op(torch.isin)
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> TensorSpec:
    """Whether each element is one of the n test elements.

    Cost: n cmp an element.
    Source: torch.isin
    """
    check_operands(elements, test_elements)
    for value in (elements, test_elements):
        if isinstance(value, TensorSpec) and real_dtype(value.dtype) is not value.dtype:
            raise ShapeError(f"elements and test_elements must be real, got {value}")
    if isinstance(elements, TensorSpec):
        return elements.with_dtype(torch.bool)
    return check_tensor(test_elements, "test_elements").with_shape().with_dtype(torch.bool)


@isin.cost
def _(out: TensorSpec, test_elements: Any) -> Counts:
    return Counts(cmp=out.numel * (test_elements.numel if isinstance(test_elements, TensorSpec) else 1))


@RULES.op("to_sparse", "to_sparse_csr", "to_sparse_csc", "to_sparse_coo")
def to_sparse(
    input: TensorSpec, sparse_dim: int | None = None, *, blocksize: Any = None, dense_dim: int | None = None
) -> Bound:
    """The same values, kept where they are not 0.

    Cost: one cmp an element: whether it is kept.
    Source: torch.Tensor.to_sparse
    """
    if sparse_dim is not None and not (
        sparse_dim == input.ndim == 0 or 0 < whole(sparse_dim, "sparse_dim") <= input.ndim
    ):
        raise ShapeError(f"sparse_dim must be from 1 to {input.ndim}, got {sparse_dim}")
    return Bound(input, "as many values are kept as are not 0; all are counted from here on")


@to_sparse.cost
def _(input: TensorSpec) -> Counts:
    return Counts(cmp=input.numel)


@RULES.op(torch._nested_tensor_from_mask_left_aligned)
def nested_tensor_from_mask_left_aligned(t: TensorSpec, mask: TensorSpec) -> Bound:
    """Whether every sequence's padding stands behind it, so that a Transformer may leave it out: no, for all one knows.

    Cost: nothing, it looks at data.
    Source: torch.nn.TransformerEncoder
    """
    check_tensor(t, "t")
    _mask(mask)
    return Bound(False, "padding is taken not to stand behind the sequences, so that a Transformer calculates it")
