"""What the drop-ins for thop and its descendant add up: operations, and the figures of functions of the user's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import nn

from analyzer.analysis import Analysis
from analyzer.compat.calls import Call, Run, ask, run
from analyzer.compat.thop.custom import Custom, Rule
from analyzer.compat.thop.prints import in_red
from analyzer.conventions import CONVENTIONS, Convention
from analyzer.errors import InputError, ModelError
from analyzer.spec import TensorSpec
from analyzer.state import ModelState

__all__ = ["Counted", "amounts", "analyzed", "params_below"]


def analyzed(model: nn.Module, inputs: Any, input_size: Any = None) -> Run:
    """The analysis of a model in evaluation, as both tools call it.

    Args:
        model: the model.
        inputs: its positional inputs, as `analyze` takes them.
        input_size: in place of them, the shape of the only input.

    Raises:
        InputError: neither or both are given, or the model is no module.
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"profile() takes an nn.Module, but this is a {type(model).__name__}: {model!r:.80}")
    if (inputs is None) == (input_size is None):
        raise InputError(
            f"profile() takes inputs or input_size, and got {'neither' if inputs is None else 'both'}",
            hint="profile(model, inputs=(torch.zeros(1, 3, 224, 224),))",
        )
    return run(model, inputs if input_size is None else (TensorSpec(input_size),), training=False)


def amounts(
    model: nn.Module, asked: list[tuple[Call, Rule]], zero: Callable[[nn.Module], Mapping[str, Any]], *, fresh: bool
) -> list[float]:
    """Call the user's functions, and put the model back.

    Args:
        model: the model.
        asked: the calls of modules, each with the function to call for it.
        zero: what a function finds on the module before it is called: ``total_ops`` among others.
        fresh: whether it finds that at every call, or only at the first one of a module.

    Returns:
        ``m.total_ops`` after each.

    Raises:
        ModelError: a function asks for values, fails in another way, or leaves no number.
    """
    state = ModelState()
    state.add(model)
    for call, _ in asked:
        if id(call.module) not in state.paths:
            state.add(call.module, call.path)
    begun: set[int] = set()
    found = []
    try:
        for module in state.modules.values():
            module.training = False
        for call, rule in asked:
            if fresh or id(call.module) not in begun:
                begun.add(id(call.module))
                for name, value in zero(call.module).items():
                    call.module._buffers.pop(name, None)
                    call.module.__dict__[name] = value
            ask(rule, call)
            found.append(_total_ops(call, rule))
    finally:
        state.restore()
    return found


def _total_ops(call: Call, rule: Rule) -> float:
    left: Any = getattr(call.module, "total_ops", None)
    try:
        return float(left)
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        name = getattr(rule, "__qualname__", str(rule))
        raise ModelError(
            f"{name}, called for {call.path or 'the model'}, leaves no number as total_ops: {left!r:.80}",
            hint="its tensors have a shape and a dtype, but no values",
        ) from None


class Counted:
    """The right numbers: each operation by a convention, but what happens in layers that the user's functions count.

    Args:
        model: the model.
        result: its analysis.
        convention: how operations are counted.
        custom: the user's functions. The outermost layer that one is for is asked, and everything inside is its.
        zero: as for `amounts`.
    """

    def __init__(
        self,
        model: nn.Module,
        result: Run,
        convention: Convention,
        custom: Custom,
        zero: Callable[[nn.Module], Mapping[str, Any]],
    ) -> None:
        self._analysis = result.analysis
        self._model = model
        self._custom = custom
        self._costs = list(convention.over(self._analysis.graph))
        found = list(_outermost(result.calls, custom))
        theirs = {index for call, _, _ in found for index in call.nodes}
        for index in theirs:
            self._costs[index] = 0
        given = amounts(model, [(call, rule) for call, rule, _ in found], zero, fresh=True)
        self._amounts = [(stack, amount) for (_, _, stack), amount in zip(found, given, strict=True)]
        self._theirs = theirs

    @property
    def total(self) -> float:
        """Of the whole model."""
        return float(sum(self._costs)) + sum(amount for _, amount in self._amounts)

    @property
    def params(self) -> float:
        """Elements of all parameters, shared ones once."""
        return float(self._analysis.params)

    def layers(self) -> dict[str, Any]:
        """Child -> its operations, its parameters, and the same for its children, unless the user's functions count it.

        A shared layer has all its calls in each place.
        """
        totals = dict.fromkeys(self._analysis.graph.modules, 0.0)
        costs = ((node.stack, cost) for node, cost in zip(self._analysis.graph, self._costs, strict=True) if cost)
        for stack, amount in (*costs, *self._amounts):
            for path in self._analysis.owners(stack):
                totals[path] += float(amount)
        paths = {module: path for path, module in self._model.named_modules()}
        params = params_below(self._model, self._analysis)

        def below(module: nn.Module) -> dict[str, Any]:
            return {
                name: (totals[paths[child]], params(child), {} if self._custom.rule(child) else below(child))
                for name, child in module.named_children()
            }

        return below(self._model)

    def report_missing(self) -> None:
        """Print which operations calculate something, and count nothing in the convention."""
        found = Counter[str]()
        for index, (node, cost) in enumerate(zip(self._analysis.graph, self._costs, strict=True)):
            if not cost and index not in self._theirs:
                found[node.op] += CONVENTIONS["all"](node)
        for op, operations in found.most_common():
            if operations:
                in_red(f"[WARN] No rule for {op}: its {operations:,} operations are zero Macs.")


def _outermost(calls: list[Call], custom: Custom) -> Iterator[tuple[Call, Rule, tuple[str, ...]]]:
    """The calls that the user's functions are asked for, each with the function and the modules that were running."""
    stack: list[str] = []
    inside = len(calls)
    for call in calls:
        if call.depth > inside:
            continue
        stack[call.depth :] = [call.path]
        rule = custom.rule(call.module)
        inside = len(calls) if rule is None else call.depth
        if rule is not None:
            yield call, rule, tuple(stack)


def params_below(model: nn.Module, analysis: Analysis) -> Callable[[nn.Module], float]:
    """A function that says how many parameters a module of the model has, with all below it; lazy ones as inferred."""
    sizes = {id(p): analysis.graph.parameters[name].spec.numel for name, p in model.named_parameters()}
    return lambda module: float(sum(sizes[id(parameter)] for parameter in module.parameters()))
