"""Models of transformers by model type, class or a local config.json: configuration, class, skeleton."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from torch import nn

from analyzer.errors import InputError, ModelError
from analyzer.importing import import_named
from analyzer.zoo import feed
from analyzer.zoo.build import build, offline
from analyzer.zoo.heads import class_for
from analyzer.zoo.request import Loaded, Request, did_you_mean
from analyzer.zoo.settings import typed, unknown

__all__ = ["load", "load_config"]

GIVE = "other values, with --set NAME=VALUE or a local config.json: not all of transformers' defaults make a model"


def load(name: str, request: Request) -> Loaded:
    """The model of a model type (``llama``) or a class (``LlamaForCausalLM``), with transformers' defaults.

    Raises:
        InputError: transformers has no such model, its configuration no such value, or it has no such head.
        ModelError: transformers' own code raised.
    """
    request.refuse("trust_remote_code")
    with offline():
        package = _package()
        types = package.models.auto.configuration_auto.CONFIG_MAPPING_NAMES
        if name in types:
            config_class, cls = package.CONFIG_MAPPING[name], None
        else:
            cls = _class(package, name, types)
            config_class = cls.config_class
        config = configured(config_class, {}, request)
        return _loaded(cls or class_for(package, config, request), config, request)


def load_config(given: Mapping[str, Any], file: Path, request: Request) -> Loaded:
    """The model of a local config.json; its head is the one of its ``architectures``, unless another is asked for.

    Raises:
        InputError: transformers does not know its model type, or it wants Python files run and may not.
    """
    with offline():
        package = _package()
        name = given.get("model_type")
        types = package.models.auto.configuration_auto.CONFIG_MAPPING_NAMES
        if name in types:
            config = configured(package.CONFIG_MAPPING[name], dict(given), request)
            return _loaded(class_for(package, config, request), config, request)
        if "auto_map" not in given:
            raise InputError(f"transformers knows no model type {name!r}", hint=did_you_mean(str(name), types))
        if not request.trust_remote_code:
            raise InputError(
                f"{file} wants Python files beside it to be run, and no one allowed it",
                hint="read them, then give --trust-remote-code (in Python, trust_remote_code=True)",
            )
        return _loaded(*_remote(package, given, file, request), request)


def _package() -> Any:
    package = import_named("transformers")
    import_named("transformers.models.auto.modeling_auto")
    package.logging.set_verbosity_error()
    return package


def _class(package: Any, name: str, types: Mapping[str, Any]) -> Any:
    cls = getattr(package, name, None) if name.isidentifier() and name[:1].isupper() else None
    config_class = getattr(cls, "config_class", None)
    if not isinstance(cls, type) or config_class is None or not hasattr(cls, "forward"):
        classes = [known for known in dir(package) if known[:1].isupper() and ("Model" in known or "For" in known)]
        hint = did_you_mean(name, classes if name[:1].isupper() else types)
        raise InputError(f"transformers has no model {name!r}", hint=hint)
    return cls


def _loaded(cls: Any, config: Any, request: Request) -> Loaded:
    def make() -> Any:
        with _no_initialization():
            options = {} if request.dtype is None else {"dtype": request.dtype}
            model = cls._from_config(config, **options)
        model.tie_weights()
        return model

    make.__name__ = cls.__name__
    if cls.forward is nn.Module.forward:
        raise InputError(f"{request.text}: transformers' {cls.__name__} has no forward, it only generates; name a part")
    try:
        model = build(make, {}, request.text)
    except ModelError as error:
        error.hint = error.hint or GIVE
        raise
    return Loaded(model, (), *feed.inputs(model, request))


@contextmanager
def _no_initialization() -> Iterator[None]:
    """Weights that do not exist are not initialized: a skeleton would leave them alone too, but only after asking."""
    initialization = importlib.import_module("transformers.initialization")
    with initialization.no_init_weights():
        yield


# --- configuration ------------------------------------------------------------------------------------------------


def configured(config_class: Any, given: dict[str, Any], request: Request) -> Any:
    """A configuration with the user's settings in it, made anew, so that what follows from them follows.

    Raises:
        InputError: it has no such value, or one of another type.
    """
    try:
        config = config_class.from_dict(deepcopy(given))
    except Exception as error:
        raise InputError(f"{request.text} has no whole configuration: {_said(error)}", hint=GIVE) from error
    changes = dict(request.set)
    if request.image_size:
        changes |= _image_sizes(config, request.image_size)
    if not changes:
        return config
    merged = deepcopy(given)
    for name, value in changes.items():
        _put(merged, config, name.split("."), name, value)
    try:
        return config_class.from_dict(merged)
    except Exception as error:
        raise InputError(f"{request.text} cannot be set so: {_said(error)}") from error


def _said(error: Exception) -> str:
    """The last line of what transformers says, where its reason stands."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()


def _put(merged: dict[str, Any], config: Any, path: list[str], full: str, value: Any) -> None:
    """Write one value into the tree that a configuration is made of."""
    key = getattr(config, "attribute_map", {}).get(path[0], path[0])
    values = config if isinstance(config, dict) else {**config.to_dict(), **vars(config)}
    if key not in values:
        raise unknown(full, type(config).__name__, [".".join([*full.split(".")[:-1], item]) for item in values])
    old = values[key]
    if len(path) == 1:
        merged[key] = typed(full, value, old)
        if path[0] == "num_hidden_layers":
            _follow(merged, old, merged[key])
        return
    if not isinstance(old, dict) and not hasattr(old, "to_diff_dict"):
        raise InputError(f"{full}: {path[0]} is one value, {old!r}, and has no parts")
    if not isinstance(merged.get(key), dict):
        merged[key] = dict(old) if isinstance(old, dict) else old.to_diff_dict()
    if not isinstance(old, dict):
        merged[key].setdefault("model_type", old.model_type)
    _put(merged[key], old, path[1:], full, value)


def _follow(merged: dict[str, Any], old: int, new: int) -> None:
    """Cut lists of one entry a layer to the new number of layers, or go on with their pattern."""
    for name, value in merged.items():
        if isinstance(value, list) and len(value) == old:
            merged[name] = [value[index % old] for index in range(new)]


def _image_sizes(config: Any, size: tuple[int, int]) -> dict[str, Any]:
    """Where a configuration says how large its images are: a model with a table of positions takes no others."""
    found: dict[str, Any] = {}
    for prefix, part in [("", config), *((f"{name}.", getattr(config, name)) for name in config.sub_configs)]:
        old = getattr(part, "image_size", None)
        if isinstance(old, (list, tuple)):
            found[f"{prefix}image_size"] = list(size)
        elif isinstance(old, int):
            found[f"{prefix}image_size"] = size[0] if size[0] == size[1] else list(size)
    return found


# --- code beside a config.json ------------------------------------------------------------------------------------


def _remote(package: Any, given: Mapping[str, Any], file: Path, request: Request) -> tuple[Any, Any]:
    """Class and configuration out of the Python files beside a config.json."""
    dynamic = importlib.import_module("transformers.dynamic_module_utils")
    places = given["auto_map"]
    config_class = dynamic.get_class_from_dynamic_module(places["AutoConfig"], str(file.parent), local_files_only=True)
    config = configured(config_class, dict(given), request)
    heads = [name for name in places if name.startswith("AutoModel")]
    wanted = (given.get("architectures") or [""])[0]
    name = next((name for name in heads if places[name].endswith(f".{wanted}")), heads[0] if heads else None)
    if name is None:
        raise InputError(f"{file} names a configuration in its auto_map, and no model")
    return dynamic.get_class_from_dynamic_module(places[name], str(file.parent), local_files_only=True), config
