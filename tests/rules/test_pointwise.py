"""Arithmetic, comparisons and choices: every spelling, torch's dtypes, one operation an element of the result."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from analyzer.errors import ShapeError
from analyzer.spec import TensorSpec
from rules import RULES

X, ROW, ZERO = TensorSpec((3, 5)), TensorSpec((5,)), TensorSpec(())
HALF, I32, I64 = (TensorSpec((3, 5), dtype) for dtype in (torch.float16, torch.int32, torch.int64))
BOOL, COMPLEX = TensorSpec((3, 5), torch.bool), TensorSpec((3, 5), torch.complex64)
Tensor = torch.Tensor


def test_add_and_sub_in_all_spellings(agree):
    agree(
        RULES, "add", [partial(torch.add, X, ROW), partial(Tensor.add, ROW, X), partial(Tensor.__radd__, X, 2)], add=15
    )
    agree(
        RULES, "sub", [partial(torch.sub, X, ROW), partial(torch.subtract, X, 2.0), partial(Tensor.sub, X, X)], add=15
    )
    agree(RULES, "rsub", [partial(torch.rsub, X, 2), partial(Tensor.__rsub__, X, 1)], add=15)


def test_a_factor_of_one_costs_nothing_and_any_other_one_mul(agree):
    agree(RULES, "add", [partial(torch.add, X, ROW, alpha=1)], add=15)
    agree(RULES, "add", [partial(torch.add, X, ROW, alpha=2), partial(Tensor.add, X, ROW, alpha=0.5)], add=15, mul=15)
    agree(RULES, "mul", [partial(torch.mul, X, 1), partial(torch.mul, X, 1.0)])
    agree(
        RULES, "mul", [partial(torch.mul, X, 2), partial(torch.multiply, X, ROW), partial(Tensor.mul, X, True)], mul=15
    )
    agree(
        RULES, "addcmul", [partial(torch.addcmul, X, ROW, X), partial(Tensor.addcmul, X, X, X, value=1)], mul=15, add=15
    )
    agree(RULES, "addcmul", [partial(torch.addcmul, X, ROW, X, value=2.0)], mul=30, add=15)
    agree(RULES, "addcdiv", [partial(torch.addcdiv, X, ROW, X)], div=15, add=15)
    agree(RULES, "addcdiv", [partial(torch.addcdiv, X, ROW, X, value=3)], div=15, add=15, mul=15)


def test_div(agree):
    calls = [partial(torch.div, X, ROW), partial(torch.div, I64, 2), partial(torch.true_divide, BOOL, I32)]
    agree(
        RULES,
        "div",
        [*calls, partial(Tensor.__rtruediv__, X, 1), partial(Tensor.div, X, 2, rounding_mode="floor")],
        div=15,
    )
    agree(RULES, "div", [partial(torch.div, I64, 2, rounding_mode="trunc")], div=15)


def test_lerp_is_two_add_and_one_mul(agree):
    agree(RULES, "lerp", [partial(torch.lerp, X, X, 0.5), partial(Tensor.lerp, X, X, ROW)], add=30, mul=15)


def test_choices_and_comparisons(agree):
    calls = [partial(torch.clamp, X, 0, 1), partial(torch.clip, X, ROW), partial(Tensor.clamp_min, I64, 0.5)]
    agree(RULES, "clamp", [*calls, partial(torch.clamp_max, X, ROW)], cmp=15)
    calls = [partial(torch.where, BOOL, X, 0.0), partial(torch.where, BOOL, 1, 2), partial(Tensor.where, I64, BOOL, X)]
    agree(RULES, "where", calls, cmp=15)
    agree(RULES, "eq", [partial(torch.eq, X, ROW), partial(Tensor.__eq__, COMPLEX, 1)], cmp=15)
    agree(
        RULES, "gt", [partial(torch.gt, X, ROW), partial(torch.greater, I64, 1.5), partial(Tensor.__gt__, X, 1)], cmp=15
    )
    agree(RULES, "abs", [partial(torch.abs, COMPLEX), partial(Tensor.abs, I32), partial(Tensor.__abs__, X)], cmp=15)
    agree(RULES, "maximum", [partial(torch.maximum, X, ROW)], cmp=15)
    agree(RULES, "isclose", [partial(torch.isclose, X, ROW)], cmp=15)
    agree(RULES, "isnan", [partial(torch.isnan, I64), partial(Tensor.isnan, COMPLEX)], cmp=15)


def test_everything_else_is_a_function(agree):
    agree(
        RULES, "pow", [partial(torch.pow, X, 2), partial(torch.pow, 2, I64), partial(Tensor.__pow__, I64, 2.0)], func=15
    )
    agree(RULES, "pow", [partial(Tensor.__rpow__, X, 2)], func=15)
    agree(RULES, "remainder", [partial(Tensor.__mod__, I64, 2), partial(Tensor.__rmod__, X, 2)], func=15)
    agree(RULES, "exp", [partial(torch.exp, I64), partial(Tensor.exp, HALF)], func=15)
    agree(RULES, "rsqrt", [partial(torch.rsqrt, BOOL)], func=15)
    agree(RULES, "erf", [partial(torch.erf, X), partial(torch.special.erf, I64)], func=15)
    agree(RULES, "bitwise_and", [partial(Tensor.__and__, BOOL, BOOL), partial(torch.bitwise_and, I64, 3)], func=15)
    agree(RULES, "bitwise_not", [partial(Tensor.__invert__, BOOL)], func=15)
    agree(RULES, "logical_or", [partial(torch.logical_or, X, I64)], func=15)
    agree(RULES, "round", [partial(torch.round, X, decimals=2), partial(torch.special.round, X)], func=15)
    agree(RULES, "frexp", [partial(torch.frexp, HALF)], func=15)
    agree(RULES, "polygamma", [partial(torch.polygamma, 1, X), partial(Tensor.polygamma, X, 1)], func=15)
    agree(RULES, "floor_divide", [partial(torch.floor_divide, I64, 2)], func=15)


def test_floor_division_by_operator_has_the_same_rule():
    for method in ("__floordiv__", "__rfloordiv__", "floor_divide", "floor_divide_"):
        assert RULES[method].name == "floor_divide"


@pytest.mark.parametrize("first", [X, ZERO, HALF, I32, I64, BOOL, COMPLEX, TensorSpec((), torch.float64)], ids=str)
@pytest.mark.parametrize(
    "second", [X, ZERO, HALF, I64, BOOL, COMPLEX, TensorSpec((), torch.int64), 2, 2.5, True, 2j], ids=str
)
def test_operands_promote_as_torch_promotes_them(first, second, agree):
    out = RULES[torch.mul].call_shape({"input": first, "other": second})
    agree(RULES, "mul", [partial(torch.mul, first, second)], mul=out.numel)


@pytest.mark.parametrize(
    "name", ["__iand__", "__ior__", "__ixor__", "__ilshift__", "__irshift__", "add_", "mul_", "clamp_"]
)
def test_in_place_spellings_have_a_rule(name):
    assert RULES[name].cost is not None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(torch.add, X, TensorSpec((3,))), "do not broadcast"),
        (partial(torch.add, I64, I64, alpha=1.5), "alpha"),
        (partial(torch.sub, BOOL, BOOL), "logical_xor"),
        (partial(torch.add, X, "one"), "'one'"),
        (partial(torch.bitwise_and, X, X), "whole numbers and bools"),
        (partial(torch.clamp, X), "min or max"),
        (partial(torch.clamp, COMPLEX, 0), "complex"),
        (partial(torch.lerp, X, HALF, 0.5), "one dtype"),
        (partial(torch.div, X, X, rounding_mode="up"), "rounding_mode"),
        (partial(torch.where, X, X, X), "condition must be bool"),
        (partial(torch.neg, BOOL), "operands must be numbers, got bool"),
        (partial(torch.lt, COMPLEX, X), "real numbers"),
        (partial(torch.maximum, X, 1), "other must be a tensor"),
        (partial(torch.addcdiv, I64, I64, I64), "whole numbers"),
        (partial(torch.round, I64, decimals=1), "decimals"),
        (partial(torch.heaviside, X, HALF), "one dtype"),
    ],
)
def test_what_torch_refuses_is_refused(call, words, rejects):
    rejects(RULES, call, words)


def test_a_condition_alone_gives_an_upper_bound():
    bound = RULES[torch.where].call_shape({"condition": BOOL, "input": None, "other": None})
    assert [spec.shape for spec in bound.spec] == [(15,), (15,)]
    assert "true" in bound.why


def test_no_operand_is_a_shape_error():
    with pytest.raises(ShapeError, match="at least one operand"):
        RULES[torch.pow].call_shape({"input": 2, "other": 3})
