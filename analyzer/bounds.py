"""Whole numbers that are upper bounds, and say so wherever they go."""

from __future__ import annotations

from typing import Any

__all__ = ["AtMost", "at_most", "is_bound", "meet"]


class AtMost(int):
    """A size, or a cost that came of one, which only data knows: this is the largest that it can be.

    Arithmetic passes the mark on, so every size, count and total that depends on the bound carries it. It is an int in
    everything else: it compares, hashes and indexes as its value, and what it prints has a sign in front.

    >>> rows = AtMost(6)
    >>> rows, 2 * rows + 1, rows // 4, rows == 6
    (≤6, ≤13, ≤1, True)
    >>> f"{1000 * rows:,}"
    '≤6,000'

    At most nothing is nothing.

    >>> rows * 0, sum([1, rows]), max(2, 3)
    (0, ≤7, 3)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"≤{int(self)}"

    def __format__(self, spec: str) -> str:
        # Where a width is asked for, the sign has no place.
        return f"≤{int(self):{spec}}" if spec in ("", ",", "_", "d") else format(int(self), spec)

    def __add__(self, other: Any) -> Any:
        return at_most(int(self) + other)

    def __sub__(self, other: Any) -> Any:
        return at_most(int(self) - other)

    def __rsub__(self, other: Any) -> Any:
        return at_most(other - int(self))

    def __mul__(self, other: Any) -> Any:
        return at_most(int(self) * other)

    def __floordiv__(self, other: Any) -> Any:
        return at_most(int(self) // other)

    def __rfloordiv__(self, other: Any) -> Any:
        return at_most(other // int(self))

    def __mod__(self, other: Any) -> Any:
        return at_most(int(self) % other)

    def __neg__(self) -> Any:
        return at_most(-int(self))

    __radd__ = __add__
    __rmul__ = __mul__


def at_most(value: Any) -> Any:
    """The value with the mark of an upper bound, where it is a whole number and not 0.

    >>> at_most(3), at_most(0), at_most(0.5)
    (≤3, 0, 0.5)
    """
    return AtMost(value) if value and isinstance(value, int) else value


def is_bound(value: Any) -> bool:
    """Whether a number is an upper bound.

    >>> is_bound(AtMost(3)), is_bound(3)
    (True, False)
    """
    return isinstance(value, AtMost)


def meet(one: int, other: int) -> int | None:
    """The size of what is as large as two sizes say: an upper bound gives way to a size that it allows; None for none.

    >>> meet(AtMost(6), 5), meet(AtMost(6), AtMost(5)), meet(AtMost(6), 7), meet(6, 7)
    (5, ≤5, None, None)
    """
    if is_bound(one) and is_bound(other):
        return min(one, other)
    if is_bound(one) or is_bound(other):
        exact, most = (other, one) if is_bound(one) else (one, other)
        return exact if exact <= most else None
    return one if one == other else None
