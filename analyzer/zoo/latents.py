"""What a model of diffusers is usually fed: noisy latents, a step, the text that guides."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from analyzer.spec import TensorSpec
from analyzer.zoo.build import signature_of
from analyzer.zoo.request import Request

__all__ = ["Latents", "inputs"]

TEXT = 77  # tokens of a prompt
SIDE = 64  # of latents where the configuration leaves it open: 512 pixels
PIXELS = 256  # of what an autoencoder is fed
FRAMES = 9  # a first one, and twice four more
SAMPLES = 40_960  # of a waveform: a second, about

_CONV = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
# The layer that reads the text, by the names that diffusers gives it, the plainest first.
_TEXT_LAYERS = (
    "context_embedder", "caption", "txt_in", "context_in", "text_in", "encoder_hid_proj", "cond_proj", "text_embedder",
    "text_proj",
)  # fmt: skip


def inputs(model: Any, request: Request) -> dict[str, Any]:
    """Keyword inputs of a model, as far as its configuration tells them.

    Args:
        model: the model, with its configuration.
        request: batch, tokens, image size and dtype.
    """
    latents = Latents(model, request)
    found = {}
    for name, parameter in signature_of(model).parameters.items():
        value = FILLERS[name](latents) if name in FILLERS else None
        needed = parameter.default is inspect.Parameter.empty
        if value is not None and (needed or name in USUAL):
            found[name] = value
    return found


@dataclass(frozen=True)
class Latents:
    """A model, seen by what it is fed.

    Attributes:
        model: the model.
        request: what the user wants of the inputs.
    """

    model: Any
    request: Request

    def find(self, *names: str, default: Any = None) -> Any:
        """The first value of one of these names in the configuration."""
        return next((self.model.config[name] for name in names if self.model.config.get(name) is not None), default)

    def floats(self, *shape: int) -> TensorSpec:
        """A tensor of numbers, in the dtype of the model."""
        return TensorSpec(shape, self.request.float)

    @property
    def batch(self) -> int:
        """Size of the batch."""
        return self.request.batch or 1

    @property
    def seq(self) -> int:
        """Tokens of the text."""
        return self.request.seq or int(self.find("max_text_seq_length", default=TEXT))

    @cached_property
    def layer(self) -> Any:
        """The first layer that sees the latents: a convolution or a linear one."""
        return next((module for module in self.model.modules() if isinstance(module, (*_CONV, nn.Linear))), None)

    @cached_property
    def channels(self) -> int:
        """Channels of the latents, or of the image of an autoencoder."""
        conv = next((module for module in self.model.modules() if isinstance(module, _CONV)), None)
        return int(self.find("in_channels", "input_channels", default=conv.in_channels if conv else 4))

    @cached_property
    def frames(self) -> int | None:
        """Frames of a video; None for an image."""
        patch = self.find("patch_size")
        names = ("sample_frames", "num_frames", "sample_num_frames", "patch_size_t", "temporal_compression_ratio")
        kinds = {type(module).__name__ for module in self.model.modules()}
        temporal = any(word in kind for kind in kinds for word in ("Temporal", "Motion"))
        conv = any(isinstance(module, nn.Conv3d) for module in self.model.modules())
        volume = conv or (isinstance(patch, (list, tuple)) and len(patch) == 3)
        if not (volume or temporal or self.find(*names) is not None):
            return None
        given = self.find("sample_frames", "num_frames", default=FRAMES)
        ratio = self.find("temporal_compression_ratio")
        if ratio and "timestep" in signature_of(self.model).parameters:
            # The latents of a video: its first frame, then groups.
            return (int(given) - 1) // int(ratio) + 1
        return FRAMES if given > 4 * FRAMES else int(given)

    def side(self, default: int) -> tuple[int, int]:
        """Height and width of the latents, or of the image of an autoencoder."""
        if self.request.image_size:
            return self.request.image_size
        size = self.find("sample_size", default=default)
        if isinstance(size, (list, tuple)):
            return int(size[-2]), int(size[-1])
        return int(self.find("sample_height", default=size)), int(self.find("sample_width", default=size))

    @cached_property
    def width(self) -> int:
        """Width of the text's embedding: what the layer that reads it takes, else what the configuration says."""
        layers = [(name, module) for name, module in self.model.named_modules() if isinstance(module, nn.Linear)]
        layers = [(name, module) for name, module in layers if "timestep" not in name]
        for word in _TEXT_LAYERS:
            for name, module in layers:
                if word in name:
                    return module.in_features
        names = ("cross_attention_dim", "joint_attention_dim", "caption_channels", "text_embed_dim", "text_dim")
        size = self.find("encoder_hid_dim", *names, default=768)
        return int(size[0] if isinstance(size, (list, tuple)) else size)


def _sample(latents: Latents) -> TensorSpec:
    """(B, C, H, W); a waveform (B, C, N); a video (B, C, T, H, W)."""
    denoiser = "timestep" in signature_of(latents.model).parameters
    head = (latents.batch, latents.channels)
    if isinstance(latents.layer, nn.Conv1d):
        size = latents.find("sample_size") if denoiser else None
        return latents.floats(*head, size or SAMPLES)
    sides = latents.side(SIDE if denoiser else PIXELS)
    if latents.frames is None:
        return latents.floats(*head, *sides)
    if any("SpatioTemporal" in type(module).__name__ for module in latents.model.modules()):
        if denoiser:
            return latents.floats(latents.batch, latents.frames, latents.channels, *sides)
        return latents.floats(latents.batch * latents.frames, latents.channels, *sides)
    return latents.floats(*head, latents.frames, *sides)


