"""The aten backend: every operator of torch has a number, and so have the modules directly below the model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TextIO

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from analyzer.compat.calls import Run, borrowed, on_meta
from analyzer.compat.ptflops.strings import flops_to_string
from analyzer.errors import ModelError
from analyzer.fxgraph import resolve
from analyzer.graph import Graph
from analyzer.node import Attribute, Node, Ref
from analyzer.tools.kernels import is_fused_attention
from analyzer.tools.ptflops_aten import ATEN, operator_of, seen

__all__ = ["Operators", "print_operators"]

Hooks = Mapping[Any, Callable[[Any, Any], Any]]
_COUNTED = frozenset({"aten.mm", "aten.matmul", "aten.addmm", "aten.bmm", "aten.convolution", "aten._convolution"})


class Operators:
    """What every call of a model counts, by operator.

    Args:
        model: the user's own.
        run: its analysis.
        hooks: operator -> the user's own ``hook(args, outputs)``, in place of what is counted otherwise.
        ignored: operators that count nothing.
        verbose: whether to list the operators that count nothing.
        faithful: whether to count what ptflops itself counts.
    """

    def __init__(
        self, model: nn.Module, run: Run, hooks: Hooks, ignored: Collection[Any], verbose: bool, faithful: bool
    ) -> None:
        self.model, self.run = model, run
        graph, names = run.analysis.graph, {str(operator) for operator in ignored}
        costs = run.analysis.costs(ATEN.right)
        self.counts: list[dict[str, int]] = []
        self.remarks: list[str] = []
        for node, by, cost in zip(graph, seen(graph), costs, strict=True):
            if not faithful:
                by = {next(iter(by), operator_of(node)): int(cost)} if cost else {}
            found = {f"aten.{operator}": amount for operator, amount in by.items()}
            made = list(_replayed(model, graph, node)) if hooks or verbose else []
            own = _asked(hooks, made)
            if own:
                found = own if not faithful else {name: n for name, n in found.items() if name not in own} | own
            self.remarks += [f"Warning: {name} operation is ignored" for name in found if name in names]
            if verbose:
                self.remarks += [_zero(packet) for packet, _, _ in made if _is_zero(packet, found, own, faithful)]
            self.counts.append({name: amount for name, amount in found.items() if name not in names})

    def by_module(self) -> dict[str, dict[str, int]]:
        """Module -> operator -> MACs: of the whole model, called ``Global``, and of the modules directly below it."""
        names = {id(child): name for name, child in self.model.named_children()}
        around: list[list[str]] = [["Global"] for _ in self.counts]
        for call in self.run.calls:
            if id(call.module) in names:
                for index in call.nodes:
                    around[index].append(names[id(call.module)])
        found: dict[str, dict[str, int]] = {"Global": {}}
        for by, modules in zip(self.counts, around, strict=True):
            for operator, amount in by.items():
                for module in modules:
                    of_module = found.setdefault(module, {})
                    of_module[operator] = of_module.get(operator, 0) + amount
        return found

    @property
    def total(self) -> int:
        """Multiply-accumulates of the model."""
        return sum(sum(by.values()) for by in self.counts)


def _zero(packet: Any) -> str:
    return f"Warning: {packet} operation is treated as a zero-op"


def _is_zero(packet: Any, found: Mapping[str, int], own: Mapping[str, int], faithful: bool) -> bool:
    """Whether an operator counts nothing: what a call comes down to has its number, in whichever operator it is."""
    name = str(packet)
    return name not in own and name not in _COUNTED and (faithful or not found)


def _asked(hooks: Hooks, made: list[tuple[Any, tuple[Any, ...], Any]]) -> dict[str, int]:
    """What the user's own hooks count for the operators of one call."""
    found: dict[str, int] = {}
    for packet, args, out in made:
        hook = hooks.get(packet)
        if hook is None:
            continue
        try:
            amount = int(hook(args, out if isinstance(out, tuple) else (out,)))
        except Exception as error:
            name = getattr(hook, "__qualname__", str(hook))
            raise ModelError(
                f"{name}, called for {packet}, raised {type(error).__name__}: {error}",
                hint="its tensors have a shape and a dtype, but no values",
            ) from error
        found[str(packet)] = found.get(str(packet), 0) + amount
    return found


# --- which operators a call comes down to --------------------------------------------------------------------------


class _Watch(TorchDispatchMode):
    """Keeps every operator with what it was given and returned."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.made: list[tuple[Any, tuple[Any, ...], Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.made.append((func._overloadpacket, args, out))
        return out


def _replayed(model: nn.Module, graph: Graph, node: Node) -> Iterator[tuple[Any, tuple[Any, ...], Any]]:
    """The operators of one call, made again with tensors that have no storage; none where that cannot be done."""
    if node.kind not in ("call_module", "call_method", "call_function"):
        return iter(())

    def tensor(item: Any) -> Any:
        if isinstance(item, Ref):
            return on_meta(graph.node(item.source).outputs[item.index])
        if isinstance(item, Attribute):
            return on_meta(graph.parameters[item.name].spec)
        return type(item)(map(tensor, item)) if type(item) in (tuple, list) else item

    args, kwargs = tensor(node.call[0]), {name: tensor(value) for name, value in node.call[1].items()}
    if "device" in kwargs:
        kwargs["device"] = "meta"
    watch = _Watch()
    try:
        with torch.device("meta"):  # what makes a tensor takes no memory and draws no random numbers either
            _made_again(model, node, args, kwargs, watch)
    except Exception:
        return iter(())
    return iter(watch.made)


def _made_again(model: nn.Module, node: Node, args: tuple[Any, ...], kwargs: Mapping[str, Any], watch: _Watch) -> None:
    if is_fused_attention(node):
        names = ("query", "key", "value", "dropout_p", "is_causal")
        given = [on_meta(node.arguments[name]) for name in names]
        with watch:
            torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(*given)
    elif node.kind == "call_module":
        layer = model.get_submodule(node.stack[-1])
        state = (*layer.named_parameters(), *layer.named_buffers())
        empty = {name: torch.empty_like(value, device="meta") for name, value in state}
        with borrowed(layer, training=False), watch:
            torch.func.functional_call(layer, empty, args, dict(kwargs))
    else:
        with watch:
            resolve(node.target)(*args, **kwargs)


def print_operators(operators: Operators, flops_units: str | None, precision: int, ost: TextIO | None) -> None:
    """Print the total, and for the model and the modules directly below it what each operator counts."""
    print("Total:" + flops_to_string(operators.total, flops_units, precision), file=ost)
    for module, by in operators.by_module().items():
        print("Module: ", module, file=ost)
        for operator, amount in by.items():
            print(f"{operator}: {flops_to_string(amount, flops_units, precision)}", file=ost)
        print(file=ost)
