"""Padding, by a constant or by what the tensor has: it moves data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules import padding as layers

from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_scalar, numbers

__all__ = ["RULES"]

RULES = RuleSet()
F = nn.functional
inner: Any = torch._C._nn

_MODES = (
    (layers._ReflectionPadNd, "reflect"),
    (layers._ReplicationPadNd, "replicate"),
    (layers._CircularPadNd, "circular"),
)
_BY_NUMBER = ("constant", "reflect", "replicate", "circular")


def _mode(module: nn.Module) -> str:
    return next((mode for base, mode in _MODES if isinstance(module, base)), "constant")


def _check_constant(size: int, before: int, after: int) -> None:
    """What is cut away must be there."""
    if (before < 0 or after < 0) and min(before, 0) + min(after, 0) + size < 0:
        raise ShapeError(f"pad cuts more than the size {size}, got {before} and {after}")


def _check_copied(size: int, before: int, after: int, mode: str) -> None:
    """What is copied must be there to copy."""
    most = {"reflect": size - 1, "circular": size}.get(mode)
    if most is not None and (before > most or after > most):
        raise ShapeError(f"pad must be at most {most} for mode {mode!r} and a size of {size}, got {before} and {after}")
    if size + before + after < (0 if mode == "circular" else 1):
        raise ShapeError(f"pad leaves nothing of the size {size}, got {before} and {after}")


def _padded(input: Any, pad: Any, mode: str, value: float | None = None) -> TensorSpec:
    if not isinstance(input, TensorSpec):
        raise ShapeError(f"input must be a tensor, got {input!r}")
    if not isinstance(pad, (tuple, list)):
        raise ShapeError(f"pad must be whole numbers, got {pad!r}")
    shape, sizes = input.shape, numbers(pad, "pad")
    dims = len(sizes) // 2
    if len(sizes) % 2 != 0 or dims > len(shape):
        raise ShapeError(f"pad must have 2 numbers for each of up to {len(shape)} dimensions, got {sizes}")
    if mode == "constant":
        if value is not None:
            check_scalar(value, "value")
    else:
        if mode not in _BY_NUMBER:
            raise ShapeError(f"mode must be one of {', '.join(_BY_NUMBER)}, got {mode!r}")
        if not 1 <= dims <= 3:
            raise ShapeError(f"pad must have 2, 4 or 6 numbers for mode {mode!r}, got {sizes}")
        if not dims < len(shape) < dims + 3:
            wanted = f"{dims + 1} or {dims + 2} dimensions for mode {mode!r} and {2 * dims} numbers in pad"
            raise ShapeError(f"input must have {wanted}, got {len(shape)}: {shape}")
        if value:
            raise ShapeError(f"value goes with mode 'constant' alone, got {value} for {mode!r}")
        if mode != "circular":
            if input.dtype is torch.bool:
                raise ShapeError(f"input must hold numbers to {mode}, got bool")
            if any(size == 0 for size in shape[-dims - 1 :]):
                raise ShapeError(f"input must have something to {mode}, got {shape}")
    out = list(shape)
    for index in range(dims):
        axis, before, after = -1 - index, sizes[2 * index], sizes[2 * index + 1]
        if mode == "constant":
            _check_constant(shape[axis], before, after)
        else:
            _check_copied(shape[axis], before, after, mode)
        out[axis] = shape[axis] + before + after
    return input.with_shape(*out)


@RULES.op(
    F.pad, inner.pad,
    layers._ConstantPadNd, nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d,
    nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d,
    layers._ReflectionPadNd, nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d,
    layers._ReplicationPadNd, nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d,
    layers._CircularPadNd, nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d,
    attributes={"pad": lambda module: module.padding, "mode": _mode},
)  # fmt: skip
def pad(input: TensorSpec, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> TensorSpec:
    """Before and after each dimension, the last one first      x (*, L), pad (l, r) -> (*, L + l + r).

    Cost: nothing, it moves data.
    Source: torch.nn.functional.pad
    """
    return _padded(input, pad, mode, value)


@RULES.op(torch.constant_pad_nd, name="pad")
def constant_pad_nd(input: TensorSpec, pad: Sequence[int], value: float = 0) -> TensorSpec:
    """The same as pad, by a constant.

    Cost: nothing, it moves data.
    Source: torch.nn.functional.pad
    """
    return _padded(input, pad, "constant")


@RULES.op(inner._pad_circular, name="pad")
def pad_circular(input: TensorSpec, pad: Sequence[int]) -> TensorSpec:
    """The same as pad, by wrapping around.

    Cost: nothing, it moves data.
    Source: torch.nn.functional.pad
    """
    return _padded(input, pad, "circular")


@RULES.op(inner._pad_enum, name="pad")
def pad_enum(input: TensorSpec, pad: Sequence[int], mode: int, value: float | None = None) -> TensorSpec:
    """The same as pad, the mode as a number: 0 constant, 1 reflect, 2 replicate, 3 circular.

    Cost: nothing, it moves data.
    Source: torch.nn.functional.pad
    """
    return _padded(input, pad, _BY_NUMBER[mode], value)


def _add(mode: str, dims: int, target: Any) -> None:
    """What torch itself has for one mode; one number stands for all."""

    def shape(input: TensorSpec, padding: Any) -> TensorSpec:
        sizes = padding if isinstance(padding, (tuple, list)) else (padding,) * 2 * dims
        if len(sizes) != 2 * dims:
            raise ShapeError(f"padding must have {2 * dims} numbers, got {sizes}")
        return _padded(input, sizes, mode)

    shape.__doc__ = (
        f"The same as pad to {mode} in {dims} dimensions.\n\n"
        "Cost: nothing, it moves data.\nSource: torch.nn.functional.pad"
    )
    RULES.op(target, name="pad")(shape)


for _dims in (1, 2, 3):
    _add("reflect", _dims, getattr(inner, f"reflection_pad{_dims}d"))
    _add("replicate", _dims, getattr(inner, f"replication_pad{_dims}d"))
