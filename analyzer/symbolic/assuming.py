"""Formulas where more is known of the sizes: what a remainder or a fixed size does to the roundings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import sympy

from analyzer.errors import InputError
from analyzer.symbolic.domain import Condition, Domain
from analyzer.symbolic.extremes import never_less
from analyzer.symbolic.relations import canonical
from analyzer.symbolic.rounding import products, remainder, symbol, value
from analyzer.symbolic.source import parsed

__all__ = ["assuming"]


def assuming(formula: Any, conditions: Sequence[str], make: Callable[..., Any]) -> Any:
    """The same formula where these hold too.

    Args:
        formula: an `Expression`.
        conditions: comparisons of its names: ``"H % 32 == 0"``.
        make: what makes a number of a value, terms and a domain.

    Raises:
        InputError: one is no comparison of the names, or no sizes near the hints meet it.
    """
    known = {symbol(name.name) for name in formula.domain.names}
    decisions = [part for text in conditions for part in _relations(text, known)]
    domain = _narrowed(formula.domain, decisions)
    expr, kept = formula.expr, [(condition.relation, condition.source) for condition in formula.domain.conditions]
    for relation in decisions:
        moved = _moved(relation)
        if moved is not None:
            size, other, back = moved
            expr = expr.xreplace({size: other}).subs(back)
            kept = [(held, source) for held, source in kept if canonical(held.xreplace({size: other}))]
    domain = replace(domain, conditions=[]).under([*kept, *((relation, None) for relation in decisions)])
    terms = products(_without_extremes(expr, domain))
    return make(int(value(sympy.Add(*(p * f for p, f in terms.items())), domain.hints)), terms, domain)


def _relations(text: str, known: set[Any]) -> tuple[Any, ...]:
    if not isinstance(text, str):
        raise InputError(f'a condition is a text such as "H % 32 == 0", not {text!r:.80}')
    relation = parsed(text)
    if relation is sympy.false:
        raise InputError(f"{text!r} holds for no sizes")
    if not (relation is sympy.true or relation.is_Relational or isinstance(relation, (sympy.And, sympy.Or))):
        raise InputError(f'{text!r} is no condition: "H % 32 == 0", or "S <= 4096"')
    strangers = sorted(str(one) for one in relation.free_symbols - known)
    if strangers:
        names = ", ".join(sorted(map(str, known)))
        raise InputError(f"no dimension is called {strangers[0]!r} in {text!r}; there are {names}")
    return canonical(relation)


def _moved(relation: Any) -> tuple[Any, Any, dict[Any, Any]] | None:
    """The size that an equation says, what stands for it, and how that is said in it: H, 32·h and {h: H/32}."""
    if not isinstance(relation, sympy.Eq):
        return None
    found = remainder(relation.lhs)
    if found is not None:
        number, by, left = found
        shift, size = number.as_coeff_Add()
        if size.is_Symbol:
            rest = (relation.rhs - left - shift) % by
            steps = sympy.Dummy("steps", integer=True, **{"positive": True} if rest == 0 else {"nonnegative": True})
            return size, by * steps + rest, {steps: (size - rest) / by}
    if relation.lhs.is_Symbol and relation.rhs.is_Integer:
        return relation.lhs, relation.rhs, {}
    return next(((symbol(other), symbol(one), {}) for one, other in _alike([relation])), None)


def _alike(relations: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """The names that are said to be equal: H = W."""
    for relation in relations:
        if isinstance(relation, sympy.Eq):
            terms = products(relation.lhs - relation.rhs)
            if len(terms) == 2 and all(one.is_Symbol for one in terms) and sum(terms.values()) == 0:
                yield tuple(sorted(map(str, terms)))  # type: ignore[misc]


def _narrowed(domain: Domain, decisions: Sequence[Any]) -> Domain:
    """The names with hints that meet what was decided: the nearest larger ones where theirs do not."""
    asked = [*map(Condition.of, decisions), *domain.conditions]
    hints = domain.hints
    for one, other in _alike(decisions):
        hints[other] = hints[one]
    for name in domain.names:
        mine = [one for one in asked if _names_of(one) == {name.name}]
        most = name.most if name.most is not None else max(name.hint, name.least) + (1 << 16)
        hint = hints[name.name]
        sizes = (*range(hint, most + 1), *range(hint - 1, name.least - 1, -1))
        fit = (size for size in sizes if all(one.holds({name.name: size}) for one in mine))
        hints[name.name] = next(fit, hint)
    for one, other in _alike(decisions):
        hints[other] = hints[one]
    broken = [one for one in asked if not one.holds(hints)]
    if broken:
        said = ", ".join(f"{name} = {size:,}" for name, size in hints.items())
        raise InputError(f"{broken[0]} does not hold for sizes near {said}, as it should with the other conditions")
    return Domain(tuple(replace(name, hint=hints[name.name]) for name in domain.names), list(domain.conditions))


def _names_of(condition: Condition) -> set[str]:
    return {str(one) for one in condition.relation.free_symbols}


def _without_extremes(expr: Any, domain: Domain) -> Any:
    """The formula without what is never the largest, or the smallest, within the bounds of the names."""
    made = {}
    for part in expr.atoms(sympy.Max, sympy.Min):
        left = list(part.args)
        for one in part.args:
            pairs = [(other, one) if isinstance(part, sympy.Max) else (one, other) for other in left if other != one]
            if any(never_less(above, below, domain) for above, below in pairs):
                left.remove(one)
        made[part] = part.func(*left)
    return expr.xreplace(made)
