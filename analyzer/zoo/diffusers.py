"""Models of diffusers by class or a local config.json."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from analyzer.errors import InputError
from analyzer.importing import import_named
from analyzer.zoo import latents
from analyzer.zoo.build import build, offline
from analyzer.zoo.request import Loaded, Request, did_you_mean
from analyzer.zoo.settings import typed, unknown

__all__ = ["load", "load_config"]

_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def load(name: str, request: Request) -> Loaded:
    """The model of that class, with its default configuration.

    Raises:
        InputError: diffusers has no such model, or its configuration no such value.
        ModelError: diffusers' own code raised.
    """
    return _loaded(name, {}, request)


def load_config(config: Mapping[str, Any], request: Request) -> Loaded:
    """The model of a local config.json: ``_class_name`` names the class, all else are its arguments."""
    own = {key: value for key, value in config.items() if not key.startswith("_")}
    return _loaded(config["_class_name"], own, request)


def _loaded(name: str, given: dict[str, Any], request: Request) -> Loaded:
    request.refuse("head", "trust_remote_code")
    with offline():
        package = import_named("diffusers")
        package.logging.set_verbosity_error()
        classes = [known for known in package._import_structure.get("models", ()) if known != "ModelMixin"]
        cls = getattr(package, name, None) if name in classes else None
    if not (isinstance(cls, type) and issubclass(cls, package.ModelMixin)):
        raise InputError(f"diffusers has no model {name!r}", hint=did_you_mean(name, classes))
    parameters = inspect.signature(cls).parameters
    defaults = {
        key: parameter.default for key, parameter in parameters.items() if parameter.default is not parameter.empty
    }
    kwargs = {key: value for key, value in given.items() if key in parameters}  # of other versions, as diffusers does
    for key, value in request.set.items():
        if key not in parameters:
            raise unknown(key, name, parameters)
        kwargs[key] = typed(key, value, kwargs.get(key, defaults.get(key)))
    needed = [key for key, item in parameters.items() if item.default is item.empty and item.kind not in _REST]
    if missing := [key for key in needed if key not in kwargs]:
        raise InputError(
            f"{name} has no default for {', '.join(missing)}", hint=f"--set {missing[0]}=..., or a config.json"
        )
    model = build(cls, kwargs, request.text)
    return Loaded(model, (), latents.inputs(model, request))
