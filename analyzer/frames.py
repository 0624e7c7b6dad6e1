"""Which line of the user's own code made a call: the nearest frame outside torch and the analyzer."""

from __future__ import annotations

import linecache
import os
import sys
from types import CodeType, FrameType, TracebackType

import torch

from analyzer.errors import Source

__all__ = ["source_of_error", "user_line"]

_TORCH = os.path.dirname(torch.__file__) + os.sep
_ANALYZER = os.path.dirname(__file__) + os.sep
_RULES = os.path.join(os.path.dirname(os.path.dirname(__file__)), "rules") + os.sep

# Bounded, because notebooks and exec make new code objects without end.
_LIMIT = 65_536
_kinds: dict[CodeType, int] = {}
_sources: dict[tuple[CodeType, int], Source] = {}

USER, TORCH, ANALYZER = 0, 1, 2


def _kind(code: CodeType) -> int:
    kind = _kinds.get(code)
    if kind is None:
        file = code.co_filename
        kind = ANALYZER if file.startswith((_ANALYZER, _RULES)) else TORCH if file.startswith(_TORCH) else USER
        if len(_kinds) > _LIMIT:
            _kinds.clear()
        _kinds[code] = kind
    return kind


def user_line() -> Source | None:
    """The innermost line of user code on this thread's stack.

    A model that lives in torch itself (``nn.Transformer``) has none between the call and the analyzer: then the
    innermost line in torch.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _kind(frame.f_code) == ANALYZER:
        frame = frame.f_back
    inner = frame
    while frame is not None:
        kind = _kind(frame.f_code)
        if kind == USER:
            return _source(frame.f_code, frame.f_lineno)
        if kind == ANALYZER and frame.f_code.co_name == "run_forward":
            break
        frame = frame.f_back
    return None if inner is None else _source(inner.f_code, inner.f_lineno)


def source_of_error(traceback: TracebackType | None) -> Source | None:
    """The innermost line of user code that an exception passed through."""
    found = None
    while traceback is not None:
        if _kind(traceback.tb_frame.f_code) == USER or (
            found is None and _kind(traceback.tb_frame.f_code) == TORCH
        ):
            found = _source(traceback.tb_frame.f_code, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found


def _source(code: CodeType, line: int) -> Source:
    key = (code, line)
    source = _sources.get(key)
    if source is None:
        file = code.co_filename
        text = linecache.getline(file, line).strip()
        if len(_sources) > _LIMIT:
            _sources.clear()
        source = _sources[key] = Source(_short(file), line, text)
    return source


def _short(file: str) -> str:
    """Relative to the working directory, or to where packages are installed; else as it is."""
    for base in (os.getcwd(), os.path.dirname(os.path.dirname(_TORCH))):
        if file.startswith(base + os.sep):
            return file[len(base) + 1 :]
    return file
