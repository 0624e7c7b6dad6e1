"""Questions about sizes that need no decision: of open ones the answer is a formula, or holds whatever they are."""

from __future__ import annotations

import math
from typing import Any

import torch

__all__ = ["is_open_size", "is_plainly_one", "log2_ceil"]


def is_open_size(size: Any) -> bool:
    """Whether a size is open, during a capture.

    >>> is_open_size(3)
    False
    """
    return isinstance(size, torch.SymInt)


def is_plainly_one(size: Any) -> bool:
    """Whether a size is 1 by itself: what stretches to an open size, does so where that is 1, too.

    >>> is_plainly_one(1), is_plainly_one(3)
    (True, False)
    """
    return not isinstance(size, torch.SymInt) and size == 1


def log2_ceil(n: Any) -> Any:
    """⌈log2 n⌉.

    >>> [log2_ceil(n) for n in (0, 1, 2, 3, 8, 9)]
    [0, 0, 1, 2, 3, 4]
    """
    if isinstance(n, torch.SymInt):
        return math.ceil(torch._sym_log2(n))  # type: ignore[attr-defined]
    return (n - 1).bit_length() if n > 1 else 0
