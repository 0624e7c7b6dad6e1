"""The records of a capture: a call, a tensor argument, a parameter, a module. Plain frozen values that pickle.

They are named tuples, which are made in a quarter of the time that frozen dataclasses take: a capture makes thousands.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Literal, NamedTuple

from analyzer.counts import Counts, Traffic
from analyzer.errors import Source
from analyzer.spec import TensorSpec

__all__ = [
    "Attribute", "Edge", "Kind", "ModuleCall", "ModuleInfo", "Node", "Parameter", "Ref", "Status", "around", "record",
]  # fmt: skip

# Makes a record of all its fields, in order. A named tuple's own constructor is Python code and takes twice as long.
record = tuple.__new__

Status = Literal["ruled", "inferred", "bounded", "unknown", "folded"]
Kind = Literal["placeholder", "get_attr", "call_module", "call_function", "call_method", "output"]


class Ref(NamedTuple):
    """In a recorded call: the value that node ``source`` returned, its ``index``-th tensor."""

    source: str
    index: int = 0  # type: ignore[assignment]


class Attribute(NamedTuple):
    """In a recorded call: a parameter or buffer of the model, by its name."""

    name: str


class Edge(NamedTuple):
    """One tensor argument of a call: which ``slot`` of which earlier node's output it is.

    Attributes:
        slot: the argument's name; items of a list are ``"tensors.0"``, ``"tensors.1"``.
        source: id of the node whose call made the value, or wrote it last.
        index: which of that node's output tensors.
        spec: shape and dtype of the value.
    """

    slot: str
    source: str
    index: int  # type: ignore[assignment]
    spec: TensorSpec


class Node(NamedTuple):
    """One call.

    Attributes:
        id: unique and readable, ``"layer1.0.conv1"`` or ``"layer1.0.add"``.
        op: the rule's name, the same in all spellings; ``input``, ``constant`` and ``output`` for the graph's ends.
        kind: torch.fx's word for the form of the call.
        target: what was called, as one writes it: ``"torch.nn.Conv2d"``, ``"torch.Tensor.add"``.
        stack: paths of the modules on the call stack, outermost (``""``) first; a leaf module is the last one.
        inputs: the tensors that came from other nodes.
        outputs: the tensors that the call returned, flat.
        arguments: the bound arguments by name: specs for tensors, plain values, and text for anything else.
        params: names of the parameters and buffers that the call read.
        counts: what is calculated, whatever a convention makes of it.
        traffic: bytes read and written.
        status: ``ruled`` by an analytic rule, ``inferred`` from torch's own shape function, ``bounded`` from above,
            ``unknown``, or ``folded`` into the operation in front (evaluation-mode BatchNorm).
        alias_of: id of the node, or name of the parameter, whose storage the output shares; empty where it has its own.
        source: the line of the user's code.
        notes: remarks for people, such as why a size is a bound.
        call: the call as written, ``(args, kwargs)``, with `Ref` and `Attribute` in place of tensors.
        paths: where in what the call returned each output is; empty where it returned one tensor.
    """

    id: str
    op: str
    kind: Kind
    target: str
    stack: tuple[str, ...]
    inputs: tuple[Edge, ...]
    outputs: tuple[TensorSpec, ...]
    arguments: Mapping[str, Any]
    params: tuple[str, ...]
    counts: Counts
    traffic: Traffic
    status: Status
    alias_of: str
    source: Source | None
    notes: tuple[str, ...]
    call: tuple[tuple[Any, ...], Mapping[str, Any]] = ((), {})
    paths: tuple[tuple[int, ...], ...] = ()

    @property
    def module(self) -> str:
        """Path of the innermost module on the call stack."""
        return self.stack[-1]

    @property
    def spec(self) -> TensorSpec | None:
        """The first output tensor; None where the call returns none."""
        return self.outputs[0] if self.outputs else None

    def with_status(self, status: Status) -> Node:
        """The same node with another status."""
        return self._replace(status=status)

    def __str__(self) -> str:
        shapes = ", ".join(str(spec) for spec in self.outputs) or "nothing"
        return f"{self.id} = {self.op}({', '.join(edge.source for edge in self.inputs)}) -> {shapes}"


class Parameter(NamedTuple):
    """A parameter or buffer of the model, once, however often it is shared.

    Attributes:
        name: its first name in ``named_parameters`` or ``named_buffers`` order.
        spec: shape, dtype, device. A lazy module's is the inferred one.
        trainable: whether it requires a gradient.
        buffer: True for a buffer.
        aliases: its further names, where it is shared.
        used: whether any call read it.
    """

    name: str
    spec: TensorSpec
    trainable: bool
    buffer: bool = False
    aliases: tuple[str, ...] = ()
    used: bool = True


class ModuleCall(NamedTuple):
    """One call of a module: the tensors that went in and came out, flat.

    Attributes:
        inputs: the tensors that it was given.
        outputs: the tensors that it returned.
        nodes: where in the graph the calls are that were made during it, as indices of ``graph.nodes()``.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    nodes: range = range(0)


class ModuleInfo(NamedTuple):
    """A module of the model, called or not.

    Attributes:
        path: its first name in ``named_modules`` order; ``""`` is the model itself.
        type: its class's name.
        aliases: further paths, where it is shared.
        parameters: names of its own parameters (not of the modules below it), each its first name.
        buffers: names of its own buffers.
        calls: its calls, in order.
        training: its mode during the analysis.
        classes: names of its class and of those that it derives from, the nearest first, ``nn.Module`` left out:
            ``("net.Own", "torch.nn.Conv2d", "torch.nn._ConvNd")``.
        keeps: functions among its attributes, as they are written, such as ``self.activation = F.relu``.
    """

    path: str
    type: str
    aliases: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    buffers: tuple[str, ...] = ()
    calls: tuple[ModuleCall, ...] = ()
    training: bool = False
    classes: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()


def around(path: str, modules: Container[str]) -> str:
    """The path of the module that another, or a parameter, is in; names may have dots of their own.

    >>> around("a.b.c", {"", "a", "a.b"}), around("a.b.c", {"", "a"}), around("a", {"", "a"})
    ('a.b', 'a', '')
    """
    path = path.rpartition(".")[0]
    while path and path not in modules:
        path = path.rpartition(".")[0]
    return path
