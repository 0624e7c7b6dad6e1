"""Pooling: shapes against torch itself, counts against a pencil."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.spec import TensorSpec
from rules import pool, pool_adaptive, unpool

RULES = pool.RULES | pool_adaptive.RULES | unpool.RULES


def spec(value):
    return TensorSpec.of(value) if isinstance(value, torch.Tensor) else value


def call(target, *args, **kwargs):
    rule = RULES[type(target) if isinstance(target, nn.Module) else target]
    args, kwargs = tuple(spec(arg) for arg in args), {name: spec(arg) for name, arg in kwargs.items()}
    bound = rule.bind_module(target, args, kwargs) if isinstance(target, nn.Module) else rule.bind(args, kwargs)
    bound = {name: spec(value) for name, value in bound.items()}
    out = rule.call_shape(bound)
    return out, rule.call_cost(bound, out)


def shapes(result):
    return [(tuple(each.shape), each.dtype) for each in (result if isinstance(result, tuple) else (result,))]


def t(*shape, dtype=torch.float32):
    return torch.zeros(shape, dtype=dtype)


WINDOWS = list(itertools.product((2, 3), (None, 1, 3), (0, 1), (1, 2), (False, True)))


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "ceil_mode"), WINDOWS)
def test_windows_are_torchs(kernel, stride, padding, dilation, ceil_mode):
    for function, shape in ((F.max_pool1d, (2, 3, 11)), (F.max_pool2d, (3, 7, 11)), (F.max_pool3d, (2, 3, 5, 7, 5))):
        args = (t(*shape), kernel, stride, padding, dilation, ceil_mode)
        assert shapes(call(function, *args)[0]) == shapes(function(*args))
    for function, shape in ((F.avg_pool1d, (3, 11)), (F.avg_pool2d, (2, 3, 7, 11)), (F.avg_pool3d, (3, 5, 7, 5))):
        args = (t(*shape), kernel, *(() if stride is None else (stride, padding, ceil_mode)))
        assert shapes(call(function, *args)[0]) == shapes(function(*args))


INDICES = t(2, 3, 4, 5, dtype=torch.int64)
CALLS = {
    "max, indices": (F.max_pool2d, t(2, 3, 7, 11), (2, 3), None, 0, 1, False, True),
    "max by its own name": (F.max_pool1d_with_indices, t(2, 3, 7), 2),
    "max, whole numbers": (F.max_pool2d, t(2, 3, 7, 7, dtype=torch.int64), 2),
    "max module, indices": (nn.MaxPool3d(2, 1, ceil_mode=True, return_indices=True), t(2, 3, 4, 5, 6)),
    "max, kernel beyond the input": (F.max_pool2d, t(2, 3, 5, 5), 6, None, 0, 1, True),
    "max, empty batch": (F.max_pool2d, t(0, 3, 5, 5), 2),
    "average module": (nn.AvgPool2d((2, 3), count_include_pad=False, divisor_override=5), t(3, 7, 11)),
    "power": (F.lp_pool2d, t(2, 3, 7, 11), 2.5, (2, 3), 2, True),
    "power, volume": (nn.LPPool3d(2, 2), t(3, 4, 5, 6)),
    "power, infinite": (F.lp_pool1d, t(3, 7), float("inf"), 2),
    "power, whole numbers": (F.lp_pool1d, t(2, 3, 7, dtype=torch.int64), 2, 2),
    "adaptive mean": (F.adaptive_avg_pool2d, t(2, 3, 7, 11), (None, 5)),
    "adaptive mean, upwards": (nn.AdaptiveAvgPool1d(13), t(3, 7)),
    "adaptive mean, volume": (nn.AdaptiveAvgPool3d((1, None, 2)), t(3, 4, 5, 6)),
    "adaptive max": (F.adaptive_max_pool1d, t(2, 3, 7), 5),
    "adaptive max, indices": (F.adaptive_max_pool2d, t(3, 7, 11), (2, None), True),
    "adaptive max, native": (torch.adaptive_max_pool1d, t(2, 3, 7), 5),
    "fractional, ratio": (nn.FractionalMaxPool2d(2, output_ratio=(0.5, 0.7)), t(2, 3, 7, 11)),
    "fractional, indices": (nn.FractionalMaxPool3d(2, output_size=3, return_indices=True), t(3, 5, 6, 7)),
    "unpool": (F.max_unpool2d, t(2, 3, 4, 5), INDICES, (2, 3), (3, 2), 1),
    "unpool to a size": (nn.MaxUnpool2d(2), t(2, 3, 4, 5), INDICES, [2, 3, 9, 10]),
    "unpool a line": (F.max_unpool1d, t(3, 4), t(3, 4, dtype=torch.int64), 2),
}


@pytest.mark.parametrize("name", CALLS)
def test_shape_is_torchs(name):
    target, *args = CALLS[name]
    assert shapes(call(target, *args)[0]) == shapes(target(*args))


@pytest.mark.parametrize(("size", "windows"), list(itertools.product((1, 2, 5, 6, 7, 12), (1, 2, 3, 4, 5, 7, 8))))
def test_adaptive_windows_by_their_definition(size, windows):
    total = sum(-(-(i + 1) * size // windows) - i * size // windows for i in range(windows))
    _, cost = call(F.adaptive_max_pool1d, t(2, 3, size), windows)
    assert cost == Counts(cmp=6 * (total - windows))


def test_counts_by_pencil():
    assert call(F.max_pool2d, t(2, 3, 7, 11), (2, 3))[1] == Counts(cmp=2 * 3 * 3 * 3 * 5)
    assert call(F.max_pool2d_with_indices, t(2, 3, 7, 11), (2, 3))[1] == Counts(cmp=2 * 3 * 3 * 3 * 5)
    assert call(F.avg_pool1d, t(3, 11), 5, 2, 2)[1] == Counts(add=3 * 6 * 4, div=3 * 6)
    assert call(F.lp_pool1d, t(3, 11), 2, 5, 2)[1] == Counts(func=33 + 12, add=3 * 4 * 4)
    assert call(F.lp_pool1d, t(3, 11), float("inf"), 5, 2)[1] == Counts(cmp=33 + 3 * 4 * 4)
    # Windows of 7 to 3 are 3, 3, 3 and those of 5 to 2 are 3, 3: 9 x 6 elements in 6 windows.
    assert call(F.adaptive_avg_pool2d, t(2, 7, 5), (3, 2))[1] == Counts(add=2 * (54 - 6), div=2 * 6)
    assert call(nn.FractionalMaxPool2d((2, 3), output_size=5), t(2, 7, 11))[1] == Counts(cmp=2 * 25 * 5)
    assert call(F.max_unpool2d, t(2, 3, 4, 5), INDICES, 2)[1] == Counts()


WRONG = {
    "padding must be at most half of kernel_size, got (2,) and (3,)": (F.max_pool1d, t(2, 3, 7), 3, 1, 2),
    "input must have 3 or 4 dimensions, but its shape is (7, 11)": (F.max_pool2d, t(7, 11), 2),
    "the windows of (8,) are larger than the padded input: (7,)": (F.avg_pool1d, t(3, 7), 8),
    "only the batch of input may be empty, but its shape is (2, 0, 7)": (F.max_pool1d, t(2, 0, 7), 2),
    "kernel_size must be one number or 2, got (2, 2, 2)": (F.max_pool2d, t(3, 7, 7), (2, 2, 2)),
    "stride must be above zero, got (0, 0)": (F.avg_pool2d, t(3, 7, 7), 2, 0),
    "divisor_override must not be 0": (F.avg_pool2d, t(3, 7, 7), 2, None, 0, False, True, 0),
    "output_size must be one number or 2, got (3,)": (F.adaptive_avg_pool2d, t(3, 7, 7), (3,)),
    "output_size must be whole numbers, got None": (nn.AdaptiveMaxPool1d(None), t(3, 7)),
    "output_size must not be negative, got (-1,)": (F.adaptive_avg_pool1d, t(3, 7), -1),
    "input must be of floating-point numbers, got int64": (F.adaptive_max_pool1d, t(3, 7, dtype=torch.int64), 2),
    "the windows are larger than the input: (3, 3, 3) against (2, 5, 5)": (F.avg_pool3d, t(3, 2, 5, 5), 3, 1, 1),
    "takes an output_size or an output_ratio, got neither": (F.fractional_max_pool2d, t(3, 7, 7), 2),
    "7 windows of 2 do not fit: the input has 7": (nn.FractionalMaxPool2d(2, output_size=7), t(3, 7, 7)),
    "output_size must be less than a stride from (8, 10), got (10, 10)": (
        nn.MaxUnpool2d(2), t(2, 3, 4, 5), INDICES, (10, 10),
    ),
    "indices must be int64, got float32": (F.max_unpool2d, t(2, 3, 4, 5), t(2, 3, 4, 5), 2),
}  # fmt: skip


@pytest.mark.parametrize("message", WRONG)
def test_what_torch_rejects(message):
    target, *args = WRONG[message]
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        target(*args)
    with pytest.raises(ShapeError) as error:
        call(target, *args)
    assert str(error.value) == message
