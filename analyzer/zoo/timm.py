"""timm's models by their names or by a local config.json, and the inputs that their weights were made for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analyzer.errors import InputError
from analyzer.importing import import_named
from analyzer.zoo.build import build, offline
from analyzer.zoo.request import Loaded, Request, did_you_mean

__all__ = ["inputs_of", "load", "load_config"]


def load(name: str, request: Request) -> Loaded:
    """The model of that name.

    Raises:
        InputError: timm has no such model.
    """
    request.refuse("head", "seq", "trust_remote_code")
    with offline():
        timm = import_named("timm")
    if not timm.is_model(name.partition(".")[0]):
        raise InputError(f"timm has no model {name!r}", hint=did_you_mean(name, timm.list_models()))
    kwargs = {"model_name": name, "pretrained": False, **request.kwargs}
    published = timm.get_pretrained_cfg(name)
    if request.image_size and published is not None and published.fixed_input_size:
        kwargs.setdefault("img_size", request.image_size)  # it takes no other size than its own
    model = build(timm.create_model, kwargs, request.text)
    return Loaded(model, inputs_of(model, request))


def load_config(config: Mapping[str, Any], request: Request) -> Loaded:
    """The model of a config.json as timm writes it: ``architecture``, ``num_classes``, ``model_args``."""
    own = {key: config[key] for key in ("num_classes", "global_pool") if key in config}
    published = config.get("pretrained_cfg") or {}
    kwargs = {**own, "pretrained_cfg": published, **config.get("model_args", {}), **request.kwargs}
    fields = {name: getattr(request, name) for name in Request.__dataclass_fields__}
    return load(config["architecture"], Request(**{**fields, "kwargs": kwargs}))


def inputs_of(model: Any, request: Request) -> tuple[Any, ...]:
    """One batch of images as large as the model's configuration says; nothing where the model is not timm's."""
    size = (getattr(model, "pretrained_cfg", None) or {}).get("input_size")
    return (request.image(*size),) if size else ()
