"""Which module of one model is which of the other: by name first, then by order among what is left in a parent."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any

from analyzer.difference.parts import Facts, Part

__all__ = ["Pair", "match"]


@dataclass(eq=False)
class Pair:
    """A module or a call on both sides, or on one.

    Attributes:
        a: what it was; None where it came.
        b: what it is; None where it went.
        pairs: what is in it, in b's order; empty where both sides are equal to the last digit, or there is one alone.
    """

    a: Part | None
    b: Part | None
    pairs: tuple[Pair, ...] = ()

    @property
    def part(self) -> Part:
        """What it is, or was where it went."""
        part = self.b or self.a
        assert part is not None
        return part

    @property
    def label(self) -> str:
        """What it is called below its parent."""
        return self.part.label

    @cached_property
    def changes(self) -> tuple[str, ...]:
        """What is not as it was: ``renamed``, ``type`` and fields of `Facts`; or ``added``, or ``removed``."""
        if self.a is None:
            return ("added",)
        if self.b is None:
            return ("removed",)
        told = ["renamed"] if self._renamed else []
        told += ["type"] if self.a.type != self.b.type else []
        return (*told, *(name for name in Facts._fields if getattr(self.a.facts, name) != getattr(self.b.facts, name)))

    @property
    def _renamed(self) -> bool:
        # The ids of calls are made up, and the model's own name is nobody's path.
        a, b = self.a, self.b
        return a is not None and b is not None and not b.is_call and bool(b.path) and a.label != b.label

    @cached_property
    def differs(self) -> bool:
        """Whether anything in it is not as it was."""
        return bool(self.changes) or any(pair.differs for pair in self.pairs)

    def walk(self) -> Iterator[Pair]:
        """This pair and all in it, parents first."""
        yield self
        for pair in self.pairs:
            yield from pair.walk()


def match(a: Part, b: Part) -> Pair:
    """Two models, module by module and call by call."""
    return _pair(a, b, _fingerprints(a, b))


def _fingerprints(*roots: Part) -> dict[Part, int]:
    """A number for every part; equal numbers stand for equal types, facts and all in them, whatever they are called."""
    numbers: dict[Hashable, int] = {}
    prints: dict[Part, int] = {}
    for root in roots:
        for part in reversed(list(root.walk())):
            below = tuple((not inner.is_call and inner.label, prints[inner]) for inner in part.parts)
            prints[part] = numbers.setdefault((part.is_call, part.type, part.facts, below), len(numbers))
    return prints


def _pair(a: Part, b: Part, prints: dict[Part, int]) -> Pair:
    if prints[a] == prints[b]:
        return Pair(a, b)
    modules = _modules(_Rest(a, b, is_call=False), prints)
    calls = _calls(_Rest(a, b, is_call=True), prints)
    return Pair(a, b, (*_ordered(modules, prints), *_ordered(calls, prints)))


def _modules(rest: _Rest, prints: dict[Part, int]) -> _Rest:
    """A name says what a module is, unless it is a number: an item of a list may have been put in front of others."""
    rest.by_label(lambda a, b: prints[a] == prints[b])
    rest.by_label(lambda a, b: not b.label.isdecimal())
    rest.in_order(lambda part: prints[part])
    rest.by_label(lambda a, b: a.type == b.type)
    rest.in_order(lambda part: part.type)
    rest.by_label(lambda a, b: True)
    return rest


def _calls(rest: _Rest, prints: dict[Part, int]) -> _Rest:
    """Calls have no name but what they do: their order says which is which."""
    rest.in_order(lambda part: prints[part])
    rest.in_order(lambda part: part.type)
    return rest


class _Rest:
    """The modules in two modules, or their calls, those that found no partner yet apart."""

    def __init__(self, a: Part, b: Part, *, is_call: bool) -> None:
        self.all_a = [part for part in a.parts if part.is_call == is_call]
        self.all_b = [part for part in b.parts if part.is_call == is_call]
        self.a, self.b = list(self.all_a), list(self.all_b)
        self.partner: dict[Part, Part] = {}  # of b's parts

    def by_label(self, fit: Callable[[Part, Part], bool]) -> None:
        """Match those of the same name that fit."""
        named = {part.label: part for part in self.b}
        self._take([(a, named[a.label]) for a in self.a if a.label in named and fit(a, named[a.label])])

    def in_order(self, key: Callable[[Part], Any]) -> None:
        """Match those with equal keys, as many as keep their order."""
        pairs = _aligned([key(part) for part in self.a], [key(part) for part in self.b])
        self._take([(self.a[i], self.b[j]) for i, j in pairs])

    def _take(self, pairs: list[tuple[Part, Part]]) -> None:
        self.partner.update((b, a) for a, b in pairs)
        gone = {part for pair in pairs for part in pair}
        self.a = [part for part in self.a if part not in gone]
        self.b = [part for part in self.b if part not in gone]


def _aligned(a: Sequence[Any], b: Sequence[Any]) -> Iterator[tuple[int, int]]:
    """Indices of equal items in order; what is equal at both ends first, which difflib alone does not see to.

    >>> list(_aligned("xxxx", "xxyxx"))
    [(0, 0), (1, 1), (2, 3), (3, 4)]
    """
    shorter = min(len(a), len(b))
    head = next((i for i in range(shorter) if a[i] != b[i]), shorter)
    tail = next((i for i in range(shorter - head) if a[-1 - i] != b[-1 - i]), shorter - head)
    yield from ((i, i) for i in range(head))
    middle = SequenceMatcher(None, a[head : len(a) - tail], b[head : len(b) - tail], autojunk=False)
    for block in middle.get_matching_blocks():
        yield from ((head + block.a + i, head + block.b + i) for i in range(block.size))
    yield from ((len(a) - tail + i, len(b) - tail + i) for i in range(tail))


def _ordered(matched: _Rest, prints: dict[Part, int]) -> list[Pair]:
    """Pairs in b's order, each that went behind the one that it stood behind."""
    pairs = [_pair(matched.partner[b], b, prints) if b in matched.partner else Pair(None, b) for b in matched.all_b]
    gone = set(matched.a)
    before: Part | None = None
    for part in matched.all_a:
        if part in gone:
            place = next((i + 1 for i, pair in enumerate(pairs) if before is not None and pair.a is before), 0)
            pairs.insert(place, Pair(part, None))
        before = part
    return pairs
