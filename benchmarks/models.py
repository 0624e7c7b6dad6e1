"""The models, and what analyze() is measured against on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.fx
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from analyzer import Analysis, analyze, skeleton
from analyzer.zoo import load
from benchmarks.timing import Contender, medians, repeated

__all__ = ["MODELS", "Model", "compare", "views"]

IMAGE = (1, 3, 224, 224)


@dataclass(frozen=True, slots=True)
class Model:
    """A model to measure.

    Attributes:
        name: how tables call it.
        build: makes the module, without weights.
        shapes: of its inputs.
        goal: how many times as long as analyze() FlopCounterMode takes at the least.
        dtype: of its inputs.
    """

    name: str
    build: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    goal: int
    dtype: torch.dtype = torch.float32

    def on_meta(self) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
        """The module and its inputs, none of which holds a value: the same for every contender."""
        inputs = tuple(torch.empty(shape, dtype=self.dtype, device="meta") for shape in self.shapes)
        return self.build().eval().to("meta"), inputs


def _torchvision(name: str, goal: int, *shapes: tuple[int, ...]) -> Model:
    return Model(name, lambda: load(f"torchvision:{name}").model, shapes or (IMAGE,), goal)


def _llama() -> nn.Module:
    """Of transformers, with its defaults: it makes a cache of keys and values, and fills it."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=32_000, hidden_size=4096, intermediate_size=11_008, num_hidden_layers=32, num_attention_heads=32
    )
    return skeleton(LlamaForCausalLM, config)


MODELS = (
    _torchvision("alexnet", 3),
    _torchvision("resnet50", 10),
    _torchvision("densenet121", 10),
    _torchvision("swin_t", 5),
    _torchvision("vit_b_16", 5),
    _torchvision("maxvit_t", 5),
    _torchvision("mvit_v1_b", 5, (1, 3, 16, 224, 224)),
    _torchvision("raft_small", 10, (1, 3, 520, 960), (1, 3, 520, 960)),
    Model("llama_7b", _llama, ((1, 2048),), 5, torch.int64),
)


def compare(model: Model, rounds: int) -> dict[str, Any]:
    """One row: analyze(), a trace by torch.fx, a forward on meta and FlopCounterMode over one.

    ``fx`` is None where torch.fx cannot trace the model, and ``fx_error`` says why.
    """
    module, inputs = model.on_meta()

    def count() -> int:
        with FlopCounterMode(display=False) as counter:
            module(*inputs)
        return int(counter.get_total_flops())

    contenders: dict[str, Contender] = {
        "analyze": repeated(lambda: analyze(module, inputs)),
        "fx": repeated(lambda: torch.fx.Tracer().trace(module)),
        "forward": repeated(lambda: module(*inputs)),
        "counter": repeated(count),
    }
    row: dict[str, Any] = {"model": model.name, "goal": model.goal, "fx": None}
    with torch.no_grad():
        try:
            torch.fx.Tracer().trace(module)
        except Exception as error:  # of many kinds, from torch.fx or from the model's own code
            del contenders["fx"]
            row["fx_error"] = f"{type(error).__name__}: {error}".splitlines()[0]
        analysis = analyze(module, inputs)
        row["calls"] = _calls(analysis)
        row["same_count"] = analysis.total("flop_counter") == count()
        return row | medians(contenders, rounds)


def views(model: Model, rounds: int) -> dict[str, Any]:
    """One row: what is asked of a new Analysis first, beside the analysis itself."""
    module, inputs = model.on_meta()

    def ask(question: Callable[[Analysis], object]) -> Contender:
        def prepare() -> Callable[[], object]:
            analysis = analyze(module, inputs)
            return lambda: question(analysis)

        return prepare

    contenders: dict[str, Contender] = {
        "analyze": repeated(lambda: analyze(module, inputs)),
        "total": ask(lambda analysis: analysis.total()),
        "by_module": ask(lambda analysis: analysis.by_module()),
        "nx": ask(lambda analysis: analysis.graph.nx),
        "fx": ask(lambda analysis: analysis.graph.fx),
    }
    with torch.no_grad():
        row = {"model": model.name, "calls": _calls(analyze(module, inputs))}
        return row | medians(contenders, rounds)


def _calls(analysis: Analysis) -> int:
    return sum(node.kind.startswith("call_") for node in analysis.graph)
