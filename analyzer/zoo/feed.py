"""What a model of transformers is usually fed: one filler a parameter of forward, sizes from its configuration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from analyzer.spec import Known, TensorSpec
from analyzer.zoo.build import signature_of
from analyzer.zoo.request import Request

__all__ = ["Feed", "inputs"]

TOKENS = 128  # of a text
FRAMES = 1000  # of a spectrogram: ten seconds
SAMPLES = 16_000  # of a waveform: one second
PATCHES = 16  # along each side of an image whose size the model leaves open


def inputs(model: Any, request: Request) -> dict[str, Any]:
    """Keyword inputs for a model: of each modality that it has, and what else it must be given, as far as known.

    Args:
        model: the model, with its configuration.
        request: batch, tokens, image size and dtype.
    """
    feed = Feed(model, request)
    return {name: FILLERS[name](feed) for name in feed.names}


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
        main = {self.model.main_input_name} if isinstance(self.model.main_input_name, str) else set()
        usual = USUAL | main
        if "inputs_embeds" in self.parameters and self.parameters["inputs_embeds"].default is inspect.Parameter.empty:
            usual -= {"input_ids"}
        if self.main in ("input_features", "input_values") and "decoder_input_ids" in self.parameters:
            usual -= {"input_ids"}
        found = [
            name
            for name, parameter in self.parameters.items()
            if name in FILLERS and (name in usual or parameter.default is parameter.empty)
        ]
        if "pixel_values" not in found:
            return found
        return [name for name in self.parameters if name in found or name in WITH_IMAGES]

    @cached_property
    def main(self) -> str:
        """The name of the main input."""
        name = self.model.main_input_name
        return name if isinstance(name, str) else name[0]

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
        size = self.find("image_size", "img_size", "input_size", kind="vision")
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


# --- fillers ------------------------------------------------------------------------------------------------------


def _input_ids(feed: Feed) -> TensorSpec:
    """(B, S); for multiple choice (B, 2, S)."""
    if type(feed.model).__name__.endswith("ForMultipleChoice"):
        return feed.ids(feed.batch, 2, feed.seq)
    return feed.ids(feed.batch, feed.seq)


def _pixel_values(feed: Feed) -> TensorSpec:
    """(B, C, H, W); a video (B, T, C, H, W); the patches of one image where the model is told their grid."""
    if {"grid_thw", "image_grid_thw"} & set(feed.parameters):
        return _patches(feed)
    modalities = feed.model.input_modalities
    if "video" in modalities and "image" not in modalities:
        return _video(feed)
    return feed.floats(feed.batch, feed.channels, *feed.image)


def _video(feed: Feed) -> TensorSpec:
    frames = feed.find("num_frames", "frames_per_clip", kind="vision", default=16)
    return feed.floats(feed.batch, frames, feed.channels, *feed.image)


def _patches(feed: Feed) -> TensorSpec:
    """(N, C·T·P·P), or (N, C, P, P) for a convolution over single patches: N patches of all images."""
    frames, height, width = feed.patch
    count = feed.batch * feed.grid[1] * feed.grid[2]
    layer = feed.first(nn.Conv2d, nn.Conv3d, nn.Linear)
    if frames == 1 and isinstance(layer, nn.Conv2d):
        return feed.floats(count, feed.channels, height, width)
    return feed.floats(count, feed.channels * frames * height * width)


def _grid(feed: Feed) -> Known:
    return Known([feed.grid] * feed.batch)


def _image_sizes(feed: Feed) -> Known:
    return Known([feed.image] * feed.batch)


def _mel(feed: Feed) -> int:
    names = ("num_mel_bins", "input_feat_per_channel", "feature_size", "input_feat_size", "n_mels", "mel_bins")
    return int(feed.find(*names, "num_mel_bins", "input_dim", kind="audio", default=80))


def _input_features(feed: Feed) -> TensorSpec:
    """A spectrogram (B, T, M); (B, M, T) where a convolution over time comes first; (B, 1, T, M) as an image."""
    mel = _mel(feed)
    if feed.find("spec_size", kind="audio") is not None:
        return feed.floats(feed.batch, 1, FRAMES + 1, mel)
    layer = feed.first(nn.Conv1d, nn.Conv2d)
    own = feed.find("num_mel_bins", kind="audio") is not None
    if own and isinstance(layer, nn.Conv1d) and layer.in_channels == mel:
        positions = feed.find("max_source_positions", kind="audio", default=FRAMES // 2)
        return feed.floats(feed.batch, mel, 2 * positions)
    return feed.floats(feed.batch, FRAMES, mel)


def _frame_mask(feed: Feed) -> TensorSpec:
    """(B, T), one for each frame of the spectrogram."""
    features = _input_features(feed).shape
    return TensorSpec((feed.batch, features[-1] if features[-1] != _mel(feed) else features[-2]), torch.bool)


def _input_values(feed: Feed) -> TensorSpec:
    """A waveform (B, N); (B, C, N) for a codec; a spectrogram (B, T, M) where it is one."""
    frames, mel = feed.find("max_length"), feed.find("num_mel_bins")
    if frames and mel:
        return feed.floats(feed.batch, frames, mel)
    rate = feed.find("sampling_rate", "sample_rate", kind="audio")
    if rate:
        return feed.floats(feed.batch, feed.find("audio_channels", kind="audio", default=1), rate)
    return feed.floats(feed.batch, SAMPLES)


def _past(feed: Feed) -> tuple[int, ...]:
    """(B, T): what a time series has behind it, lags included."""
    context = feed.find("context_length", default=32)
    return (feed.batch, context + max(feed.find("lags_sequence", default=[0])))


def _past_values(feed: Feed) -> TensorSpec:
    if "past_time_features" in feed.parameters:
        return feed.floats(*_past(feed))
    return feed.floats(*_past(feed), feed.find("num_input_channels", default=1))


def _time_features(feed: Feed, steps: int) -> TensorSpec:
    return feed.floats(feed.batch, steps, feed.find("num_time_features", default=0))


FILLERS: Mapping[str, Callable[[Feed], Any]] = {
    "input_ids": _input_ids,
    "decoder_input_ids": lambda feed: feed.ids(feed.batch, feed.seq),
    "attention_mask": lambda feed: feed.ids(feed.batch, feed.seq),
    "inputs_embeds": lambda feed: feed.floats(feed.batch, feed.seq, feed.find("hidden_size", kind="text")),
    "inputs": lambda feed: feed.floats(feed.batch, feed.find("max_position_embeddings"), feed.find("d_model")),
    "bbox": lambda feed: feed.ids(feed.batch, feed.seq, 4),
    "qformer_input_ids": lambda feed: feed.ids(feed.batch, feed.seq),
    "pixel_values": _pixel_values,
    "pixel_values_videos": _video,
    "image": _pixel_values,
    "hidden_states": _patches,
    "grid_thw": _grid,
    "image_grid_thw": _grid,
    "image_sizes": _image_sizes,
    "input_features": _input_features,
    "input_features_mask": _frame_mask,
    "input_values": _input_values,
    "spectrogram": lambda feed: feed.floats(feed.batch, FRAMES, feed.find("model_in_dim", "num_mel_bins", default=80)),
    "past_values": _past_values,
    "past_time_features": lambda feed: _time_features(feed, _past(feed)[1]),
    "past_observed_mask": lambda feed: feed.floats(*_past(feed)),
    "future_values": lambda feed: feed.floats(feed.batch, feed.find("prediction_length")),
    "future_time_features": lambda feed: _time_features(feed, feed.find("prediction_length")),
}
"""Parameter of forward -> what it is filled with."""

# Given wherever forward has them; all else only where it must be given.
USUAL = {
    "input_ids", "decoder_input_ids", "pixel_values", "input_features", "input_features_mask", "input_values", "bbox",
    "past_values", "past_time_features", "past_observed_mask", "future_values", "future_time_features",
}  # fmt: skip
WITH_IMAGES = {"image_grid_thw", "image_sizes"}
