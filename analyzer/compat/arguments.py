"""Arguments of the drop-ins, looked at before the work begins: what is wrong with one is one sentence."""

from __future__ import annotations

from typing import Any

from analyzer.errors import InputError

__all__ = ["LIST", "require"]

LIST = (list, tuple, set, frozenset)


def require(name: str, value: Any, kinds: type | tuple[type, ...], words: str) -> None:
    """Look at the type of an argument.

    Args:
        name: what it is called.
        value: what was given.
        kinds: the types that it may have.
        words: those types, for people.

    Raises:
        InputError: it has none of them.

    >>> require("depth", "3", int, "a whole number")
    Traceback (most recent call last):
    analyzer.errors.InputError: depth is a whole number, not '3'
    """
    if not isinstance(value, kinds):
        raise InputError(f"{name} is {words}, not {value!r:.80}")
