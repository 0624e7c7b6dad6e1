"""calculate_flops of calflops 0.3.2, from a static analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from torch import nn

from analyzer.compat.arguments import require
from analyzer.compat.calflops.report import report
from analyzer.compat.calflops.tokens import generate_transformer_input
from analyzer.compat.numbers import flops_to_string, macs_to_string, params_to_string
from analyzer.compat.profiles import Costs, Counter, Profile, called, input_of_shape
from analyzer.errors import InputError
from analyzer.tools.calflops import CALFLOPS, CALFLOPS_MACS, PATCHES

__all__ = ["calculate_flops", "check", "profile_of", "results"]

_COUNTER = Counter(CALFLOPS, CALFLOPS_MACS, PATCHES, trained=True, repeats=True)


def calculate_flops(
    model: nn.Module,
    input_shape: tuple[int, ...] | None = None,
    transformer_tokenizer: Any = None,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    forward_mode: str = "forward",
    include_backPropagation: bool = False,
    compute_bp_factor: float = 2.0,
    print_results: bool = True,
    print_detailed: bool = True,
    output_as_string: bool = True,
    output_precision: int = 2,
    output_unit: str | None = None,
    ignore_modules: Sequence[type] | None = None,
    *,
    faithful: bool = False,
) -> tuple[Any, Any, Any]:
    """FLOPs, MACs and trained parameters of a model in evaluation mode.

    Every product counts 2 FLOPs and 1 MAC, whoever makes it: layers, functions, methods, ``@`` and attention. A bias of
    a convolution, activations, normalization, pooling, softmax, resizing, and sums and products of elements count FLOPs
    as in calflops.

    Args:
        model: the model; it may be without weights.
        input_shape: the shape of its one input; batch and length with a tokenizer.
        transformer_tokenizer: makes the inputs of a model of transformers.
        args: positional inputs: tensors, `TensorSpec`, or anything else that the model takes.
        kwargs: keyword inputs.
        forward_mode: ``"forward"``, or ``"generate"`` for the model's ``generate``, which then ends no sequence early.
        include_backPropagation: whether the results hold a backward pass.
        compute_bp_factor: how many times a forward pass that is.
        print_results: whether to print a report.
        print_detailed: whether the report lists the modules.
        output_as_string: whether the results are text.
        output_precision: digits behind the point.
        output_unit: ``"T"``, ``"G"``, ``"M"`` or ``"K"``; by size when left out.
        ignore_modules: classes whose modules count nothing.
        faithful: what calflops 0.3.2 itself says: 0 for ``@``, ``mm``, ``bmm`` and attention, recurrent layers without
            MACs, shared modules once for each parent, ignored modules in the module around them, and its other faults.

    Returns:
        FLOPs, MACs and parameters.

    Raises:
        InputError: the inputs are missing, or given twice.
        AnalyzerError: as `analyze` does.

    >>> calculate_flops(nn.Linear(7, 5), (3, 7), print_results=False, output_as_string=False)
    (210, 105, 40)
    """
    check(compute_bp_factor, output_precision)
    profile = profile_of(
        model, input_shape, transformer_tokenizer, args, kwargs or {}, forward_mode, ignore_modules or (), faithful
    )
    if print_results:
        print(report(profile, compute_bp_factor, output_unit, output_precision, print_detailed))
    factor = 1 + compute_bp_factor if include_backPropagation else 1
    return results(profile.total, factor, output_as_string, output_unit, output_precision)


def check(factor: Any, precision: Any) -> None:
    """Look at the numbers that the results are written by.

    Raises:
        InputError: they are none.
    """
    require("compute_bp_factor", factor, Real, "a number")
    require("output_precision", precision, Integral, "a whole number")


def results(costs: Costs, factor: float, as_string: bool, unit: str | None, precision: int) -> tuple[Any, Any, Any]:
    """What calflops returns: numbers or text, with a factor on FLOPs and MACs."""
    flops, macs = costs.flops * factor, costs.macs * factor
    if not as_string:
        return flops, macs, costs.params
    return (
        flops_to_string(flops, unit, precision),
        macs_to_string(macs, unit, precision),
        params_to_string(costs.params, unit, precision),
    )


def profile_of(
    model: nn.Module,
    shape: Any,
    tokenizer: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    mode: str,
    ignored: Sequence[type],
    faithful: bool,
) -> Profile:
    """What every module costs, by the inputs as calflops takes them."""
    if not isinstance(model, nn.Module):
        raise InputError(f"model is an nn.Module, not a {type(model).__name__}")
    if shape is not None and (kwargs or not isinstance(args, (tuple, list)) or args):
        raise InputError("give input_shape, or args and kwargs, not both")
    if tokenizer is not None:
        kwargs = generate_transformer_input(tokenizer, shape, "cpu")
    elif shape is not None:
        if type(model).__module__.partition(".")[0] == "transformers":
            raise InputError(
                f"{type(model).__name__} takes tokens, which input_shape alone does not make",
                hint="give transformer_tokenizer=, or kwargs={'input_ids': TensorSpec(shape, torch.int64)}",
            )
        args = [input_of_shape(model, shape)]
    analysis = called(model, args, kwargs, mode, "forward_mode")
    return _COUNTER.profile(model, [analysis], faithful=faithful, ignored=ignored)
