"""From the names that a command line can hold to a model without weights and the inputs it usually takes.

A model is written ``torchvision:resnet50`` or ``timm:vit_base_patch16_224`` (a model package's own names),
``package.module:Class``, or ``path/to/file.py:make_model``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import ModuleType
from typing import Any

import torch
from torch import nn

from analyzer.errors import InputError
from analyzer.importing import import_named
from analyzer.skeleton import skeleton
from analyzer.spec import TensorSpec

__all__ = ["Loaded", "default_inputs", "load", "missing_inputs", "parse_input"]

FORMS = "torchvision:resnet50, package.module:Class or path/to/file.py:make_model"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model, built but never given weights, and the inputs it usually takes (none where nobody knows)."""

    model: Any
    args: tuple[Any, ...] = ()


def load(text: str, kwargs: Mapping[str, Any] | None = None) -> Loaded:
    """Build the model of that name.

    Args:
        text: ``torchvision:name``, ``timm:name``, ``package.module:Class`` or ``path/to/file.py:make_model``.
        kwargs: keyword arguments of its constructor.

    Raises:
        InputError: there is no such model, or its constructor does not take these arguments.
        ModelError: its own code raised.
    """
    place, colon, name = text.rpartition(":")
    if not colon or not place or not name:
        raise InputError(f"a model is written {FORMS}, but this is {text!r}", hint=_near_zoo_name(text))
    if place in _ZOOS:
        return _ZOOS[place](name, dict(kwargs or {}))
    factory = _attribute(import_named(place), name, text)
    if isinstance(factory, nn.Module):
        return Loaded(factory, default_inputs(factory))
    if not callable(factory):
        raise InputError(f"{text} is no model and nothing that makes one, but {type(factory).__name__}")
    model = _build(factory, dict(kwargs or {}), text)
    return Loaded(model, default_inputs(model, factory))


def _near_zoo_name(text: str) -> str:
    """``did you mean torchvision:resnet50?`` for a bare name, where torchvision is there to know."""
    try:
        names = import_named("torchvision").models.list_models()
    except InputError:
        return ""
    return _did_you_mean(text, [f"torchvision:{name}" for name in names])


def _did_you_mean(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, list(names), 3, 0.5)
    return f"did you mean {' or '.join(near)}?" if near else ""


# --- finding the factory ------------------------------------------------------------------------------------------


def _attribute(module: ModuleType, name: str, text: str) -> Any:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            hint = _did_you_mean(part, (known for known in dir(found) if not known.startswith("_")))
            raise InputError(
                f"{text}: there is no {part!r} in {getattr(found, '__name__', module.__name__)}", hint=hint
            )
        found = getattr(found, part)
    return found


# --- building -----------------------------------------------------------------------------------------------------


def _build(factory: Callable[..., Any], kwargs: dict[str, Any], text: str) -> Any:
    """Call the factory inside a skeleton: no weights are allocated, none are initialized."""
    try:
        inspect.signature(factory).bind(**kwargs)
    except TypeError as error:
        raise InputError(f"{text}: {error}", hint="--kwargs '{\"name\": value}'") from None
    except ValueError:
        pass  # a callable without a signature
    model = skeleton(factory, **kwargs)
    if not callable(model):
        raise InputError(f"{text} returned no model, but {type(model).__name__}")
    return model


def _torchvision(name: str, kwargs: dict[str, Any]) -> Loaded:
    models = import_named("torchvision").models
    names = models.list_models()
    if name not in names:
        raise InputError(f"torchvision has no model {name!r}", hint=_did_you_mean(name, names))
    builder = models.get_model_builder(name)
    defaults: dict[str, Any] = {"weights": None}
    if "weights_backbone" in inspect.signature(builder).parameters:
        defaults["weights_backbone"] = None
    if name.endswith(("googlenet", "inception_v3")):
        defaults["init_weights"] = False  # or they warn that it takes long, which it does not in a skeleton
    model = _build(builder, defaults | kwargs, f"torchvision:{name}")
    return Loaded(model, default_inputs(model, builder))


