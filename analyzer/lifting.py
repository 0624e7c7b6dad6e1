"""Arguments of a call as rules see them: specs for tensors, with a note of where each tensor came from."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from analyzer.abstract import KNOWN, SPREAD, AbstractTensor, Memory
from analyzer.assumptions import Assumptions
from analyzer.bounds import is_bound
from analyzer.constants import LIMIT, Constants
from analyzer.counts import Counts, Traffic
from analyzer.errors import Diagnostic, ShapeError
from analyzer.frames import user_line
from analyzer.node import Attribute, Edge, Kind, Node, Ref, record
from analyzer.propagate import plain
from analyzer.spec import TensorSpec
from analyzer.state import UNINITIALIZED, Entry, ModelState
from analyzer.uniform import Uniform

__all__ = ["PLAIN", "Lifter"]

PLAIN = frozenset(
    {int, float, bool, str, type(None), torch.dtype, torch.device, type(Ellipsis), torch.memory_format, complex}
)
# Arguments that torch takes as whole numbers, also out of a tensor of no dimensions.
_NUMBERS = (
    "slice.", "size", "shape", "output_size", "start", "end", "length", "step", "repeats.", "dim", "k", "pad.",
)  # fmt: skip
# Python's number types are taken as dtypes.
_DTYPES: dict[Any, torch.dtype] = {
    bool: torch.bool,
    int: torch.int64,
    float: torch.float64,
    complex: torch.complex128,
}
_NO_TRAFFIC = Traffic()


class Lifter:
    """The nodes of one capture, the tensors that are alive in it, and the arguments of the call at hand."""

    def __init__(self, state: ModelState, assumptions: Assumptions) -> None:
        self.nodes: list[Node] = []
        self.stack: tuple[str, ...] = ("",)
        self.constants = Constants()
        self.state = state
        self.used: set[str] = set()
        self.exact = True  # until a size is an upper bound
        self.has_open_sizes = False
        self.uniform = Uniform()
        self.assumptions = assumptions
        self.lazy: dict[str, TensorSpec] = {}
        self.packed: dict[str, TensorSpec] = {}
        self.twins: dict[int, nn.Module] = {}
        self.wanted: list[AbstractTensor] = []  # what gradients may be asked of
        self.gradients: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}  # tensor id -> it, and its ``.grad``
        self._followed: set[str] = set()  # calls that gradients pass
        self._ids: dict[str, int] = {}
        self._memories: dict[int, Memory] = {}
        self._strangers: dict[int, tuple[torch.Tensor, AbstractTensor]] = {}
        # Of the call that is being recorded:
        self._edges: list[Edge] = []
        self._params: dict[str, TensorSpec] = {}
        self._weights: list[str] = []
        self._known = KNOWN
        self._unread: tuple[str, ...] = ()

    # --- arguments ----------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._edges, self._params, self._weights, self._known, self._unread = [], {}, [], KNOWN, ()

    def lift(self, value: Any, slot: str) -> Any:
        """An argument as rules see it: specs for tensors, everything else as it is. Edges are noted on the way."""
        cls = type(value)
        if cls in PLAIN:
            return value
        if cls is AbstractTensor:
            memory = value._memory
            # A constant of no dimensions where torch wants a number: the bound of a slice, one of several sizes.
            if memory.known >= SPREAD and slot.startswith(_NUMBERS) and _is_number(value._spec):
                return self.constants.number(self.told(value), slot)
            ref = value._ref
            if memory.writer and value._seen != memory.writes:
                self._edges.append(record(Edge, (slot, memory.writer, 0, value._spec)))
            elif type(ref) is Ref:
                self._edges.append(record(Edge, (slot, *ref, value._spec)))
            else:
                self._params[ref.name] = value._spec
                self._weights.append(slot)
            if memory.known < self._known and slot not in self._unread:
                self._known = memory.known
            return value._spec
        if cls is tuple or cls is list:
            if PLAIN.issuperset(map(type, value)):
                return value
            return cls(map(self.lift, value, _slots(slot, len(value))))
        if isinstance(value, torch.Tensor):
            return self._lift_real(value, slot)
        if cls is dict:
            return {key: self.lift(item, f"{slot}.{key}") for key, item in value.items()}
        if cls is slice:
            return slice(*(self.lift(getattr(value, part), f"slice.{part}") for part in ("start", "stop", "step")))
        if cls is torch.Size:  # ``x.new(x.shape)`` is of that shape, ``x.new((2, 3))`` has these two numbers
            return value
        if isinstance(value, tuple):
            items = [self.lift(item, f"{slot}.{index}") for index, item in enumerate(value)]
            return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
        if isinstance(value, (list, torch.nn.ParameterList)):
            return [self.lift(item, f"{slot}.{index}") for index, item in enumerate(value)]
        if is_numpy_number(value):
            return value.item()  # torch takes them for Python's own
        return _DTYPES.get(value, value) if cls is type else value

    def lift_packed(self, value: Any, slot: str) -> None:
        """Note the weights of a layer that a rule reads out of an object of torch's, as those of quantized layers."""
        if type(value) is TensorSpec:
            name = f"{self.stack[-1]}.{slot}".lstrip(".")
            self._params[name] = self.packed[name] = value
            self._weights.append(slot)
        elif type(value) in (tuple, list) and value and type(value[0]) is TensorSpec:
            for index, item in enumerate(value):
                self.lift_packed(item, f"{slot}.{index}")

    def _lift_real(self, tensor: torch.Tensor, slot: str) -> TensorSpec:
        key = id(tensor)
        entry = self.state.tensors.get(key)
        if entry is None:
            entry = self._adopt(tensor)
            if entry is None:
                spec: TensorSpec = self.lift(self._strangers[key][1], slot)
                return spec
        memory = self._memories.get(key)
        if slot.startswith(_NUMBERS) and entry.spec is not None and _is_number(entry.spec) and self.is_known(tensor):
            return self.constants.number(tensor, slot)  # type: ignore[no-any-return]
        if entry.spec is None:
            raise ShapeError(f"parameter {entry.name} is uninitialized: its module was never called")
        spec = entry.spec
        if memory is not None and memory.writer:
            self._edges.append(Edge(slot, memory.writer, 0, spec))
        self._params[entry.name] = spec
        self._weights.append(slot)
        if self._known and slot not in self._unread:
            self._known = min(self._known, memory.known if memory is not None else level_of(tensor))
        return spec

    def _adopt(self, tensor: torch.Tensor) -> Entry | None:
        """A tensor that the model does not list: a parameter of a closure, or a constant, which becomes a node."""
        key = id(tensor)
        if isinstance(tensor, nn.Parameter):
            number = sum(entry.name.startswith("parameter_") for entry in self.state.tensors.values())
            return self.state.adopt(f"parameter_{number}", tensor)
        if key not in self._strangers:
            spec = TensorSpec.of(tensor)
            node = self.add_node("constant", "get_attr", (spec,), {}, ((), {}), self.state.attribute_of(tensor))
            abstract = AbstractTensor.make(spec, Ref(node.id), Memory(node.id, level_of(tensor)))
            abstract._source = tensor
            self._strangers[key] = (tensor, abstract)
        return None

    def strangers(self) -> list[torch.Tensor]:
        """The real tensors that calls took and that no module lists."""
        return [tensor for tensor, _ in self._strangers.values()]

    def small_inputs_of(self, tensor: torch.Tensor) -> list[str]:
        """Names of the inputs of whole numbers or truth values, small as constants, that a tensor was made of."""
        made = {node.id: node for node in self.nodes}
        ref = self.abstract_of(tensor)._ref
        names: list[str] = []
        seen: set[str] = set()
        waiting = [ref.source] if isinstance(ref, Ref) else []
        while waiting:
            node = made[waiting.pop()]
            spec = node.outputs[0] if node.op == "input" else None
            if spec is not None and (is_index(spec.dtype) or spec.dtype is torch.bool) and spec.numel <= LIMIT:
                names += node.arguments["names"][:1]
            new = {edge.source for edge in node.inputs} - seen
            seen |= new
            waiting += new
        return sorted(set(names))

    def abstract_of(self, tensor: torch.Tensor) -> AbstractTensor:
        """The abstract stand-in of a real tensor: the same parameter or constant, sharing its memory."""
        if isinstance(tensor, AbstractTensor):
            return tensor
        entry = self.state.tensors.get(id(tensor)) or self._adopt(tensor)
        if entry is None:
            return self._strangers[id(tensor)][1]
        spec = entry.spec or TensorSpec(())
        abstract = AbstractTensor.make(spec, Attribute(entry.name), self.memory_of(tensor))
        abstract._source = tensor
        return abstract

    def memory_of(self, tensor: torch.Tensor) -> Memory:
        """Whose storage a tensor shares."""
        if isinstance(tensor, AbstractTensor):
            return tensor._memory
        memory = self._memories.get(id(tensor))
        if memory is None:
            entry = self.state.tensors.get(id(tensor)) or self._adopt(tensor)
            if entry is None:
                return self._strangers[id(tensor)][1]._memory
            memory = self._memories[id(tensor)] = Memory(entry.name, level_of(tensor))
        return memory

    def is_known(self, tensor: torch.Tensor) -> bool:
        """Whether the values of a tensor can be worked out."""
        return self.level(tensor) >= SPREAD

    def level(self, tensor: torch.Tensor) -> int:
        """How much is known of the values of a tensor, see `Memory.known`."""
        if isinstance(tensor, AbstractTensor):
            return tensor._memory.known
        memory = self._memories.get(id(tensor))
        return level_of(tensor) if memory is None else memory.known

    def told(self, tensor: torch.Tensor) -> torch.Tensor:
        """A tensor whose values are about to be used, itself; a remark where they hang on a choice of data."""
        if self.level(tensor) == SPREAD:
            self.remark_spread()
        return tensor

    def remark_spread(self) -> None:
        """Say that a choice of data was taken to be spread evenly."""
        self.assumptions.remarks.setdefault("even-choice", _EVEN)

    def recorded(self, value: Any) -> Any:
        """An argument as the graph keeps it: references for tensors, plain values, text for anything else."""
        cls = type(value)
        if cls in PLAIN:
            return value
        if cls is AbstractTensor:
            return value._ref
        if cls is tuple or cls is list:
            if cls is tuple and PLAIN.issuperset(map(type, value)):
                return value
            return cls(self.recorded(item) for item in value)
        if isinstance(value, torch.Tensor):
            return self.abstract_of(value)._ref
        if isinstance(value, (tuple, list)):
            return tuple(self.recorded(item) for item in value)
        if cls is dict:
            return {key: self.recorded(item) for key, item in value.items()}
        if cls is slice:
            return slice(self.recorded(value.start), self.recorded(value.stop), self.recorded(value.step))
        return plain(value)

    # --- the graph's ends ---------------------------------------------------------------------------------------

    def _name(self, op: str, kind: Kind) -> str:
        """A fresh id: the path for a leaf module, path and operation for anything else; numbered from the second on."""
        path = self.stack[-1]
        id = (path or op) if kind == "call_module" else f"{path}.{op}" if path else op
        times = self._ids.get(id, 0)
        self._ids[id] = times + 1
        return f"{id}:{times}" if times else id

    def lift_all(self, values: Mapping[str, Any]) -> None:
        """Lift values by slot, for the next `add_node`."""
        self._start()
        for slot, value in values.items():
            self.lift(value, slot)

    def add_node(
        self,
        op: str,
        kind: Kind,
        outputs: tuple[TensorSpec, ...],
        arguments: Mapping[str, Any],
        call: Any,
        target: str = "",
    ) -> Node:
        """Record one of the graph's ends: an input, a constant, the output. Edges are those of the last `lift_all`."""
        source = user_line() if op == "constant" else None
        edges = () if kind == "get_attr" else tuple(self._edges)
        if any(is_bound(size) for spec in outputs for size in spec.shape):
            self.exact = False
        stack, none = self.stack, _NO_TRAFFIC
        node = Node(
            self._name(op, kind), op, kind, target or op, stack, edges, outputs, arguments, (), Counts(), none, "ruled",
            "", source, (), call, (),
        )  # fmt: skip
        self.nodes.append(node)
        return node


