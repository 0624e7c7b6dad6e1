"""``fvcore.nn.parameter_count``: elements of the parameters below every module."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from numbers import Integral

from torch import nn

from analyzer.compat.arguments import require
from analyzer.compat.fvcore.pipes import pipe_table

__all__ = ["parameter_count", "parameter_count_table"]


def parameter_count(model: nn.Module) -> defaultdict[str, int]:
    """Elements of parameters, and of modules with all below them, by name; ``""`` is the model. Shared ones once.

    >>> dict(parameter_count(nn.Sequential(nn.Linear(7, 5))))
    {'': 40, '0': 40, '0.weight': 35, '0.bias': 5}
    """
    require("model", model, nn.Module, "an nn.Module")
    counts: defaultdict[str, int] = defaultdict(int)
    for name, parameter in model.named_parameters():
        parts = name.split(".")
        for depth in range(len(parts) + 1):
            counts[".".join(parts[:depth])] += parameter.numel()
    return counts


def parameter_count_table(model: nn.Module, max_depth: int = 3) -> str:
    """The same as a table, with the shapes of parameters; ``max_depth`` levels of modules.

    >>> print(parameter_count_table(nn.Sequential(nn.Linear(7, 5))))
    | name       | #elements or shape   |
    |:-----------|:---------------------|
    | model      | 40                   |
    |  0         |  40                  |
    |   0.weight |   (5, 7)             |
    |   0.bias   |   (5,)               |
    """
    require("max_depth", max_depth, Integral, "a whole number")
    counts = parameter_count(model)
    shapes = {name: str(tuple(parameter.shape)) for name, parameter in model.named_parameters()}

    def below(prefix: str, depth: int) -> Iterator[list[str]]:
        if depth >= max_depth:
            return
        for name, elements in counts.items():
            if name and name.count(".") == depth and name.startswith(prefix):
                indent = " " * (depth + 1)
                yield [indent + name, indent + shapes.get(name, _short(elements))]
                if name not in shapes:
                    yield from below(name + ".", depth + 1)

    rows = [["model", _short(counts[""])], *below("", 0)]
    return pipe_table(rows, ["name", "#elements or shape"])


def _short(elements: int) -> str:
    """With a unit from a hundred of it on: 0.1M, 37.9M, 0.1G."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("K", 1e3)):
        if elements > size / 10:
            return f"{elements / size:.1f}{unit}"
    return str(elements)
