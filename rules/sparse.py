"""Sparse tensors. A spec has a shape and no layout: products count as if everything were stored, and say so."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import DataDependentError, ShapeError
from analyzer.rule import Bound
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, numbers, spellings, whole
from rules.addmm import RULES as SUMS
from rules.matmul import mm
from rules.reduce import RULES as REDUCTIONS
from rules.softmax import RULES as SOFTMAX

__all__ = ["RULES"]

RULES = RuleSet()

aten = torch.ops.aten

_STORED = "how many elements a sparse tensor stores is data; all of them count"
_BOUND = "\n\nCost: as {0}; a bound, as only data know which elements are stored.\nSource: {1}"


def _product(mat1: TensorSpec, mat2: TensorSpec) -> Bound:
    return Bound(mm(mat1, mat2), _STORED)


_product.__doc__ = "Product of a sparse matrix and another        (M, K), (K, N) -> (M, N)." + _BOUND.format(
    "mm", "torch.sparse.mm"
)


def _product_cost(out: TensorSpec, mat1: TensorSpec) -> Counts:
    return Counts.dots(out.numel, mat1.shape[1])


_TARGETS = (*spellings("smm"), torch.hspmm, aten._sparse_mm, aten._sparse_sparse_matmul)
RULES.op(*_TARGETS, name="sparse_mm")(_product).cost(_product_cost)

_addmm = SUMS[torch.addmm]


@RULES.op(*spellings("sspaddmm"), aten._sparse_addmm, name="sparse_addmm")
def sparse_addmm(input: TensorSpec, mat1: TensorSpec, mat2: TensorSpec, *, beta: Any = 1, alpha: Any = 1) -> Bound:
    """Sum beta input + alpha mat1 mat2, where some of them are sparse        (M, N), (M, K), (K, N) -> (M, N).

    Cost: as addmm; a bound, as only data know which elements are stored.
    Source: torch.sparse.addmm
    """
    return Bound(_addmm.shape(input, mat1, mat2, beta=beta, alpha=alpha), _STORED)


@sparse_addmm.cost
def _(out: TensorSpec, input: TensorSpec, mat1: TensorSpec, beta: Any, alpha: Any) -> Counts:
    given = {"input": input, "mat1": mat1, "beta": beta, "alpha": alpha}
    return _addmm.call_cost(given, out)


def _over(name: str, function: Any, *targets: Any) -> None:
    """A softmax over what is stored."""
    rule = SOFTMAX[function]

    def shape(input: TensorSpec, dim: int, dtype: Any = None, half_to_float: bool = False) -> Bound:
        wanted = dtype if isinstance(dtype, torch.dtype) else None
        return Bound(rule.shape(input, dim, dtype=wanted), _STORED)

    def cost(input: TensorSpec, dim: int, out: TensorSpec) -> Counts:
        return rule.call_cost(rule.bind((input, dim), {}), out)

    shape.__doc__ = f"{name} over the stored elements of every slice." + _BOUND.format(name, f"torch.sparse.{name}")
    RULES.op(*targets, name=f"sparse_{name}")(shape).cost(cost)


_over("softmax", torch.softmax, aten._sparse_softmax)
_over("log_softmax", torch.log_softmax, aten._sparse_log_softmax)

_sum = REDUCTIONS[torch.sum]


@RULES.op(aten._sparse_sum)
def sparse_sum(input: TensorSpec, dim: Any = None, *, dtype: Any = None) -> Bound:
    """Sum of the stored elements, of all or over dim.

    Cost: as sum; a bound, as only data know which elements are stored.
    Source: torch.sparse.sum
    """
    given = (input,) if dim is None else (input, dim)
    return Bound(_sum.call_shape(_sum.bind(given, {"dtype": dtype})), _STORED)


@sparse_sum.cost
def _(out: TensorSpec, input: TensorSpec) -> Counts:
    return Counts(add=max(input.numel - out.numel, 0))


@RULES.op("sparse_mask")
def sparse_mask(input: TensorSpec, mask: TensorSpec) -> Bound:
    """The elements that a sparse mask stores.

    Cost: nothing, it moves data.
    Source: torch.Tensor.sparse_mask
    """
    if check_tensor(mask, "mask").shape != input.shape:
        raise ShapeError(f"mask must have the shape of input, {input.shape}, got {mask.shape}")
    return Bound(input, _STORED)


def _same(input: TensorSpec, *rest: Any, **more: Any) -> TensorSpec:
    """The same values in another layout.

    Cost: nothing, it moves data.
    Source: torch.Tensor.to_dense
    """
    return check_tensor(input, "input")


@RULES.op("to_dense", aten._to_dense)
def to_dense(input: TensorSpec, dtype: Any = None, *, masked_grad: Any = None) -> TensorSpec:
    """The same values, every one stored.

    Cost: nothing, it moves data.
    Source: torch.Tensor.to_dense
    """
    return check_tensor(input, "input").with_dtype(dtype or input.dtype)


RULES.op("coalesce", "_coalesced_", name="coalesce")(_same)
RULES.op("to_mkldnn", name="to_mkldnn")(_same)


def _stored(name: str) -> None:
    def shape(input: TensorSpec) -> TensorSpec:
        raise DataDependentError(
            f"the model asks for the stored elements of a sparse tensor ({name}), and a spec knows its shape alone",
            hint="compute on dense tensors, or on plain tensors of places and values",
        )

    shape.__doc__ = f"{name} of a sparse tensor, which is data.\n\nCost: none.\nSource: torch.Tensor.{name}"
    targets = ([name] if hasattr(torch.Tensor, name) else []) + (
        [getattr(torch, f"{name}_copy")] if hasattr(torch, f"{name}_copy") else []
    )
    RULES.op(*targets, name=name)(shape)


for _name in (
    "indices", "values", "_indices", "_values", "_nnz", "crow_indices", "col_indices", "ccol_indices", "row_indices",
    "sparse_dim", "dense_dim",
):  # fmt: skip
    _stored(_name)


@RULES.op(torch.sparse_coo_tensor)
def sparse_coo_tensor(
    indices: TensorSpec, values: TensorSpec, size: Any = None, *, dtype: Any = None, device: Any = None,
    check_invariants: bool | None = None, is_coalesced: bool | None = None,
) -> TensorSpec:  # fmt: skip
    """A tensor that stores values at places        places (d, n), values (n, *) -> size.

    Cost: nothing, it moves data.
    Source: torch.sparse_coo_tensor
    """
    if size is None:
        raise DataDependentError(
            "the size of a sparse tensor comes from its places", hint="give sparse_coo_tensor a size"
        )
    sizes, places, stored = numbers(size, "size"), check_tensor(indices, "indices"), check_tensor(values, "values")
    if places.ndim != 2 or stored.shape[:1] != places.shape[1:] or len(sizes) != places.shape[0] + stored.ndim - 1:
        raise ShapeError(f"places {places.shape} and values {stored.shape} do not make a tensor of {sizes}")
    return stored.with_shape(*sizes).with_dtype(dtype or stored.dtype)


def _stored_spec(values: TensorSpec, size: Any, dtype: Any) -> TensorSpec:
    if size is None:
        raise DataDependentError("the size of a sparse tensor comes from its places", hint="give the call a size")
    stored = check_tensor(values, "values")
    return stored.with_shape(*numbers(size, "size")).with_dtype(dtype or stored.dtype)


def _compressed(name: str, rows: bool) -> None:
    def by_rows(
        crow_indices: TensorSpec, col_indices: TensorSpec, values: TensorSpec, size: Any = None, *, dtype: Any = None,
        device: Any = None, check_invariants: bool | None = None,
    ) -> TensorSpec:  # fmt: skip
        return _stored_spec(values, size, dtype)

    def by_columns(
        ccol_indices: TensorSpec, row_indices: TensorSpec, values: TensorSpec, size: Any = None, *, dtype: Any = None,
        device: Any = None, check_invariants: bool | None = None,
    ) -> TensorSpec:  # fmt: skip
        return _stored_spec(values, size, dtype)

    shape = by_rows if rows else by_columns
    shape.__doc__ = (
        f"A matrix that stores values by compressed rows, columns or blocks of them.\n\nCost: nothing, it moves data.\n"
        f"Source: torch.{name}"
    )
    RULES.op(getattr(torch, name), name=name)(shape)


for _name, _rows in (
    ("sparse_csr_tensor", True), ("sparse_csc_tensor", False), ("sparse_bsr_tensor", True), ("sparse_bsc_tensor", False)
):  # fmt: skip
    _compressed(_name, _rows)


def _index_dtype(out_int32: bool) -> torch.dtype:
    return torch.int32 if out_int32 else torch.int64


@RULES.op(torch._convert_indices_from_coo_to_csr, name="coo_to_csr")
def coo_to_csr(input: TensorSpec, size: int, *, out_int32: bool = False) -> TensorSpec:
    """Where each of size rows begins among sorted row numbers        (n) -> (size + 1).

    Cost: nothing, it moves data.
    Source: torch.ops.aten._convert_indices_from_coo_to_csr
    """
    return check_tensor(input, "input").with_shape(whole(size, "size") + 1).with_dtype(_index_dtype(out_int32))


@RULES.op(torch._convert_indices_from_csr_to_coo, name="csr_to_coo")
def csr_to_coo(
    crow_indices: TensorSpec, col_indices: TensorSpec, *, out_int32: bool = False, transpose: bool = False
) -> TensorSpec:
    """Row and column of each stored element        (rows + 1), (n) -> (2, n).

    Cost: nothing, it moves data.
    Source: torch.ops.aten._convert_indices_from_csr_to_coo
    """
    return (
        check_tensor(col_indices, "col_indices").with_shape(2, *col_indices.shape).with_dtype(_index_dtype(out_int32))
    )