def _timm(name: str, kwargs: dict[str, Any]) -> Loaded:
    timm = import_named("timm")
    if not timm.is_model(name):
        raise InputError(f"timm has no model {name!r}", hint=_did_you_mean(name, timm.list_models()))
    model = _build(timm.create_model, {"model_name": name, "pretrained": False} | kwargs, f"timm:{name}")
    return Loaded(model, default_inputs(model))


_ZOOS: Mapping[str, Callable[[str, dict[str, Any]], Loaded]] = {"torchvision": _torchvision, "timm": _timm}


# --- inputs -------------------------------------------------------------------------------------------------------


def default_inputs(model: Any, factory: Any = None) -> tuple[Any, ...]:
    """The inputs that a model of a known package is usually fed, a batch of one; nothing where it is not known.

    Args:
        model: the model.
        factory: the function that made it, by which torchvision's models are known.
    """
    place = getattr(factory, "__module__", None) or ""
    if place.startswith("torchvision.models."):
        return _torchvision_inputs(model, place.split("."), factory.__name__)
    size = (getattr(model, "pretrained_cfg", None) or {}).get("input_size")  # timm
    return (TensorSpec((1, *size)),) if size else ()


def _torchvision_inputs(model: Any, place: list[str], name: str) -> tuple[Any, ...]:
    if "segmentation" in place:
        return (TensorSpec((1, 3, 520, 520)),)
    if "optical_flow" in place:
        return (TensorSpec((1, 3, 520, 960)), TensorSpec((1, 3, 520, 960)))
    if "detection" in place:
        height, width = model.transform.fixed_size or (model.transform.min_size[-1],) * 2
        return ([TensorSpec((3, height, width))],)
    height, width = _crop(name) or (224, 224)
    if "video" in place:
        return (TensorSpec((1, 3, 32 if name.startswith("swin3d") else 16, height, width)),)
    own = getattr(model, "image_size", None)  # a vision transformer takes no other
    return (TensorSpec((1, 3, own, own) if isinstance(own, int) else (1, 3, height, width)),)


def _crop(name: str) -> tuple[int, int] | None:
    """The size that the first published weights of a torchvision model were made for."""
    models = import_named("torchvision").models
    if name not in models.list_models():
        return None
    weights = next(iter(models.get_model_weights(name)), None)
    size = getattr(weights and weights.transforms, "keywords", {}).get("crop_size")
    return (size, size) if isinstance(size, int) else size and (size[0], size[-1])


def missing_inputs(model: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[str]:
    """Names of the inputs that a model must have and was not given.

    >>> missing_inputs(nn.Bilinear(3, 5, 7), (TensorSpec((2, 3)),), {})
    ['input2']
    """
    signature = inspect.signature(model.forward if isinstance(model, nn.Module) else model)
    try:
        given = signature.bind_partial(*args, **kwargs).arguments
    except TypeError:  # too many, or one that it does not take: not missing
        return []
    rest = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    items = signature.parameters.values()
    return [
        item.name for item in items if item.default is item.empty and item.kind not in rest and item.name not in given
    ]


def parse_input(text: str) -> tuple[str, TensorSpec]:
    """An input as it is written on the command line: ``[name=]SIZExSIZE...[:dtype]``, or ``scalar`` for no sizes.

    >>> parse_input("1x3x224x224")
    ('', TensorSpec((1, 3, 224, 224), float32))
    >>> parse_input("ids=2x128:int64")
    ('ids', TensorSpec((2, 128), int64))

    Raises:
        InputError: it is written otherwise, or torch has no such dtype.
    """
    match = re.fullmatch(r"(?:([A-Za-z_]\w*)=)?(scalar|[0-9]+(?:x[0-9]+)*)(?::(?:torch\.)?(\w+))?", text)
    if match is None:
        raise InputError(f"an input is written 1x3x224x224 or name=2x128:int64, but this is {text!r}")
    name, sizes, dtype_name = match.groups()
    dtype = getattr(torch, dtype_name or "float32", None)
    if not isinstance(dtype, torch.dtype):
        known = [item for item in dir(torch) if isinstance(getattr(torch, item), torch.dtype)]
        raise InputError(f"torch has no dtype {dtype_name!r}", hint=_did_you_mean(dtype_name, known))
    shape = () if sizes == "scalar" else tuple(int(size) for size in sizes.split("x"))
    return name or "", TensorSpec(shape, dtype)
