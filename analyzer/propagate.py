"""One call: bind its arguments to a rule, ask for shapes, counts and traffic, and remember the answer.

Rules are pure functions of specs and plain values, so equal calls have equal answers: a model of many equal layers,
analyzed again and again, asks each rule once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import NoneType
from typing import Any

import torch
from torch import get_default_dtype

from analyzer.bounds import AtMost, is_bound
from analyzer.counts import Counts, Traffic
from analyzer.errors import AnalyzerError, RuleError, ShapeError
from analyzer.node import Status
from analyzer.rule import Bound, Rule, tensors
from analyzer.spec import TensorSpec

__all__ = ["Outcome", "evaluate", "evaluate_bound", "extend_key", "key_of", "outcome_of", "paths_of", "plain"]

# Enough for every distinct layer of the largest models; cleared when full, since rules are cheap to ask again.
_LIMIT = 32_768
_memory: dict[Any, Outcome] = {}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule says about one call.

    Attributes:
        result: the returned structure, with specs.
        outputs: its specs, flat.
        arguments: the bound arguments, fit to be kept: specs, plain values, text.
        counts: what is calculated.
        traffic: what moves.
        status: ``ruled``, or ``bounded`` where a size is an upper bound.
        notes: why it is a bound.
        shares: whether the result shares the storage of the rule's ``alias``: a view, or nothing to do.
        paths: where in the result each output is; empty where the result is one tensor.
        values: makes the real tensors of a bound, see `Bound`.
    """

    result: Any
    outputs: tuple[TensorSpec, ...]
    arguments: Mapping[str, Any]
    counts: Counts
    traffic: Traffic
    status: Status = "ruled"
    notes: tuple[str, ...] = ()
    shares: bool = False
    paths: tuple[tuple[int, ...], ...] = ()
    values: Callable[[], Any] | None = None


def evaluate(
    rule: Rule, args: tuple[Any, ...], kwargs: Mapping[str, Any], weights: tuple[str, ...] = (), remember: bool = True
) -> Outcome:
    """Ask ``rule`` about a call of a function or method with these arguments, of which ``weights`` are parameters.

    Answers are not remembered where sizes may be upper bounds: a bound is equal to the exact size, and its answer not.

    Raises:
        ShapeError: torch would reject the call.
        RuleError: the rule's own code failed on it.
    """
    if not remember:
        return _ask(rule, rule.bind(args, kwargs), weights)
    key = key_of(rule, args)
    if kwargs:
        key += kwargs
        for value in kwargs.values():
            extend_key(key, value)
    return _look_up(rule, key, weights, lambda: rule.bind(args, kwargs))


def evaluate_bound(
    rule: Rule, bound: dict[str, Any], key: list[Any], weights: tuple[str, ...] = (), remember: bool = True
) -> Outcome:
    """The same for the bound arguments of a module, and their key."""
    if not remember:
        return _ask(rule, bound, weights)
    return _look_up(rule, key, weights, lambda: bound)


def _look_up(rule: Rule, key: list[Any], weights: tuple[str, ...], bind: Callable[[], dict[str, Any]]) -> Outcome:
    entry = (weights, *key)
    try:
        outcome = _memory.get(entry)
    except TypeError:  # an argument that does not hash is asked about every time, but for open sizes
        known = _among_open(entry)
        if known is None:
            return _ask(rule, bind(), weights)
        environment, entry = known
        return environment.remembered(entry, lambda: _ask(rule, bind(), weights))  # type: ignore[no-any-return]
    if outcome is None:
        outcome = _ask(rule, bind(), weights)
        if len(_memory) >= _LIMIT:
            _memory.clear()
        _memory[entry] = outcome
    return outcome


def _among_open(entry: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]] | None:
    """The environment of a call's open sizes, an `OpenSizes`, and its key there: symbolic ints do not hash."""
    environment: Any = None

    def hashed(part: Any) -> Any:
        nonlocal environment
        if type(part) is torch.SymInt:
            environment = part.node.shape_env
            return torch.SymInt, part.node.expr
        return tuple(map(hashed, part)) if isinstance(part, tuple) else part

    try:
        key = hashed(entry)
        hash(key)
    except (TypeError, AttributeError):
        return None
    return None if environment is None else (environment, key)


def key_of(rule: Rule, values: Iterable[Any]) -> list[Any]:
    """What makes two calls of a rule the same."""
    key: list[Any] = [rule, get_default_dtype()]
    for value in values:
        extend_key(key, value)
    return key


def extend_key(key: list[Any], value: Any) -> None:
    """Add one more argument to a key."""
    # Types belong to it: 1, 1.0 and True are equal in Python and give different dtypes. A spec goes in by its parts,
    # whose hashes and comparisons are torch's and Python's own and not a method's.
    cls = type(value)
    if cls is TensorSpec:
        key += (value.shape, value.dtype, value.device)
    elif cls is NoneType or cls is str or cls is bool:
        key.append(value)
    elif cls is list or cls is tuple:
        key += (cls, len(value))
        if _INT.issuperset(map(type, value)):
            key.append(int)
            key += value
        else:
            for item in value:
                extend_key(key, item)
    elif cls is dict:
        key += (cls, *value)
        for item in value.values():
            extend_key(key, item)
    elif cls is slice:
        key.append(cls)
        for part in (value.start, value.stop, value.step):
            extend_key(key, part)
    elif cls is torch.ScriptObject:
        key.append([])  # packed weights compare to nothing, and a memory must not keep them: this does not hash
    else:
        key += (cls, value)


