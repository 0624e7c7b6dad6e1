"""The rules of both, as any third party writes them."""

import torch

from analyzer import Counts, RuleSet, TensorSpec
from plugin_sample import Gate

RULES = RuleSet()


@RULES.op(torch.ops.plugin_sample.swirl)
def swirl(input: TensorSpec, turns: int) -> TensorSpec:
    """Turn around.

    Cost: a function an element.
    """
    return input.with_shape(input.shape[0], input.shape[1] * turns)


@swirl.cost
def _(out: TensorSpec) -> Counts:
    return Counts(func=out.numel)


@RULES.op(Gate)
def gate(input: TensorSpec, scale: TensorSpec) -> TensorSpec:
    """A learned gate.

    Cost: a product an element.
    """
    return input


@gate.cost
def _(out: TensorSpec) -> Counts:
    return Counts(mul=out.numel)
