"""thop (pytorch-OpCounter) without running the model: change the import, and nothing else.

``from thop import profile, clever_format`` becomes ``from analyzer.compat.thop import profile, clever_format``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import torch
from torch import nn

from analyzer.compat.arguments import require
from analyzer.compat.calls import Run
from analyzer.compat.thop.counts import Counted, amounts, analyzed, params_below
from analyzer.compat.thop.custom import Custom, Rule
from analyzer.compat.thop.hooks import (
    count_adap_avgpool,
    count_avgpool,
    count_convNd,
    count_gru,
    count_gru_cell,
    count_linear,
    count_lstm,
    count_lstm_cell,
    count_normalization,
    count_prelu,
    count_relu,
    count_rnn,
    count_rnn_cell,
    count_softmax,
    count_upsample,
    register_hooks,
    zero_ops,
)
from analyzer.compat.thop.prints import announce
from analyzer.targets import describe_target
from analyzer.tools.thop import HOOKS, THOP, copies, counted, own_params

__all__ = [
    "clever_format", "count_adap_avgpool", "count_avgpool", "count_convNd", "count_gru", "count_gru_cell",
    "count_linear", "count_lstm", "count_lstm_cell", "count_normalization", "count_prelu", "count_relu", "count_rnn",
    "count_rnn_cell", "count_softmax", "count_upsample", "default_dtype", "profile", "profile_origin",
    "register_hooks", "zero_ops",
]  # fmt: skip

default_dtype = torch.float64
Layers = dict[str, tuple[float, float, Any]]
_BUILTIN = dict(register_hooks)
_MISSING = "Treat it as zero Macs and zero Params."


def profile(
    model: nn.Module,
    inputs: Any = None,
    custom_ops: Mapping[type, Rule | None] | None = None,
    verbose: bool = True,
    ret_layer_info: bool = False,
    report_missing: bool = False,
    *,
    input_size: Sequence[int] | None = None,
    faithful: bool = False,
) -> tuple[float, float] | tuple[float, float, Layers]:
    """Multiply-accumulates and parameters of a model in evaluation, and what norms, pooling and resizing take.

    Args:
        model: the model, which is not run and stays as it is.
        inputs: its positional inputs: tensors, of which only shapes are read, or `TensorSpec`.
        custom_ops: class -> ``count(m, x, y)``, which adds to ``m.total_ops`` what a call of such a layer costs. Its
            number stands for everything that happens inside.
        verbose: print how each class of layers is counted.
        ret_layer_info: return the layers too.
        report_missing: print what is not counted; sets ``verbose``.
        input_size: as the first releases took it: the shape of the only input, in place of ``inputs``.
        faithful: give what thop itself prints. It counts layers by their exact class and nothing else, transposed
            convolutions on their output, shared layers again in every place, and only the parameters of layers that
            it knows.

    Returns:
        operations, parameters, and if asked for the layers: name -> (operations, parameters, layers inside).

    Raises:
        InputError: the call is wrong.
        ModelError: a function of ``custom_ops`` fails.

    Source: thop 0.1.1.post2209072238.

    >>> model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ConvTranspose2d(5, 2, 3, stride=2))
    >>> profile(model, input_size=(2, 3, 13, 17), verbose=False)
    (80850.0, 242.0)
    >>> profile(model, input_size=(2, 3, 13, 17), verbose=False, faithful=True)
    (179490.0, 242.0)
    """
    custom = Custom(custom_ops, also=_own_hooks())
    result = analyzed(model, inputs, input_size)
    if verbose or report_missing:
        announce(model, custom, _hook_of, _MISSING if report_missing and faithful else "")
    if faithful:
        total_ops, total_params, layers = _printed(model, result, custom)
        return (total_ops, total_params, layers) if ret_layer_info else (total_ops, total_params)
    right = Counted(model, result, THOP.right, custom, _zero)
    if report_missing:
        right.report_missing()
    return (right.total, right.params, right.layers()) if ret_layer_info else (right.total, right.params)


def profile_origin(
    model: nn.Module,
    inputs: Any = None,
    custom_ops: Mapping[type, Rule | None] | None = None,
    verbose: bool = True,
    report_missing: bool = False,
    *,
    input_size: Sequence[int] | None = None,
    faithful: bool = False,
) -> tuple[float, float]:
    """As `profile`. With ``faithful``, what thop prints looks at layers that hold no others alone, and at all of those.

    Args:
        model: as for `profile`, like all others.
        inputs: as above.
        custom_ops: as above.
        verbose: as above.
        report_missing: as above.
        input_size: as above.
        faithful: give what thop's own ``profile_origin`` prints.

    Returns:
        operations and parameters.

    >>> profile_origin(nn.Linear(7, 5), (torch.zeros(3, 7),), verbose=False)
    (105.0, 40.0)
    """
    if not faithful:
        right = profile(model, inputs, custom_ops, verbose, False, report_missing, input_size=input_size)
        return right[0], right[1]
    custom = Custom(custom_ops, also=_own_hooks())
    result = analyzed(model, inputs, input_size)
    leaves = {path for path, module in model.named_modules() if not _holds_others(module)}
    if verbose or report_missing:
        announce(model, custom, _hook_of, _MISSING if report_missing else "", skip=_holds_others)
    ops, params = _hooked(model, result, custom), own_params(result.analysis.graph)
    return float(sum(ops[path] for path in leaves)), float(sum(params[path] for path in leaves))


def clever_format(nums: float | Iterable[float], format: str = "%.2f") -> str | tuple[str, ...]:
    """Numbers with a unit each: T, G, M and K above a thousand of the next one, B for others.

    Args:
        nums: one number or several.
        format: how a number is written.

    Returns:
        text for one number, a tuple for several.

    Raises:
        InputError: they are no numbers.

    >>> clever_format([4133742592.0, 25557032.0], "%.3f"), clever_format(231)
    (('4.134G', '25.557M'), '231.00B')
    """
    numbers = list(nums) if isinstance(nums, Iterable) else [nums]
    texts = []
    for number in numbers:
        require("nums", number, (Real, torch.Tensor), "one number or several")
        scale, unit = next(((scale, unit) for scale, unit in _UNITS if number > scale), (1, "B"))
        texts.append(format % (number / scale) + unit)
    return texts[0] if len(texts) == 1 else tuple(texts)


_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K"))


def _own_hooks() -> dict[type, Rule | None]:
    """What the user has put into `register_hooks`."""
    return {cls: hook for cls, hook in register_hooks.items() if _BUILTIN.get(cls) is not hook}


def _hook_of(module: nn.Module) -> str:
    return HOOKS.get(describe_target(type(module)), "")


def _holds_others(module: nn.Module) -> bool:
    return next(module.children(), None) is not None


def _zero(module: nn.Module) -> dict[str, Any]:
    return {name: torch.zeros(1, dtype=default_dtype) for name in ("total_ops", "total_params")}


def _hooked(model: nn.Module, result: Run, custom: Custom) -> Counter[str]:
    """Module -> what thop's hooks add up on it; on a module that it comes upon twice there are two."""
    graph, ops = result.analysis.graph, Counter[str]()
    times = copies(graph)
    for node, count in zip(graph, counted(graph, custom.hooks(result.calls)), strict=True):
        ops[node.module] += count * times[node.module]
    rules = [(call, custom.rule(call.module)) for call in result.calls]
    asked = [(call, rule) for call, rule in rules if rule is not None for _ in range(times[call.path])]
    for (call, _), amount in zip(asked, amounts(model, asked, _zero, fresh=False), strict=True):
        ops[call.path] = amount  # type: ignore[assignment]
    return ops


def _printed(model: nn.Module, result: Run, custom: Custom) -> tuple[float, float, Layers]:
    """What thop adds up, going down from the model as far as layers that it has hooks on."""
    ops, params = _hooked(model, result, custom), params_below(model, result.analysis)
    paths = {module: path for path, module in model.named_modules()}
    called = {call.path for call in result.calls}

    def below(module: nn.Module) -> tuple[float, float, Layers]:
        total_ops, total_params, layers = float(ops[paths[module]]), 0.0, Layers()
        for name, child in module.named_children():
            is_hooked = bool(_hook_of(child)) or custom.rule(child) is not None
            if is_hooked and not isinstance(child, (nn.Sequential, nn.ModuleList)):
                path = paths[child]
                layers[name] = float(ops[path]), params(child) if path in called else 0.0, {}
            else:
                layers[name] = below(child)
            total_ops += layers[name][0]
            total_params += layers[name][1]
        return total_ops, total_params, layers

    return below(model)
