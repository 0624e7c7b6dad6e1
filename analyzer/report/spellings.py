"""The names of torch's operations, as users write them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import nn

from analyzer.targets import describe_target

__all__ = ["names_of", "rank", "short"]

_PLACES: Mapping[str, Any] = {
    "torch.nn": nn, "torch.nn.functional": nn.functional, "torch": torch, "torch.Tensor": torch.Tensor,
    "torch.linalg": torch.linalg, "torch.fft": torch.fft, "torch.special": torch.special,
    "torch.nn.utils.rnn": nn.utils.rnn,
}  # fmt: skip
_SHORT = {
    "torch.nn.functional.": "F.", "torch.nn.": "nn.", "torch.Tensor.": "Tensor.", "torch.ops.aten.": "aten.",
}  # fmt: skip


@cache
def _public() -> Mapping[int, tuple[Any, list[str]]]:
    """Torch's callables with all their names, by identity; what torch does not document stays out."""
    names: dict[int, tuple[Any, list[str]]] = {}
    for place, owner in _PLACES.items():
        for name in dir(owner):
            value = getattr(owner, name)
            private = name.startswith("_") and not (owner is torch.Tensor and name.endswith("__"))
            if not private and (callable(value) or owner is torch.Tensor):
                names.setdefault(id(value), (value, []))[1].append(f"{place}.{name}")
    return names


def names_of(target: Any) -> list[str]:
    """Every name of a target that torch's users may write; how it is described where it has none."""
    if id(target) in _public():
        return _public()[id(target)][1]
    return [describe_target(target).replace("torch._ops.", "torch.ops.")]


def rank(name: str) -> tuple[bool, int, str]:
    """Modules first, then functions, methods, operators; what works in place after what does not."""
    place = name.rpartition(".")[0]
    places = list(_PLACES)
    return name.endswith("_") and not name.endswith("__"), places.index(place) if place in places else len(places), name


def short(text: str) -> str:
    """Names in a text as they are written in code.

    >>> short("torch.nn.functional.relu, torch.nn.ReLU"), short("torch.Tensor.relu")
    ('F.relu, nn.ReLU', 'Tensor.relu')
    """
    for place, written in _SHORT.items():
        text = text.replace(place, written)
    return text
