from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from analyzer.spec import TensorSpec
from rules.pixel import RULES


@pytest.mark.parametrize("lead", [(), (2,), (2, 5)])
def test_spellings(agree, lead):
    x, y = TensorSpec((*lead, 12, 3, 5)), TensorSpec((*lead, 3, 6, 10), torch.uint8)
    agree(RULES, "pixel_shuffle", [partial(nn.PixelShuffle(2), x), partial(F.pixel_shuffle, x, 2)])
    agree(RULES, "pixel_unshuffle", [partial(nn.PixelUnshuffle(2), y), partial(torch.pixel_unshuffle, y, 2)])


def test_channels(agree):
    x = TensorSpec((2, 6, 5, 7))
    calls = [
        partial(nn.ChannelShuffle(3), x),
        partial(F.channel_shuffle, x, 3),
        partial(torch.native_channel_shuffle, x, 2),
    ]
    agree(RULES, "channel_shuffle", calls)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            partial(F.pixel_shuffle, TensorSpec((6, 3, 3)), 2),
            "input has 6 channels, which the square of upscale_factor",
        ),
        (partial(F.pixel_shuffle, TensorSpec((4, 3)), 2), "input must have 3 dimensions or more, got 2: (4, 3)"),
        (partial(F.pixel_shuffle, TensorSpec((4, 3, 3)), 0), "upscale_factor must be a positive whole number, got 0"),
        (partial(F.pixel_unshuffle, TensorSpec((4, 4, 3)), 2), "input is 4 by 3, both of which downscale_factor"),
        (partial(F.channel_shuffle, TensorSpec((2, 6, 5)), 4), "input has 6 channels, which groups must divide, got 4"),
        (partial(F.channel_shuffle, TensorSpec((2, 6)), 2), "input must have 3 dimensions or more, got 2"),
    ],
)
def test_refuses_what_torch_refuses(rejects, call, words):
    rejects(RULES, call, words)
