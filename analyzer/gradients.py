"""Gradients that a model asks for in forward: ``torch.autograd.grad``, ``.backward()`` and what it leaves in ``.grad``.

They have the shapes of what they are gradients of. The cost of the backward pass is an estimate that is read off the
graph: every call between the inputs and the outputs costs itself once more for each operand that is on the way. That is
the count of a product, such as a linear layer: one product for the gradient of its input, one for that of its weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch._C._functorch import is_functorch_wrapped_tensor

from analyzer.abstract import AbstractTensor
from analyzer.counts import Counts, Traffic
from analyzer.errors import Diagnostic, ShapeError
from analyzer.nets import without_override_checks
from analyzer.node import Attribute, Node, Ref
from analyzer.propagate import Outcome, paths_of
from analyzer.pytree import leaves
from analyzer.questions import Answer
from analyzer.recorder import Recorder
from analyzer.rule import Rule
from analyzer.spec import TensorSpec

__all__ = ["GRADIENTS"]

Tensors = Sequence[torch.Tensor]


@dataclass
class _Way:
    """What is between some tensors and the outputs computed of them.

    Attributes:
        calls: each call on the way, with how many of its operands are.
        used: which of the tensors the outputs depend on.
    """

    calls: list[tuple[Node, int]]
    used: list[bool]


def _grad(recorder: Recorder, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if any(map(is_functorch_wrapped_tensor, _listed(args[0]))):  # torch.func has the way back, also after its end
        return without_override_checks(function)(*args, **kwargs)
    return _partial_derivatives(recorder, function, *args, **kwargs)


def _partial_derivatives(
    recorder: Recorder, function: Any, outputs: Any, inputs: Any, grad_outputs: Any = None,
    retain_graph: bool | None = None, create_graph: bool = False, only_inputs: bool = True,
    allow_unused: bool | None = None, is_grads_batched: bool = False, materialize_grads: bool = False,
) -> Any:  # fmt: skip
    """``torch.autograd.grad``: one gradient for every input, None for one that nothing depends on."""
    ends, starts = _listed(outputs), _listed(inputs)
    _check_scalars(recorder, ends, _listed(grad_outputs), "grad")
    way = _way(recorder, ends, starts)
    if not all(way.used) and not (allow_unused or materialize_grads):
        raise RuntimeError(
            "One of the differentiated Tensors appears to not have been used in the graph. "
            "Set allow_unused=True if this is the desired behavior."
        )
    batch = recorder.abstract_of(_listed(grad_outputs)[0])._spec.shape[:1] if is_grads_batched else ()
    given = {"outputs": outputs, "inputs": inputs, "grad_outputs": grad_outputs}
    wanted = [used or materialize_grads for used in way.used]
    gradients = iter(_record(recorder, function, given, starts, wanted, way, batch))
    found = tuple(next(gradients) if has else None for has in wanted)
    return dict(zip(inputs, found, strict=True)) if isinstance(inputs, Mapping) else found


def _backward(recorder: Recorder, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """``x.backward()`` and ``torch.autograd.backward``: gradients for every leaf that wants one, in its ``.grad``."""
    named = dict(zip(("tensors", "gradient", "retain_graph", "create_graph", "inputs"), args, strict=False)) | kwargs
    ends = _listed(named.get("tensors", named.get("self")))
    seeds = _listed(named.get("gradient", named.get("grad_tensors")))
    _check_scalars(recorder, ends, seeds, "backward")
    chosen = named.get("inputs")
    starts = list(_listed(chosen)) if chosen is not None else _leaves(recorder)
    way = _way(recorder, ends, starts)
    given = {"tensors": list(ends), "grad_tensors": list(seeds)}
    gradients = iter(_record(recorder, function, given, starts, way.used, way, ()))
    for tensor, used in zip(starts, way.used, strict=True):
        if used:
            recorder.gradients[id(tensor)] = (tensor, next(gradients))


def _requires_grad(recorder: Recorder, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``x.requires_grad_()`` and ``x.retain_grad()``: gradients of this tensor may be asked for."""
    tensor, wants = args[0], args[1] if len(args) > 1 else kwargs.get("requires_grad", True)
    if isinstance(tensor, AbstractTensor):
        tensor._wants_grad = wants
        if wants:
            recorder.follow(tensor)
    return tensor


def _leaves(recorder: Recorder) -> list[torch.Tensor]:
    trained = [entry.tensor for entry in recorder.state.tensors.values() if entry.spec and entry.tensor.requires_grad]
    return [*recorder.wanted, *trained]


