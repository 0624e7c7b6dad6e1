"""Shapes and costs of torch's operators: one file per family, joined here, written out. Importing does nothing else."""

from __future__ import annotations

from analyzer.ruleset import RuleSet
from rules import (
    activation,
    adaptive_softmax,
    addmm,
    attention,
    attention_kernels,
    batchnorm,
    calculus,
    conv,
    conv_transpose,
    create,
    distance,
    dropout,
    eigen,
    einsum,
    embedding,
    embedding_bag,
    factor,
    fft,
    fold,
    grid,
    grouped,
    index,
    join,
    linear,
    loss,
    loss_class,
    loss_ctc,
    loss_likelihood,
    loss_margin,
    lstsq,
    mask,
    matmul,
    matrix_function,
    norm,
    norms,
    numeric,
    packed,
    pad,
    passthrough,
    pixel,
    pointwise,
    pool,
    pool_adaptive,
    product,
    random,
    rearrange,
    recurrent,
    recurrent_cells,
    recurrent_kernels,
    reduce,
    reflections,
    reshape,
    resize,
    scan,
    scatter,
    search,
    select,
    sequence,
    softmax,
    solve,
    solve_factored,
    sort,
    special,
    spectral,
    split,
    statistics,
    stft,
    unpool,
    vision,
)

__all__ = ["RULES"]

RULES: RuleSet = (
    activation.RULES
    | adaptive_softmax.RULES
    | addmm.RULES
    | attention.RULES
    | attention_kernels.RULES
    | batchnorm.RULES
    | calculus.RULES
    | conv.RULES
    | conv_transpose.RULES
    | create.RULES
    | distance.RULES
    | dropout.RULES
    | eigen.RULES
    | einsum.RULES
    | embedding.RULES
    | embedding_bag.RULES
    | factor.RULES
    | fft.RULES
    | fold.RULES
    | grid.RULES
    | grouped.RULES
    | index.RULES
    | join.RULES
    | linear.RULES
    | loss.RULES
    | loss_class.RULES
    | loss_ctc.RULES
    | loss_likelihood.RULES
    | loss_margin.RULES
    | lstsq.RULES
    | mask.RULES
    | matmul.RULES
    | matrix_function.RULES
    | norm.RULES
    | norms.RULES
    | numeric.RULES
    | packed.RULES
    | pad.RULES
    | passthrough.RULES
    | pixel.RULES
    | pointwise.RULES
    | pool.RULES
    | pool_adaptive.RULES
    | product.RULES
    | random.RULES
    | rearrange.RULES
    | recurrent.RULES
    | recurrent_cells.RULES
    | recurrent_kernels.RULES
    | reduce.RULES
    | reflections.RULES
    | reshape.RULES
    | resize.RULES
    | scan.RULES
    | scatter.RULES
    | search.RULES
    | select.RULES
    | sequence.RULES
    | softmax.RULES
    | solve.RULES
    | solve_factored.RULES
    | sort.RULES
    | special.RULES
    | spectral.RULES
    | split.RULES
    | statistics.RULES
    | stft.RULES
    | unpool.RULES
    | vision.RULES
)
