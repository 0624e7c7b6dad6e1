"""Tensors that follow a formula: counted up, evenly spaced, triangles, windows; complex ones of two parts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import DataDependentError, ShapeError
from analyzer.promotion import broadcast_shapes
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, is_whole, whole
from rules.create import made

__all__ = ["RULES"]

RULES = RuleSet()


def _length(start: Any, end: Any, step: Any) -> int:
    """How many numbers there are from start up to end: whole numbers exactly, others in double precision."""
    for name, value in (("start", start), ("end", end), ("step", step)):
        if isinstance(value, TensorSpec):
            raise DataDependentError(f"{name} is a number in a tensor, and a tensor here has no values: {value}")
        if not isinstance(value, (int, float, torch.SymInt, torch.SymFloat)) and not hasattr(value, "__float__"):
            raise ShapeError(f"{name} must be a number, got {value!r}")
    if step == 0:
        raise ShapeError(f"step must not be 0, got {step}")
    if not all(math.isfinite(value) for value in (start, end, step) if isinstance(value, float)):
        raise ShapeError(f"start, end and step must be finite, got {start}, {end} and {step}")
    if (step > 0 and end < start) or (step < 0 and end > start):
        raise ShapeError(f"step must lead from start to end, got {step} from {start} to {end}")
    if all(isinstance(value, (int, torch.SymInt)) for value in (start, end, step)):
        length: int = -((start - end) // step)
    else:
        length = math.ceil((end - start) / step)
    return length


@RULES.op(torch.arange)
def arange(
    start: Any = None, end: Any = None, step: Any = 1, *, dtype: torch.dtype | None = None, device: Any = None
) -> TensorSpec:
    """Start, start + step, ... up to but without end; whole numbers where all three are.

    Cost: nothing, it fills memory.
    Source: torch.arange
    """
    if end is None:
        start, end = 0, start
    start = 0 if start is None else start
    whole_numbers = all(isinstance(value, (int, torch.SymInt)) for value in (start, end, step))
    if dtype is None and whole_numbers:
        dtype = torch.int64
    return made((_length(start, end, step),), dtype, device)


@RULES.op(torch.range, name="arange")
def range_(
    start: Any = 0, end: Any = None, step: Any = 1, *, dtype: torch.dtype | None = None, device: Any = None
) -> TensorSpec:
    """Start, start + step, ... up to and with end.

    Cost: nothing, it fills memory.
    Source: torch.range
    """
    if end is None:
        start, end = 0, start
    _length(start, end, step)
    return made((math.floor((end - start) / step) + 1,), dtype, device)


def _spaced(start: Any, end: Any, steps: Any, dtype: torch.dtype | None, device: Any) -> TensorSpec:
    for name, value in (("start", start), ("end", end)):
        if isinstance(value, TensorSpec) and value.ndim:
            raise ShapeError(f"{name} must be a number, got {value}")
    count = whole(steps, "steps")
    if count < 0:
        raise ShapeError(f"steps must be 0 or more, got {steps}")
    dtypes = [value.dtype for value in (start, end) if isinstance(value, TensorSpec)]
    if isinstance(start, complex) or isinstance(end, complex) or any(one.is_complex for one in dtypes):
        if dtype is not None and not dtype.is_complex:
            raise ShapeError(f"dtype must be complex between complex numbers, got {dtype}")
        dtype = dtype or torch.get_default_dtype().to_complex()
    return made((count,), dtype, device)


@RULES.op(torch.linspace)
def linspace(start: Any, end: Any, steps: int, *, dtype: torch.dtype | None = None, device: Any = None) -> TensorSpec:
    """So many numbers evenly spaced from start to end.

    Cost: nothing, it fills memory.
    Source: torch.linspace
    """
    return _spaced(start, end, steps, dtype, device)


@RULES.op(torch.logspace)
def logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: torch.dtype | None = None, device: Any = None
) -> TensorSpec:
    """So many powers of base, their exponents evenly spaced from start to end.

    Cost: one func a number.
    Source: torch.logspace
    """
    return _spaced(start, end, steps, dtype, device)


@RULES.op(torch.eye)
def eye(n: int, m: int | None = None, *, dtype: torch.dtype | None = None, device: Any = None) -> TensorSpec:
    """Ones on the diagonal of (n, m), zeros elsewhere.

    Cost: nothing, it fills memory.
    Source: torch.eye
    """
    return made((n, n if m is None else m), dtype, device)


def below(row: int, col: int, offset: int) -> int:
    """Elements of a (row, col) matrix on and below the diagonal that is ``offset`` above the main one.

    >>> below(3, 4, 0), below(3, 4, 1), below(3, 4, -5)
    (6, 9, 0)
    """
    first = min(max(-offset, 0), row)  # rows above this one hold none
    full = min(max(col - offset - 1, 0), row)  # rows from here on hold all
    if full <= first:
        return (row - first) * col if offset + first + 1 >= col else (row - first) * 0
    slope = (full - first) * (2 * offset + first + full + 1) // 2
    return slope + (row - full) * col


def _triangle(row: Any, col: Any, offset: Any) -> tuple[int, int, int]:
    row, col, offset = whole(row, "row"), whole(col, "col"), whole(offset, "offset")
    if row < 0 or col < 0:
        raise ShapeError(f"row and col must be 0 or more, got {row} and {col}")
    return row, col, offset


@RULES.op(torch.tril_indices)
def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: torch.dtype = torch.int64, device: Any = None
) -> TensorSpec:
    """Row and column of every element on and below a diagonal, (2, how many).

    Cost: nothing, it fills memory.
    Source: torch.tril_indices
    """
    row, col, offset = _triangle(row, col, offset)
    return made((2, below(row, col, offset)), dtype, device, torch.int64)


@RULES.op(torch.triu_indices)
def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: torch.dtype = torch.int64, device: Any = None
) -> TensorSpec:
    """Row and column of every element on and above a diagonal, (2, how many).

    Cost: nothing, it fills memory.
    Source: torch.triu_indices
    """
    row, col, offset = _triangle(row, col, offset)
    return made((2, row * col - below(row, col, offset - 1)), dtype, device, torch.int64)


def _window(window_length: Any, dtype: torch.dtype | None, device: Any) -> TensorSpec:
    if dtype is not None and not dtype.is_floating_point:
        raise ShapeError(f"dtype must be floating point, got {dtype}")
    return made((window_length,), dtype, device)


def window(
    window_length: int, periodic: bool = True, *more: float, dtype: torch.dtype | None = None, device: Any = None,
    alpha: float = 0.0, beta: float = 0.0,
) -> TensorSpec:  # fmt: skip
    """A window of so many weights, to cut a signal with.

    Cost: one func a weight.
    Source: torch.hann_window
    """
    return _window(window_length, dtype, device)


def func_cost(out: TensorSpec) -> Counts:
    """One function an element of the result."""
    return Counts(func=out.numel)


logspace.cost(func_cost)
for _name in ("hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window"):
    RULES.op(getattr(torch, _name), name=_name)(window).cost(func_cost)


def _complex(one: TensorSpec, other: TensorSpec, names: tuple[str, str]) -> TensorSpec:
    check_tensor(one, names[0])
    check_tensor(other, names[1])
    allowed = (torch.float16, torch.float32, torch.float64)
    if one.dtype is not other.dtype or one.dtype not in allowed:
        raise ShapeError(f"{names[0]} and {names[1]} must be floats of one kind, got {one.dtype} and {other.dtype}")
    return one.with_shape(*broadcast_shapes(one.shape, other.shape)).with_dtype(one.dtype.to_complex())


@RULES.op(torch.complex, name="complex")
def complex_(real: TensorSpec, imag: TensorSpec) -> TensorSpec:
    """Real + i · imag, broadcast.

    Cost: nothing, it moves data.
    Source: torch.complex
    """
    return _complex(real, imag, ("real", "imag"))


@RULES.op(torch.polar)
def polar(abs: TensorSpec, angle: TensorSpec) -> TensorSpec:
    """Abs · (cos angle + i · sin angle), broadcast.

    Cost: one func an element of the result.
    Source: torch.polar
    """
    return _complex(abs, angle, ("abs", "angle"))


polar.cost(func_cost)


def _frequencies(name: str, count: Callable[[int], int], formula: str) -> None:
    def shape(n: int, d: float = 1.0, *, dtype: torch.dtype | None = None, device: Any = None) -> TensorSpec:
        if not is_whole(n) or n < 0:
            raise ShapeError(f"n must be a whole number of 0 or more, got {n!r}")
        if dtype is not None and not dtype.is_floating_point and not dtype.is_complex:
            raise ShapeError(f"dtype must be floating point or complex, got {dtype}")
        return made((count(n),), dtype, device)

    def cost(out: TensorSpec) -> Counts:
        return Counts(mul=out.numel)

    shape.__doc__ = f"{formula}\n\nCost: one mul a frequency.\nSource: torch.fft.{name}"
    RULES.op(getattr(torch.fft, name), getattr(torch.ops.aten, f"fft_{name}"), name=name)(shape).cost(cost)


_frequencies("fftfreq", lambda n: n, "The frequencies of a Fourier transform of n numbers: 0, 1, ..., −2, −1 over n d.")
_frequencies("rfftfreq", lambda n: n // 2 + 1, "Those that are not negative: 0, 1, ..., n // 2 over n d.")
