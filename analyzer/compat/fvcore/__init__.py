"""``fvcore.nn``'s counting, without running the model: ``from analyzer.compat.fvcore import FlopCountAnalysis``.

Modules have fvcore's names, so ``fvcore.nn.jit_handles`` becomes ``analyzer.compat.fvcore.jit_handles``. One
multiply-accumulate is one flop, as there. Source: fvcore 0.1.5.post20221221.
"""

from __future__ import annotations

from analyzer.compat.fvcore.activation_count import ActivationCountAnalysis, activation_count
from analyzer.compat.fvcore.flop_count import FlopCountAnalysis, flop_count
from analyzer.compat.fvcore.jit_analysis import JitModelAnalysis
from analyzer.compat.fvcore.parameter_count import parameter_count, parameter_count_table
from analyzer.compat.fvcore.print_model_statistics import flop_count_str, flop_count_table

__all__ = [
    "ActivationCountAnalysis",
    "FlopCountAnalysis",
    "JitModelAnalysis",
    "activation_count",
    "flop_count",
    "flop_count_str",
    "flop_count_table",
    "parameter_count",
    "parameter_count_table",
]
