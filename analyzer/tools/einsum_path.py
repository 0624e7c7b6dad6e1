"""What ``numpy.einsum_path`` prints for an equation, from shapes alone: where calflops and DeepSpeed take it from."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

__all__ = ["optimized_flops"]

Labels = frozenset[str]


def optimized_flops(equation: str, shapes: Sequence[tuple[int, ...]]) -> int:
    """The "Optimized FLOP count" of numpy, whose text keeps four digits of it.

    Per pair of operands the product of all sizes, twice where something is summed, and 1 on top of the whole.
    Source: numpy/_core/einsumfunc.py, 2.4.

    Args:
        equation: as for ``torch.einsum``, in letters.
        shapes: one a operand.

    >>> optimized_flops("bik,bkj->bij", [(3, 5, 7), (3, 7, 11)])
    2311
    >>> optimized_flops("ij,jk,kl->il", [(101, 7), (7, 103), (103, 5)])
    14280
    """
    operands, output = _parse(equation.replace(" ", ""), shapes)
    sizes: dict[str, int] = {}
    for labels, shape in zip(operands, shapes, strict=True):
        for label, size in zip(labels, shape, strict=True):
            sizes[label] = max(size, sizes.get(label, 1))
    terms, rest = [frozenset(labels) for labels in operands], frozenset(output)
    if len(terms) <= 2 or frozenset(sizes) == rest:
        cost = _step(terms, [], rest, sizes)[1]
    else:
        limit = max(_size(term, sizes) for term in (*terms, rest))
        cost = _cheapest(terms, rest, sizes, limit)
    return int(float(f"{cost + 1:.3e}"))


def _parse(equation: str, shapes: Sequence[tuple[int, ...]]) -> tuple[list[list[str]], list[str]]:
    """The labels of each operand and of the output; dimensions under ``...`` are "0", "1" and so on, from the right."""
    left, arrow, right = equation.partition("->")
    named = left.replace("...", "").replace(",", "")
    operands, dots = [], 0
    for part, shape in zip(left.split(","), shapes, strict=True):
        before, ellipsis, after = part.partition("...")
        hidden = len(shape) - len(before) - len(after) if ellipsis else 0
        dots = max(dots, hidden)
        operands.append([*before, *map(str, reversed(range(hidden))), *after])
    if not arrow:
        right = "..." + "".join(label for label in named if named.count(label) == 1)
    before, ellipsis, after = right.partition("...")
    return operands, [*before, *(map(str, reversed(range(dots))) if ellipsis else ()), *after]


def _size(labels: Labels, sizes: Mapping[str, int]) -> int:
    return math.prod(sizes[label] for label in labels)


def _step(taken: list[Labels], others: list[Labels], output: Labels, sizes: Mapping[str, int]) -> tuple[Labels, int]:
    """What is left of some operands contracted at once, and what that costs."""
    both = frozenset().union(*taken)
    left = both & output.union(*others)
    return left, _size(both, sizes) * (max(1, len(taken) - 1) + (left != both))


def _cheapest(terms: list[Labels], output: Labels, sizes: Mapping[str, int], limit: int) -> int:
    """The cheapest order of pairs whose results are no larger than ``limit``; what no pair may join goes at once."""
    states = [(0, terms)]
    for _ in range(len(terms) - 1):
        following = []
        for cost, present in states:
            for pair in itertools.combinations(range(len(present)), 2):
                others = [term for index, term in enumerate(present) if index not in pair]
                left, more = _step([present[index] for index in pair], others, output, sizes)
                if _size(left, sizes) <= limit:
                    following.append((cost + more, [*others, left]))
        if not following:
            cost, present = min(states, key=lambda state: state[0])
            return cost + _step(present, [], output, sizes)[1]
        states = following
    return min(cost for cost, _ in states)
