"""calculate_flops_hf of calflops 0.3.2, for what is on this disk: nothing is downloaded here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from analyzer.compat.calflops.counter import check, profile_of, results
from analyzer.compat.calflops.report import report
from analyzer.compat.calflops.tokens import generate_transformer_input
from analyzer.errors import InputError
from analyzer.skeleton import skeleton
from analyzer.spec import TensorSpec

__all__ = ["calculate_flops_hf"]


def calculate_flops_hf(
    model_name: str,
    empty_model: nn.Module | None = None,
    input_shape: tuple[int, int] | None = None,
    trust_remote_code: bool = True,
    access_token: str = "",
    forward_mode: str = "forward",
    include_backPropagation: bool = False,
    compute_bp_factor: float = 2.0,
    print_results: bool = True,
    print_detailed: bool = True,
    output_as_string: bool = True,
    output_precision: int = 2,
    output_unit: str | None = None,
    ignore_modules: Sequence[type] | None = None,
    return_results: bool = False,
    *,
    faithful: bool = False,
) -> tuple[Any, ...]:
    """FLOPs, MACs and trained parameters of a model of transformers, by its name.

    Args:
        model_name: a folder with a config.json, or the name of one that transformers has in its cache.
        empty_model: the model itself, where it is there already.
        input_shape: batch and length, (1, 128) when left out.
        trust_remote_code: whether Python files beside the config may be executed.
        access_token: of no use here, where nothing is downloaded.
        forward_mode: as in `calculate_flops`, like the rest.
        include_backPropagation: as above.
        compute_bp_factor: as above.
        print_results: as above.
        print_detailed: as above.
        output_as_string: as above.
        output_precision: as above.
        output_unit: as above.
        ignore_modules: as above.
        return_results: whether the report is returned as well, as a fourth value.
        faithful: as above.

    Returns:
        FLOPs, MACs and parameters, and the report where asked for.

    Raises:
        InputError: the config is not on this disk, or transformers is not installed.
    """
    check(compute_bp_factor, output_precision)
    model = _built(model_name, trust_remote_code) if empty_model is None else empty_model
    kwargs = _inputs(model_name, input_shape or (1, 128), trust_remote_code)
    profile = profile_of(model, None, None, (), kwargs, forward_mode, ignore_modules or (), faithful)
    text = report(profile, compute_bp_factor, output_unit, output_precision, print_detailed)
    if print_results:
        print(text)
    factor = 1 + compute_bp_factor if include_backPropagation else 1
    numbers = results(profile.total, factor, output_as_string, output_unit, output_precision)
    return (*numbers, text + "\n") if return_results else numbers


def _transformers() -> Any:
    try:
        import transformers
    except ImportError:
        raise InputError("calculate_flops_hf builds models of transformers, which is not installed") from None
    return transformers


def _built(name: str, trust: bool) -> nn.Module:
    """The model that a config describes, without weights; of the class for a task where the config names one."""
    transformers = _transformers()
    try:
        config = transformers.AutoConfig.from_pretrained(name, trust_remote_code=trust, local_files_only=True)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no config of {name!r} is on this disk, and nothing is downloaded",
            hint="save its config.json and give the folder, or build the model and give it as empty_model=",
        ) from error
    task = next((key for key in getattr(config, "auto_map", None) or {} if key.startswith("AutoModelFor")), "AutoModel")
    model: nn.Module = skeleton(getattr(transformers, task).from_config, config, trust_remote_code=trust)
    return model


def _inputs(name: str, shape: tuple[int, int], trust: bool) -> dict[str, Any]:
    """What its tokenizer makes, where that is on this disk; ``input_ids`` and ``attention_mask`` otherwise."""
    if not isinstance(shape, tuple) or len(shape) != 2:
        raise InputError(f"input_shape is (batch, length), not {shape!r}")
    try:
        tokenizer = _transformers().AutoTokenizer.from_pretrained(name, trust_remote_code=trust, local_files_only=True)
    except (OSError, ValueError, ImportError):
        return {key: TensorSpec(shape, torch.int64) for key in ("input_ids", "attention_mask")}
    return generate_transformer_input(tokenizer, shape, "cpu")
