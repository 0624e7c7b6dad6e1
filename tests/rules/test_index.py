"""Square brackets: every kind of index against torch, masks as upper bounds, traffic of what is really read."""

from __future__ import annotations

import pytest
import torch

from analyzer.counts import Counts, Traffic
from analyzer.errors import ShapeError
from analyzer.rule import Bound
from analyzer.spec import TensorSpec
from rules import RULES

GET, SET = RULES["__getitem__"], RULES["__setitem__"]

SHAPE = (2, 3, 5, 7)
X = TensorSpec(SHAPE)
I = torch.zeros(11, dtype=torch.int64)
ONE, NONE, ALL = torch.tensor(0), None, slice(None)


def specs(value):
    if isinstance(value, torch.Tensor):
        return TensorSpec.of(value)
    return type(value)(map(specs, value)) if isinstance(value, (tuple, list)) else value


@pytest.mark.parametrize(
    "item",
    [
        0, -1, ..., NONE, ALL, (), True, False, slice(1, None), slice(-100, 1), slice(0, 2, 2), ONE, I, [0, 1],
        (0, ALL, 1), (..., 0), (NONE, ..., NONE), (ALL, slice(1, 3), slice(None, None, 3)), (..., slice(3, 1)),
        (I, 0, I), (ALL, 0, I), (0, ALL, I), (I, ALL, 0), (ALL, I, 0, I), (ALL, I, NONE, I), (I, NONE, ALL, I),
        (ALL, True, I), (ALL, ONE, ALL, I), (ONE, ALL, I), (I, ALL, ONE), (1, ALL, NONE, I), (I.reshape(11, 1), I),
        ([0, 1], [0, 2]), (ALL, [0, 1, 1], [0]), [[0, 1], [1, 0]], (I.int(), ..., I), range(2),
    ],
    ids=lambda item: str(item)[:40],
)  # fmt: skip
def test_every_index_gives_torchs_shape(item):
    bound = GET.bind((X, specs(item)), {})
    out = GET.call_shape(bound)
    assert out.shape == tuple(torch.zeros(SHAPE)[item].shape)
    assert GET.call_cost(bound, out) == Counts()


@pytest.mark.parametrize(
    ("mask_shape", "rest", "largest"),
    [
        ((2,), (), (2, 3, 5, 7)),
        ((2, 3), (), (6, 5, 7)),
        (SHAPE, (), (210,)),
        ((2, 3), (0,), (6, 7)),
        ((2,), (ALL, 0), (2, 3, 7)),
    ],
)
def test_a_mask_gives_all_rows_as_a_bound(mask_shape, rest, largest):
    where = TensorSpec(mask_shape, torch.bool)
    out = GET.call_shape(GET.bind((X, (where, *rest) if rest else where), {}))
    assert isinstance(out, Bound)
    assert out.spec.shape == largest
    assert out.spec.shape == tuple(torch.zeros(SHAPE)[(torch.ones(mask_shape, dtype=torch.bool), *rest)].shape)
    assert "mask" in out.why


def test_a_slice_to_a_number_in_a_tensor_is_bounded():
    out = GET.call_shape(GET.bind((X, (ALL, slice(1, TensorSpec((), torch.int64)))), {}))
    assert isinstance(out, Bound)
    assert out.spec.shape == (2, 2, 5, 7)


def test_a_view_moves_nothing_and_a_pick_reads_what_it_picks():
    view = GET.bind((X, (0, ALL)), {})
    assert GET.call_traffic(view, GET.call_shape(view)) == Traffic()
    pick = GET.bind((X, specs(I.clamp(0, 1))), {})
    assert GET.call_traffic(pick, GET.call_shape(pick)) == Traffic(read=11 * 105 * 4 + 11 * 8, written=11 * 105 * 4)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (2, "index must be from -2 to 1, got 2"),
        ((0, 0, 0, 0, 0), "got 5 for 4"),
        (1.0, "1.0"),
        ("a", "'a'"),
        (slice(None, None, -1), "step"),
        (slice(0.5, None), "0.5"),
        (I.float(), "int64, int32 or bool"),
        (torch.zeros(3, dtype=torch.bool), "a mask must have the shape of what it masks"),
        ((I, torch.zeros(3, dtype=torch.int64)), "do not broadcast"),
    ],
)
def test_a_wrong_index_is_refused(item, words):
    with pytest.raises((IndexError, TypeError, ValueError)):
        torch.zeros(SHAPE)[item]
    with pytest.raises(ShapeError) as caught:
        GET.call_shape(GET.bind((X, specs(item)), {}))
    assert words in str(caught.value)


def test_setitem_broadcasts_the_value_and_returns_the_tensor():
    for item, value in (
        (0, 1.0),
        (0, torch.zeros(7)),
        (I.clamp(0, 1), torch.zeros(5, 1)),
        (ALL, torch.zeros(1, 1, *SHAPE)),
    ):
        torch.zeros(SHAPE)[item] = value
        assert SET.call_shape(SET.bind((X, specs(item), specs(value)), {})) == X
    with pytest.raises(ShapeError, match="does not broadcast"):
        SET.call_shape(SET.bind((X, 0, TensorSpec((6,))), {}))
    row = SET.bind((X, 0, TensorSpec((7,))), {})
    assert SET.call_traffic(row, X) == Traffic(read=28, written=105 * 4)


def test_aten_index_counts_a_zero_dimensional_tensor_as_an_index():
    out = RULES[torch.ops.aten.index].call_shape({"input": X, "indices": [None, specs(ONE), None, specs(I)]})
    assert out.shape == tuple(torch.ops.aten.index(torch.zeros(SHAPE), [None, ONE, None, I]).shape)
