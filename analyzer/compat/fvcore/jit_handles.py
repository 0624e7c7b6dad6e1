"""fvcore's handles by the names that it gives them, for those who build on them."""

from __future__ import annotations

from analyzer.tools.fvcore_handles import (
    Handle,
    addmm as addmm_flop_jit,
    batch_norm as batchnorm_flop_jit,
    bmm as bmm_flop_jit,
    conv as conv_flop_jit,
    conv_count as conv_flop_count,
    einsum as einsum_flop_jit,
    elements as generic_activation_jit,
    elementwise as elementwise_flop_counter,
    linear as linear_flop_jit,
    matmul as matmul_flop_jit,
    norm as norm_flop_counter,
    shape_of as get_shape,
)

__all__ = [
    "Handle",
    "addmm_flop_jit",
    "batchnorm_flop_jit",
    "bmm_flop_jit",
    "conv_flop_count",
    "conv_flop_jit",
    "einsum_flop_jit",
    "elementwise_flop_counter",
    "generic_activation_jit",
    "get_shape",
    "linear_flop_jit",
    "matmul_flop_jit",
    "norm_flop_counter",
]
