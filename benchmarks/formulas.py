"""Whether formulas are true: one capture with open dimensions, against fresh analyses at random sizes.

Points are drawn at random, those that break a condition are left out, and at each that is left the formulas must equal
an analysis with these very sizes, to the last digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy
import torch

from analyzer import Analysis, AnalyzerError, TensorSpec, analyze
from analyzer.pytree import map_tensors
from analyzer.symbolic.domain import Condition
from analyzer.zoo import load

__all__ = ["CASES", "Case", "check"]

# Where sizes are drawn from, by name: the smallest, the largest, the step between them.
RANGES: Mapping[str, tuple[int, int, int]] = {
    "B": (1, 64, 1),  # batch
    "H": (32, 416, 1),  # height and width
    "W": (32, 416, 1),
    "S": (1, 512, 1),  # sequence, of an encoder or a decoder
    "T": (1, 384, 1),
    "L": (4_000, 24_000, 1),  # samples of sound
    "N": (1, 24, 1),  # frames
}
DRAWN = 20_000


@dataclass(frozen=True, slots=True)
class Case:
    """A model with open dimensions.

    Attributes:
        name: as `load` takes it.
        shapes: input -> its shape, a name where it is open, ``_`` where it is as `load` says: ``"B _ H W"``. Positional
            inputs go by their index.
        options: for `load`.
        ranges: where sizes are drawn from, where that differs from `RANGES`.
        hints: the sizes that decide.
    """

    name: str
    shapes: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)
    ranges: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    hints: Mapping[str, int] = field(default_factory=dict)

    def inputs(self) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
        """The model, and its inputs with names in them."""
        loaded = load(self.name, **self.options)
        args = tuple(_named(spec, self.shapes.get(str(index))) for index, spec in enumerate(loaded.args))
        if not args and not loaded.kwargs:
            args = tuple(TensorSpec(map(_size, shape.split())) for shape in self.shapes.values())
        kwargs = {name: _named(spec, self.shapes.get(name)) for name, spec in loaded.kwargs.items()}
        return loaded.model, args, kwargs


def _size(word: str) -> Any:
    return int(word) if word.isdigit() else word


def _named(spec: Any, shape: str | None) -> Any:
    if shape is None:
        return spec
    words = zip(shape.split(), spec.shape, strict=True)
    return spec.with_shape(*(size if word == "_" else word for word, size in words))


def check(case: Case, points: int = 20, seed: int = 0) -> dict[str, Any]:
    """One row: how many random points hold, at how many of them every formula is true, and what is pinned and where."""
    model, args, kwargs = case.inputs()
    dims: set[Any] = {dim for spec in _specs((args, kwargs)) for dim in spec.shape}
    names = sorted(dim for dim in dims if isinstance(dim, str))
    row: dict[str, Any] = {"model": case.name, "names": names, "pinned": {}, "differs": [], "points": 0, "equal": 0}
    with torch.no_grad():
        start = perf_counter()
        try:
            analysis = analyze(model, args, kwargs, hints=case.hints or None)
        except AnalyzerError as error:
            return row | {"conditions": 0, "holds": 0.0, "differs": [str(error)]}
        row["capture"] = perf_counter() - start
        drawn = _drawn(names, case, seed, _pinned(analysis.conditions))
        holds = _holds(analysis.conditions, drawn)
        row |= {"conditions": len(analysis.conditions), "holds": float(holds.mean())}
        row["pinned"] = {n: (v, str(s)) for n, (v, s) in _pinned(analysis.conditions).items()}
        chosen = _distinct(drawn, holds, points)
        row["points"] = len(chosen)
        for sizes in chosen:
            differs = _differences(analysis, sizes, analyze(model, *_at((args, kwargs), sizes)))
            row["equal"] += not differs
            row["differs"] += differs
    return row


def _specs(inputs: Any) -> list[TensorSpec]:
    found: list[TensorSpec] = []
    map_tensors(lambda spec: found.append(spec), inputs, (TensorSpec,))
    return found


def _at(inputs: Any, sizes: Mapping[str, int]) -> Any:
    def replaced(spec: TensorSpec) -> TensorSpec:
        return spec.with_shape(*(sizes[dim] if isinstance(dim, str) else dim for dim in spec.shape))

    return map_tensors(replaced, inputs, (TensorSpec,))


# --- points ---------------------------------------------------------------------------------------------------------


def _drawn(names: list[str], case: Case, seed: int, pinned: Mapping[str, Any]) -> dict[str, Any]:
    """Random sizes of every name; half of them near the hint's own multiples of 32, which conditions often ask for."""
    random = numpy.random.default_rng(seed)
    drawn = {}
    for name in names:
        least, most, step = case.ranges.get(name, RANGES[name])
        sizes = random.integers(least, most + 1, DRAWN)
        round_sizes = numpy.maximum(sizes // 32 * 32, least)
        sizes = numpy.where(random.random(DRAWN) < 0.5, sizes, round_sizes) if most > 64 else sizes
        sizes = sizes // step * step if step > 1 else sizes
        drawn[name] = numpy.full(DRAWN, pinned[name][0]) if name in pinned else sizes
    return drawn


def _holds(conditions: tuple[Condition, ...], drawn: Mapping[str, Any]) -> Any:
    holds = numpy.ones(DRAWN, dtype=bool)
    with numpy.errstate(divide="ignore"):  # behind a condition that rules it out
        for condition in conditions:
            holds = holds & condition.holds(drawn)
    return holds


def _distinct(drawn: Mapping[str, Any], holds: Any, points: int) -> list[dict[str, int]]:
    found: dict[tuple[int, ...], dict[str, int]] = {}
    for index in numpy.flatnonzero(holds):
        sizes = {name: int(values[index]) for name, values in drawn.items()}
        found.setdefault(tuple(sizes.values()), sizes)
        if len(found) == points:
            break
    return list(found.values())


def _pinned(conditions: tuple[Condition, ...]) -> dict[str, tuple[int, Any]]:
    """Name -> the one size that a condition leaves it, and the line that asked."""
    pinned = {}
    for condition in conditions:
        relation = condition.relation
        if relation.is_Relational and relation.rel_op == "==":
            for one, other in ((relation.lhs, relation.rhs), (relation.rhs, relation.lhs)):
                if one.is_Symbol and other.is_Integer:
                    pinned[str(one)] = (int(other), condition.source)
    return pinned


# --- numbers --------------------------------------------------------------------------------------------------------


def _numbers(analysis: Analysis) -> dict[str, Any]:
    totals = {name: analysis.total(name) for name in ("macs", "flops", "all")}
    traffic = analysis.traffic
    sizes = [size for spec in _specs(analysis.outputs) for size in spec.shape]
    outputs = {f"outputs.{index}": size for index, size in enumerate(sizes)}
    return {**totals, "read": traffic.read, "written": traffic.written, "params": analysis.params, **outputs}


def _differences(analysis: Analysis, sizes: Mapping[str, int], fresh: Analysis) -> list[str]:
    """What a formula says at these sizes and a fresh analysis does not."""
    said, true = _numbers(analysis), _numbers(fresh)
    if said.keys() != true.keys():
        return [f"other outputs at {dict(sizes)}"]
    differences = []
    for name, number in said.items():
        value = number.at(**sizes) if hasattr(number, "at") else number
        if value != true[name]:
            differences.append(f"{name} at {dict(sizes)}: {value:,} and not {true[name]:,}")
    return differences


# --- models ---------------------------------------------------------------------------------------------------------

IMAGE = {"0": "B _ H W"}
TOKENS = {"input_ids": "B S"}
PAIR = {"input_ids": "B S", "decoder_input_ids": "B T"}
PIXELS = {"pixel_values": "B _ H W"}
SOUND = {"input_values": "B L"}
SMALL = {"set": {"num_hidden_layers": 2}}
LM = {**SMALL, "head": "causal-lm"}


def _cases(prefix: str, names: str, shapes: Mapping[str, str], hints: Any = None, **options: Any) -> list[Case]:
    return [Case(f"{prefix}:{name}", shapes, options, hints=hints or {}) for name in names.split()]


SQUARE = {"H": 224, "W": 224}

CASES: tuple[Case, ...] = (
    *_cases(
        "torchvision",
        "alexnet vgg11_bn resnet18 resnet50 resnext50_32x4d densenet121 squeezenet1_1 mobilenet_v2 mobilenet_v3_small "
        "efficientnet_b0 efficientnet_v2_s shufflenet_v2_x1_0 mnasnet1_0 regnet_y_400mf googlenet inception_v3 "
        "convnext_tiny swin_t swin_v2_t fcn_resnet50 deeplabv3_resnet50 lraspp_mobilenet_v3_large",
        IMAGE,
    ),
    *_cases("torchvision", "vit_b_16 maxvit_t", IMAGE, SQUARE),
    Case("torchvision:raft_small", {"0": "B _ H W", "1": "B _ H W"}, ranges={"H": (128, 512, 8), "W": (128, 512, 8)}),
    Case("torchvision:r3d_18", {"0": "B _ N H W"}, ranges={"H": (32, 160, 1), "W": (32, 160, 1)}),
    *_cases(
        "timm",
        "resnet18d seresnet50 res2net50_26w_4s hrnet_w18_small dla34 ghostnet_100 mobilevit_xs convnextv2_atto "
        "pvt_v2_b0 poolformer_s12 edgenext_xx_small xcit_nano_12_p16_224 nfnet_f0",
        IMAGE,
    ),
    *_cases(
        "timm",
        "vit_tiny_patch16_224 deit_tiny_patch16_224 swin_tiny_patch4_window7_224 mixer_b16_224 coatnet_0_rw_224 "
        "levit_128 efficientformer_l1",
        IMAGE,
        SQUARE,
    ),
    Case("timm:vit_small_patch16_dinov3", IMAGE),
    *_cases("transformers", "llama mistral qwen2 gemma phi gpt2 gpt_neox opt falcon mamba rwkv", TOKENS, **LM),
    *_cases("transformers", "mixtral qwen3_moe deepseek_v3 gpt_oss olmoe", TOKENS, **LM),
    *_cases("transformers", "bert roberta distilbert electra deberta-v2 albert", TOKENS),
    *_cases("transformers", "t5 bart", PAIR),
    *_cases("transformers", "segformer convnext dinov2", PIXELS),
    *_cases("transformers", "vit", PIXELS, SQUARE),
    *_cases("transformers", "wav2vec2 hubert", SOUND, {"L": 16_000}, **SMALL),
    Case("transformers:whisper", {"input_features": "B _ _", "decoder_input_ids": "B T"}),
    Case("transformers:audio-spectrogram-transformer", {"input_values": "B _ _"}),
    Case("transformers:encodec", {"input_values": "B _ L"}, hints={"L": 16_000}),
    Case(
        "transformers:clip",
        {"input_ids": "B S", "pixel_values": "B _ _ _"},
        ranges={"S": (1, 77, 1)},
        hints={"S": 64},
    ),
    Case("diffusers:UNet2DConditionModel", {"sample": "B _ H W", "timestep": "B", "encoder_hidden_states": "B S _"}),
    Case("diffusers:UNet2DModel", {"sample": "B _ H W", "timestep": "B"}),
    Case("diffusers:AutoencoderKL", {"sample": "B _ H W"}),
    Case("diffusers:DiTTransformer2DModel", {"hidden_states": "B _ H H", "timestep": "B", "class_labels": "B"}),
    *(
        Case(f"torch.nn:{name}", {"0": "S B 7"}, {"kwargs": {"input_size": 7, "hidden_size": 11, "num_layers": 2}})
        for name in ("LSTM", "GRU", "RNN")
    ),
)
