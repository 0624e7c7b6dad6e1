"""What every property asks: that the analysis says of a call what torch's eager result says, or that both refuse it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings
from torch.utils import _pytree as pytree

from analyzer import AnalyzerError, TensorSpec, analyze

settings.register_profile(
    "properties",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=45,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("properties")


def _signature(value: Any) -> Any:
    """Shapes and dtypes in a result; what is no tensor stays out."""
    leaves = pytree.tree_leaves(value)
    return [(tuple(leaf.shape), leaf.dtype) for leaf in leaves if isinstance(leaf, (torch.Tensor, TensorSpec))]


def disagreement(function: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """What torch and the analysis say differently of a call; empty where they agree."""
    try:
        with torch.no_grad():
            told = _signature(function(*pytree.tree_map(_own, args)))
        refusal = ""
    except Exception as error:
        told, refusal = None, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    try:
        found = _signature(analyze(function, args).outputs)
    except AnalyzerError as error:
        return "" if refusal else f"torch gives {told}, the analysis refuses: {type(error).__name__}: {error}"
    if refusal:
        return f"torch refuses ({refusal}), the analysis gives {found}"
    return "" if found == told else f"torch gives {told}, the analysis {found}"


def _own(value: Any) -> Any:
    """Tensors of its own for a call that may write."""
    return value.clone() if isinstance(value, torch.Tensor) else value


@pytest.fixture(scope="session")
def agree() -> Callable[..., None]:
    """Assert that torch and the analysis agree on a call, whose text names it where they do not."""

    def check(text: str, function: Callable[..., Any], *args: Any) -> None:
        difference = disagreement(function, args)
        shapes = [tuple(leaf.shape) if isinstance(leaf, torch.Tensor) else leaf for leaf in pytree.tree_leaves(args)]
        assert not difference, f"{text} on {shapes}: {difference}"

    return check
