"""Interleaved timing: whatever slows the machine down for a while slows every contender down."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter
from typing import Any

__all__ = ["Contender", "fresh_process", "medians", "repeated"]

Contender = Callable[[], Callable[[], object]]


def medians(contenders: Mapping[str, Contender], rounds: int) -> dict[str, float]:
    """Median milliseconds of each contender over ``rounds`` rounds.

    A contender prepares outside the clock and returns what is timed. Every round times each of them once, and starts
    with the next one in turn. What the one before left behind is collected outside the clock too.
    """
    names = list(contenders)
    times: dict[str, list[float]] = {name: [] for name in names}
    for round_ in range(rounds):
        first = round_ % len(names)
        for name in names[first:] + names[:first]:
            gc.collect()
            run = contenders[name]()
            start = perf_counter()
            run()
            times[name].append((perf_counter() - start) * 1e3)
    return {name: median(values) for name, values in times.items()}


def repeated(run: Callable[[], object]) -> Contender:
    """Time the second of two calls, which finds everybody's caches as a call in a loop does."""

    def prepare() -> Callable[[], object]:
        run()
        return run

    return prepare


def fresh_process(code: str, *args: object) -> dict[str, float]:
    """Run code in an interpreter of its own and read the JSON object that it prints."""
    command = [sys.executable, "-c", code, *map(str, args)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result: dict[str, Any] = json.loads(output)
    return result