def _listed(value: Any) -> Tensors:
    if value is None:
        return ()
    if isinstance(value, Mapping):
        return tuple(value.values())
    return (value,) if isinstance(value, torch.Tensor) else tuple(value)


def _check_scalars(recorder: Recorder, outputs: Tensors, seeds: Tensors, name: str) -> None:
    """Without gradients to start from, an output is one number."""
    for index, output in enumerate(outputs):
        spec = recorder.abstract_of(output)._spec
        if spec.numel != 1 and (index >= len(seeds) or seeds[index] is None):
            raise ShapeError(f"{name} of an output that is no single number needs grad_outputs: it is {spec}")


def _way(recorder: Recorder, outputs: Tensors, inputs: Tensors) -> _Way:
    """Follow the graph from the inputs on, and back from the outputs."""
    starts = [recorder.abstract_of(tensor) for tensor in inputs]
    weights = {start._ref.name: start.ndim for start in starts if isinstance(start._ref, Attribute)}
    reached = {start._ref.source for start in starts if isinstance(start._ref, Ref)}
    operands: dict[str, int] = {}
    for node in recorder.nodes:
        count = _operands(node, reached, weights)
        if count and node.op != "detach" and any(_is_differentiable(spec) for spec in node.outputs):
            reached.add(node.id)
            operands[node.id] = count
    needed = _sources(recorder, outputs)
    used_weights: set[str] = set()
    calls: list[tuple[Node, int]] = []
    for node in reversed(recorder.nodes):
        if node.id in needed and node.id in operands:
            needed.update(edge.source for edge in node.inputs)
            used_weights.update(node.params)
            calls.append((node, operands[node.id]))
    refs = [start._ref for start in starts]
    used = [ref.name in used_weights if isinstance(ref, Attribute) else ref.source in needed for ref in refs]
    return _Way(calls, used)


def _operands(node: Node, reached: set[str], weights: Mapping[str, int]) -> int:
    """How many operands of a call gradients are wanted of, two at most: no call has more products.

    A bias beside a weight has no product of its own.
    """
    slots = {edge.slot for edge in node.inputs if edge.source in reached}
    dims = [weights[name] for name in node.params if name in weights]
    products = len(slots - {"bias"}) + sum(ndim > 1 for ndim in dims)
    return min(products, 2) or min(len(slots) + len(dims), 1)


def _sources(recorder: Recorder, tensors: Tensors) -> set[str]:
    """The calls that made some tensors, or wrote on them last."""
    ends = [recorder.abstract_of(tensor) for tensor in tensors]
    written = {end._memory.writer for end in ends if end._seen != end._memory.writes}
    return written | {end._ref.source for end in ends if isinstance(end._ref, Ref)}


def _is_differentiable(spec: TensorSpec) -> bool:
    return spec.dtype.is_floating_point or spec.dtype.is_complex


def _record(
    recorder: Recorder,
    function: Any,
    given: Mapping[str, Any],
    starts: Tensors,
    wanted: Iterable[bool],
    way: _Way,
    batch: tuple[int, ...],
) -> list[AbstractTensor]:
    """One call for the whole backward pass; its results, the gradients."""
    specs = [recorder.abstract_of(tensor)._spec for tensor, has in zip(starts, wanted, strict=True) if has]
    result = tuple(spec.with_shape(*batch, *spec.shape) for spec in specs)
    times = batch[0] if batch else 1
    counts = sum((node.counts * (operands * times) for node, operands in way.calls), Counts())
    read = sum(node.traffic.read + node.traffic.written for node, _ in way.calls)
    traffic = Traffic(read=read, written=sum(spec.nbytes for spec in result))
    kept = {name: recorder.recorded(value) for name, value in given.items()}
    outcome = Outcome(result, result, kept, counts, traffic, paths=paths_of(result))
    rule = Rule("backward", (), _no_shape, alias=None)
    gradients = recorder.record_outcome(rule, function, (), dict(given), outcome)
    node = recorder.nodes[-1]
    message = (
        f"the cost of a backward pass is estimated: {len(way.calls)} calls, each once for every operand on its way"
    )
    remark = Diagnostic("backward-estimated", node.id, message)
    recorder.assumptions.remarks.setdefault(f"backward {node.source}", remark)
    return [leaf for _, leaf in leaves(gradients, (AbstractTensor,))]


def _no_shape(outputs: Any = None, inputs: Any = None) -> TensorSpec:
    raise NotImplementedError("the gradients of a capture have the shapes of its tensors")


GRADIENTS: Mapping[str, Answer] = {
    "grad": _grad,
    "backward": _backward,
    "requires_grad_": _requires_grad,
    "retain_grad": _requires_grad,
}
