"""Rules asked directly, without a capture, and held against torch itself on zeros."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.rule import Bound
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec


class Answer(NamedTuple):
    name: str
    out: Any
    counts: Counts


def ask(rules: RuleSet, call: partial[Any]) -> Answer:
    """What the rule of a call says; the call is a partial of a function, a method or a module, over specs."""
    module = call.func if isinstance(call.func, nn.Module) else None
    if module is None:
        rule = rules[call.func]
        bound = rule.bind(call.args, call.keywords)
    else:
        rule = next(rules[base] for base in type(module).__mro__ if base in rules)
        bound = rule.bind_module(module, call.args, call.keywords)
    bound = tree_map(lambda leaf: TensorSpec.of(leaf) if isinstance(leaf, torch.Tensor) else leaf, bound)
    out = rule.call_shape(bound)
    out = out.spec if isinstance(out, Bound) else out
    return Answer(rule.name, out, rule.call_cost(bound, out))


def really(call: partial[Any]) -> Any:
    """What torch itself returns, on zeros."""
    args, kwargs = tree_map(
        lambda leaf: torch.zeros(leaf.shape, dtype=leaf.dtype) if isinstance(leaf, TensorSpec) else leaf,
        (call.args, call.keywords),
    )
    return call.func(*args, **kwargs)


def metadata(tree: Any) -> list[tuple[tuple[int, ...], torch.dtype]]:
    return [(tuple(leaf.shape), leaf.dtype) for leaf in tree_leaves(tree) if hasattr(leaf, "dtype")]


@pytest.fixture
def agree() -> Callable[..., None]:
    """All spellings of one call have this name and these counts, and the shapes and dtypes that torch gives them."""

    def check(rules: RuleSet, name: str, calls: list[partial[Any]], **counts: int) -> None:
        for call in calls:
            answer = ask(rules, call)
            assert answer.name == name, call
            assert answer.counts == Counts(**counts), call
            assert metadata(answer.out) == metadata(really(call)), call

    return check


@pytest.fixture
def rejects() -> Callable[..., None]:
    """Both torch and the rule refuse the call, and the rule says why in these words."""

    def check(rules: RuleSet, call: partial[Any], words: str) -> None:
        with pytest.raises((RuntimeError, ValueError, TypeError, IndexError, NotImplementedError, AssertionError)):
            really(call)
        with pytest.raises(ShapeError) as caught:
            ask(rules, call)
        assert words in str(caught.value)

    return check
