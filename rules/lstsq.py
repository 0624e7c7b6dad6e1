"""Least squares."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.bounds import at_most
from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes, real_dtype
from analyzer.rule import Bound
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules import _lapack
from rules._dims import check_tensor
from rules._matrix import batch, check_matrix, check_same, linalg

__all__ = ["RULES"]

RULES = RuleSet()

_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


@RULES.op(*linalg("lstsq"))
def lstsq(input: TensorSpec, b: TensorSpec, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """X of least ‖A X − B‖        A (*, m, n), B (*, m, k) -> (*, n, k), residuals, ranks, singular values.

    Cost: geqrf and ormqr of the columns, and trsm of the triangle; with gelsd or gelss as a reduced svd, k div, and two
    products for each column.
    Source: torch.linalg.lstsq; LAPACK Working Note 41
    """
    driver = driver or ("gelsy" if check_matrix(input, "input").device.type == "cpu" else "gels")
    if driver not in _DRIVERS:
        raise ShapeError(f"driver must be one of {', '.join(_DRIVERS)}, got {driver!r}")
    check_same("input", check_matrix(input, "input"), "b", check_tensor(b, "b"))
    *lead, m, n = input.shape
    vectors = len(b.shape) == len(input.shape) - 1
    right = (*b.shape, 1) if vectors else b.shape
    if len(right) != len(input.shape) or right[-2] != m:
        raise ShapeError(f"b must have as many rows as input, got {b.shape} for {input.shape}")
    together = broadcast_shapes(tuple(lead), right[:-2])
    nothing, real = input.with_shape(0), input.with_dtype(real_dtype(input.dtype))
    full_rank = m > n and driver in ("gelsd", "gelss")
    columns = at_most(right[-1]) if full_rank else right[-1]
    residuals = real.with_shape(*together, columns) if m > n and driver != "gelsy" else real.with_shape(0)
    out = (
        input.with_shape(*together, n) if vectors else input.with_shape(*together, n, right[-1]),
        residuals,
        (nothing if driver == "gels" else input.with_shape(*together)).with_dtype(torch.int64),
        real.with_shape(*together, min(m, n)) if driver in ("gelsd", "gelss") else real.with_shape(0),
    )
    if full_rank:
        return Bound(out, "residuals are there where every matrix has full rank")
    return out


@lstsq.cost
def _(out: Any, input: TensorSpec, driver: str | None) -> Counts:
    m, n = input.shape[-2:]
    k = min(m, n)
    columns = out[0].numel // n if n else 0
    if driver in ("gelsd", "gelss"):
        values = batch(input) * _lapack.svd(m, n, "reduced")
        return values + columns * (Counts(div=k) + Counts.dots(k, m) + Counts.dots(n, k))
    return batch(input) * _lapack.geqrf(m, n) + _lapack.ormqr(m, columns, k, True) + _lapack.trsm(k, columns)
