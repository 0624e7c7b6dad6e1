"""ultralytics-thop without running the model: change the import, and nothing else.

``from thop import profile`` becomes ``from analyzer.compat.ultralytics_thop import profile``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

import torch
from torch import nn

from analyzer.compat.arguments import require
from analyzer.compat.calls import Call, Run
from analyzer.compat.thop.counts import Counted, amounts, analyzed, params_below
from analyzer.compat.thop.custom import Custom, Rule
from analyzer.compat.thop.prints import announce
from analyzer.compat.ultralytics_thop.proxies import check_stride, estimated
from analyzer.targets import describe_target
from analyzer.tools.ultralytics_thop import HOOKS, ULTRALYTICS_THOP, counted

__all__ = ["clever_format", "default_dtype", "profile", "profile_origin"]

default_dtype = torch.float64
Layers = dict[str, tuple[float, float, Any]]
_MISSING = "Treat it as zero Macs."


def profile(
    model: nn.Module,
    inputs: Any,
    custom_ops: Mapping[type, Rule | None] | None = None,
    verbose: bool = True,
    ret_layer_info: bool = False,
    report_missing: bool = False,
    stride: int | tuple[int, int] | None = None,
    min_cells: int = 1,
    *,
    faithful: bool = False,
) -> tuple[float, float] | tuple[float, float, Layers]:
    """Multiply-accumulates and parameters of a model in evaluation, and what norms, pooling and resizing take.

    Args:
        model: the model, which is not run and stays as it is.
        inputs: its positional inputs: tensors, of which only shapes are read, or `TensorSpec`.
        custom_ops: class -> ``count(m, x, y)``, which adds to ``m.total_ops`` what a call of a layer of that class, or
            of one derived from it, costs. Its number stands for everything that happens inside.
        verbose: print how each class of layers is counted.
        ret_layer_info: return the layers too.
        report_missing: print what is not counted; sets ``verbose``.
        stride: lets the tool estimate the cost of a large image from small ones, which are multiples of the stride. It
            is not needed here, as the image itself takes no longer; ``faithful`` gives the estimate.
        min_cells: how many strides wide the smallest of those is.
        faithful: give what the tool itself prints. It does not count functions other than products, nor some of
            those; it adds what a function of ``custom_ops`` says to what layers inside count.

    Returns:
        operations, parameters, and if asked for the layers: name -> (operations, parameters, layers inside).

    Raises:
        InputError: the call is wrong.
        ModelError: a function of ``custom_ops`` fails.

    Source: ultralytics-thop 2.2.3.

    >>> from analyzer import TensorSpec
    >>> class Net(nn.Module):
    ...     def forward(self, x, w):
    ...         return torch.softmax(x @ w, -1)
    >>> inputs = TensorSpec((3, 5)), TensorSpec((5, 7))
    >>> profile(Net(), inputs, verbose=False), profile(Net(), inputs, verbose=False, faithful=True)
    ((165.0, 0.0), (105.0, 0.0))
    """
    custom = Custom(custom_ops, _is_builtin)
    result = _with_arguments_in_order(analyzed(model, inputs))
    if verbose or report_missing:
        announce(model, custom, _hook_of, _MISSING if report_missing and faithful else "")
    cell = None if stride is None or ret_layer_info else check_stride(inputs, stride, min_cells)
    if not faithful:
        right = Counted(model, result, ULTRALYTICS_THOP.right, custom, _zero)
        if report_missing:
            right.report_missing()
        return (right.total, right.params, right.layers()) if ret_layer_info else (right.total, right.params)
    ops, functions = _hooked(model, result, custom)
    params = float(result.analysis.params)
    if ret_layer_info:
        return sum(ops.values()) + functions, params, _layers(model, result, ops)
    if cell is None:
        return sum(ops.values()) + functions, params

    def measure(image: Any) -> tuple[float, float]:
        ops, functions = _hooked(model, _with_arguments_in_order(analyzed(model, (image,))), custom)
        return sum(ops.values()) + functions, functions

    return estimated(measure, model, inputs[0], cell, min_cells, custom), params


def profile_origin(
    model: nn.Module,
    inputs: Any,
    custom_ops: Mapping[type, Rule | None] | None = None,
    verbose: bool = True,
    report_missing: bool = False,
    *,
    faithful: bool = False,
) -> tuple[float, float]:
    """As `profile`. With ``faithful``, what the tool prints leaves out products in functions.

    Args:
        model: as for `profile`, like all others.
        inputs: as above.
        custom_ops: as above.
        verbose: as above.
        report_missing: as above.
        faithful: give what the tool's own ``profile_origin`` prints.

    Returns:
        operations and parameters.

    >>> profile_origin(nn.Linear(7, 5), (torch.zeros(3, 7),), verbose=False)
    (105.0, 40.0)
    """
    if not faithful:
        right = profile(model, inputs, custom_ops, verbose, False, report_missing)
        return right[0], right[1]
    custom = Custom(custom_ops, _is_builtin)
    result = _with_arguments_in_order(analyzed(model, inputs))
    if verbose or report_missing:

        def skip(module: nn.Module) -> bool:
            known = _hook_of(module) or custom.knows(module)
            return not known and next(module.children(), None) is not None

        announce(model, custom, _hook_of, _MISSING if report_missing else "", skip)
    ops, _ = _hooked(model, result, custom)
    return sum(ops.values()), float(result.analysis.params)


def clever_format(nums: float | Iterable[float], format: str = "%.2f") -> str | tuple[str, ...]:
    """Numbers with a unit each: T, G, M and K from a thousand of the next one on, B for others.

    Args:
        nums: one number or several.
        format: how a number is written.

    Returns:
        text for one number, a tuple for several.

    Raises:
        InputError: they are no numbers.

    >>> clever_format([1000, 25557032.0], "%.3f"), clever_format(-231)
    (('1.000K', '25.557M'), '-231.00B')
    """
    numbers = list(nums) if isinstance(nums, Iterable) else [nums]
    texts = []
    for number in numbers:
        require("nums", number, (Real, torch.Tensor), "one number or several")
        scale, unit = next(((scale, unit) for scale, unit in _UNITS if abs(number) >= scale), (1, "B"))
        texts.append(format % (number / scale) + unit)
    return texts[0] if len(texts) == 1 else tuple(texts)


_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K"))


def _is_builtin(cls: type) -> bool:
    return describe_target(cls) in HOOKS


def _hook_of(module: nn.Module) -> str:
    names = map(describe_target, type(module).__mro__)
    return next((HOOKS[name] for name in names if name in HOOKS), "")


def _zero(module: nn.Module) -> dict[str, Any]:
    return {"total_ops": 0}


def _with_arguments_in_order(result: Run) -> Run:
    """Calls with what was given by name in its place among the positional arguments, as functions are shown it."""
    return Run(result.analysis, [replace(call, args=_in_order(call)) if call.kwargs else call for call in result.calls])


def _in_order(call: Call) -> tuple[Any, ...]:
    try:
        bound = inspect.signature(call.module.forward).bind(*call.args, **call.kwargs)
    except (TypeError, ValueError):  # a forward that says nothing about its parameters
        return call.args
    named = bound.signature.parameters
    return (*bound.args, *(value for name, value in bound.kwargs.items() if name in named))


def _hooked(model: nn.Module, result: Run, custom: Custom) -> tuple[dict[str, float], int]:
    """Module -> what the tool's hooks add up on it; and its count of functions."""
    graph = result.analysis.graph
    hooks = custom.hooks(result.calls)
    in_layers = counted(graph, hooks, functions=False)
    functions = sum(counted(graph, hooks)) - sum(in_layers)
    ops = dict.fromkeys(graph.modules, 0.0)
    for node, count in zip(graph, in_layers, strict=True):
        ops[node.module] += count
    rules = [(call, custom.rule(call.module)) for call in result.calls]
    asked = [(call, rule) for call, rule in rules if rule is not None]
    for (call, _), amount in zip(asked, amounts(model, asked, _zero, fresh=False), strict=True):
        ops[call.path] = amount
    return ops, functions


def _layers(model: nn.Module, result: Run, ops: Mapping[str, float]) -> Layers:
    """The tree as the tool builds it: a module that it comes upon again adds nothing to what is around it."""
    paths = {module: path for path, module in model.named_modules()}
    params = params_below(model, result.analysis)
    added: set[nn.Module] = set()

    def below(module: nn.Module) -> tuple[float, Layers]:
        total, layers = ops[paths[module]], Layers()
        for name, child in module.named_children():
            child_ops, inside = below(child)
            layers[name] = child_ops, params(child), inside
            if child not in added:
                added.add(child)
                total += child_ops
        return total, layers

    return below(model)[1]
