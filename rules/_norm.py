"""What the normalizations share: the cost of one group, and its parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.spec import TensorSpec
from rules._layer import check_floating

__all__ = [
    "Maybe",
    "Three",
    "affine",
    "allowed_ndim",
    "check_channels",
    "check_parameter",
    "check_running",
    "normalized",
    "saved_statistics",
]

Maybe = TensorSpec | None
Three = tuple[TensorSpec, TensorSpec, TensorSpec]

# Which numbers of dimensions a module takes; a subclass that checks in its own way is not second-guessed.
_NDIM: dict[Any, tuple[int, ...]] = {
    nn.BatchNorm1d._check_input_dim: (2, 3),
    nn.BatchNorm2d._check_input_dim: (4,),
    nn.BatchNorm3d._check_input_dim: (5,),
    nn.InstanceNorm1d._check_input_dim: (2, 3),
    nn.InstanceNorm2d._check_input_dim: (3, 4),
    nn.InstanceNorm3d._check_input_dim: (4, 5),
}


def allowed_ndim(module: Any) -> tuple[int, ...] | None:
    """The numbers of dimensions that a normalization over channels takes; None where its own check is not torch's."""
    return _NDIM.get(type(module)._check_input_dim)


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


def check_running(mean: Maybe, var: Maybe, needed: bool, where: str) -> None:
    """Running statistics come together, and where they are needed they come."""
    if (mean is None) != (var is None):
        raise ShapeError("running_mean and running_var must be given both or neither, got one")
    if needed and mean is None:
        raise ShapeError(f"running_mean and running_var must be given {where}, got None")


def saved_statistics(input: TensorSpec, *parameters: Maybe) -> TensorSpec:
    """The statistics that torch saves are as precise as the parameters, which may be float32 beside half precision."""
    return input.with_dtype(next((spec.dtype for spec in parameters if spec is not None), input.dtype))
