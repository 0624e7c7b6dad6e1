"""Eigenvalues of square matrices."""

from __future__ import annotations

from collections.abc import Callable

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules import _lapack
from rules._matrix import batch, linalg, singular_values, square

__all__ = ["RULES"]

RULES = RuleSet()
Two = tuple[TensorSpec, TensorSpec]


@RULES.op(*linalg("eigh"))
def eigh(input: TensorSpec, UPLO: str = "L") -> Two:
    """A = Q Λ Qᴴ of a symmetric matrix        (*, n, n) -> (*, n), (*, n, n).

    Cost: 9 n³, half of it mul, half add.
    Source: torch.linalg.eigh; Golub and Van Loan, Matrix Computations, 8.3
    """
    return eigvalsh(input, UPLO), input


@RULES.op(*linalg("eigvalsh"))
def eigvalsh(input: TensorSpec, UPLO: str = "L") -> TensorSpec:
    """Λ of a symmetric matrix A = Q Λ Qᴴ        (*, n, n) -> (*, n).

    Cost: 4 n³/3, half of it mul, half add.
    Source: torch.linalg.eigvalsh; Golub and Van Loan, Matrix Computations, 8.3
    """
    if UPLO not in ("L", "U", "l", "u"):
        raise ShapeError(f"UPLO must be 'L' or 'U', got {UPLO!r}")
    return singular_values(square(input, "input"))


@RULES.op(*linalg("eig"))
def eig(input: TensorSpec) -> Two:
    """A = V Λ V⁻¹ of any square matrix        (*, n, n) -> (*, n), (*, n, n), complex.

    Cost: 25 n³, half of it mul, half add.
    Source: torch.linalg.eig; Golub and Van Loan, Matrix Computations, 7.5
    """
    return eigvals(input), input.with_dtype(input.dtype.to_complex())


@RULES.op(*linalg("eigvals"))
def eigvals(input: TensorSpec) -> TensorSpec:
    """Λ of any square matrix A = V Λ V⁻¹        (*, n, n) -> (*, n), complex.

    Cost: 10 n³, half of it mul, half add.
    Source: torch.linalg.eigvals; Golub and Van Loan, Matrix Computations, 7.5
    """
    return singular_values(square(input, "input")).with_dtype(input.dtype.to_complex())


def _costs(function: Callable[[int, bool], Counts], vectors: bool) -> Callable[..., Counts]:
    def cost(input: TensorSpec) -> Counts:
        return batch(input) * function(input.shape[-1], vectors)

    return cost


eigh.cost(_costs(_lapack.eigh, True))
eigvalsh.cost(_costs(_lapack.eigh, False))
eig.cost(_costs(_lapack.eig, True))
eigvals.cost(_costs(_lapack.eig, False))


@RULES.op(*linalg("matrix_sqrth"))
def matrix_sqrth(A: TensorSpec) -> TensorSpec:
    """X X = A of a positive definite matrix, by A = Q Λ Qᴴ        (*, n, n) -> (*, n, n).

    Cost: as eigh; n func (roots), n² mul (Q √Λ), and one product of matrices, n² dot products of length n.
    Source: torch.linalg.matrix_sqrth
    """
    return square(A)


@matrix_sqrth.cost
def _(A: TensorSpec) -> Counts:
    n = A.shape[-1]
    return batch(A) * (_lapack.eigh(n, True) + Counts(func=n, mul=n * n) + Counts.dots(n * n, n))
