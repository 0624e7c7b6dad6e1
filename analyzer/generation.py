"""Text generation: what a model costs that has read so many tokens, and what every further one costs with its cache."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from analyzer.analysis import Analysis
from analyzer.api import analyze
from analyzer.dimensions import open_names
from analyzer.errors import InputError
from analyzer.pytree import leaves
from analyzer.report.numbers import human
from analyzer.spec import TensorSpec
from analyzer.symbolic.expression import Expression

__all__ = ["Generation", "generation"]

CACHES = ("past_key_values", "cache_params", "state", "mems")
"""What models call the memory of what they have read, in their outputs and among the arguments of forward."""


@dataclass(frozen=True, slots=True)
class Generation:
    """Both phases of generation.

    Attributes:
        prefill: reading the first tokens, all of them at once.
        decode: the next step, on the cache that the first left behind.
        cache_bytes: bytes of the cache behind the prefill.
        cache_growth: bytes by which the step makes it larger; 0 where a window or a state is full.
    """

    prefill: Analysis
    decode: Analysis
    cache_bytes: int
    cache_growth: int

    def __str__(self) -> str:
        rows = [
            f"{name:<8} {_written(phase.total('macs')):>8} MACs  {_written(phase.total('flops')):>8} FLOPs  "
            f"{_written(phase.memory.peak, 'B'):>8} peak"
            for name, phase in (("prefill", self.prefill), ("decode", self.decode))
        ]
        cache = f"{'cache':<8} {_written(self.cache_bytes, 'B'):>8}, and {_written(self.cache_growth, 'B')} more a step"
        return "\n".join([*rows, cache])


def _written(number: int, unit: str = "") -> str:
    """Three digits, or the whole formula."""
    return f"{number} {unit}".strip() if isinstance(number, Expression) else human(number, unit)


def generation(
    model: nn.Module,
    past: int | str,
    *,
    batch: int | str = 1,
    new: int | str = 1,
    inputs: Mapping[str, Any] | None = None,
    **options: Any,
) -> Generation:
    """Analyze a causal or encoder-decoder language model that has read ``past`` tokens, and its next step.

    The model is called twice as its own ``generate`` would do it: on all of the past at once, then on the new tokens
    with the cache that it returned, whatever that is: keys and values, a window of them, or a state.

    Args:
        model: a model of transformers, or one with the same arguments: ``input_ids`` and ``use_cache``, and a cache in
            its output and among its arguments.
        past: tokens that are in the cache when the step begins; an encoder reads as many. A name, such as ``"P"``,
            stays open: all answers are formulas of it.
        batch: sequences; a number or a name.
        new: tokens of the step; more than one is a step of speculative decoding or of a chunked prefill.
        inputs: further inputs of the first call, or others in place of those made here: ``{"input_features":
            TensorSpec((1, 80, 3000))}`` for a model that listens.
        options: as for `analyze`: ``assume``, ``rules``, ...

    Raises:
        InputError: the model keeps no cache.

    >>> from transformers import LlamaConfig, LlamaForCausalLM
    >>> from analyzer import skeleton
    >>> config = LlamaConfig(num_hidden_layers=2, hidden_size=64, intermediate_size=96, vocab_size=101)
    >>> both = generation(skeleton(LlamaForCausalLM, config).eval(), past=1000)
    >>> both.cache_bytes == 2 * 2 * 1000 * 64 * 4  # keys and values, layers, tokens, width, bytes
    True
    >>> formulas = generation(skeleton(LlamaForCausalLM, config).eval(), past="P", batch="B")
    >>> print(formulas.cache_bytes, "and", formulas.cache_growth, "a step;", formulas.decode.total("macs"))
    1,024·B·P and 1,024·B a step; 76,352·B + 256·B·P
    """
    if not all(isinstance(size, str) or size >= 1 for size in (past, new, batch)):
        raise InputError(f"past, new and batch are 1 or more, or names, not {past}, {new} and {batch}")
    takes = inspect.signature(model.forward).parameters
    pair = "decoder_input_ids" in takes
    tokens = "decoder_input_ids" if pair else "input_ids"
    first: dict[str, Any] = {tokens: _ids(batch, past)}
    main = getattr(model, "main_input_name", "input_ids")
    if pair and not inputs and main == "input_ids":
        first["input_ids"] = _ids(batch, past)
    first |= {"use_cache": True} if "use_cache" in takes or "kwargs" in takes else {}
    first |= inputs or {}
    prefill = analyze(model, kwargs=first, **options)
    name, cache = _cache_of(prefill, takes, model)
    second: dict[str, Any] = {**first, tokens: _ids(batch, new), name: cache}
    if pair and "encoder_outputs" in takes:
        encoded = _output(prefill, "encoder_last_hidden_state")
        second = {key: value for key, value in second.items() if key not in _ENCODER} | {"encoder_outputs": (encoded,)}
    second = {key: value for key, value in second.items() if key not in _READ_ONCE}
    if options.get("hints"):  # a window that is full has nothing open any more
        left = {known.name for known in open_names(second, None)}
        options["hints"] = {name: size for name, size in options["hints"].items() if name in left}
    decode = analyze(model, kwargs=second, **options)
    before, after = _bytes(cache), _bytes(_output(decode, name))
    return Generation(prefill, decode, before, max(after - before, 0))


# What an encoder has read, and pictures and sounds that are in the cache by then.
_ENCODER = ("input_ids", "input_features", "input_values", "pixel_values", "inputs_embeds", "attention_mask")
_READ_ONCE = ("pixel_values", "image_sizes", "image_grid_thw", "pixel_values_videos", "video_grid_thw")


def _ids(batch: int | str, length: int | str) -> TensorSpec:
    return TensorSpec((batch, length), torch.int64)  # type: ignore[arg-type]


def _output(analysis: Analysis, name: str) -> Any:
    outputs = analysis.outputs
    return outputs.get(name) if isinstance(outputs, Mapping) else getattr(outputs, name, None)


def _cache_of(prefill: Analysis, takes: Mapping[str, Any], model: nn.Module) -> tuple[str, Any]:
    for name in CACHES:
        cache = _output(prefill, name)
        if cache is not None and (name in takes or "kwargs" in takes):
            return name, cache
    raise InputError(
        f"{type(model).__name__} returns no cache to go on from; it would be one of {', '.join(CACHES)} in its output",
        hint="take a model with a language head, and see that its config says use_cache=True and is_decoder=True",
    )


def _bytes(cache: Any) -> int:
    """Bytes of all tensors but for single numbers, such as how many tokens there are."""
    return sum(spec.nbytes for _, spec in leaves(cache, (TensorSpec,), boxes=True) if spec.numel > 1)
