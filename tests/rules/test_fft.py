"""Fourier transforms: shapes and dtypes against torch itself, counts against a pencil."""

from functools import partial

import pytest
import torch
from torch import fft

from analyzer.spec import TensorSpec
from rules.fft import RULES
from rules.stft import RULES as FRAMES

FLOAT, COMPLEX = torch.float32, torch.complex64


def t(*shape, dtype=FLOAT):
    return TensorSpec(shape, dtype)


# call -> (mul, add), by pencil: 2 and 3 for each number and each doubling of its line, half of both for real numbers
CALLS = {
    "fft": (partial(fft.fft, t(3, 8)), (2 * 24 * 3, 3 * 24 * 3)),
    "fft, whole numbers": (partial(fft.fft, t(8, dtype=torch.int16)), (48, 72)),
    "fft, not a power of two": (partial(fft.fft, t(7)), (2 * 7 * 3, 3 * 7 * 3)),
    "fft, one number": (partial(fft.fft, t(5, 1)), (0, 0)),
    "fft, made longer": (partial(fft.fft, t(5, 3, dtype=torch.float64), 8, 0), (2 * 24 * 3, 3 * 24 * 3)),
    "ifft": (partial(fft.ifft, t(3, 8, dtype=COMPLEX), norm="ortho"), (144, 216)),
    "rfft": (partial(fft.rfft, t(3, 8)), (24 * 3, 36 * 3)),
    "ihfft": (partial(fft.ihfft, t(3, 8)), (24 * 3, 36 * 3)),
    "irfft": (partial(fft.irfft, t(3, 5, dtype=COMPLEX)), (24 * 3, 36 * 3)),
    "irfft, odd": (partial(fft.irfft, t(3, 4, dtype=COMPLEX), n=7), (21 * 3, 63 * 3 // 2)),
    "hfft": (partial(fft.hfft, t(3, 5)), (24 * 3, 36 * 3)),
    "fft2": (partial(fft.fft2, t(4, 8)), (2 * 32 * 5, 3 * 32 * 5)),
    "ifft2": (partial(fft.ifft2, t(3, 4, 8)), (2 * 96 * 5, 3 * 96 * 5)),
    "fftn": (partial(fft.fftn, t(2, 4, 8)), (2 * 64 * 6, 3 * 64 * 6)),
    "fftn, the last": (partial(fft.fftn, t(2, 3, 5), s=(4, -1)), (2 * 40 * 5, 3 * 40 * 5)),
    "fftn, no dimension": (partial(fft.fftn, t()), (0, 0)),
    "rfft2": (partial(fft.rfft2, t(4, 8)), (32 * 3 + 2 * 20 * 2, 48 * 3 + 3 * 20 * 2)),
    "rfftn": (partial(fft.rfftn, t(4, 8), dim=(1, 0)), (32 * 2 + 2 * 24 * 3, 48 * 2 + 3 * 24 * 3)),
    "ihfftn": (partial(fft.ihfftn, t(4, 8)), (32 * 3 + 2 * 20 * 2, 48 * 3 + 3 * 20 * 2)),
    "irfft2": (partial(fft.irfft2, t(4, 5, dtype=COMPLEX)), (32 * 3 + 2 * 20 * 2, 48 * 3 + 3 * 20 * 2)),
    "hfft2": (partial(fft.hfft2, t(4, 5, dtype=COMPLEX), s=(4, 8)), (32 * 3 + 2 * 20 * 2, 48 * 3 + 3 * 20 * 2)),
    "fftshift": (partial(fft.fftshift, t(3, 8, dtype=torch.int64), dim=-1), (0, 0)),
    "ifftshift": (partial(fft.ifftshift, t(3, 8)), (0, 0)),
}
REJECTED = {
    "no dimension": (partial(fft.fft, t()), "no dimensions"),
    "no numbers": (partial(fft.fft, t(3, 0)), "1 number or more, got 0"),
    "complex numbers as real": (partial(fft.rfft, t(8, dtype=COMPLEX)), "must be real"),
    "half": (partial(fft.fft, t(8, dtype=torch.float16)), "got float16"),
    "one dimension": (partial(fft.fft2, t(8)), "dim must be from -1 to 0, got -2"),
    "twice": (partial(fft.fftn, t(4, 8), dim=(0, -2)), "twice"),
    "sizes": (partial(fft.fftn, t(4, 8), s=(4, 8), dim=(0,)), "equally many"),
    "more sizes": (partial(fft.fftn, t(4), s=(4, 8)), "more sizes"),
    "nothing real": (partial(fft.rfftn, t()), "one dimension or more"),
    "norm": (partial(fft.fft, t(8), norm="half"), "norm must be"),
    "from one": (partial(fft.irfft, t(1, dtype=COMPLEX)), "got 0"),
}
WINDOW = t(16)
# 3 signals of 100 numbers are 1 + 100 // 4 = 26 frames of 16 each, 1248 numbers
SIGNALS = {
    "stft": (partial(torch.stft, t(3, 100), 16, return_complex=True), {"mul": 1248 * 4, "add": 1248 * 6}),
    "stft, window": (
        partial(torch.Tensor.stft, t(3, 100), 16, window=WINDOW, normalized=True, return_complex=True),
        {"mul": 1248 * 5 + 3 * 9 * 26, "add": 1248 * 6},
    ),
    "stft, in parts": (partial(torch.stft, t(100), 16, return_complex=False), {"mul": 416 * 4, "add": 416 * 6}),
    "stft, not centred": (
        partial(torch.stft, t(100), 16, 7, center=False, onesided=False, return_complex=True),
        {"mul": 13 * 16 * 4, "add": 13 * 16 * 6},
    ),
    "stft, complex": (partial(torch.stft, t(100, dtype=COMPLEX), 16), {"mul": 416 * 8, "add": 416 * 12}),
}
FRAMES_REJECTED = {
    "complex or not": (partial(torch.stft, t(100), 16), "return_complex must be given"),
    "short": (partial(torch.stft, t(7), 16, return_complex=True), "longer than half a frame"),
    "short, not centred": (
        partial(torch.stft, t(7), 16, center=False, return_complex=True),
        "no longer than the signal",
    ),
    "window": (partial(torch.stft, t(100), 16, window=t(15), return_complex=True), "window must have"),
    "whole": (partial(torch.stft, t(100, dtype=torch.int64), 16, return_complex=True), "floating point or complex"),
    "real": (partial(torch.istft, t(9, 26), 16), "complex spectrogram"),
    "frequencies": (partial(torch.istft, t(8, 26, dtype=COMPLEX), 16), "must have 9 frequencies"),
}


@pytest.mark.parametrize(("call", "counts"), CALLS.values(), ids=CALLS)
def test_transforms(agree, call, counts):
    agree(RULES, call.func.__name__.removeprefix("fft_"), [call], mul=counts[0], add=counts[1])


@pytest.mark.parametrize(("call", "words"), REJECTED.values(), ids=REJECTED)
def test_rejected(rejects, call, words):
    rejects(RULES, call, words)


@pytest.mark.parametrize(("call", "counts"), SIGNALS.values(), ids=SIGNALS)
@pytest.mark.filterwarnings("ignore")
def test_frames(agree, call, counts):
    agree(FRAMES, "stft", [call], **counts)


@pytest.mark.parametrize(("call", "words"), FRAMES_REJECTED.values(), ids=FRAMES_REJECTED)
def test_frames_rejected(rejects, call, words):
    rejects(FRAMES, call, words)


@pytest.mark.parametrize(("call", "numbers"), [
    (partial(torch.istft, n_fft=16, window=torch.ones(16)), 100),
    (partial(torch.istft, n_fft=16, window=torch.ones(16), length=77), 77),
    (partial(torch.istft, n_fft=16, window=torch.ones(16), length=300), 300),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_signals(call, numbers):
    spectrum = torch.zeros(3, 9, 26, dtype=COMPLEX)
    assert call(spectrum).shape == (3, numbers)
    rule = FRAMES[torch.istft]
    bound = rule.bind((TensorSpec.of(spectrum),), call.keywords | {"window": WINDOW})
    out = rule.call_shape(bound)
    assert (out.shape, out.dtype) == ((3, numbers), FLOAT)
    counts = rule.call_cost(bound, out)
    assert (counts.mul, counts.add, counts.div) == (1248 * 5 + 416, 1248 * 7 + 416, 3 * numbers)


def test_what_transforms_become():
    aten = torch.ops.aten
    for operator, args, shape in (
        (aten._fft_c2c, (t(4, 8, dtype=COMPLEX), [0, 1], 0, True), (4, 8)),
        (aten._fft_r2c, (t(4, 8), [0, 1], 0, True), (4, 5)),
        (aten._fft_r2c, (t(4, 8), [0, 1], 0, False), (4, 8)),
        (aten._fft_c2r, (t(4, 5, dtype=COMPLEX), [0, 1], 0, 8), (4, 8)),
    ):
        rule = RULES[operator]
        bound = rule.bind(args, {})
        out = rule.call_shape(bound)
        assert out.shape == shape
        want = (320, 480) if operator is aten._fft_c2c else (176, 264)
        counts = rule.call_cost(bound, out)
        assert (counts.mul, counts.add) == want
