"""Conditions: as a pencil simplifies them, and none lost that matters."""

import itertools
import random
from math import inf

import pytest
import sympy

from analyzer.symbolic.printing import in_words
from analyzer.symbolic.relations import canonical, interval, settled
from analyzer.symbolic.rounding import FloorDiv, gathered, symbol
from analyzer.symbolic.source import in_python

H, W, B = map(symbol, "HWB")
SIZES = {H: (1, inf), W: (1, inf), B: (1, inf)}


def _mod(number, by):
    return gathered(number - by * FloorDiv(number, by))


def _words(*decisions, bounds=SIZES):
    return [in_words(relation) for relation, _ in settled([(one, None) for one in decisions], bounds)]


@pytest.mark.parametrize(
    ("relation", "written"),
    [
        (FloorDiv(H - 31, 8) >= 4, ["H ≥ 63"]),
        (FloorDiv(H, 4) > 7, ["H ≥ 32"]),
        (FloorDiv(H, 4) <= 7, ["H ≤ 31"]),
        (sympy.Eq(_mod(H, 32), 0), ["H mod 32 = 0"]),
        (_mod(H, 32) <= 0, ["H mod 32 = 0"]),
        (_mod(H, 32) >= 31, ["H mod 32 = 31"]),
        (sympy.Ne(_mod(H, 32), 0), ["H mod 32 ≥ 1"]),
        (sympy.Eq(H, W), ["H = W"]),
        (sympy.Ne(2 * H, 7), []),  # an even number is not 7
        (sympy.Ne(B, 1), ["B ≥ 2"]),
        (sympy.Ne(B * H * W, 0), []),
        (sympy.Ne(B * FloorDiv(H, 4), 0), ["H ≥ 4"]),
        (sympy.Ne(B * H * W + 7, 0), []),
        (sympy.Eq(B, 3), ["B = 3"]),
        (_mod(H, 7) <= 6, []),
    ],
)
def test_one_condition_as_one_reads_it(relation, written):
    assert _words(relation) == written


def test_of_many_bounds_the_strongest_is_kept_and_what_follows_is_not():
    assert _words(H >= 5, FloorDiv(H, 4) >= 4, H >= 3, 2 * H + W >= 20, W <= 99, W <= 50) == ["H ≥ 16", "W ≤ 50"]
    assert _words(H >= 7, H <= 7) == ["H = 7"]
    assert _words(H >= 7, bounds={**SIZES, H: (8, inf)}) == []


def test_settled_conditions_hold_exactly_where_all_decisions_do():
    source = random.Random(7)
    parts = [H, W, FloorDiv(H, 4), FloorDiv(W + 3, 4), FloorDiv(H + 5, 8), _mod(H, 3), _mod(W, 4), H * W, H - W]
    grid = [{"H": h, "W": w} for h, w in itertools.product(range(1, 26), repeat=2)]
    for _ in range(150):
        decisions = []
        for _ in range(source.randint(1, 6)):
            left = source.choice(parts) * source.choice((1, 2, -1)) + source.choice((0, 0, source.choice(parts)))
            operator = source.choice((">", ">=", "<", "<=", "==", "!="))
            decisions.append(sympy.Rel(left, source.randint(-4, 12), operator))
        plain = [eval(f"lambda H, W: {in_python(one)}") for one in decisions if one.is_Relational]
        if sympy.false in decisions:
            continue
        kept = settled([(one, None) for one in decisions], SIZES)
        made = [eval(f"lambda H, W: {in_python(one)}") for one, _ in kept if one is not sympy.false]
        never = any(one is sympy.false for one, _ in kept)
        for sizes in grid:
            assert all(one(**sizes) for one in plain) == (not never and all(one(**sizes) for one in made)), decisions


def test_canonical_relations_say_the_same():
    assert canonical(sympy.And(H >= 2, W >= 3)) == (sympy.Ge(H, 2), sympy.Ge(W, 3))
    assert canonical(sympy.Gt(-2 * H, -9)) == (sympy.Le(H, 4),)
    assert canonical(sympy.Eq(2 * H, 2 * W + 1)) == (sympy.false,)


def test_intervals():
    assert interval(FloorDiv(H, 4) * W, {H: (8, 11), W: (3, inf)}) == (6, inf)
    assert interval(sympy.Max(H, 7) - W, {H: (1, 9), W: (2, 3)}) == (4, 7)
    assert interval(0 * H + H * 0 + 5, {}) == (5, 5)


def test_of_two_sums_with_numbers_the_stronger_is_kept():
    assert _words(H <= W, H <= W - 1) == ["H ≤ W − 1"]
    assert _words(H - FloorDiv(H + 2, 3) >= 0) == []  # a third, rounded up, is not more than the whole
    assert _words(H - FloorDiv(H + 3, 3) >= 0) == ["H ≥ ⌈(H + 1)/3⌉"]


def test_a_remainder_by_a_remainder():
    by = _mod(W, 6)
    assert _words(sympy.Eq(6 - by * FloorDiv(6, by), 0)) == ["6 mod (W mod 6) = 0"]
