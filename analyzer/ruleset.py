"""Rules joined into a value, a mapping from target to `Rule`: ``|`` raises on a clash, `override` replaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from analyzer.counts import Counts, Traffic
from analyzer.errors import RuleError, ShapeError
from analyzer.promotion import elementwise_spec
from analyzer.rule import Rule
from analyzer.spec import TensorSpec
from analyzer.targets import describe_target, in_place_twins, resolve_target

__all__ = ["Definition", "RuleSet"]


class Definition:
    """What ``@RULES.op(...)`` leaves behind: the shape function, still callable, with a door for the cost beside it."""

    def __init__(self, rules: RuleSet, rule: Rule) -> None:
        self._rules, self._rule = rules, rule
        self.__doc__ = rule.shape.__doc__
        self.__name__ = rule.name
        self.__module__ = rule.shape.__module__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The shape function itself, so that one rule can use another's."""
        return self._rule.shape(*args, **kwargs)

    @property
    def shape(self) -> Callable[..., Any]:
        """The function that was decorated."""
        return self._rule.shape

    def cost(self, function: Callable[..., Counts]) -> Callable[..., Counts]:
        """Say what the operation costs: a function of ``out`` and any of the arguments, asked for by name.

        Raises:
            RuleError: at import, where an argument is misspelt.
        """
        self._rule = self._rules._replace(self._rule, replace(self._rule, cost=function))
        return function

    def traffic(self, function: Callable[..., Traffic]) -> Callable[..., Traffic]:
        """Say which bytes move, where that is not every tensor once."""
        self._rule = self._rules._replace(self._rule, replace(self._rule, traffic=function))
        return function

    def choice(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Say which values stand in for the last output, a choice of data, where sizes depend on them."""
        self._rule = self._rules._replace(self._rule, replace(self._rule, choice=function))
        return function


class RuleSet(Mapping[Any, Rule]):
    """Rules by target. Fill one with `op` and `elementwise`, join two with ``|``.

    >>> ours, theirs = RuleSet(), RuleSet()
    >>> @ours.op(torch.relu, "relu")
    ... def relu(input: TensorSpec) -> TensorSpec:
    ...     return input
    >>> theirs.elementwise("relu", torch.relu, cmp=2)
    >>> ours | theirs
    Traceback (most recent call last):
    ...
    analyzer.errors.RuleError: two rules for torch.relu: 'relu' and 'relu'
      try     keep one of them, or say which with first.override(second)
    >>> ours.override(theirs)[torch.relu].cost is theirs[torch.relu].cost
    True
    """

    def __init__(self, rules: Mapping[Any, Rule] | None = None, answers: Mapping[str, Any] | None = None) -> None:
        self._rules: dict[Any, Rule] = dict(rules or {})
        self.answers: dict[str, Any] = dict(answers or {})
        self._operators: dict[Any, Rule | None] = {}
        self.leaves: dict[type[nn.Module], Rule | None] = {}

    def __getitem__(self, target: Any) -> Rule:
        return self._rules[resolve_target(target)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def __repr__(self) -> str:
        return f"RuleSet({len(set(self._rules.values()))} rules for {len(self)} targets)"

    def __or__(self, other: RuleSet) -> RuleSet:
        """Both sets' rules. Raises RuleError where they clash."""
        for target in other._rules.keys() & self._rules.keys():
            if self._rules[target] is not other._rules[target]:
                raise RuleError(
                    f"two rules for {describe_target(target)}: {self._rules[target].name!r} and "
                    f"{other._rules[target].name!r}",
                    hint="keep one of them, or say which with first.override(second)",
                )
        return RuleSet(self._rules | other._rules, self.answers | other.answers)

    def override(self, other: RuleSet) -> RuleSet:
        """Both sets' rules, ``other``'s where they clash."""
        return RuleSet(self._rules | other._rules, self.answers | other.answers)

    def op(
        self,
        *targets: Any,
        name: str | None = None,
        alias: str | None = None,
        random: bool = False,
        values: tuple[str, ...] = (),
        masks: tuple[str, ...] = (),
        unread: tuple[str, ...] = (),
        attributes: Mapping[str, Callable[[nn.Module], Any]] | None = None,
    ) -> Callable[[Callable[..., Any]], Definition]:
        """Make the decorated shape function the rule of ``targets``.

        Args:
            targets: module classes, functions, aten operators, and names of tensor methods or properties. A method or
                function that exists with a trailing underscore too (``relu_``) is served along.
            name: what tables call the operation; the function's own name when left out.
            alias: the argument whose storage the output shares, for views.
            random: the values come from a random generator.
            values: arguments whose values the rule wants: constants come as numbers and lists, others as specs.
            masks: arguments whose boolean tensors come as index tensors where they are constants.
            unread: arguments of which no value is read, but the shape or the dtype.
            attributes: arguments that a module holds under another name.

        Raises:
            RuleError: a target is taken, or a method does not exist.
        """

        def define(shape: Callable[..., Any]) -> Definition:
            own = name or shape.__name__
            rule = Rule(
                own,
                targets,
                shape,
                alias=alias,
                random=random,
                values=values,
                masks=masks,
                unread=unread,
                attributes=attributes or {},
            )
            rule.check_alias()
            self._add(rule)
            return Definition(self, rule)

        return define

    def answer(self, place: str, value: Any) -> None:
        """Say what a function of a library takes data to be that it asks for, where that has no part in the cost.

        Args:
            place: ``"package/file.py:function"``, of the code that asks; the end of the path is enough.
            value: the answer; or, of a bound, a function that makes it. It is given ``local(name)``, which looks up the
                innermost local variable of that name on the call stack.

        >>> rules = RuleSet()
        >>> rules.answer("package/checks.py:warn_if_padded", False)
        >>> rules.answer("package/boxes.py:paste", lambda local: local("width"))
        """
        self.answers[place] = value

    def elementwise(
        self,
        name: str,
        *targets: Any,
        operands: int = 1,
        dtype: torch.dtype | Callable[[torch.dtype], torch.dtype] | None = None,
        **counts: int,
    ) -> None:
        """A family op in one line: broadcast ``operands`` tensors, so many operations an element of the result.

        Args:
            name: what tables call it.
            targets: as for `op`.
            operands: how many leading arguments are tensors or numbers that broadcast (named input, other, third).
            dtype: the result's dtype, or a function of the promoted one; the promoted one when left out.
            counts: fields of `Counts`, an element of the result; nothing is zero, said on purpose.

        >>> rules = RuleSet()
        >>> rules.elementwise("hypot", torch.hypot, operands=2, mul=2, add=1, func=1)
        >>> rules[torch.hypot].call_cost({}, TensorSpec((2, 3))).mul
        12
        """

        def result(*values: Any) -> TensorSpec:
            if not any(isinstance(value, TensorSpec) for value in values):
                raise ShapeError(f"takes a tensor, got {', '.join(type(value).__name__ for value in values)}")
            spec = elementwise_spec(*values)
            if dtype is None:
                return spec
            return spec.with_dtype(dtype if isinstance(dtype, torch.dtype) else dtype(spec.dtype))

        def one(input: Any, *attributes: Any, **more: Any) -> TensorSpec:
            return result(input)

        def two(input: Any, other: Any, *attributes: Any, **more: Any) -> TensorSpec:
            return result(input, other)

        def three(input: Any, other: Any, third: Any, *attributes: Any, **more: Any) -> TensorSpec:
            return result(input, other, third)

        shape: Callable[..., TensorSpec] = (one, two, three)[operands - 1]
        each = Counts(**counts)
        described = " + ".join(f"{times} {kind}" for kind, times in counts.items()) or "nothing"
        shape.__doc__ = f"{name}, elementwise over {operands} operand(s), broadcast.\n\nCost: {described} an element."

        def cost(out: TensorSpec) -> Counts:
            return each * out.numel

        self._add(Rule(name, targets, shape, cost=cost if each else None))

    @property
    def targets(self) -> Mapping[Any, Rule]:
        """The plain mapping, for the hot path: keys are resolved targets."""
        return self._rules

    def for_module(self, cls: type[nn.Module]) -> Rule | None:
        """The rule that answers for modules of a class, or None where they must be entered.

        It is that of the nearest base with the same forward, unless a class in between overrides something of the
        base's that forward may use.
        """
        for base in cls.__mro__:
            rule = self._rules.get(base)
            if rule is not None:
                # Scripted modules have no forward of their own.
                if getattr(cls, "forward", None) is not getattr(base, "forward", None):
                    return None
                between = cls.__mro__[: cls.__mro__.index(base)]
                return None if any(_changes(one, base, rule) for one in between) else rule
        return None

    def of_call(self, name: str, target: str) -> Rule | None:
        """The rule called ``name`` that serves ``target``, as `describe_target` writes it; any of that name else."""
        named = [(key, rule) for key, rule in self._rules.items() if rule.name == name]
        exact = (rule for key, rule in named if describe_target(key) == target)
        return next(exact, named[0][1] if named else None)

    def for_operator(self, operator: Any) -> Rule | None:
        """The rule of an aten operator: its own, or that of the function or method of the same name."""
        known: Rule | None = self._operators.get(operator, _UNASKED)
        if known is _UNASKED:
            known = self._operators[operator] = self._find_operator(operator)
        return known

    def _find_operator(self, operator: Any) -> Rule | None:
        packet = operator.overloadpacket
        for target in (operator, packet, operator._schema.name):
            if target in self._rules:
                return self._rules[target]
        space, name = operator._schema.name.split("::")
        if space != "aten":
            return None
        for owner in (torch, torch.Tensor, torch._C._nn, nn.functional, torch.special, torch.linalg, torch.fft):
            for prefix in ("", "special_", "linalg_", "fft_"):
                rule: Rule | None = self._rules.get(getattr(owner, name.removeprefix(prefix), None))
                if rule is not None:
                    return rule
        return None

    def _add(self, rule: Rule) -> None:
        for target in rule.targets:
            for key in (resolve_target(target), *in_place_twins(target)):
                if self._rules.get(key, rule) is not rule:
                    clash = f"{self._rules[key].name!r} and {rule.name!r}"
                    raise RuleError(f"two rules for {describe_target(target)}: {clash}")
                self._rules[key] = rule

    def _replace(self, old: Rule, new: Rule) -> Rule:
        for target, rule in self._rules.items():
            if rule is old:
                self._rules[target] = new
        return new


_UNASKED: Any = object()
_HARMLESS = frozenset({"extra_repr", "reset_parameters"})


def _changes(cls: type, base: type, rule: Rule) -> bool:
    """Whether ``cls`` overrides a method or attribute of ``base`` that forward may use, or one that the rule reads."""
    for name, value in vars(cls).items():
        if name in _HARMLESS or (name.startswith("__") and name.endswith("__")):
            continue
        inherited = getattr(base, name, None)
        if inherited is not None and inherited is not getattr(nn.Module, name, None) and callable(value):
            return True
        if isinstance(value, property) and name in rule.signature.names:
            return True
    return False
