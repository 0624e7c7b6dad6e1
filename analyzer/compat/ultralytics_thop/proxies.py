"""ultralytics-thop's estimate of what a large image costs, from images that are a few strides wide and one high."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from analyzer.compat.thop.custom import Custom
from analyzer.errors import AnalyzerError, InputError
from analyzer.spec import TensorSpec

__all__ = ["check_stride", "estimated"]

# Their cost does not depend on the size of the image, or they make it so for all that comes after.
_FIXED = (
    nn.Linear,
    nn.Bilinear,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
    nn.RNNBase,
    nn.RNNCell,
    nn.GRUCell,
    nn.LSTMCell,
)


def check_stride(inputs: Any, stride: Any, min_cells: Any) -> tuple[int, int]:
    """The stride as height and width.

    Raises:
        InputError: the inputs are not one image, or the numbers are not positive.
    """
    one = isinstance(inputs, (tuple, list)) and len(inputs) == 1 and isinstance(inputs[0], (torch.Tensor, TensorSpec))
    if not one or inputs[0].ndim != 4:
        raise InputError("stride goes with one image as the only input, (batch, channels, height, width)")
    pair = (stride, stride) if isinstance(stride, int) else tuple(stride)
    if len(pair) != 2 or min(pair) < 1:
        raise InputError(f"stride must be a positive whole number or two of them, got {stride!r}")
    if not isinstance(min_cells, int) or min_cells < 1:
        raise InputError(f"min_cells must be a positive whole number, got {min_cells!r}")
    return pair


def estimated(
    measure: Callable[[TensorSpec], tuple[float, float]],
    model: nn.Module,
    image: Any,
    stride: tuple[int, int],
    min_cells: int,
    custom: Custom,
) -> float:
    """What the tool prints with a stride: a polynomial in the number of cells, fitted to a few small images.

    Args:
        measure: an image -> what it costs, and what of that is functions.
        model: the model.
        image: the image.
        stride: height and width of a cell.
        min_cells: how many cells the smallest image has.
        custom: the user's functions.
    """
    batch, channels, height, width = image.shape
    needed = _needed(model, custom)
    cells = (height // stride[0]) * (width // stride[1])
    planned = needed * min_cells + needed * (needed - 1) // 2
    costs: list[float] = []
    if height % stride[0] == width % stride[1] == 0 and 4 * planned <= cells:
        try:
            functions = 0.0
            while len(costs) < (4 if functions else needed):
                wide = stride[1] * (min_cells + len(costs))
                cost, functions = measure(TensorSpec((batch, channels, stride[0], wide), image.dtype))
                costs.append(cost)
        except AnalyzerError:
            costs.clear()
    if not costs or (len(costs) == 4 and costs[3] - 3 * costs[2] + 3 * costs[1] - costs[0] != 0):
        return measure(TensorSpec(tuple(image.shape), image.dtype))[0]
    more = cells - min_cells
    slope = costs[1] - costs[0] if len(costs) > 1 else costs[0] / min_cells
    bend = costs[2] - 2 * costs[1] + costs[0] if len(costs) > 2 else 0.0
    total: float = costs[0] + more * slope + more * (more - 1) // 2 * bend
    return total


def _needed(model: nn.Module, custom: Custom) -> int:
    """How many sizes are looked at: where attention or the user's functions may grow with the square, four."""
    modules = list(model.modules())
    if any(isinstance(module, nn.MultiheadAttention) or custom.knows(module) for module in modules):
        return 4
    return 2 if any(isinstance(module, _FIXED) for module in modules) else 1
