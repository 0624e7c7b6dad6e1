"""A capture with open dimensions beside one with plain sizes, and how fast its formulas are evaluated."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy
import torch

from analyzer import TensorSpec, analyze
from benchmarks.models import MODELS
from benchmarks.timing import medians, repeated

__all__ = ["GOAL", "OPEN", "compare"]

GOAL = 6  # captures with plain sizes, at the most
OPEN: dict[str, tuple[Any, ...]] = {
    "resnet50": ("B", 3, "H", "W"),
    "swin_t": ("B", 3, "H", "W"),
    "llama_7b": ("B", "S"),
}
POINTS = 1_000  # sizes of each of two names: a million together


def compare(name: str, rounds: int) -> dict[str, Any]:
    """One row: milliseconds of both captures, of the first one with open dimensions, and of a million evaluations."""
    model = next(model for model in MODELS if model.name == name)
    module, inputs = model.on_meta()
    spec = TensorSpec(OPEN[name], model.dtype)
    hints = {"S": inputs[0].shape[1]} if "S" in OPEN[name] else None
    with torch.no_grad():
        analyze(module, inputs)
        start = perf_counter()
        analysis = analyze(module, spec, hints=hints)
        row: dict[str, Any] = {"model": name, "first": (perf_counter() - start) * 1e3}
        row |= {"conditions": len(analysis.conditions)}
        contenders = {
            "plain": repeated(lambda: analyze(module, inputs)),
            "open": repeated(lambda: analyze(module, spec, hints=hints)),
            "million": repeated(lambda: _million(analysis.total("macs"))),
        }
        return row | medians(contenders, rounds)


def _million(total: Any) -> Any:
    """The multiply-accumulates of a thousand batches by a thousand lengths, or of a million batches of one image."""
    if "S" in total.names:
        return total.at(B=numpy.arange(1, POINTS + 1)[:, None], S=numpy.arange(32, POINTS + 32))
    hints = {name: size for name, size in total.domain.hints.items() if name != "B"}
    return total.at(B=numpy.arange(1, POINTS**2 + 1), **hints)
