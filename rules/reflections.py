"""Decompositions of matrices into rotations and a triangle."""

from __future__ import annotations

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules import _lapack
from rules._dims import check_tensor, spellings
from rules._matrix import batch, check_matrix, check_same, linalg, sides

__all__ = ["RULES"]

RULES = RuleSet()


@RULES.op(*linalg("qr"))
def qr(A: TensorSpec, mode: str = "reduced") -> tuple[TensorSpec, TensorSpec]:
    """A = Q R        (*, m, n) -> (*, m, k), (*, k, n) with k = min(m, n); k = m where complete; Q is empty for 'r'.

    Cost: geqrf, and orgqr where Q is wanted; for m > n: about 2 (m n² − n³/3) of both together, twice.
    Source: torch.linalg.qr; LAPACK Working Note 41
    """
    if mode not in ("reduced", "complete", "r"):
        raise ShapeError(f"mode must be 'reduced', 'complete' or 'r', got {mode!r}")
    *lead, m, n = check_matrix(A).shape
    k = m if mode == "complete" else min(m, n)
    return A.with_shape(0) if mode == "r" else A.with_shape(*lead, m, k), A.with_shape(*lead, k, n)


@qr.cost
def _(A: TensorSpec, mode: str) -> Counts:
    m, n = A.shape[-2:]
    k = min(m, n)
    each = _lapack.geqrf(m, n)
    if mode != "r":
        each += _lapack.orgqr(m, m if mode == "complete" else k, k)
    return batch(A) * each


@RULES.op(*spellings("geqrf"))
def geqrf(input: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
    """A = Q R, as the reflections of Q below R, and their factors        (*, m, n) -> (*, m, n), (*, min(m, n)).

    Cost: geqrf, for m > n: m n² − n³/3 + m n + n²/2 + 23n/6 mul, m n² − n³/3 + n²/2 + 5n/6 add.
    Source: torch.geqrf; LAPACK Working Note 41
    """
    return check_matrix(input, "input"), input.with_shape(*input.shape[:-2], min(input.shape[-2:]))


@geqrf.cost
def _(input: TensorSpec) -> Counts:
    return batch(input) * _lapack.geqrf(*sides(input))


def _check_factors(input: TensorSpec, tau: TensorSpec, name: str) -> None:
    """The factors of the reflections stand beside their columns."""
    check_matrix(input, "input")
    check_same("input", input, name, check_tensor(tau, name))
    if tau.shape[:-1] != input.shape[:-2] or len(tau.shape) != len(input.shape) - 1:
        raise ShapeError(f"{name} must have the leading sizes of input, got {tau.shape} for {input.shape}")
    if tau.shape[-1] > input.shape[-1]:
        raise ShapeError(f"{name} must have a factor a column of input at most, got {tau.shape} for {input.shape}")


@RULES.op(*linalg("householder_product"))
def householder_product(input: TensorSpec, tau: TensorSpec) -> TensorSpec:
    """The first n columns of the product of k reflections        (*, m, n), (*, k) -> (*, m, n).

    Cost: orgqr, 2 m n k − (m + n) k² + 2 k³/3 each of mul and add, and lower terms.
    Source: torch.linalg.householder_product; LAPACK Working Note 41
    """
    _check_factors(input, tau, "tau")
    if input.shape[-2] < input.shape[-1]:
        raise ShapeError(f"input must have as many rows as columns or more, got {input.shape}")
    return input


@RULES.op(*spellings("orgqr"), name="householder_product")
def orgqr(input: TensorSpec, input2: TensorSpec) -> TensorSpec:
    """The first columns of a product of reflections, as householder_product.

    Cost: as householder_product.
    Source: torch.orgqr
    """
    out: TensorSpec = householder_product(input, input2)
    return out


def _householder_cost(input: TensorSpec, tau: TensorSpec) -> Counts:
    return batch(input) * _lapack.orgqr(*sides(input), tau.shape[-1])


householder_product.cost(_householder_cost)


@orgqr.cost
def _(input: TensorSpec, input2: TensorSpec) -> Counts:
    return _householder_cost(input, input2)


@RULES.op(*spellings("ormqr"))
def ormqr(
    input: TensorSpec, input2: TensorSpec, input3: TensorSpec, left: bool = True, transpose: bool = False
) -> TensorSpec:
    """Q C, or C Q, of the reflections of input        C (*, m, n) -> (*, m, n).

    Cost: ormqr, from the left n k (2m − k + 2) mul, n k (2m − k + 1) add.
    Source: torch.ormqr; LAPACK Working Note 41
    """
    _check_factors(input, input2, "input2")
    check_same("input", input, "input3", check_matrix(input3, "input3"))
    size = input3.shape[-2 if left else -1]
    if input3.shape[:-2] != input.shape[:-2] or input.shape[-2] != size:
        raise ShapeError(f"input3 does not fit the reflections of input, got {input3.shape} for {input.shape}")
    if input2.shape[-1] != min(size, input.shape[-1]):
        raise ShapeError(f"input2 must have {min(size, input.shape[-1])} factors, got {input2.shape[-1]}")
    return input3


@ormqr.cost
def _(out: TensorSpec, input2: TensorSpec, left: bool) -> Counts:
    return batch(out) * _lapack.ormqr(*sides(out), input2.shape[-1], left)
