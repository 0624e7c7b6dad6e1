"""Embeddings with quantized tables, which are packed: as modules and as operators."""

from __future__ import annotations

from typing import Any

import torch
from torch.ao.nn import quantized as nnq

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor
from rules.embedding_bag import embedding_bag
from rules.quantize import DEQUANTIZE, operators
from rules.quantized_layers import Maybe, packed_weights, plain_floats

__all__ = ["RULES"]

RULES = RuleSet()


def _table(module: Any) -> TensorSpec:
    return TensorSpec((module.num_embeddings, module.embedding_dim), module._packed_params.dtype)


def _looked_up(indices: Any, weight: TensorSpec) -> TensorSpec:
    if check_tensor(indices, "indices").dtype not in (torch.int32, torch.int64):
        raise ShapeError(f"indices must be int32 or int64, got {indices.dtype_name}")
    return TensorSpec((*indices.shape, weight.shape[1]), torch.float32, indices.device)


@RULES.op(nnq.Embedding, name="quantized_embedding", attributes={"weight": _table})
def embedding(indices: TensorSpec, weight: TensorSpec) -> TensorSpec:
    """Rows of a quantized table, in floating point        indices (*), table (V, D) -> (*, D).

    Cost: 1 add, 1 mul a number.
    Source: torch.ao.nn.quantized.Embedding
    """
    return _looked_up(indices, weight)


embedding.cost(lambda out: DEQUANTIZE * out.numel)


@RULES.op(*operators("embedding_byte", "embedding_4bit"), name="quantized_embedding")
def packed_embedding(weight: Any, indices: TensorSpec, pruned_weights: bool = False) -> TensorSpec:
    """Rows of a quantized table, in floating point        table (V, D), indices (*) -> (*, D).

    Cost: 1 add, 1 mul a number.
    Source: torch.ao.nn.quantized.Embedding
    """
    return _looked_up(indices, packed_weights(weight)[0])


packed_embedding.cost(lambda out: DEQUANTIZE * out.numel)


def _bags(indices: TensorSpec, weight: TensorSpec, offsets: Maybe, weighted: Maybe, last: bool) -> TensorSpec:
    _looked_up(indices, weight)
    out: TensorSpec = embedding_bag(
        indices, plain_floats(weight), offsets, mode="sum", per_sample_weights=weighted, include_last_offset=last
    )
    return out


def _bag_cost(out: TensorSpec, indices: TensorSpec, weighted: Maybe) -> Counts:
    read = indices.numel * out.shape[1]
    return DEQUANTIZE * read + Counts(add=max(read - out.numel, 0), mul=0 if weighted is None else read)


@RULES.op(nnq.EmbeddingBag, name="quantized_embedding_bag", attributes={"weight": _table})
def bag(
    indices: TensorSpec, offsets: Maybe = None, per_sample_weights: Maybe = None, *, weight: TensorSpec,
    include_last_offset: bool = False,
) -> TensorSpec:  # fmt: skip
    """Sums of rows of a quantized table, one a bag      indices (n), offsets (B), table (V, D) -> (B, D).

    Cost: a number read 1 add, 1 mul out of its quantization and 1 mul with a weight; the sums, n D − B D add.
    Source: torch.ao.nn.quantized.EmbeddingBag
    """
    return _bags(indices, weight, offsets, per_sample_weights, include_last_offset)


bag.cost(lambda out, indices, per_sample_weights: _bag_cost(out, indices, per_sample_weights))


@RULES.op(*operators("embedding_bag_byte", "embedding_bag_4bit"), name="quantized_embedding_bag")
def packed_bag(
    weight: Any, indices: TensorSpec, offsets: Maybe = None, scale_grad_by_freq: bool = False, mode: int = 0,
    pruned_weights: bool = False, per_sample_weights: Maybe = None, compressed_indices_mapping: Maybe = None,
    include_last_offset: bool = False,
) -> TensorSpec:  # fmt: skip
    """Sums of rows of a quantized table, one a bag      table (V, D), indices (n), offsets (B) -> (B, D).

    Cost: a number read 1 add, 1 mul out of its quantization and 1 mul with a weight; the sums, n D − B D add.
    Source: torch.ao.nn.quantized.EmbeddingBag
    """
    return _bags(indices, packed_weights(weight)[0], offsets, per_sample_weights, include_last_offset)


packed_bag.cost(lambda out, indices, per_sample_weights: _bag_cost(out, indices, per_sample_weights))
