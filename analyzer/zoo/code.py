"""Models of any Python code: ``package.module:Class`` and ``path/to/file.py:make_model``."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

from torch import nn

from analyzer.errors import InputError
from analyzer.importing import import_named
from analyzer.zoo import timm, torchvision
from analyzer.zoo.build import build, missing_inputs
from analyzer.zoo.request import Loaded, Request, did_you_mean

__all__ = ["default_inputs", "load"]


def load(place: str, name: str, request: Request) -> Loaded:
    """The model that a class or a function makes, a module that is there, or a function of tensors.

    Raises:
        InputError: there is no such name, or it is no model and makes none.
        ModelError: the user's own code raised.
    """
    request.refuse("head", "seq", "trust_remote_code")
    factory = _attribute(import_named(place), name, request.text)
    if isinstance(factory, nn.Module):
        return Loaded(factory, default_inputs(factory, None, request))
    if not callable(factory):
        raise InputError(f"{request.text} is no model and nothing that makes one, but {type(factory).__name__}")
    if not request.kwargs and _takes_inputs(factory):
        return Loaded(factory)
    model = build(factory, request.kwargs, request.text)
    return Loaded(model, default_inputs(model, factory, request))


def _takes_inputs(factory: Any) -> bool:
    """Whether a function must be given something: then it is fed, and makes no model."""
    return inspect.isroutine(factory) and bool(missing_inputs(factory, (), {}))


def _attribute(module: ModuleType, name: str, text: str) -> Any:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            hint = did_you_mean(part, (known for known in dir(found) if not known.startswith("_")))
            raise InputError(
                f"{text}: there is no {part!r} in {getattr(found, '__name__', module.__name__)}", hint=hint
            )
        found = getattr(found, part)
    return found


def default_inputs(model: Any, factory: Any = None, request: Request | None = None) -> tuple[Any, ...]:
    """The inputs that a model of a known package is usually fed; nothing where it is not known.

    Args:
        model: the model.
        factory: the function that made it, by which torchvision's models are known.
        request: batch, size and dtype; a batch of one where it is left out.
    """
    request = request or Request("")
    if (getattr(factory, "__module__", None) or "").startswith("torchvision.models."):
        return torchvision.inputs_of(model, factory, request)
    return timm.inputs_of(model, request)
