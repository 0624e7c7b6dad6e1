"""What is asked of a source of models, and what it gives back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import torch

from analyzer.errors import InputError
from analyzer.spec import TensorSpec

__all__ = ["Loaded", "Request", "did_you_mean"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model, built but never given weights, and the inputs it usually takes (none where nobody knows).

    Attributes:
        model: the module, or a function.
        args: positional inputs.
        kwargs: keyword inputs.
        notes: a sentence on each usual input that is left out.
    """

    model: Any
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """How a model is to be built and fed; what is None is left to the source.

    Attributes:
        text: the model as the user wrote it, for errors.
        kwargs: keyword arguments of the constructor.
        set: values of the configuration, by dotted name.
        head: what stands on top of the model, such as ``"causal-lm"``, or ``"none"``.
        batch: size of the batch.
        seq: tokens of a text.
        image_size: height and width of an image.
        dtype: of parameters and floating-point inputs.
        trust_remote_code: whether Python files beside a local config.json may be run.
    """

    text: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    set: Mapping[str, Any] = field(default_factory=dict)
    head: str | None = None
    batch: int | None = None
    seq: int | None = None
    image_size: tuple[int, int] | None = None
    dtype: torch.dtype | None = None
    trust_remote_code: bool = False

    def refuse(self, *names: str) -> None:
        """Say that this source can do nothing with an option that was given.

        Raises:
            InputError: one of the names was given.
        """
        for name in names:
            if getattr(self, name):
                raise InputError(f"{self.text} has no use for {name.replace('_', '-')}")

    def image(self, channels: int, height: int, width: int) -> TensorSpec:
        """A batch of images, as large as asked for, else as given here."""
        return TensorSpec((self.batch or 1, channels, *(self.image_size or (height, width))), self.float)

    @property
    def float(self) -> torch.dtype:
        """The dtype of floating-point inputs."""
        return self.dtype or torch.float32


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """``did you mean resnet50?``, or nothing where no name is near.

    >>> did_you_mean("resnet51", ["resnet50", "vgg16"])
    'did you mean resnet50?'
    """
    known = list(names)
    near = get_close_matches(name, known, 3, 0.5) or get_close_matches(name, known, 1, 0.3)
    return f"did you mean {' or '.join(near)}?" if near else ""
