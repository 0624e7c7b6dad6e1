"""Where a graph begins and ends: the inputs, what the model returns, its modules and parameters beside the calls."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from analyzer.abstract import KNOWN, UNKNOWN, AbstractTensor, Memory
from analyzer.graph import Graph
from analyzer.node import ModuleCall, ModuleInfo, Parameter, Ref, record
from analyzer.pytree import leaves, map_tensors
from analyzer.recorder import Recorder
from analyzer.spec import Known, TensorSpec
from analyzer.targets import describe_target

__all__ = ["close", "graph_of", "place_inputs", "roots_of"]

_FUNCTIONS = frozenset({types.FunctionType, types.BuiltinFunctionType})
# The one file of torch.nn whose layers keep functions, their activations.
_KEEPS = "torch.nn.modules.transformer"
# A lazy parameter that no call gave a shape.
_SHAPELESS = TensorSpec((0,))


def roots_of(model: Callable[..., Any]) -> dict[str, nn.Module]:
    """The modules that a model or function brings, by path: itself, a bound method's, a closure's, a partial's."""
    if isinstance(model, nn.Module):
        return {"": model}
    if isinstance(model, functools.partial):
        return roots_of(model.func)
    owner = getattr(model, "__self__", None)
    if isinstance(owner, nn.Module):
        return {"": owner}
    code = getattr(model, "__code__", None)
    if code is None:
        return {}
    cells = zip(code.co_freevars, getattr(model, "__closure__", None) or (), strict=True)
    named = {name: cell.cell_contents for name, cell in cells if _is_filled(cell)}
    globals_ = getattr(model, "__globals__", {})
    named |= {name: globals_[name] for name in code.co_names if name in globals_}
    return {name: value for name, value in named.items() if isinstance(value, nn.Module)}


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def place_inputs(
    recorder: Recorder, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The inputs with an abstract tensor for every spec, and a node for each; one object is one tensor."""
    placed: dict[int, AbstractTensor] = {}
    names: dict[int, list[str]] = {}

    def place(name: str) -> Callable[[TensorSpec], AbstractTensor]:
        def make(given: TensorSpec | Known) -> AbstractTensor:
            if id(given) in placed:
                names[id(given)].append(name)
                return placed[id(given)]
            spec = given if isinstance(given, TensorSpec) else given.spec
            names[id(given)] = [name]
            node = recorder.add_node("input", "placeholder", (spec,), {"names": names[id(given)]}, ((), {}))
            memory = Memory(node.id, KNOWN if isinstance(given, Known) else UNKNOWN)
            placed[id(given)] = tensor = AbstractTensor.make(spec, Ref(node.id), memory)
            tensor._source = given.tensor if isinstance(given, Known) else None
            return tensor

        return make

    kinds = (TensorSpec, Known)
    positional = tuple(map_tensors(place(f"args.{i}"), value, kinds) for i, value in enumerate(args))
    return positional, {key: map_tensors(place(key), value, kinds) for key, value in kwargs.items()}


def close(recorder: Recorder, result: Any) -> Any:
    """Record what the model returned; the same with specs for tensors."""
    real = (torch.Tensor,)
    outputs = map_tensors(lambda t: recorder.abstract_of(t)._spec, result, real)
    found = {path or "output": leaf for path, leaf in leaves(result, real, boxes=True)}
    recorder.lift_all(found)
    specs = tuple(recorder.abstract_of(leaf)._spec for leaf in found.values())
    recorder.add_node("output", "output", specs, {}, ((recorder.recorded(result),), {}))
    return outputs


def graph_of(recorder: Recorder, calls: Mapping[str, list[ModuleCall]], name: str) -> Graph:
    """The finished graph: the nodes, with the model's modules and parameters.

    Args:
        recorder: what recorded the calls.
        calls: the calls of every module, by its path.
        name: what the model is called.
    """
    state = recorder.state
    used, aliases = recorder.used, state.tensor_aliases
    parameters = {
        first: record(
            Parameter,
            (
                first,
                spec or recorder.lazy.get(first) or _SHAPELESS,
                tensor.requires_grad,
                buffer,
                tuple(aliases[first]) if first in aliases else (),
                first in used,
            ),
        )
        for first, tensor, buffer, spec in state.tensors.values()
    }
    parameters |= {name: Parameter(name, spec, trainable=False) for name, spec in recorder.packed.items()}
    owned, none = state.owned, ((), ())
    modules = {}
    classes: dict[type, tuple[tuple[str, ...], bool]] = {}
    for path, module in state.modules.items():
        own, buffers = owned.get(path, none)
        also = tuple(state.aliases.get(path, ()))
        called = tuple(calls.get(path, ()))
        training = getattr(module, "training", False)  # a frozen TorchScript module has no mode
        cls = type(module)
        if cls not in classes:
            names = tuple([describe_target(base) for base in cls.__mro__ if base not in (nn.Module, object)])
            classes[cls] = (names, cls.__module__.startswith("torch.nn.") and cls.__module__ != _KEEPS)
        names, plain = classes[cls]
        keeps = () if plain else tuple([describe_target(f) for f in vars(module).values() if type(f) in _FUNCTIONS])
        fields = (path, cls.__name__, also, tuple(own), tuple(buffers), called, training, names, keeps)
        modules[path] = record(ModuleInfo, fields)
    if "" not in modules:
        modules = {"": ModuleInfo("", name), **modules}
    return Graph(tuple(recorder.nodes), modules, parameters, name)
