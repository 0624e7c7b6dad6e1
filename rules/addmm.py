"""Matrix products added to something: addmm and its family."""

from __future__ import annotations

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import result_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor
from rules.matmul import bmm, check_dims, check_dtypes, check_stretches, mm, mv

__all__ = ["RULES"]

RULES = RuleSet()

Factor = int | float | complex


def _sum(input: TensorSpec, product: TensorSpec, out_dtype: torch.dtype | None = None) -> TensorSpec:
    """The product itself, once the input stretches to it and is of its dtype, or a result of ``out_dtype``."""
    if out_dtype is None:
        check_dtypes(input=input, product=product)
    check_stretches("input", input.shape, product.shape)
    return product if out_dtype is None else product.with_dtype(out_dtype)


def _added(products: Counts, outputs: int, input: TensorSpec, beta: Factor, alpha: Factor) -> Counts:
    """Products and beta times the input; a factor of 1 is free, and a beta of 0 leaves the input out."""
    beta_free = beta == 1 or beta == 0
    scaled = (0 if beta_free else input.numel) + (0 if alpha == 1 else outputs)
    return products + Counts(add=0 if beta == 0 else outputs, mul=scaled)


def _cost(length: int, out: TensorSpec, input: TensorSpec, beta: Factor, alpha: Factor) -> Counts:
    """Dot products of a length, and what is added to them."""
    return _added(Counts.dots(out.numel, length), out.numel, input, beta, alpha)


@RULES.op(torch.addmm, "addmm")
def addmm(
    input: TensorSpec,
    mat1: TensorSpec,
    mat2: TensorSpec,
    out_dtype: torch.dtype | None = None,
    *,
    beta: Factor = 1,
    alpha: Factor = 1,
) -> TensorSpec:
    """Sum beta input + alpha mat1 mat2        input broadcast to (M, N), (M, K), (K, N) -> (M, N).

    Cost: per output one dot product of length K and one add (none where beta is 0); per element scaled one mul.
    Source: torch.addmm
    """
    return _sum(input, mm(mat1, mat2), out_dtype)


@addmm.cost
def _(out: TensorSpec, input: TensorSpec, mat1: TensorSpec, beta: Factor, alpha: Factor) -> Counts:
    return _cost(mat1.shape[1], out, input, beta, alpha)


@RULES.op(torch.addmv, "addmv")
def addmv(input: TensorSpec, mat: TensorSpec, vec: TensorSpec, *, beta: Factor = 1, alpha: Factor = 1) -> TensorSpec:
    """Sum beta input + alpha mat vec        input broadcast to (M), (M, K), (K) -> (M).

    Cost: per output one dot product of length K and one add (none where beta is 0); per element scaled one mul.
    Source: torch.addmv
    """
    return _sum(input, mv(mat, vec))


@addmv.cost
def _(out: TensorSpec, input: TensorSpec, vec: TensorSpec, beta: Factor, alpha: Factor) -> Counts:
    return _cost(vec.shape[0], out, input, beta, alpha)


@RULES.op(torch.baddbmm, "baddbmm")
def baddbmm(
    input: TensorSpec,
    batch1: TensorSpec,
    batch2: TensorSpec,
    out_dtype: torch.dtype | None = None,
    *,
    beta: Factor = 1,
    alpha: Factor = 1,
) -> TensorSpec:
    """Sums beta input + alpha batch1 batch2        input broadcast to (B, M, N), (B, M, K), (B, K, N) -> (B, M, N).

    Cost: per output one dot product of length K and one add (none where beta is 0); per element scaled one mul.
    Source: torch.baddbmm
    """
    return _sum(input, bmm(batch1, batch2), out_dtype)


@baddbmm.cost
def _(out: TensorSpec, input: TensorSpec, batch1: TensorSpec, beta: Factor, alpha: Factor) -> Counts:
    return _cost(batch1.shape[2], out, input, beta, alpha)


@RULES.op(torch.addbmm, "addbmm")
def addbmm(
    input: TensorSpec, batch1: TensorSpec, batch2: TensorSpec, *, beta: Factor = 1, alpha: Factor = 1
) -> TensorSpec:
    """Sum beta input + alpha (batch1 batch2 summed over the batch)        (M, N), (B, M, K), (B, K, N) -> (M, N).

    Cost: per output one dot product of length B K and one add (none where beta is 0); per element scaled one mul.
    Source: torch.addbmm
    """
    products: TensorSpec = bmm(batch1, batch2)
    return _sum(input, products.with_shape(*products.shape[1:]))


@addbmm.cost
def _(out: TensorSpec, input: TensorSpec, batch1: TensorSpec, beta: Factor, alpha: Factor) -> Counts:
    return _cost(batch1.shape[0] * batch1.shape[2], out, input, beta, alpha)


@RULES.op(torch.addr, "addr")
def addr(input: TensorSpec, vec1: TensorSpec, vec2: TensorSpec, *, beta: Factor = 1, alpha: Factor = 1) -> TensorSpec:
    """Sum beta input + alpha vec1 vec2ᵀ        input broadcast to (M, N), (M), (N) -> (M, N).

    Cost: per output one mul and one add (none where beta is 0); per element scaled one mul.
    Source: torch.addr
    """
    check_dims(1, vec1=vec1, vec2=vec2)
    dtype = result_dtype(check_tensor(input, "input"), vec1, vec2)
    if not dtype.is_floating_point and not dtype.is_complex and isinstance(alpha, (float, complex)):
        raise ShapeError(f"alpha must be a whole number for {dtype}, got {alpha}")
    out = vec1.with_shape(vec1.shape[0], vec2.shape[0]).with_dtype(dtype)
    check_stretches("input", input.shape, out.shape)
    return out


@addr.cost
def _(out: TensorSpec, input: TensorSpec, beta: Factor, alpha: Factor) -> Counts:
    return _added(Counts(mul=out.numel), out.numel, input, beta, alpha)
