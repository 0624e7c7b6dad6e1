"""Linear layers with quantized weights, which are packed: as modules and as operators.

A module says the shapes of what it packed, so that nothing is unpacked. An operator called on packed weights alone has
only them to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.ao.nn import quantized as nnq
from torch.ao.nn.intrinsic import quantized as nniq
from torch.ao.nn.intrinsic.quantized import dynamic as nniqd
from torch.ao.nn.quantized import dynamic as nnqd
from torch.utils._python_dispatch import _disable_current_modes

from analyzer.counts import Counts, Traffic
from analyzer.errors import MissingRuleError, ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor
from rules.linear import linear
from rules.quantize import check_quantized, dynamic_cost, operators

__all__ = [
    "DYNAMIC_WORDS", "QUANTIZED_WORDS", "RULES", "Attributes", "Maybe", "around", "bias_of", "check_input",
    "packed_weights", "plain_floats", "weight_traffic",
]  # fmt: skip

RULES = RuleSet()

Maybe = TensorSpec | None
Attributes = Mapping[str, Callable[[Any], Any]]

# A sum becomes a quantized output: its bias is part of it, its scale another one, and it is rounded.
_OUTPUT = Counts(mul=1, func=1, add=1, cmp=2)


def bias_of(packed: Any) -> Maybe:
    """The spec of the bias beside packed weights."""
    with _disable_current_modes(), torch._C.DisableTorchFunction():
        bias = packed.bias()
        return None if bias is None else TensorSpec.of(bias)


def packed_weights(packed: Any) -> tuple[TensorSpec, Maybe]:
    """The specs of packed weights and their bias. They know their shapes by unpacking themselves alone."""
    if not hasattr(packed, "unpack"):
        raise MissingRuleError(f"packed weights that cannot say their shapes: {type(packed).__name__}")
    with _disable_current_modes(), torch._C.DisableTorchFunction(), torch.no_grad():
        found = packed.unpack()
        weight, bias = found if isinstance(found, (tuple, list)) else (found, None)
        spec = TensorSpec.of(weight)
        # Weights of 16 bits come out as floats.
        spec = spec.with_dtype(torch.float16) if spec.dtype is torch.float32 else spec
        return spec, None if bias is None else TensorSpec.of(bias)


def plain_floats(spec: Maybe) -> Any:
    """What a float layer's checks may look at: how numbers are kept is not theirs to know."""
    return None if spec is None else spec.with_dtype(torch.float32)


def weight_traffic(out: TensorSpec, input: TensorSpec, weight: TensorSpec, bias: Maybe) -> Traffic:
    weights = weight.nbytes + (0 if bias is None else bias.nbytes)
    return Traffic(input.nbytes + weights, out.nbytes, weights)


def check_input(input: Any, dynamic: bool) -> TensorSpec:
    if not dynamic:
        return check_quantized(input)
    if check_tensor(input, "input").dtype is not torch.float32:
        raise ShapeError(f"input must be float32, got {input.dtype_name}")
    return input  # type: ignore[no-any-return]


def around(out: TensorSpec, input: TensorSpec, weight: TensorSpec, dynamic: bool, after: Counts) -> Counts:
    """What surrounds the products: quantization before or after them, and a function of every output."""
    if not dynamic:
        return (_OUTPUT + after) * out.numel
    if weight.dtype is torch.float16:
        return after * out.numel
    return dynamic_cost(input.numel) + (Counts(mul=1) + after) * out.numel


# Linear ----------------------------------------------------------------------------------------------------------


def linear_weight(module: Any) -> TensorSpec:
    """What a linear layer packed, from the sizes that it says."""
    return TensorSpec((module.out_features, module.in_features), module._packed_params.dtype)


