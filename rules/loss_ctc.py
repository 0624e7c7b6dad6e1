"""Connectionist temporal classification: the likelihood of a sequence of labels under all its alignments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, each_whole
from rules._layer import check_floating
from rules._loss import Loss, Spelling, loss

__all__ = ["RULES"]

RULES = RuleSet()
F = nn.functional

# The sum of three probabilities as logarithms, max + log Σ exp(a − max), times that of a label; a sum of two.
_CELL = Counts(cmp=2, add=7, func=4)
_END = Counts(cmp=2, add=4, func=3)  # and the sign


def _lengths(given: Any, samples: int, most: int | None, name: str) -> list[int] | None:
    """The lengths where they are plain numbers; None where they are a tensor."""
    if isinstance(given, TensorSpec):
        if given.dtype.is_floating_point or given.dtype.is_complex or given.dtype is torch.bool:
            raise ShapeError(f"{name} must hold whole numbers, got {given.dtype_name}")
        if given.numel != samples:
            raise ShapeError(f"{name} must be a length for each of {samples} sequences, got {given.shape}")
        return None
    if not isinstance(given, (tuple, list)) or len(given) != samples:
        raise ShapeError(f"{name} must be a length for each of {samples} sequences, got {given!r}")
    lengths = list(each_whole(given, name))
    if any(length < 0 or (most is not None and length > most) for length in lengths):
        raise ShapeError(f"{name} must be from 0{'' if most is None else f' to {most}'}, got {lengths}")
    return lengths


def _alignments(given: Mapping[str, Any]) -> TensorSpec:
    """What is kept for the backward pass: a number for each sequence, step, and label or blank between labels."""
    log_probs, targets, lengths = given["log_probs"], given["targets"], given["target_lengths"]
    longest = targets.shape[-1] if isinstance(lengths, TensorSpec) else max(lengths)
    spec: TensorSpec = log_probs.with_shape(log_probs.shape[1], log_probs.shape[0], 2 * longest + 1)
    return spec


_ORDER = "log_probs targets input_lengths target_lengths"


@loss(
    RULES, nn.CTCLoss, F.ctc_loss,
    spellings=[
        Spelling(torch.ctc_loss, f"{_ORDER} blank reduction zero_infinity"),
        Spelling(torch._ctc_loss, f"{_ORDER} blank zero_infinity", _alignments),
    ],
)  # fmt: skip
def ctc_loss(
    log_probs: TensorSpec, targets: TensorSpec, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: Any = "mean", zero_infinity: bool = False,
) -> Loss:  # fmt: skip
    """−log p(labels | log_probs)      log_probs (T, N, C) or (T, C), targets (N, S), or end to end -> (N) or ().

    A sequence of T steps and S labels has T (2 S + 1) states, a blank before, between and after labels. Lengths that
    are plain numbers count exactly; those in a tensor count as if every sequence had the full length.

    Cost: a state after the first step 2 cmp, 7 add, 4 func (the sum of three probabilities as logarithms, times that of
    its label); a sequence 2 cmp, 4 add, 3 func for the sum of two at its end and the sign; a mean first divides each by
    its number of labels.
    Source: torch.nn.functional.ctc_loss; Graves et al. 2006
    """
    shape, given = check_floating(log_probs, "log_probs").shape, check_tensor(targets, "targets").shape
    if len(shape) not in (2, 3) or 0 in shape:
        raise ShapeError(f"log_probs must be (T, N, C) or (T, C) and not empty, got {shape}")
    if len(given) not in (1, 2):
        raise ShapeError(f"targets must have 1 or 2 dimensions, got {len(given)}: {given}")
    steps, samples = shape[0], shape[1] if len(shape) == 3 else 1
    if len(given) == 2 and given[0] != samples:
        raise ShapeError(f"targets must be labels of {samples} sequences, got {given}")
    if not 0 <= blank < shape[-1]:
        raise ShapeError(f"blank must be one of {shape[-1]} classes, got {blank}")
    inputs = _lengths(input_lengths, samples, steps, "input_lengths")
    labels = _lengths(target_lengths, samples, given[1] if len(given) == 2 else None, "target_lengths")
    if labels is not None and len(given) == 1 and sum(labels) != given[0]:
        raise ShapeError(f"target_lengths must sum up to the labels in targets, {given[0]}, got {sum(labels)}")
    states = (steps - 1) * (2 * targets.numel + samples)
    if inputs is not None and labels is not None:
        states = sum(max(t - 1, 0) * (2 * s + 1) for t, s in zip(inputs, labels, strict=True))
    counts = _CELL * states + _END * samples
    if reduction in ("mean", 1):
        counts += Counts(div=samples)
    why = "" if inputs is not None and labels is not None else "the lengths are data: counted as full ones"
    return Loss(log_probs.with_shape(*shape[1:-1]), counts, why=why)
