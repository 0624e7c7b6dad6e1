"""Sums of products by equation: einsum."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from analyzer.symbolic.deciding import is_plainly_one

__all__ = ["RULES"]

RULES = RuleSet()

# Where torch's own Python hands the call on to.
native: Any = torch._VF

# A subscript: its letter, or for a dimension of the ellipsis how far from the ellipsis' end it stands.
Label = str | int
Sizes = dict[Label, int]


def _letters(term: str, place: str) -> list[str]:
    """Letters of one term, with one '...' at most, in which a blank means nothing."""
    before, dots, after = term.replace(" ", "").partition("...")
    for letter in before + after:
        if not (letter.isascii() and letter.isalpha()):
            raise ShapeError(f"subscripts must be letters or one '...', got {letter!r} in {place}")
    return [*before, *([dots] if dots else []), *after]


def _labels(term: str, spec: TensorSpec, number: int) -> list[Label]:
    """A label for each dimension of an operand, the ellipsis spelt out."""
    letters = _letters(term, f"the subscripts of operand {number}")
    covered = len(spec.shape) - len(letters) + 1
    if "..." not in letters:
        if covered != 1:
            raise ShapeError(f"{term!r} must name each dimension of operand {number}, but its shape is {spec.shape}")
        return list(letters)
    if covered < 0:
        raise ShapeError(f"{term!r} names more dimensions than operand {number} has: its shape is {spec.shape}")
    dots = letters.index("...")
    return [*letters[:dots], *range(covered, 0, -1), *letters[dots + 1 :]]


def _diagonal(labels: list[Label], spec: TensorSpec, number: int) -> Sizes:
    """Size by label; a label that repeats takes the diagonal."""
    sizes: Sizes = {}
    for label, size in zip(labels, spec.shape, strict=True):
        if sizes.setdefault(label, size) != size:
            raise ShapeError(f"{label!r} repeats in operand {number} with other sizes, got {sizes[label]} and {size}")
    return sizes


def _parse(equation: str, operands: Sequence[TensorSpec]) -> tuple[list[Sizes], list[Label]]:
    """Sizes by label of every operand, and the labels of the output."""
    if not isinstance(equation, str):
        raise ShapeError(f"equation must be text, got {equation!r}")
    inputs, arrow, result = equation.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ShapeError(f"equation {equation!r} takes {len(terms)} operands, got {len(operands)}")
    labels = [_labels(term, spec, i) for i, (term, spec) in enumerate(zip(terms, operands, strict=True))]
    every = [label for each in labels for label in each]
    dots: list[Label] = sorted({label for label in every if isinstance(label, int)}, reverse=True)
    output: list[Label] = []
    if arrow:
        for letter in _letters(result, "the output's subscripts"):
            output += dots if letter == "..." else [letter]
    else:
        output = [*dots, *sorted(label for label in set(every) if isinstance(label, str) and every.count(label) == 1)]
    for label in output:
        if label not in every:
            raise ShapeError(f"the output's subscript {label!r} is in no operand of {equation!r}")
        if output.count(label) > 1:
            raise ShapeError(f"the output's subscript {label!r} appears more than once in {equation!r}")
    return [_diagonal(each, spec, i) for i, (each, spec) in enumerate(zip(labels, operands, strict=True))], output


def _merged(operands: Iterable[Sizes]) -> Sizes:
    """The size of every label: operands of size 1 stretch."""
    whole: Sizes = {}
    for number, sizes in enumerate(operands):
        for label, size in sizes.items():
            seen = whole.get(label, 1)
            if is_plainly_one(size) or is_plainly_one(seen):
                whole[label] = seen if is_plainly_one(size) else size
                continue
            if size != seen and size != 1 and seen != 1:
                raise ShapeError(f"{label!r} has another size in operand {number} than before, got {size} and {seen}")
            whole[label] = seen if size == seen or size == 1 else size
    return whole


class _Contraction:
    """What torch does to the operands, two at a time: the work so far and how many operands still have each label."""

    def __init__(self, operands: list[Sizes], dtypes: list[torch.dtype], summed: list[Label]) -> None:
        self.counts = Counts()
        self.summed = summed

        def counts_for(label: Label, size: int) -> bool:
            # What is summed decides which kind of work it is; an open size that stays is a factor, if of 1.
            return size != 1 if label in summed else not is_plainly_one(size)

        self.terms = [
            ({label: size for label, size in sizes.items() if counts_for(label, size)}, dtype)
            for sizes, dtype in zip(operands, dtypes, strict=True)
        ]
        self.owners = {label: sum(label in sizes for sizes, _ in self.terms) for label in summed}

    def sum(self, sizes: Sizes, dtype: torch.dtype, labels: list[Label]) -> tuple[Sizes, torch.dtype]:
        """Sum over labels that one operand alone has: whole numbers become int64 as in torch.sum."""
        rest = {label: size for label, size in sizes.items() if label not in labels}
        length = math.prod(sizes[label] for label in labels if label in sizes)
        if length != 0:
            self.counts += Counts(add=math.prod(rest.values()) * (length - 1))
        return rest, dtype if dtype.is_floating_point or dtype.is_complex else torch.int64

    def pair(self, left: tuple[Sizes, torch.dtype], right: tuple[Sizes, torch.dtype]) -> tuple[Sizes, torch.dtype]:
        """Multiply two operands, summing over what nobody else has."""
        both: list[Label] = []
        alone: tuple[list[Label], list[Label]] = ([], [])
        for label in self.summed:
            if label in left[0] and label in right[0]:
                self.owners[label] -= 1
                if self.owners[label] == 1:
                    both.append(label)
                    self.owners[label] = 0
            elif self.owners[label] == 1 and (label in left[0] or label in right[0]):
                alone[label not in left[0]].append(label)
                self.owners[label] = 0
        if alone[0]:
            left = self.sum(*left, alone[0])
        if alone[1]:
            right = self.sum(*right, alone[1])
        joined = left[0] | right[0]
        result = {label: size for label, size in joined.items() if label not in both}
        outputs = math.prod(result.values())
        if not both:
            self.counts += Counts(mul=outputs)
            return result, torch.promote_types(left[1], right[1])
        if left[1] is not right[1] or left[1] is torch.bool:
            raise ShapeError(f"operands must be of one dtype, and not bool, got {left[1]} and {right[1]}")
        self.counts += Counts.dots(outputs, math.prod(joined[label] for label in both))
        return result, left[1]

    def run(self, path: Sequence[int] | None) -> tuple[Counts, torch.dtype]:
        """Contract along a path of pairs, else from left to right."""
        terms = self.terms
        if len(terms) == 1:
            if self.summed:
                terms = [self.sum(*terms[0], self.summed)]
            return self.counts, terms[0][1]
        for step in range(len(terms) - 1):
            if path is None:
                terms[:2] = [self.pair(terms[0], terms[1])]
                continue
            i, j = sorted(path[2 * step : 2 * step + 2])
            right, left = terms.pop(j), terms.pop(i)
            terms.append(self.pair(left, right))
        _, dtype = terms[0]
        return self.counts, dtype


def _path(equation: str, operands: Sequence[TensorSpec], path: Sequence[int] | None) -> Sequence[int] | None:
    """The order that torch would take: opt_einsum's for more than two operands, where that package is installed."""
    chooser: Any = torch.backends.opt_einsum
    if path is not None or len(operands) <= 2 or not chooser.enabled or not chooser.is_available():
        return path
    shapes = [operand.shape for operand in operands]
    pairs = chooser.get_opt_einsum().contract_path(equation, *shapes, shapes=True, optimize=chooser.strategy)[0]
    return [place for pair in pairs for place in pair]


