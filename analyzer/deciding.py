"""Sizes that data decide: worked out from constants, from choices and from the caller's answers, or bounded."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes

from analyzer.abstract import MOST, SPREAD, UNKNOWN, AbstractTensor, Memory
from analyzer.bounds import at_most, is_bound
from analyzer.constants import SPREAD_LIMIT
from analyzer.errors import DataDependentError, InputError
from analyzer.frames import user_line
from analyzer.lifting import Lifter
from analyzer.propagate import Outcome, evaluate, evaluate_bound, outcome_of
from analyzer.pytree import leaves, map_tensors
from analyzer.rule import Rule, tensors
from analyzer.spec import TensorSpec
from analyzer.symbolic.deciding import is_open_size

__all__ = ["Decider"]

_MASKS = (torch.bool, torch.uint8)


class Decider(Lifter):
    """Asks rules about calls, with the values that are known where sizes hang on them."""

    def _with_values(
        self,
        rule: Rule,
        lifted: tuple[Any, ...],
        keywords: dict[str, Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with plain numbers for those constants whose values the rule asks for."""
        names = rule.signature.positional

        def valued(name: str, spec: Any, given: Any) -> Any:
            wanted = name in rule.values and isinstance(given, torch.Tensor) and self.is_known(given)
            return self.constants.number(self.told(given), rule.name) if wanted else spec

        positional = tuple(map(valued, names, lifted, args)) + lifted[len(names) :]
        return positional, {name: valued(name, spec, kwargs[name]) for name, spec in keywords.items()}

    def _evaluate(
        self,
        rule: Rule,
        function: Any,
        lifted: tuple[Any, ...],
        keywords: dict[str, Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Outcome:
        """What the rule says; a size that data decide is worked out where the data are constants."""
        vague: DataDependentError | None = None
        try:
            outcome = evaluate(rule, lifted, keywords, tuple(self._weights), self.exact)
            if outcome.status != "bounded":
                return outcome
        except DataDependentError as error:
            vague = error.with_traceback(None)  # which holds this frame, which would hold it
        if self._known and not rule.random and "out" not in kwargs:
            if self._known == SPREAD:
                self.remark_spread()
            result = self.constants.run(function, args, kwargs)
            bound = rule.bind(lifted, keywords)
            if self._known == MOST and vague is None:
                return outcome_of(rule, bound, _as_bound(result, outcome.result), (), "bounded", outcome.notes)
            if self._known != MOST:
                return outcome_of(rule, bound, result)
        if vague is not None:
            return self._assume_argument(rule, rule.bind(lifted, keywords), vague)
        bound = rule.bind(lifted, keywords)
        if rule.masks:
            given = rule.bind(args, kwargs)
            places = {name: self._places(given[name], bound[name]) for name in rule.masks}
            outcome = evaluate_bound(rule, bound | places, [], tuple(self._weights), remember=False)
            if outcome.status != "bounded":
                return outcome
        return self._assume_size(rule, bound, outcome)

    def _places(self, index: Any, spec: Any) -> Any:
        """An index as rules see it, with index tensors in place of each mask whose values are known."""
        if isinstance(index, (tuple, list)):
            items: list[Any] = []
            for item, seen in zip(index, spec, strict=True):
                places = self._places(item, seen)
                items += places if isinstance(places, tuple) and isinstance(seen, TensorSpec) else [places]
            return type(spec)(items)
        if not isinstance(index, torch.Tensor) or spec.dtype not in _MASKS or self.level(index) == UNKNOWN:
            return spec
        with torch._C.DisableTorchFunction(), _disable_current_modes():
            true = int(self.constants.value(self.told(index), "getitem").count_nonzero())
        found = at_most(true) if self.level(index) == MOST else true
        return (TensorSpec((found,), torch.int64, spec.device),) * max(spec.ndim, 1)

    def _assume_argument(self, rule: Rule, bound: dict[str, Any], vague: DataDependentError) -> Outcome:
        """The outcome with a size that data decide as the caller says, by the argument that a call may say it with."""
        found = self.assumptions.find()
        if not vague.argument or found is None or type(found[1]) is not int:
            line = user_line()
            if vague.argument and line is not None:
                vague.hint = f'say how many with {vague.argument}= in the call, or assume={{"{line.place}": 7}}'
            raise vague
        self.assumptions.note(*found)
        return evaluate_bound(rule, bound | {vague.argument: found[1]}, [], tuple(self._weights), remember=False)

    def _assume_size(self, rule: Rule, bound: dict[str, Any], outcome: Outcome) -> Outcome:
        """The outcome with as many as the caller says that data decide; the upper bound where they say nothing."""
        found = self.assumptions.find()
        if found is None or isinstance(found[1], bool) or not isinstance(found[1], int):
            return outcome
        key, size = found
        most = max((dim for spec in outcome.outputs for dim in spec.shape if is_bound(dim)), default=0)
        if not 0 <= size <= most:
            raise InputError(f"assume says {size} at {key}, where there are from 0 to {int(most)}")
        self.assumptions.note(key, size)

        def sized(spec: TensorSpec) -> TensorSpec:
            return spec.with_shape(*(size if is_bound(dim) else dim for dim in spec.shape))

        result = map_tensors(sized, outcome.result, (TensorSpec,))
        return outcome_of(rule, bound, result, tuple(self._weights), notes=(f"assumed to be {size}",))

    def _stand_in(self, rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The arguments of a call with real tensors of any values for those that it does not read."""

        def stand_in(name: str, value: Any) -> Any:
            if name in rule.unread and isinstance(value, torch.Tensor) and self.level(value) == UNKNOWN:
                return self.constants.stand_in(self.abstract_of(value))
            return value

        names = rule.signature.positional
        positional = tuple(map(stand_in, names, args)) + args[len(names) :]
        return positional, {name: stand_in(name, value) for name, value in kwargs.items()}

    def _choose(self, rule: Rule, outcome: Outcome, result: Any) -> None:
        """Give values to what data choose: those of the largest possible result, or a choice that is spread evenly."""
        if any(is_open_size(size) for spec in outcome.outputs for size in spec.shape):
            return
        if sum(spec.numel for spec in outcome.outputs) > SPREAD_LIMIT:
            return
        if outcome.values is not None:
            make, chosen, level = outcome.values, [leaf for _, leaf in leaves(result, (AbstractTensor,))], MOST
        else:
            spec = outcome.outputs[-1]
            make, level = lambda: rule.call_choice(outcome.arguments, spec), SPREAD
            chosen = [result[-1] if isinstance(result, (tuple, list)) else result]
        for tensor in chosen:
            tensor._memory = Memory(tensor._memory.root, level)
        self.constants.note(make, (), {}, chosen)


def _as_bound(result: Any, largest: Any) -> Any:
    """A result worked out from the largest possible values: its sizes are bounds where those of ``largest`` are."""
    bounds = iter(tensors(largest))

    def marked(spec: TensorSpec) -> TensorSpec:
        sizes = zip(spec.shape, next(bounds).shape, strict=True)
        return spec.with_shape(*(at_most(size) if is_bound(most) else size for size, most in sizes))

    return map_tensors(marked, result, (TensorSpec,))
