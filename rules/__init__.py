"""Shapes and costs of torch's operators: one file per family, joined here, written out. Importing does nothing else."""

from __future__ import annotations

from analyzer.ruleset import RuleSet
from rules import (
    addmm,
    attention,
    attention_kernels,
    batchnorm,
    conv,
    conv_transpose,
    create,
    einsum,
    fold,
    grouped,
    index,
    join,
    linear,
    mask,
    matmul,
    norm,
    passthrough,
    pointwise,
    pool,
    pool_adaptive,
    product,
    rearrange,
    reduce,
    reshape,
    scan,
    scatter,
    select,
    sequence,
    sort,
    special,
    split,
    unpool,
)

__all__ = ["RULES"]

RULES: RuleSet = (
    addmm.RULES
    | attention.RULES
    | attention_kernels.RULES
    | batchnorm.RULES
    | conv.RULES
    | conv_transpose.RULES
    | create.RULES
    | einsum.RULES
    | fold.RULES
    | grouped.RULES
    | index.RULES
    | join.RULES
    | linear.RULES
    | mask.RULES
    | matmul.RULES
    | norm.RULES
    | passthrough.RULES
    | pointwise.RULES
    | pool.RULES
    | pool_adaptive.RULES
    | product.RULES
    | rearrange.RULES
    | reduce.RULES
    | reshape.RULES
    | scan.RULES
    | scatter.RULES
    | select.RULES
    | sequence.RULES
    | sort.RULES
    | special.RULES
    | split.RULES
    | unpool.RULES
)
