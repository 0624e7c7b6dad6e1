"""Build a model inside a skeleton, offline, and say in a sentence what went wrong."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn

from analyzer.errors import InputError
from analyzer.skeleton import skeleton

__all__ = ["build", "missing_inputs", "offline", "signature_of"]

OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")


def build(factory: Callable[..., Any], kwargs: Mapping[str, Any], text: str) -> Any:
    """Call the factory inside a skeleton: no weights are allocated, none are initialized, nothing is downloaded.

    Raises:
        InputError: it does not take these arguments, or returns no model.
        ModelError: its own code raised.
    """
    try:
        inspect.signature(factory).bind(**kwargs)
    except TypeError as error:
        raise InputError(f"{text}: {error}", hint="--kwargs '{\"name\": value}'") from None
    except ValueError:
        pass  # a callable without a signature
    with offline():
        model = skeleton(factory, **kwargs)
    if not callable(model):
        raise InputError(f"{text} returned no model, but {type(model).__name__}")
    return model


@contextmanager
def offline() -> Iterator[None]:
    """Let Hugging Face's libraries find nothing but what is on this disk, whether they are imported already or not."""
    before = {name: os.environ.get(name) for name in OFFLINE}
    constants = getattr(sys.modules.get("huggingface_hub"), "constants", None)
    switch = getattr(constants, "HF_HUB_OFFLINE", None)
    os.environ.update(dict.fromkeys(OFFLINE, "1"))
    if constants is not None:
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if constants is not None:
            constants.HF_HUB_OFFLINE = switch


def signature_of(model: Any) -> inspect.Signature:
    """The signature of what a model is called with."""
    return inspect.signature(model.forward if isinstance(model, nn.Module) else model)


def missing_inputs(model: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[str]:
    """Names of the inputs that a model must have and was not given.

    >>> from analyzer.spec import TensorSpec
    >>> missing_inputs(nn.Bilinear(3, 5, 7), (TensorSpec((2, 3)),), {})
    ['input2']
    """
    try:
        signature = signature_of(model)
        given = signature.bind_partial(*args, **kwargs).arguments
    except (TypeError, ValueError):  # too many, one that it does not take, or a builtin: not missing
        return []
    rest = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    items = signature.parameters.values()
    return [
        item.name for item in items if item.default is item.empty and item.kind not in rest and item.name not in given
    ]
