"""Convolutions with quantized weights, which are packed: as modules and as operators."""

from __future__ import annotations

from typing import Any

import torch
from torch.ao.nn import quantized as nnq
from torch.ao.nn.intrinsic import quantized as nniq
from torch.ao.nn.quantized import dynamic as nnqd
from torch.utils._python_dispatch import _disable_current_modes

from analyzer.counts import Counts, Traffic
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules.conv_transpose import RULES as CONVOLUTIONS
from rules.quantize import check_quantized, operators
from rules.quantized_layers import (
    DYNAMIC_WORDS,
    QUANTIZED_WORDS,
    Attributes,
    Maybe,
    around,
    bias_of,
    check_input,
    packed_weights,
    plain_floats,
    weight_traffic,
)  # fmt: skip

__all__ = ["RULES"]

RULES = RuleSet()

_convolution = CONVOLUTIONS[torch.convolution]


def _conv_weight(module: Any) -> TensorSpec:
    ins, outs = module.in_channels, module.out_channels
    pair = (ins, outs // module.groups) if module.transposed else (outs, ins // module.groups)
    return TensorSpec((*pair, *module.kernel_size), torch.qint8)


_CONV: Attributes = {"weight": _conv_weight, "bias": lambda module: bias_of(module._packed_params)}


def _conv(dims: int, transposed: bool, dynamic: bool, suffix: str = "", modules: tuple[Any, ...] = ()) -> None:
    """A convolution as a module and as an operator; ``suffix`` says what follows it."""
    family = f"conv_transpose{dims}d" if transposed else f"conv{dims}d"
    name = f"{'dynamic' if dynamic else 'quantized'}_{family}{suffix}"
    adds = "_add" in suffix
    after = Counts(cmp=int("_relu" in suffix), add=int(adds), mul=int(adds))

    def shape(
        input: TensorSpec, other: Maybe = None, *, weight: TensorSpec, bias: Maybe = None, stride: Any, padding: Any,
        dilation: Any, groups: int, output_padding: Any = 0,
    ) -> TensorSpec:  # fmt: skip
        data = check_input(input, dynamic)
        if len(data.shape) != dims + 2:
            raise ShapeError(f"input must have {dims + 2} dimensions, got {data.ndim}: {data.shape}")
        given = (stride, padding, dilation, transposed, output_padding, groups)
        out: TensorSpec = _convolution.shape(plain_floats(data), plain_floats(weight), plain_floats(bias), *given)
        if adds and check_quantized(other, "other").shape != out.shape:
            raise ShapeError(
                f"other must have the shape of the output, {out.shape}, got {check_quantized(other).shape}"
            )
        return out.with_dtype(data.dtype)

    def cost(out: TensorSpec, input: TensorSpec, weight: TensorSpec, bias: Maybe) -> Counts:
        given = {"input": input, "weight": weight, "bias": bias, "transposed": transposed}
        return _convolution.call_cost(given, out) + around(out, input, weight, dynamic, after)

    def geometry(packed: Any) -> dict[str, Any]:
        weight, bias = packed_weights(packed)
        with _disable_current_modes(), torch._C.DisableTorchFunction():
            sizes = {key: getattr(packed, key)() for key in ("stride", "padding", "dilation", "output_padding")}
            groups = packed.groups()
        # Packed weights of one dimension are kept in two.
        sizes = {key: value[-dims:] for key, value in sizes.items()}
        if weight.ndim > dims + 2:
            weight = weight.with_shape(*weight.shape[:2], *weight.shape[-dims:])
        return {"weight": weight, "bias": bias, "groups": groups, **sizes}

    def on_packed(qx: TensorSpec, packed_weight: Any, *rest: Any, **more: Any) -> TensorSpec:
        return shape(qx, **geometry(packed_weight))

    def on_packed_sum(qx: TensorSpec, qaccum: TensorSpec, packed_weight: Any, *rest: Any, **more: Any) -> TensorSpec:
        return shape(qx, qaccum, **geometry(packed_weight))

    def packed_cost(out: TensorSpec, qx: TensorSpec, packed_weight: Any) -> Counts:
        return cost(out, qx, *packed_weights(packed_weight))

    def packed_traffic(out: TensorSpec, qx: TensorSpec, packed_weight: Any) -> Traffic:
        return weight_traffic(out, qx, *packed_weights(packed_weight))

    shape.__doc__ = (
        f"{family} with quantized weights{suffix.replace('_', ', ')}      x (N, C, *) -> y (N, O, *).\n\n"
        f"Cost: as {family}; an output {DYNAMIC_WORDS if dynamic else QUANTIZED_WORDS};\n"
        "a sum 1 mul, 1 add, a relu 1 cmp an output.\nSource: torch.ao.nn.quantized"
    )
    on_packed.__doc__ = on_packed_sum.__doc__ = shape.__doc__
    if modules:
        rule = RULES.op(*modules, name=name, attributes=_CONV)(shape)
        rule.cost(cost)
        rule.traffic(weight_traffic)
    (operator,) = operators(f"{family}{suffix}{'_dynamic' if dynamic else ''}")
    rule = RULES.op(operator, name=name)(on_packed_sum if adds else on_packed)
    rule.cost(packed_cost)
    rule.traffic(packed_traffic)


for _dims in (1, 2, 3):
    for _transposed, _kind in ((False, "Conv"), (True, "ConvTranspose")):
        _named = f"{_kind}{_dims}d"
        _conv(_dims, _transposed, False, "", (getattr(nnq, _named),))
        _conv(_dims, _transposed, True, "", (getattr(nnqd, _named),))
    _conv(_dims, False, False, "_relu", (getattr(nniq, f"ConvReLU{_dims}d"),))
_conv(2, False, False, "_add", (nniq.ConvAdd2d,))
_conv(2, False, False, "_add_relu", (nniq.ConvAddReLU2d,))
