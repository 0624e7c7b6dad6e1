"""Turns calls into nodes: specs to a rule, the rule's answer to a node and new abstract tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import nn

from analyzer.abstract import KNOWN, UNKNOWN, AbstractTensor, Memory, swap
from analyzer.autocast import autocast, is_autocast_on
from analyzer.bounds import meet
from analyzer.callee import Callee, callee
from analyzer.constants import LIMIT, SPREAD_LIMIT
from analyzer.deciding import Decider
from analyzer.errors import AnalyzerError, ShapeError
from analyzer.frames import user_line
from analyzer.lifting import PLAIN
from analyzer.node import Kind, Node, Ref, record
from analyzer.promotion import can_cast
from analyzer.propagate import Outcome, evaluate_bound, extend_key, key_of
from analyzer.pytree import leaves, map_tensors
from analyzer.rule import Rule
from analyzer.spec import TensorSpec
from analyzer.targets import describe_target

__all__ = ["Recorder"]

_OPEN = inspect.Parameter.empty
_NONE: dict[str, Any] = {}
_COPY = callee(torch.Tensor.copy_)
module_target: Callable[[Any], str] = cache(describe_target)


class Recorder(Decider):
    """Records the calls of one capture."""

    # --- calls --------------------------------------------------------------------------------------------------

    def call(
        self, rule: Rule, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], written: Any = None
    ) -> Any:
        """Record a call of a function, method or aten operator that ``rule`` serves; what it returns, abstract.

        ``written`` is what stands in the code for it, such as Python's operator.
        """
        about = callee(written or function)
        signature = rule.signature
        names, rest = signature.positional, signature.rest
        self._start()
        self._unread = rule.unread
        try:
            if len(args) > len(names):
                names += tuple([f"{rest}.{index}" for index in range(len(args) - len(names))])
            lifted = tuple(map(self.lift, args, names))
            keywords = {k: self.lift(value, k) for k, value in kwargs.items() if k != "out"} if kwargs else kwargs
            if rule.values:
                lifted, keywords = self._with_values(rule, lifted, keywords, args, kwargs)
            if is_autocast_on():
                lifted, keywords = autocast(rule.name, lifted, keywords)
            outcome = self._evaluate(rule, function, lifted, keywords, args, kwargs)
            return self._finish(rule, function, about, args, kwargs, outcome)
        except AnalyzerError as error:
            raise self._locate(error, rule.name) from error.__cause__

    def record_outcome(
        self, rule: Rule, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outcome: Outcome
    ) -> Any:
        """Record a call whose outcome came from elsewhere: torch's own shape function."""
        self._start()
        for index, value in enumerate(args):
            self.lift(value, str(index))
        for name, value in kwargs.items():
            self.lift(value, name)
        return self._finish(rule, function, callee(function), args, kwargs, outcome)

    def _finish(
        self, rule: Rule, function: Any, about: Callee, args: tuple[Any, ...], kwargs: dict[str, Any], outcome: Outcome
    ) -> Any:
        known = UNKNOWN if rule.random else self._known
        if known and self.has_open_sizes and is_open_call(args, kwargs, outcome.outputs):
            known = UNKNOWN
        if known:
            limit = LIMIT if known == KNOWN else SPREAD_LIMIT
            known = known if all(spec.numel <= limit for spec in outcome.outputs) else UNKNOWN
        written = kwargs.get("out") if kwargs else None
        if written is not None:
            self._check_out(outcome, written, about)
        if about.in_place or (kwargs and kwargs.get("inplace") is True):
            written = args[0] if args else kwargs.get("input")
            self._check_in_place(outcome, written, about)
        call = (tuple(map(self.recorded, args)), {k: self.recorded(v) for k, v in kwargs.items()} if kwargs else _NONE)
        if isinstance(written, torch.Tensor):
            alias: Memory | None = self.memory_of(written)
        else:
            alias = self._aliased(rule, args, kwargs) if outcome.shares else None
        node = self._record(rule.name, about.kind, about.target, outcome, alias, call)
        if written is not None:
            result = self._write(node, written, outcome, about, known)
        else:
            if alias is not None and alias.known > known:
                alias = Memory(alias.root, known)  # an expanded constant has more elements than are worked out
            result = self._wrap(node, outcome.result, alias or Memory(node.id, known), about)
        if known:
            if rule.unread:
                args, kwargs = self._stand_in(rule, args, kwargs)
            self.constants.note(function, args, kwargs, result if written is None else written)
        elif self.has_open_sizes and written is None:
            self.uniform.note(rule.name, args, kwargs, result)
        if not known and (outcome.values is not None or rule.choice is not None) and written is None:
            self._choose(rule, outcome, result)
        return result

    def call_module(self, rule: Rule, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Record a call of a leaf module, whose path is on top of the stack."""
        self._start()
        try:
            quick = None if kwargs or len(args) != 1 or is_autocast_on() else self._lift_layer(rule, module, args[0])
            if quick is None:
                self._start()
                bound = rule.bind_module(module, args, kwargs)
                for name, value in bound.items():
                    self.lift_packed(value, name)
                bound = {name: self.lift(value, name) for name, value in bound.items()}
                if is_autocast_on():
                    bound = autocast(rule.name, (), bound)[1]
                quick = bound, key_of(rule, bound.values())
            outcome = evaluate_bound(rule, *quick, tuple(self._weights), self.exact)
        except AnalyzerError as error:
            raise self._locate(error, rule.name) from error.__cause__
        in_place = bool(args) and module.__dict__.get("inplace") is True
        alias = None
        if in_place:
            alias = self.memory_of(args[0])
        elif outcome.shares:
            alias = self._aliased(rule, args, kwargs)
        call = (tuple(map(self.recorded, args)), {k: self.recorded(v) for k, v in kwargs.items()} if kwargs else _NONE)
        node = self._record(rule.name, "call_module", module_target(type(module)), outcome, alias, call)
        if in_place:
            return self._write(node, args[0], outcome, _COPY, UNKNOWN)
        memory = alias or Memory(node.id)
        if type(outcome.result) is TensorSpec and not self._followed:
            return AbstractTensor.make(outcome.result, record(Ref, (node.id, 0)), memory)
        return self._wrap(node, outcome.result, memory, None)

    def _lift_layer(self, rule: Rule, module: nn.Module, input: Any) -> tuple[dict[str, Any], list[Any]] | None:
        """Bound and lifted arguments of a layer called on one value, and their key; None where it is not that simple.

        Nearly every layer is called so, and what it returns is never a constant. This is what `Rule.bind_module`,
        `lift` and `key_of` come to then, in one loop.
        """
        names = rule.signature.names
        if not names:
            return None
        own, attributes = module.__dict__, rule.attributes
        parameters = own["_parameters"]
        tensors, memories, params = self.state.tensors, self._memories, self._params
        bound = {names[0]: self.lift(input, names[0])}
        key = key_of(rule, bound.values())
        for name in names[1:]:
            if name in own and name not in attributes:
                value = own[name]
            elif name in parameters:
                value = parameters[name]
            else:
                value = rule.attribute(module, name)
                if value is _OPEN:
                    return None
            cls = type(value)
            if (cls is nn.Parameter or cls is torch.Tensor) and id(value) in tensors and id(value) not in memories:
                entry = tensors[id(value)]  # a weight or buffer that nobody wrote on
                if entry.spec is None:
                    return None
                value = params[entry.name] = entry.spec
                self._weights.append(name)
                key += (value.shape, value.dtype, value.device)
            elif value is None or cls is bool or cls is str:
                key.append(value)
            else:
                if cls is TensorSpec:
                    self.lift_packed(value, name)
                elif cls not in PLAIN:
                    value = self.lift(value, name)
                extend_key(key, value)
            bound[name] = value
        if rule.signature.rest is not None:
            bound[rule.signature.rest] = ()
        return bound, key

    def _aliased(self, rule: Rule, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Memory | None:
        """The memory of the argument whose storage the result shares."""
        names = rule.signature.positional
        index = names.index(rule.alias) if rule.alias in names else -1
        base = args[index] if 0 <= index < len(args) else kwargs.get(rule.alias or "")
        if not isinstance(base, torch.Tensor):
            return None
        return self.memory_of(base)

    def _check_out(self, outcome: Outcome, written: Any, about: Callee) -> None:
        """``out=`` takes another shape as it must, but only dtypes that the result fits into."""
        for result, (_, tensor) in zip(outcome.outputs, leaves(written, (torch.Tensor,)), strict=False):
            dtype = self.abstract_of(tensor)._spec.dtype
            if result.dtype is not dtype and (about.exact_out or not can_cast(result.dtype, dtype)):
                raise ShapeError(f"the result is {result.dtype_name}, out is {str(dtype).removeprefix('torch.')}")

    def _check_in_place(self, outcome: Outcome, written: Any, about: Callee) -> None:
        if (
            not isinstance(written, torch.Tensor)
            or about.reshapes
            or about.name == "__setitem__"
            or not outcome.outputs
        ):
            return
        result, spec = outcome.outputs[0], self.abstract_of(written)._spec
        if result.shape == spec.shape and result.dtype is spec.dtype:
            return
        if len(result.shape) != len(spec.shape) or None in map(meet, result.shape, spec.shape):
            raise ShapeError(f"the result has shape {result.shape} and is written in place over one of {spec.shape}")
        if not can_cast(result.dtype, spec.dtype):
            raise ShapeError(f"the result is {result.dtype_name} and is written in place over {spec.dtype_name}")

    def _record(
        self,
        op: str,
        kind: Kind,
        target: str,
        outcome: Outcome,
        alias: Memory | None,
        call: tuple[tuple[Any, ...], dict[str, Any]],
    ) -> Node:
        if outcome.status == "bounded":
            self.exact = False
        params = tuple(self._params)
        if params:
            self.used.update(params)
        fields = (
            self._name(op, kind),
            op,
            kind,
            target,
            self.stack,
            tuple(self._edges),
            outcome.outputs,
            outcome.arguments,
            params,
            outcome.counts,
            outcome.traffic,
            outcome.status,
            alias.root if alias is not None else "",
            user_line(4),  # _record, and two more of the recorder's and the capture's, are not the user's
            outcome.notes,
            call,
            outcome.paths,
        )
        node = record(Node, fields)
        self.nodes.append(node)
        if self._followed and self._passes_gradients(node):
            self._followed.add(node.id)
        return node

    def _passes_gradients(self, node: Node) -> bool:
        if node.op == "detach" or not torch.is_grad_enabled():
            return False
        return any(edge.source in self._followed for edge in node.inputs)

    def follow(self, tensor: AbstractTensor) -> None:
        """Say of everything computed of a tensor from now on that it requires gradients."""
        self.wanted.append(tensor)
        if isinstance(tensor._ref, Ref):
            self._followed.add(tensor._ref.source)

    # --- results ------------------------------------------------------------------------------------------------

    def _wrap(self, node: Node, result: Any, memory: Memory, about: Callee | None) -> Any:
        followed = bool(self._followed) and node.id in self._followed
        if type(result) is TensorSpec and not followed:
            return AbstractTensor.make(result, record(Ref, (node.id, 0)), memory)
        if not isinstance(result, (tuple, list, TensorSpec)):
            return result
        index = -1

        def wrap(spec: TensorSpec) -> AbstractTensor:
            nonlocal index
            index += 1
            tensor = AbstractTensor.make(spec, Ref(node.id, index), memory)
            if followed:
                tensor._wants_grad = spec.dtype.is_floating_point or spec.dtype.is_complex
            return tensor

        wrapped = map_tensors(wrap, result, (TensorSpec,))
        named = about.record if about is not None else None
        return named(wrapped) if named is not None and len(wrapped) == named.n_fields else wrapped

    def _write(self, node: Node, written: Any, outcome: Outcome, about: Callee, known: int) -> Any:
        """The call wrote its result over ``written`` (one tensor, or a tuple of them for ``out=``)."""
        targets = [written]
        if type(written) is not AbstractTensor:
            targets = [leaf for _, leaf in leaves(written, (torch.Tensor,))]
        for index, tensor in enumerate(targets):
            memory = self.memory_of(tensor)
            memory.writer = node.id
            memory.writes += 1
            memory.known = min(memory.known, known)
            if isinstance(tensor, AbstractTensor) and about.name != "__setitem__":
                spec = outcome.outputs[index] if index < len(outcome.outputs) else tensor._spec
                if spec.shape != tensor._spec.shape:
                    reshape_in_place(tensor, spec)
                tensor._ref = Ref(node.id, index)
                tensor._seen = memory.writes
        return None if about.name == "__setitem__" else written

    def _locate(self, error: AnalyzerError, op: str) -> AnalyzerError:
        rows = [(edge.slot, f"{edge.spec}   from {edge.source}") for edge in self._edges]
        rows += [(name.rpartition(".")[2], f"{spec}   {name}") for name, spec in self._params.items()]
        path = self.stack[-1]
        return error.locate(f"{path} ({op})" if path else op, tuple(rows), user_line())


def is_open_call(args: Any, kwargs: Any, outputs: tuple[TensorSpec, ...]) -> bool:
    """Whether a call takes or makes open sizes: no numbers can be worked out of it."""
    sizes = [size for spec in outputs for size in spec.shape]
    return torch.SymInt in map(type, sizes) or any(True for _ in leaves((args, kwargs), _OPEN_SIZES))


_OPEN_SIZES = (torch.SymInt, torch.SymFloat, torch.SymBool)


def reshape_in_place(tensor: AbstractTensor, spec: TensorSpec) -> None:
    """Give an abstract tensor another shape, keeping the object: unsqueeze_, resize_, ``x.data = y``, ``out=``."""
    twin = AbstractTensor.make(spec, tensor._ref, tensor._memory)
    try:
        swap(tensor, twin)
    except RuntimeError:  # C++ holds it, as vmap and autograd do, and reads the sizes there
        with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction():
            vars(torch._C.TensorBase)["data"].__set__(tensor, twin)
        tensor._spec = spec
