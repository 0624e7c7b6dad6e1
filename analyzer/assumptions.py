"""What stands in for values that only data knows: the caller's answers by the line that asks, then the rules' own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

from analyzer.checks import passing
from analyzer.errors import Diagnostic, InputError
from analyzer.frames import user_line

__all__ = ["Assumptions"]

_NONE: Mapping[str, Any] = {}


class Assumptions:
    """Answers to questions about data, and a remark for each one that was given.

    Args:
        given: ``"file.py:123"`` or ``"file.py:function"`` -> the value that a question asked there has; True or False
            alone answers every branch that is no mere check. The end of a path is enough, and the innermost place on
            the call stack counts.
        answers: those that rules bring, see `RuleSet.answer`.

    Raises:
        InputError: a key names no place.

    >>> Assumptions({"model.py": True})
    Traceback (most recent call last):
    ...
    analyzer.errors.InputError: assume takes places such as "model.py:41" or "model.py:forward", but one is 'model.py'
    """

    def __init__(self, given: Mapping[str, Any] | bool | None = None, answers: Mapping[str, Any] = _NONE) -> None:
        self.policy = given if isinstance(given, bool) else None
        self.remarks: dict[str, Diagnostic] = {}
        own = {} if given is None or isinstance(given, bool) else given
        if not isinstance(own, Mapping):
            raise InputError(f"assume is a dict, True or False, not a {type(given).__name__}")
        self._answers: list[tuple[str, str, str, Any]] = []
        for key, value in [*own.items(), *answers.items()]:
            file, _, place = key.rpartition(":") if isinstance(key, str) else ("", "", "")
            if not file or not place:
                example = '"model.py:41" or "model.py:forward"'
                raise InputError(f"assume takes places such as {example}, but one is {key!r}")
            self._answers.append((key, file, place, value))
        self._unasked, self._given = set(own), frozenset(own)

    def find(self) -> tuple[str, Any] | None:
        """The answer for the line that is running, and the place it was given for; None where there is none."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_name != "run_forward":
            code = frame.f_code
            for key, file, place, value in self._answers:
                if place in (code.co_name, str(frame.f_lineno)) and _is_in(file, code.co_filename):
                    self._unasked.discard(key)
                    return key, value(_local) if callable(value) else value
            frame = frame.f_back
        return None

    def branch(self) -> bool | None:
        """Which way a branch on data goes: as the caller said, or past a check; None where nobody knows."""
        found = self.find()
        if found is None:
            answer = passing()
            if answer is not None:
                line = user_line()
                self.remarks.setdefault(f"check {line}", Diagnostic("check", "", f"a check is taken to pass: {line}"))
                return answer
            if self.policy is None:
                return None
            found = "assume", self.policy
        self.note(*found)
        return bool(found[1])

    def note(self, key: str, value: Any) -> None:
        """Remember that an answer was used."""
        line = str(user_line())
        own = key in self._given or key == "assume"
        code, said = ("assumed", "data") if own else ("library-check", "what a library asks of data")
        self.remarks.setdefault(f"{key} {line}", Diagnostic(code, "", f"{said} is taken to be {value}: {line}"))

    def diagnostics(self) -> list[Diagnostic]:
        """The remarks, and one for every answer that nothing asked for."""
        unasked = [
            Diagnostic("unused-assumption", "", f"nothing at {key} asked for data", "see the line that an error names")
            for key in sorted(self._unasked)
        ]
        return [*self.remarks.values(), *unasked]


def _local(name: str) -> Any:
    """The innermost local variable of that name on the call stack."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if name in frame.f_locals:
            return frame.f_locals[name]
        frame = frame.f_back
    raise InputError(f"an answer of a rule asks for the variable {name!r}, which no function on the call stack has")


def _is_in(file: str, path: str) -> bool:
    """Whether a path ends in that file.

    >>> _is_in("b.py", "/a/b.py"), _is_in("b.py", "/a/bb.py")
    (True, False)
    """
    path = path.replace("\\", "/")
    return path == file or path.endswith(f"/{file}")