_INT = frozenset({int})


def _ask(rule: Rule, bound: dict[str, Any], weights: tuple[str, ...]) -> Outcome:
    try:
        result = rule.call_shape(bound)
    except AnalyzerError:
        raise
    except Exception as error:
        raise _blame(rule, bound, error) from error
    if isinstance(result, Bound):
        return replace(outcome_of(rule, bound, result.spec, weights, "bounded", (result.why,)), values=result.values)
    return outcome_of(rule, bound, result, weights)


def outcome_of(
    rule: Rule,
    bound: dict[str, Any],
    result: Any,
    weights: tuple[str, ...] = (),
    status: Status = "ruled",
    notes: tuple[str, ...] = (),
) -> Outcome:
    """What a rule says about a call whose result is known: its counts and traffic."""
    try:
        outputs = tuple(tensors(result))
        for spec in outputs:
            if any(size < 0 for size in spec.shape):
                raise ShapeError(f"the result would have a negative size: {spec.shape}")
        out = result if isinstance(result, TensorSpec) or not outputs else tuple(outputs)
        counts = rule.call_cost(bound, out)
        traffic = rule.call_traffic(bound, out)
    except AnalyzerError:
        raise
    except Exception as error:
        raise _blame(rule, bound, error) from error
    if traffic is None:
        traffic = Traffic()
        if rule.alias is None:
            moved = sum(spec.nbytes for spec in tensors(list(bound.values())))
            traffic = Traffic(moved, sum(spec.nbytes for spec in outputs))
    shares = rule.alias is not None and not traffic
    if status == "bounded" and not any(is_bound(size) for spec in outputs for size in spec.shape):
        counts = counts * AtMost(1)  # not a size of the result is the bound, but the cost
    if weights and traffic.read:
        loaded = sum(spec.nbytes for slot in weights for spec in tensors(_at(bound, slot)))
        others = sum(spec.nbytes for spec in tensors(list(bound.values()))) - loaded
        # A gather reads fewer bytes of its weight than there are; torch's own minimum asks open sizes nothing.
        weighed: Any = torch.sym_max(torch.sym_min(loaded, traffic.read - others), 0)
        traffic = Traffic(traffic.read, traffic.written, weighed)
    arguments = {name: plain(value) for name, value in bound.items()}
    paths = paths_of(result)
    return Outcome(result, outputs, arguments, counts, traffic, status, notes, shares, paths)


def paths_of(result: Any) -> tuple[tuple[int, ...], ...]:
    """Where in a result each of its tensors is; empty where the result is one tensor.

    >>> paths_of((TensorSpec((2,)), [TensorSpec((3,))]))
    ((0,), (1, 0))
    """
    return () if isinstance(result, TensorSpec) else tuple(_paths(result))


def _paths(result: Any, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    if isinstance(result, TensorSpec):
        yield path
    elif isinstance(result, (tuple, list)):
        for index, item in enumerate(result):
            yield from _paths(item, (*path, index))


def _at(bound: Any, slot: str) -> Any:
    """The argument of that slot: ``"weight"``, or ``"tensors.0"`` for an item of a list."""
    for part in slot.split("."):
        try:
            bound = bound[part] if isinstance(bound, dict) else bound[int(part)]
        except (KeyError, ValueError, IndexError, TypeError):
            return None
    return bound


def _blame(rule: Rule, bound: dict[str, Any], error: Exception) -> AnalyzerError:
    """A rule's code failed: on arguments of kinds that torch rejects too, or because the rule is wrong."""
    given = ", ".join(f"{name}={plain(value)!r}" for name, value in bound.items())
    return RuleError(
        f"the rule {rule.name!r} cannot make sense of ({given}): {type(error).__name__}: {error}",
        hint="check the arguments; if torch takes them, the rule is at fault: please report it",
    )


_PLAIN = (
    *(int, float, bool, str, complex, type(None), TensorSpec),
    *(torch.dtype, torch.device, torch.memory_format, torch.layout),
    *(torch.SymInt, torch.SymFloat, torch.SymBool),  # until the capture is done, see `analyzer.closing`
)


def plain(value: Any) -> Any:
    """A value fit to be kept in a graph that pickles: anything of the user's becomes text."""
    if isinstance(value, (tuple, list)):
        return type(value)(map(plain, value)) if type(value) in (tuple, list) else tuple(map(plain, value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, slice):
        return slice(plain(value.start), plain(value.stop), plain(value.step))
    if value is Ellipsis or isinstance(value, _PLAIN):
        return value
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."
