"""thop's own counting functions, for ``custom_ops``: a layer of one's own that is to count as one of torch's does.

Each is called as ``count(m, x, y)``, with a module, its positional arguments and what it returned, and adds to
``m.total_ops`` what thop adds, faults and all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.nn.utils.rnn import PackedSequence

from analyzer.tools.thop import HOOKS
from analyzer.tools.thop_formulas import RESIZING, adapted, convolved, normalized, recurrent, resized, softmax

__all__ = [
    "count_adap_avgpool", "count_avgpool", "count_convNd", "count_gru", "count_gru_cell", "count_linear", "count_lstm",
    "count_lstm_cell", "count_normalization", "count_prelu", "count_relu", "count_rnn", "count_rnn_cell",
    "count_softmax", "count_upsample", "register_hooks", "zero_ops",
]  # fmt: skip

Hook = Callable[[Any, Any, Any], None]


def zero_ops(m: Any, x: Any, y: Any) -> None:
    """Nothing."""
    m.total_ops += 0


def count_convNd(m: Any, x: Any, y: Any) -> None:  # noqa: N802   thop's name
    """A convolution: each output times the kernel and the input's channels of its group; a transposed one as well.

    >>> import torch
    >>> conv = nn.Conv2d(3, 5, 3)
    >>> conv.total_ops = 0
    >>> count_convNd(conv, (torch.zeros(2, 3, 13, 17),), torch.zeros(2, 5, 11, 15))
    >>> conv.total_ops
    44550
    """
    m.total_ops += convolved(x[0].shape, y.shape, m.weight.shape, m.groups)


def count_linear(m: Any, x: Any, y: Any) -> None:
    """A linear layer: ``in_features`` an output."""
    m.total_ops += m.in_features * y.numel()


def count_normalization(m: Any, x: Any, y: Any) -> None:
    """A norm: 2 an element, 4 where it is affine."""
    affine = getattr(m, "affine", False) or getattr(m, "elementwise_affine", False)
    m.total_ops += normalized(x[0].numel(), bool(affine))


def count_prelu(m: Any, x: Any, y: Any) -> None:
    """PReLU: 1 an element in evaluation."""
    m.total_ops += 0 if m.training else x[0].numel()


def count_relu(m: Any, x: Any, y: Any) -> None:
    """ReLU and its kin: nothing."""
    m.total_ops += 0


def count_softmax(m: Any, x: Any, y: Any) -> None:
    """A softmax: 3 an element, less 1 a row."""
    m.total_ops += softmax(x[0].shape, m.dim)


def count_avgpool(m: Any, x: Any, y: Any) -> None:
    """Average pooling: 1 an output."""
    m.total_ops += y.numel()


def count_adap_avgpool(m: Any, x: Any, y: Any) -> None:
    """Adaptive average pooling: as many as there are elements in a window, on average, and 1, an output."""
    m.total_ops += adapted(x[0].shape, y.shape)


def count_upsample(m: Any, x: Any, y: Any) -> None:
    """Resizing: 1, 5, 11 or 259 an output by mode; a mode that thop does not know counts nothing, and is logged."""
    if m.mode == "trilinear" or m.mode not in RESIZING:
        logging.warning("mode %s is not counted: it is none that thop knows", m.mode)
    m.total_ops += resized(m.mode, y.numel())


def _count_layer(kind: str) -> Hook:
    def count(m: Any, x: Any, y: Any) -> None:
        """A recurrent layer: its step, times the steps, times the batch."""
        step = recurrent(kind, m.input_size, m.hidden_size, m.bias, m.num_layers, 2 if m.bidirectional else 1)
        if isinstance(x[0], PackedSequence):
            state = y[1][0] if isinstance(y[1], tuple) else y[1]
            m.total_ops += step * x[0].batch_sizes.shape[0] * state.shape[1]
        else:
            m.total_ops += step * x[0].shape[0] * x[0].shape[1]

    count.__name__ = count.__qualname__ = f"count_{kind}"
    return count


def _count_cell(kind: str) -> Hook:
    def count(m: Any, x: Any, y: Any) -> None:
        """One step of a recurrent layer, times the batch."""
        m.total_ops += recurrent(kind, m.input_size, m.hidden_size, m.bias) * x[0].shape[0]

    count.__name__ = count.__qualname__ = f"count_{kind}_cell"
    return count


count_rnn, count_gru, count_lstm = map(_count_layer, ("rnn", "gru", "lstm"))
count_rnn_cell, count_gru_cell, count_lstm_cell = map(_count_cell, ("rnn", "gru", "lstm"))

# Class of a layer -> how it is counted. Other entries put in here count as those in custom_ops do.
register_hooks: dict[type[nn.Module], Hook] = {
    getattr(nn, name.removeprefix("torch.nn.")): globals()[hook] for name, hook in HOOKS.items()
}
