"""Where a property found that torch and the analysis differ: the smallest call each, until it is mended."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn


def differs(name, why, function, *shapes):
    """A row that fails until the rule is mended, and then says so."""
    tensors = [shape if shape is None else torch.zeros(shape) for shape in shapes]
    return pytest.param(function, tensors, id=name, marks=pytest.mark.xfail(reason=why, strict=True))


@pytest.mark.parametrize(
    ("function", "tensors"),
    [
        differs(
            "list past the end",
            "getitem: whole numbers in a list are not compared with the size",
            lambda x: x[[1]],
            (1,),
        ),
        differs(
            "padding of one number, reflect",
            "conv2d: torch fills the last dimension alone where padding is (n,) and its mode is not zeros",
            nn.Conv2d(2, 4, 1, padding=(1,), padding_mode="reflect"),
            (2, 2, 3),
        ),
        differs(
            "padding of one number, replicate",
            "conv2d: torch has no mode for padding (n,) of four dimensions, and refuses",
            nn.Conv2d(2, 4, 1, padding=(1,), padding_mode="replicate"),
            (1, 2, 3, 3),
        ),
        differs(
            "same with one number of dilation, reflect",
            "conv2d: torch fills no other dimension than the last where dilation is (n,) and the mode is not zeros",
            nn.Conv2d(2, 4, 3, padding="same", dilation=(1,), padding_mode="reflect"),
            (1, 2, 4, 4),
        ),
        differs(
            "lp_pool1d with a tuple",
            "lp_pool1d: torch multiplies by kernel_size, which must be a number",
            lambda x: F.lp_pool1d(x, 2.0, (1,)),
            (1, 1, 3),
        ),
        differs(
            "adaptive_max_pool1d of None",
            "adaptive_max_pool1d: torch takes no None as a size, unlike every other adaptive pool",
            lambda x: F.adaptive_max_pool1d(x, (None,)),
            (1, 1, 3),
        ),
        differs(
            "conv_transpose2d to nothing",
            "conv_transpose: torch gives a tensor without elements where padding leaves nothing of a batch",
            lambda x, w: F.conv_transpose2d(x, w, padding=1),
            (2, 1, 1, 1),
            (1, 2, 2, 2),
        ),
        differs(
            "conv_transpose2d of no batch",
            "conv_transpose: torch does not compare output_padding with the stride where the batch is empty",
            lambda x, w: F.conv_transpose2d(x, w, output_padding=1),
            (0, 1, 3, 3),
            (1, 1, 1, 1),
        ),
        differs(
            "conv_transpose1d, dilation 0",
            "conv_transpose: torch takes a dilation of 0 for a kernel of 1",
            lambda x, w: F.conv_transpose1d(x, w, dilation=0),
            (2, 2, 3),
            (2, 5, 1),
        ),
        differs(
            "conv1d of no batch",
            "conv: torch takes a dilation of 0 where the batch is empty",
            lambda x, w: F.conv1d(x, w, dilation=0),
            (0, 1, 3),
            (1, 1, 1),
        ),
        differs(
            "view of a transposed matrix",
            "view: a spec has no strides, so a view that torch cannot make without a copy is not seen",
            lambda x: x.t().view(-1),
            (2, 3),
        ),
        differs(
            "second ellipsis",
            "getitem: torch goes past the last dimension where an index follows a second ellipsis, and refuses",
            lambda x: x[..., ..., 0],
            (4, 2),
        ),
        differs(
            "repeat_interleave of a scalar",
            "repeat_interleave: torch refuses a dim for a tensor without dimensions, even 0",
            lambda x: x.repeat_interleave(2, 0),
            (),
        ),
        differs(
            "roll of nothing",
            "roll: torch does not look at dims where there are no elements",
            lambda x: x.roll(1, 4),
            (0,),
        ),
        differs(
            "mask of one dimension",
            "scaled_dot_product_attention: torch refuses a mask of one dimension on a query of four",
            F.scaled_dot_product_attention,
            (2, 4, 2, 5),
            (2, 4, 3, 5),
            (2, 4, 3, 5),
            (3,),
        ),
        differs(
            "one running statistic",
            "batch_norm: torch takes running_mean and running_var both or neither",
            lambda x, mean: F.batch_norm(x, mean, None, training=True),
            (2, 3),
            (3,),
        ),
        differs(
            "one running statistic of an instance",
            "instance_norm: torch takes running_mean and running_var both or neither",
            lambda x, var: F.instance_norm(x, None, var),
            (2, 3, 4),
            (3,),
        ),
    ],
)
def test_torch_and_the_analysis_agree(agree, function, tensors):
    agree("it", function, *tensors)