def _contract(
    equation: str, operands: Sequence[TensorSpec], path: Sequence[int] | None
) -> tuple[tuple[int, ...], torch.dtype, Counts]:
    for number, operand in enumerate(operands):
        if not isinstance(operand, TensorSpec):
            raise ShapeError(f"operand {number} must be a tensor, got {type(operand).__name__}")
    if not operands:
        raise ShapeError("takes one operand or more, got none")
    parsed, output = _parse(equation, operands)
    whole = _merged(parsed)
    summed = [label for label in whole if label not in output]
    contraction = _Contraction(parsed, [operand.dtype for operand in operands], summed)
    counts, dtype = contraction.run(_path(equation, operands, path))
    return tuple(whole[label] for label in output), dtype, counts


@RULES.op(torch.einsum, native.einsum)
def einsum(equation: str, *operands: TensorSpec, path: Sequence[int] | None = None) -> TensorSpec:
    """Sum of products by equation: 'ij,jk->ik' is a matrix product.

    Cost: two operands at a time, from left to right or along opt_einsum's path where torch takes it. A subscript that
    only one of them has left is summed first, n - 1 add; then per output of the step one dot product over the summed
    subscripts, or one mul where none is.
    Source: torch.einsum
    """
    shape, dtype, _ = _contract(equation, operands, path)
    return operands[0].with_shape(*shape).with_dtype(dtype)


@einsum.cost
def _(equation: str, operands: tuple[TensorSpec, ...], path: Sequence[int] | None) -> Counts:
    return _contract(equation, operands, path)[2]
