"""What ``torch.autocast`` does to the arguments of a call, by torch's own cast lists.

Source: torch docs "Automatic Mixed Precision package > Autocast Op Reference", CUDA and CPU lists, by our rule names.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from analyzer.spec import TensorSpec

__all__ = ["autocast", "is_autocast_on"]

is_autocast_on: Callable[[], bool] = torch._C._is_any_autocast_enabled


class _Lists(NamedTuple):
    """What a device's autocast does to an operation of that rule name: lower the precision, raise it, or widen."""

    lower: frozenset[str]
    float32: frozenset[str]
    widest: frozenset[str]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CONVOLUTIONS = "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d conv_tbc"
_LOSSES = """
    binary_cross_entropy_with_logits cosine_embedding_loss cross_entropy hinge_embedding_loss huber_loss kl_div l1_loss
    margin_ranking_loss mse_loss multi_margin_loss multilabel_margin_loss nll_loss poisson_nll_loss smooth_l1_loss
    soft_margin_loss triplet_margin_loss ctc_loss
"""

_CPU = _Lists(
    lower=_names(
        f"""
        {_CONVOLUTIONS} linear matmul mm bmm addmm addbmm baddbmm chain_matmul multi_dot einsum tensordot vecdot cov
        corrcoef prelu scaled_dot_product_attention lstm rnn
        """
    ),
    float32=_names(
        f"""
        {_LOSSES} binary_cross_entropy avg_pool3d max_pool3d adaptive_avg_pool3d adaptive_max_pool3d max_unpool2d
        max_unpool3d fractional_max_pool2d fractional_max_pool3d grid_sample polar prod quantile nanquantile stft cdist
        trace view_as_complex cholesky pinverse inv solve svd qr eig eigh eigvals eigvalsh svdvals lstsq fft
        """
    ),
    widest=_names("cat stack index_copy"),
)
_CUDA = _Lists(
    lower=_names(
        f"""
        {_CONVOLUTIONS} linear matmul mm bmm mv addmm addbmm addmv addr baddbmm chain_matmul multi_dot einsum vecdot
        prelu scaled_dot_product_attention lstm gru rnn lstm_cell gru_cell rnn_cell
        """
    ),
    float32=_names(
        f"""
        {_LOSSES} acos asin cdist cosh cosine_similarity cumprod cumsum dist erfinv exp expm1 group_norm layer_norm log
        log10 log1p log2 log_softmax norm vector_norm pdist pow prod reciprocal renorm rms_norm rsqrt sinh softmax
        softmin softplus sum tan
        """
    ),
    widest=_names("addcdiv addcmul atan2 bilinear cat cross dot grid_sample index_put scatter_add stack tensordot"),
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
    lists = _CPU if device == "cpu" else _CUDA
    if name in lists.lower:
        if name == "tensordot" and _is_vector_product(args, kwargs):
            return args, kwargs
        dtype = torch.get_autocast_dtype(device)
    elif name in lists.float32 or (device == "cpu" and name == "pad" and "constant" not in (*args, *kwargs.values())):
        dtype = torch.float32
    elif name in lists.widest:
        dtype = _widest((*args, *kwargs.values()))
    else:
        return args, kwargs
    return tuple(_cast(value, dtype) for value in args), {key: _cast(value, dtype) for key, value in kwargs.items()}


def _is_vector_product(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether one side of a tensordot is summed whole: torch takes a product with a vector then, on neither list."""
    dims = kwargs.get("dims", args[2] if len(args) > 2 else 2)
    count = dims if isinstance(dims, int) else len(dims[0])
    sides = [spec for spec in (*args, *kwargs.values()) if isinstance(spec, TensorSpec)][:2]
    if not isinstance(dims, int):
        sums = [math.prod(spec.shape[axis] for axis in axes) for spec, axes in zip(sides, dims, strict=True)]
    else:
        sums = [math.prod(spec.shape[spec.ndim - count :]) for spec in sides[:1]] * 2
    return any(spec.numel == length for spec, length in zip(sides, sums, strict=True))


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
