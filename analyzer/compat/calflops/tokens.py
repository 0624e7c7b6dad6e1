"""The inputs that calflops gives a model of transformers: what a tokenizer makes of an empty text, padded."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.errors import InputError

__all__ = ["generate_transformer_input"]


def generate_transformer_input(
    model_tokenizer: Any, input_shape: tuple[int, int] | None, device: Any
) -> dict[str, torch.Tensor]:
    """Inputs of a model of transformers, by the names that its tokenizer uses.

    Args:
        model_tokenizer: a tokenizer: called with a text, it returns a mapping of ``input_ids`` and the like.
        input_shape: batch and length, (1, 128) for None.
        device: where the tensors are made.

    Returns:
        int64 tensors (batch, length): ``input_ids``, ``attention_mask``, ``token_type_ids``, ``position_ids``, of which
        the tokenizer gives some.

    Raises:
        InputError: it is no tokenizer; the shape is no pair, or shorter than what it makes of an empty text.

    >>> class Tokenizer:
    ...     pad_token_id = 3
    ...
    ...     def __call__(self, text, add_special_tokens=True):
    ...         return {"input_ids": [101, 102], "attention_mask": [1, 1]}
    >>> generate_transformer_input(Tokenizer(), (1, 5), "cpu")["input_ids"]
    tensor([[101, 102,   3,   3,   3]])
    """
    shape = (1, 128) if input_shape is None else tuple(input_shape)
    if len(shape) != 2:
        raise InputError(f"the input_shape of a model with a tokenizer is (batch, length), not {shape}")
    batch, length = shape
    encode = getattr(model_tokenizer, "encode_plus", model_tokenizer)
    if not callable(encode):
        raise InputError(f"a tokenizer is called with a text, but this is a {type(model_tokenizer).__name__}")
    encoded = encode("", add_special_tokens=True)
    given = len(encoded["input_ids"])
    if given > length:
        raise InputError(f"input_shape is {length} tokens long, and the tokenizer makes {given} of an empty text")
    missing = length - given
    pads = {
        "input_ids": [getattr(model_tokenizer, "pad_token_id", None) or 0] * missing,
        "attention_mask": [0] * missing,
        "token_type_ids": [0] * missing,
        "position_ids": list(range(given, length)),
    }
    rows = {name: [*encoded[name], *pad] for name, pad in pads.items() if name in encoded}
    return {name: torch.tensor([row] * batch, device=device) for name, row in rows.items()}
