"""``torch.utils.flop_counter.FlopCounterMode``, without running the model: change the import, and nothing else."""

from __future__ import annotations

import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from analyzer.compat.calls import on_meta, run
from analyzer.conventions import CONVENTIONS
from analyzer.errors import InputError
from analyzer.graph import Graph
from analyzer.interception import intercept_modules
from analyzer.node import Node
from analyzer.plugins import installed_rules
from analyzer.pytree import leaves
from analyzer.tools.flop_counter import META

__all__ = ["FlopCounterMode"]

aten = torch.ops.aten
SUFFIXES = ("", "K", "M", "B", "T")
# The operators of torch that products come down to.
_PACKETS = {
    "bmm": "mm bmm matmul scaled_dot_product_attention einsum tensordot",
    "baddbmm": "baddbmm",
    "convolution": "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution",
}
_PACKET = {op: packet for packet, ops in _PACKETS.items() for op in ops.split()}
_running = threading.local()  # its ``counters`` are those in whose blocks a thread is, the outermost first


class FlopCounterMode:
    """Counts the FLOPs of every model that is called inside a ``with`` block, which is analyzed and not run.

    A model called in the block returns tensors on meta, with shapes and no values. What torch would have to run there
    besides, such as a backward pass or a product outside any module, is an error.

    Args:
        mods: not used, as in torch.
        depth: how many levels of modules the table shows, the model itself among them; None for all.
        display: whether the table is printed at the end of the block.
        custom_mapping: operator -> formula, as in torch, is not taken: a rule serves an operation of one's own.
        faithful: give torch's own figures, which miss what it has no formula for. They are those of meta and CUDA; on a
            CPU torch misses fused attention besides.

    Source: torch.utils.flop_counter, torch 2.14.

    >>> with FlopCounterMode(display=False) as counter:
    ...     output = nn.Sequential(nn.Linear(7, 5), nn.ReLU())(torch.zeros(3, 7))
    >>> counter.get_total_flops(), counter.get_flop_counts()["Sequential.0"]
    (210, {<OpOverloadPacket(op='aten.addmm')>: 210})
    """

    def __init__(
        self,
        mods: Any = None,
        depth: int | None = 2,
        display: bool = True,
        custom_mapping: dict[Any, Any] | None = None,
        *,
        faithful: bool = False,
    ) -> None:
        if custom_mapping:
            raise InputError(
                "custom_mapping counts operators as torch runs them, and none is run here",
                hint="write a rule for the operation, and pass it to analyze(..., rules=...)",
            )
        self.depth = depth
        self.display = display
        self.faithful = faithful
        self.flop_counts: dict[str, dict[Any, int]] = defaultdict(lambda: defaultdict(int))
        self._block: AbstractContextManager[None] | None = None

    def __enter__(self) -> FlopCounterMode:
        self.flop_counts.clear()
        self._block = self._counting()
        self._block.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        block, self._block = self._block, None
        if block is not None:
            block.__exit__(*error)
        if self.display and error[0] is None:
            print(self.get_table(self.depth))

    def get_total_flops(self) -> int:
        """FLOPs of all models called in the block, 2 a product."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict[str, dict[Any, int]]:
        """Module -> operator of torch -> FLOPs; ``"Global"`` is everything, ``"ResNet.layer1.0"`` one module."""
        return {name: dict(counts) for name, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """The counts as text: module, FLOPs, per cent of all, so many levels deep."""
        asked = self.depth if depth is None else depth
        levels = sys.maxsize if asked is None else asked
        total = self.get_total_flops()
        names = [name for name in sorted(self.flop_counts) if name != "Global" and name.count(".") < levels]
        alone = any(sum(self.flop_counts[name].values()) >= total for name in names)
        rows = [("Module", "FLOP", "% Total")]
        if not alone:
            rows += self._rows("Global", "", total)
        for name in names:
            rows += self._rows(name, " " * (name.count(".") + (not alone)), total)
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}" for row in rows]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])

    def _rows(self, name: str, pad: str, total: int) -> Iterator[tuple[str, str, str]]:
        counts = self.flop_counts[name]
        parts = [(name, sum(counts.values())), *((f" - {packet}", part) for packet, part in counts.items())]
        for label, part in parts:
            yield pad + label, _with_suffix(part, total), f"{part / total:.2%}" if total else "0%"

    @contextmanager
    def _counting(self) -> Iterator[None]:
        guard = _Guard()
        counters: list[FlopCounterMode] = _running.__dict__.setdefault("counters", [])

        def analyzed(
            original: Callable[..., Any], module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> Any:
            with torch._C.DisableTorchFunction():
                result = run(module, args, kwargs)
                for counter in counters:
                    counter._add(result.analysis.graph, type(module).__name__)
                return on_meta(result.analysis.outputs)

        counters.append(self)
        try:
            with intercept_modules(analyzed), guard:
                yield
        finally:
            counters.remove(self)

    def _add(self, graph: Graph, name: str) -> None:
        weigh = CONVENTIONS["flop_counter"] if self.faithful else META.right
        for node, flops in zip(graph, weigh.over(graph), strict=True):
            if flops:
                packet = _packet(node)
                self.flop_counts["Global"][packet] += flops
                for path in dict.fromkeys(node.stack):
                    self.flop_counts[f"{name}.{path}" if path else name][packet] += flops


def _packet(node: Node) -> Any:
    """The operator of torch that a product comes down to."""
    if node.op in ("linear", "addmm"):
        biased = node.op == "addmm" or node.arguments.get("bias") is not None
        return aten.addmm if biased else aten.mm
    if node.op in ("lstm", "gru", "rnn", "lstm_cell", "gru_cell", "rnn_cell"):
        return aten.addmm
    if node.op in ("matmul", "mm", "einsum") and all(edge.spec.ndim == 2 for edge in node.inputs):
        return aten.mm
    return getattr(aten, _PACKET.get(node.op, node.op), node.op)


def _with_suffix(number: int, total: int) -> str:
    """A count in the unit of the total, of which four digits may stand before the point.

    >>> _with_suffix(210, 1_500), _with_suffix(210, 15_000)
    ('210.000', '0.210K')
    """
    index = max(0, min(len(SUFFIXES) - 1, (len(str(total)) - 2) // 3))
    return f"{number / 1000**index:.3f}{SUFFIXES[index]}"


class _Guard(TorchFunctionMode):
    """Refuses what the block would leave uncounted, gradients and products that no module makes, and values."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", str(func))
        if func is torch.Tensor.backward or name in ("backward", "grad"):
            raise InputError(
                "the backward pass is not counted, and nothing was run to go back through",
                hint="count the forward pass alone",
            )
        rule = installed_rules().targets.get(func)
        if rule is not None and rule.name in _COUNTED:
            raise InputError(
                f"{name} is called outside of any module, which is not counted here",
                hint=f"analyze({name}, inputs) counts a function",
            )
        try:
            return func(*args, **(kwargs or {}))
        except RuntimeError as error:
            tensors = leaves((args, kwargs), (torch.Tensor,))
            if not any(isinstance(each, torch.Tensor) and each.is_meta for _, each in tensors):
                raise
            raise InputError(
                f"{name} asks for the values or the device of a model's output, and no model was run here",
                hint="outputs have shapes and are on meta; use their values behind the block, with a run of the model",
            ) from error


_COUNTED = frozenset({*_PACKET, "linear", "addmm", "addbmm", "mv", "dot", "bilinear", "addmv"})
