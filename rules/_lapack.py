"""What LAPACK's routines cost: multiplications and additions of one matrix, in whole numbers.

Source: Blackford and Dongarra, Installation Guide for LAPACK, LAPACK Working Note 41, appendix C, where divisions and
roots are counted among the multiplications; for singular values and eigenvalues Golub and Van Loan, Matrix
Computations, 7.5, 8.3 and 8.6, whose totals are split in halves. They iterate, so these are the usual numbers of steps.
"""

from __future__ import annotations

from analyzer.counts import Counts

__all__ = [
    "eig", "eigh", "geqrf", "getrf", "getri", "getrs", "orgqr", "ormqr", "potrf", "potri", "potrs", "svd", "sytrf",
    "trsm",
]  # fmt: skip


def getrf(m: int, n: int) -> Counts:
    """L U of m rows and n columns.

    >>> getrf(2, 2)
    Counts(mac=0, dot=0, add=1, mul=4, div=0, cmp=0, func=0)
    """
    s, long = min(m, n), max(m, n)
    both = 3 * long * s * s - s * s * s
    return Counts(mul=(both - 3 * s * s + 3 * long * s + 4 * s) // 6, add=(both - 3 * long * s + s) // 6)


def getri(n: int) -> Counts:
    """The inverse, out of L U."""
    return Counts(mul=n * (4 * n * n + 3 * n + 5) // 6, add=n * (4 * n * n - 9 * n + 5) // 6)


def getrs(n: int, columns: int) -> Counts:
    """So many columns solved for, out of L U."""
    return Counts(mul=columns * n * n, add=columns * n * (n - 1))


def potrf(n: int) -> Counts:
    """L Lᴴ of a positive definite matrix."""
    return Counts(mul=n * (n + 1) * (n + 2) // 6, add=n * (n * n - 1) // 6)


def potri(n: int) -> Counts:
    """The inverse, out of L Lᴴ."""
    return Counts(mul=n * (n + 1) * (n + 2) // 3, add=n * (n - 1) * (2 * n - 1) // 6)


def potrs(n: int, columns: int) -> Counts:
    """So many columns solved for, out of L Lᴴ or L D Lᴴ."""
    return Counts(mul=columns * n * (n + 1), add=columns * n * (n - 1))


def sytrf(n: int) -> Counts:
    """L D Lᴴ of a symmetric matrix."""
    return Counts(mul=n * (n * n + 3 * n + 20) // 6, add=n * (n * n - 1) // 6)


def trsm(n: int, columns: int, unit: bool = False) -> Counts:
    """So many columns solved for, out of a triangle; a diagonal of ones divides nothing."""
    return Counts(mul=columns * n * (n - 1 if unit else n + 1) // 2, add=columns * n * (n - 1) // 2)


def geqrf(m: int, n: int) -> Counts:
    """The reflections of Q, and R."""
    if m > n:
        both = 6 * m * n * n - 2 * n * n * n + 3 * n * n
        return Counts(mul=(both + 6 * m * n + 23 * n) // 6, add=(both + 5 * n) // 6)
    both = 6 * n * m * m - 2 * m * m * m - 3 * m * m
    return Counts(mul=(both + 12 * m * n + 23 * m) // 6, add=(both + 6 * m * n + 5 * m) // 6)


def orgqr(m: int, n: int, k: int) -> Counts:
    """So many columns n of Q, out of k reflections of m numbers."""
    both = 6 * m * n + k * (2 * k - 3 * (m + n))
    return Counts(mul=k * (both + 6 * n - 5 - 3 * k) // 3, add=k * (both + 3 * n - 3 * m + 1) // 3)


def ormqr(m: int, n: int, k: int, left: bool) -> Counts:
    """Q of k reflections times m rows and n columns, or these times Q."""
    if left:
        return Counts(mul=n * k * (2 * m - k + 2), add=n * k * (2 * m - k + 1))
    return Counts(mul=k * (4 * n * m - 2 * m * k + 2 * m + 2 * n - k + 1) // 2, add=m * k * (2 * n - k + 1))


def _halves(total: int) -> Counts:
    return Counts(mul=total // 2, add=total - total // 2)


def svd(m: int, n: int, vectors: str = "none") -> Counts:
    """Singular values, with no vectors, those of the reduced matrices, or of the full ones.

    >>> svd(3, 3).mul
    36
    """
    s, long = min(m, n), max(m, n)
    if vectors == "none":
        return _halves((12 * long * s * s - 4 * s * s * s) // 3)
    if vectors == "reduced":
        return _halves(14 * long * s * s + 8 * s * s * s)
    return _halves(4 * long * long * s + 8 * long * s * s + 9 * s * s * s)


def eigh(n: int, vectors: bool) -> Counts:
    """Eigenvalues of a symmetric matrix."""
    return _halves(9 * n * n * n if vectors else 4 * n * n * n // 3)


def eig(n: int, vectors: bool) -> Counts:
    """Eigenvalues of any square matrix."""
    return _halves((25 if vectors else 10) * n * n * n)
