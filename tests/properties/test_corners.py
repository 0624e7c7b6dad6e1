"""Corners of torch's own checks, the smallest call each, and the few where the analysis says something else."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn


def corner(name, function, *shapes, differs=None):
    """A row; one that differs fails until the rule is mended, and then says so."""
    tensors = [shape if shape is None else torch.zeros(shape) for shape in shapes]
    marks = pytest.mark.xfail(reason=differs, strict=True) if differs else ()
    return pytest.param(function, tensors, id=name, marks=marks)


def write(x, index):
    x[index] = 1.0
    return x


BATCH, KEYS = (2, 4, 2, 5), (2, 4, 3, 5)
TRANSPOSED = "torch hands a batch of several to oneDNN, which lets pass what torch's own kernel refuses"


@pytest.mark.parametrize(
    ("function", "tensors"),
    [
        corner("list past the end", lambda x: x[[1]], (1,)),
        corner("list before the start", lambda x: x[[-3]], (2,)),
        corner("list of lists past the end", lambda x: x[[[0, 1], [2, 0]],], (2,)),
        corner("list past the end, written", lambda x: write(x, [3]), (2,)),
        corner("list that fits, behind a slice", lambda x: x[:, [0, -3, 2]], (2, 3)),
        corner("list of nothing", lambda x: x[[5]], (2, 0)),
        corner("second ellipsis, an index behind", lambda x: x[..., ..., 0], (4, 2)),
        corner("second ellipsis, new dimension behind", lambda x: x[..., ..., None], (4, 2)),
        corner("second ellipsis, nothing behind", lambda x: x[0, ..., ...], (4, 2)),
        corner("second ellipsis, whole slice behind", lambda x: x[..., ..., :], (4, 2)),
        corner("second ellipsis, nothing to skip", lambda x: x[0, ..., ..., 1], (4, 2)),
        corner("repeat_interleave of a scalar", lambda x: x.repeat_interleave(2, 0), ()),
        corner("repeat_interleave of a scalar, flat", lambda x: x.repeat_interleave(2), ()),
        corner("roll of nothing", lambda x: x.roll(1, 4), (0,)),
        corner("reflect, padding of one number", nn.Conv2d(2, 4, 1, padding=(1,), padding_mode="reflect"), (2, 2, 3)),
        corner(
            "replicate, padding of one number, a batch",
            nn.Conv2d(2, 4, 1, padding=(1,), padding_mode="replicate"),
            (1, 2, 3, 3),
        ),
        corner(
            "reflect, the same size, dilation of one number",
            nn.Conv2d(2, 4, 3, padding="same", dilation=(1,), padding_mode="reflect"),
            (1, 2, 4, 4),
        ),
        corner("circular, valid", nn.Conv2d(2, 4, 3, padding="valid", padding_mode="circular"), (1, 2, 4, 4)),
        corner("lp_pool1d, a tuple", lambda x: F.lp_pool1d(x, 2.0, (1,)), (1, 1, 3)),
        corner("lp_pool1d, a tuple and an infinite power", lambda x: F.lp_pool1d(x, float("inf"), (1,)), (1, 1, 3)),
        corner("adaptive_max_pool1d of None", lambda x: F.adaptive_max_pool1d(x, (None,)), (1, 1, 3)),
        corner("adaptive_avg_pool1d of None", lambda x: F.adaptive_avg_pool1d(x, (None,)), (1, 1, 3)),
        corner("adaptive_max_pool2d of None", lambda x: F.adaptive_max_pool2d(x, (None, 2)), (1, 1, 3, 3)),
        corner("conv1d of no batch", lambda x, w: F.conv1d(x, w, dilation=0), (0, 1, 3), (1, 1, 2)),
        corner(
            "conv_transpose2d of no batch",
            lambda x, w: F.conv_transpose2d(x, w, output_padding=1, dilation=0),
            (0, 1, 3, 3),
            (1, 1, 1, 1),
        ),
        corner(
            "conv_transpose2d of no batch to nothing",
            lambda x, w: F.conv_transpose2d(x, w, padding=1),
            (0, 1, 1, 1),
            (1, 2, 2, 2),
        ),
        corner("flat mask, batches of heads", F.scaled_dot_product_attention, BATCH, KEYS, KEYS, (3,)),
        corner("flat mask, keys for all", F.scaled_dot_product_attention, BATCH, (1, *KEYS[1:]), KEYS, (3,)),
        corner("flat mask, heads", F.scaled_dot_product_attention, BATCH[1:], KEYS[1:], KEYS[1:], (3,)),
        corner("one running statistic", lambda x, mean: F.batch_norm(x, mean, None, training=True), (2, 3), (3,)),
        corner("one running statistic of an instance", lambda x, var: F.instance_norm(x, None, var), (2, 3, 4), (3,)),
        corner(
            "view of a transposed matrix",
            lambda x: x.t().view(-1),
            (2, 3),
            differs="a spec has no strides, so a view that torch cannot make without a copy is not seen",
        ),
        corner(
            "conv_transpose2d to nothing",
            lambda x, w: F.conv_transpose2d(x, w, padding=1),
            (2, 1, 1, 1),
            (1, 2, 2, 2),
            differs=TRANSPOSED,
        ),
        corner(
            "conv_transpose1d, dilation 0",
            lambda x, w: F.conv_transpose1d(x, w, dilation=0),
            (2, 2, 3),
            (2, 5, 1),
            differs=TRANSPOSED,
        ),
    ],
)
def test_torch_and_the_analysis_agree(agree, function, tensors):
    agree("it", function, *tensors)