def _hidden_states(latents: Latents) -> TensorSpec:
    """As `_sample`; tokens (B, N, C) for a linear layer; (B, T, C, H, W) where each frame is patched."""
    if latents.frames is None and isinstance(latents.layer, nn.Linear) and not _patches_itself(latents):
        return latents.floats(latents.batch, _tokens(latents), latents.channels)
    if isinstance(latents.layer, nn.Conv2d) and latents.frames and latents.find("temporal_compression_ratio"):
        return latents.floats(latents.batch, latents.frames, latents.channels, *latents.side(SIDE))
    return _sample(latents)


def _patches_itself(latents: Latents) -> bool:
    """Whether a model cuts images into patches, and is not fed patches."""
    patch = latents.find("patch_size", default=1)
    pixels = latents.channels * patch**2 if isinstance(patch, int) and patch > 1 else None
    for name, module in latents.model.named_modules():
        reads = isinstance(module, nn.Linear) and module.in_features == pixels and "time" not in name
        if reads or "PatchEmbed" in type(module).__name__:
            return True
    return False


def _tokens(latents: Latents) -> int:
    height, width = latents.side(SIDE)
    return height * width // 4  # of two by two


def _ids(latents: Latents, count: int) -> TensorSpec:
    axes = latents.find("axes_dims_rope", "axes_dim", default=(16, 56, 56))
    return latents.floats(count, len(axes))


def _added(latents: Latents) -> dict[str, TensorSpec] | None:
    """What SDXL is told of the image's size and of the pooled text."""
    if latents.find("addition_embed_type") != "text_time":
        return None
    ids = 6
    pooled = latents.find("projection_class_embeddings_input_dim") - ids * latents.find("addition_time_embed_dim")
    return {"text_embeds": latents.floats(latents.batch, pooled), "time_ids": latents.floats(latents.batch, ids)}


def _grid(latents: Latents) -> list[list[tuple[int, int, int]]]:
    """Patches of each image in time, height and width: plain numbers."""
    height, width = latents.side(SIDE)
    return [[(1, height // 2, width // 2)]] * latents.batch


def _labels(latents: Latents) -> TensorSpec | None:
    if latents.find("num_class_embeds", "num_embeds_ada_norm", "class_embed_type") is None:
        return None
    return TensorSpec((latents.batch,), torch.int64)


def _condition(latents: Latents) -> TensorSpec:
    """An image (B, C, 8H, 8W), or what the latents are where those are hidden states."""
    if "hidden_states" in signature_of(latents.model).parameters:
        return _hidden_states(latents)
    sample = _sample(latents)
    channels = latents.find("conditioning_channels", default=3)
    return sample.with_shape(latents.batch, channels, *(8 * side for side in sample.shape[-2:]))


def _text(latents: Latents) -> TensorSpec | None:
    return latents.floats(latents.batch, latents.seq, latents.width)


def _step(latents: Latents) -> TensorSpec:
    """A step of the noise (B); a whole number where it is looked up in a table."""
    looked_up = latents.find("num_embeds_ada_norm") is not None
    return TensorSpec((latents.batch,), torch.int64) if looked_up else latents.floats(latents.batch)


FILLERS: Mapping[str, Callable[[Latents], Any]] = {
    "sample": _sample,
    "hidden_states": _hidden_states,
    "x": lambda latents: latents.floats(latents.batch, 3, 512, 512),
    "timestep": _step,
    "r_timestep": _step,
    "timestep_r": _step,
    "encoder_hidden_states": _text,
    "encoder_attention_mask": lambda latents: TensorSpec((latents.batch, latents.seq), torch.bool),
    "pooled_projections": lambda latents: latents.floats(
        latents.batch, latents.find("pooled_projection_dim", "in_vision_dim", default=768)
    ),
    "guidance": lambda latents: latents.floats(latents.batch) if latents.find("guidance_embeds") else None,
    "img_ids": lambda latents: _ids(latents, _tokens(latents)),
    "txt_ids": lambda latents: _ids(latents, latents.seq),
    "class_labels": _labels,
    "img_shapes": _grid,
    "global_hidden_states": lambda latents: latents.floats(
        latents.batch, 1, latents.find("global_states_input_dim", default=latents.width)
    ),
    "added_cond_kwargs": _added,
    "controlnet_cond": _condition,
    "original_size": lambda latents: latents.floats(latents.batch, 2),
    "target_size": lambda latents: latents.floats(latents.batch, 2),
    "crop_coords": lambda latents: latents.floats(latents.batch, 2),
    "num_frames": lambda latents: latents.frames,
    "timestep_ratio": lambda latents: latents.floats(latents.batch),
}
"""Parameter of forward -> what it is filled with; None where the configuration has no use for it."""

# Given wherever forward has them; all else only where it must be given.
USUAL = {
    "hidden_states", "timestep", "encoder_hidden_states", "pooled_projections", "guidance", "img_ids", "txt_ids",
    "class_labels", "added_cond_kwargs", "num_frames", "img_shapes", "global_hidden_states",
}  # fmt: skip
