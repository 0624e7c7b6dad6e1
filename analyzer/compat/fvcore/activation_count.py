"""``fvcore.nn.activation_count``: elements of what convolutions and products return."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from torch import nn

from analyzer.compat.arguments import require
from analyzer.compat.fvcore.jit_analysis import JitModelAnalysis
from analyzer.tools.fvcore import ACTIVATIONS, activations
from analyzer.tools.fvcore_handles import Handle

__all__ = ["ActivationCountAnalysis", "activation_count"]

_DEFAULT_SUPPORTED_OPS: dict[str, Handle] = dict(ACTIVATIONS)


class ActivationCountAnalysis(JitModelAnalysis):
    """How many elements convolutions and products return.

    Attention in one call counts its scores and its result, as it does where it is written out. With
    ``faithful=True``, the numbers are fvcore's own.

    >>> import torch
    >>> model = nn.Sequential(nn.Conv2d(3, 10, 1), nn.ReLU(), nn.Flatten(), nn.Linear(1000, 10))
    >>> ActivationCountAnalysis(model, torch.zeros(1, 3, 10, 10)).by_operator()
    Counter({'conv': 1000, 'linear': 10})
    """

    _defaults = _DEFAULT_SUPPORTED_OPS
    _right = staticmethod(activations)


def activation_count(
    model: nn.Module,
    inputs: Any,
    supported_ops: Mapping[str, Handle | None] | None = None,
    *,
    faithful: bool = False,
) -> tuple[defaultdict[str, float], Counter[str]]:
    """Mega-activations by operator, and how often operators occur that are not counted.

    Args:
        model: the module.
        inputs: a tensor, or a tuple of what forward takes by position.
        supported_ops: handles of one's own, as `JitModelAnalysis.set_op_handle` takes them.
        faithful: give fvcore's own figures.

    >>> import torch
    >>> dict(activation_count(nn.Linear(7, 5), (torch.zeros(3, 7),))[0])
    {'linear': 1.5e-05}
    """
    require("supported_ops", supported_ops or {}, Mapping, "a dict of handles by operator")
    found = ActivationCountAnalysis(model, inputs, faithful=faithful).set_op_handle(**(supported_ops or {}))
    mega: defaultdict[str, float] = defaultdict(float)
    mega.update({name: count / 1e6 for name, count in found.by_operator().items()})
    return mega, found.unsupported_ops()
