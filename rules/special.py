"""Elementwise functions, comparisons, bits and logic, as tables: name, spellings, dtypes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.promotion import elementwise_spec, float_dtype, real_dtype, result_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_operands, check_tensor, spellings
from rules._results import (
    Dtype,
    bits,
    double,
    floating,
    inexact,
    no_bool,
    number,
    order,
    parts,
    real_float,
    real_number,
    real_only,
    same,
    to_bool,
    whole_only,
)

__all__ = ["RULES"]

RULES = RuleSet()


def _per_element(kind: str) -> Callable[..., Counts]:
    def cost(out: TensorSpec) -> Counts:
        return Counts(**{kind: out.numel})

    return cost


def _free(out: TensorSpec) -> Counts:
    return Counts()


_COSTS = {kind: _per_element(kind) for kind in ("add", "mul", "div", "cmp", "func")} | {"nothing": _free}


# Functions of two that take no plain number.
_TENSORS_ALONE = frozenset((
    *("maximum", "minimum", "fmax", "fmin", "atan2", "hypot", "nextafter"),
    *("logaddexp", "logaddexp2", "gcd", "lcm", "igamma", "igammac"),
))  # fmt: skip


def _family(name: str, targets: Iterable[Any], operands: int, dtype: Dtype, kind: str = "func") -> None:
    """One operation of one or two operands, ``kind`` of operation once an element of the result."""

    def one(input: TensorSpec) -> TensorSpec:
        return check_tensor(input, "input").with_dtype(dtype(input.dtype))

    tensors_alone = name in _TENSORS_ALONE

    def two(input: Any, other: Any) -> TensorSpec:
        check_operands(input, other)
        if tensors_alone:
            check_tensor(other, "other")
        return elementwise_spec(input, other, dtype=dtype(result_dtype(input, other)))

    shape: Callable[..., TensorSpec] = one if operands == 1 else two
    operand = "input" if operands == 1 else "input and other, broadcast"
    shape.__doc__ = (
        f"{name} of {operand}, elementwise.\n\nCost: one {kind} an element of the result.\nSource: torch.{name}"
    )
    if kind == "nothing":
        shape.__doc__ = shape.__doc__.replace("one nothing an element of the result", "nothing, it moves data")
    RULES.op(*targets, name=name)(shape).cost(_COSTS[kind])


def _special(*names: str) -> list[Any]:
    """Functions of torch.special, and the operators behind them."""
    aten = [getattr(torch.ops.aten, f"special_{name}", None) for name in names]
    return [*(getattr(torch.special, name) for name in names), *(packet for packet in aten if packet is not None)]


for _name, _targets in {
    "acos": spellings("acos", "arccos"),
    "acosh": spellings("acosh", "arccosh"),
    "asin": spellings("asin", "arcsin"),
    "asinh": spellings("asinh", "arcsinh"),
    "atan": spellings("atan", "arctan"),
    "atanh": spellings("atanh", "arctanh"),
    "cos": spellings("cos"),
    "cosh": spellings("cosh"),
    "sin": spellings("sin"),
    "sinh": spellings("sinh"),
    "tan": spellings("tan"),
    "exp": spellings("exp"),
    "exp2": [*spellings("exp2"), *_special("exp2")],
    "expm1": [*spellings("expm1"), *_special("expm1")],
    "log": spellings("log"),
    "log10": spellings("log10"),
    "log2": spellings("log2"),
    "log1p": [*spellings("log1p"), *_special("log1p")],
    "reciprocal": spellings("reciprocal"),
    "rsqrt": spellings("rsqrt"),
    "sqrt": spellings("sqrt"),
    "sinc": [*spellings("sinc"), *_special("sinc")],
}.items():
    _family(_name, _targets, 1, float_dtype)

for _name, _targets in {
    "digamma": [*spellings("digamma"), *_special("digamma", "psi")],
    "erf": [*spellings("erf"), *_special("erf")],
    "erfc": [*spellings("erfc"), *_special("erfc")],
    "erfinv": [*spellings("erfinv"), *_special("erfinv")],
    "lgamma": [*spellings("lgamma"), *_special("gammaln")],
    "i0": [*spellings("i0"), *_special("i0")],
    **{
        name: _special(name)
        for name in (
            *("airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "entr", "erfcx", "i0e", "i1", "i1e"),
            *(
                "log_ndtr",
                "modified_bessel_i0",
                "modified_bessel_i1",
                "modified_bessel_k0",
                "modified_bessel_k1",
                "ndtr",
            ),
            *("ndtri", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "spherical_bessel_j0"),
        )
    },
}.items():
    _family(_name, _targets, 1, real_float)

for _name, _targets, _dtype, _kind in (
    ("abs", spellings("abs", "absolute", "__abs__"), real_dtype, "cmp"),
    ("neg", spellings("neg", "negative", "__neg__"), number, "cmp"),
    ("sign", spellings("sign"), real_only, "cmp"),
    ("sgn", spellings("sgn"), same, "cmp"),
    ("signbit", spellings("signbit"), order, "cmp"),
    ("isnan", spellings("isnan"), to_bool, "cmp"),
    ("isinf", spellings("isinf"), to_bool, "cmp"),
    ("isfinite", spellings("isfinite"), to_bool, "cmp"),
    ("isneginf", spellings("isneginf"), order, "cmp"),
    ("isposinf", spellings("isposinf"), order, "cmp"),
    ("isreal", spellings("isreal"), to_bool, "cmp"),
    ("logical_not", spellings("logical_not"), to_bool, "func"),
    ("bitwise_not", spellings("bitwise_not", "__invert__"), bits, "func"),
    ("square", spellings("square"), no_bool, "func"),
    ("ceil", spellings("ceil"), real_number, "func"),
    ("floor", spellings("floor"), real_number, "func"),
    ("trunc", spellings("trunc", "fix"), real_number, "func"),
    ("frac", spellings("frac"), floating, "func"),
    ("angle", spellings("angle"), parts, "func"),
    ("deg2rad", spellings("deg2rad"), real_float, "mul"),
    ("rad2deg", spellings("rad2deg"), real_float, "mul"),
    ("conj_physical", spellings("conj_physical"), same, "cmp"),
):
    _family(_name, _targets, 1, _dtype, _kind)

for _name, _targets, _dtype in (
    ("eq", spellings("eq", "__eq__"), to_bool),
    ("ne", spellings("ne", "not_equal", "__ne__"), to_bool),
    ("lt", spellings("lt", "less", "__lt__"), order),
    ("le", spellings("le", "less_equal", "__le__"), order),
    ("gt", spellings("gt", "greater", "__gt__"), order),
    ("ge", spellings("ge", "greater_equal", "__ge__"), order),
    ("maximum", spellings("maximum"), real_only),
    ("minimum", spellings("minimum"), real_only),
    ("fmax", spellings("fmax"), real_only),
    ("fmin", spellings("fmin"), real_only),
):
    _family(_name, _targets, 2, _dtype, "cmp")

for _name, _targets, _dtype in (
    ("bitwise_and", spellings("bitwise_and", "__and__", "__rand__", "__iand__"), bits),
    ("bitwise_or", spellings("bitwise_or", "__or__", "__ror__", "__ior__"), bits),
    ("bitwise_xor", spellings("bitwise_xor", "__xor__", "__rxor__", "__ixor__"), bits),
    ("bitwise_left_shift", spellings("bitwise_left_shift", "__lshift__", "__rlshift__", "__ilshift__"), whole_only),
    ("bitwise_right_shift", spellings("bitwise_right_shift", "__rshift__", "__rrshift__", "__irshift__"), whole_only),
    ("logical_and", spellings("logical_and"), to_bool),
    ("logical_or", spellings("logical_or"), to_bool),
    ("logical_xor", spellings("logical_xor"), to_bool),
    ("floor_divide", spellings("floor_divide", "__floordiv__", "__rfloordiv__", "__ifloordiv__"), real_only),
    ("remainder", spellings("remainder", "__mod__", "__rmod__", "__imod__"), real_number),
    ("fmod", spellings("fmod"), real_number),
    ("pow", spellings("pow", "__pow__", "__rpow__", "__ipow__"), no_bool),
    ("float_power", spellings("float_power"), double),
    ("ldexp", spellings("ldexp"), float_dtype),
    ("atan2", spellings("atan2", "arctan2"), real_float),
    ("copysign", spellings("copysign"), real_float),
    ("hypot", spellings("hypot"), floating),
    ("nextafter", spellings("nextafter"), floating),
    ("logaddexp", spellings("logaddexp"), inexact),
    ("logaddexp2", spellings("logaddexp2"), inexact),
    ("gcd", spellings("gcd"), whole_only),
    ("lcm", spellings("lcm"), whole_only),
    ("igamma", [*spellings("igamma"), *_special("gammainc")], floating),
    ("igammac", [*spellings("igammac"), *_special("gammaincc")], floating),
    ("xlogy", [*spellings("xlogy"), *_special("xlogy")], real_float),
    ("xlog1py", _special("xlog1py"), real_float),
    ("zeta", _special("zeta"), real_float),
    *(
        (_name, _special(_name), real_float)
        for _name in (
            *("chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w"),
            *("shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v"),
            *("shifted_chebyshev_polynomial_w", "hermite_polynomial_h", "hermite_polynomial_he"),
            *("laguerre_polynomial_l", "legendre_polynomial_p"),
        )
    ),
):
    _family(_name, _targets, 2, _dtype)
