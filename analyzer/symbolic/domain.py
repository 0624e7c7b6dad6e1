"""Where a formula holds: the names in it, the sizes that decided the branches, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from analyzer.errors import InputError, Source
from analyzer.symbolic.printing import in_words, to_python

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


@dataclass(frozen=True, slots=True)
class Condition:
    """One decision that a model, or a rule, took on an open dimension.

    Attributes:
        relation: what holds, of sympy.
        source: the line of the user's code that asked, or None.
    """

    relation: Any
    source: Source | None = None

    def __str__(self) -> str:
        return in_words(self.relation)

    def holds(self, sizes: Mapping[str, Any]) -> Any:
        """Whether it holds for these sizes; an array where they are arrays."""
        return to_python(self.relation)(sizes)


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
            InputError: a name is missing, or there is none of that name.
        """
        known = {name.name for name in self.names}
        for name in given:
            if name not in known:
                raise InputError(f"no dimension is called {name!r}; there are {', '.join(sorted(known)) or 'none'}")
        sizes = {**self.pinned, **given}
        missing = sorted(known - set(sizes))
        if missing:
            example = ", ".join(f"{name}={hint}" for name, hint in self.hints.items())
            raise InputError(f"say the size of {', '.join(missing)} too", hint=f".at({example})")
        return sizes

    @property
    def pinned(self) -> dict[str, int]:
        """Names that the conditions leave one size."""
        import sympy

        pinned = {}
        for condition in self.conditions:
            relation = condition.relation
            if isinstance(relation, sympy.Eq):
                for one, other in ((relation.lhs, relation.rhs), (relation.rhs, relation.lhs)):
                    if one.is_Symbol and other.is_Integer:
                        pinned[str(one)] = int(other)
        return pinned

    def check(self, sizes: Mapping[str, Any]) -> None:
        """Raise where a condition does not hold.

        Raises:
            ConditionError: the sentence says which one, and the line that asked.
        """
        for name in self.names:
            values = sizes[name.name]
            for size in values.flat if hasattr(values, "flat") else (values,):
                if not name.allows(int(size)):
                    most = "" if name.most is None else f" and at most {name.most:,}"
                    raise ConditionError(f"{name.name} is at least {name.least:,}{most}, not {int(size):,}")
        for condition in self.conditions:
            holds = condition.holds(sizes)
            if not (holds.all() if hasattr(holds, "all") else holds):
                said = ", ".join(f"{name} = {size}" for name, size in sizes.items() if not hasattr(size, "flat"))
                error = ConditionError(
                    f"the formula holds where {condition}{f', not for {said}' if said else ''}",
                    hint="analyze the model again with these sizes as hints",
                )
                raise error.locate("", source=condition.source) if condition.source else error
