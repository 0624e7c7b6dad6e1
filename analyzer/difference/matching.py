"""Which module of one model is which of the other.

By name first, then by order among what is left in a parent, and in the end what is as it was in another parent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any, NamedTuple

from analyzer.difference.parts import Facts, Part

__all__ = ["Pair", "match"]


@dataclass(eq=False)
class Pair:
    """A module or a call on both sides, or on one.

    Attributes:
        a: what it was; None where it came.
        b: what it is; None where it went.
        pairs: what is in it, in b's order; empty where both sides are equal to the last digit. Of what came, only that
            which moved there.
        moved: whether it stands in another parent.
    """

    a: Part | None
    b: Part | None
    pairs: tuple[Pair, ...] = ()
    moved: bool = False

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
        """What is not as it was: ``moved`` or ``renamed``, ``type``, fields of `Facts`; ``added`` or ``removed``."""
        if self.a is None:
            return ("added",)
        if self.b is None:
            return ("removed",)
        told = ["moved"] if self.moved else ["renamed"] if self._renamed else []
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
    prints = _fingerprints(a, b)
    root = _pair(a, b, _Known(prints, _preserved(a, b, prints)))
    _Moves(root, prints).follow(root)
    return root


class _Known(NamedTuple):
    """What is known of all parts before any of them is matched.

    Attributes:
        prints: fingerprints.
        preserved: modules that the other side has as they are, if not in this place: nothing else is what they were.
    """

    prints: dict[Part, int]
    preserved: set[Part]


def _preserved(a: Part, b: Part, prints: dict[Part, int]) -> set[Part]:
    sides = [list(filter(_has_params, root.walk())) for root in (a, b)]
    one, other = (Counter(prints[part] for part in side) for side in sides)
    kept = {part for part in sides[0] if other[prints[part]] >= one[prints[part]]}
    return kept | {part for part in sides[1] if one[prints[part]] >= other[prints[part]]}


def _fingerprints(*roots: Part) -> dict[Part, int]:
    """A number for every part; equal numbers stand for equal types, facts and all in them, whatever they are called."""
    numbers: dict[Hashable, int] = {}
    prints: dict[Part, int] = {}
    for root in roots:
        for part in reversed(list(root.walk())):
            below = tuple((not inner.is_call and inner.label, prints[inner]) for inner in part.parts)
            prints[part] = numbers.setdefault((part.is_call, part.type, part.facts, below), len(numbers))
    return prints


def _pair(a: Part, b: Part, known: _Known) -> Pair:
    if known.prints[a] == known.prints[b]:
        return Pair(a, b)
    modules = _modules(_Rest(a, b, is_call=False), known)
    calls = _calls(_Rest(a, b, is_call=True), known)
    return Pair(a, b, (*_ordered(modules, known), *_ordered(calls, known)))


def _modules(rest: _Rest, known: _Known) -> _Rest:
    """A name says what a module is, unless it is a number: an item of a list may have been put in front of others."""
    rest.by_label(lambda a, b: known.prints[a] == known.prints[b])
    rest.by_label(lambda a, b: not b.label.isdecimal())
    rest.in_order(lambda part: known.prints[part])
    rest.by_label(lambda a, b: a.type == b.type)
    rest.in_order(lambda part: part if part in known.preserved else part.type)
    rest.by_label(lambda a, b: not known.preserved & {a, b})
    return rest


def _calls(rest: _Rest, known: _Known) -> _Rest:
    """Calls have no name but what they do: their order says which is which."""
    rest.in_order(lambda part: known.prints[part])
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


def _ordered(matched: _Rest, known: _Known) -> list[Pair]:
    """Pairs in b's order, each that went behind the one that it stood behind."""
    pairs = [_pair(matched.partner[b], b, known) if b in matched.partner else Pair(None, b) for b in matched.all_b]
    gone = set(matched.a)
    before: Part | None = None
    for part in matched.all_a:
        if part in gone:
            place = next((i + 1 for i, pair in enumerate(pairs) if before is not None and pair.a is before), 0)
            pairs.insert(place, Pair(part, None))
        before = part
    return pairs


class _Moves:
    """What went from one parent and came, as it was, in another: a model that was put into a larger one, for example.

    Only what has parameters is looked for: one activation is as good as another.
    """

    def __init__(self, root: Pair, prints: dict[Part, int]) -> None:
        self.prints = prints
        self.gone: dict[int, list[Part]] = {}
        self.used: set[Part] = set()
        for pair in root.walk():
            if pair.a is not None and pair.b is None:
                for part in filter(_has_params, pair.a.walk()):
                    self.gone.setdefault(prints[part], []).append(part)

    def follow(self, pair: Pair) -> None:
        """Bring together what moved in this pair and below; what it was is not among what went any more."""
        if not self.gone:
            return
        for inner in pair.pairs:
            if inner.a is None and inner.b is not None:
                inner.a = self.origin(inner.b)
                inner.moved = inner.a is not None
                inner.pairs = () if inner.moved else tuple(self.inside(inner.b))
            else:
                self.follow(inner)
        pair.pairs = tuple(inner for inner in pair.pairs if inner.b is not None or inner.a not in self.used)

    def inside(self, part: Part) -> Iterator[Pair]:
        """What moved into something that came."""
        for below in part.parts:
            origin = self.origin(below)
            pairs = () if origin else tuple(self.inside(below))
            if origin or pairs:
                yield Pair(origin, below, pairs, moved=origin is not None)

    def origin(self, part: Part) -> Part | None:
        """What a module was, where that went from somewhere and nothing of it is found again elsewhere."""
        for candidate in self.gone.get(self.prints[part], ()) if _has_params(part) else ():
            below = set(candidate.walk())
            if not below & self.used:
                self.used |= below
                return candidate
        return None


def _has_params(part: Part) -> bool:
    return not part.is_call and part.facts.params > 0
