"""Fold and unfold: shapes against torch itself, counts by a pencil and by counting ones."""

import pytest
import torch
import torch.nn.functional as F

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.spec import TensorSpec
from rules.fold import RULES


def call(target, shape, *args, dtype=torch.float32):
    rule = RULES[target]
    bound = rule.bind((TensorSpec(shape, dtype), *args), {})
    out = rule.call_shape(bound)
    return out, rule.call_cost(bound, out)


@pytest.mark.parametrize(
    ("shape", "args"),
    [
        ((2, 3, 5, 7), (2,)),
        ((3, 7, 11), ((2, 3), 2, 1, (1, 2))),
        ((0, 3, 5, 7), (2, 1, 0, 2)),
        ((2, 3, 5, 5), (1, 1, 3, 2)),
    ],
)
def test_unfold(shape, args):
    out, cost = call(F.unfold, shape, *args)
    assert out.shape == tuple(F.unfold(torch.zeros(shape), *args).shape)
    assert cost == Counts()


@pytest.mark.parametrize(
    ("channels", "args"),
    [
        (5, ((4, 6), 2, 1, 0, 2)),
        (5, ((4, 6), 3, 1, 0, 1)),
        (3, ((5, 7), (2, 3), 1, 1, 1)),
        (3, ((5, 7), 2, 1, 1, (3, 1))),
        (2, ((9, 7), 2, 2, 0, 1)),
    ],
)
def test_fold(channels, args):
    window = F.unfold(torch.zeros(1, channels, *args[0]), *args[1:]).shape[1:]
    ones = torch.ones(2, *window)
    out, cost = call(F.fold, (2, *window), *args)
    met = F.fold(ones, *args)
    assert out.shape == tuple(met.shape)
    # Ones add up to how many elements meet in each output.
    assert cost == Counts(add=int((met - 1).clamp(min=0).sum()))


def test_fold_by_pencil():
    # 9 windows of 4 in a 4 x 4 image: 36 elements on 16 outputs.
    assert call(F.fold, (2, 12, 9), 4, 2)[1] == Counts(add=2 * 3 * (36 - 16))


WRONG = {
    "input must have a multiple of the window's 4 rows, got 13": (F.fold, (1, 13, 9), 4, 2),
    "output_size (4, 4) has (3, 3) windows of (2, 2), but input has 8 columns": (F.fold, (1, 12, 8), 4, 2),
    "input must have 2 or 3 dimensions, but its shape is (12,)": (F.fold, (12,), 4, 2),
    "output_size must be one number or 2, got (4, 4, 4)": (F.fold, (1, 12, 9), (4, 4, 4), 2),
    "the windows of (6, 6) are larger than the padded input: (5, 5)": (F.unfold, (2, 3, 5, 5), 6),
    "kernel_size must be one number or 2, got (2,)": (F.unfold, (2, 3, 5, 5), (2,)),
    "stride must be above zero, got (0, 0)": (F.unfold, (2, 3, 5, 5), 2, 1, 0, 0),
    "padding must not be negative, got (-1, -1)": (F.unfold, (2, 3, 5, 5), 2, 1, -1),
    "only the batch of input may be empty, but its shape is (2, 0, 5, 5)": (F.unfold, (2, 0, 5, 5), 2),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_torch_rejects(message):
    function, shape, *args = WRONG[message]
    with pytest.raises(RuntimeError):
        function(torch.zeros(shape), *args)
    with pytest.raises(ShapeError) as error:
        call(function, shape, *args)
    assert str(error.value) == message


def test_whole_numbers():
    with pytest.raises(ShapeError, match="whole numbers, got int64"):
        call(F.unfold, (2, 3, 5, 5), 2, dtype=torch.int64)
