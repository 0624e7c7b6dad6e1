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

__all__ = ["passing"]

Place = tuple[int | None, int | None, int | None, int | None]

# What a look for numbers that should not be there comes to where they are not.
_SOUND = {"isnan": False, "isinf": False, "isneginf": False, "isposinf": False, "isfinite": True}
# What a line is that only tells somebody: ``warnings.warn(...)``, ``logger.warning_once(...)``, ``print(...)``.
_TELLS = frozenset("warn warning warning_once warn_once error info debug critical exception log print".split())


def passing() -> bool | None:
    """What the condition that is being asked for must be, for the check that it stands in to pass.

    None where it stands in no check: both ways of the branch go on with the model.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_own(frame.f_code):
        frame = frame.f_back
    return None if frame is None else _passing(frame.f_code, frame.f_lasti)


@lru_cache(maxsize=1024)
def _passing(code: CodeType, instruction: int) -> bool | None:
    # A conditional jump has the whole statement's place in the text: what it asks about was made just before.
    if "JUMP" in dis.opname[code.co_code[instruction]]:
        instruction -= 2
    line, end, start, stop = next(islice(code.co_positions(), instruction // 2, None), (None,) * 4)
    place = (line, start, end, stop)
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
    return found


def _tells(statement: ast.stmt) -> bool:
    """Whether a statement tells somebody something and does nothing else."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return False
    called = statement.value.func
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    return name in _TELLS


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
