"""Errors of the library in the command line's language: its options, where Python's names stand."""

from __future__ import annotations

import re
from collections.abc import Callable

from analyzer.errors import AnalyzerError

__all__ = ["spoken"]

_ASSUME = re.compile(r"(?:with )?assume=\{\"([^\"]+)\": ([^}]*)\}")
_KNOWN = re.compile(r"give (\w+) with values, as Known\(tensor\)")
_CALL = re.compile(r"analyze\(model, kwargs=\{(.*)\}\)")
_WORDS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (_ASSUME, r"with --assume \1=\2"),
    (_KNOWN, r"give its values: --input \1=[...]"),
    (_CALL, lambda match: " ".join(f"--input {name}=1x3x224x224" for name in re.findall(r'"(\w+)":', match[1]))),
    (re.compile(r"give it a rule \(analyze\(\.\.\., rules=\.\.\.\)\)"), "install a package with a rule for it"),
    (re.compile(r"\(analyze\(\.\.\., rules=\.\.\.\)\)"), "in an installed package"),
    (re.compile(r'on_unknown="bound"'), "--on-unknown bound"),
    (
        re.compile(r"\bassume takes places such as \"([^\"]+)\" or \"([^\"]+)\", but one is"),
        r"--assume takes \1=True or \2=True, not",
    ),
    (re.compile(r"\bassume says\b"), "--assume says"),
)


def spoken(error: AnalyzerError) -> AnalyzerError:
    """The same error, said with the command line's options.

    >>> print(spoken(AnalyzerError("it branches", hint='say what it is with assume={"m.py:7": True}')))
    it branches
      try     say what it is with --assume m.py:7=True
    """
    for pattern, words in _WORDS:
        error.message = pattern.sub(words, error.message)
        error.hint = pattern.sub(words, error.hint)
    return error
