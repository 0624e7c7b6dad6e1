"""Which line of the user's own code made a call: the nearest frame outside torch and the analyzer."""

from __future__ import annotations

import dis
import linecache
import os
import sys
from types import CodeType, FrameType, TracebackType

import torch

from analyzer.errors import Source

__all__ = ["is_operator", "is_own", "source_of_error", "user_line"]

_TORCH = os.path.dirname(torch.__file__) + os.sep
_ANALYZER = os.path.dirname(__file__) + os.sep
_RULES = os.path.join(os.path.dirname(os.path.dirname(__file__)), "rules") + os.sep

_LIBRARY = os.path.dirname(os.__file__) + os.sep

# Bounded, because notebooks and exec make new code objects without end.
_LIMIT = 65_536
# By identity, with the code object kept alive beside: hashing a code object walks all of its constants.
_kinds: dict[int, tuple[int, CodeType]] = {}
_sources: dict[tuple[int, int], Source] = {}
_operators: dict[tuple[int, int], bool] = {}

USER, TORCH, ANALYZER = 0, 1, 2


def _kind(code: CodeType) -> int:
    known = _kinds.get(id(code))
    if known is not None:
        return known[0]
    file = code.co_filename
    kind = USER
    if file.startswith((_ANALYZER, _RULES)):
        kind = ANALYZER
    elif file.startswith((_TORCH, "<frozen")) or (file.startswith(_LIBRARY) and "site-packages" not in file):
        kind = TORCH  # or the standard library: not the user's own either
    if len(_kinds) > _LIMIT:
        _kinds.clear()
        _sources.clear()
        _operators.clear()
    _kinds[id(code)] = (kind, code)
    return kind


def is_own(code: CodeType) -> bool:
    """Whether code is the analyzer's own, or a rule's."""
    return _kind(code) == ANALYZER


def is_operator(above: int = 1) -> bool:
    """Whether the frame ``above`` this one's stands at an operator, such as ``x + y``, and not at a call by name.

    torch tells both by the method's name. Tools that patch the method see one and not the other.
    """
    frame = sys._getframe(above)
    code = frame.f_code
    key = (id(code), frame.f_lasti)
    known = _operators.get(key)
    if known is None:
        _kind(code)  # keeps the code object alive, and with it its identity
        known = _operators[key] = dis.opname[code.co_code[frame.f_lasti]].startswith(("BINARY_OP", "INPLACE_"))
    return known


def user_line(above: int = 1) -> Source | None:
    """The innermost line of user code on this thread's stack, looked for in the frames ``above`` this one's.

    A model that lives in torch itself (``nn.Transformer``) has none between the call and the analyzer: then the
    innermost line in torch.
    """
    kinds = _kinds
    inner: FrameType | None = None
    frame: FrameType | None = sys._getframe(above)
    while frame is not None:
        code = frame.f_code
        known = kinds.get(id(code))
        kind = _kind(code) if known is None else known[0]
        if kind == USER:
            return _sources.get((id(code), frame.f_lasti)) or _source_of_frame(frame)
        if kind == TORCH:
            inner = inner or frame
        elif inner is not None and code.co_name == "run_forward":
            break
        frame = frame.f_back
    return None if inner is None else _source_of_frame(inner)


def _source_of_frame(frame: FrameType) -> Source:
    # By instruction: a frame's line number is found by walking its code's line table.
    key = (id(frame.f_code), frame.f_lasti)
    source = _sources.get(key)
    if source is None:
        source = _sources[key] = _source(frame.f_code, frame.f_lineno)
    return source


def source_of_error(traceback: TracebackType | None) -> Source | None:
    """The innermost line of user code that an exception passed through."""
    found = inner = None
    while traceback is not None:
        kind = _kind(traceback.tb_frame.f_code)
        if kind == USER:
            found = _source(traceback.tb_frame.f_code, traceback.tb_lineno)
        elif kind == TORCH:
            inner = _source(traceback.tb_frame.f_code, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found or inner


def _source(code: CodeType, line: int) -> Source:
    file = code.co_filename
    return Source(_short(file), line, linecache.getline(file, line).strip())


def _short(file: str) -> str:
    """Relative to where packages are installed, or to the working directory; else as it is."""
    for base in (os.path.dirname(os.path.dirname(_TORCH)), os.getcwd()):
        if file.startswith(base + os.sep):
            return file[len(base) + 1 :]
    return file
