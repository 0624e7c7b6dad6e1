"""Channels traded for pixels and shuffled among groups: it moves data."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec

__all__ = ["RULES"]

RULES = RuleSet()
F = nn.functional


def _check(input: Any, least: int, name: str, number: Any) -> tuple[int, ...]:
    """The shape, once it has ``least`` dimensions and the number is a positive whole one."""
    if not isinstance(input, TensorSpec):
        raise ShapeError(f"input must be a tensor, got {input!r}")
    if len(input.shape) < least:
        raise ShapeError(f"input must have {least} dimensions or more, got {input.ndim}: {input.shape}")
    if not isinstance(number, (int, torch.SymInt)) or number <= 0:
        raise ShapeError(f"{name} must be a positive whole number, got {number!r}")
    return input.shape


@RULES.op(nn.PixelShuffle, torch.pixel_shuffle)
def pixel_shuffle(input: TensorSpec, upscale_factor: int) -> TensorSpec:
    """Channels to pixels      x (*, C r², H, W) -> (*, C, H r, W r).

    Cost: nothing, it moves data.
    Source: torch.nn.functional.pixel_shuffle
    """
    *lead, channels, height, width = _check(input, 3, "upscale_factor", upscale_factor)
    if channels % (upscale_factor * upscale_factor) != 0:
        raise ShapeError(
            f"input has {channels} channels, which the square of upscale_factor must divide, got {upscale_factor}"
        )
    channels //= upscale_factor * upscale_factor
    return input.with_shape(*lead, channels, height * upscale_factor, width * upscale_factor)


@RULES.op(nn.PixelUnshuffle, torch.pixel_unshuffle)
def pixel_unshuffle(input: TensorSpec, downscale_factor: int) -> TensorSpec:
    """Pixels to channels      x (*, C, H r, W r) -> (*, C r², H, W).

    Cost: nothing, it moves data.
    Source: torch.nn.functional.pixel_unshuffle
    """
    *lead, channels, height, width = _check(input, 3, "downscale_factor", downscale_factor)
    if height % downscale_factor != 0 or width % downscale_factor != 0:
        raise ShapeError(
            f"input is {height} by {width}, both of which downscale_factor must divide, got {downscale_factor}"
        )
    channels *= downscale_factor * downscale_factor
    return input.with_shape(*lead, channels, height // downscale_factor, width // downscale_factor)


@RULES.op(nn.ChannelShuffle, torch.channel_shuffle, torch.native_channel_shuffle)
def channel_shuffle(input: TensorSpec, groups: int) -> TensorSpec:
    """Channels dealt out among groups      x (N, C, *) -> (N, C, *).

    Cost: nothing, it moves data.
    Source: torch.nn.functional.channel_shuffle; Zhang et al. 2017, arXiv:1707.01083
    """
    channels = _check(input, 3, "groups", groups)[1]
    if channels % groups != 0:
        raise ShapeError(f"input has {channels} channels, which groups must divide, got {groups}")
    return input
