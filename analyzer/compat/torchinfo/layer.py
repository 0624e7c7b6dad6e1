"""One row of a summary: a call of a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import nn

from analyzer.compat.torchinfo.settings import ColumnSettings
from analyzer.spec import TensorSpec

__all__ = ["Held", "LayerInfo", "ToldLayerInfo", "held_by"]

SpecOf = Callable[[torch.Tensor], "TensorSpec | None"]


class Held(NamedTuple):
    """A parameter that a module or one below it holds.

    Attributes:
        name: its name in the module; without the suffix that pruning gives it.
        key: the same for the same parameter.
        number: its elements; where it is pruned, those that its mask lets through.
        spec: its shape and dtype.
        trainable: whether it requires a gradient.
    """

    name: str
    key: int
    number: int
    spec: TensorSpec
    trainable: bool


def held_by(module: nn.Module, spec_of: SpecOf) -> Iterator[Held]:
    """The parameters of a module and of those below it, each once. Those without a shape yet are left out."""
    for name, parameter in module.named_parameters():
        spec = spec_of(parameter)
        if spec is not None:
            kept = _kept(module, name)
            number = spec.numel if kept is None else kept
            name = name if kept is None else name.removesuffix("_orig")
            yield Held(name, id(parameter), number, spec, parameter.requires_grad)


def _kept(module: nn.Module, name: str) -> int | None:
    """How many elements of a parameter ``torch.nn.utils.prune`` leaves; None where it is not pruned.

    Only its mask says so. A mask on meta has no values, and lets everything through.
    """
    if not name.endswith("_orig"):
        return None
    value: Any = module
    for attribute in f"{name.removesuffix('_orig')}_mask".split("."):
        value = getattr(value, attribute, None)
    if not isinstance(value, torch.Tensor):
        return None
    return value.numel() if value.is_meta else int(value.detach().sum())


class LayerInfo:
    """A call of a layer, as torchinfo's users know it.

    Attributes:
        module: the user's own.
        layer_id: its ``id``.
        class_name: its class; what a lazy one becomes, once it was called.
        var_name: its name in the module that holds it.
        depth: how deep it is in the model, which is 0.
        depth_index: its number among the rows of that depth, from 1.
        parent_info: what holds it.
        children: all rows below it.
        is_leaf_layer: whether it holds no layers.
        is_recursive: whether an earlier row is of the same layer.
        executed: whether it was called; containers may not be.
        input_size: shape of its first input.
        output_size: shape of its output, the first one of several.
        output_bytes: bytes of that output.
        kernel_size: as the module says.
        num_params: elements of its parameters and of those below it.
        trainable_params: those that require a gradient.
        param_bytes: their bytes.
        inner_layers: name of a parameter -> its cells.
        macs: multiply-accumulates of the call, without those of the rows below it.
    """

    def __init__(self, var_name: str, module: nn.Module, depth: int, parent_info: LayerInfo | None = None) -> None:
        self.var_name, self.module, self.depth, self.parent_info = var_name, module, depth, parent_info
        self.layer_id = id(module)
        scripted = isinstance(module, torch.jit.ScriptModule)
        self.class_name = str(module.original_name) if scripted else type(module).__name__
        self.is_leaf_layer = not any(module.children())
        self.depth_index: int | None = None
        self.children: list[LayerInfo] = []
        self.executed = self.is_recursive = False
        self.input_size: list[Any] = []
        self.output_size: list[Any] = []
        self.kernel_size = _kernel_size(module)
        self.held: tuple[Held, ...] = ()
        self.leftover: tuple[Held, ...] = ()
        self.output_bytes = self.macs = 0

    def __repr__(self) -> str:
        return f"{self.class_name}: {self.depth}"

    def hold(self, parameters: Iterable[Held]) -> None:
        """Take in what `held_by` found."""
        self.held = tuple(parameters)

    @property
    def num_params(self) -> int:
        """Elements of all parameters."""
        return sum(held.number for held in self.held)

    @property
    def trainable_params(self) -> int:
        """Elements of those that require a gradient."""
        return sum(held.number for held in self.held if held.trainable)

    @property
    def param_bytes(self) -> int:
        """Bytes of all parameters."""
        return sum(held.number * held.spec.dtype.itemsize for held in self.held)

    @property
    def inner_layers(self) -> dict[str, dict[ColumnSettings, str]]:
        """The parameters' own rows, with their cells; the model's row leaves out those of the layers in it."""
        shown = [held for held in self.held if self.parent_info is not None or "." not in held.name]
        rows = {}
        for held in shown:
            shape = list(held.spec.shape)
            if held.name == "weight" and len(shape) > 1:
                shape[:2] = reversed(shape[:2])  # inputs before outputs
            line = "└─" if held is shown[-1] else "├─"
            cells = {ColumnSettings.KERNEL_SIZE: str(shape), ColumnSettings.NUM_PARAMS: f"{line}{held.number:,}"}
            rows[held.name] = cells
        return rows

    @property
    def trainable(self) -> str:
        """Which of its parameters require a gradient: ``"True"``, ``"False"``, ``"Partial"``; ``"--"`` without any."""
        number, trained = self.num_params, self.trainable_params
        if not number:
            return "--"
        return "Partial" if 0 < trained < number else str(trained == number)

    def leftover_params(self) -> int:
        """Elements of the parameters that a container has and no other row: 0 for a layer that holds no others."""
        return sum(held.number for held in self.leftover)

    def leftover_trainable_params(self) -> int:
        """The same, of those that require a gradient."""
        return sum(held.number for held in self.leftover if held.trainable)

    # --- cells --------------------------------------------------------------------------------------------------

    def get_layer_name(self, show_var_name: bool, show_depth: bool) -> str:
        """What the row is called, ``"Linear (fc): 1-2"``."""
        name = f"{self.class_name} ({self.var_name})" if show_var_name and self.var_name else self.class_name
        if not (show_depth and self.depth > 0):
            return name
        return f"{name}: {self.depth}" if self.depth_index is None else f"{name}: {self.depth}-{self.depth_index}"

    def macs_to_str(self, reached_max_depth: bool) -> str:
        """Its multiply-accumulates; with those of the rows below it where they are not shown."""
        macs = self.macs + sum(child.macs for child in self.children) if reached_max_depth else self.macs
        return f"{macs:,}" if macs > 0 else "--"

    def num_params_to_str(self, reached_max_depth: bool) -> str:
        """Its parameters, in parentheses where all are frozen; a container's are those that no other row has."""
        if not self.num_params:
            return "--"
        if self.is_recursive:
            return "(recursive)"
        if reached_max_depth or self.is_leaf_layer:
            return f"{self.num_params:,}" if self.trainable_params else f"({self.num_params:,})"
        leftover = self.leftover_params()
        return f"{leftover:,}" if leftover > 0 else "--"

    def params_percent(self, total_params: int, reached_max_depth: bool, precision: int = 2) -> str:
        """The share of the model's parameters."""
        if total_params and self.is_recursive:
            return "(recursive)"
        whole = reached_max_depth or self.is_leaf_layer
        params = (self.num_params if whole else self.leftover_params()) if total_params else 0
        return f"{params / total_params:>{precision + 5}.{precision}%}" if params else "     --"


