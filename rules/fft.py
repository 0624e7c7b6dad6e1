"""Fourier transforms along one, two or many dimensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import float_dtype, real_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from analyzer.symbolic.deciding import log2_ceil
from rules._dims import check_tensor, numbers, wrap_dim, wrap_dims

__all__ = ["RULES", "check_transformed", "fourier_cost"]

RULES = RuleSet()


def fourier_cost(numel: int, length: int, real: bool = False) -> Counts:
    """What it costs to transform ``numel`` numbers in lines of a length; lines of real numbers take half.

    Cooley and Tukey's are ½ n log2 n butterflies, each a complex product (4 mul, 2 add) and 2 complex sums (4 add).

    >>> fourier_cost(8, 8)
    Counts(mac=0, dot=0, add=72, mul=48, div=0, cmp=0, func=0)
    """
    steps = numel * log2_ceil(length)
    return Counts(mul=steps, add=3 * steps // 2) if real else Counts(mul=2 * steps, add=3 * steps)


def check_transformed(value: Any, name: str = "input") -> TensorSpec:
    """The argument itself where torch has transforms of its dtype."""
    spec = check_tensor(value, name)
    if spec.dtype is torch.bfloat16 or (spec.dtype in (torch.float16, torch.complex32) and spec.device.type == "cpu"):
        raise ShapeError(f"{name} must be float32, float64, complex or whole numbers, got {spec.dtype_name}")
    return spec


def _dimensions(input: TensorSpec, s: Any, dim: Any) -> tuple[tuple[int, ...], list[int]]:
    """The dimensions that are transformed, in order, and how long each is made."""
    shape = check_transformed(input).shape
    if dim is not None:
        if not shape and numbers(dim, "dim"):
            raise ShapeError(f"input has no dimensions, but dim is {dim}")
        dims = wrap_dims(dim, len(shape))
    elif s is not None:
        count = len(numbers(s, "s"))
        if count > len(shape):
            raise ShapeError(f"s has more sizes than input has dimensions, got {count} for {len(shape)}")
        dims = tuple(range(len(shape) - count, len(shape)))
    else:
        dims = tuple(range(len(shape)))
    sizes = [shape[axis] for axis in dims]
    if s is not None:
        given = numbers(s, "s")
        if len(given) != len(dims):
            raise ShapeError(f"s and dim must have equally many items, got {len(given)} and {len(dims)}")
        sizes = [size if isinstance(new, int) and new == -1 else new for size, new in zip(sizes, given, strict=True)]
    return dims, sizes


def _check_sizes(sizes: Sequence[int]) -> None:
    for size in sizes:
        if size < 1:
            raise ShapeError(f"a transform is over 1 number or more, got {size}")


def _resized(input: TensorSpec, dims: Sequence[int], sizes: Sequence[int], dtype: torch.dtype) -> TensorSpec:
    shape = list(input.shape)
    for axis, size in zip(dims, sizes, strict=True):
        shape[axis] = size
    return input.with_shape(*shape).with_dtype(dtype)


def _complex(input: TensorSpec, s: Any, dim: Any) -> TensorSpec:
    """Complex numbers to complex numbers."""
    dims, sizes = _dimensions(input, s, dim)
    _check_sizes(sizes)
    return _resized(input, dims, sizes, float_dtype(input.dtype).to_complex())


def _to_half(input: TensorSpec, s: Any, dim: Any) -> TensorSpec:
    """Real numbers to complex ones, of which half is enough along the last dimension."""
    dims, sizes = _dimensions(input, s, dim)
    if input.dtype.is_complex:
        raise ShapeError(f"input must be real, got {input.dtype_name}")
    if not dims:
        raise ShapeError("a transform of real numbers is over one dimension or more, got none")
    _check_sizes(sizes)
    return _resized(input, dims, [*sizes[:-1], sizes[-1] // 2 + 1], float_dtype(input.dtype).to_complex())


def _from_half(input: TensorSpec, s: Any, dim: Any) -> TensorSpec:
    """Complex numbers to real ones, of which the last dimension holds half."""
    dims, sizes = _dimensions(input, s, dim)
    if not dims:
        raise ShapeError("a transform to real numbers is over one dimension or more, got none")
    last = numbers(s, "s")[-1] if s is not None else -1
    if isinstance(last, int) and last == -1:
        sizes[-1] = 2 * (sizes[-1] - 1)
    _check_sizes(sizes)
    return _resized(input, dims, sizes, real_dtype(float_dtype(input.dtype)))


def _complex_cost(out: TensorSpec, input: TensorSpec, s: Any, dim: Any) -> Counts:
    _, sizes = _dimensions(input, s, dim)
    return sum((fourier_cost(out.numel, size) for size in sizes), Counts())


def _to_half_cost(out: TensorSpec, input: TensorSpec, s: Any, dim: Any) -> Counts:
    dims, sizes = _dimensions(input, s, dim)
    lines = out.numel // out.shape[dims[-1]]
    rest = sum((fourier_cost(out.numel, size) for size in sizes[:-1]), Counts())
    return fourier_cost(lines * sizes[-1], sizes[-1], real=True) + rest


def _from_half_cost(out: TensorSpec, input: TensorSpec, s: Any, dim: Any) -> Counts:
    dims, sizes = _dimensions(input, s, dim)
    length = out.shape[dims[-1]]
    half = out.numel // length * (length // 2 + 1)
    rest = sum((fourier_cost(half, size) for size in sizes[:-1]), Counts())
    return fourier_cost(out.numel, length, real=True) + rest


_ABOUT = """{what}        {shapes}

