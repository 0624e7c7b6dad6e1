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


def _added(products: Counts, outputs: int, input: TensorSpec, beta: Factor, alpha: Factor) -> Counts:
    """Products and beta times the input; a factor of 1 is free, and a beta of 0 leaves the input out."""
    beta_free = beta == 1 or beta == 0
    scaled = (0 if beta_free else input.numel) + (0 if alpha == 1 else outputs)
    return products + Counts(add=0 if beta == 0 else outputs, mul=scaled)


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
    out: TensorSpec = mm(mat1, mat2)
    if out_dtype is None:
        check_dtypes(input=input, mat2=mat2)
    check_stretches("input", input.shape, out.shape)
    return out if out_dtype is None else out.with_dtype(out_dtype)


@addmm.cost
def _(out: TensorSpec, input: TensorSpec, mat1: TensorSpec, beta: Factor, alpha: Factor) -> Counts:
    outputs = out.numel
    return _added(Counts.dots(outputs, mat1.shape[1]), outputs, input, beta, alpha)


@RULES.op(torch.addmv, "addmv")
def addmv(input: TensorSpec, mat: TensorSpec, vec: TensorSpec, *, beta: Factor = 1, alpha: Factor = 1) -> TensorSpec:
    """Sum beta input + alpha mat vec        input broadcast to (M), (M, K), (K) -> (M).

    Cost: per output one dot product of length K and one add (none where beta is 0); per element scaled one mul.
    Source: torch.addmv
    """
    out: TensorSpec = mv(mat, vec)
    check_dtypes(input=input, mat=mat)
    check_stretches("input", input.shape, out.shape)
    return out


@addmv.cost
def _(out: TensorSpec, input: TensorSpec, vec: TensorSpec, beta: Factor, alpha: Factor) -> Counts:
    outputs = out.numel
    return _added(Counts.dots(outputs, vec.shape[0]), outputs, input, beta, alpha)


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
    out: TensorSpec = bmm(batch1, batch2)
    if out_dtype is None:
        check_dtypes(input=input, batch1=batch1)
    check_stretches("input", input.shape, out.shape)
    return out if out_dtype is None else out.with_dtype(out_dtype)


@baddbmm.cost
def _(out: TensorSpec, input: TensorSpec, batch1: TensorSpec, beta: Factor, alpha: Factor) -> Counts:
    outputs = out.numel
    return _added(Counts.dots(outputs, batch1.shape[2]), outputs, input, beta, alpha)


@RULES.op(torch.addbmm, "addbmm")
def addbmm(
    input: TensorSpec, batch1: TensorSpec, batch2: TensorSpec, *, beta: Factor = 1, alpha: Factor = 1
) -> TensorSpec:
    """Sum beta input + alpha (batch1 batch2 summed over the batch)        (M, N), (B, M, K), (B, K, N) -> (M, N).

    Cost: per output one dot product of length B K and one add (none where beta is 0); per element scaled one mul.
    Source: torch.addbmm
    """
    product: TensorSpec = bmm(batch1, batch2)
    check_dtypes(input=input, batch1=batch1)
    out = product.with_shape(*product.shape[1:])
    check_stretches("input", input.shape, out.shape)
    return out


@addbmm.cost
def _(out: TensorSpec, input: TensorSpec, batch1: TensorSpec, beta: Factor, alpha: Factor) -> Counts:
    outputs = out.numel
    return _added(Counts.dots(outputs, batch1.shape[0] * batch1.shape[2]), outputs, input, beta, alpha)


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
