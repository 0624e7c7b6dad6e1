"""Names in place of the sizes that a model usually takes: B sequences or images, of S tokens, or H x W large."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from analyzer.errors import InputError
from analyzer.pytree import leaves, map_tensors
from analyzer.spec import Known, TensorSpec
from analyzer.zoo.call import call_of
from analyzer.zoo.parsing import parse_input
from analyzer.zoo.request import Loaded

__all__ = ["load_open", "open_names", "openings"]

BATCH, SEQ = 1013, 1009  # primes that are no size of any model, by which a size is found again in an input


def load_open(load: Callable[..., Loaded], batch: int | None, seq: int | None) -> tuple[Loaded, dict[str, int]]:
    """A model whose usual inputs have names for the sizes of the batch and the text, where these are sizes alone.

    Args:
        load: loads the model with a ``batch`` and a ``seq``.
        batch: the size of the batch, where it does not stay open.
        seq: tokens of a text, where they do not stay open.

    Returns:
        The model, and how many tokens it usually takes, where that is open.

    Raises:
        InputError: there is no such model.
    """
    usual = load(batch=batch, seq=seq)
    for batched, worded in ((True, True), (True, False), (False, True)):
        marks: dict[int, str] = {}
        if batched and batch is None:
            marks[BATCH] = "B"
        if worded and seq is None:
            marks[SEQ] = "S"
        try:
            loaded = load(batch=BATCH if BATCH in marks else batch, seq=SEQ if SEQ in marks else seq)
        except InputError:  # some take no text, and say so
            continue
        if _is_open(loaded, marks):
            named = _renamed(loaded, partial(_named, marks))
            return named, {name: size for name, size in _pairs(named, usual) if name == "S"}
    return usual, {}


def _pairs(named: Loaded, usual: Loaded) -> Iterator[tuple[Any, int]]:
    """The sizes of both, side by side."""
    specs = (leaves((loaded.args, loaded.kwargs), (TensorSpec,)) for loaded in (named, usual))
    for (_, one), (_, other) in zip(*specs, strict=True):
        yield from zip(one.shape, other.shape, strict=True)


def _is_open(loaded: Loaded, marks: Mapping[int, str]) -> bool:
    """Whether every mark is a size in the inputs, and in nothing else: no product, no number of inputs, no values."""
    found = set()
    for _, leaf in leaves((loaded.args, loaded.kwargs), (TensorSpec, Known)):
        shape = leaf.shape if isinstance(leaf, TensorSpec) else leaf.spec.shape
        for mark in marks:
            if mark in shape and isinstance(leaf, TensorSpec):
                found.add(mark)
            elif any(size and size % mark == 0 for size in shape):
                return False
    return found == set(marks)


def _named(marks: Mapping[int, str], shape: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(marks.get(size, size) for size in shape)


def _renamed(loaded: Loaded, rename: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Loaded:
    args, kwargs = map_tensors(
        lambda spec: spec.with_shape(*rename(spec.shape)), (loaded.args, dict(loaded.kwargs)), (TensorSpec,)
    )
    return replace(loaded, args=args, kwargs=kwargs)


def open_names(loaded: Loaded, inputs: Iterable[str], text: str) -> set[str]:
    """The names of open sizes in the inputs of a call.

    Args:
        loaded: the model and its usual inputs.
        inputs: the user's own, as the command line takes them.
        text: the model as the user wrote it.

    >>> sorted(open_names(Loaded(abs), ["Bx3xHxW"], "builtins:abs"))
    ['B', 'H', 'W']
    """
    call = call_of(loaded, map(parse_input, inputs), text)
    return {size for _, spec in leaves(call, (TensorSpec,)) for size in spec.shape if isinstance(size, str)}


def openings(loaded: Loaded, image_size: bool) -> Iterator[tuple[Loaded, dict[str, int]]]:
    """The ways to open the usual inputs, with hints, the widest first: the next is for a model that refuses this one.

    Args:
        loaded: the model, with names for what else is open.
        image_size: whether the size of images stays open.
    """
    size = next(_image_sizes(loaded), None) if image_size else None
    if size is not None:
        height, width = size
        named = _renamed(loaded, lambda shape: (*shape[:-2], "H", "W") if _is_image(shape, size) else shape)
        yield named, {"H": height, "W": width + 32 if width == height else width}  # equal ones would decide branches
        if width == height:
            yield named, {"H": height, "W": width}
    yield loaded, {}


def _image_sizes(loaded: Loaded) -> Iterator[tuple[int, int]]:
    for _, spec in leaves((loaded.args, loaded.kwargs), (TensorSpec,)):
        if spec.ndim >= 3 and spec.dtype.is_floating_point and _is_image(spec.shape, spec.shape[-2:]):
            yield spec.shape[-2], spec.shape[-1]


def _is_image(shape: tuple[Any, ...], size: tuple[int, int]) -> bool:
    """(..., C, H, W) of this size; of three sizes it is one image, and no sequence of vectors."""
    few = len(shape) > 3 or (len(shape) == 3 and shape[0] in (1, 3))
    return few and shape[-2:] == size and all(isinstance(one, int) and one >= 16 for one in size)
