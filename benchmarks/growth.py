"""What needs a fresh process: the cost of importing, and time and memory over depth."""

from __future__ import annotations

import json
import resource
import sys
import tracemalloc
from statistics import median
from typing import Any

from benchmarks.timing import fresh_process, medians, repeated

__all__ = ["DEPTHS", "IMPORTS", "chain", "import_costs"]

IMPORTS = {
    "import analyzer": "import analyzer",
    "from analyzer import analyze": "from analyzer import analyze",
    "... and load the rules": "from analyzer import analyze, plugins; plugins.installed_rules()",
    "... and analyze one layer": "from analyzer import analyze; analyze(torch.nn.Linear(7, 5).eval(), (3, 7))",
    "import networkx": "import networkx",
    "import FlopCounterMode": "from torch.utils.flop_counter import FlopCounterMode",
}
DEPTHS = (10, 100, 1_000, 10_000)

_IMPORT = """
import json, sys
from time import perf_counter
start = perf_counter()
import torch
between = perf_counter()
exec(sys.argv[1])
print(json.dumps({"torch": (between - start) * 1e3, "more": (perf_counter() - between) * 1e3}))
"""
_CHAIN = "import sys; from benchmarks.growth import measure_chain; measure_chain(*map(int, sys.argv[1:]))"


def import_costs(rounds: int) -> list[dict[str, Any]]:
    """Milliseconds that a statement takes after ``import torch``, and that one itself, each in fresh processes."""
    runs = [{name: fresh_process(_IMPORT, code) for name, code in IMPORTS.items()} for _ in range(rounds + 1)][1:]
    torch = median(found["torch"] for run in runs for found in run.values())
    rows: list[dict[str, Any]] = [{"statement": "import torch", "ms": torch}]
    rows += [{"statement": name, "ms": median(run[name]["more"] for run in runs)} for name in IMPORTS]
    return [row | {"of_torch": row["ms"] / torch} for row in rows]


def chain(layers: int, rounds: int) -> dict[str, Any]:
    """One row: analyze() on so many layers of one kind in a row, measured in a process of its own."""
    return {"layers": layers, **fresh_process(_CHAIN, layers, rounds)}


def measure_chain(layers: int, rounds: int) -> None:
    """Print the figures of a chain as JSON: what runs in the fresh process.

    ``peak`` and ``kept`` are Python's own memory, at most during analyze() and by the finished Analysis; ``resident``
    is what the whole process grew by, torch's tensors in C++ included.
    """
    import torch
    from torch import nn

    from analyzer import analyze, skeleton

    def build(count: int) -> nn.Module:
        return skeleton(lambda: nn.Sequential(*(nn.Linear(64, 64) for _ in range(count)))).eval()

    with torch.no_grad():
        analyze(build(3), (1, 64))  # loads the rules
        model = build(layers)
        before = _resident()
        analysis = analyze(model, (1, 64))
        figures = {"calls": float(len(analysis.graph)), "resident": float(_resident() - before)}
        del analysis
        figures |= medians({"ms": repeated(lambda: analyze(model, (1, 64)))}, rounds)
        tracemalloc.start()
        analysis = analyze(model, (1, 64))
        kept, peak = tracemalloc.get_traced_memory()
        del analysis
        print(json.dumps({**figures, "peak": peak, "kept": kept}))


def _resident() -> int:
    """Bytes of memory that the process has held at most."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
