"""Sequences of unequal length in one tensor: packed row after row without padding, and padded again."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.bounds import at_most
from analyzer.errors import ShapeError
from analyzer.rule import Bound
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, check_tensors

__all__ = ["RULES", "Steps", "sequences"]

RULES = RuleSet()

_FULL = "the lengths are data: as if every sequence had the full length"


class Steps(int):
    """A number of time steps that knows how many sequences are at most as long.

    >>> Steps(7, 3), Steps(7, 3).sequences, Steps(7, 3) == 7
    (7, 3, True)
    """

    sequences: int | None

    def __new__(cls, value: int, sequences: int | None = None) -> Steps:
        """So many steps of so many sequences, or of a number that is not known."""
        steps = super().__new__(cls, value)
        steps.sequences = sequences
        return steps

    # Answers about a call are remembered by its arguments: 7 steps of 3 sequences must not find those of 7 alone.
    def __hash__(self) -> int:
        return hash((int(self), self.sequences))


def sequences(rows: int, batch_sizes: TensorSpec) -> tuple[int, bool]:
    """How many sequences are packed in so many rows, and whether that is known; at most one step has more than one.

    >>> sequences(11, TensorSpec((7,), torch.int64)), sequences(21, TensorSpec((Steps(7, 3),), torch.int64))
    ((5, False), (3, True))
    """
    steps = batch_sizes.shape[0]
    if isinstance(steps, Steps) and steps.sequences is not None:
        return steps.sequences, True
    return max(rows - steps + 1, 0), False


@RULES.op(torch._pack_padded_sequence, name="pack_padded_sequence", values=("lengths",))
def pack_padded_sequence(input: TensorSpec, lengths: TensorSpec | list[int], batch_first: bool) -> Any:
    """The rows of x that are no padding, all first steps first      x (T, N, *) or (N, T, *) -> (rows, *), (T).

    The second result says how many sequences have a first step, a second, and so on. Where lengths are no constants,
    both are bounds.

    Cost: nothing, it moves data.
    Source: torch.nn.utils.rnn.pack_padded_sequence
    """
    shape = check_tensor(input, "input").shape
    if len(shape) < 2 or input.numel == 0:
        raise ShapeError(f"input must have 2 dimensions or more and not be empty, got {shape}")
    batch, steps = shape[:2] if batch_first else shape[1::-1]
    if isinstance(lengths, list):
        if len(lengths) != batch or not 0 < min(lengths) <= max(lengths) <= steps:
            raise ShapeError(f"input is a batch of {batch} of {steps} steps, lengths are {lengths}")
        sizes = TensorSpec((Steps(max(lengths), batch),), torch.int64)
        return input.with_shape(sum(lengths), *shape[2:]), sizes
    if check_tensor(lengths, "lengths").shape != (batch,):
        raise ShapeError(f"input is a batch of {batch}, lengths has shape {lengths.shape}")
    sizes = TensorSpec((Steps(steps, batch),), torch.int64) if type(steps) is int else TensorSpec((steps,), torch.int64)
    return Bound((input.with_shape(at_most(steps * batch), *shape[2:]), sizes), _FULL)


@RULES.op(torch._pad_packed_sequence, name="pad_packed_sequence")
def pad_packed_sequence(
    data: TensorSpec, batch_sizes: TensorSpec, batch_first: bool, padding_value: float, total_length: int = -1
) -> Any:
    """Packed rows as one padded tensor, and the lengths      (rows, *), (T) -> (T, N, *) or (N, T, *), (N).

    Cost: nothing, it moves data.
    Source: torch.nn.utils.rnn.pad_packed_sequence
    """
    rows = check_tensor(data, "data").shape
    if not rows or check_tensor(batch_sizes, "batch_sizes").ndim != 1:
        raise ShapeError(f"data must have 1 dimension or more and batch_sizes one, got {rows} and {batch_sizes.shape}")
    steps = batch_sizes.shape[0]
    if total_length > 0:
        if total_length < steps:
            raise ShapeError(f"total_length must be the longest sequence or more, {steps}, got {total_length}")
        steps = total_length
    count, known = sequences(rows[0], batch_sizes)
    count = count if known else at_most(count)
    steps = int(steps) if isinstance(steps, Steps) else steps
    padded = data.with_shape(*((count, steps) if batch_first else (steps, count)), *rows[1:])
    result = (padded, batch_sizes.with_shape(count))
    return result if known else Bound(result, "the lengths are data: as many sequences as the rows and steps allow")


@RULES.op(torch._C._nn.pad_sequence)
def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> TensorSpec:
    """Sequences (t, *) of unequal length, padded to the longest      N of (t, *) -> (T, N, *) or (N, T, *).

    Cost: nothing, it moves data.
    Source: torch.nn.utils.rnn.pad_sequence
    """
    tensors = check_tensors(sequences, "sequences")
    if not tensors:
        raise ShapeError("sequences must be one tensor or more, got none")
    if padding_side not in ("left", "right"):
        raise ShapeError(f"padding_side must be 'left' or 'right', got {padding_side!r}")
    first = tensors[0]
    for spec in tensors:
        if not spec.shape or spec.shape[1:] != first.shape[1:]:
            raise ShapeError(f"sequences must be equal after dimension 0, got {first.shape} and {spec.shape}")
    longest = max(spec.shape[0] for spec in tensors)
    count = len(tensors)
    return first.with_shape(*((count, longest) if batch_first else (longest, count)), *first.shape[1:])
