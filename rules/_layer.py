"""What the rules of layers ask of their tensors and targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from analyzer.errors import ShapeError
from analyzer.spec import TensorSpec

__all__ = ["check_floating", "check_ndim", "everywhere"]


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


def everywhere(*names: str) -> list[Any]:
    """The functions of torch, of torch.nn.functional and beneath it, and the methods that bear these names, as targets.

    >>> everywhere("hardswish") == [torch._C._nn.hardswish, torch.nn.functional.hardswish]
    True
    """
    owners = (torch, torch._C._nn, torch.nn.functional)
    functions = [getattr(owner, name) for name in names for owner in owners if hasattr(owner, name)]
    return functions + [name for name in names if hasattr(torch.Tensor, name)]
