"""What the rules of layers ask of their tensors and targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from analyzer.errors import ShapeError
from analyzer.spec import TensorSpec

__all__ = ["check_floating", "check_ndim", "twins"]


def check_floating(spec: Any, name: str = "input", *, complex: bool = False) -> TensorSpec:
    """The argument itself where it holds floating numbers (or, if asked, complex ones)."""
    if not isinstance(spec, TensorSpec):
        raise ShapeError(f"{name} must be a tensor, got {spec!r}")
    dtype = spec.dtype
    if not (dtype.is_floating_point or (complex and dtype.is_complex)):
        raise ShapeError(f"{name} must hold floating numbers, got {spec.dtype_name}")
    return spec


def check_ndim(spec: TensorSpec, allowed: Sequence[int] | None, name: str = "input") -> None:
    """Refuse a tensor whose number of dimensions is not among ``allowed``; None allows any.

    >>> check_ndim(TensorSpec((2, 3)), (3, 4))
    Traceback (most recent call last):
    ...
    analyzer.errors.ShapeError: input must have 3 or 4 dimensions, got 2: (2, 3)
    """
    if allowed is not None and len(spec.shape) not in allowed:
        counts = " or ".join(str(count) for count in allowed)
        raise ShapeError(f"{name} must have {counts} dimensions, got {spec.ndim}: {spec.shape}")


def twins(*names: str) -> list[Any]:
    """Functions that torch keeps beside its public ones, and their aten operators, as targets of a rule.

    >>> twins("hardswish") == [torch._C._nn.hardswish, torch.ops.aten.hardswish]
    True
    """
    homes = (torch._C._nn, torch._C._VariableFunctions, torch.ops.aten)
    return [getattr(home, name) for name in names for home in homes if hasattr(home, name)]
