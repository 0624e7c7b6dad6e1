"""The pytorch backend: every layer has a number, and a module that of what is in it."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from functools import cached_property, partial
from typing import Any, TextIO

import torch
from torch import nn

from analyzer.compat.calls import Call, Run, ask, borrowed
from analyzer.compat.ptflops.strings import flops_to_string, params_to_string
from analyzer.errors import InputError
from analyzer.node import Node
from analyzer.spec import TensorSpec
from analyzer.tools.ptflops import LAYERS, PYTORCH, hooked, left_over, patched
from analyzer.tools.ptflops_attention import ATTENTION, attention_of

__all__ = ["FaithfulLayers", "Layers", "images_in", "print_layers"]

Hooks = Mapping[type[nn.Module], Callable[..., Any]]


class Layers:
    """What every module of a model counts, right: all that is calculated while it runs.

    Args:
        model: the user's own.
        run: its analysis.
        hooks: class -> the user's hook, which counts in place of all that happens in a layer of just that class.
        ignored: classes whose layers, and all that happens in them, count nothing.
        functional: whether calls count that no layer stands for.
        images: how many images the numbers are shared out to.
    """

    def __init__(
        self, model: nn.Module, run: Run, hooks: Hooks, ignored: Collection[Any], functional: bool, images: int
    ) -> None:
        self.model, self.run = model, run
        self.hooks, self.ignored = hooks, ignored
        self.functional, self.images = functional, images
        self.paths: dict[int, str] = {id(module): path for path, module in model.named_modules()}
        self.counts: Counter[str] = Counter()
        self._count()

    def _count(self) -> None:
        """Add up what every module counts, each call for all modules that run around it."""
        analysis, replaced = self.run.analysis, set[int]()
        running: list[tuple[str, bool]] = []
        for call in self.run.calls:
            del running[call.depth :]
            cls, inside = type(call.module), any(done for _, done in running)
            done = cls in self.ignored or cls in self.hooks
            running.append((call.path, done))
            if done and not inside:
                replaced.update(call.nodes)
                if cls not in self.ignored:
                    self._add(tuple(path for path, _ in running), self.asked(call))
        for index, (node, cost) in enumerate(zip(analysis.graph, analysis.costs(PYTORCH.right), strict=True)):
            if cost and index not in replaced and (self.functional or self._is_of_layer(node)):
                self._add(node.stack, int(cost))

    def _is_of_layer(self, node: Node) -> bool:
        """Whether a layer stands for a call, as attention layers do for all that happens in them."""
        return node.kind == "call_module" or attention_of(self.run.analysis.graph, node) is not None

    def _add(self, stack: tuple[str, ...], amount: int) -> None:
        for path in self.run.analysis.owners(stack):
            self.counts[path] += amount

    def asked(self, call: Call) -> int:
        """What the user's hook adds to the ``__flops__`` of a layer, which has none before and after.

        Raises:
            InputError: that is no number. ModelError: the hook fails.
        """
        hook = self.hooks[type(call.module)]
        params = self._params(call.module, trainable=True)
        with borrowed(call.module, __flops__=0, __params__=params):
            ask(hook, call)
            found = call.module.__dict__.get("__flops__", 0)
        try:
            return int(found)
        except (TypeError, ValueError, RuntimeError, NotImplementedError):
            name = getattr(hook, "__qualname__", str(hook))
            raise InputError(f"{name} leaves a {type(found).__name__} in __flops__, which is to be a number") from None

    def _params(self, module: nn.Module, *, trainable: bool) -> int:
        """Elements of the parameters in a module, each once."""
        graph = self.run.analysis.graph
        names = {name for each in module.modules() for name in graph.modules[self.paths[id(each)]].parameters}
        found = [graph.parameters[name] for name in names]
        return sum(one.spec.numel for one in found if one.trainable or not trainable)

    @property
    def total(self) -> float:
        """Multiply-accumulates of the model."""
        return self.flops(self.model)

    @cached_property
    def total_params(self) -> int:
        """Elements of all parameters."""
        return self.params(self.model)

    def flops(self, module: nn.Module) -> float:
        """Multiply-accumulates of a module."""
        return self.counts[self.paths[id(module)]] / self.images

    def params(self, module: nn.Module) -> int:
        """Elements of the parameters in a module."""
        return self._params(module, trainable=False)

    def is_counted(self, module: nn.Module) -> bool:
        """Whether a module counts at all; ptflops warns where one does not."""
        return bool(self.counts[self.paths[id(module)]])

    def zero_ops(self) -> list[str]:
        """Names of the classes that count nothing, in the order in which ptflops meets them."""
        found: list[type[nn.Module]] = []
        counted = {type(module) for module in self.model.modules() if self.is_counted(module)}
        for module in _inner_first(self.model):
            cls = type(module)
            if not (cls in counted or cls in found or cls in self.ignored or cls in (nn.Sequential, nn.ModuleList)):
                found.append(cls)
        return [cls.__name__ for cls in found]


class FaithfulLayers(Layers):
    """What ptflops itself says: hooks on layers, summed over the tree of modules; functions belong to no module."""

    def _count(self) -> None:
        graph = self.run.analysis.graph
        layers = hooked(graph)
        self.counts.update(left_over(graph, layers))
        for layer in layers:
            if layer is not None:
                self.counts[layer.path] += layer.amount
        for module in self.model.modules():
            if type(module) in self.hooks or type(module) in self.ignored:
                self.counts[self.paths[id(module)]] = 0
        for call in self.run.calls:
            if type(call.module) in self.hooks and type(call.module) not in self.ignored:
                self.counts[call.path] += self.asked(call)

    @property
    def total(self) -> float:
        """Layers for one image, and functions for all that there are."""
        return self.flops(self.model) + (sum(patched(self.run.analysis.graph)) if self.functional else 0)

    @cached_property
    def total_params(self) -> int:
        """Elements of the parameters that require a gradient."""
        return self._params(self.model, trainable=True)

    def flops(self, module: nn.Module) -> float:
        """Of a layer with a hook what that counted, of others the sum of their children's."""
        return self._sum(module, lambda layer: self.counts[self.paths[id(layer)]]) / self.images

    def params(self, module: nn.Module) -> int:
        """Of a layer with a hook its own, of others the sum of their children's."""
        return self._sum(
            module, lambda layer: 0 if type(layer) in self.ignored else self._params(layer, trainable=True)
        )

    def is_counted(self, module: nn.Module) -> bool:
        """Whether a module has a hook."""
        classes = self.run.analysis.graph.modules[self.paths[id(module)]].classes
        known = bool(classes) and (classes[0] in LAYERS or classes[0] in ATTENTION)
        return known or type(module) in self.hooks

    def _sum(self, module: nn.Module, of: Callable[[nn.Module], int]) -> int:
        return of(module) if self.is_counted(module) else sum(self._sum(child, of) for child in module.children())


