"""Analyses held against torch itself: the same model, the same inputs, really run."""

from __future__ import annotations

import copy
import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from analyzer import Analysis, TensorSpec, analyze


def _described(tree: Any) -> Any:
    """A tree with ``(shape, dtype)`` in place of tensors and specs, and the types of its containers."""
    if isinstance(tree, (torch.Tensor, TensorSpec)):
        return tuple(tree.shape), tree.dtype
    if isinstance(tree, (tuple, list)):
        return type(tree), [_described(item) for item in tree]
    if isinstance(tree, dict):
        return type(tree), {key: _described(item) for key, item in tree.items()}
    if dataclasses.is_dataclass(tree):
        return type(tree), {field.name: _described(getattr(tree, field.name)) for field in dataclasses.fields(tree)}
    return tree


@pytest.fixture(scope="session")
def described() -> Callable[[Any], Any]:
    return _described


@pytest.fixture(scope="session")
def like_torch() -> Callable[..., Analysis]:
    """``like_torch(model, *args, **kwargs)``: analyze, then run for real; structure, shapes, dtypes must agree."""

    def check(model: Any, *args: Any, **kwargs: Any) -> Analysis:
        analysis = analyze(model, args, kwargs)
        analysis.graph.verify()
        with torch.no_grad():
            real = model(*copy.deepcopy(args), **copy.deepcopy(kwargs))
        assert _described(analysis.outputs) == _described(real)
        return analysis

    return check


@pytest.fixture(scope="session")
def fresh_python(tmp_path_factory) -> Callable[..., str]:
    """Run a program in a process of its own, in an empty folder; what it printed."""
    folder = tmp_path_factory.mktemp("empty")

    def run(program: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def ops() -> Callable[[Analysis], list[str]]:
    """Names of the operations of an analysis, in order, without the graph's ends."""

    def names(analysis: Analysis) -> list[str]:
        return [node.op for node in analysis.graph if node.op not in ("input", "output", "constant")]

    return names
