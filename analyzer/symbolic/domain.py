"""Where a formula holds: the names in it, the sizes that decided the branches, and what was decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from analyzer.errors import InputError, Source
from analyzer.symbolic.printing import in_words
from analyzer.symbolic.source import compiled, in_python, parsed

__all__ = ["Condition", "ConditionError", "Domain", "Name"]


class ConditionError(InputError):
    """A formula was asked for sizes under which it does not hold."""


@dataclass(frozen=True, slots=True)
class Name:
    """An open dimension.

    Attributes:
        name: what it is called.
        hint: the size that decides branches.
        least: its smallest size.
        most: its largest size, or None.
    """

    name: str
    hint: int
    least: int = 1
    most: int | None = None

    def allows(self, size: int) -> bool:
        """Whether it may have this size."""
        return self.least <= size and (self.most is None or size <= self.most)

    def __str__(self) -> str:
        most = "" if self.most is None else f" and at most {self.most:,}"
        return f"{self.name} is at least {self.least:,}{most}"


@dataclass(frozen=True, slots=True)
class Condition:
    """One decision that a model, or a rule, took on an open dimension.

    Attributes:
        text: what holds, for people: ``"H ≥ 63"``.
        code: the same as Python: ``"H >= 63"``.
        source: the line of the user's code that asked, or None.

    >>> condition = Condition.of(parsed("H >= 63"))
    >>> print(condition, condition.holds({"H": 64}), condition.holds({"H": 62}))
    H ≥ 63 True False
    """

    text: str
    code: str
    source: Source | None = field(default=None, compare=False)

    @classmethod
    def of(cls, relation: Any, source: Source | None = None) -> Condition:
        """A condition of a relation of sympy."""
        return cls(in_words(relation), in_python(relation), source)

    @property
    def relation(self) -> Any:
        """What holds, of sympy."""
        return parsed(self.code)

    def __str__(self) -> str:
        return self.text

    def holds(self, sizes: Mapping[str, Any]) -> Any:
        """Whether it holds for these sizes; an array where they are arrays."""
        return compiled(self.code)(sizes)


@dataclass(frozen=True, slots=True)
class Domain:
    """The names of one analysis, and the conditions under which its formulas hold.

    Attributes:
        names: the open dimensions.
        conditions: what was decided, in the order in which it was asked; filled while a model is captured.
    """

    names: tuple[Name, ...]
    conditions: list[Condition] = field(default_factory=list)

    @property
    def hints(self) -> dict[str, int]:
        """Name -> the size that decided."""
        return {name.name: name.hint for name in self.names}

    def sizes(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The sizes of all names: those given, and the only one possible where a condition pins it.

        Raises:
            InputError: a name is missing, there is none of that name, or a size is no whole number.
        """
        known = {name.name for name in self.names}
        for name, size in given.items():
            if name not in known:
                raise InputError(f"no dimension is called {name!r}; there are {', '.join(sorted(known)) or 'none'}")
            if not _is_whole(size):
                raise InputError(f"{name} is a whole number or an array of them, not {size!r:.80}")
        sizes = {**self.pinned, **{name: _plain(size) for name, size in given.items()}}
        missing = sorted(known - set(sizes))
        if missing:
            example = ", ".join(f"{name}={hint}" for name, hint in self.hints.items())
            raise InputError(f"say the size of {', '.join(missing)} too", hint=f".at({example})")
        return sizes

    @property
    def pinned(self) -> dict[str, int]:
        """Names that the conditions leave one size.

        >>> Domain((Name("B", 2),), [Condition("B = 2", "B == 2")]).pinned
        {'B': 2}
        """
        known = {name.name for name in self.names}
        sides = (condition.code.split(" == ") for condition in self.conditions)
        return {side[0]: int(side[1]) for side in sides if len(side) == 2 and side[0] in known and side[1].isdigit()}

    def check(self, sizes: Mapping[str, Any]) -> None:
        """Raise where a condition does not hold.

        Raises:
            ConditionError: the sentence says which one, and the line that asked.
        """
        for name in self.names:
            size = sizes[name.name]
            for end in (size.min(), size.max()) if hasattr(size, "shape") and size.size else ():
                self._check_range(name, int(end))
            if not hasattr(size, "shape"):
                self._check_range(name, size)
        for condition in self.conditions:
            holds = condition.holds(sizes)
            if not (holds.all() if hasattr(holds, "all") else holds):
                said = ", ".join(f"{name} = {size}" for name, size in sizes.items() if not hasattr(size, "shape"))
                error = ConditionError(
                    f"the formula holds where {condition}{f', not for {said}' if said else ''}",
                    hint="analyze the model again with these sizes as hints",
                )
                raise error.locate("", source=condition.source) if condition.source else error

    @staticmethod
    def _check_range(name: Name, size: int) -> None:
        if not name.allows(size):
            raise ConditionError(f"{name}, not {size:,}")

    def joined(self, other: Domain) -> Domain:
        """Where the formulas of both hold; a name that both have is one dimension, with the first one's hint.

        >>> one, two = Domain((Name("B", 2, 1, 64),)), Domain((Name("B", 3, 2), Name("S", 128)))
        >>> one.joined(two).names
        (Name(name='B', hint=2, least=2, most=64), Name(name='S', hint=128, least=1, most=None))
        """
        if other is self or (other.names == self.names and other.conditions == self.conditions):
            return self
        names = {name.name: name for name in self.names}
        for name in other.names:
            mine = names.get(name.name, name)
            ends = [most for most in (mine.most, name.most) if most is not None]
            names[name.name] = replace(mine, least=max(mine.least, name.least), most=min(ends, default=None))
        return Domain(tuple(names.values()), list(dict.fromkeys((*self.conditions, *other.conditions))))

    def under(self, decisions: Iterable[tuple[Any, Source | None]]) -> Domain:
        """The same names where these relations of sympy hold too, without the conditions that follow from others."""
        from analyzer.symbolic.relations import bounds_of, settled

        asked = [(condition.relation, condition.source) for condition in self.conditions]
        kept = settled([*asked, *decisions], bounds_of(self.names))
        return Domain(self.names, [Condition.of(relation, source) for relation, source in kept])


def _is_whole(size: Any) -> bool:
    if hasattr(size, "dtype") and hasattr(size, "shape"):
        return getattr(size.dtype, "kind", "") in ("i", "u", "O")
    return hasattr(size, "__index__") and not isinstance(size, bool)


def _plain(size: Any) -> Any:
    """An int, or an array that cannot wrap around before it is looked at."""
    if not getattr(size, "shape", ()):
        return int(size)
    return size.astype(object if size.dtype in ("uint64", "object") else "int64", copy=False)
