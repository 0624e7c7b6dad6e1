"""Shapes and costs of torch's operators: one file per family, joined here, written out. Importing does nothing else."""

from __future__ import annotations

from analyzer.ruleset import RuleSet
from rules import (
    activation,
    adaptive_softmax,
    addmm,
    attention,
    attention_fused,
    attention_kernels,
    batchnorm,
    calculus,
    choice,
    conv,
    conv_transpose,
    covariance,
    create,
    derivatives,
    distance,
    dropout,
    eigen,
    einsum,
    embedding,
    embedding_bag,
    extremes,
    factor,
    fake_quantize,
    fft,
    fold,
    foreach,
    gather,
    grid,
    grouped,
    index,
    index_write,
    instancenorm,
    join,
    legacy,
    library_checks,
    linear,
    literal,
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
    overwrite,
    packed,
    packed_products,
    pad,
    passthrough,
    pixel,
    pointwise,
    pool,
    pool_adaptive,
    product,
    quantize,
    quantized_conv,
    quantized_embedding,
    quantized_layers,
    quantized_norm,
    quantized_ops,
    quantized_recurrent,
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
    sparse,
    special,
    spectral,
    split,
    statistics,
    stft,
    transpose,
    triangles,
    unpool,
    vision,
)

__all__ = ["RULES"]

RULES: RuleSet = quantized_ops.also_quantized(
    activation.RULES
    | adaptive_softmax.RULES
    | addmm.RULES
    | attention.RULES
    | attention_fused.RULES
    | attention_kernels.RULES
    | batchnorm.RULES
    | calculus.RULES
    | choice.RULES
    | conv.RULES
    | conv_transpose.RULES
    | covariance.RULES
    | create.RULES
    | derivatives.RULES
    | distance.RULES
    | dropout.RULES
    | eigen.RULES
    | einsum.RULES
    | embedding.RULES
    | embedding_bag.RULES
    | extremes.RULES
    | factor.RULES
    | fake_quantize.RULES
    | fft.RULES
    | fold.RULES
    | foreach.RULES
    | gather.RULES
    | grid.RULES
    | grouped.RULES
    | index.RULES
    | index_write.RULES
    | instancenorm.RULES
    | join.RULES
    | legacy.RULES
    | library_checks.RULES
    | linear.RULES
    | literal.RULES
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
    | overwrite.RULES
    | packed.RULES
    | packed_products.RULES
    | pad.RULES
    | passthrough.RULES
    | pixel.RULES
    | pointwise.RULES
    | pool.RULES
    | pool_adaptive.RULES
    | product.RULES
    | quantize.RULES
    | quantized_conv.RULES
    | quantized_embedding.RULES
    | quantized_layers.RULES
    | quantized_norm.RULES
    | quantized_ops.RULES
    | quantized_recurrent.RULES
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
    | sparse.RULES
    | special.RULES
    | spectral.RULES
    | split.RULES
    | statistics.RULES
    | stft.RULES
    | transpose.RULES
    | triangles.RULES
    | unpool.RULES
    | vision.RULES
)
