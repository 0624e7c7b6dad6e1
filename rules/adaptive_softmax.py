"""The adaptive softmax: frequent classes in a head, rarer ones in clusters of their own, each behind a projection."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.adaptive import _ASMoutput

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.rule import Bound
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor
from rules._layer import check_floating
from rules.softmax import log_softmax_counts

__all__ = ["RULES"]

RULES = RuleSet()


def _tail(module: Any) -> tuple[Any, ...]:
    return tuple(layer.weight for projection in module.tail for layer in projection)


def _head(module: Any) -> Any:
    return module.head.weight


def _bias(module: Any) -> Any:
    return module.head.bias


@RULES.op(nn.AdaptiveLogSoftmaxWithLoss, attributes={"head": _head, "bias": _bias, "tail": _tail})
def adaptive_log_softmax_with_loss(
    input_: TensorSpec,
    target_: TensorSpec,
    head: TensorSpec,
    bias: TensorSpec | None,
    tail: tuple[TensorSpec, ...],
) -> Bound:
    """Log-probability of each target, and its mean negated      x (N, D), target (N) -> (N), (); or without N.

    Cost: for each n the head's dot products (an add each with a bias) and log_softmax. Then, as if every target lay in
    the dearest cluster, that cluster's two products, its log_softmax, and 1 add. The mean of the negated: N cmp,
    N - 1 add, 1 div.
    Source: torch.nn.AdaptiveLogSoftmaxWithLoss; Grave et al. 2016, arXiv:1609.04309
    """
    check_floating(input_, "input_")
    if check_tensor(target_, "target_").ndim > 1:
        raise ShapeError(f"target_ must have 0 or 1 dimensions, got {target_.ndim}: {target_.shape}")
    if input_.shape[:-1] != target_.shape or input_.ndim != target_.ndim + 1:
        raise ShapeError(f"input_ must have the batch of target_ and features, got {input_.shape} and {target_.shape}")
    if input_.shape[-1] != head.shape[1]:
        raise ShapeError(f"input_ has {input_.shape[-1]} features, the head takes {head.shape[1]}")
    out = _ASMoutput(input_.with_shape(*target_.shape), input_.with_shape())
    return Bound(out, "as if every target lay in the dearest cluster")


@adaptive_log_softmax_with_loss.cost
def _(target_: TensorSpec, head: TensorSpec, bias: TensorSpec | None, tail: tuple[TensorSpec, ...]) -> Counts:
    rows = target_.numel
    if rows == 0:
        return Counts()
    width, features = head.shape
    counts = Counts.dots(rows * width, features) + log_softmax_counts(rows, width)
    counts += Counts(add=0 if bias is None else rows * width)
    clusters = zip(tail[::2], tail[1::2], strict=True)
    down, up = max(clusters, key=lambda pair: pair[0].numel + pair[1].numel)
    hidden, classes = down.shape[0], up.shape[0]
    counts += Counts.dots(rows * hidden, features) + Counts.dots(rows * classes, hidden)
    return counts + log_softmax_counts(rows, classes) + Counts(add=2 * rows - 1, cmp=rows, div=1)
