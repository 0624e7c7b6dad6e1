"""Singular values, and what is made of them."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules import _lapack
from rules._dims import spellings
from rules._matrix import batch, check_matrix, linalg, sides, singular_values, square
from rules.norms import matrix_norm, matrix_norm_cost
from rules.solve import inverse_cost

__all__ = ["RULES"]

RULES = RuleSet()
Two = tuple[TensorSpec, TensorSpec]
Three = tuple[TensorSpec, TensorSpec, TensorSpec]


# Singular values -------------------------------------------------------------------------------------------------


def _vectors(A: TensorSpec, full: bool) -> Two:
    *lead, m, n = A.shape
    k = min(m, n)
    return A.with_shape(*lead, m, m if full else k), A.with_shape(*lead, n if full else k, n)


@RULES.op(*linalg("svd"))
def svd(A: TensorSpec, full_matrices: bool = True, *, driver: str | None = None) -> Three:
    """A = U Σ Vᴴ        (*, m, n) -> (*, m, m), (*, k), (*, n, n), or reduced (*, m, k), (*, k), (*, k, n).

    Cost: for m >= n 4 m² n + 8 m n² + 9 n³, reduced 14 m n² + 8 n³; half of it mul, half add.
    Source: torch.linalg.svd; Golub and Van Loan, Matrix Computations, 8.6
    """
    left, right = _vectors(check_matrix(A), full_matrices)
    return left, singular_values(A), right


@svd.cost
def _(A: TensorSpec, full_matrices: bool) -> Counts:
    return batch(A) * _lapack.svd(*sides(A), "full" if full_matrices else "reduced")


@RULES.op(*spellings("svd"), name="svd")
def svd_method(input: TensorSpec, some: bool = True, compute_uv: bool = True) -> Three:
    """A = U Σ Vᴴ, with V        (*, m, n) -> (*, m, k), (*, k), (*, n, k); full ones where not some or not computed.

    Cost: as torch.linalg.svd; without vectors 4 m n² − 4 n³/3 for m >= n.
    Source: torch.svd
    """
    left, right = _vectors(check_matrix(input, "input"), not (some and compute_uv))
    return left, singular_values(input), right.with_shape(*right.shape[:-2], right.shape[-1], right.shape[-2])


@svd_method.cost
def _(input: TensorSpec, some: bool, compute_uv: bool) -> Counts:
    vectors = "none" if not compute_uv else "reduced" if some else "full"
    return batch(input) * _lapack.svd(*sides(input), vectors)


@RULES.op(*linalg("svdvals"))
def svdvals(A: TensorSpec, *, driver: str | None = None) -> TensorSpec:
    """Σ of A = U Σ Vᴴ        (*, m, n) -> (*, min(m, n)).

    Cost: for m >= n 4 m n² − 4 n³/3, half of it mul, half add.
    Source: torch.linalg.svdvals; Golub and Van Loan, Matrix Computations, 8.6
    """
    return singular_values(check_matrix(A))


@svdvals.cost
def _(A: TensorSpec) -> Counts:
    return batch(A) * _lapack.svd(*sides(A))


@RULES.op(*linalg("polar"))
def polar(A: TensorSpec) -> Two:
    """A = U H, by A = W Σ Vᴴ: U = W Vᴴ, H = V Σ Vᴴ        (*, m, n) -> (*, m, n), (*, n, n), with m >= n.

    Cost: as a reduced svd; n² mul (V Σ); two products, m n and n² dot products of length n.
    Source: torch.linalg.polar
    """
    *lead, m, n = check_matrix(A).shape
    if m < n:
        raise ShapeError(f"A must have as many rows as columns or more, got {A.shape}")
    return A, A.with_shape(*lead, n, n)


@polar.cost
def _(A: TensorSpec) -> Counts:
    m, n = A.shape[-2:]
    return batch(A) * (_lapack.svd(m, n, "reduced") + Counts(mul=n * n) + Counts.dots(m * n + n * n, n))


# What the values say ---------------------------------------------------------------------------------------------


def _value_cost(A: TensorSpec, hermitian: bool, vectors: bool) -> Counts:
    m, n = A.shape[-2:]
    return _lapack.eigh(n, vectors) if hermitian else _lapack.svd(m, n, "reduced" if vectors else "none")


def pinv(
    input: TensorSpec, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> TensorSpec:
    """The pseudoinverse V Σ⁺ Uᴴ        (*, m, n) -> (*, n, m).

    Cost: as a reduced svd (eigh where hermitian); k = min(m, n): 2k cmp (which are 0), k div, n k mul, and a product of
    n m dot products of length k.
    Source: torch.linalg.pinv
    """
    check_matrix(input, "input")
    if hermitian:
        square(input, "input")
    given = [value.shape for value in (rcond, atol, rtol) if isinstance(value, TensorSpec)]
    lead = broadcast_shapes(input.shape[:-2], *given)
    return input.with_shape(*lead, input.shape[-1], input.shape[-2])


def _pinv_cost(out: TensorSpec, input: TensorSpec, hermitian: bool) -> Counts:
    m, n = input.shape[-2:]
    k = min(m, n)
    if k == 0:
        return Counts()
    inverted = Counts(cmp=2 * k, div=k, mul=n * k) + Counts.dots(n * m, k)
    return batch(input) * _value_cost(input, hermitian, True) + batch(out) * inverted


RULES.op(*linalg("pinv"), *spellings("pinverse"), name="pinv")(pinv).cost(_pinv_cost)


@RULES.op(*linalg("matrix_rank"))
def matrix_rank(
    input: TensorSpec, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> TensorSpec:
    """How many singular values are not 0        (*, m, n) -> (*).

    Cost: as svdvals (eigvalsh where hermitian); k cmp, k − 1 add.
    Source: torch.linalg.matrix_rank
    """
    check_matrix(input, "input")
    if hermitian:
        square(input, "input")
    given = [value.shape for value in (tol, atol, rtol) if isinstance(value, TensorSpec)]
    return input.with_shape(*broadcast_shapes(input.shape[:-2], *given)).with_dtype(torch.int64)


@matrix_rank.cost
def _(out: TensorSpec, input: TensorSpec, hermitian: bool) -> Counts:
    k = min(input.shape[-2:])
    if k == 0:
        return Counts()
    return batch(input) * _value_cost(input, hermitian, False) + Counts(cmp=out.numel * k, add=out.numel * (k - 1))


@RULES.op(*linalg("cond"))
def cond(input: TensorSpec, p: Any = None) -> TensorSpec:
    """‖A‖ · ‖A⁻¹‖        (*, m, n) -> (*).

    Cost: p None, 2, −2: as svdvals, and 1 div; any other: as inv, two norms, and 1 mul.
    Source: torch.linalg.cond
    """
    if p in (None, 2, -2):
        check_matrix(input, "input")
        return singular_values(input).with_shape(*input.shape[:-2])
    out: TensorSpec = matrix_norm(square(input, "input"), p)
    return out


@cond.cost
def _(out: TensorSpec, input: TensorSpec, p: Any) -> Counts:
    if p in (None, 2, -2):
        return batch(input) * _lapack.svd(*sides(input)) + Counts(div=out.numel)
    return inverse_cost(input) + 2 * matrix_norm_cost(out, input, p, (-2, -1)) + Counts(mul=out.numel)
