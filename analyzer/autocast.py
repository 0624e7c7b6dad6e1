"""What ``torch.autocast`` does to the arguments of a call, by torch's own cast lists.

Source: torch docs "Automatic Mixed Precision package > Autocast Op Reference", CUDA and CPU lists, by our rule names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from analyzer.spec import TensorSpec

__all__ = ["autocast", "is_autocast_on"]

is_autocast_on: Callable[[], bool] = torch._C._is_any_autocast_enabled

_PRODUCTS = frozenset(
    """
    addbmm addmm addmv addr baddbmm bmm chain_matmul multi_dot conv1d conv2d conv3d conv_transpose1d
    conv_transpose2d conv_transpose3d conv_tbc linear matmul mm mv prelu scaled_dot_product_attention einsum
    """.split()
)
_PRODUCTS_ON = {
    "cpu": _PRODUCTS | {"tensordot", "lstm", "rnn", "rnn_tanh", "rnn_relu"},
    "cuda": _PRODUCTS
    | {"lstm", "gru", "rnn", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"},
}
_FLOAT32_CUDA = frozenset(
    """
    acos asin binary_cross_entropy_with_logits cosh cosine_embedding_loss cdist cosine_similarity cross_entropy
    cumprod cumsum dist erfinv exp expm1 group_norm hinge_embedding_loss kl_div l1_loss layer_norm log log10
    log1p log2 log_softmax margin_ranking_loss mse_loss multilabel_margin_loss multi_margin_loss nll_loss norm
    pdist poisson_nll_loss pow prod reciprocal rsqrt sinh smooth_l1_loss soft_margin_loss softmax softmin
    softplus sum renorm tan triplet_margin_loss rms_norm huber_loss
    """.split()
)
_FLOAT32_CPU = frozenset(
    """
    avg_pool3d binary_cross_entropy grid_sample mse_loss cosine_embedding_loss nll_loss hinge_embedding_loss
    poisson_nll_loss smooth_l1_loss ctc_loss kl_div multi_margin_loss cholesky pinverse linalg_inv quantile
    nanquantile stft cdist view_as_complex multilabel_margin_loss fft huber_loss l1_loss cross_entropy
    triplet_margin_loss margin_ranking_loss
    """.split()
)
_WIDEST = frozenset(
    """
    addcdiv addcmul atan2 bilinear cross dot grid_sample index_put scatter_add tensordot cat stack
    """.split()
)


def autocast(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments as autocast hands them to the operation of that rule name; the same ones outside a region."""
    lead = next((spec for spec in (*args, *kwargs.values()) if isinstance(spec, TensorSpec)), None)
    if lead is None:
        inner = (item for value in (*args, *kwargs.values()) if isinstance(value, (tuple, list)) for item in value)
        lead = next((spec for spec in inner if isinstance(spec, TensorSpec)), None)
    if lead is None or not torch.is_autocast_enabled(lead.device.type):
        return args, kwargs
    device = lead.device.type
    if name in _PRODUCTS_ON.get(device, _PRODUCTS_ON["cuda"]):
        dtype = torch.get_autocast_dtype(device)
    elif name in (_FLOAT32_CPU if device == "cpu" else _FLOAT32_CUDA):
        dtype = torch.float32
    elif name in _WIDEST:
        dtype = _widest((*args, *kwargs.values()))
    else:
        return args, kwargs
    return tuple(_cast(value, dtype) for value in args), {key: _cast(value, dtype) for key, value in kwargs.items()}


def _cast(value: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, TensorSpec):
        eligible = value.dtype.is_floating_point and value.dtype is not torch.float64
        return value.with_dtype(dtype) if eligible else value
    if isinstance(value, (tuple, list)):
        items = [_cast(item, dtype) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def _widest(values: tuple[Any, ...]) -> torch.dtype:
    floats = [
        spec.dtype
        for value in values
        for spec in (value if isinstance(value, (tuple, list)) else (value,))
        if isinstance(spec, TensorSpec) and spec.dtype.is_floating_point
    ]
    widest = floats[0] if floats else torch.float32
    for dtype in floats[1:]:
        widest = torch.promote_types(widest, dtype)
    return widest
