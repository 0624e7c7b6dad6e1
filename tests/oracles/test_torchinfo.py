"""torchinfo itself against our description of it, and its text and rows against our drop-in's."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
import torchvision
from holding import assert_models_agree, assert_table_agrees, the_tool
from torch import nn
from torch.nn.utils import prune
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from analyzer import analyze
from analyzer.compat.torchinfo import summary
from analyzer.tools import TOOLS

torchinfo = the_tool("torchinfo")


def theirs(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[int, int]:
    result = torchinfo.summary(model, input_data=list(inputs), verbose=0)
    return result.total_mult_adds, result.total_params


def reading(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[int, int]:
    said = TOOLS["torchinfo"].read(analyze(model, inputs, training=False).graph)
    return said.total, said.params


def drop_in(model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[int, int]:
    result = summary(model, input_data=list(inputs), verbose=0, faithful=True)
    return result.total_mult_adds, result.total_params


def test_table() -> None:
    assert_table_agrees(theirs, reading)
    assert_table_agrees(theirs, drop_in)


def test_models() -> None:
    assert_models_agree(theirs, reading)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(23, 7)
        self.lstm = nn.LSTM(7, 11, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(22, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output, _ = self.lstm(self.embedding(x))
        return self.head(output)


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(7, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output, _ = self.gru(pack_padded_sequence(x, torch.tensor([5, 3])))
        return pad_packed_sequence(output)[0]


class Shared(nn.Module):
    """Layers in several places, called from others, and one container that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(7, 7)
        self.b = nn.Sequential(self.a, nn.ReLU(), nn.Linear(7, 7))
        self.c = nn.Sequential(self.a, nn.Sequential(nn.Linear(7, 3), self.b[2]))

    def forward(self, x: torch.Tensor) -> Any:
        return self.c[0](self.b(self.a(self.b(self.a(x)))))


class Held(nn.Module):
    """Lists and dicts of layers and of parameters, one not used, one empty, one frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv1d(3, 3, 3, padding=1) for _ in range(3)])
        self.norms = nn.ModuleList([nn.BatchNorm1d(3) for _ in range(3)])
        self.named = nn.ModuleDict({"x": nn.Sequential(nn.Conv1d(3, 5, 3), nn.PReLU()), "unused": nn.Linear(3, 3)})
        self.weights = nn.ParameterList([torch.zeros(5, 1), torch.zeros(2)])
        self.empty = nn.Sequential()
        self.norms[0].bias.requires_grad_(False)
        self.convs[1].requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = norm(conv(x))
        return self.empty(self.named["x"](x)) * self.weights[0]


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(7, 11, bias=False)
        self.gamma_weight, self.other = nn.Parameter(torch.zeros(11)), nn.Parameter(torch.zeros(11))

    def forward(self, given: Any) -> Any:
        return [[self.linear(given[0]) * self.gamma_weight + self.other], (given[1][0],)]


class Nested(nn.Module):
    """Dicts and lists in lists, into layers and out of them."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.inner = nn.Linear(7, 5), Inner()

    def forward(self, x: torch.Tensor, y: torch.Tensor | None = None) -> Any:
        return {"a": self.linear(x), "b": self.inner([x, (x,)])}


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.place = nn.Embedding(23, 7), nn.Parameter(torch.zeros(5, 7))
        self.body = nn.TransformerEncoderLayer(7, 7, 13, batch_first=True)
        self.head = nn.Linear(7, 23, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.embedding(x) + self.place))


def pruned() -> nn.Module:
    model = nn.Sequential(nn.Linear(7, 11), nn.ReLU(), nn.Linear(11, 3))
    prune.l1_unstructured(model[0], "weight", 0.3)
    return model


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyConv2d(5, 3), nn.Flatten(), nn.LazyLinear(3))


def scripted() -> nn.Module:
    return nn.Sequential(torch.jit.script(nn.Sequential(nn.Linear(7, 11), nn.ReLU())), nn.Linear(11, 3))


def batch_norm() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Dropout())


