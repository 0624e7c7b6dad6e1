"""What the user gives as inputs, as specs: shorthands, and a check against forward's own signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from analyzer.errors import InputError
from analyzer.pytree import map_tensors
from analyzer.spec import Known, TensorSpec

__all__ = ["as_specs"]


def as_specs(
    model: Callable[..., Any], args: Any, kwargs: Mapping[str, Any] | None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword inputs with a `TensorSpec` for every tensor.

    Raises:
        InputError: what is given is no call of the model; the sentence lists forward's parameters.

    >>> as_specs(nn.Linear(7, 5), (3, 7), None)
    ((TensorSpec((3, 7), float32),), {})
    """
    if not callable(model):
        kind = type(model).__name__
        raise InputError(f"the model must be an nn.Module or a function, but this is a {kind}: {model!r:.80}")
    if isinstance(model, type):
        name = model.__name__
        raise InputError(f"{name} is a class, not a model", hint=f"pass {name}(...), or skeleton({name}, ...)")
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise InputError(f"kwargs is a dict of keyword inputs, but this is a {type(kwargs).__name__}")
    if isinstance(args, (torch.Tensor, TensorSpec, Known)):
        args = (args,)
    elif isinstance(args, (tuple, torch.Size)) and isinstance(model, nn.Module) and _is_shape(args):
        args = (TensorSpec(args),)
    elif isinstance(args, Mapping):
        raise InputError("args is a tuple of positional inputs, but this is a dict", hint="pass it as kwargs=")
    if not isinstance(args, (tuple, list)):
        given = f"a {type(args).__name__}: {args!r:.80}"
        raise InputError(f"args is a tuple of inputs, one tensor, one TensorSpec or a shape, but this is {given}")
    seen: dict[int, TensorSpec] = {}

    def to_spec(tensor: Any) -> TensorSpec | Known:
        if isinstance(tensor, Known):
            return tensor
        # One tensor given twice is one input: the same spec object. A spec given twice describes two tensors.
        spec = tensor if isinstance(tensor, TensorSpec) else TensorSpec.of(tensor)
        fresh = spec.with_shape(*spec.shape)
        return fresh if spec is tensor else seen.setdefault(id(tensor), fresh)

    kinds = (torch.Tensor, TensorSpec, Known)
    positional = tuple(map_tensors(to_spec, value, kinds) for value in args)
    keywords = {key: map_tensors(to_spec, value, kinds) for key, value in (kwargs or {}).items()}
    _check_call(model, positional, keywords)
    return positional, keywords


def _is_size(value: Any) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, (bool, torch.Tensor))


def _is_shape(value: Any) -> bool:
    return len(value) >= 2 and all(_is_size(size) for size in value)


def _check_call(model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    # A TorchScript module of several forwards has none that can be looked at.
    function: Any = getattr(model, "forward", None) if isinstance(model, nn.Module) else model
    try:
        method = getattr(function, "__func__", None)
        signature = inspect.signature(function) if method is None else _of_method(method)
    except (TypeError, ValueError):  # builtins say nothing about their parameters
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        name = type(model).__name__ if isinstance(model, nn.Module) else getattr(model, "__name__", "the function")
        needed = [p for p in signature.parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        example = ", ".join(f'"{p.name}": TensorSpec((...))' for p in needed if p.default is inspect.Parameter.empty)
        raise InputError(
            f"these inputs are no call of {name}: {error}; it takes {signature}",
            hint=f"analyze(model, kwargs={{{example}}})",
        ) from None


@lru_cache(maxsize=1024)
def _of_method(function: Callable[..., Any]) -> inspect.Signature:
    """A method's signature without self."""
    signature = inspect.signature(function)
    return signature.replace(parameters=list(signature.parameters.values())[1:])
