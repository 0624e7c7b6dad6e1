"""What calflops and DeepSpeed have in common: FLOPs, MACs and parameters of every module, and how they are printed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import nn

from analyzer.analysis import Analysis
from analyzer.api import analyze
from analyzer.compat.arguments import LIST, require
from analyzer.compat.calls import borrowed, run, warn_of_bounds
from analyzer.errors import InputError
from analyzer.pytree import map_tensors
from analyzer.spec import Known, TensorSpec
from analyzer.tools.patched_functions import Patches
from analyzer.tools.recurrent_hooks import RNN_LAYERS, Figures
from analyzer.tools.tool import Tool

__all__ = ["Costs", "Counter", "Profile", "annotated", "called", "input_of_shape"]


class Costs(NamedTuple):
    """What a module costs, with all that is below it."""

    flops: int
    macs: int
    params: int


@dataclass(frozen=True)
class Profile:
    """What every module of a model costs.

    Attributes:
        model: the model.
        costs: path -> its `Costs`; ``""`` is the model.
    """

    model: nn.Module
    costs: Mapping[str, Costs]

    @property
    def total(self) -> Costs:
        """What the model costs."""
        return self.costs[""]

    def of(self, module: nn.Module) -> Costs:
        """What one of its modules costs."""
        return self.costs[self._paths[id(module)]]

    @cached_property
    def _paths(self) -> dict[int, str]:
        return {id(module): path for path, module in self.model.named_modules()}


@dataclass(frozen=True)
class Counter:
    """How one of the two tools counts.

    Attributes:
        flops: its FLOPs.
        macs: its MACs.
        patches: its counters.
        trained: whether parameters that are not trained count.
        repeats: whether modules that several parents share are added once for each.
    """

    flops: Tool
    macs: Tool
    patches: Patches
    trained: bool
    repeats: bool

    def profile(
        self,
        model: nn.Module,
        analyses: Iterable[Analysis],
        *,
        faithful: bool,
        ignored: Collection[type] = (),
    ) -> Profile:
        """Add up what every module costs, over all calls of the model.

        Args:
            model: the model.
            analyses: one for each call of it.
            faithful: as the tool itself counts; there, ignored modules only count for the module around them.
            ignored: classes whose modules count nothing.

        Raises:
            InputError: ``ignored`` is no list.
        """
        require("ignore_modules", ignored, LIST, "a list of classes")
        analyses = list(analyses)
        paths = dict(model.named_modules())
        apart = {path for path, module in paths.items() if type(module) in ignored}
        figures = dict.fromkeys(paths, Figures())
        for analysis in analyses:
            found = self._said(analysis, model, apart) if faithful else self._right(analysis, apart)
            for path, more in found.items():
                if path in figures:
                    figures[path] = _sum(figures[path], more)
        sizes = self._sizes(model, analyses)
        params = {path: sum(sizes.get(id(each), 0) for each in module.parameters()) for path, module in paths.items()}
        return Profile(model, {path: Costs(*figures[path], params[path]) for path in paths})

    def _sizes(self, model: nn.Module, analyses: list[Analysis]) -> dict[int, int]:
        """Elements of each parameter that is reported, by its id; the first call says how many a lazy one has."""
        known = analyses[0].graph.parameters if analyses else {}
        return {
            id(parameter): known[name].spec.numel if name in known else parameter.numel()
            for name, parameter in model.named_parameters()
            if parameter.requires_grad or not self.trained
        }

    def _right(self, analysis: Analysis, apart: set[str]) -> dict[str, Figures]:
        found: dict[str, Figures] = {}
        costs = zip(analysis.graph, analysis.costs(self.flops.right), analysis.costs(self.macs.right), strict=True)
        for node, flops, macs in costs:
            if (flops or macs) and apart.isdisjoint(node.stack):
                for path in analysis.owners(node.stack):
                    found[path] = _sum(found.get(path, Figures()), Figures(flops, macs))
        return found

    def _said(self, analysis: Analysis, model: nn.Module, apart: set[str]) -> dict[str, Figures]:
        paths = {id(module): path for path, module in model.named_modules()}
        hooked = set(paths.values()) - apart
        own: dict[str, Figures] = {}
        for node, figures in zip(analysis.graph, self.patches.figures(analysis.graph), strict=True):
            if node.target in RNN_LAYERS and node.module not in hooked:
                continue  # recurrent layers are counted by their own hook, everything else by the nearest module's
            path = next((path for path in reversed(node.stack) if path in hooked), None)
            if path is not None and figures.flops:
                own[path] = _sum(own.get(path, Figures()), figures)

        def below(module: nn.Module) -> Figures:
            mine = own.get(paths[id(module)], Figures())
            return _sum(mine, *map(below, module.children()))

        def all_of(module: nn.Module) -> Figures:
            return _sum(*(own.get(paths[id(each)], Figures()) for each in module.modules()))

        return {path: (below if self.repeats else all_of)(module) for path, module in model.named_modules()}


def _sum(*figures: Figures) -> Figures:
    return Figures(sum(each.flops for each in figures), sum(each.macs for each in figures))


def input_of_shape(model: nn.Module, shape: Any) -> TensorSpec:
    """The one input that both tools make of a shape: of the dtype of the model's first parameter.

    Raises:
        InputError: it is no tuple of sizes, or an empty one.
    """
    if not isinstance(shape, tuple) or not shape:
        raise InputError(f"input_shape is a tuple of one size or more, not {shape!r}")
    first = next(model.parameters(), None)
    return TensorSpec(shape, torch.float32 if first is None else first.dtype)


def called(model: Any, args: Any, kwargs: Mapping[str, Any], mode: str, name: str) -> Analysis:
    """Analyze a call of a model's ``forward`` in evaluation mode, or of its ``generate``.

    No token that ``generate`` makes is known, so a model of transformers makes as many as it may: the token that ends a
    sequence is taken for none.

    Args:
        model: the model.
        args: a list or tuple of inputs.
        kwargs: keyword inputs.
        mode: ``"forward"`` or ``"generate"``.
        name: what the tool calls this argument.

    Raises:
        InputError: the model is no module, or there is no such mode or method.
    """
    if not isinstance(args, (tuple, list)):
        raise InputError(f"args is a list of positional inputs, not a {type(args).__name__}")
    if not args and not kwargs:
        raise InputError("there are no inputs: give input_shape, or args and kwargs")
    if mode == "forward":
        return run(model, list(args), kwargs, training=False).analysis
    if mode != "generate":
        raise InputError(f'{name} is "forward" or "generate", not {mode!r}')
    if not callable(getattr(model, "generate", None)):
        raise InputError(f"{type(model).__name__} has no method generate")
    endless = {"eos_token_id": None} if hasattr(model, "generation_config") else {}
    given = (map_tensors(_known, each, (torch.Tensor,)) for each in (list(args), {**kwargs, **endless}))
    analysis = analyze(model.generate, *given, training=False)
    warn_of_bounds(analysis)
    return analysis


def _known(tensor: torch.Tensor) -> Any:
    return tensor if tensor.is_meta else Known(tensor)


def annotated(model: nn.Module, words: Callable[[nn.Module], str]) -> str:
    """A model as it prints itself, with words in front of what each module says of itself.

    >>> print(annotated(nn.Sequential(nn.Linear(7, 5)), lambda module: "here"))
    Sequential(
      here
      (0): Linear(here, in_features=7, out_features=5, bias=True)
    )
    """
    with ExitStack() as stack:
        for module in model.modules():
            text = ", ".join(filter(None, (words(module), module.extra_repr())))
            stack.enter_context(borrowed(module, extra_repr=lambda text=text: text))
        return str(model)
