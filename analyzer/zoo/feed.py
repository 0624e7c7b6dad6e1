"""What a model of transformers is usually fed: one filler a parameter of forward, sizes from its configuration."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from analyzer.errors import InputError
from analyzer.spec import TensorSpec
from analyzer.zoo.build import signature_of
from analyzer.zoo.fillers import FILLERS, PATCHES, USUAL, WITH
from analyzer.zoo.placeholders import Placeholders, placeholders
from analyzer.zoo.request import Request

__all__ = ["Feed", "inputs"]

TOKENS = 128  # of a text


def inputs(model: Any, request: Request) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Keyword inputs for a model: of each modality that it has, and what else it must be given, as far as known.

    Args:
        model: the model, with its configuration.
        request: batch, tokens, image size and dtype.

    Returns:
        The inputs, and a sentence on each that was left out.
    """
    feed = Feed(model, request)
    notes = (
        f"{name} is left out: with this configuration its features find no place in the text; give it with --input"
        for name in ("pixel_values", "input_features", "input_values")
        if name in feed.left_out
    )
    found = {}
    for name in feed.names:
        with suppress(InputError, TypeError):  # a size that no configuration tells: the user is asked for the input
            found[name] = FILLERS[name](feed)
    return found, tuple(notes)


@dataclass(frozen=True)
class Feed:
    """A model, seen by what it is fed.

    Attributes:
        model: the model.
        request: what the user wants of the inputs.
    """

    model: Any
    request: Request

    @cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The parameters of forward."""
        return signature_of(self.model).parameters

    @cached_property
    def names(self) -> list[str]:
        """The parameters that are filled, in their own order."""
        return [name for name in self.candidates if name in FILLERS and name not in self.left_out]

    @cached_property
    def candidates(self) -> list[str]:
        """The parameters that each modality of the model has, filled or not."""
        needed = {name for name, item in self.parameters.items() if item.default is item.empty}
        usual = {*USUAL, self.main}
        if "inputs_embeds" in needed:
            usual -= {"input_ids"}
        sounds = {"input_features", "input_values"}
        if self.main in sounds:
            usual -= sounds - {self.main}
            usual -= {"input_ids"} if "decoder_input_ids" in self.parameters else set()
        found = (needed | usual) & set(self.parameters)
        for name, companions in WITH.items():
            if name in found:
                found |= companions & set(self.parameters)
        if self.find("image_grid_pinpoints") is None and self.find("spatial_merge_size") is None:
            found -= {"image_sizes"}
        return [name for name in self.parameters if name in found]

    @cached_property
    def left_out(self) -> set[str]:
        """Inputs of a modality whose place in the text is not known: the text goes alone."""
        out: set[str] = set()
        for modality, unknown in (("pixel_values", self.images), ("input_features", self.sounds)):
            if unknown is not None and unknown.count is None:
                out |= {modality, *WITH[modality]}
        needed = {name for name, item in self.parameters.items() if item.default is item.empty}
        return out - needed

    @cached_property
    def images(self) -> Placeholders | None:
        """The tokens of a text that images take the place of; None where they take none."""
        return placeholders(self, "image", "pixel_values")

    @cached_property
    def sounds(self) -> Placeholders | None:
        """The tokens of a text that sounds take the place of; None where they take none."""
        return placeholders(self, "audio", "input_features") or placeholders(self, "audio", "input_values")

    @cached_property
    def main(self) -> str:
        """The name of the main input."""
        name = self.model.main_input_name
        return name if isinstance(name, str) else name[0]

    @property
    def is_pair(self) -> bool:
        """Whether it compares two images."""
        return self._is_for("KEYPOINT_MATCHING")

    @property
    def is_video(self) -> bool:
        """Whether it takes videos, and no single images."""
        modalities = self.model.input_modalities
        frames = "input_ids" in self.parameters and self.find("num_frames", kind="vision") is not None
        only = ("video" in modalities and "image" not in modalities) or self._is_for("VIDEO_CLASSIFICATION")
        return only or (frames and "pixel_values_videos" not in self.parameters)

    def _is_for(self, task: str) -> bool:
        """Whether transformers lists the model type for a task."""
        auto = importlib.import_module("transformers.models.auto.modeling_auto")
        return self.model.config.model_type in getattr(auto, f"MODEL_FOR_{task}_MAPPING_NAMES")

    @cached_property
    def configs(self) -> list[Any]:
        """The configuration and those inside it, the outer ones first."""
        return list(_nested(self.model.config))

    def find(self, *names: str, kind: str = "", default: Any = None) -> Any:
        """The first value of one of these names in the configuration: in its part of that kind first, then outwards in.

        Args:
            names: what the value may be called.
            kind: ``"text"``, ``"vision"`` or ``"audio"``.
            default: what it is where nobody says.
        """
        ordered = sorted(self.configs, key=lambda config: kind not in _kind(config)) if kind else self.configs
        for config in ordered:
            for name in names:
                value = getattr(config, name, None)
                if value is not None:
                    return value
        return default

    @cached_property
    def dtype(self) -> torch.dtype:
        """That of the model's weights."""
        floats = (p.dtype for p in self.model.parameters() if p.dtype.is_floating_point)
        return self.request.dtype or next(floats, torch.float32)

    @property
    def batch(self) -> int:
        """Size of the batch."""
        return self.request.batch or 1

    @cached_property
    def seq(self) -> int:
        """Tokens of a text: those asked for, else 128, or as many as there are positions."""
        if self.request.seq:
            return self.request.seq
        most = self.find("max_position_embeddings", "max_target_positions", "n_positions", kind="text")
        return min(TOKENS, most) if isinstance(most, int) and most > 0 else TOKENS

    @cached_property
    def channels(self) -> int:
        """Channels of an image."""
        return int(self.find("num_channels", "in_channels", "in_chans", kind="vision", default=3))

    @cached_property
    def image(self) -> tuple[int, int]:
        """Height and width of an image."""
        if self.request.image_size:
            return self.request.image_size
        size = self.find("image_size", "img_size", "input_size", "max_img_size", kind="vision")
        if isinstance(size, Mapping):
            size = [size.get("height", 224), size.get("width", 224)]
        if isinstance(size, (list, tuple)):
            return int(size[-2]), int(size[-1])
        return (int(size), int(size)) if isinstance(size, (int, float)) and size > 0 else (224, 224)

    @cached_property
    def patch(self) -> tuple[int, int, int]:
        """Frames, height and width of a patch."""
        size = self.find("patch_size", kind="vision", default=14)
        sides = tuple(size) if isinstance(size, (list, tuple)) else (size, size)
        return (self.find("temporal_patch_size", kind="vision", default=1), *sides[-2:])

    @cached_property
    def grid(self) -> tuple[int, int, int]:
        """Patches of one image in time, height and width, whole groups of those that are merged."""
        merge = self.find("spatial_merge_size", "merge_size", kind="vision", default=2)
        merge = merge[-1] if isinstance(merge, (list, tuple)) else merge
        known = self.request.image_size or self.find("image_size", kind="vision") is not None
        (height, width), (_, high, wide) = self.image, self.patch
        rows, columns = (height // high, width // wide) if known else (PATCHES, PATCHES)
        return 1, max(merge, rows // merge * merge), max(merge, columns // merge * merge)

    def floats(self, *shape: int) -> TensorSpec:
        """A tensor of numbers."""
        return TensorSpec(shape, self.dtype)

    def ids(self, *shape: int) -> TensorSpec:
        """A tensor of whole numbers."""
        return TensorSpec(shape, torch.int64)

    def first(self, *kinds: type[nn.Module]) -> Any:
        """The first layer of one of these kinds; None where there is none."""
        return next((module for module in self.model.modules() if isinstance(module, kinds)), None)


def _nested(config: Any) -> Iterator[Any]:
    yield config
    for name in getattr(config, "sub_configs", ()):
        part = getattr(config, name, None)
        if part is not None and hasattr(part, "sub_configs"):
            yield from _nested(part)


def _kind(config: Any) -> str:
    """What a configuration is of, by its own names."""
    return f"{type(config).__name__} {config.model_type} {config.base_config_key}".lower().replace("image", "vision")
