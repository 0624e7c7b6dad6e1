"""Operators that call functions: a branch of ``torch.cond``, each step of a scan, map or loop.

They are taken apart into the calls of those functions. Where data chooses among branches, all of them are recorded and
the dearest one counts, as an upper bound. Where data say when a loop ends, the caller has to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch._ops import HigherOrderOperator
from torch.utils._pytree import tree_map

from analyzer.abstract import AbstractTensor
from analyzer.bounds import AtMost
from analyzer.counts import Counts, Traffic
from analyzer.errors import DataDependentError, Diagnostic, InputError, MissingRuleError, ShapeError
from analyzer.frames import user_line
from analyzer.pytree import leaves
from analyzer.recorder import Recorder

__all__ = ["call_higher_order", "is_higher_order"]

Function = Callable[..., Any]
_TENSORS = (torch.Tensor,)


def is_higher_order(function: Any) -> bool:
    """Whether a function is one of torch's operators that take functions."""
    return isinstance(function, HigherOrderOperator)


def call_higher_order(
    recorder: Recorder,
    net: AbstractContextManager[Any],
    operator: Any,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Any:
    """Record what an operator that takes functions calls; ``net`` catches the calls.

    Raises:
        MissingRuleError: nobody knows how often it calls what it is given.
    """
    handler = _HANDLERS.get(operator.name())
    if handler is None:
        raise MissingRuleError(
            f"nobody knows what {operator.name()} does with the functions that it is given",
            hint="write the call out in plain torch, or give the operator a rule (analyze(..., rules=...))",
        )
    with net:
        return handler(recorder, *args, **{key: kwargs[key] for key in kwargs if key != "mutated_arg_indices"})


# --- branches -------------------------------------------------------------------------------------------------------


def _cond(recorder: Recorder, pred: Any, true_fn: Function, false_fn: Function, operands: Sequence[Any]) -> Any:
    chosen = _answer(recorder, pred, "cond")
    if chosen is None:
        chosen = recorder.assumptions.branch()
    if chosen is None:
        return _dearest(recorder, "cond", (true_fn, false_fn), operands)
    return (true_fn if chosen else false_fn)(*operands)


def _switch(recorder: Recorder, index: Any, branches: Sequence[Function], operands: Sequence[Any]) -> Any:
    chosen = _answer(recorder, index, "switch")
    if chosen is None:
        return _dearest(recorder, "switch", branches, operands)
    return branches[min(max(int(chosen), 0), len(branches) - 1)](*operands)


def _answer(recorder: Recorder, value: Any, asked_by: str) -> Any:
    """What a condition is where that can be worked out; None where data decide."""
    if not isinstance(value, torch.Tensor):
        return value
    return recorder.constants.number(recorder.told(value), asked_by) if recorder.is_known(value) else None


def _dearest(recorder: Recorder, name: str, branches: Sequence[Function], operands: Sequence[Any]) -> Any:
    """Record every branch; the dearest one counts, and its result is the result."""
    spans, results = [], []
    for branch in branches:
        start = len(recorder.nodes)
        results.append(branch(*operands))
        spans.append(slice(start, len(recorder.nodes)))
    shapes = [[recorder.abstract_of(leaf)._spec for _, leaf in leaves(result, _TENSORS)] for result in results]
    for other in shapes[1:]:
        if other != shapes[0]:
            told = " and ".join(", ".join(map(str, specs)) for specs in (shapes[0], other))
            raise ShapeError(f"the branches of {name} return different things: {told}")
    costs = [_flops(sum((node.counts for node in recorder.nodes[span]), Counts())) for span in spans]
    dearest = costs.index(max(costs))
    for number, span in enumerate(spans):
        for place in range(span.start, span.stop):
            node = recorder.nodes[place]
            if number != dearest:
                notes = (*node.notes, f"not counted: another branch of {name} costs more")
                recorder.nodes[place] = node._replace(counts=Counts(), traffic=Traffic(), notes=notes)
            elif min(costs) < max(costs):
                notes = (*node.notes, f"the dearest branch of {name}")
                recorder.nodes[place] = node._replace(counts=node.counts * AtMost(1), notes=notes)
    line = user_line()
    message = f"data choose a branch of {name}; the dearest one, number {dearest + 1}, counts: {line}"
    remark = Diagnostic("dearest-branch", "", message, "say which way it goes with assume=")
    recorder.assumptions.remarks.setdefault(f"{name} {line}", remark)
    return results[dearest]


def _flops(counts: Counts) -> tuple[int, int]:
    products = 2 * counts.mac - counts.dot
    return products + counts.add + counts.mul + counts.div, counts.cmp + counts.func


# --- loops ----------------------------------------------------------------------------------------------------------


def _while_loop(recorder: Recorder, cond_fn: Function, body_fn: Function, carried: Any, additional: Any = ()) -> Any:
    values, times, limit = tuple(carried), 0, None
    while True:
        goes_on = _answer(recorder, cond_fn(*values, *additional), "while_loop") if limit is None else times < limit
        if goes_on is None:
            limit = _times(recorder)
        elif not goes_on:
            return values
        else:
            values = tuple(body_fn(*values, *additional))
            times += 1


def _times(recorder: Recorder) -> int:
    """How often a loop runs that data end: what the caller says.

    Raises:
        DataDependentError: they said nothing.
        InputError: they said something else than a number.
    """
    found = recorder.assumptions.find()
    if found is None:
        line = user_line()
        place = line.place if line is not None else "file.py:123"
        raise DataDependentError(
            "the model loops until the value of a tensor says so, which only real data has",
            hint=f'say how often with assume={{"{place}": 7}}',
        )
    if not isinstance(found[1], int) or isinstance(found[1], bool) or found[1] < 0:
        raise InputError(f"how often the loop at {found[0]} runs is a whole number, assume says {found[1]!r}")
    recorder.assumptions.note(*found)
    return found[1]


def _scan(recorder: Recorder, combine_fn: Function, init: Any, xs: Any, additional: Any = ()) -> Any:
    carry, rows = list(init), []
    for step in range(xs[0].shape[0]):
        result = list(combine_fn(*carry, *(x[step] for x in xs), *additional))
        carry, row = result[: len(carry)], result[len(carry) :]
        rows.append(row)
    return (*carry, *map(_stack, zip(*rows, strict=True)))


def _associative_scan(recorder: Recorder, combine_fn: Function, xs: Any, additional: Any = ()) -> Any:
    rows = [[x[0] for x in xs]]
    for step in range(1, xs[0].shape[0]):
        rows.append(list(combine_fn(*rows[-1], *(x[step] for x in xs), *additional)))
    return tuple(map(_stack, zip(*rows, strict=True)))


def _map(recorder: Recorder, function: Function, xs: Any, additional: Any = ()) -> Any:
    rows = [function(*(x[step] for x in xs), *additional) for step in range(xs[0].shape[0])]
    return tree_map(lambda *column: _stack(column), *rows)


def _stack(column: tuple[Any, ...]) -> Any:
    """One of the results of every step, stacked; a function may return None among them."""
    return torch.stack(column) if isinstance(column[0], torch.Tensor) else column[0]


# --- one call -------------------------------------------------------------------------------------------------------


def _out_dtype(recorder: Recorder, operator: Function, dtype: torch.dtype, *args: Any) -> Any:
    wide = [arg.to(dtype) if isinstance(arg, AbstractTensor) else arg for arg in args]
    return operator(*wide)


_HANDLERS: Mapping[str, Callable[..., Any]] = {
    "cond": _cond,
    "switch": _switch,
    "while_loop": _while_loop,
    "scan": _scan,
    "associative_scan": _associative_scan,
    "map_impl": _map,
    "out_dtype": _out_dtype,
    "invoke_subgraph": lambda recorder, subgraph, identifier, *operands: subgraph(*operands),
    "strict_mode": lambda recorder, function, operands: function(*operands),
    "hints_wrapper": lambda recorder, function, args, kwargs, hints: function(*args, **kwargs),
}
