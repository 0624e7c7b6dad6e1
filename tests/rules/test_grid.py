from functools import partial

import pytest
import torch
from torch.nn import functional as F

from analyzer.spec import TensorSpec
from rules.grid import RULES

PLANE, VOLUME = TensorSpec((2, 3, 5, 7)), TensorSpec((2, 3, 5, 7, 11))
PLACES, DEEP = TensorSpec((2, 13, 17, 2)), TensorSpec((2, 13, 17, 19, 3))

ROWS = {
    "nearest": ([partial(F.grid_sample, PLANE, PLACES, mode="nearest", align_corners=False)], 1, {}),
    "bilinear": ([partial(F.grid_sample, PLANE, PLACES, align_corners=True)], 0, {"add": 1326 * 6, "mul": 1326 * 3}),
    "bicubic": (
        [partial(F.grid_sample, PLANE, PLACES, "bicubic", "reflection", False)],
        2,
        {"add": 1326 * 15, "mul": 1326 * 20},
    ),
}  # 1326 = 2·3·13·17


@pytest.mark.parametrize("row", ROWS)
def test_counts_in_every_spelling(agree, row):
    calls, number, counts = ROWS[row]
    calls = [
        *calls,
        partial(torch.grid_sampler, PLANE, PLACES, number, 0, False),
        partial(torch.grid_sampler_2d, PLANE, PLACES, number, 0, False),
    ]
    agree(RULES, "grid_sample", calls, **counts)


def test_in_three_dimensions(agree):
    calls = [
        partial(F.grid_sample, VOLUME, DEEP, align_corners=False),
        partial(torch.grid_sampler_3d, VOLUME, DEEP, 0, 1, True),
    ]
    agree(RULES, "grid_sample", calls, add=1326 * 19 * 14, mul=1326 * 19 * 7)


def test_affine(agree):
    agree(
        RULES, "affine_grid",
        [
            partial(F.affine_grid, TensorSpec((2, 2, 3)), (2, 3, 5, 7), align_corners=False),
            partial(F.affine_grid, TensorSpec((2, 2, 3)), torch.Size((2, 3, 5, 7)), False),
            partial(torch.affine_grid_generator, TensorSpec((2, 2, 3)), [2, 3, 5, 7], False),
        ],
        mac=2 * 35 * 2 * 3, dot=2 * 35 * 2,
    )  # fmt: skip
    deep = partial(F.affine_grid, TensorSpec((2, 3, 4)), (2, 3, 5, 7, 11), align_corners=False)
    agree(RULES, "affine_grid", [deep], mac=2 * 385 * 3 * 4, dot=2 * 385 * 3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(F.grid_sample, PLANE, TensorSpec((3, 4, 4, 2))), "the same batch size, got 2 and 3"),
        (partial(F.grid_sample, PLANE, TensorSpec((2, 4, 4, 3))), "grid must end in 2 coordinates, got 3"),
        (partial(F.grid_sample, PLANE, DEEP), "input and grid must both have 4 or 5 dimensions"),
        (partial(F.grid_sample, TensorSpec((2, 3, 4)), TensorSpec((2, 3, 1))), "must both have 4 or 5 dimensions"),
        (partial(F.grid_sample, PLANE, TensorSpec((2, 4, 4, 2), torch.float64)), "same dtype, got float32 and float64"),
        (partial(F.grid_sample, TensorSpec((2, 3, 0, 7)), PLACES), "input must have something to sample"),
        (partial(F.grid_sample, VOLUME, DEEP, "bicubic"), "input must have 4 dimensions for mode 'bicubic'"),
        (partial(F.grid_sample, PLANE, PLACES, "cubic"), "mode must be one of bilinear, nearest, bicubic, got 'cubic'"),
        (partial(F.grid_sample, PLANE, PLACES, padding_mode="wrap"), "padding_mode must be one of zeros, border"),
        (partial(F.affine_grid, TensorSpec((2, 2, 3)), (2, 3, 7)), "size must have 4 or 5 numbers, got (2, 3, 7)"),
        (partial(F.affine_grid, TensorSpec((2, 2, 3)), (3, 3, 5, 7)), "theta must have shape (3, 2, 3)"),
        (partial(F.affine_grid, TensorSpec((2, 2, 3)), (2, 3, 0, 7)), "size must be positive, got (2, 3, 0, 7)"),
        (partial(F.affine_grid, TensorSpec((2, 2, 3), torch.int64), (2, 3, 5, 7)), "theta must hold floating numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore:Default grid_sample")
def test_refuses_what_torch_refuses(rejects, call, words):
    rejects(RULES, call, words)
