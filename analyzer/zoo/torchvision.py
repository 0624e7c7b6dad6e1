"""torchvision's models by their names, and the inputs that their published weights were made for."""

from __future__ import annotations

import inspect
from typing import Any

from analyzer.errors import InputError
from analyzer.importing import import_named
from analyzer.spec import TensorSpec
from analyzer.zoo.build import build
from analyzer.zoo.request import Loaded, Request, did_you_mean

__all__ = ["inputs_of", "load", "near_name"]


def load(name: str, request: Request) -> Loaded:
    """The model of that name.

    Raises:
        InputError: torchvision has no such model.
    """
    request.refuse("head", "seq", "trust_remote_code")
    models = import_named("torchvision").models
    names = models.list_models()
    if name not in names:
        raise InputError(f"torchvision has no model {name!r}", hint=did_you_mean(name, names))
    builder = models.get_model_builder(name)
    defaults: dict[str, Any] = {"weights": None}
    if "weights_backbone" in inspect.signature(builder).parameters:
        defaults["weights_backbone"] = None
    if name.endswith(("googlenet", "inception_v3")):
        defaults["init_weights"] = False  # or they warn that it takes long, which it does not in a skeleton
    if request.image_size and name.startswith("vit_"):
        defaults["image_size"] = request.image_size[0]  # a vision transformer takes no other size than its own
    model = build(builder, {**defaults, **request.kwargs}, request.text)
    return Loaded(model, inputs_of(model, builder, request))


def inputs_of(model: Any, builder: Any, request: Request) -> tuple[Any, ...]:
    """What a model of torchvision is usually fed.

    Args:
        model: the model.
        builder: torchvision's function that made it; its module tells the task.
        request: batch, size and dtype.
    """
    place = builder.__module__.split(".")
    name = builder.__name__
    if "segmentation" in place:
        return (request.image(3, 520, 520),)
    if "optical_flow" in place:
        return (request.image(3, 520, 960), request.image(3, 520, 960))
    if "detection" in place:
        image = request.image(3, *(model.transform.fixed_size or (model.transform.min_size[-1],) * 2))
        return ([image.with_shape(*image.shape[1:]) for _ in range(image.shape[0])],)
    height, width = _crop(name) or (224, 224)
    if "video" in place:
        batch, channels, *size = request.image(3, height, width).shape
        return (TensorSpec((batch, channels, 32 if name.startswith("swin3d") else 16, *size), request.float),)
    own = getattr(model, "image_size", None)
    return (request.image(3, own, own) if isinstance(own, int) else request.image(3, height, width),)


def _crop(name: str) -> tuple[int, int] | None:
    """The size that the first published weights of a model were made for."""
    models = import_named("torchvision").models
    if name not in models.list_models():
        return None
    weights = next(iter(models.get_model_weights(name)), None)
    size = getattr(weights and weights.transforms, "keywords", {}).get("crop_size")
    return (size, size) if isinstance(size, int) else size and (size[0], size[-1])


def near_name(text: str) -> str:
    """``did you mean torchvision:resnet50?`` for a bare name, where torchvision is there to know."""
    try:
        names = import_named("torchvision").models.list_models()
    except InputError:
        return ""
    return did_you_mean(text, [f"torchvision:{name}" for name in names])
