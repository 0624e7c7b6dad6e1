"""ptflops' functions, without running the model: ``from analyzer.compat.ptflops import get_model_complexity_info``.

Numbers are multiply-accumulates as ptflops means them: a product is one, and so is an addition of a bias; the pytorch
backend counts the elements of norms, activations, poolings, resized images, sums and products besides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from numbers import Integral
from typing import Any, TextIO

from torch import nn

from analyzer.compat.arguments import LIST, require
from analyzer.compat.ptflops.inputs import batch_of, run_on
from analyzer.compat.ptflops.layers import FaithfulLayers, Layers, images_in, print_layers
from analyzer.compat.ptflops.operators import Operators, print_operators
from analyzer.compat.ptflops.strings import flops_to_string, params_to_string
from analyzer.errors import InputError
from analyzer.tools.ptflops import trainable_params

__all__ = [
    "FLOPS_BACKEND",
    "flops_to_string",
    "get_flops_aten",
    "get_flops_pytorch",
    "get_model_complexity_info",
    "params_to_string",
]


class FLOPS_BACKEND(Enum):  # noqa: N801  (ptflops' name)
    """How operations are found: by layers and functions, or by operators of torch."""

    PYTORCH = "pytorch"
    ATEN = "aten"


def get_model_complexity_info(
    model: nn.Module,
    input_res: tuple[int, ...],
    print_per_layer_stat: bool = True,
    as_strings: bool = True,
    input_constructor: Callable[[Any], Any] | None = None,
    ost: TextIO | None = None,
    verbose: bool = False,
    ignore_modules: Sequence[Any] = (),
    custom_modules_hooks: Mapping[Any, Any] | None = None,
    backend: str | FLOPS_BACKEND = FLOPS_BACKEND.PYTORCH,
    flops_units: str | None = None,
    param_units: str | None = None,
    output_precision: int = 2,
    backend_specific_config: Mapping[str, Any] | None = None,
    *,
    faithful: bool = False,
) -> tuple[Any, Any]:
    """Multiply-accumulates and parameters of a model in evaluation. The model is not run, and stays as it is.

    Args:
        model: a module; it may have no weights (`analyzer.skeleton`).
        input_res: the shape of the input without its batch, which is 1: (3, 224, 224).
        print_per_layer_stat: print the model with parameters and MACs of every module; with the aten backend, what each
            operator counts in the model and in the modules directly below it.
        as_strings: return text, "4.13 GMac" and "25.56 M", and not two ints.
        input_constructor: is given ``input_res`` and returns the inputs: a dict by name, or one value. Tensors may be
            real or `TensorSpec`. With the pytorch backend numbers are shared out to the images of a tensor.
        ost: where to print; ``sys.stdout`` when left out.
        verbose: print which classes of modules, or which operators, count nothing.
        ignore_modules: classes of layers that count nothing; for the aten backend operators,
            ``torch.ops.aten.convolution``.
        custom_modules_hooks: class -> ``hook(module, args, output)``, which adds to ``module.__flops__``; for the aten
            backend operator -> ``hook(args, outputs)``, which returns a number. Tensors have no values.
        backend: ``"pytorch"`` or ``"aten"``.
        flops_units: GMac, MMac or KMac; by size when left out.
        param_units: M, K or B; by size when left out.
        output_precision: digits behind the point.
        backend_specific_config: ``{"count_functional": False}`` leaves out, with the pytorch backend, what no layer
            calls.
        faithful: what ptflops 0.7.5 itself says, faults and all: among others, activations and poolings twice,
            operators such as ``x + y`` and ``x @ y`` and functional layers not at all, frozen parameters left out.

    Returns:
        MACs and parameters. There is no ``(None, None)``: where ptflops prints an error and goes on, this raises.

    Raises:
        InputError: an argument is wrong. AnalyzerError: the model cannot be analyzed; one sentence says why and where.

    >>> model = nn.Sequential(nn.Conv2d(3, 5, 7), nn.ReLU())
    >>> get_model_complexity_info(model, (3, 13, 17), as_strings=False)  # doctest: +ELLIPSIS
    Sequential(
      740, 100.000% Params, 57.37 KMac, 100.000% MACs,...
      (0): Conv2d(740, 100.000% Params, 56.98 KMac, 99.329% MACs, 3, 5, kernel_size=(7, 7), stride=(1, 1))
      (1): ReLU(0, 0.000% Params, 385.0 Mac, 0.671% MACs, )
    )
    (57365, 740)
    >>> get_model_complexity_info(model, (3, 13, 17), print_per_layer_stat=False, faithful=True)
    ('57.75 KMac', '740')
    """
    count = get_flops_pytorch if _backend(backend) is FLOPS_BACKEND.PYTORCH else get_flops_aten
    macs, params = count(
        model,
        input_res,
        print_per_layer_stat,
        input_constructor,
        ost,
        verbose,
        ignore_modules,
        custom_modules_hooks,
        output_precision=output_precision,
        flops_units=flops_units,
        param_units=param_units,
        extra_config=backend_specific_config,
        faithful=faithful,
    )
    if not as_strings:
        return macs, params
    return (
        flops_to_string(macs, units=flops_units, precision=output_precision),
        params_to_string(params, units=param_units, precision=output_precision),
    )


def _backend(backend: Any) -> FLOPS_BACKEND:
    try:
        return FLOPS_BACKEND(getattr(backend, "value", backend))
    except ValueError:
        raise InputError(f'backend is "pytorch" or "aten", not {backend!r}') from None


def _check(ost: Any, ignored: Any, hooks: Any, precision: Any, config: Any) -> None:
    require("ignore_modules", ignored or (), LIST, "a list of classes or operators")
    require("custom_modules_hooks", hooks or {}, Mapping, "a dict of functions by class or operator")
    require("output_precision", precision, Integral, "a whole number")
    require("backend_specific_config", config or {}, Mapping, "a dict")
    if ost is not None and not hasattr(ost, "write"):
        raise InputError(f"ost is a file to print to, not {ost!r:.80}")


def get_flops_pytorch(
    model: nn.Module,
    input_res: tuple[int, ...],
    print_per_layer_stat: bool = True,
    input_constructor: Callable[[Any], Any] | None = None,
    ost: TextIO | None = None,
    verbose: bool = False,
    ignore_modules: Sequence[Any] = (),
    custom_modules_hooks: Mapping[Any, Any] | None = None,
    output_precision: int = 2,
    flops_units: str | None = "GMac",
    param_units: str | None = "M",
    extra_config: Mapping[str, Any] | None = None,
    *,
    faithful: bool = False,
) -> tuple[int, int]:
    """MACs and parameters by layers and functions; the arguments are those of `get_model_complexity_info`.

    >>> get_flops_pytorch(nn.Linear(7, 5), (7,), print_per_layer_stat=False)
    (40, 40)
    """
    _check(ost, ignore_modules, custom_modules_hooks, output_precision, extra_config)
    batch = batch_of(model, input_res, input_constructor)
    functional = bool((extra_config or {}).get("count_functional", True))
    images = images_in(batch, faithful=faithful)
    kind = FaithfulLayers if faithful else Layers
    layers = kind(model, run_on(model, batch), custom_modules_hooks or {}, ignore_modules or (), functional, images)
    if verbose:
        for name in layers.zero_ops():
            print(f"Warning: module {name} is treated as a zero-op.", file=ost)
    if faithful and isinstance(batch, dict):
        print("Warning: inputs by name say nothing of a batch, which is taken for 1.")
    if print_per_layer_stat:
        print_layers(layers, flops_units, param_units, output_precision, ost)
    return int(layers.total), layers.total_params


def get_flops_aten(
    model: nn.Module,
    input_res: tuple[int, ...],
    print_per_layer_stat: bool = True,
    input_constructor: Callable[[Any], Any] | None = None,
    ost: TextIO | None = None,
    verbose: bool = False,
    ignore_modules: Sequence[Any] = (),
    custom_modules_hooks: Mapping[Any, Any] | None = None,
    output_precision: int = 2,
    flops_units: str | None = "GMac",
    param_units: str | None = "M",
    extra_config: Mapping[str, Any] | None = None,
    *,
    faithful: bool = False,
) -> tuple[int, int]:
    """MACs and parameters by operators of torch; the arguments are those of `get_model_complexity_info`.

    >>> get_flops_aten(nn.Linear(7, 5), (3, 7), flops_units=None)
    Total:120 Mac
    Module:  Global
    aten.addmm: 120 Mac
    <BLANKLINE>
    (120, 40)
    """
    _check(ost, ignore_modules, custom_modules_hooks, output_precision, extra_config)
    run = run_on(model, batch_of(model, input_res, input_constructor))
    operators = Operators(model, run, custom_modules_hooks or {}, ignore_modules or (), verbose, faithful)
    for remark in operators.remarks:
        print(remark, file=ost)
    if print_per_layer_stat:
        print_operators(operators, flops_units, output_precision, ost)
    return operators.total, trainable_params(run.analysis.graph) if faithful else run.analysis.params
