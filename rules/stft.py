"""Fourier transforms of short frames, and signals put together from them."""

from __future__ import annotations

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import result_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_flag, check_tensor, is_whole, whole
from rules.fft import check_transformed, fourier_cost

__all__ = ["RULES"]

RULES = RuleSet()
Maybe = TensorSpec | None


def _frame(n_fft: int, hop_length: int | None, win_length: int | None, window: Maybe) -> int:
    """How far apart frames begin, once the window fits."""
    if not is_whole(n_fft) or n_fft <= 0:
        raise ShapeError(f"n_fft must be a whole number of 1 or more, got {n_fft!r}")
    hop = n_fft // 4 if hop_length is None else whole(hop_length, "hop_length")
    width = n_fft if win_length is None else whole(win_length, "win_length")
    if hop <= 0:
        raise ShapeError(f"hop_length must be 1 or more, got {hop}")
    if not 0 < width <= n_fft:
        raise ShapeError(f"win_length must be from 1 to n_fft = {n_fft}, got {width}")
    if window is not None and check_tensor(window, "window").shape != (width,):
        raise ShapeError(f"window must have win_length = {width} numbers, got {window.shape}")
    return hop


def _spectrum_dtype(input: TensorSpec, window: Maybe) -> torch.dtype:
    dtype = input.dtype if window is None else result_dtype(input, window)
    return dtype if dtype.is_complex else dtype.to_complex()


def _half(input: TensorSpec, window: Maybe, onesided: bool | None) -> bool:
    """Whether only half of the frequencies is returned: the other half says the same where all numbers are real."""
    real = not input.dtype.is_complex and (window is None or not window.dtype.is_complex)
    if onesided and not real:
        raise ShapeError("onesided must be False where input or window is complex, got True")
    return real if onesided is None else onesided


@RULES.op(torch.functional.stft, torch.Tensor.stft, torch.ops.aten.stft.center)
def stft(
    input: TensorSpec,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: TensorSpec | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> TensorSpec:
    """The spectrum of every frame of a signal        (*, L) -> (*, n_fft // 2 + 1, 1 + (L − n_fft) // hop).

    Cost: a frame: n_fft mul with a window; a Fourier transform of n_fft (real numbers take half); where normalized
    1 mul an output.
    Source: torch.stft
    """
    hop = _frame(n_fft, hop_length, win_length, window)
    if return_complex is not None:
        check_flag(return_complex, "return_complex")
    if len(check_transformed(input).shape) not in (1, 2) or not (
        input.dtype.is_floating_point or input.dtype.is_complex
    ):
        raise ShapeError(f"input must be a signal or a batch of them, floating point or complex, got {input}")
    if return_complex is None and not input.dtype.is_complex and (window is None or not window.dtype.is_complex):
        raise ShapeError("return_complex must be given where input is real, got None")
    *lead, length = input.shape
    if center:
        if pad_mode == "reflect" and length <= n_fft // 2:
            raise ShapeError(
                f"input must be longer than half a frame, {n_fft // 2}, where it is reflected, got {length}"
            )
        length += 2 * (n_fft // 2)
    if n_fft > length:
        raise ShapeError(f"n_fft must be no longer than the signal of {length}, got {n_fft}")
    bins = n_fft // 2 + 1 if _half(input, window, onesided) else n_fft
    frames = 1 + (length - n_fft) // hop
    dtype = _spectrum_dtype(input, window)
    if return_complex is False:
        return input.with_shape(*lead, bins, frames, 2).with_dtype(dtype.to_real())
    return input.with_shape(*lead, bins, frames).with_dtype(dtype)


@stft.cost
def _(
    out: TensorSpec,
    input: TensorSpec,
    n_fft: int,
    window: TensorSpec | None,
    normalized: bool,
    return_complex: bool | None,
) -> Counts:
    *lead, _, frames = out.shape[:-1] if return_complex is False else out.shape
    many = input.with_shape(*lead, frames).numel * n_fft
    real = not input.dtype.is_complex and (window is None or not window.dtype.is_complex)
    windowed = Counts(mul=many if window is not None else 0)
    return windowed + fourier_cost(many, n_fft, real) + Counts(mul=out.numel if normalized else 0)


@RULES.op(torch.istft, torch.Tensor.istft)
def istft(
    input: TensorSpec,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: TensorSpec | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> TensorSpec:
    """The signal whose frames have these spectra        (*, n_fft // 2 + 1, frames) -> (*, n_fft + hop · (frames − 1)).

    Half a frame less at each end where it is centred; ``length`` where it is given.

    Cost: a frame: an inverse Fourier transform of n_fft (real numbers take half); n_fft mul with a window; n_fft add
    for the overlap; n_fft mul and n_fft add for what the windows sum to; then 1 div a number of the signal.
    Source: torch.istft
    """
    hop = _frame(n_fft, hop_length, win_length, window)
    if not check_transformed(input).dtype.is_complex or len(input.shape) not in (2, 3):
        raise ShapeError(f"input must be one complex spectrogram or a batch of them, got {input}")
    *lead, bins, frames = input.shape
    half = bins != n_fft if onesided is None else onesided
    if return_complex and half:
        raise ShapeError("onesided must be False where a complex signal is returned, got True")
    wanted = n_fft // 2 + 1 if half else n_fft
    if bins != wanted or frames == 0:
        raise ShapeError(f"input must have {wanted} frequencies for n_fft {n_fft} and a frame, got {input.shape}")
    if window is not None and window.dtype.is_complex and not return_complex:
        raise ShapeError(f"window must be real where a real signal is returned, got {window.dtype_name}")
    if length is None:
        length = n_fft + hop * (frames - 1) - (2 * (n_fft // 2) if center else 0)
    dtype = _spectrum_dtype(input, window)
    dtype = dtype if return_complex else dtype.to_real()
    return input.with_shape(*lead, length).with_dtype(dtype)


@istft.cost
def _(out: TensorSpec, input: TensorSpec, n_fft: int, window: TensorSpec | None, return_complex: bool) -> Counts:
    many = input.numel // input.shape[-2] * n_fft
    once = input.shape[-1] * n_fft
    frames = fourier_cost(many, n_fft, not return_complex) + Counts(mul=many if window is not None else 0, add=many)
    return frames + Counts(mul=once, add=once, div=out.numel)
