"""What ptflops is given in place of inputs: a shape without its batch, or a function that makes the inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from analyzer.compat.calls import Run, run
from analyzer.errors import AnalyzerError, InputError
from analyzer.spec import TensorSpec

__all__ = ["batch_of", "run_on"]


def batch_of(model: nn.Module, input_res: Any, input_constructor: Callable[[Any], Any] | None) -> Any:
    """What the model is called on: a dict by name, anything else as its one argument.

    Args:
        model: the model, whose first parameter says the dtype.
        input_res: the shape without its batch, which is 1.
        input_constructor: is given ``input_res`` and returns the inputs.

    Raises:
        InputError: the model is none, ``input_res`` no tuple of sizes, or ``input_constructor`` fails.
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"model is a torch.nn.Module, not a {type(model).__name__}")
    if not isinstance(input_res, tuple) or not input_res:
        raise InputError(f"input_res is the shape of an input without its batch, (3, 224, 224), not {input_res!r}")
    if input_constructor is None:
        like = next(model.parameters(), torch.empty(0))
        return TensorSpec((1, *input_res), like.dtype, like.device)
    try:
        return input_constructor(input_res)
    except AnalyzerError:
        raise
    except Exception as error:
        name = getattr(input_constructor, "__qualname__", str(input_constructor))
        raise InputError(f"{name}{(input_res,)} raised {type(error).__name__}: {error}") from error


def run_on(model: nn.Module, batch: Any) -> Run:
    """Analyze the model in evaluation on its inputs."""
    if isinstance(batch, dict):
        return run(model, (), batch, training=False)
    return run(model, (batch,), training=False)
