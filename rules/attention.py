"""Scaled dot-product attention. Multi-head attention is made of this, linear layers and reshapes, and needs no rule."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.promotion import broadcast_shapes
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor
from rules.matmul import check_stretches

__all__ = ["RULES", "attention_cost", "attention_shape", "masked_attention_cost", "scores_shape"]

RULES = RuleSet()


def _check_operands(query: TensorSpec, key: TensorSpec, value: TensorSpec) -> None:
    for name, operand in (("query", query), ("key", key), ("value", value)):
        if len(check_tensor(operand, name).shape) < 2:
            raise ShapeError(f"{name} must have 2 dimensions or more, but its shape is {operand.shape}")
        if operand.dtype is not query.dtype:
            raise ShapeError(f"query is {query.dtype_name}, {name} is {operand.dtype_name}")
    if not query.dtype.is_floating_point:
        raise ShapeError(f"query must be of floating-point numbers, got {query.dtype_name}")
    if query.shape[-1] != key.shape[-1]:
        raise ShapeError(f"query and key must be of one width, got {query.shape[-1]} and {key.shape[-1]}")
    if key.shape[-2] != value.shape[-2]:
        raise ShapeError(f"key and value must be of one length, got {key.shape[-2]} and {value.shape[-2]}")


def _batch(query: TensorSpec, other: TensorSpec, grouped: bool, name: str) -> tuple[int, ...]:
    """Leading sizes of key or value, every head as often as the query heads of its group ask for it."""
    lead = other.shape[:-2]
    if not grouped:
        return lead
    if len(query.shape) < 3 or len(other.shape) < 3:
        raise ShapeError(f"query and {name} must have heads, but their shapes are {query.shape} and {other.shape}")
    heads, groups = query.shape[-3], other.shape[-3]
    if groups == 0 or heads % groups != 0:
        raise ShapeError(f"query must have a multiple of the heads of {name}, got {heads} and {groups}")
    return (*lead[:-1], heads)


def scores_shape(query: TensorSpec, key: TensorSpec, grouped: bool) -> tuple[int, ...]:
    """The shape of what softmax is taken of: a row a query, a column a key."""
    lead = broadcast_shapes(query.shape[:-2], _batch(query, key, grouped, "key"))
    return (*lead, query.shape[-2], key.shape[-2])


def _check_mask(mask: TensorSpec | None, query: TensorSpec, scores: tuple[int, ...], is_causal: bool) -> None:
    if mask is None:
        return
    if is_causal:
        raise ShapeError("attn_mask and is_causal exclude each other")
    if check_tensor(mask, "attn_mask").dtype not in (torch.bool, torch.float32, query.dtype):
        raise ShapeError(f"attn_mask must be bool or {query.dtype_name}, got {mask.dtype_name}")
    check_stretches("attn_mask", mask.shape, scores)


def _check_rows(mask: TensorSpec, *operands: TensorSpec, grouped: bool) -> None:
    """The kernel that torch has for batches of heads, which broadcasts nothing, asks a mask for its rows."""
    heads = [operand.shape[: 1 if grouped else 2] for operand in operands if len(operand.shape) == 4 and operand.numel]
    if len(heads) == len(operands) and len(set(heads)) == 1:
        raise ShapeError(f"attn_mask must have 2 dimensions or more for batches of heads, got {mask.shape}")


def attention_shape(
    query: TensorSpec,
    key: TensorSpec,
    value: TensorSpec,
    mask: TensorSpec | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    grouped: bool = False,
) -> TensorSpec:
    """The shape of the output, once everything fits; ``grouped`` as ``enable_gqa``."""
    _check_operands(query, key, value)
    if not isinstance(dropout_p, (int, float)) or not 0 <= dropout_p <= 1:
        raise ShapeError(f"dropout_p must be between 0 and 1, got {dropout_p}")
    scores = scores_shape(query, key, grouped)
    _check_mask(mask, query, scores, is_causal)
    lead = broadcast_shapes(scores[:-2], _batch(query, value, grouped, "value"))
    return query.with_shape(*lead, query.shape[-2], value.shape[-1])


def attention_cost(
    out: TensorSpec, query: TensorSpec, key: TensorSpec, scale: Any, masked: bool, dropped: bool, grouped: bool = False
) -> Counts:
    """Both products over all scores, and what happens to each score between them."""
    *_, width = query.shape
    *rows, length = scores_shape(query, key, grouped)
    softmaxes = math.prod(rows)
    scores = softmaxes * length
    if scores == 0:
        return Counts()
    scaled = 0 if scale == 1 else scores
    return (
        Counts.dots(scores, width)
        + Counts.dots(out.numel, length)
        + Counts(mul=scaled + (scores if dropped else 0), add=scores if masked else 0)
        + Counts(cmp=scores - softmaxes, add=2 * scores - softmaxes, func=scores, div=scores)
    )


@RULES.op(F.scaled_dot_product_attention, torch.ops.aten.scaled_dot_product_attention)
def scaled_dot_product_attention(
    query: TensorSpec,
    key: TensorSpec,
    value: TensorSpec,
    attn_mask: TensorSpec | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> TensorSpec:
    """Attention softmax(q kᵀ scale + mask) v        q (*, L, E), k (*, S, E), v (*, S, V) -> (*, L, V).

    Leading sizes broadcast; with ``enable_gqa`` each head of k and v serves a group of query heads.

    Cost: a dot product of length E and one mul for each of the L x S scores, one add where masked or causal,
    a softmax of every row (S - 1 cmp, S add, S func, S - 1 add, S div), a dot product of length S for every output. A
    scale of 1 is free, dropout is one mul a score, and no score is left out.
    Source: torch.nn.functional.scaled_dot_product_attention
    """
    out = attention_shape(query, key, value, attn_mask, dropout_p, is_causal, enable_gqa)
    if attn_mask is not None and len(attn_mask.shape) < 2 and dropout_p == 0:
        _check_rows(attn_mask, query, key, value, grouped=enable_gqa)
    return out


def masked_attention_cost(
    out: Any,
    query: TensorSpec,
    key: TensorSpec,
    attn_mask: TensorSpec | None,
    dropout_p: float,
    is_causal: bool,
    scale: float | None,
    enable_gqa: bool,
) -> Counts:
    """attention_cost by the names of torch's arguments; the output may be the first of several."""
    first = out[0] if isinstance(out, tuple) else out
    return attention_cost(first, query, key, scale, attn_mask is not None or is_causal, dropout_p > 0, enable_gqa)


scaled_dot_product_attention.cost(masked_attention_cost)
