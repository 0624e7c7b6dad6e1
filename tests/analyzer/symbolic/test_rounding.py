"""Roundings in one form: equal to Python's // on random numbers, and the forms that a pencil gives."""

import random

import pytest
import sympy

from analyzer.symbolic.printing import in_words
from analyzer.symbolic.rounding import FloorDiv, gathered, normal, products, remainder, symbol, value

H, W, B = map(symbol, "HWB")


@pytest.mark.parametrize(
    ("made", "written"),
    [
        (FloorDiv(FloorDiv(H, 4) + 6, 7), "⌈(H − 3)/28⌉"),  # ⌈⌊H/4⌋/7⌉
        (FloorDiv(FloorDiv(H - 1, 2) + 1 - 1, 2) + 1, "⌊(H − 1)/4⌋ + 1"),
        (gathered(FloorDiv(H - 1, 2) + 1), "⌈H/2⌉"),  # a convolution of stride 2
        (gathered(H - FloorDiv(H, 2)), "⌈H/2⌉"),
        (gathered(FloorDiv(H, 4) - FloorDiv(H, 8)), "⌈(H − 3)/8⌉"),  # ⌈⌊H/4⌋/2⌉
        (gathered(B * FloorDiv(H, 4) - B * FloorDiv(H, 8)), "B·⌈(H − 3)/8⌉"),
        (-FloorDiv(-H, 7), "⌈H/7⌉"),
        (-7 * FloorDiv(-H, 7), "7·⌈H/7⌉"),
        (FloorDiv(FloorDiv(H - 11 + 4, 4) + 1 - 3, 2) + 1, "⌊(H − 15)/8⌋ + 1"),
        (FloorDiv(6 * H + 9, 4), "⌈(3·H + 3)/2⌉"),
        (FloorDiv(B * H * W, B * H), "W"),
        (H - 32 * FloorDiv(H, 32), "H mod 32"),
        (FloorDiv(H, -3), "−⌈H/3⌉"),
    ],
)
def test_forms(made, written):
    assert in_words(made) == written


def _random(source, depth):
    """A formula and the same in Python."""
    if depth == 0:
        name = source.choice("HW")
        return symbol(name), lambda sizes: sizes[name]
    one, first = _random(source, depth - 1)
    number, by = source.randint(-9, 9), source.randint(1, 9)
    kind = source.randrange(4)
    if kind == 0:
        return gathered(one + number), lambda sizes: first(sizes) + number
    if kind == 1:
        return FloorDiv(one + number, by), lambda sizes: (first(sizes) + number) // by
    other, second = _random(source, depth - 1)
    if kind == 2:
        return gathered(one - other), lambda sizes: first(sizes) - second(sizes)
    return gathered(one - by * FloorDiv(one, by)), lambda sizes: first(sizes) % by


def test_every_form_is_the_number_that_python_gives():
    source = random.Random(20260)
    for _ in range(300):
        expr, plain = _random(source, source.randint(1, 5))
        for _ in range(5):
            sizes = {"H": source.randint(1, 500), "W": source.randint(1, 500)}
            assert value(sympy.sympify(expr), sizes) == plain(sizes), in_words(expr)


def test_normal_form_moves_whole_numbers_out_of_roundings():
    assert normal(products(3 * FloorDiv(H + 8, 4))) == normal(products(3 * FloorDiv(H, 4) + 6))
    assert normal(products(FloorDiv(H + 7, 4))) != normal(products(FloorDiv(H, 4) + 2))


def test_a_rounding_stays_as_it_is_when_put_together_again():
    made = FloorDiv(H - 8, 8)  # sympy's own floor would pull the 1 out
    assert made.func(*made.args) == made
    assert made.xreplace({H: W}) == FloorDiv(W - 8, 8)
    assert made.xreplace({H: sympy.Integer(24)}) == 2


def test_remainders_are_found_behind_merged_roundings():
    inner = FloorDiv(H, 4)
    assert remainder(inner - 2 * FloorDiv(inner, 2)) == (inner, 2, 0)
    assert remainder(inner - 7 * FloorDiv(inner - 1, 7)) == (inner - 1, 7, 1)
    assert remainder(inner - 3 * FloorDiv(H, 8)) is None
    assert remainder(H - W) is None
