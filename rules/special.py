"""Elementwise functions, comparisons, bits and logic, as tables: name, spellings, dtypes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import elementwise_spec, float_dtype, real_dtype, result_dtype
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_operands, check_tensor, spellings

__all__ = ["RULES"]

RULES = RuleSet()

# What becomes of the dtype that the operands meet in; it refuses those that the operation does not take.
Dtype = Callable[[torch.dtype], torch.dtype]


def _same(dtype: torch.dtype) -> torch.dtype:
    return dtype


def _real(dtype: torch.dtype) -> torch.dtype:
    if dtype.is_complex:
        raise ShapeError(f"takes real numbers, got {dtype}")
    return dtype


def _bits(dtype: torch.dtype) -> torch.dtype:
    if dtype.is_complex or dtype.is_floating_point:
        raise ShapeError(f"takes whole numbers and bools, got {dtype}")
    return dtype


def _whole(dtype: torch.dtype) -> torch.dtype:
    if dtype is torch.bool:
        raise ShapeError(f"takes whole numbers, got {dtype}")
    return _bits(dtype)


def _number(dtype: torch.dtype) -> torch.dtype:
    if dtype is torch.bool:
        raise ShapeError(f"takes numbers, got {dtype}")
    return dtype


def _real_number(dtype: torch.dtype) -> torch.dtype:
    return _real(_number(dtype))


def _real_float(dtype: torch.dtype) -> torch.dtype:
    return float_dtype(_real(dtype))


def _floating(dtype: torch.dtype) -> torch.dtype:
    if not dtype.is_floating_point:
        raise ShapeError(f"takes floating point numbers, got {dtype}")
    return dtype


def _inexact(dtype: torch.dtype) -> torch.dtype:
    if not dtype.is_floating_point and not dtype.is_complex:
        raise ShapeError(f"takes floating point and complex numbers, got {dtype}")
    return dtype


def _no_bool(dtype: torch.dtype) -> torch.dtype:
    return torch.int64 if dtype is torch.bool else dtype


def _parts(dtype: torch.dtype) -> torch.dtype:
    return real_dtype(float_dtype(dtype))


def _to_bool(dtype: torch.dtype) -> torch.dtype:
    return torch.bool


def _order(dtype: torch.dtype) -> torch.dtype:
    _real(dtype)
    return torch.bool


def _double(dtype: torch.dtype) -> torch.dtype:
    return torch.complex128 if dtype.is_complex else torch.float64


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
    _family(_name, _targets, 1, _real_float)

for _name, _targets, _dtype, _kind in (
    ("abs", spellings("abs", "absolute", "__abs__"), real_dtype, "cmp"),
    ("neg", spellings("neg", "negative", "__neg__"), _number, "cmp"),
    ("sign", spellings("sign"), _real, "cmp"),
    ("sgn", spellings("sgn"), _same, "cmp"),
    ("signbit", spellings("signbit"), _order, "cmp"),
    ("isnan", spellings("isnan"), _to_bool, "cmp"),
    ("isinf", spellings("isinf"), _to_bool, "cmp"),
    ("isfinite", spellings("isfinite"), _to_bool, "cmp"),
    ("isneginf", spellings("isneginf"), _order, "cmp"),
    ("isposinf", spellings("isposinf"), _order, "cmp"),
    ("isreal", spellings("isreal"), _to_bool, "cmp"),
    ("logical_not", spellings("logical_not"), _to_bool, "func"),
    ("bitwise_not", spellings("bitwise_not", "__invert__"), _bits, "func"),
    ("square", spellings("square"), _no_bool, "func"),
    ("ceil", spellings("ceil"), _real_number, "func"),
    ("floor", spellings("floor"), _real_number, "func"),
    ("trunc", spellings("trunc", "fix"), _real_number, "func"),
    ("frac", spellings("frac"), _floating, "func"),
    ("angle", spellings("angle"), _parts, "func"),
    ("deg2rad", spellings("deg2rad"), _real_float, "mul"),
    ("rad2deg", spellings("rad2deg"), _real_float, "mul"),
    ("conj_physical", spellings("conj_physical"), _same, "cmp"),
):
    _family(_name, _targets, 1, _dtype, _kind)

for _name, _targets, _dtype in (
    ("eq", spellings("eq", "__eq__"), _to_bool),
    ("ne", spellings("ne", "not_equal", "__ne__"), _to_bool),
    ("lt", spellings("lt", "less", "__lt__"), _order),
    ("le", spellings("le", "less_equal", "__le__"), _order),
    ("gt", spellings("gt", "greater", "__gt__"), _order),
    ("ge", spellings("ge", "greater_equal", "__ge__"), _order),
    ("maximum", spellings("maximum"), _real),
    ("minimum", spellings("minimum"), _real),
    ("fmax", spellings("fmax"), _real),
    ("fmin", spellings("fmin"), _real),
):
    _family(_name, _targets, 2, _dtype, "cmp")

for _name, _targets, _dtype in (
    ("bitwise_and", spellings("bitwise_and", "__and__", "__rand__", "__iand__"), _bits),
    ("bitwise_or", spellings("bitwise_or", "__or__", "__ror__", "__ior__"), _bits),
    ("bitwise_xor", spellings("bitwise_xor", "__xor__", "__rxor__", "__ixor__"), _bits),
    ("bitwise_left_shift", spellings("bitwise_left_shift", "__lshift__", "__rlshift__", "__ilshift__"), _whole),
    ("bitwise_right_shift", spellings("bitwise_right_shift", "__rshift__", "__rrshift__", "__irshift__"), _whole),
    ("logical_and", spellings("logical_and"), _to_bool),
    ("logical_or", spellings("logical_or"), _to_bool),
    ("logical_xor", spellings("logical_xor"), _to_bool),
    ("floor_divide", spellings("floor_divide", "__floordiv__", "__rfloordiv__", "__ifloordiv__"), _real),
    ("remainder", spellings("remainder", "__mod__", "__rmod__", "__imod__"), _real_number),
    ("fmod", spellings("fmod"), _real_number),
    ("pow", spellings("pow", "__pow__", "__rpow__", "__ipow__"), _no_bool),
    ("float_power", spellings("float_power"), _double),
    ("ldexp", spellings("ldexp"), float_dtype),
    ("atan2", spellings("atan2", "arctan2"), _real_float),
    ("copysign", spellings("copysign"), _real_float),
    ("hypot", spellings("hypot"), _floating),
    ("nextafter", spellings("nextafter"), _floating),
    ("logaddexp", spellings("logaddexp"), _inexact),
    ("logaddexp2", spellings("logaddexp2"), _inexact),
    ("gcd", spellings("gcd"), _whole),
    ("lcm", spellings("lcm"), _whole),
    ("igamma", [*spellings("igamma"), *_special("gammainc")], _floating),
    ("igammac", [*spellings("igammac"), *_special("gammaincc")], _floating),
    ("xlogy", [*spellings("xlogy"), *_special("xlogy")], _real_float),
    ("xlog1py", _special("xlog1py"), _real_float),
    ("zeta", _special("zeta"), _real_float),
    *(
        (_name, _special(_name), _real_float)
        for _name in (
            *("chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w"),
            *("shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v"),
            *("shifted_chebyshev_polynomial_w", "hermite_polynomial_h", "hermite_polynomial_he"),
            *("laguerre_polynomial_l", "legendre_polynomial_p"),
        )
    ),
):
    _family(_name, _targets, 2, _dtype)
