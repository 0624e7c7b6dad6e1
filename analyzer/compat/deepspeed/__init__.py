"""DeepSpeed's flops profiler: ``from analyzer.compat.deepspeed import get_model_profile``, and ``FlopsProfiler``.

These take the place of what ``deepspeed.profiling.flops_profiler`` has by these names. The model is not run, so there
are no latencies: "unmeasured" stands in their places.
"""

from __future__ import annotations

from analyzer.compat.deepspeed.profiler import FlopsProfiler, get_model_profile
from analyzer.compat.numbers import (
    bytes_to_string,
    duration_to_string,
    flops_to_string,
    macs_to_string,
    number_to_string,
    params_to_string,
)

__all__ = [
    "FlopsProfiler",
    "bytes_to_string",
    "duration_to_string",
    "flops_to_string",
    "get_model_profile",
    "macs_to_string",
    "number_to_string",
    "params_to_string",
]