class ToldLayerInfo(LayerInfo):
    """The row with torchinfo's own numbers: ``macs`` is what it says of the call."""

    def leftover_params(self) -> int:
        """The parameters without those of the rows below it, a shared one as often as it is there."""
        return self._less[0]

    def leftover_trainable_params(self) -> int:
        """The same, of those that require a gradient."""
        return self._less[1]

    @cached_property
    def _less(self) -> tuple[int, int]:
        number, trained = self.num_params, self.trainable_params
        for child in self.children:
            if not child.is_recursive:
                leaf = child.is_leaf_layer
                number -= child.num_params if leaf else child.leftover_params()
                trained -= child.trainable_params if leaf else child.leftover_trainable_params()
        return number, trained

    def macs_to_str(self, reached_max_depth: bool) -> str:
        """What it says of a layer that holds no others; of one that does, the sum of those where they are not shown."""
        if self.macs <= 0 or not (self.is_leaf_layer or reached_max_depth):
            return "--"
        leaves = [self] if self.is_leaf_layer else [child for child in self.children if child.is_leaf_layer]
        return f"{sum(leaf.macs for leaf in leaves):,}"


def _kernel_size(module: nn.Module) -> int | list[Any] | None:
    size = getattr(module, "kernel_size", None)
    if isinstance(size, int):
        return int(size)
    return list(size) if isinstance(size, Iterable) else None
