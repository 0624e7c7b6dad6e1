"""Decompositions of matrices into triangles."""

from __future__ import annotations

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules import _lapack
from rules._dims import check_tensor, spellings
from rules._matrix import batch, check_matrix, info, linalg, pivots, sides, square

__all__ = ["RULES"]

RULES = RuleSet()
Three = tuple[TensorSpec, TensorSpec, TensorSpec]


# Symmetric -------------------------------------------------------------------------------------------------------


@RULES.op(*linalg("cholesky"))
def cholesky(input: TensorSpec, upper: bool = False) -> TensorSpec:
    """A = L Lᴴ        (*, n, n) -> (*, n, n).

    Cost: potrf, n³/6 + n²/2 + n/3 mul, n³/6 − n/6 add.
    Source: torch.linalg.cholesky; LAPACK Working Note 41
    """
    return square(input, "input")


@RULES.op(*linalg("cholesky_ex"))
def cholesky_ex(input: TensorSpec, *, upper: bool = False, check_errors: bool = False) -> tuple[TensorSpec, TensorSpec]:
    """A = L Lᴴ, and whether it went well        (*, n, n) -> (*, n, n), (*).

    Cost: as cholesky.
    Source: torch.linalg.cholesky_ex
    """
    return square(input, "input"), info(input)


def _cholesky_cost(input: TensorSpec) -> Counts:
    return batch(input) * _lapack.potrf(input.shape[-1])


cholesky.cost(_cholesky_cost)
cholesky_ex.cost(_cholesky_cost)


@RULES.op(*spellings("cholesky_inverse"))
def cholesky_inverse(input: TensorSpec, upper: bool = False) -> TensorSpec:
    """(L Lᴴ)⁻¹        L (*, n, n) -> (*, n, n).

    Cost: potri, n³/3 + n² + 2n/3 mul, n³/3 − n²/2 + n/6 add.
    Source: torch.cholesky_inverse; LAPACK Working Note 41
    """
    return square(input, "input")


@cholesky_inverse.cost
def _(input: TensorSpec) -> Counts:
    return batch(input) * _lapack.potri(input.shape[-1])


@RULES.op(*linalg("ldl_factor"))
def ldl_factor(input: TensorSpec, *, hermitian: bool = False) -> tuple[TensorSpec, TensorSpec]:
    """A = L D Lᵀ        (*, n, n) -> (*, n, n), (*, n).

    Cost: sytrf, n³/6 + n²/2 + 10n/3 mul, n³/6 − n/6 add.
    Source: torch.linalg.ldl_factor; LAPACK Working Note 41
    """
    return square(input, "input"), pivots(input)


@RULES.op(*linalg("ldl_factor_ex"))
def ldl_factor_ex(input: TensorSpec, *, hermitian: bool = False, check_errors: bool = False) -> Three:
    """A = L D Lᵀ, and whether it went well        (*, n, n) -> (*, n, n), (*, n), (*).

    Cost: as ldl_factor.
    Source: torch.linalg.ldl_factor_ex
    """
    return square(input, "input"), pivots(input), info(input)


def _ldl_cost(input: TensorSpec) -> Counts:
    return batch(input) * _lapack.sytrf(input.shape[-1])


ldl_factor.cost(_ldl_cost)
ldl_factor_ex.cost(_ldl_cost)


# Rows exchanged --------------------------------------------------------------------------------------------------


@RULES.op(*linalg("lu_factor"))
def lu_factor(A: TensorSpec, *, pivot: bool = True) -> tuple[TensorSpec, TensorSpec]:
    """A = P L U, both triangles in one matrix        (*, m, n) -> (*, m, n), (*, min(m, n)).

    Cost: getrf, for m = n: n³/3 + 2n/3 mul, n³/3 − n²/2 + n/6 add.
    Source: torch.linalg.lu_factor; LAPACK Working Note 41
    """
    return check_matrix(A), pivots(A)


@RULES.op(*linalg("lu_factor_ex"))
def lu_factor_ex(A: TensorSpec, *, pivot: bool = True, check_errors: bool = False) -> Three:
    """A = P L U, and whether it went well        (*, m, n) -> (*, m, n), (*, min(m, n)), (*).

    Cost: as lu_factor.
    Source: torch.linalg.lu_factor_ex
    """
    return check_matrix(A), pivots(A), info(A)


@RULES.op(torch._lu_with_info, name="lu_factor_ex")
def lu_with_info(input: TensorSpec, pivot: bool = True, check_errors: bool = True) -> Three:
    """What torch.lu becomes, as lu_factor_ex.

    Cost: as lu_factor.
    Source: torch.lu
    """
    return check_matrix(input, "input"), pivots(input), info(input)


@RULES.op(*linalg("lu"))
def lu(A: TensorSpec, *, pivot: bool = True) -> Three:
    """A = P L U        (*, m, n) -> (*, m, m), (*, m, k), (*, k, n) with k = min(m, n); without pivot P is empty.

    Cost: as lu_factor.
    Source: torch.linalg.lu
    """
    return _unpacked(check_matrix(A), True, pivot)


def _lu_cost(A: TensorSpec) -> Counts:
    return batch(A) * _lapack.getrf(*sides(A))


lu_factor.cost(_lu_cost)
lu_factor_ex.cost(_lu_cost)
lu.cost(_lu_cost)


@lu_with_info.cost
def _(input: TensorSpec) -> Counts:
    return _lu_cost(input)


def _unpacked(LU: TensorSpec, data: bool, exchanges: bool) -> Three:
    *lead, m, n = LU.shape
    k, nothing = min(m, n), LU.with_shape(0)
    return (
        LU.with_shape(*lead, m, m) if exchanges else nothing,
        LU.with_shape(*lead, m, k) if data else nothing,
        LU.with_shape(*lead, k, n) if data else nothing,
    )


@RULES.op(torch.lu_unpack)
def lu_unpack(
    LU_data: TensorSpec, LU_pivots: TensorSpec, unpack_data: bool = True, unpack_pivots: bool = True
) -> Three:
    """P, L and U out of both triangles in one matrix; what is not unpacked is empty.

    Cost: nothing, it moves data.
    Source: torch.lu_unpack
    """
    if len(check_tensor(LU_data, "LU_data").shape) < 2:
        raise ShapeError(f"LU_data must have 2 or more dimensions, got {LU_data.ndim}: {LU_data.shape}")
    if unpack_pivots:
        if check_tensor(LU_pivots, "LU_pivots").dtype is not torch.int32:
            raise ShapeError(f"LU_pivots must be int32, got {LU_pivots.dtype_name}")
        wanted = pivots(LU_data).shape
        if LU_pivots.shape != wanted:
            raise ShapeError(f"LU_pivots must have shape {wanted} for LU_data {LU_data.shape}, got {LU_pivots.shape}")
    return _unpacked(LU_data, unpack_data, unpack_pivots)
