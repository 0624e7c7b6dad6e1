"""Linear equations whose matrix is decomposed already, or a triangle."""

from __future__ import annotations

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules import _lapack
from rules._dims import check_tensor, spellings
from rules._matrix import check_right, linalg, square

__all__ = ["RULES"]

RULES = RuleSet()


def _check_pivots(LU: TensorSpec, pivots: TensorSpec, name: str) -> None:
    if check_tensor(pivots, name).dtype is not torch.int32:
        raise ShapeError(f"{name} must be int32, got {pivots.dtype_name}")
    if pivots.shape != LU.shape[:-1]:
        raise ShapeError(f"{name} must have one number a row, got {pivots.shape} for {LU.shape}")


@RULES.op(*linalg("lu_solve"))
def lu_solve(
    LU: TensorSpec, pivots: TensorSpec, B: TensorSpec, *, left: bool = True, adjoint: bool = False
) -> TensorSpec:
    """X of A X = B, or of X A = B, out of A = P L U        B (*, n, k) -> (*, n, k), broadcast.

    Cost: for each column getrs, n² mul, n² − n add.
    Source: torch.linalg.lu_solve; LAPACK Working Note 41
    """
    _check_pivots(square(LU, "LU"), pivots, "pivots")
    return check_right(LU, B, left, ("LU", "B"))


@RULES.op(*spellings("lu_solve"), name="lu_solve")
def lu_solve_method(input: TensorSpec, LU_data: TensorSpec, LU_pivots: TensorSpec) -> TensorSpec:
    """X of A X = input out of A = P L U, as torch.linalg.lu_solve.

    Cost: for each column getrs, n² mul, n² − n add.
    Source: torch.lu_solve
    """
    _check_pivots(square(LU_data, "LU_data"), LU_pivots, "LU_pivots")
    return check_right(LU_data, input, True, ("LU_data", "input"))


def _pairs(out: TensorSpec, side: int) -> int:
    """How many columns were solved for."""
    return out.numel // side if side else 0


@lu_solve.cost
def _(out: TensorSpec, LU: TensorSpec) -> Counts:
    return _lapack.getrs(LU.shape[-1], _pairs(out, LU.shape[-1]))


@lu_solve_method.cost
def _(out: TensorSpec, LU_data: TensorSpec) -> Counts:
    return _lapack.getrs(LU_data.shape[-1], _pairs(out, LU_data.shape[-1]))


@RULES.op(*linalg("ldl_solve"))
def ldl_solve(LD: TensorSpec, pivots: TensorSpec, B: TensorSpec, *, hermitian: bool = False) -> TensorSpec:
    """X of A X = B out of A = L D Lᵀ        B (*, n, k) -> (*, n, k), broadcast.

    Cost: for each column sytrs, n² + n mul, n² − n add.
    Source: torch.linalg.ldl_solve; LAPACK Working Note 41
    """
    _check_pivots(square(LD, "LD"), pivots, "pivots")
    return check_right(LD, B, True, ("LD", "B"))


@ldl_solve.cost
def _(out: TensorSpec) -> Counts:
    return _lapack.potrs(out.shape[-2], _pairs(out, out.shape[-2]))


@RULES.op(*spellings("cholesky_solve"))
def cholesky_solve(input: TensorSpec, input2: TensorSpec, upper: bool = False) -> TensorSpec:
    """X of A X = input out of A = L Lᴴ        input (*, n, k), L (*, n, n) -> (*, n, k), broadcast.

    Cost: for each column potrs, n² + n mul, n² − n add.
    Source: torch.cholesky_solve; LAPACK Working Note 41
    """
    return check_right(square(input2, "input2"), input, True, ("input2", "input"))


@cholesky_solve.cost
def _(out: TensorSpec) -> Counts:
    return _lapack.potrs(out.shape[-2], _pairs(out, out.shape[-2]))


@RULES.op(*linalg("solve_triangular"))
def solve_triangular(
    input: TensorSpec, B: TensorSpec, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> TensorSpec:
    """X of A X = B, or of X A = B, for a triangle A        A (*, n, n), B (*, n, k) -> (*, n, k), broadcast.

    Cost: for each column trsm, (n² + n)/2 mul, (n² − n)/2 add; n mul less with a diagonal of ones.
    Source: torch.linalg.solve_triangular; LAPACK Working Note 41
    """
    return check_right(square(input, "input"), B, left, ("input", "B"))


@solve_triangular.cost
def _(out: TensorSpec, input: TensorSpec, unitriangular: bool) -> Counts:
    return _lapack.trsm(input.shape[-1], _pairs(out, input.shape[-1]), unitriangular)


@RULES.op(*spellings("triangular_solve"))
def triangular_solve(
    input: TensorSpec, A: TensorSpec, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> tuple[TensorSpec, TensorSpec]:
    """X of A X = input for a triangle A, and A        input (*, n, k), A (*, n, n), broadcast.

    Cost: as solve_triangular.
    Source: torch.triangular_solve
    """
    out = check_right(square(A), input, True, ("A", "input"))
    return out, A.with_shape(*out.shape[:-2], *A.shape[-2:])


@triangular_solve.cost
def _(out: tuple[TensorSpec, TensorSpec], A: TensorSpec, unitriangular: bool) -> Counts:
    return _lapack.trsm(A.shape[-1], _pairs(out[0], A.shape[-1]), unitriangular)
