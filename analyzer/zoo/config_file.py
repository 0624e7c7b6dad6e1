"""A local config.json of transformers, diffusers or timm, told apart by what it says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from analyzer.errors import InputError
from analyzer.zoo import diffusers, timm, transformers
from analyzer.zoo.request import Loaded, Request
from analyzer.zoo.settings import as_kwargs

__all__ = ["load"]


def load(path: str, request: Request) -> Loaded:
    """The model that a config.json describes.

    Args:
        path: the file, or a folder with one.
        request: how to build and feed it.

    Raises:
        InputError: there is no such file, or it describes no model that is known.
    """
    file = Path(path) / "config.json" if Path(path).is_dir() else Path(path)
    config = _read(file)
    if "_class_name" in config:
        return diffusers.load_config(config, _settings(request))
    if "architecture" in config and "model_type" not in config:
        return timm.load_config(config, replace(request, kwargs=as_kwargs(request)))
    if "model_type" in config or "auto_map" in config:
        return transformers.load_config(config, file, _settings(request))
    kinds = "model_type (transformers), _class_name (diffusers) or architecture (timm)"
    raise InputError(f"{file} says nothing of a model: it has no {kinds}")


def _settings(request: Request) -> Request:
    return replace(request, set={**request.kwargs, **request.set})


def _read(file: Path) -> dict[str, Any]:
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"there is no file {str(file)!r}", hint="nothing is downloaded: save the config.json"
        ) from None
    except OSError as error:
        raise InputError(f"{str(file)!r} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{str(file)!r} is no JSON: {error}") from None
    if not isinstance(config, dict):
        raise InputError(f"{str(file)!r} holds no JSON object, but a {type(config).__name__}")
    return config
