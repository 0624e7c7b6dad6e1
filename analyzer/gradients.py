"""Gradients that a model takes in its own forward: forces out of energies, penalties on slopes, Jacobians of flows."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Counts, Traffic
from analyzer.errors import Diagnostic, RuleError
from analyzer.propagate import Outcome, paths_of
from analyzer.pytree import leaves
from analyzer.recorder import Recorder
from analyzer.rule import Rule, tensors
from analyzer.spec import TensorSpec

__all__ = ["take_gradients"]


def take_gradients(recorder: Recorder, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """torch.autograd.grad: a gradient for every input, of its shape.

    What it costs hangs on all that led from the inputs to the outputs and on torch's formulas: it is not counted.
    """
    given = dict(zip(("outputs", "inputs", "grad_outputs"), args, strict=False)) | kwargs
    specs = tuple(recorder.abstract_of(tensor)._spec for tensor in given["inputs"])
    if given.get("is_grads_batched"):
        _, first = next(leaves(given["grad_outputs"], (torch.Tensor,)))
        batch = recorder.abstract_of(first)._spec.shape[0]
        specs = tuple(spec.with_shape(batch, *spec.shape) for spec in specs)
    arguments = {name: recorder.recorded(value) for name, value in given.items()}
    outcome = Outcome(specs, tuple(tensors(specs)), arguments, Counts(), Traffic(), "inferred", paths=paths_of(specs))
    result = recorder.record_outcome(_RULE, function, args, kwargs, outcome)
    note = "the model takes gradients in its forward; what they cost is unknown and not in the totals"
    node = recorder.nodes[-1].id
    recorder.assumptions.remarks[f"gradients {node}"] = Diagnostic("no-rule", node, note)
    return result


def _no_shape(outputs: TensorSpec) -> TensorSpec:
    raise RuleError("gradients have no shape function of their own")


_RULE = Rule("grad", (), _no_shape, alias=None)