_IMAGE = {"input_size": (1, 3, 224, 224)}
_ROWS = torch.zeros(5, 7)
CASES: dict[str, tuple[Callable[[], nn.Module], dict[str, Any]]] = {
    **{
        name: (cache(getattr(torchvision.models, name)), _IMAGE)
        for name in ("alexnet", "resnet50", "swin_t", "vit_b_16")
    },
    "LSTM": (Recurrent, {"input_size": (2, 5), "dtypes": [torch.long]}),
    "packed": (Packed, {"input_size": (5, 2, 7)}),
    "shared": (Shared, {"input_size": (5, 7)}),
    "held": (Held, {"input_size": (2, 3, 13)}),
    "nested": (Nested, {"input_data": [_ROWS]}),
    "nested, batch_dim": (Nested, {"input_data": _ROWS, "batch_dim": 0}),
    "by name": (Nested, {"input_data": {"x": _ROWS, "y": torch.zeros(3)}}),
    "by keyword": (Nested, {"input_size": [5, 7], "y": torch.zeros(3)}),
    "tied": (Tied, {"input_data": torch.zeros(3, 5, dtype=torch.long)}),
    "one layer": (lambda: nn.Linear(7, 5), {"input_size": [(3, 7)]}),
    "batch_dim": (lambda: nn.Linear(7, 5), {"input_size": (7,), "batch_dim": 0}),
    "batch_dim of an LSTM": (lambda: nn.Sequential(nn.LSTM(7, 5)), {"input_size": (13, 7), "batch_dim": 1}),
    "pruned": (pruned, {"input_size": (3, 7)}),
    "lazy": (lazy, {"input_size": (2, 3, 11, 13)}),
    "scripted": (scripted, {"input_size": (3, 7)}),
    "training": (batch_norm, {"input_size": (2, 3, 11, 13), "mode": "train"}),
    "held, without inputs": (Held, {}),
    "shared, without inputs": (Shared, {}),
    "lazy, without inputs": (lazy, {}),
}
OF_A_CALL = ("input_size", "output_size", "mult_adds")
COLUMNS = ("kernel_size", *OF_A_CALL[:2], "num_params", "params_percent", "mult_adds", "trainable")
LAYOUTS: dict[str, dict[str, Any]] = {
    "default": {},
    "all": {"depth": 10, "row_settings": ("var_names", "depth")},
    "narrow": {"depth": 1, "col_width": 16, "row_settings": ("ascii_only",)},
    "weights": {"depth": 2, "verbose": 2, "row_settings": ("hide_recursive_layers", "depth", "ascii_only")},
}
TOTALS = (
    "total_params",
    "trainable_params",
    "total_mult_adds",
    "total_output_bytes",
    "total_param_bytes",
    "input_size",
)
ROW = (
    "class_name var_name depth depth_index is_leaf_layer is_recursive executed input_size output_size output_bytes "
    "kernel_size num_params trainable_params param_bytes trainable inner_layers macs"
).split()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", CASES)
def test_text_and_rows(case: str, layout: str) -> None:
    make, options = CASES[case]
    called = "input_size" in options or "input_data" in options
    options = {"verbose": 1, **options, **LAYOUTS[layout]}
    if layout in ("all", "narrow"):
        options["col_names"] = [name for name in COLUMNS if called or name not in OF_A_CALL]
    (said, printed), (mine, mine_printed) = (
        _printed(make, function, options | more)
        for function, more in ((torchinfo.summary, {}), (summary, {"faithful": True}))
    )
    assert mine_printed == printed
    assert [getattr(mine, name) for name in TOTALS] == [getattr(said, name) for name in TOTALS]
    assert mine.total_input == (said.total_input or 0)
    for ours, row in zip(mine.summary_list, said.summary_list, strict=True):
        assert {name: getattr(ours, name) for name in ROW} == {name: getattr(row, name) for name in ROW}


def _printed(make: Callable[[], nn.Module], function: Any, options: dict[str, Any]) -> tuple[Any, str]:
    torch.manual_seed(0)  # which weights are pruned
    with contextlib.redirect_stdout(io.StringIO()) as out:
        return function(make(), **options), out.getvalue()
