"""A formula of sympy as Python that needs nothing else, and back; and its numbers, of ints or of NumPy's arrays."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from functools import lru_cache, reduce
from types import CodeType
from typing import Any

from analyzer.errors import InputError

__all__ = ["FUNCTIONS", "compiled", "evaluated", "in_python", "parsed", "to_python"]


def in_python(expr: Any) -> str:
    """A formula, or a relation, as Python source, in whole numbers.

    >>> from analyzer.symbolic.rounding import FloorDiv, symbol
    >>> H = symbol("H")
    >>> in_python(9408 * FloorDiv(H + 1, 2) ** 2), in_python(FloorDiv(H - 7, 8) * (H + 3))
    ('9408*((H + 1)//2)**2', '(H + 3)*((H - 7)//8)')
    """
    if expr.is_Relational:
        return f"{in_python(expr.lhs)} {expr.rel_op} {in_python(expr.rhs)}"
    name = type(expr).__name__
    if name in ("And", "Or"):
        return {"And": " & ", "Or": " | "}[name].join(f"({text})" for text in sorted(map(in_python, expr.args)))
    if expr.is_Add:
        return " + ".join(map(in_python, _ordered(expr.args))).replace("+ -", "- ")
    if expr.is_Mul:
        return _product(expr)
    if expr.is_Pow:
        if not expr.exp.is_Integer:
            return f"sqrt({in_python(expr.base)})" if expr.exp * 2 == 1 else f"{_factor(expr.base)}**{float(expr.exp)}"
        return f"{_factor(expr.base)}**{_factor(expr.exp)}"
    if name == "FloorDiv":
        return f"{_factor(expr.args[0])}//{_factor(expr.args[1])}"
    if name in _CALLS:
        return f"{_CALLS[name]}({', '.join(map(in_python, _ordered(expr.args)))})"
    return repr(float(expr)) if expr.is_Float else str(expr)


_CALLS = {"Max": "max", "Min": "min", "floor": "floor", "ceiling": "ceil", "CeilLog2": "ceil_log2", "Round": "round"}


def _product(expr: Any) -> str:
    number, rest = expr.as_coeff_Mul()
    if number.is_Rational and not number.is_Integer:
        return f"{_factor(number.p * rest)}/{number.q}"
    factors, below = [], []
    for factor in _ordered(rest.args if rest.is_Mul else (rest,)):
        if factor.is_Pow and factor.exp.is_negative:
            below.append(1 / factor)
        else:
            factors.append(_factor(factor))
    front = "-" if number == -1 and factors else ""
    text = front + "*".join(([in_python(number)] if abs(number) != 1 or (not factors and not front) else []) + factors)
    return "/".join([text, *map(_factor, below)])


def _ordered(parts: Any) -> list[Any]:
    return sorted(parts, key=lambda part: (part.is_number, not part.is_Symbol, part.sort_key()))


def _factor(expr: Any) -> str:
    text = in_python(expr)
    plain = expr.is_Symbol or (expr.is_Integer and expr >= 0) or expr.is_Pow or type(expr).__name__ in _CALLS
    return text if plain else f"({text})"


# --- back -------------------------------------------------------------------------------------------------------------

_NODES = (
    *(ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.Name, ast.Load, ast.Constant),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.USub, ast.BitAnd, ast.BitOr),
    *(ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE),
)


@lru_cache(maxsize=4096)
def _checked(text: str) -> tuple[ast.Expression, CodeType]:
    """The code of a formula, which may come from a file: arithmetic, comparisons and the functions below alone.

    Raises:
        InputError: it is something else.
    """
    try:
        tree = ast.parse(text.strip(), "<formula>", "eval")
    except (SyntaxError, ValueError):
        raise InputError(f"{text!r:.80} is no formula: H % 32 == 0, or B*S <= 4096") from None
    for node in ast.walk(tree):
        called = isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS)
        number = isinstance(node, ast.Constant) and type(node.value) not in (int, float)
        if not isinstance(node, _NODES) or called or number:
            raise InputError(f"{text!r:.80} is no formula: whole numbers, names, + - * // % and comparisons make one")
    return tree, compile(tree, "<formula>", "eval")


def parsed(text: str) -> Any:
    """A formula of sympy from its source.

    Raises:
        InputError: it is no formula.

    >>> parsed("H % 32 == 0"), parsed("3*((H + 1)//2)")
    (Eq(H - 32*FloorDiv(H, 32), 0), 3*FloorDiv(H + 1, 2))
    """
    return _parse(_checked(text)[0].body, text)


def _parse(node: ast.AST, text: str) -> Any:
    import sympy

    from analyzer.symbolic.rounding import CeilLog2, FloorDiv, Round, symbol

    def parse(part: ast.AST) -> Any:
        return _parse(part, text)

    if isinstance(node, ast.Constant):
        return sympy.sympify(node.value)
    if isinstance(node, ast.Name):
        return symbol(node.id)
    if isinstance(node, ast.UnaryOp):
        return -parse(node.operand)
    if isinstance(node, ast.Call):
        made = {"max": sympy.Max, "min": sympy.Min, "floor": sympy.floor, "ceil": sympy.ceiling, "sqrt": sympy.sqrt}
        made |= {"ceil_log2": CeilLog2, "round": Round}
        return made[node.func.id](*map(parse, node.args))  # type: ignore[attr-defined]
    if isinstance(node, ast.Compare):
        kinds = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
        sides = list(map(parse, (node.left, *node.comparators)))
        pairs = zip(sides, node.ops, sides[1:], strict=False)
        return sympy.And(*(sympy.Rel(left, right, kinds[type(op)]) for left, op, right in pairs))
    if not isinstance(node, ast.BinOp):
        raise InputError(f"{text!r:.80} is no formula")
    left, right = parse(node.left), parse(node.right)
    operations: dict[type, Callable[[], Any]] = {
        ast.Add: lambda: left + right,
        ast.Sub: lambda: left - right,
        ast.Mult: lambda: left * right,
        ast.Div: lambda: left / right,
        ast.FloorDiv: lambda: FloorDiv(left, right),
        ast.Mod: lambda: left - right * FloorDiv(left, right),
        ast.Pow: lambda: left**right,
        ast.BitAnd: lambda: sympy.And(left, right),
        ast.BitOr: lambda: sympy.Or(left, right),
    }
    return operations[type(node.op)]()


# --- numbers ----------------------------------------------------------------------------------------------------------


def _elementwise(numpy_name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    def function(*values: Any) -> Any:
        if not any(hasattr(value, "shape") for value in values):
            return plain(*values)
        import numpy

        if len(values) == 1:
            made = getattr(numpy, numpy_name)(numpy.asarray(values[0], dtype=float))
            return made if numpy_name == "sqrt" else made.astype(numpy.int64)
        return reduce(getattr(numpy, numpy_name), values)

    return function


def _ceil_log2(number: Any) -> Any:
    if not hasattr(number, "shape"):
        return max(number - 1, 0).bit_length()
    import numpy

    return numpy.frexp(numpy.maximum(number - 1, 0).astype(float))[1].astype(numpy.int64)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "ceil_log2": _ceil_log2,
    "round": _elementwise("rint", round),
    "max": _elementwise("maximum", max),
    "min": _elementwise("minimum", min),
    "floor": _elementwise("floor", math.floor),
    "ceil": _elementwise("ceil", math.ceil),
    "sqrt": _elementwise("sqrt", math.sqrt),
}


def compiled(text: str) -> Callable[[Mapping[str, Any]], Any]:
    """A function of the sizes by name.

    >>> compiled("3*((H + 1)//2)")({"H": 4})
    6
    """
    code = _checked(text)[1]
    room = {"__builtins__": {}, **FUNCTIONS}
    return lambda sizes: eval(code, room, dict(sizes))


def evaluated(text: str, sizes: Mapping[str, Any]) -> Any:
    """The exact numbers of a formula: ints, or an array where a size is one.

    Arrays are of int64 where nothing in between can pass its limits, and else of Python's ints, which have none.
    """
    arrays = {name for name, size in sizes.items() if hasattr(size, "shape")}
    if not arrays:
        return compiled(text)(sizes)
    import numpy

    most = {name: int(abs(size).max(initial=0)) if name in arrays else abs(size) for name, size in sizes.items()}
    kind = numpy.int64 if _largest(_checked(text)[0].body, most) < 1 << 63 else object
    return compiled(text)({name: numpy.asarray(size).astype(kind) for name, size in sizes.items()})


def _largest(node: ast.AST, most: Mapping[str, int]) -> int:
    """What no number on the way to a formula's value is larger than, for sizes of at most these."""
    if isinstance(node, ast.Constant):
        return math.ceil(abs(node.value))  # type: ignore[arg-type]
    if isinstance(node, ast.Name):
        return most[node.id]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return max(_largest(node.left, most), 1) * max(_largest(node.right, most), 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return int(max(_largest(node.left, most), 1) ** max(_largest(node.right, most), 1))
    parts = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    if isinstance(node, ast.Call):
        return max(_largest(part, most) for part in node.args)
    return sum(_largest(part, most) for part in parts)


def to_python(expr: Any) -> Callable[[Mapping[str, Any]], Any]:
    """A function of the sizes by name, of a formula of sympy."""
    return compiled(in_python(expr))
