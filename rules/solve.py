"""Linear equations: inverses and solutions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules import _lapack
from rules._dims import check_tensor, spellings, wrap_dims
from rules._matrix import batch, check_right, check_same, info, linalg, square

__all__ = ["RULES", "inverse_cost"]

RULES = RuleSet()


@RULES.op(*linalg("inv"), *spellings("inverse"))
def inv(A: TensorSpec) -> TensorSpec:
    """A⁻¹        (*, n, n) -> (*, n, n).

    Cost: getrf and getri, n³ + n²/2 + 3n/2 mul, n³ − 2n² + n add.
    Source: torch.linalg.inv; LAPACK Working Note 41
    """
    return square(A)


@RULES.op(*linalg("inv_ex"))
def inv_ex(A: TensorSpec, *, check_errors: bool = False) -> tuple[TensorSpec, TensorSpec]:
    """A⁻¹, and whether it went well        (*, n, n) -> (*, n, n), (*).

    Cost: as inv.
    Source: torch.linalg.inv_ex
    """
    return square(A), info(A)


def inverse_cost(A: TensorSpec) -> Counts:
    """The inverses of square matrices."""
    n = A.shape[-1]
    return batch(A) * (_lapack.getrf(n, n) + _lapack.getri(n))


inv.cost(inverse_cost)
inv_ex.cost(inverse_cost)


@RULES.op(*linalg("tensorinv"))
def tensorinv(input: TensorSpec, ind: int = 2) -> TensorSpec:
    """The inverse of a tensor whose first ``ind`` dimensions are rows, the others columns.

    Cost: as inv, of the square matrix it stands for.
    Source: torch.linalg.tensorinv
    """
    if not isinstance(ind, int) or ind <= 0:
        raise ShapeError(f"ind must be a whole number of 1 or more, got {ind!r}")
    rows, columns = check_tensor(input, "input").shape[:ind], input.shape[ind:]
    square(input.with_shape(math.prod(rows), math.prod(columns)), "input")
    return input.with_shape(*columns, *rows)


@tensorinv.cost
def _(input: TensorSpec, ind: int) -> Counts:
    side = math.prod(input.shape[:ind])
    return inverse_cost(input.with_shape(side, side))


def _columns(A: TensorSpec, B: TensorSpec, left: bool) -> tuple[TensorSpec, bool]:
    """B as matrices, and whether it held vectors."""
    vectors = len(B.shape) == 1 or B.shape == A.shape[:-1]
    if vectors and not left:
        raise ShapeError(f"B must hold matrices where left is False, got {B.shape}")
    return B.with_shape(*B.shape, 1) if vectors else B, vectors


def _solved(A: TensorSpec, B: TensorSpec, left: bool) -> TensorSpec:
    matrices, vectors = _columns(square(A), check_tensor(B, "B"), left)
    out = check_right(A, matrices, left)
    return out.with_shape(*out.shape[:-1]) if vectors else out


@RULES.op(*linalg("solve"))
def solve(A: TensorSpec, B: TensorSpec, *, left: bool = True) -> TensorSpec:
    """X of A X = B, or of X A = B        A (*, n, n), B (*, n, k) -> (*, n, k), broadcast; B may hold vectors (*, n).

    Cost: getrf, and for each column getrs, n² mul and n² − n add.
    Source: torch.linalg.solve; LAPACK Working Note 41
    """
    return _solved(A, B, left)


@RULES.op(*linalg("solve_ex"))
def solve_ex(
    A: TensorSpec, B: TensorSpec, *, left: bool = True, check_errors: bool = False
) -> tuple[TensorSpec, TensorSpec]:
    """As solve, and whether it went well.

    Cost: as solve.
    Source: torch.linalg.solve_ex
    """
    return _solved(A, B, left), info(A)


def _solve_cost(out: Any, A: TensorSpec) -> Counts:
    n, solution = A.shape[-1], out[0] if isinstance(out, tuple) else out
    if n == 0:
        return Counts()
    return batch(A) * _lapack.getrf(n, n) + _lapack.getrs(n, solution.numel // n)


solve.cost(_solve_cost)
solve_ex.cost(_solve_cost)


@RULES.op(*linalg("tensorsolve"))
def tensorsolve(input: TensorSpec, other: TensorSpec, dims: Sequence[int] | None = None) -> TensorSpec:
    """X of Σ input · X = other over the last dimensions of input, those in ``dims`` moved there first.

    Cost: as solve, of the square matrix it stands for.
    Source: torch.linalg.tensorsolve
    """
    check_tensor(other, "other")
    moved = wrap_dims(() if dims is None else dims, check_tensor(input, "input").ndim, "dims")
    order = [axis for axis in range(input.ndim) if axis not in moved] + list(moved)
    left, right = math.prod(other.shape), tuple(input.shape[axis] for axis in order[other.ndim :])
    if left != math.prod(right) or left * left != input.numel:
        raise ShapeError(
            f"input must be a square matrix, a row for each number of other, got {input.shape} for {other.shape}"
        )
    check_same("input", input, "other", other)
    return input.with_shape(*right)


@tensorsolve.cost
def _(out: TensorSpec, other: TensorSpec) -> Counts:
    side = other.numel
    return _lapack.getrf(side, side) + _lapack.getrs(side, 1)
