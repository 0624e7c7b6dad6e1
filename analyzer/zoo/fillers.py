"""What fills a parameter of forward in a model of transformers: one function each, sizes from the configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from analyzer.spec import Known, TensorSpec

if TYPE_CHECKING:
    from analyzer.zoo.feed import Feed

__all__ = ["FILLERS", "USUAL", "WITH"]

FRAMES = 1000  # of a spectrogram: ten seconds
PATCHES = 16  # along each side of an image whose size the model leaves open
SAMPLES = 48_000  # of a waveform: three seconds, in whole frames of 320, 640 and 1920
BOXES = 36  # regions of an image that a detector found
VIDEO = 16  # frames of a video where the configuration names none


def _input_ids(feed: Feed) -> Any:
    """(B, S); for multiple choice (B, 2, S); known where images or sounds stand in the text."""
    if type(feed.model).__name__.endswith("ForMultipleChoice"):
        return feed.ids(feed.batch, 2, feed.seq)
    if codes := _codes(feed, "input_ids"):
        return codes
    held = [item for item in (feed.images, feed.sounds) if item is not None and item.count]
    if not held:
        return feed.ids(feed.batch, feed.seq)
    plain = next(token for token in range(3, 6) if token not in {item.token for item in held})
    return _marked(feed, [(item.token, item.count or 0) for item in held], plain)


def _codes(feed: Feed, name: str) -> TensorSpec | None:
    """Codes of sound, (B·K, S) or (B, S, K) for K codebooks, as forward documents it; None for plain tokens."""
    count, shape = feed.find("num_codebooks", "num_channels", kind="text"), _documented(feed, name)
    if not isinstance(count, int) or "num_codebooks" not in " ".join(shape):
        return None
    return feed.ids(feed.batch, feed.seq, count) if len(shape) == 3 else feed.ids(feed.batch * count, feed.seq)


def _token_kinds(feed: Feed) -> Any:
    """What each token of a text stands for: 0 itself, 1 an image, 3 a sound."""
    pairs = [(1, feed.images), (3, feed.sounds)]
    held = [(mark, item.count) for mark, item in pairs if item is not None and item.count]
    return _marked(feed, held, 0)


def _marked(feed: Feed, marks: Iterable[tuple[int, int]], plain: int) -> Known:
    """A text (B, S): so many of each mark, and then the text's own tokens."""
    row = [mark for mark, count in marks for _ in range(count)] + [plain] * feed.seq
    return Known(torch.tensor([row] * feed.batch))


def _documented(feed: Feed, name: str) -> list[str]:
    """The sizes of an input as forward's documentation names them; none where it does not."""
    found = re.search(rf"^ *{name} \(.*?shape `?\(([^)]*)\)", feed.model.forward.__doc__ or "", re.MULTILINE)
    return re.split(r" *, *", found[1]) if found else []


def _pixel_values(feed: Feed) -> TensorSpec:
    """(B, C, H, W); a video (B, T, C, H, W); several images (B, N, C, H, W); patches where their grid is told."""
    parameters = set(feed.parameters)
    if {"grid_thw", "image_grid_thw"} & parameters:
        return _patches(feed)
    if "spatial_shapes" in parameters:
        _, height, width = feed.patch
        return feed.floats(feed.batch, PATCHES * PATCHES, feed.channels * height * width)
    if feed.is_video:
        return _video(feed)
    if feed.is_pair:
        return feed.floats(feed.batch, 2, feed.channels, *feed.image)
    if pinpoints := feed.find("image_grid_pinpoints"):
        return feed.floats(feed.batch, 1 + _tiles(feed, pinpoints), feed.channels, *feed.image)
    if {"pixel_attention_mask", "input_ids"} <= parameters:
        return feed.floats(feed.batch, 1, feed.channels, *feed.image)
    return feed.floats(feed.batch, feed.channels, *feed.image)


