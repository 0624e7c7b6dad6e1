"""What the normalizations share: the cost of one group, and its parameters."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.spec import TensorSpec
from rules._layer import check_floating

__all__ = ["Maybe", "Three", "affine", "check_channels", "check_parameter", "normalized", "saved_statistics"]

Maybe = TensorSpec | None
Three = tuple[TensorSpec, TensorSpec, TensorSpec]


def normalized(count: int, length: int) -> Counts:
    """``count`` groups of ``length`` numbers each, without the affine part."""
    if count == 0 or length == 0:
        return Counts()
    return Counts(add=count * (3 * length - 1), mul=count * 2 * length, div=2 * count, func=count)


def affine(numel: int, weight: Maybe, bias: Maybe) -> Counts:
    """A mul an element with a weight, an add an element with a bias."""
    return Counts(mul=0 if weight is None else numel, add=0 if bias is None else numel)


def check_parameter(input: TensorSpec, name: str, spec: Maybe, shape: tuple[int, ...], what: str) -> None:
    """A parameter or running statistic: its shape, and a dtype that torch lets meet the input's."""
    if spec is None:
        return
    if spec.shape != shape:
        raise ShapeError(f"input {what} {shape}, {name} has shape {spec.shape}")
    if spec.dtype is not input.dtype and (spec.dtype is not torch.float32 or input.dtype.itemsize != 2):
        raise ShapeError(f"input and {name} must have the same dtype, got {input.dtype_name} and {spec.dtype_name}")


def check_channels(input: Any, least: int, **parameters: Maybe) -> int:
    """Number of channels, once every parameter has one number for each."""
    shape = check_floating(input).shape
    if shape == (0,):  # torch looks no further where there is nothing
        return 0
    if len(shape) < least:
        raise ShapeError(f"input must have {least} dimensions or more, got {len(shape)}: {shape}")
    for name, spec in parameters.items():
        check_parameter(input, name, spec, (shape[1],), "has channels")
    return shape[1]


def saved_statistics(input: TensorSpec, *parameters: Maybe) -> TensorSpec:
    """The statistics that torch saves are as precise as the parameters, which may be float32 beside half precision."""
    return input.with_dtype(next((spec.dtype for spec in parameters if spec is not None), input.dtype))
