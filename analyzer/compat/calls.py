"""What a drop-in starts from: an analysis, and every call of a module with what it was given and what it returned."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from analyzer.analysis import Analysis
from analyzer.api import analyze
from analyzer.errors import ModelError
from analyzer.node import ModuleCall
from analyzer.pytree import map_tensors
from analyzer.spec import TensorSpec

__all__ = ["Call", "Run", "ask", "borrowed", "on_meta", "run", "warn_of_bounds"]


@dataclass(slots=True)
class Call:
    """One call of a module.

    Attributes:
        path: the module's first name in the model.
        module: the user's own.
        depth: how many modules were running around it.
        args: what it was given by position, with a `TensorSpec` for every tensor.
        kwargs: what it was given by name.
        output: what it returned.
        nodes: where in the graph the operations are that it made, as indices of ``analysis.graph.nodes()``; those of
            the modules that it called are among them.
    """

    path: str
    module: nn.Module
    depth: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any = None
    nodes: range = range(0)


@dataclass(frozen=True, slots=True)
class Run:
    """An analysis, and the calls of all modules in the order in which they began."""

    analysis: Analysis
    calls: list[Call]


def run(
    model: nn.Module, args: Any = (), kwargs: Mapping[str, Any] | None = None, *, training: bool | None = None
) -> Run:
    """Analyze a model and keep its modules' calls.

    Args:
        model: as `analyze` takes it, like ``args``, ``kwargs`` and ``training``.
        args: as above.
        kwargs: as above.
        training: as above.

    Raises:
        AnalyzerError: as `analyze` does.

    >>> [call.path for call in run(nn.Sequential(nn.Linear(7, 5), nn.ReLU()), (3, 7)).calls]
    ['', '0', '1']
    """
    calls: list[Call] = []
    finished: set[int] = set()
    depth = 0

    def observe(path: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[Any], None]:
        nonlocal depth
        call = Call(path, module, depth, _specs(args), _specs(kwargs))
        calls.append(call)
        depth += 1

        def returned(result: Any) -> None:
            nonlocal depth
            depth = call.depth  # whatever raised below this call and was caught
            call.output = _specs(result)
            finished.add(id(call))

        return returned

    analysis = analyze(model, args, kwargs, training=training, observe=observe)
    warn_of_bounds(analysis)
    # The graph lists a module's calls as they ended, and leaves out those that raised.
    begun = {path: iter(sorted(info.calls, key=_begin)) for path, info in analysis.graph.modules.items()}
    for call in calls:
        if id(call) in finished:
            call.nodes = next(begun[call.path]).nodes
    return Run(analysis, calls)


def warn_of_bounds(analysis: Analysis) -> None:
    """Say in a warning what a plain number of a tool's cannot say: that it is a bound."""
    if analysis.is_lower_bound:
        missing = [remark.message for remark in analysis.diagnostics if remark.code == "no-rule"]
        warnings.warn(f"the totals are lower bounds: {'; '.join(missing)}", stacklevel=4)
    if analysis.is_upper_bound:
        warnings.warn("the totals are upper bounds: data decide a size, taken as the largest possible", stacklevel=4)


def _begin(call: ModuleCall) -> tuple[int, int]:
    return call.nodes.start, -call.nodes.stop


def _specs(tree: Any) -> Any:
    return map_tensors(TensorSpec.of, tree, (torch.Tensor,))


def ask(hook: Callable[..., Any], call: Call) -> Any:
    """Call a hook of the user's own, ``hook(module, args, output)``, with tensors that have a shape and no storage.

    Raises:
        ModelError: it asks for values, or fails in another way.
    """
    args, output = on_meta((call.args, call.output))
    try:
        return hook(call.module, args, output)
    except Exception as error:
        name = getattr(hook, "__qualname__", str(hook))
        raise ModelError(
            f"{name}, called for {call.path or 'the model'}, raised {type(error).__name__}: {error}",
            hint="its tensors have a shape and a dtype, but no values",
        ) from error


def on_meta(tree: Any) -> Any:
    """The same with a tensor on meta, which has a shape and no values, for every `TensorSpec`."""
    return map_tensors(_on_meta, tree, (TensorSpec,))


def _on_meta(spec: TensorSpec) -> torch.Tensor:
    return torch.empty(tuple(map(int, spec.shape)), dtype=spec.dtype, device="meta")


@contextmanager
def borrowed(module: nn.Module, **attributes: Any) -> Iterator[None]:
    """Let hooks find attributes on a module, and put it back as it was: attributes, buffers, parameters, hooks."""
    own = module.__dict__
    before = dict(own)
    inside = {name: dict(value) for name, value in own.items() if name.startswith("_") and isinstance(value, dict)}
    own.update(attributes)
    try:
        yield
    finally:
        own.clear()
        own.update(before)
        for name, value in inside.items():
            own[name].clear()
            own[name].update(value)