def _tiles(feed: Feed, pinpoints: list[list[int]]) -> int:
    """How many tiles an image of one tile's size is cut into: by the layout that holds it best, then wastes least."""
    height, width = feed.image

    def fit(size: list[int]) -> tuple[int, int]:
        scale = min(size[0] / height, size[1] / width)
        used = min(int(height * scale) * int(width * scale), height * width)
        return used, used - size[0] * size[1]

    best = max(pinpoints, key=fit)
    return (best[0] // height) * (best[1] // width)


def _video(feed: Feed) -> TensorSpec:
    frames = feed.find("num_frames", "frames_per_clip", kind="vision", default=VIDEO)
    return feed.floats(feed.batch, frames, feed.channels, *feed.image)


def _patches(feed: Feed) -> TensorSpec:
    """(N, C·T·P·P), or (N, C, P, P) for a convolution over single patches: N patches of all images."""
    frames, height, width = feed.patch
    count = feed.batch * feed.grid[1] * feed.grid[2]
    layer = feed.first(nn.Conv2d, nn.Conv3d, nn.Linear)
    if frames == 1 and isinstance(layer, nn.Conv2d) and len(_documented(feed, "pixel_values")) != 2:
        return feed.floats(count, feed.channels, height, width)
    return feed.floats(count, feed.channels * frames * height * width)


def _flattened_patches(feed: Feed) -> TensorSpec:
    """(B, N, 2 + C·P·P): each patch behind its row and column."""
    _, height, width = feed.patch
    return feed.floats(
        feed.batch, feed.find("seq_len", kind="vision", default=2048), 2 + feed.channels * height * width
    )


def _grid(feed: Feed) -> Known:
    return Known([feed.grid] * feed.batch)


def _image_sizes(feed: Feed) -> Known:
    return Known([feed.image] * feed.batch)


def _mel(feed: Feed) -> int:
    """Features of a frame: what the first layer of an encoder takes, else what the configuration says."""
    own, positions = (feed.find(name, kind="audio") for name in ("num_mel_bins", "max_source_positions"))
    if own and positions:
        return int(own)
    layer = feed.first(nn.Conv1d, nn.Conv2d, nn.Linear, nn.LayerNorm) if "input_ids" not in feed.parameters else None
    if isinstance(layer, nn.Linear):
        return layer.in_features
    if isinstance(layer, nn.LayerNorm):
        return int(layer.normalized_shape[-1])
    names = ("num_mel_bins", "input_feat_per_channel", "input_feat_size", "n_mels", "mel_bins")
    return int(
        feed.find("feature_projection_input_dim", *names, "input_dim", "feature_size", kind="audio", default=128)
    )


def _input_features(feed: Feed) -> TensorSpec:
    """A spectrogram (B, T, M); (B, M, T) where a convolution over time comes first; (B, 1, T, M) as an image."""
    mel = _mel(feed)
    if feed.find("spec_size", kind="audio") is not None:
        return feed.floats(feed.batch, 1, FRAMES + 1, mel)
    layer = feed.first(nn.Conv1d, nn.Conv2d)
    positions = feed.find("max_source_positions", kind="audio")
    first = isinstance(layer, nn.Conv1d) and layer.in_channels == mel
    if feed.find("num_mel_bins", kind="audio") is not None and (first or positions):
        return feed.floats(feed.batch, mel, 2 * positions if positions else FRAMES)
    return feed.floats(feed.batch, FRAMES, mel)


def _frame_mask(feed: Feed) -> Known:
    """(B, T), one for each frame of the spectrogram: no frame is padding."""
    shape = _input_features(feed).shape
    frames = next(size for size in reversed(shape) if size != _mel(feed))
    dtype = torch.bool if "input_features_mask" in feed.parameters else torch.int64
    return Known(torch.ones(feed.batch, frames, dtype=dtype))


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
    lags = feed.find("lags_sequence", default=[0]) if "past_time_features" in feed.parameters else [0]
    return (feed.batch, feed.find("context_length", default=32) + max(lags))


def _past_values(feed: Feed) -> TensorSpec:
    if "past_time_features" in feed.parameters or len(_documented(feed, "past_values")) == 2:
        return feed.floats(*_past(feed))
    return feed.floats(*_past(feed), feed.find("num_input_channels", default=1))


def _time_features(feed: Feed, steps: int) -> TensorSpec:
    return feed.floats(feed.batch, steps, feed.find("num_time_features", default=0))


def _patch_mask(feed: Feed) -> Known:
    """(B, N), one for each patch: none is padding."""
    return Known(torch.ones(feed.batch, PATCHES * PATCHES, dtype=torch.int64))


def _hidden_states(feed: Feed) -> TensorSpec:
    """Patches of images, or frames (B, T, M) of sound."""
    if "grid_thw" in feed.parameters:
        return _patches(feed)
    width = feed.find("input_dim", "input_size", "hidden_size")
    return feed.floats(feed.batch, FRAMES if "audio" in feed.model.input_modalities else feed.seq, width)


FILLERS: Mapping[str, Callable[[Feed], Any]] = {
    "input_ids": _input_ids,
    "decoder_input_ids": lambda feed: _codes(feed, "decoder_input_ids") or feed.ids(feed.batch, feed.seq),
    "task_inputs": lambda feed: feed.ids(feed.batch, feed.find("task_seq_len")),
    "merge_sizes": lambda feed: Known([feed.find("spatial_merge_size", default=1)] * feed.batch),
    "attention_mask": lambda feed: feed.ids(feed.batch, feed.seq),
    "inputs_embeds": lambda feed: feed.floats(feed.batch, feed.seq, feed.find("hidden_size", kind="text")),
    "inputs": lambda feed: feed.floats(feed.batch, feed.find("max_position_embeddings"), feed.find("d_model")),
    "states": lambda feed: feed.floats(feed.batch, feed.seq, feed.find("state_dim")),
    "actions": lambda feed: feed.floats(feed.batch, feed.seq, feed.find("act_dim")),
    "rewards": lambda feed: feed.floats(feed.batch, feed.seq, 1),
    "returns_to_go": lambda feed: feed.floats(feed.batch, feed.seq, 1),
    "timesteps": lambda feed: feed.ids(feed.batch, feed.seq),
    "visual_feats": lambda feed: feed.floats(feed.batch, BOXES, feed.find("visual_feat_dim")),
    "visual_pos": lambda feed: feed.floats(feed.batch, BOXES, feed.find("visual_pos_dim")),
    "flattened_patches": _flattened_patches,
    "bbox": lambda feed: feed.ids(feed.batch, feed.seq, 4),
    "qformer_input_ids": lambda feed: feed.ids(feed.batch, feed.seq),
    "pixel_values": _pixel_values,
    "pixel_values_videos": _video,
    "image": _pixel_values,
    "hidden_states": _hidden_states,
    "grid_thw": _grid,
    "image_grid_thw": _grid,
    "image_sizes": _image_sizes,
    "input_features": _input_features,
    "input_features_mask": _frame_mask,
    "feature_attention_mask": _frame_mask,
    "mm_token_type_ids": _token_kinds,
    "spatial_shapes": lambda feed: Known([[PATCHES, PATCHES]] * feed.batch),
    "pixel_attention_mask": _patch_mask,
    "state": lambda feed: feed.floats(feed.batch, feed.find("max_state_dim", default=32)),
    "input_values": _input_values,
    "spectrogram": lambda feed: feed.floats(feed.batch, FRAMES, feed.find("model_in_dim", "num_mel_bins", default=80)),
    "past_values": _past_values,
    "past_time_features": lambda feed: _time_features(feed, _past(feed)[1]),
    "past_observed_mask": lambda feed: feed.floats(*_past(feed)),
    "future_values": lambda feed: feed.floats(feed.batch, feed.find("prediction_length")),
    "future_time_features": lambda feed: _time_features(feed, feed.find("prediction_length")),
}
"""Parameter of forward -> what it is filled with."""

# Given wherever forward has them; all else only where it must be given, or with what it belongs to.
USUAL = {
    "input_ids", "decoder_input_ids", "pixel_values", "input_features", "input_values", "bbox", "past_values", "states",
    "flattened_patches", "visual_feats",
}  # fmt: skip
WITH: Mapping[str, frozenset[str]] = {
    "pixel_values": frozenset({"image_grid_thw", "image_sizes", "mm_token_type_ids", "spatial_shapes"}),
    "input_features": frozenset({"input_features_mask", "feature_attention_mask"}),
    "input_values": frozenset(),
    "states": frozenset({"actions", "rewards", "returns_to_go", "timesteps", "attention_mask"}),
    "visual_feats": frozenset({"visual_pos"}),
    "spatial_shapes": frozenset({"pixel_attention_mask"}),
    "past_time_features": frozenset({"future_values", "future_time_features"}),
}
