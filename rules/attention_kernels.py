"""The kernels that scaled dot-product attention falls to where torch itself takes it apart."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Counts
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules.attention import attention_cost, attention_shape, masked_attention_cost, scores_shape

__all__ = ["RULES"]

RULES = RuleSet()


def _sums(out: TensorSpec) -> TensorSpec:
    """The logarithms of the softmax's denominators, which the fused kernels keep for the backward pass."""
    dtype = torch.float64 if out.dtype is torch.float64 else torch.float32
    return out.with_shape(*out.shape[:-1]).with_dtype(dtype)


@RULES.op(torch._scaled_dot_product_attention_math, name="scaled_dot_product_attention")
def attention_math(
    query: TensorSpec,
    key: TensorSpec,
    value: TensorSpec,
    attn_mask: TensorSpec | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    dropout_mask: TensorSpec | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> tuple[TensorSpec, TensorSpec]:
    """Attention and its weights        q (*, L, E), k (*, S, E), v (*, S, V) -> (*, L, V), (*, L, S).

    Cost: as `scaled_dot_product_attention`.
    Source: torch.ops.aten._scaled_dot_product_attention_math
    """
    out = attention_shape(query, key, value, attn_mask, dropout_p, is_causal, enable_gqa)
    return out, query.with_shape(*scores_shape(query, key, enable_gqa))


attention_math.cost(masked_attention_cost)


@RULES.op(torch._scaled_dot_product_flash_attention_for_cpu, name="scaled_dot_product_attention")
def attention_on_cpu(
    query: TensorSpec,
    key: TensorSpec,
    value: TensorSpec,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    attn_mask: TensorSpec | None = None,
    scale: float | None = None,
) -> tuple[TensorSpec, TensorSpec]:
    """Attention and the logarithms of its sums        q (B, H, L, E), k, v (B, H, S, E) -> (B, H, L, E), (B, H, L).

    Cost: as `scaled_dot_product_attention`.
    Source: torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    """
    out = attention_shape(query, key, value, attn_mask, dropout_p, is_causal)
    return out, _sums(out)


@attention_on_cpu.cost
def _(
    out: tuple[TensorSpec, TensorSpec],
    query: TensorSpec,
    key: TensorSpec,
    attn_mask: TensorSpec | None,
    dropout_p: float,
    is_causal: bool,
    scale: float | None,
) -> Counts:
    return attention_cost(out[0], query, key, scale, attn_mask is not None or is_causal, dropout_p > 0)


@RULES.op(torch.ops.aten._scaled_dot_product_efficient_attention, name="scaled_dot_product_attention")
def attention_efficient(
    query: TensorSpec,
    key: TensorSpec,
    value: TensorSpec,
    attn_bias: TensorSpec | None,
    compute_log_sumexp: bool,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
) -> tuple[TensorSpec, TensorSpec, TensorSpec, TensorSpec]:
    """Attention, logarithms of sums, random states        q (B, H, L, E), k, v (B, H, S, E) -> (B, H, L, E).

    Cost: as `scaled_dot_product_attention`.
    Source: torch.ops.aten._scaled_dot_product_efficient_attention
    """
    out = attention_shape(query, key, value, attn_bias, dropout_p)
    # The kernel keeps its sums for rows in blocks of 32.
    kept = (query.shape[-2] + 31) // 32 * 32 if compute_log_sumexp else 0
    sums = _sums(out).with_shape(*out.shape[:-2], kept)
    state = out.with_shape().with_dtype(torch.int64)
    return out, sums, state, state


@RULES.op(torch.ops.aten._scaled_dot_product_flash_attention, name="scaled_dot_product_attention")
def attention_flash(
    query: TensorSpec,
    key: TensorSpec,
    value: TensorSpec,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    return_debug_mask: bool = False,
    *,
    scale: float | None = None,
) -> tuple[Any, ...]:
    """Attention, logarithms of sums, lengths, random states        q (B, H, L, E), k, v (B, H, S, E) -> (B, H, L, E).

    Cost: as `scaled_dot_product_attention`.
    Source: torch.ops.aten._scaled_dot_product_flash_attention
    """
    out = attention_shape(query, key, value, None, dropout_p, is_causal)
    state = out.with_shape(2).with_dtype(torch.uint64)
    kept = scores_shape(query, key, False) if return_debug_mask else (0,)
    lengths = query.shape[-2], key.shape[-2]
    return out, _sums(out), None, None, *lengths, state, state.with_shape(), out.with_shape(*kept)


@attention_flash.cost
def _(
    out: tuple[TensorSpec, ...],
    query: TensorSpec,
    key: TensorSpec,
    dropout_p: float,
    is_causal: bool,
    scale: float | None,
) -> Counts:
    return attention_cost(out[0], query, key, scale, is_causal, dropout_p > 0)


@RULES.op(torch.ops.aten._scaled_dot_product_cudnn_attention, name="scaled_dot_product_attention")
def attention_cudnn(
    query: TensorSpec,
    key: TensorSpec,
    value: TensorSpec,
    attn_bias: TensorSpec | None,
    compute_log_sumexp: bool,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    return_debug_mask: bool = False,
    *,
    scale: float | None = None,
) -> tuple[Any, ...]:
    """Attention, logarithms of sums, lengths, random states        q (B, H, L, E), k, v (B, H, S, E) -> (B, H, L, E).

    Cost: as `scaled_dot_product_attention`.
    Source: torch.ops.aten._scaled_dot_product_cudnn_attention
    """
    out = attention_shape(query, key, value, attn_bias, dropout_p, is_causal)
    sums = _sums(out).with_shape(*out.shape[:-1], 1)
    state = out.with_shape().with_dtype(torch.int64)
    return out, sums, None, None, query.shape[-2], key.shape[-2], state, state, None


@attention_efficient.cost
@attention_cudnn.cost
def _(
    out: tuple[TensorSpec, ...],
    query: TensorSpec,
    key: TensorSpec,
    attn_bias: TensorSpec | None,
    dropout_p: float,
    is_causal: bool,
    scale: float | None,
) -> Counts:
    return attention_cost(out[0], query, key, scale, attn_bias is not None or is_causal, dropout_p > 0)
