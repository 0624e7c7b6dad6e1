"""The largest models, from their configuration to the report: each in fresh processes, which have done nothing else."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

__all__ = ["MODELS", "compare"]

TOKENS = 2048

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama_3.1_405b": (
        "Llama",
        {
            "hidden_size": 16_384, "num_hidden_layers": 126, "num_attention_heads": 128, "num_key_value_heads": 8,
            "intermediate_size": 53_248, "vocab_size": 128_256, "max_position_embeddings": 131_072,
        },
    ),
    "deepseek_v3": ("DeepseekV3", {}),
    "kimi_k2_like": (
        "DeepseekV3",
        {
            "vocab_size": 163_840, "n_routed_experts": 384, "num_attention_heads": 64, "num_key_value_heads": 64,
            "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1,
        },
    ),
    "gpt_oss_120b": ("GptOss", {}),
}  # fmt: skip
"""Architecture of transformers, and what differs from its default configuration."""


def compare(name: str, rounds: int) -> dict[str, Any]:
    """One row: seconds to build, analyze and report, beside a forward on meta and FlopCounterMode over one.

    Memory is what the process grows by at most, over what its imports take.
    """
    found = {kind: [_measure(name, kind) for _ in range(rounds)] for kind in ("analyze", "meta")}
    row: dict[str, Any] = {"model": name}
    for kind, runs in found.items():
        for field in runs[0]:
            row[f"{kind}_{field}"] = statistics.median(run[field] for run in runs)
    return row


def _measure(name: str, kind: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.huge", name, kind]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


# --- in the fresh process --------------------------------------------------------------------------------------------


def _timed(function: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def _resident() -> float:
    """The most that this process has had in memory; `resource.getrusage` counts what it was forked from, too."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return float(line.split()[1]) * 1024


def _analyze(make: Callable[..., Any], config: Any) -> dict[str, float]:
    import torch

    from analyzer import TensorSpec, analyze, skeleton
    from analyzer.plugins import installed_rules

    installed_rules()
    before = _resident()
    kwargs = {"input_ids": TensorSpec((1, TOKENS), torch.int64)}
    model, build = _timed(lambda: skeleton(make, config, dtype=torch.bfloat16).eval())
    analysis, first = _timed(lambda: analyze(model, kwargs=kwargs))
    _, report = _timed(lambda: str(analysis.table()))
    grown = _resident() - before
    _, again = _timed(lambda: analyze(model, kwargs=kwargs))
    calls = sum(node.kind.startswith("call_") for node in analysis.graph)
    return {
        "build": build, "first": first, "again": again, "report": report, "memory": grown,
        "params": analysis.params, "active": analysis.active_params, "macs": analysis.total("macs"), "calls": calls,
    }  # fmt: skip


def _meta(make: Callable[..., Any], config: Any) -> dict[str, float]:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    before = _resident()
    with torch.device("meta"):
        model, build = _timed(lambda: make(config, dtype=torch.bfloat16).eval())
    ids = torch.empty((1, TOKENS), dtype=torch.int64, device="meta")

    def count() -> int:
        with FlopCounterMode(display=False) as counter:
            model(input_ids=ids)
        return int(counter.get_total_flops())

    _, forward = _timed(lambda: model(input_ids=ids))
    total, counter = _timed(count)
    with torch.no_grad():
        _, without = _timed(count)
    grown = _resident() - before
    return {
        "build": build, "forward": forward, "counter": counter, "counter_no_grad": without, "memory": grown,
        "macs": total / 2,
    }  # fmt: skip


def _main(name: str, kind: str) -> None:
    import transformers

    architecture, changes = MODELS[name]
    model_class = getattr(transformers, f"{architecture}ForCausalLM")
    config = model_class.config_class(**changes)
    print(json.dumps({"analyze": _analyze, "meta": _meta}[kind](model_class._from_config, config)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
