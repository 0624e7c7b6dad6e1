"""The report of DeepSpeed's flops profiler: totals, the dearest classes at each depth, and all modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from analyzer.compat.numbers import macs_to_string, number_to_string, params_to_string
from analyzer.compat.profiles import Profile, annotated

__all__ = ["UNMEASURED", "aggregated", "report"]

UNMEASURED = "unmeasured"
_HEAD = "\n-------------------------- DeepSpeed Flops Profiler --------------------------"
_TOP = "\n----------------------------- Aggregated Profile per GPU -----------------------------"
_DETAILS = "\n------------------------------ Detailed Profile per GPU ------------------------------"
_NOTATIONS = (
    "Notations:\nparams are parameters, MACs multiply-accumulates, flops operations, FLOPS operations a second;\n"
    "fwd is a forward pass, mp_size the model parallel size. Nothing was run: latencies are unmeasured.\n"
)
_EXPLAINED = (
    "Behind the name of each module: its params and MACs, each with its share of the model's, latency and FLOPS.\n"
    "What a module calculates in functions of its own is in its numbers, and in those of no module below it.\n"
)


def report(
    profile: Profile, step: int, depth: int, top: int, detailed: bool, engine: Any = None, replicas_of: bool = True
) -> str:
    """The text, without a newline at its end.

    Args:
        profile: what every module costs.
        step: the number of the step, for the heading.
        depth: see `aggregated`.
        top: see `aggregated`.
        detailed: whether all modules are listed.
        engine: DeepSpeed's engine, for the sizes that it runs at.
        replicas_of: whether the parameters of the whole model are known without an engine: those of one GPU.
    """
    flops, macs, params = profile.total
    ranks = engine.mp_world_size if engine else 1
    whole = params * ranks if engine or replicas_of else 0
    rows = _engine_rows(engine) if engine else []
    rows += [
        ("params per GPU: ", params_to_string(params)),
        ("params of model = params per GPU * mp_size: ", params_to_string(whole)),
        ("fwd MACs per GPU: ", macs_to_string(macs)),
        ("fwd flops per GPU: ", number_to_string(flops)),
        ("fwd flops of model = fwd flops per GPU * mp_size: ", number_to_string(flops * ranks)),
        ("fwd latency: ", UNMEASURED),
        ("fwd FLOPS per GPU = fwd flops per GPU / fwd latency: ", UNMEASURED),
    ]
    lines = [_HEAD, f"Profile Summary at step {step}:", _NOTATIONS]
    lines += [f"{name:<70}  {value:<8}" for name, value in rows]
    lines += [_TOP, aggregated(profile, depth, top)]
    if detailed:
        lines += [_DETAILS, _EXPLAINED, annotated(profile.model, lambda module: _shares(profile, module))]
    return "\n".join([*lines, "-" * 78])


def _engine_rows(engine: Any) -> list[tuple[str, Any]]:
    return [
        ("world size: ", engine.world_size),
        ("data parallel size: ", engine.dp_world_size),
        ("model parallel size: ", engine.mp_world_size),
        ("batch size per GPU: ", engine.train_micro_batch_size_per_gpu()),
    ]


def aggregated(profile: Profile, depth: int, top: int) -> str:
    """The classes with the most parameters and MACs at each depth.

    Args:
        profile: what every module costs.
        depth: how many levels are shown; all but the innermost for -1.
        top: how many classes of each level.
    """
    levels: list[dict[str, list[int]]] = []

    def walk(module: nn.Module, level: int) -> None:
        if level == len(levels):
            levels.append({})
        sums = levels[level].setdefault(type(module).__name__, [0, 0])
        costs = profile.of(module)
        sums[0] += costs.macs
        sums[1] += costs.params
        for child in module.children():
            walk(child, level + 1)

    walk(profile.model, 0)
    lines = [f"Top {top} modules in terms of params, MACs or fwd latency at different model depths:"]
    for level, found in enumerate(levels[: len(levels) - 1 if depth == -1 else depth]):
        lines += [
            f"depth {level}:",
            f"    params      - {_first(found, 1, top, params_to_string)}",
            f"    MACs        - {_first(found, 0, top, macs_to_string)}",
            f"    fwd latency - {UNMEASURED}",
        ]
    return "\n".join(lines)


def _first(found: dict[str, list[int]], column: int, top: int, text: Callable[[float], str]) -> dict[str, str]:
    ordered = sorted(found.items(), key=lambda item: item[1][column], reverse=True)
    return {name: text(sums[column]) for name, sums in ordered[:top]}


def _shares(profile: Profile, module: nn.Module) -> str:
    costs, total = profile.of(module), profile.total
    shown = [
        (params_to_string(costs.params), costs.params, total.params, "Params"),
        (macs_to_string(costs.macs), costs.macs, total.macs, "MACs"),
    ]
    parts = [f"{text} = {round(100 * part / whole, 2) if whole else 0:g}% {name}" for text, part, whole, name in shown]
    return ", ".join([*parts, f"{UNMEASURED} latency", f"{UNMEASURED} FLOPS"])
