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
from analyzer.zoo.settings import typed, unknown, value_of

__all__ = ["load", "load_config"]


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
    if cls is None:
        raise InputError(f"diffusers has no model {name!r}", hint=did_you_mean(name, classes))
    parameters = inspect.signature(cls.__init__).parameters
    defaults = {
        key: parameter.default for key, parameter in parameters.items() if parameter.default is not parameter.empty
    }
    kwargs = {key: value for key, value in given.items() if key in parameters}  # of other versions, as diffusers does
    for key, value in request.set.items():
        if key not in parameters or key == "self":
            raise unknown(key, name, [known for known in parameters if known != "self"])
        old = kwargs.get(key, defaults.get(key))
        kwargs[key] = typed(key, value, old) if key in defaults else value_of(value)
    if request.image_size and "sample_size" in parameters:
        kwargs.setdefault("sample_size", None)
        kwargs.pop("sample_size")
    model = build(cls, kwargs, request.text)
    return Loaded(model, (), latents.inputs(model, request))
