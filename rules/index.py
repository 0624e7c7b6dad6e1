"""Square brackets, read and written. `scatter` has gathering and scattering by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from analyzer.bounds import at_most, is_bound
from analyzer.counts import Traffic
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes
from analyzer.rule import Bound
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_operands, check_tensor, is_whole

__all__ = ["RULES", "Plan", "fits", "plan_of", "slice_length", "vague_slice"]

RULES = RuleSet()

_MASKS = (torch.bool, torch.uint8)


def _items(index: Any) -> list[Any]:
    """The index of each dimension. A list is one index tensor unless it holds more than plain numbers."""
    if isinstance(index, tuple):
        return list(index)
    several = (TensorSpec, slice, list, tuple, range, type(None), type(...))
    if isinstance(index, list) and len(index) < 32 and any(isinstance(item, several) for item in index):
        return list(index)
    return [index]


def _tensor_of(items: Any) -> TensorSpec:
    """The index tensor that a nested list of numbers stands for; bools among numbers are numbers."""
    if isinstance(items, TensorSpec):
        return items
    if not isinstance(items, (list, tuple, range)):
        if not isinstance(items, (int, torch.SymInt)):
            raise ShapeError(f"index must be whole numbers, bools, slices or tensors, got {items!r}")
        return TensorSpec((), torch.bool if isinstance(items, bool) else torch.int64)
    rows = [_tensor_of(item) for item in items] or [TensorSpec((), torch.int64)]
    for row in rows:
        if row.shape != rows[0].shape:
            raise ShapeError(f"index must be as long in every row, got {rows[0].shape} and {row.shape}")
    dtype = rows[0].dtype if all(row.dtype is rows[0].dtype for row in rows) else torch.int64
    return TensorSpec((len(items), *rows[0].shape), dtype)


def _numbers_of(items: Any) -> Iterator[int]:
    """The plain numbers in a nested list."""
    for item in items:
        if isinstance(item, (list, tuple, range)):
            yield from _numbers_of(item)
        elif is_whole(item):
            yield item


def _check_place(number: int, size: int) -> None:
    if not -size <= number < size:
        raise ShapeError(f"index must be from {-size} to {size - 1}, got {number}")


def slice_length(size: int, item: slice) -> int:
    """How many elements a slice takes out of a dimension; the most it can take where a bound is not known.

    >>> slice_length(10, slice(1, -1, 3))
    3
    """
    length = _slice_length(size, item)
    return at_most(length) if is_bound(size) else length


def _slice_length(size: int, item: slice) -> int:
    start: Any = item.start
    stop: Any = item.stop
    step: Any = item.step
    for bound in (start, stop, step):
        if (
            bound is not None
            and not isinstance(bound, (int, torch.SymInt, TensorSpec))
            and not hasattr(bound, "__index__")
        ):
            raise ShapeError(f"a slice's bounds must be whole numbers, got {bound!r}")
    step = 1 if step is None or isinstance(step, TensorSpec) else step
    if step <= 0:
        raise ShapeError(f"a slice's step must be 1 or more, got {step}")
    if start is None or isinstance(start, TensorSpec):
        start = 0
    elif start < 0:
        start = max(start + size, 0)
    if stop is None or isinstance(stop, TensorSpec):
        stop = size
    elif stop < 0:
        stop = max(stop + size, 0)
    if isinstance(start, int) and start == 0 and step == 1:
        return min(stop, size)  # type: ignore[no-any-return]
    return max((min(stop, size) - start + step - 1) // step, 0)  # type: ignore[no-any-return]


def _consumed(item: Any) -> int:
    """How many dimensions of the input an item of the index uses up."""
    if item is None or item is ... or isinstance(item, bool):
        return 0
    if isinstance(item, TensorSpec) and item.dtype in _MASKS:
        return item.ndim
    return 1


def vague_slice(item: slice) -> str:
    """Why nobody knows how many elements a slice takes, where nobody does."""
    vague = any(isinstance(bound, TensorSpec) for bound in (item.start, item.stop, item.step))
    return "as many as the slice takes, whose bounds are data" if vague else ""


class Plan:
    """What an index does to a shape, one item after the other."""

    __slots__ = ("dims", "indices", "keeps", "left", "masks", "places", "vague")

    def __init__(self, shape: tuple[int, ...], index: Any, *, keeps: bool = False) -> None:
        self.keeps = keeps  # a tensor without dimensions stays an index tensor, and is no plain number
        self.left = list(shape)  # dimensions of the input not met yet
        self.dims: list[int] = []  # of the result, but for those of index tensors
        self.indices: list[TensorSpec] = []
        self.masks: list[TensorSpec] = []
        self.places: list[int] = []  # where in dims each index tensor and mask stands
        self.vague = ""  # why the size is not known, where it is not
        items = _items(index)
        used = sum([_consumed(item) for item in items])
        if used > len(shape):
            raise ShapeError(f"an index may have as many items as input has dimensions, got {used} for {len(shape)}")
        spare, dots = len(shape) - used, 0
        for item in items:
            if item is ...:
                if not dots:
                    self.dims.extend(self.left[:spare])
                    del self.left[:spare]
                dots += 1
            elif dots > 1 and spare and not (isinstance(item, slice) and item == slice(None)):
                raise ShapeError("an index may have one ellipsis, got another with items behind it")
            else:
                self._take(item)
        self.dims.extend(self.left)

    def _take(self, item: Any) -> None:
        if isinstance(item, slice):
            why = vague_slice(item)
            length = slice_length(self.left.pop(0), item)
            self.dims.append(at_most(length) if why else length)
            self.vague = self.vague or why
        elif item is None:
            self.dims.append(1)
        elif isinstance(item, bool):
            self._add(TensorSpec((1 if item else 0,), torch.int64), self.indices)
        elif is_whole(item):
            self._select(item)
        elif isinstance(item, TensorSpec):
            self._take_tensor(item)
        elif isinstance(item, (list, tuple, range)):
            spec = _tensor_of(item)
            if spec.dtype is torch.int64 and 0 not in self.left:  # torch looks at no number where nothing is taken
                for number in _numbers_of(item):
                    _check_place(number, self.left[0])
            self._take_tensor(spec)
        elif hasattr(item, "__array__") and len(getattr(item, "shape", ())) > 0:
            self._take_tensor(TensorSpec(item.shape, torch.bool if item.dtype.kind == "b" else torch.int64))
        elif hasattr(item, "__index__"):
            self._select(item.__index__())
        else:
            raise ShapeError(f"index must be whole numbers, bools, slices or tensors, got {item!r}")

    def _select(self, item: int) -> None:
        _check_place(item, self.left.pop(0))

    def _take_tensor(self, item: TensorSpec) -> None:
        if item.dtype in _MASKS:
            covered = tuple(self.left[: item.ndim])
            if item.shape != covered:
                raise ShapeError(f"a mask must have the shape of what it masks, got {item.shape} for {covered}")
            del self.left[: item.ndim]
            self.vague = "as many rows as the mask has true elements"
            self._add(item, self.masks)
        elif item.dtype in (torch.int64, torch.int32):
            size = self.left.pop(0)
            if not item.shape and not self.keeps:
                if size == 0:
                    raise ShapeError("index picks one of a dimension of size 0")
            else:
                if size == 0 and item.numel != 0:
                    raise ShapeError(f"index picks from a dimension of size 0, got {item.numel} indices")
                self._add(item, self.indices)
        else:
            raise ShapeError(f"an index tensor must be int64, int32 or bool, got {item}")

    def _add(self, item: TensorSpec, kind: list[TensorSpec]) -> None:
        kind.append(item)
        self.places.append(len(self.dims))

    def shape(self) -> tuple[int, ...]:
        """Index tensors next to each other put their dimensions in their place, others to the front."""
        if not self.places:
            return tuple(self.dims)
        together = broadcast_shapes(*[item.shape for item in self.indices]) if self.indices else (1,)
        if self.masks and together[-1] == 1:
            together = (*together[:-1], at_most(max([mask.numel for mask in self.masks])))
        first = self.places[0]
        place = first if all(place == first for place in self.places) else 0
        return (*self.dims[:place], *together, *self.dims[place:])

    def nbytes(self) -> int:
        """Bytes of the index tensors themselves."""
        return sum([item.nbytes for item in (*self.indices, *self.masks)])


def plan_of(input: TensorSpec, indices: Any) -> Plan:
    """What index tensors do, None standing for a dimension taken whole."""
    if isinstance(indices, TensorSpec):
        indices = (indices,)
    items = tuple([slice(None) if item is None else check_tensor(item, "indices") for item in indices])
    return Plan(input.shape, items, keeps=True)


def fits(plan: Plan, value: TensorSpec, target: tuple[int, ...]) -> None:
    """Refuse a value that does not broadcast to what an index takes."""
    # Leading dimensions of size 1 are dropped; how many rows a mask takes is known to data alone.
    shape = value.shape
    while len(shape) > len(target) and shape[0] == 1:
        shape = shape[1:]
    good = len(shape) <= len(target)
    for own, wanted in zip(shape[::-1], target[::-1], strict=False):
        good = good and (own in (1, wanted) or (bool(plan.vague) and own < wanted))
    if not good:
        raise ShapeError(f"value does not broadcast to what index takes, got {value.shape} for {target}")


@RULES.op("__getitem__", alias="input", name="getitem", masks=("index",))
def getitem(input: TensorSpec, index: Any) -> TensorSpec | Bound:
    """input[index]: a view, or a copy where an index is a tensor, a list or a mask.

    Cost: nothing, it moves data.
    Source: torch docs, "Tensor indexing API"
    """
    plan = Plan(input.shape, index)
    out = input.with_shape(*plan.shape())
    return Bound(out, plan.vague) if plan.vague else out


@getitem.traffic
def _(out: TensorSpec, input: TensorSpec, index: Any) -> Traffic:
    plan = Plan(input.shape, index)
    return Traffic(read=out.nbytes + plan.nbytes(), written=out.nbytes) if plan.places else Traffic()


@RULES.op(torch.ops.aten.index, name="getitem", masks=("indices",))
def index(input: TensorSpec, indices: Any) -> TensorSpec | Bound:
    """input[indices], with None for a dimension taken whole.

    Cost: nothing, it moves data.
    Source: torch docs, "Tensor indexing API"
    """
    plan = plan_of(input, indices)
    out = input.with_shape(*plan.shape())
    return Bound(out, plan.vague) if plan.vague else out


@RULES.op("__setitem__", alias="input", name="setitem")
def setitem(input: TensorSpec, index: Any, value: Any) -> TensorSpec:
    """input[index] = value, broadcast; returns input.

    Cost: nothing, it moves data.
    Source: torch docs, "Tensor indexing API"
    """
    plan = Plan(input.shape, index)
    target = plan.shape()
    if isinstance(value, TensorSpec):
        fits(plan, value, target)
    else:
        check_operands(value)
    return input


@setitem.traffic
def _(input: TensorSpec, index: Any, value: Any) -> Traffic:
    plan = Plan(input.shape, index)
    read = value.nbytes if isinstance(value, TensorSpec) else 0
    return Traffic(read=read + plan.nbytes(), written=input.with_shape(*plan.shape()).nbytes)
