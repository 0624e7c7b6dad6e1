"""From the names that a command line can hold to a model without weights and the inputs it usually takes.

A model is written ``torchvision:resnet50``, ``timm:vit_base_patch16_224``, ``transformers:llama`` or
``diffusers:UNet2DConditionModel`` (a model package's own names), ``path/to/config.json`` (of timm, transformers or
diffusers, or a folder with one), ``package.module:Class``, or ``path/to/file.py:make_model``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from analyzer.errors import InputError
from analyzer.zoo import code, config_file, diffusers, timm, torchvision, transformers
from analyzer.zoo.build import missing_inputs
from analyzer.zoo.call import call_of, written
from analyzer.zoo.code import default_inputs
from analyzer.zoo.parsing import (
    parse_assumption,
    parse_dtype,
    parse_input,
    parse_named_sizes,
    parse_range,
    parse_setting,
    parse_size,
)
from analyzer.zoo.request import Loaded, Request
from analyzer.zoo.settings import as_kwargs

__all__ = [
    "Loaded", "call_of", "default_inputs", "load", "missing_inputs", "parse_assumption", "parse_input",
    "parse_named_sizes", "parse_range", "parse_setting", "parse_size", "written",
]  # fmt: skip

FORMS = (
    "torchvision:resnet50, transformers:llama, path/to/config.json, package.module:Class or path/to/file.py:function"
)

_SOURCES: Mapping[str, Callable[[str, Request], Loaded]] = {
    "torchvision": torchvision.load,
    "timm": timm.load,
    "transformers": transformers.load,
    "diffusers": diffusers.load,
}
_CONFIGURED = ("transformers", "diffusers")


def load(
    text: str,
    kwargs: Mapping[str, Any] | None = None,
    *,
    set: Mapping[str, Any] | None = None,
    head: str | None = None,
    batch: int | None = None,
    seq: int | None = None,
    image_size: tuple[int, int] | int | None = None,
    dtype: torch.dtype | str | None = None,
    trust_remote_code: bool = False,
) -> Loaded:
    """Build the model of that name, without weights, and say what it is usually fed. Nothing is downloaded.

    Args:
        text: ``torchvision:name``, ``timm:name``, ``transformers:model_type`` or ``:Class``, ``diffusers:Class``,
            ``package.module:Class``, ``path/to/file.py:make_model``, or a local ``config.json`` or a folder with one.
        kwargs: keyword arguments of its constructor.
        set: values of its configuration that differ, by (dotted) name, such as ``{"num_hidden_layers": 2}``.
        head: what stands on a model of transformers: ``"causal-lm"``, ``"masked-lm"``, ``"image-classification"``, ...,
            ``"none"``; left out, it is the one that a config.json names, else none.
        batch: size of the batch in the inputs.
        seq: tokens in the inputs.
        image_size: height and width of images, or one number for both.
        dtype: of all parameters and floating-point inputs.
        trust_remote_code: run the Python files beside a config.json that names them.

    Returns:
        ``model`` in evaluation mode, ``args`` and ``kwargs``, as `analyze` takes them.

    Raises:
        InputError: there is no such model, or it does not take these arguments.
        ModelError: its own code raised.

    >>> from analyzer import analyze, load
    >>> llama = load("transformers:llama", set={"num_hidden_layers": 2}, head="causal-lm", seq=2048)
    >>> llama.kwargs
    {'input_ids': TensorSpec((1, 2048), int64)}
    >>> analyze(llama.model, llama.args, llama.kwargs).params
    666914816
    >>> analyze(load("torch.nn:Linear", {"in_features": 7, "out_features": 5}).model, (3, 7)).total("macs")
    105
    """
    size = (image_size, image_size) if isinstance(image_size, int) else image_size
    wanted = parse_dtype(dtype) if isinstance(dtype, str) else dtype
    request = Request(text, dict(kwargs or {}), dict(set or {}), head, batch, seq, size, wanted, trust_remote_code)
    loaded = _find(text)(request)
    if isinstance(loaded.model, nn.Module):
        loaded.model.eval()
        if wanted is not None:
            loaded.model.to(wanted)
    return loaded


def _find(text: str) -> Callable[[Request], Loaded]:
    """The source that a model's name speaks of."""
    place, colon, name = text.rpartition(":")
    path = name if place in _SOURCES else text
    if path.endswith(".json") or (Path(path).is_dir() and place in ("", *_CONFIGURED)):
        return lambda request: config_file.load(path, request)
    if place in _SOURCES and name:
        if "/" in name:
            raise InputError(
                f"{name} is a name of the Hugging Face Hub, and nothing is downloaded",
                hint="save its config.json and give the path to it",
            )
        source = _SOURCES[place]
        if place in _CONFIGURED:
            return lambda request: source(name, replace(request, set={**request.kwargs, **request.set}))
        return lambda request: source(name, replace(request, kwargs=as_kwargs(request)))
    if not colon or not place or not name:
        if "/" in text:
            raise InputError(
                f"there is no file or folder {text!r}, and nothing is downloaded", hint="give a local config.json"
            )
        raise InputError(f"a model is written {FORMS}, but this is {text!r}", hint=torchvision.near_name(text))
    return lambda request: code.load(place, name, replace(request, kwargs=as_kwargs(request)))