Cost: {cost}
Source: torch.fft.{name}; Cooley and Tukey, An algorithm for the machine calculation of complex Fourier series, 1965
"""
_FULL = "2 n ⌈log2 n⌉ mul, 3 n ⌈log2 n⌉ add a line of n, dimension after dimension; scaling is not counted."
_HALF = "n ⌈log2 n⌉ mul, 3/2 n ⌈log2 n⌉ add a line of n real numbers, then the other dimensions of half of them as fft."
# What the names of transforms begin with -> what they do, how sizes change, shape, cost, cost in words.
_KINDS: dict[str, tuple[str, str, Callable[..., TensorSpec], Callable[..., Counts], str]] = {
    "fft": ("Fourier transform", "(*, n) -> (*, n)", _complex, _complex_cost, _FULL),
    "ifft": ("Inverse Fourier transform", "(*, n) -> (*, n)", _complex, _complex_cost, _FULL),
    "rfft": ("Fourier transform of real numbers", "(*, n) -> (*, n // 2 + 1)", _to_half, _to_half_cost, _HALF),
    "ihfft": (
        "Inverse Fourier transform of real numbers", "(*, n) -> (*, n // 2 + 1)", _to_half, _to_half_cost, _HALF,
    ),
    "irfft": (
        "Inverse Fourier transform to real numbers", "(*, n // 2 + 1) -> (*, n)", _from_half, _from_half_cost, _HALF,
    ),
    "hfft": ("Fourier transform to real numbers", "(*, n // 2 + 1) -> (*, n)", _from_half, _from_half_cost, _HALF),
}  # fmt: skip


def _transforms(kind: str) -> None:
    """A kind of transform along one dimension, along two, and along as many as one likes."""
    what, shapes, shape, cost, words = _KINDS[kind]

    def one(input: TensorSpec, n: int | None = None, dim: int = -1, norm: str | None = None) -> TensorSpec:
        _check_norm(norm)
        return shape(input, None if n is None else (n,), (dim,))

    def one_cost(out: TensorSpec, input: TensorSpec, n: int | None, dim: int) -> Counts:
        return cost(out, input, None if n is None else (n,), (dim,))

    def two(input: TensorSpec, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> TensorSpec:
        _check_norm(norm)
        return shape(input, s, dim)

    def many(input: TensorSpec, s: Any = None, dim: Any = None, norm: str | None = None) -> TensorSpec:
        _check_norm(norm)
        return shape(input, s, dim)

    for suffix, function, costs in (("", one, one_cost), ("2", two, cost), ("n", many, cost)):
        name = kind + suffix
        function.__doc__ = _ABOUT.format(what=what, shapes=shapes, cost=words, name=name)
        targets = (getattr(torch.fft, name), getattr(torch.ops.aten, f"fft_{name}"))
        RULES.op(*targets, name=name)(function).cost(costs)


def _check_norm(norm: str | None) -> None:
    if norm not in (None, "forward", "backward", "ortho"):
        raise ShapeError(f"norm must be 'forward', 'backward' or 'ortho', got {norm!r}")


for _kind in _KINDS:
    _transforms(_kind)


# What the transforms become ----------------------------------------------------------------------------------------


@RULES.op(torch.ops.aten._fft_c2c, name="fftn")
def fft_c2c(input: TensorSpec, dim: Any, normalization: int, forward: bool) -> TensorSpec:
    """Fourier transform of complex numbers, forwards or back.

    Cost: as fftn.
    Source: torch.fft.fftn
    """
    return _complex(input, None, dim)


@RULES.op(torch.ops.aten._fft_r2c, name="rfftn")
def fft_r2c(input: TensorSpec, dim: Any, normalization: int, onesided: bool) -> TensorSpec:
    """Fourier transform of real numbers, half of it or, where not one-sided, all.

    Cost: as rfftn.
    Source: torch.fft.rfftn
    """
    half = _to_half(input, None, dim)
    return half if onesided else input.with_dtype(half.dtype)


@RULES.op(torch.ops.aten._fft_c2r, name="irfftn")
def fft_c2r(input: TensorSpec, dim: Any, normalization: int, last_dim_size: int) -> TensorSpec:
    """Inverse Fourier transform to real numbers, the last dimension so long.

    Cost: as irfftn.
    Source: torch.fft.irfftn
    """
    return _from_half(input, *_with_last(input, dim, last_dim_size))


def _with_last(input: TensorSpec, dim: Any, last: int) -> tuple[list[int], tuple[int, ...]]:
    dims = wrap_dims(dim, input.ndim)
    return [*[input.shape[axis] for axis in dims[:-1]], last], dims


@fft_c2c.cost
def _(out: TensorSpec, input: TensorSpec, dim: Any) -> Counts:
    return _complex_cost(out, input, None, dim)


@fft_r2c.cost
def _(out: TensorSpec, input: TensorSpec, dim: Any) -> Counts:
    return _to_half_cost(_to_half(input, None, dim), input, None, dim)


@fft_c2r.cost
def _(out: TensorSpec, input: TensorSpec, dim: Any, last_dim_size: int) -> Counts:
    return _from_half_cost(out, input, *_with_last(input, dim, last_dim_size))


def _shifted(input: TensorSpec, dim: Any = None) -> TensorSpec:
    """Halves of each dimension swapped, so that frequency 0 comes to stand in the middle, or back.

    Cost: nothing, it moves data.
    Source: torch.fft.fftshift
    """
    if not check_tensor(input, "input").shape:
        raise ShapeError("input must have one dimension or more, got 0")
    for axis in () if dim is None else numbers(dim, "dim"):
        wrap_dim(axis, input.ndim)
    return input


for _name in ("fftshift", "ifftshift"):
    RULES.op(getattr(torch.fft, _name), getattr(torch.ops.aten, f"fft_{_name}"), name=_name)(_shifted)
