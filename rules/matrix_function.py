"""Determinants, powers and exponentials of matrices, and products of vectors in space."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes, real_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules import _lapack
from rules._dims import check_tensor, is_whole, spellings, wrap_dim
from rules._matrix import batch, check_same, everywhere, linalg, square
from rules.solve import inverse_cost

__all__ = ["RULES"]

RULES = RuleSet()


# Determinants ----------------------------------------------------------------------------------------------------


@RULES.op(*everywhere("det"))
def det(A: TensorSpec) -> TensorSpec:
    """|A|        (*, n, n) -> (*).

    Cost: getrf, and n − 1 mul.
    Source: torch.linalg.det; LAPACK Working Note 41
    """
    return square(A).with_shape(*A.shape[:-2])


@RULES.op(*everywhere("slogdet"))
def slogdet(A: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
    """The sign of |A|, and the logarithm of its size        (*, n, n) -> (*), (*).

    Cost: getrf; n cmp, n − 1 mul (the sign); n func, n − 1 add.
    Source: torch.linalg.slogdet
    """
    sign: TensorSpec = det(A)
    return sign, sign.with_dtype(real_dtype(A.dtype))


@RULES.op(*spellings("logdet"))
def logdet(input: TensorSpec) -> TensorSpec:
    """The logarithm of |A|        (*, n, n) -> (*).

    Cost: as slogdet.
    Source: torch.logdet
    """
    return square(input, "input").with_shape(*input.shape[:-2])


@det.cost
def _(A: TensorSpec) -> Counts:
    n = A.shape[-1]
    return batch(A) * (_lapack.getrf(n, n) + Counts(mul=max(n - 1, 0)))


def _log_cost(A: TensorSpec) -> Counts:
    n = A.shape[-1]
    return batch(A) * (_lapack.getrf(n, n) + Counts(cmp=n, mul=max(n - 1, 0), func=n, add=max(n - 1, 0)))


slogdet.cost(_log_cost)


@logdet.cost
def _(input: TensorSpec) -> Counts:
    return _log_cost(input)


# Powers ----------------------------------------------------------------------------------------------------------


@RULES.op(*everywhere("matrix_power"))
def matrix_power(input: TensorSpec, n: int) -> TensorSpec:
    """Aⁿ        (*, m, m) -> (*, m, m); of the inverse for a negative n.

    Cost: one product of matrices, m² dot products of length m, for every binary digit of n behind the first, and one
    more for each of these that is 1; as inv for a negative n.
    Source: torch.linalg.matrix_power
    """
    if not is_whole(n):
        raise ShapeError(f"n must be a whole number, got {n!r}")
    spec = check_tensor(input, "input")
    if n < 0:
        return square(input, "input")
    if len(spec.shape) < 2 or spec.shape[-1] != spec.shape[-2]:
        raise ShapeError(f"input must hold square matrices, got {spec.shape}")
    return spec


@matrix_power.cost
def _(input: TensorSpec, n: int) -> Counts:
    side = input.shape[-1]
    products = max(abs(n).bit_length() + abs(n).bit_count() - 2, 0)
    power = products * Counts.dots(input.numel, side)
    return power + inverse_cost(input) if n < 0 else power


@RULES.op(*everywhere("matrix_exp"))
def matrix_exp(input: TensorSpec) -> TensorSpec:
    """exp(A)        (*, n, n) -> (*, n, n).

    Cost: five products of matrices, n² dot products of length n each, which make the Taylor polynomial of degree 18.
    The norm of A decides: a small one needs fewer, a large one a squaring more each time it doubles.
    Source: torch.linalg.matrix_exp; Bader, Blanes and Casas, Computing the matrix exponential with an optimized Taylor
    polynomial approximation, 2019
    """
    return square(input, "input", precise=False)


@matrix_exp.cost
def _(input: TensorSpec) -> Counts:
    return 5 * Counts.dots(input.numel, input.shape[-1])


@RULES.op(*linalg("vander"))
def vander(x: TensorSpec, *, N: int | None = None) -> TensorSpec:
    """x⁰, x¹, ..., xᴺ⁻¹ of each number        (*, n) -> (*, n, N), with N = n when left out.

    Cost: N − 2 mul a number.
    Source: torch.linalg.vander
    """
    if check_tensor(x, "x").dtype is torch.bool:
        raise ShapeError("x must be numbers, got bool")
    x = x if x.shape else x.with_shape(1)
    powers = x.shape[-1] if N is None else N
    if not is_whole(powers) or powers <= 1:
        raise ShapeError(f"N must be greater than 1, got {powers!r}")
    whole = not x.dtype.is_floating_point and not x.dtype.is_complex
    return x.with_shape(*x.shape, powers).with_dtype(torch.int64 if whole else x.dtype)


@vander.cost
def _(x: TensorSpec, out: TensorSpec) -> Counts:
    return Counts(mul=x.numel * max(out.shape[-1] - 2, 0))


# Vectors in space ------------------------------------------------------------------------------------------------


def _cross(input: TensorSpec, other: TensorSpec, dim: Any) -> TensorSpec:
    first, second = check_tensor(input, "input").shape, check_tensor(other, "other").shape
    if len(first) != len(second):
        raise ShapeError(f"input and other must have equally many dimensions, got {len(first)} and {len(second)}")
    if dim is None:
        dim = next((axis for axis, sizes in enumerate(zip(first, second, strict=True)) if sizes == (3, 3)), None)
        if dim is None:
            raise ShapeError(f"no dimension of input and other has size 3, got {first} and {second}")
    axis = wrap_dim(dim, len(first))
    if not first or first[axis] != 3 or second[axis] != 3:
        raise ShapeError(f"input and other must have size 3 at dimension {dim}, got {first} and {second}")
    check_same("input", input, "other", other)
    return input.with_shape(*broadcast_shapes(first, second))


@RULES.op(*linalg("cross"), name="cross")
def linalg_cross(input: TensorSpec, other: TensorSpec, *, dim: int = -1) -> TensorSpec:
    """The vector product along dim, which has size 3, broadcast.

    Cost: 2 mul, 1 add an element of the result.
    Source: torch.linalg.cross
    """
    return _cross(input, other, dim)


@RULES.op(*spellings("cross"))
def cross(input: TensorSpec, other: TensorSpec, dim: int | None = None) -> TensorSpec:
    """The vector product along dim, by itself the first that has size 3, broadcast.

    Cost: 2 mul, 1 add an element of the result.
    Source: torch.cross
    """
    return _cross(input, other, dim)


def _cross_cost(out: TensorSpec) -> Counts:
    return Counts(mul=2 * out.numel, add=out.numel)


linalg_cross.cost(_cross_cost)
cross.cost(_cross_cost)