@lru_cache(maxsize=4096)
def _slots(slot: str, length: int) -> tuple[str, ...]:
    """Names of the items of a list: ``tensors.0``, ``tensors.1``, ..."""
    return tuple(f"{slot}.{index}" for index in range(length))


def is_numpy_number(value: Any) -> bool:
    """Whether a value is a number of numpy's, which need not be installed."""
    cls = type(value)
    return cls.__module__ == "numpy" and (isinstance(value, numbers.Number) or cls.__name__ in ("bool", "bool_"))


def _is_number(spec: TensorSpec) -> bool:
    return not spec.shape and is_index(spec.dtype)


def is_index(dtype: torch.dtype) -> bool:
    """Whether values of a dtype are whole numbers."""
    return not (dtype.is_floating_point or dtype.is_complex or dtype is torch.bool)


_EVEN = Diagnostic(
    "even-choice",
    "",
    "what data choose (the k best, the class of a token) is taken to be spread evenly over all there is to choose: "
    "experts together see every choice once, and each of them its share",
)


def level_of(tensor: torch.Tensor) -> int:
    """Whether a real tensor's values may be looked at: small, present, and no weight. Whole numbers are flags."""
    return KNOWN * (
        not isinstance(tensor, UNINITIALIZED)
        and not (isinstance(tensor, nn.Parameter) and (tensor.dtype.is_floating_point or tensor.dtype.is_complex))
        and tensor.device.type != "meta"
        and tensor.numel() <= LIMIT
        and tensor.layout is torch.strided
        and not tensor.requires_grad
    )
