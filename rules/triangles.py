"""Diagonals and triangles of matrices."""

from __future__ import annotations

from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import spellings, whole, wrap_dim
from rules.select import diagonal_shape

__all__ = ["RULES"]

RULES = RuleSet()


@RULES.op(*spellings("diag"))
def diag(input: TensorSpec, diagonal: int = 0) -> TensorSpec:
    """A vector as the diagonal of a matrix, (n) -> (n + |d|, n + |d|); or a matrix's diagonal.

    Cost: nothing, it moves data.
    Source: torch.diag
    """
    if input.ndim == 1:
        return diag_embed(input, diagonal)  # type: ignore[no-any-return]
    if input.ndim != 2:
        raise ShapeError(f"input must be a vector or a matrix, got {input.ndim} dimensions")
    return diagonal_shape(input, diagonal, 0, 1)


@RULES.op(*spellings("diag_embed"))
def diag_embed(input: TensorSpec, offset: int = 0, dim1: int = -2, dim2: int = -1) -> TensorSpec:
    """Vectors as diagonals of matrices whose dimensions are dim1 and dim2, (*, n) -> (*, n + |o|, n + |o|).

    Cost: nothing, it moves data.
    Source: torch.diag_embed
    """
    if not input.shape:
        raise ShapeError(f"input must have dimensions, got {input}")
    first, second = wrap_dim(dim1, input.ndim + 1, "dim1"), wrap_dim(dim2, input.ndim + 1, "dim2")
    if first == second:
        raise ShapeError(f"dim1 and dim2 must differ, got {dim1} and {dim2}")
    size = input.shape[-1] + abs(whole(offset, "offset"))
    rest = iter(input.shape[:-1])
    return input.with_shape(*[size if axis in (first, second) else next(rest) for axis in range(input.ndim + 1)])


@RULES.op(*spellings("diagflat"))
def diagflat(input: TensorSpec, offset: int = 0) -> TensorSpec:
    """All elements as the diagonal of a matrix.

    Cost: nothing, it moves data.
    Source: torch.diagflat
    """
    size = input.numel + abs(whole(offset, "offset"))
    return input.with_shape(size, size)


def triangle(input: TensorSpec, diagonal: int = 0) -> TensorSpec:
    """What is on and below, or above, a diagonal of the last two dimensions; zeros elsewhere.

    Cost: nothing, it moves data.
    Source: torch.tril
    """
    whole(diagonal, "diagonal")
    if input.ndim < 2:
        raise ShapeError(f"input must have 2 or more dimensions, got {input.ndim}")
    return input


RULES.op(*spellings("tril"), name="tril")(triangle)
RULES.op(*spellings("triu"), name="triu")(triangle)