def _inner_first(module: nn.Module) -> list[nn.Module]:
    """The order of ``nn.Module.apply``."""
    return [each for child in module.children() for each in _inner_first(child)] + [module]


def images_in(batch: Any, *, faithful: bool) -> int:
    """By how many ptflops divides: the length of what the model is given by position."""
    if isinstance(batch, (torch.Tensor, TensorSpec)) and len(batch.shape):
        return max(1, int(batch.shape[0]))
    if faithful and isinstance(batch, (tuple, list)):
        return max(1, len(batch))
    return 1


def print_layers(
    layers: Layers, flops_units: str | None, param_units: str | None, precision: int, ost: TextIO | None
) -> None:
    """Print the model with each module's parameters, MACs and shares of them. The modules are as before afterwards."""
    macs, params = max(1, layers.total), max(1, layers.total_params)

    def text(module: nn.Module, original: Callable[[], str]) -> str:
        own, flops = layers.params(module), layers.flops(module)
        if own > params:
            print("Warning: modules in several places are counted in each; shares of parameters may be above 100%.")
        return ", ".join(
            [
                params_to_string(own, units=param_units, precision=precision),
                f"{own / params:.3%} Params",
                flops_to_string(flops, units=flops_units, precision=precision),
                f"{flops / macs:.3%} MACs",
                original(),
            ]
        )

    with contextlib.ExitStack() as stack:
        for module in layers.model.modules():
            stack.enter_context(borrowed(module, extra_repr=partial(text, module, module.extra_repr)))
        written = repr(layers.model)
    print(written, file=ost)
