from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from analyzer.spec import TensorSpec
from rules.resize import RULES

inner = torch._C._nn
LINE, PLANE, VOLUME = TensorSpec((2, 3, 5)), TensorSpec((2, 3, 5, 7)), TensorSpec((2, 3, 5, 7, 11))

ROWS = {
    "nearest moves data": (
        [
            partial(nn.Upsample(size=(11, 13)), PLANE),
            partial(nn.UpsamplingNearest2d((11, 13)), PLANE),
            partial(F.interpolate, PLANE, (11, 13)),
            partial(F.interpolate, TensorSpec((2, 3, 5, 7), torch.uint8), size=[11, 13], mode="nearest-exact"),
            partial(inner.upsample_nearest2d, PLANE, [11, 13]),
            partial(inner.upsample_nearest2d, PLANE, [11, 13], 2.2, 1.9),
            partial(inner.upsample_nearest2d, PLANE, None, [2.2, 1.9]),
            partial(inner._upsample_nearest_exact1d, LINE, [11]),
            partial(inner.upsample_nearest3d, VOLUME, None, [2.0, 1.5, 1.0]),
        ],
        {},
    ),
    "linear is one lerp": (
        [
            partial(nn.Upsample(13, mode="linear"), LINE),
            partial(F.interpolate, LINE, 13, mode="linear"),
            partial(inner.upsample_linear1d, LINE, [13], False),
            partial(inner.upsample_linear1d, LINE, None, True, [2.7]),
        ],
        {"add": 6 * 13 * 2, "mul": 6 * 13},
    ),
    "bilinear is three": (
        [
            partial(nn.Upsample((11, 13), mode="bilinear"), PLANE),
            partial(nn.UpsamplingBilinear2d((11, 13)), PLANE),
            partial(F.interpolate, PLANE, (11, 13), mode="bilinear", align_corners=True),
            partial(inner.upsample_bilinear2d, PLANE, [11, 13], False),
        ],
        {"add": 6 * 143 * 6, "mul": 6 * 143 * 3},
    ),
    "trilinear is seven": (
        [
            partial(nn.Upsample((3, 11, 13), mode="trilinear"), VOLUME),
            partial(F.interpolate, VOLUME, (3, 11, 13), None, "trilinear"),
            partial(inner.upsample_trilinear3d, VOLUME, [3, 11, 13], False),
        ],
        {"add": 6 * 3 * 143 * 14, "mul": 6 * 3 * 143 * 7},
    ),
    "bicubic is five sums of four": (
        [
            partial(nn.Upsample((11, 13), mode="bicubic"), PLANE),
            partial(F.interpolate, PLANE, (11, 13), mode="bicubic"),
            partial(inner.upsample_bicubic2d, PLANE, [11, 13], False),
        ],
        {"add": 6 * 143 * (4 * 3 + 3), "mul": 6 * 143 * (4 * 4 + 4)},
    ),
    # Along 7 to 3 each shrinks by 7/3: 2 · 7/3 = 4.67 is 5 taps; then along 5 to 11, which grows: 2 taps.
    "antialiased bilinear": (
        [
            partial(F.interpolate, PLANE, (11, 3), mode="bilinear", antialias=True),
            partial(inner._upsample_bilinear2d_aa, PLANE, [11, 3], False),
        ],
        {"mul": 6 * 5 * 3 * 5 + 6 * 11 * 3 * 2, "add": 6 * 5 * 3 * 4 + 6 * 11 * 3 * 1},
    ),
    # 4 · 7/3 = 9.33 is 10 taps, 4 · 5/2 = 10.
    "antialiased bicubic": (
        [
            partial(F.interpolate, PLANE, (2, 3), mode="bicubic", antialias=True),
            partial(inner._upsample_bicubic2d_aa, PLANE, [2, 3], False),
        ],
        {"mul": 6 * 5 * 3 * 10 + 6 * 2 * 3 * 10, "add": 6 * 5 * 3 * 9 + 6 * 2 * 3 * 9},
    ),
    # Windows of 7 over 3: 3, 3, 3 (0-3, 2-5, 4-7); of 5 over 2: 3, 3. Each output is a window of 9: 8 add, 1 div.
    "area is adaptive average pooling": (
        [partial(nn.Upsample((2, 3), mode="area"), PLANE), partial(F.interpolate, PLANE, (2, 3), mode="area")],
        {"add": 6 * 6 * 8, "div": 6 * 6},
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_counts_in_every_spelling(agree, row):
    calls, counts = ROWS[row]
    agree(RULES, "interpolate", calls, **counts)


@pytest.mark.parametrize("factor", [0.3, 0.5, 0.7, 1.0, 1.1, 1.3, 2, 2.3, 2.5, 3.3, 7 / 3, 1 / 3, 2.0000001])
def test_a_factor_rounds_down_as_torch_does(agree, factor):
    for size in (4, 5, 7, 10, 13, 20, 29, 31, 49, 50, 99, 100):
        x = TensorSpec((1, 1, size))
        calls = [
            partial(F.interpolate, x, scale_factor=factor),
            partial(F.interpolate, x, scale_factor=(factor,), recompute_scale_factor=True),
            partial(nn.Upsample(scale_factor=factor), x),
            partial(inner.upsample_nearest1d, x, None, [float(factor)]),
        ]
        agree(RULES, "interpolate", calls)


def test_an_empty_batch(agree):
    agree(RULES, "interpolate", [partial(F.interpolate, TensorSpec((0, 3, 5, 7)), (2, 3), mode="bilinear")])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(F.interpolate, PLANE), "one of size and scale_factor must be given, got None and None"),
        (partial(F.interpolate, PLANE, 4, 2), "one of size and scale_factor must be given, got 4 and 2"),
        (partial(F.interpolate, PLANE, (4,)), "size must have 2 numbers, one a spatial dimension, got (4,)"),
        (partial(F.interpolate, PLANE, scale_factor=(2,)), "scale_factor must have 2 numbers"),
        (partial(F.interpolate, PLANE, 4.5), "size must be whole numbers, got 4.5"),
        (partial(F.interpolate, PLANE, scale_factor="2"), "scale_factor must be numbers, got '2'"),
        (partial(F.interpolate, PLANE, 0), "input and output must have a positive size, got (5, 7) and (0, 0)"),
        (partial(F.interpolate, PLANE, scale_factor=0.1), "must have a positive size, got (5, 7) and (0, 0)"),
        (partial(F.interpolate, TensorSpec((2, 0, 5, 7)), 3), "input must have a channel, got (2, 0, 5, 7)"),
        (partial(F.interpolate, PLANE, 4, mode="linear"), "input must have 3 dimensions for mode 'linear', got 4"),
        (partial(F.interpolate, PLANE, 4, mode="cubic"), "mode must be one of nearest, nearest-exact, area"),
        (partial(F.interpolate, TensorSpec((3, 5)), 4), "input must have 3 or 4 or 5 dimensions for mode 'nearest'"),
        (partial(F.interpolate, PLANE, 4, align_corners=False), "align_corners goes with the interpolating modes"),
        (partial(F.interpolate, PLANE, 4, antialias=True), "antialias goes with bilinear, bicubic, lanczos alone"),
        (
            partial(F.interpolate, PLANE, 4, recompute_scale_factor=True),
            "recompute_scale_factor goes with scale_factor",
        ),
        (partial(F.interpolate, TensorSpec((2, 3, 5), torch.int64), 4), "input must hold floating numbers, got int64"),
    ],
)
def test_refuses_what_torch_refuses(rejects, call, words):
    rejects(RULES, call, words)
