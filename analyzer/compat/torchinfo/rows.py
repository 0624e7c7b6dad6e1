"""The rows of a summary, in torchinfo's order: one a call of a layer, and the containers around them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from analyzer.analysis import Analysis
from analyzer.compat.calls import Call, Run
from analyzer.compat.torchinfo.layer import Held, LayerInfo, ToldLayerInfo, held_by
from analyzer.compat.torchinfo.sizes import size_of
from analyzer.conventions import Convention
from analyzer.spec import TensorSpec
from analyzer.state import UNINITIALIZED
from analyzer.tools.torchinfo import mult_adds

__all__ = ["Rows"]


class Rows:
    """Makes the rows of one model.

    Args:
        model: the user's own, which is only looked at.
        faithful: whether rows hold torchinfo's own numbers.
        lazy: id of a parameter that has no shape yet -> the one that the first call gave it.
    """

    def __init__(self, model: nn.Module, *, faithful: bool, lazy: Mapping[int, TensorSpec]) -> None:
        self._model, self._faithful, self._lazy = model, faithful, lazy
        self._known: dict[int, tuple[Held, ...]] = {}
        self._seen: set[int] = set()

    def listed(self) -> list[LayerInfo]:
        """The layers as they are held, where nothing is called."""
        rows = [self._row(place) for place in self._places()]
        return _finished(rows)

    def called(self, done: Run, batch_dim: int | None, right: Convention) -> list[LayerInfo]:
        """The layers as they were called, with what went through them.

        Args:
            done: the analysis, and the calls.
            batch_dim: see `size_of`.
            right: what a call costs where the rows do not hold torchinfo's own numbers.
        """
        found = list(self._places())
        # torchinfo lists TorchScript's layers as they are held, in front, and never sees them called.
        held = [place for place in found if self._faithful and isinstance(place.module, torch.jit.ScriptModule)]
        unseen = {place.layer_id for place in held}
        # A layer that several others hold stands where the last of them has it.
        places = {place.layer_id: place for place in found if place.layer_id not in unseen}
        own = [call for call in done.calls if id(call.module) in places]
        rows = [self._row(place) for place in held]
        for call in own:
            row = self._row(places[id(call.module)])
            row.executed = True
            row.input_size, _ = size_of(call.args, batch_dim)
            row.output_size, width = size_of(call.output, batch_dim)
            row.output_bytes = width * _product(row.output_size)
            becomes = getattr(call.module, "cls_to_become", None)
            if becomes is not None and isinstance(call.module, nn.modules.lazy.LazyModuleMixin):
                row.class_name = becomes.__name__
            rows.append(row)
        self._weigh(rows, own, done.analysis, right)
        return _finished(self._with_containers(rows))

    def _places(self) -> Iterator[LayerInfo]:
        """Where the model holds each layer, parents first; a shared one in every place."""
        stack: list[tuple[str, nn.Module, int, LayerInfo | None]] = [(type(self._model).__name__, self._model, 0, None)]
        while stack:
            name, module, depth, parent = stack.pop()
            kind = ToldLayerInfo if self._faithful else LayerInfo
            place = kind(name, module, depth, parent)
            yield place
            around = {above.layer_id for above in _chain(place)}
            below = reversed(module._modules.items())
            stack += [(key, m, depth + 1, place) for key, m in below if m is not None and id(m) not in around]

    def _row(self, place: LayerInfo) -> LayerInfo:
        """A row of its own for a layer."""
        row = copy.copy(place)
        self._fill(row, self._seen)
        self._seen.add(row.layer_id)
        return row

    def _fill(self, row: LayerInfo, seen: set[int]) -> None:
        held = self._known.get(row.layer_id)
        if held is None:
            held = self._known[row.layer_id] = tuple(held_by(row.module, self._spec_of))
        row.hold(held)
        row.is_recursive |= row.layer_id in seen

    def _spec_of(self, parameter: torch.Tensor) -> TensorSpec | None:
        if isinstance(parameter, UNINITIALIZED):
            return self._lazy.get(id(parameter))
        return TensorSpec.of(parameter)

    def _weigh(self, rows: list[LayerInfo], calls: list[Call], analysis: Analysis, right: Convention) -> None:
        if self._faithful:
            for row in rows:
                parameters = [(held.name, held.number) for held in row.held]
                row.macs = mult_adds(row.class_name, parameters, row.output_size) if row.executed else 0
            return
        owner = [0] * len(analysis.graph)
        for index, call in enumerate(calls):
            for node in call.nodes:
                owner[node] = index  # calls within come after the call around them
        for index, cost in zip(owner, analysis.costs(right), strict=True):
            rows[index].macs += cost

    def _with_containers(self, rows: list[LayerInfo]) -> list[LayerInfo]:
        """The rows with those in front that hold them and were not called there: lists of layers, and the like."""
        result: list[LayerInfo] = []
        open_rows: dict[int, LayerInfo] = {}  # depth -> the row that what follows is shown in
        for row in rows:
            for place in reversed([above for above in _chain(row.parent_info) if above.depth > 0]):
                depth, shown = place.depth, open_rows.get(place.depth)
                if shown is not None and shown.module is place.module:
                    continue
                # What torchinfo puts in twice is one object, and its first row is called recursive with the second.
                container = place if self._faithful else copy.copy(place)
                self._fill(container, self._seen)
                self._seen.add(container.layer_id)
                result.append(container)
                open_rows[depth] = container
            open_rows[row.depth] = row
            open_rows = {depth: shown for depth, shown in open_rows.items() if depth <= row.depth}
            result.append(row)
        return result


def _chain(place: LayerInfo | None) -> Iterator[LayerInfo]:
    """A layer, what holds it, what holds that, to the model."""
    while place is not None:
        yield place
        place = place.parent_info


def _product(sizes: list[Any]) -> int:
    result = 1
    for size in sizes:
        result *= _product(size) if isinstance(size, list) else size
    return result


def _finished(rows: list[LayerInfo]) -> list[LayerInfo]:
    """The rows with their numbers, what is below each, and what only containers have."""
    count: dict[int, int] = {}
    for index, row in enumerate(rows):
        row.depth_index = count[row.depth] = count.get(row.depth, 0) + 1
        end = next((i for i in range(index + 1, len(rows)) if rows[i].depth <= row.depth), len(rows))
        row.children = rows[index + 1 : end]
    told = {held.key for row in rows if row.is_leaf_layer for held in row.held}
    for row in sorted(rows, key=lambda row: row.depth, reverse=True):
        if not row.is_leaf_layer:
            row.leftover = tuple([held for held in row.held if held.key not in told])
            told.update([held.key for held in row.held])
    return rows
