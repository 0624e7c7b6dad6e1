"""Budgets and crossings: against a pencil, and against trying every size."""

import pytest
from torch import nn

from analyzer import InputError, TensorSpec, analyze
from analyzer.symbolic.search import crossing, largest


def sizes_of(function, *shapes):
    return analyze(function, tuple(TensorSpec(shape) for shape in shapes)).total("macs")


def test_the_largest_batch_is_the_quotient():
    macs = analyze(nn.Linear(11, 13), TensorSpec(("B", 11))).total("macs")
    assert largest(macs, "B", 10**13) == 10**13 // 143
    assert largest(macs, "B", 143) == 1


def test_a_quadratic_budget():
    macs = sizes_of(lambda x: x @ x.mT, ("S", 7))
    assert largest(macs, "S", 7 * 29**2) == 29
    assert largest(macs, "S", 7 * 29**2 - 1) == 28


def test_rounding_up_keeps_the_last_size_of_a_step():
    macs = analyze(nn.Conv1d(3, 5, 7, stride=4, padding=3, bias=False), TensorSpec((1, 3, "L"))).total("macs")
    assert largest(macs, "L", 105 * 11) == 44  # ⌈44/4⌉ = 11
    assert largest(macs, "L", 105 * 12 - 1) == 44


def test_a_budget_too_small_or_of_no_meaning_is_one_sentence():
    macs = sizes_of(lambda x, w: x @ w, ("B", "S", 7), (7, 5))
    with pytest.raises(InputError, match=r"no B is within 104: B = 1 takes 105"):
        largest(macs, "B", 104, S=3)
    with pytest.raises(InputError, match="does not depend on H, but on B, S"):
        largest(macs, "H", 104, S=3)
    with pytest.raises(InputError, match="say the size of S too"):
        largest(macs, "B", 1000)
    with pytest.raises(InputError, match="does not depend on B, but on nothing"):
        largest(105, "B", 1000)


def test_conditions_bound_the_answer():
    def forward(x):
        return x @ x.mT if x.shape[0] <= 100 else x

    macs = analyze(forward, TensorSpec(("S", 7)), hints={"S": 50}).total("macs")
    assert largest(macs, "S", 10**9) == 100


def test_sizes_that_a_condition_leaves_out_are_stepped_over():
    def forward(x):
        assert x.shape[0] % 8 == 0
        return x @ x.mT

    macs = analyze(forward, TensorSpec(("S", 7)), hints={"S": 64}).total("macs")
    assert largest(macs, "S", 7 * 39**2) == 32


def test_all_of_several_formulas_are_within():
    square, line = sizes_of(lambda x: x @ x.mT, ("S", 7)), sizes_of(lambda x, w: x @ w, ("S", 7), (7, 700))
    assert largest([square, line, 10], "S", 4900 * 30) == 30  # 4,900·S binds, 7·S² would let pass 144
    with pytest.raises(InputError, match="no S is within"):
        largest([square, 10**9], "S", 4900 * 30)


def test_where_one_outgrows_the_other():
    square = sizes_of(lambda x: x @ x.mT, ("S", 7))
    assert crossing(square, 7 * 41**2, "S") == 42
    assert crossing(7 * 41**2, square, "S") is None
    line = sizes_of(lambda x, w: x @ w, ("S", 7), (7, 29))
    assert crossing(square, line, "S") == 30
    assert crossing(line, square, "S") is None
    assert crossing(2 * line, line, "S") == 1


@pytest.mark.parametrize(("stride", "width"), [(2, 3), (3, 5), (5, 7)])
def test_rounded_formulas_cross_where_trying_says_so(stride, width):
    def strided(x):
        short = x[::stride]
        return short @ short.mT

    square, line = sizes_of(strided, ("S", 7)), sizes_of(lambda x, w: x @ w, ("S", 7), (7, width * 11))
    found = crossing(square, line, "S")
    above = [size for size in range(1, 4000) if square.at(S=size) > line.at(S=size)]
    assert above[-1] == 3999
    assert found == min(size for size in above if set(range(size, 4000)) <= set(above))


def test_a_formula_that_falls_in_places_is_searched_too():
    size = sizes_of(lambda x, w: x @ w, ("S", 1), (1, 1))
    cost = size + 6 * (size % 4)
    assert [cost.at(S=size) for size in (7, 8, 9)] == [25, 8, 15]
    for budget in (4, 24, 25, 26, 100):
        best = max(size for size in range(1, 200) if size + 6 * (size % 4) <= budget)
        assert largest(cost, "S", budget) == best
