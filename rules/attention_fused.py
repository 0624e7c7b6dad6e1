"""Attention in one piece: flex_attention, sequences of unequal length, and the layers that torch runs as one kernel."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch._higher_order_ops.flex_attention import flex_attention as flex_operator

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.rule import Bound
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor
from rules._norm import affine, normalized
from rules.attention import attention_cost, attention_shape
from rules.linear import linear

__all__ = ["RULES"]

RULES = RuleSet()

Maybe = TensorSpec | None

_BLOCKS = "which blocks of scores a block mask leaves out is data; all of them count"
_LENGTHS = "the lengths of the sequences are data; every query meets as many keys as the longest has"


def _names(function: Any) -> str:
    return getattr(function, "__name__", "")


def _is_masked(block_mask: Any) -> bool:
    """Whether a mask was given: torch makes one that masks nothing where there is none."""
    return not (isinstance(block_mask, (tuple, list)) and block_mask) or not _is_empty_mask(block_mask[-1])


def _is_empty_mask(mask_mod: Any) -> bool:
    return _names(mask_mod) == "noop_mask"


@RULES.op(flex_operator)
def flex_attention(
    query: TensorSpec, key: TensorSpec, value: TensorSpec, score_mod: Any, block_mask: Any, scale: Any,
    kernel_options: Any = None, score_mod_other_buffers: Any = (), mask_mod_other_buffers: Any = (),
) -> Any:  # fmt: skip
    """Attention with a function of the scores and a mask in blocks      q (B, H, L, E), k (B, G, S, E), v (B, G, S, V).

    Cost: as scaled_dot_product_attention with a mask where a mask is given, a score_mod one func a score. A block mask
    leaves scores out, which is data: the cost is a bound then.
    Source: torch.nn.attention.flex_attention
    """
    out = attention_shape(query, key, value, grouped=query.ndim == 4 and query.shape[1] != key.shape[1])
    sums = out.with_shape(*out.shape[:-1]).with_dtype(torch.float32)
    result = (out, sums, sums)
    return Bound(result, _BLOCKS) if _is_masked(block_mask) else result


@flex_attention.cost
def _(out: Any, query: TensorSpec, key: TensorSpec, score_mod: Any, block_mask: Any, scale: Any) -> Counts:
    grouped = query.ndim == 4 and query.shape[1] != key.shape[1]
    counts = attention_cost(out[0], query, key, scale, _is_masked(block_mask), False, grouped)
    scores = out[1].numel * key.shape[-2]
    return counts + (Counts() if _names(score_mod) == "_identity" else Counts(func=scores))


def _lengths(starts: Any) -> list[int] | None:
    """Sequence lengths out of where each of them starts, where that is known."""
    if isinstance(starts, TensorSpec) or starts is None:
        return None
    return [int(end) - int(start) for start, end in pairwise(starts)]


@RULES.op("torch_attn::_varlen_attn", name="varlen_attn", values=("cu_seq_q", "cu_seq_k"))
def varlen_attn(
    query: TensorSpec, key: TensorSpec, value: TensorSpec, cu_seq_q: Any, cu_seq_k: Any, max_q: int, max_k: int,
    is_causal: bool = False, scale: float | None = None, window_size: Any = None, enable_gqa: bool = False,
    seqused_k: Maybe = None, block_table: Maybe = None, num_splits: int | None = None,
) -> Any:  # fmt: skip
    """Attention within each of several sequences, one behind the other      q (L, H, E), k, v (S, G, E) -> (L, H, E).

    Cost: as scaled_dot_product_attention, for every sequence; where the lengths are data, a bound: L rows of max_k
    scores.
    Source: torch.nn.attention.varlen.varlen_attn
    """
    for name, spec in (("query", query), ("key", key), ("value", value)):
        if check_tensor(spec, name).ndim != 3 and block_table is None:
            raise ShapeError(f"{name} must have 3 dimensions, (rows, heads, width), got {spec.shape}")
    sums = query.with_shape(query.shape[1], query.shape[0]).with_dtype(torch.float32)
    seed = query.with_shape(2).with_dtype(torch.uint64)
    result = (query, sums, seed)
    return result if _lengths(cu_seq_q) and _lengths(cu_seq_k) else Bound(result, _LENGTHS)


@varlen_attn.cost
def _(
    query: TensorSpec, key: TensorSpec, value: TensorSpec, cu_seq_q: Any, cu_seq_k: Any, max_k: int, is_causal: bool,
    scale: Any,
) -> Counts:  # fmt: skip
    heads, width, out_width = query.shape[-2], query.shape[-1], value.shape[-1]
    rows, columns = _lengths(cu_seq_q), _lengths(cu_seq_k)
    pairs = list(zip(rows, columns, strict=True)) if rows and columns else [(query.shape[0], max_k)]
    total = Counts()
    for length, keys in pairs:
        one, other = query.with_shape(heads, length, width), query.with_shape(heads, keys, width)
        total += attention_cost(one.with_shape(heads, length, out_width), one, other, scale, is_causal, False)
    return total


def _check_layer(query: TensorSpec, embed_dim: int, num_heads: int, qkv: TensorSpec) -> None:
    if check_tensor(query, "query").ndim != 3 or query.shape[-1] != embed_dim:
        raise ShapeError(f"query must be (N, L, {embed_dim}), got {query.shape}")
    if num_heads <= 0 or embed_dim % num_heads:
        raise ShapeError(f"embed_dim must be a multiple of the heads, got {embed_dim} and {num_heads}")
    if qkv.shape != (3 * embed_dim, embed_dim):
        raise ShapeError(f"qkv_weight must be {(3 * embed_dim, embed_dim)}, got {qkv.shape}")


def _heads(query: TensorSpec, key: TensorSpec, num_heads: int, masked: bool) -> Counts:
    """The projections in and out with their biases, and attention in every head."""
    batch, length, width = query.shape
    keys = key.shape[1]
    each = width // num_heads
    one = query.with_shape(batch, num_heads, length, each)
    other = query.with_shape(batch, num_heads, keys, each)
    products = batch * (2 * length + 2 * keys) * width
    projections = Counts.dots(products, width) + Counts(add=products)
    return projections + attention_cost(one, one, other, None, masked, False)


@RULES.op(torch._native_multi_head_attention)
def native_multi_head_attention(
    query: TensorSpec, key: TensorSpec, value: TensorSpec, embed_dim: int, num_head: int, qkv_weight: TensorSpec,
    qkv_bias: TensorSpec, proj_weight: TensorSpec, proj_bias: TensorSpec, mask: Maybe = None, need_weights: bool = True,
    average_attn_weights: bool = True, mask_type: int | None = None,
) -> tuple[TensorSpec, Maybe]:  # fmt: skip
    """Multi-head attention as one kernel      q (N, L, D), k, v (N, S, D) -> (N, L, D), and the weights.

    Cost: four products D x D with their biases, and attention; the mean of the heads H − 1 add, 1 div a weight.
    Source: torch.nn.MultiheadAttention
    """
    _check_layer(query, embed_dim, num_head, qkv_weight)
    batch, length, _ = query.shape
    keys = key.shape[1]
    shape = (batch, length, keys) if average_attn_weights else (batch, num_head, length, keys)
    return query, query.with_shape(*shape) if need_weights else None


@native_multi_head_attention.cost
def _(
    out: Any, query: TensorSpec, key: TensorSpec, num_head: int, mask: Maybe, need_weights: bool,
    average_attn_weights: bool,
) -> Counts:  # fmt: skip
    counts = _heads(query, key, num_head, mask is not None)
    if need_weights and average_attn_weights:
        counts += Counts(add=num_head - 1, div=1) * out[1].numel
    return counts


@RULES.op(torch._transformer_encoder_layer_fwd)
def transformer_encoder_layer(
    src: TensorSpec, embed_dim: int, num_heads: int, qkv_weight: TensorSpec, qkv_bias: TensorSpec,
    proj_weight: TensorSpec, proj_bias: TensorSpec, use_gelu: bool, norm_first: bool, eps: float,
    norm_weight_1: TensorSpec, norm_bias_1: TensorSpec, norm_weight_2: TensorSpec, norm_bias_2: TensorSpec,
    ffn_weight_1: TensorSpec, ffn_bias_1: TensorSpec, ffn_weight_2: TensorSpec, ffn_bias_2: TensorSpec,
    mask: Maybe = None, mask_type: int | None = None,
) -> TensorSpec:  # fmt: skip
    """A layer of a Transformer's encoder as one kernel        x (N, L, D) -> (N, L, D).

    Cost: multi-head attention, two linear layers with an activation (gelu 1 func, relu 1 cmp) between them, two layer
    normalizations, two residual adds.
    Source: torch.nn.TransformerEncoderLayer
    """
    _check_layer(src, embed_dim, num_heads, qkv_weight)
    out: TensorSpec = linear(linear(src, ffn_weight_1, ffn_bias_1), ffn_weight_2, ffn_bias_2)
    return out


@transformer_encoder_layer.cost
def _(
    src: TensorSpec, embed_dim: int, num_heads: int, use_gelu: bool, ffn_weight_1: TensorSpec, mask: Maybe,
    norm_weight_1: TensorSpec, norm_bias_1: TensorSpec,
) -> Counts:  # fmt: skip
    rows, hidden = src.numel // embed_dim if embed_dim else 0, ffn_weight_1.shape[0]
    wide, narrow = rows * hidden, rows * embed_dim
    counts = _heads(src, src, num_heads, mask is not None)
    counts += Counts.dots(wide, embed_dim) + Counts.dots(narrow, hidden) + Counts(add=wide + narrow)
    counts += Counts(func=wide) if use_gelu else Counts(cmp=wide)
    norms = (normalized(rows, embed_dim) + affine(narrow, norm_weight_1, norm_bias_1)) * 2
    return counts + norms + Counts(add=2 * narrow)
