"""analyze(): inputs to specs, rules, capture, passes, `Analysis`. The walk through the files, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import nn

from analyzer.analysis import Analysis
from analyzer.capture import Capture, Observer
from analyzer.closing import closed
from analyzer.dimensions import inherited, open_names, opened, with_dynamic_shapes
from analyzer.errors import AnalyzerError, Diagnostic, InputError
from analyzer.graph import Graph
from analyzer.inputs import as_specs
from analyzer.interception import paused_collection
from analyzer.leftovers import clear_locals, leftovers_taken_back
from analyzer.passes.fold_batchnorm import fold_batchnorm
from analyzer.plugins import installed_rules
from analyzer.pytree import leaves
from analyzer.ruleset import RuleSet
from analyzer.symbolic.domain import Domain, Name

__all__ = ["analyze"]


def analyze(
    model: Callable[..., Any],
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    rules: RuleSet | None = None,
    on_unknown: str = "raise",
    training: bool | None = None,
    assume: Mapping[str, Any] | bool | None = None,
    observe: Observer | None = None,
    hints: Mapping[str, int] | None = None,
    dynamic_shapes: Any = None,
) -> Analysis:
    """Say what a model costs, and where, without running it.

    Args:
        model: an ``nn.Module`` (weights on any device, on meta, or lazy) or any callable over tensors.
        args: positional inputs, as in ``torch.export.export(mod, args, kwargs)``. Every leaf may be a real tensor
            (only its metadata is read), a `TensorSpec`, a `Known` (its values are read too), or a plain Python value.
            Shorthands: one tensor, one spec, and for a module one bare shape of two or more ints, which is one float32
            tensor.
        kwargs: keyword inputs.
        rules: rules of your own; they take the place of the installed ones for the same targets.
        on_unknown: what happens where nobody knows a shape: ``"raise"``, or ``"bound"`` to go on as if the call
            returned a tensor like its first one. Totals are lower bounds then.
        training: None analyzes the model as it stands; True or False sets every module's flag for the analysis and puts
            it back.
        assume: what values are that only data knows: ``{"model.py:41": True}`` says which way the branch in that line
            goes, or which number it reads; a function's name may stand for the line. At a line that takes as many as
            data decide, it is how many. True or False alone answers every branch. Each answer used leaves a Diagnostic.
        observe: is told of every call of a module before it is made, ``observe(path, module, args, kwargs)``, with
            abstract tensors, and returns a function that is told the result.
        hints: for dimensions that stay open, ``TensorSpec(("B", 3, "H", "W"))``, the sizes that decide branches:
            ``{"H": 384}``. Sensible ones are taken for names that are left out.
        dynamic_shapes: the same, said as to ``torch.export.export``: ``{"x": {0: Dim("batch", min=2, max=64)}}``. The
            sizes of the inputs are the hints.

    Returns:
        An `Analysis`. Nothing is printed, and the model is as before.

    Raises:
        AnalyzerError: one sentence that says what is wrong, where in the model, and what to do. `InputError` for a
            wrong call, `ShapeError` for shapes that do not fit, `DataDependentError` where the model asks for values,
            `MissingRuleError` where nobody knows an operation, `ModelError` where the model raises by itself.

    >>> from torch import nn
    >>> model = nn.Sequential(nn.Conv2d(3, 5, (7, 11), padding=(3, 5), bias=False), nn.ReLU()).eval()
    >>> analyze(model, (2, 3, 13, 17)).total("flops")
    1018810
    """
    if on_unknown not in ("raise", "bound"):
        raise InputError(f'on_unknown is "raise" or "bound", not {on_unknown!r}')
    if training not in (None, True, False):
        raise InputError(f"training is None, True or False, not {training!r}")
    with paused_collection(), leftovers_taken_back():
        try:
            return _analyze(model, args, kwargs, rules, on_unknown, training, assume, observe, hints, dynamic_shapes)
        except AnalyzerError as error:
            # The user's line is part of the message; the way here through the analyzer is of no use to them, and it
            # holds what was alive there.
            clear_locals(error)
            raise error.with_traceback(None) from error.__cause__


def _analyze(
    model: Callable[..., Any],
    args: Any,
    kwargs: Mapping[str, Any] | None,
    rules: RuleSet | None,
    on_unknown: str,
    training: bool | None,
    assume: Mapping[str, Any] | bool | None,
    observe: Observer | None,
    hints: Mapping[str, int] | None,
    dynamic_shapes: Any,
) -> Analysis:
    known = installed_rules() if rules is None else _with(rules)
    inputs = as_specs(model, args, kwargs)
    if dynamic_shapes is not None:
        positional, keywords, sizes = with_dynamic_shapes(model, *inputs, dynamic_shapes)
        inputs, hints = (positional, keywords), {**sizes, **(hints or {})}
    names = open_names(inputs, hints)

    def new_capture() -> Capture:
        return Capture(
            known, training=training, on_unknown=on_unknown, assume=assume, observe=observe, has_open_sizes=bool(names)
        )

    if names:
        capture, graph, outputs, domain = _on_open_sizes(new_capture, model, inputs, names)
    else:
        capture = new_capture()
        (graph, outputs), domain = capture.run(model, *inputs), None
    graph = fold_batchnorm(graph)
    params = sum([parameter.spec.numel for parameter in graph.parameters.values() if not parameter.buffer])
    given = (tensor for _, tensor in leaves((args, kwargs), (torch.Tensor,)))
    diagnostics = (*_standing(model, graph, training), *_sparse((*given, *capture.held())), *capture.diagnostics)
    return Analysis(graph, outputs, params, diagnostics, _versions(model), known, domain)


def _on_open_sizes(
    new_capture: Callable[[], Capture], model: Any, inputs: tuple[Any, Any], names: tuple[Name, ...]
) -> tuple[Capture, Graph, Any, Domain]:
    """Capture on symbolic ints, and give formulas back."""
    from analyzer.symbolic.sizes import Pinned, open_sizes  # torch's symbolic algebra takes half a second to import

    pinned: dict[str, Pinned] = {}
    while True:
        capture = new_capture()
        with open_sizes(tuple(name for name in names if name.name not in pinned)) as sizes:
            try:
                plain = {name: pin.size for name, pin in pinned.items()}
                graph, outputs = capture.run(model, *opened(inputs, {**sizes.sizes, **plain}))
            except Pinned as pin:
                pinned[pin.name] = pin
                continue
            except AnalyzerError as error:
                sizes_said = ", ".join(f"{name.name} = {name.hint:,}" for name in names)
                error.details += (("sizes", f"{sizes_said} decide; others by hints="),)
                raise
            domain = sizes.conclude(names)
            given = [*inherited(inputs), *(pin.condition for pin in pinned.values())]
            domain.conditions[:0] = [one for one in given if one not in domain.conditions]
            graph, outputs = closed(graph, outputs, sizes.number)
            return capture, graph, outputs, domain


def _with(rules: RuleSet) -> RuleSet:
    if not isinstance(rules, RuleSet):
        raise InputError(f"rules is a RuleSet, not a {type(rules).__name__}")
    joined = _joined.get(id(rules))
    if joined is None or joined[0] is not rules or joined[1] != len(rules):
        if len(_joined) > 64:
            _joined.clear()
        joined = _joined[id(rules)] = (rules, len(rules), installed_rules().override(rules))
    return joined[2]


# Joining a thousand targets anew for each of many analyses would cost more than a small model's capture.
_joined: dict[int, tuple[RuleSet, int, RuleSet]] = {}


def _standing(model: Any, graph: Any, training: bool | None) -> list[Diagnostic]:
    remarks = []
    if training is None and isinstance(model, nn.Module) and getattr(model, "training", False):
        remarks.append(
            Diagnostic(
                "training-mode",
                "",
                "the model stands in training mode: dropout and BatchNorm count as in training",
                "call model.eval(), or analyze(..., training=False)",
            )
        )
    unused = [p for p in graph.parameters.values() if not p.used and not p.buffer]
    if unused:
        names = ", ".join(p.name for p in unused[:3]) + (", ..." if len(unused) > 3 else "")
        elements = sum(p.spec.numel for p in unused)
        message = f"{len(unused)} parameters ({elements:,} elements) were read by no call: {names}"
        remarks.append(Diagnostic("unused-parameters", "", message))
    return remarks


def _sparse(tensors: tuple[torch.Tensor, ...]) -> list[Diagnostic]:
    if _SPARSE.isdisjoint([tensor.layout for tensor in tensors]):
        return []
    message = "sparse tensors are taken for dense ones: calls of them count every element, stored or not"
    return [Diagnostic("sparse-as-dense", "", message, "torch.sparse.mm says that its cost is a bound")]


_SPARSE = frozenset(
    {torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc},
)


def _versions(model: Any) -> dict[str, str]:
    """The versions that the numbers hold for."""
    found = {"torch": torch.__version__.partition("+")[0]}
    package = type(model).__module__.partition(".")[0]
    for name in ("flopgraph", package):
        if name not in ("torch", "__main__", "builtins") and name not in found:
            number = _version_of(name)
            if number:
                found[name] = number
    return found


_found_versions: dict[str, str] = {}


def _version_of(name: str) -> str:
    if name not in _found_versions:
        try:
            _found_versions[name] = version(name)
        except PackageNotFoundError:
            _found_versions[name] = str(getattr(sys.modules.get(name), "__version__", ""))
    return _found_versions[name]
