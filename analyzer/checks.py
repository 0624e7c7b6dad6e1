"""Branches that merely check: an assert, an if that raises or warns, a look for NaN. On data they are taken to pass."""

from __future__ import annotations

import ast
import dis
import linecache
import sys
from functools import lru_cache
from itertools import islice
from types import CodeType, FrameType

from analyzer.frames import is_own

__all__ = ["passing", "passing_number"]

Place = tuple[int | None, int | None, int | None, int | None]

# What a look for numbers that should not be there comes to where they are not.
_SOUND = {"isnan": False, "isinf": False, "isneginf": False, "isposinf": False, "isfinite": True}
# What a line is that only tells somebody: ``warnings.warn(...)``, ``logger.warning_once(...)``, ``print(...)``.
_TELLS = frozenset("warn warning warning_once warn_once error info debug critical exception log print".split())


def passing() -> bool | None:
    """What the condition that is being asked for must be, for the check that it stands in to pass.

    None where it stands in no check: both ways of the branch go on with the model.
    """
    frame = _asking()
    return None if frame is None else _passing(frame.f_code, frame.f_lasti)


def passing_number() -> int | float | None:
    """A number that lets the check pass in which it is compared, as in ``assert lengths.max().item() <= 512``.

    None where it is compared in no check, or with what is more than names, numbers and arithmetic.
    """
    frame = _asking()
    if frame is None:
        return None
    place = _place_of(frame.f_code, frame.f_lasti)
    for test, answer in _checks(frame.f_code.co_filename):
        match test:
            case ast.Compare(left=left, ops=[operator], comparators=[other]) if _place(left) == place:
                step = _STEPS.get(type(operator)) if answer else _STEPS.get(_OPPOSITES.get(type(operator), ast.In))
                if step is None or not all(isinstance(node, _PLAIN) for node in ast.walk(other)):
                    return None
                limit = eval(compile(ast.Expression(other), "check", "eval"), frame.f_globals, frame.f_locals)
                return limit + step if isinstance(limit, (int, float)) else None
    return None


# What lies to the right side of a limit, for each comparison; and what each is where it must not hold.
_STEPS: dict[type[ast.cmpop], int] = {ast.LtE: 0, ast.GtE: 0, ast.Eq: 0, ast.Lt: -1, ast.Gt: 1, ast.NotEq: 1}
_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Lt: ast.GtE, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
}  # fmt: skip
# Expressions that can be read a second time: nothing in them is called.
_PLAIN = (
    *(ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.UnaryOp, ast.BinOp),
    *(ast.operator, ast.unaryop, ast.expr_context),
)


def _asking() -> FrameType | None:
    """The innermost frame that is not the analyzer's."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and is_own(frame.f_code):
        frame = frame.f_back
    return frame


def _place_of(code: CodeType, instruction: int) -> Place:
    # A conditional jump has the whole statement's place in the text: what it asks about was made just before.
    if "JUMP" in dis.opname[code.co_code[instruction]]:
        instruction -= 2
    line, end, start, stop = next(islice(code.co_positions(), instruction // 2, None), (None,) * 4)
    return (line, start, end, stop)


@lru_cache(maxsize=1024)
def _passing(code: CodeType, instruction: int) -> bool | None:
    place = _place_of(code, instruction)
    for test, answer in _checks(code.co_filename):
        needed = _needed(test, place, answer)
        if needed is not None:
            return needed
    calls = (node for node in ast.walk(_tree(code.co_filename)) if isinstance(node, ast.Call))
    return next((_sound(node) for node in calls if _place(node) == place), None)


@lru_cache(maxsize=64)
def _tree(file: str) -> ast.AST:
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:  # a notebook's own commands
        return ast.Module([], [])


@lru_cache(maxsize=64)
def _checks(file: str) -> list[tuple[ast.expr, bool]]:
    """The conditions of a file's checks, and what each is when the check passes."""
    found: list[tuple[ast.expr, bool]] = []
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Assert):
            found.append((node.test, True))
        elif isinstance(node, ast.If):
            if isinstance(node.body[-1], ast.Raise) or (not node.orelse and all(map(_tells, node.body))):
                found.append((node.test, False))
            elif node.orelse and isinstance(node.orelse[-1], ast.Raise):
                found.append((node.test, True))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and node.value.args:
            name = _called(node).lower()
            if "check" in name or "assert" in name:  # ``CHECK(x.min() >= 0, "no negative numbers")``
                found.append((node.value.args[0], True))
    return found


def _called(statement: ast.stmt) -> str:
    """The name of the function that a statement calls and does nothing else; empty where it is another one."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return ""
    called = statement.value.func
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def _tells(statement: ast.stmt) -> bool:
    """Whether a statement tells somebody something and does nothing else."""
    return _called(statement) in _TELLS


def _sound(call: ast.expr) -> bool | None:
    """What ``x.isnan().any()``, ``torch.isfinite(x).all().item()`` and the like are for sound numbers."""
    while isinstance(call, ast.Call):
        called = call.func
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        if name in _SOUND:
            return _SOUND[name]
        if name == "bool" and call.args:
            call = call.args[0]
        elif name in ("any", "all", "item") and isinstance(called, ast.Attribute):
            owner = isinstance(called.value, ast.Name) and called.value.id == "torch" and call.args
            call = call.args[0] if owner else called.value
        else:
            return None
    return None


def _place(expression: ast.expr) -> Place:
    return expression.lineno, expression.col_offset, expression.end_lineno, expression.end_col_offset


def _needed(test: ast.expr, place: Place, answer: bool) -> bool | None:
    """What the expression at ``place`` must be for ``test`` to come out as ``answer``; None where it is no part."""
    if _place(test) == place:
        return answer
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return _needed(inner, place, not answer)
        case ast.Call(func=ast.Name(id="bool"), args=[inner]):
            return _needed(inner, place, answer)
        case ast.BoolOp(values=parts):
            needed = (_needed(part, place, answer) for part in parts)
            return next((each for each in needed if each is not None), None)
    return None