_LINEAR: Attributes = {
    "weight": linear_weight,
    "bias": lambda module: bias_of(module._packed_params._packed_params),
}
_WORDS = (
    "y = x Wᵀ + b with quantized W{}        x (*, K), W (N, K), b (N) -> y (*, N).\n\n"
    "Cost: per output one dot product of length K and one add where there is a bias; {}{}.\nSource: {}"
)
QUANTIZED_WORDS = "1 mul, 1 add, 1 func, 2 cmp to\nscale and round it"
DYNAMIC_WORDS = (
    "1 mul to scale it; n numbers of x\n2 (n − 1) cmp, "
    "and to be quantized each 1 div, 1 add, 1 func, 2 cmp, none for float16"
)


def _linear(name: str, modules: list[Any], named: list[str], dynamic: bool, after: Counts, said: str) -> None:
    def shape(input: TensorSpec, weight: TensorSpec, bias: Maybe = None) -> TensorSpec:
        data = check_input(input, dynamic)
        out: TensorSpec = linear(plain_floats(data), plain_floats(weight), plain_floats(bias))
        return out.with_dtype(data.dtype)

    def cost(out: TensorSpec, input: TensorSpec, weight: TensorSpec, bias: Maybe) -> Counts:
        counts = Counts.dots(out.numel, weight.shape[1]) + Counts(add=0 if bias is None else out.numel)
        return counts + around(out, input, weight, dynamic, after)

    def on_packed(X: TensorSpec, W_prepack: Any, *rest: Any, **more: Any) -> TensorSpec:
        return shape(X, *packed_weights(W_prepack))

    def packed_cost(out: TensorSpec, X: TensorSpec, W_prepack: Any) -> Counts:
        return cost(out, X, *packed_weights(W_prepack))

    def packed_traffic(out: TensorSpec, X: TensorSpec, W_prepack: Any) -> Traffic:
        return weight_traffic(out, X, *packed_weights(W_prepack))

    words = DYNAMIC_WORDS if dynamic else QUANTIZED_WORDS
    function = f", and {said} each" if said else ""
    shape.__doc__ = _WORDS.format(f", and {name.split('_')[-1]}" if said else "", words, function, "torch.ao.nn")
    on_packed.__doc__ = shape.__doc__
    if modules:
        rule = RULES.op(*modules, name=name, attributes=_LINEAR)(shape)
        rule.cost(cost)
        rule.traffic(weight_traffic)
    rule = RULES.op(*operators(*named), name=name)(on_packed)
    rule.cost(packed_cost)
    rule.traffic(packed_traffic)


_NONE, _CMP, _FUNC = Counts(), Counts(cmp=1), Counts(func=1)

_linear("quantized_linear", [nnq.Linear], ["linear"], False, _NONE, "")
_linear("quantized_linear_relu", [nniq.LinearReLU], ["linear_relu"], False, _CMP, "1 cmp")
_linear("quantized_linear_leaky_relu", [nniq.LinearLeakyReLU], ["linear_leaky_relu"], False, _CMP, "1 cmp")
_linear("quantized_linear_tanh", [nniq.LinearTanh], ["linear_tanh"], False, _FUNC, "1 func")
_linear("dynamic_linear", [nnqd.Linear], ["linear_dynamic", "linear_dynamic_fp16"], True, _NONE, "")
_linear(
    "dynamic_linear_relu", [nniqd.LinearReLU], ["linear_relu_dynamic", "linear_relu_dynamic_fp16"], True, _CMP, "1 cmp"
)


@RULES.op(*operators("linear_prepack", "conv1d_prepack", "conv2d_prepack", "conv3d_prepack"), name="prepack")
def prepack(weight: TensorSpec, *rest: Any, **more: Any) -> Any:
    """Weights packed in forward, which no spec can stand for.

    Cost: none.
    Source: torch.ao.nn.quantized.functional
    """
    raise MissingRuleError(
        "the model packs quantized weights in forward, and packed weights have no shapes to follow",
        hint="use a layer of torch.ao.nn.quantized, which packs its weights when it is made",
    )
