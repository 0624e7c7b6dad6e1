"""The call of a loaded model: what it usually takes, and before all else what the user gave."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from analyzer.errors import InputError
from analyzer.spec import Known, TensorSpec
from analyzer.zoo.build import missing_inputs, signature_of
from analyzer.zoo.request import Loaded, did_you_mean

__all__ = ["call_of", "written"]


def call_of(loaded: Loaded, given: Iterable[tuple[str, Any]], text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword inputs of a model: those given, and the usual ones that they leave open.

    Args:
        loaded: the model and its usual inputs.
        given: the user's inputs with their names, empty for positional ones.
        text: the model as the user wrote it.

    Raises:
        InputError: the model takes no input of that name, or must have one that nobody gave.
    """
    given = list(given)
    args = tuple(value for name, value in given if not name)
    own = {name: value for name, value in given if name}
    parameters = _parameters(loaded.model)
    _known(own, parameters, text)
    usual = dict(loaded.kwargs)
    for name in list(parameters)[: len(args)]:  # what is given by its place is not given by its name too
        usual.pop(name, None)
    for name in own:
        if name.endswith("inputs_embeds"):  # tokens may be given as vectors
            usual.pop(name.replace("inputs_embeds", "input_ids"), None)
    rest = () if args or set(own) & set(list(parameters)[: len(loaded.args)]) else loaded.args
    args, kwargs = args or rest, usual | own
    if missing := missing_inputs(loaded.model, args, kwargs):
        example = " ".join(f"--input {name}=1x3x224x224" for name in missing)
        if inspect.isroutine(loaded.model):
            example += f"; or, where it makes a model, --kwargs '{{\"{missing[0]}\": ...}}'"
        raise InputError(f"{text} is called with {', '.join(missing)}: say their shapes", hint=example)
    return args, kwargs


def _parameters(model: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return signature_of(model).parameters
    except (TypeError, ValueError):  # a builtin
        return {}


def _known(own: Mapping[str, Any], parameters: Mapping[str, inspect.Parameter], text: str) -> None:
    if not parameters or any(item.kind is item.VAR_KEYWORD for item in parameters.values()):
        return
    for name in own:
        if name not in parameters:
            raise InputError(
                f"{text} takes no input {name!r}, but {', '.join(parameters)}", hint=did_you_mean(name, parameters)
            )


def written(name: str, value: Any) -> str:
    """An input as `parse_input` reads it.

    >>> import torch
    >>> written("ids", TensorSpec((2, 128), torch.int64)), written("grid", Known([[1, 2, 2]])), written("", None)
    ('ids=2x128:int64', 'grid=[[1,2,2]]', 'null')
    """
    head = f"{name}=" if name else ""
    if isinstance(value, TensorSpec):
        sizes = "x".join(map(str, value.shape)) or "scalar"
        return f"{head}{sizes}" + ("" if value.dtype_name == "float32" else f":{value.dtype_name}")
    if isinstance(value, Known):
        return head + str(value.tensor.tolist()).replace(" ", "")
    return head + {None: "null", True: "true", False: "false"}.get(value, "...")
