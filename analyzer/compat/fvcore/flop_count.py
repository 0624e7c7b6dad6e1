"""``fvcore.nn.flop_count``: multiply-accumulates, called flops, of a model by module and by operator."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from torch import nn

from analyzer.compat.arguments import require
from analyzer.compat.fvcore.jit_analysis import JitModelAnalysis
from analyzer.tools.fvcore import FLOPS, FVCORE
from analyzer.tools.fvcore_handles import Handle

__all__ = ["FlopCountAnalysis", "flop_count"]

_DEFAULT_SUPPORTED_OPS: dict[str, Handle] = dict(FLOPS)


class FlopCountAnalysis(JitModelAnalysis):
    """How many multiply-accumulates a model takes; fvcore calls them flops.

    Products are counted in every spelling: attention, recurrent layers and products with a vector among them, which
    fvcore reports as unsupported. Norms, resizing in two dimensions and adaptive average pooling have fvcore's weights.
    With ``faithful=True``, the numbers are fvcore's own.

    >>> import torch
    >>> model = nn.Sequential(nn.Conv2d(3, 10, 1), nn.ReLU(), nn.Flatten(), nn.Linear(1000, 10))
    >>> flops = FlopCountAnalysis(model, torch.zeros(1, 3, 10, 10))
    >>> flops.total(), flops.total("3"), flops.by_operator()
    (13000, 10000, Counter({'linear': 10000, 'conv': 3000}))
    """

    _defaults = _DEFAULT_SUPPORTED_OPS
    _right = FVCORE.right


def flop_count(
    model: nn.Module,
    inputs: Any,
    supported_ops: Mapping[str, Handle | None] | None = None,
    *,
    faithful: bool = False,
) -> tuple[defaultdict[str, float], Counter[str]]:
    """Giga-flops by operator, and how often operators occur that are not counted.

    Args:
        model: the module.
        inputs: a tensor, or a tuple of what forward takes by position.
        supported_ops: handles of one's own, as `JitModelAnalysis.set_op_handle` takes them.
        faithful: give fvcore's own figures.

    >>> import torch
    >>> giga, unsupported = flop_count(nn.Sequential(nn.Linear(7, 5), nn.GELU()), (torch.zeros(3, 7),))
    >>> dict(giga), unsupported
    ({'linear': 1.05e-07}, Counter({'aten::gelu': 1}))
    """
    require("supported_ops", supported_ops or {}, Mapping, "a dict of handles by operator")
    flops = FlopCountAnalysis(model, inputs, faithful=faithful).set_op_handle(**(supported_ops or {}))
    giga: defaultdict[str, float] = defaultdict(float)
    giga.update({name: count / 1e9 for name, count in flops.by_operator().items()})
    return giga, flops.unsupported_ops()
