"""calflops: ``from calflops import calculate_flops`` becomes ``from analyzer.compat.calflops import calculate_flops``.

The model is not run, no weights are needed, and nothing is downloaded.
"""

from __future__ import annotations

from analyzer.compat.calflops.counter import calculate_flops
from analyzer.compat.calflops.hub import calculate_flops_hf
from analyzer.compat.calflops.tokens import generate_transformer_input
from analyzer.compat.numbers import (
    bytes_to_string,
    flops_to_string,
    macs_to_string,
    number_to_string,
    params_to_string,
)

__all__ = [
    "bytes_to_string",
    "calculate_flops",
    "calculate_flops_hf",
    "flops_to_string",
    "generate_transformer_input",
    "macs_to_string",
    "number_to_string",
    "params_to_string",
]
