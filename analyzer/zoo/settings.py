"""Values of a configuration that the user changes: found by their dotted names, typed by what they replace."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from analyzer.errors import InputError
from analyzer.zoo.request import Request, did_you_mean

__all__ = ["as_kwargs", "typed", "value_of"]


def typed(name: str, given: Any, old: Any) -> Any:
    """A value as the configuration holds it: text becomes what the old value is.

    >>> typed("num_hidden_layers", "80", 32), typed("rope_theta", "1e6", 10000.0), typed("hidden_act", "gelu", "silu")
    (80, 1000000.0, 'gelu')
    >>> typed("num_hidden_layers", "many", 32)
    Traceback (most recent call last):
    ...
    analyzer.errors.InputError: num_hidden_layers is a whole number such as 32, not 'many'

    Raises:
        InputError: it cannot be one.
    """
    value = given if not isinstance(given, str) or isinstance(old, str) else value_of(given)
    if old is None or isinstance(old, str) or value is None:
        return value
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    kinds = {bool: "true or false", int: "a whole number", float: "a number", list: "a list", tuple: "a list"}
    kind = next((kind for kind in kinds if isinstance(old, kind)), None)
    # A size that is one number for both sides may also be given as two.
    fits = isinstance(value, (list, tuple)) if kind in (list, tuple) else type(value) is kind
    if kind is None or fits or (kind is int and isinstance(value, list)):
        return tuple(value) if kind is tuple else value
    raise InputError(f"{name} is {kinds[kind]} such as {json.dumps(old, default=str)}, not {given!r}")


def value_of(text: str) -> Any:
    """Text as JSON where it is some, with Python's names of constants too, else as it stands.

    >>> value_of("80"), value_of("True"), value_of("gelu"), value_of("[2, 2]")
    (80, True, 'gelu', [2, 2])
    """
    constants = {"True": True, "False": False, "None": None}
    if text in constants:
        return constants[text]
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def unknown(name: str, where: str, known: Iterable[str]) -> InputError:
    """That a configuration has no value of that name, with near ones."""
    return InputError(f"{where} has no {name!r} to set", hint=did_you_mean(name, known))


def as_kwargs(request: Request) -> Mapping[str, Any]:
    """The settings of a model without a configuration: they are keyword arguments of its constructor."""
    own = {key: value_of(value) if isinstance(value, str) else value for key, value in request.set.items()}
    return {**request.kwargs, **own}
