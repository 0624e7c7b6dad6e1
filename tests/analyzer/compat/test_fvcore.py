"""fvcore's drop-in: its README and its users' handles, with the import line changed; figures by pencil or as said."""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer import AnalyzerError, InputError, ModelError, TensorSpec
from analyzer.compat.fvcore import (
    ActivationCountAnalysis,
    FlopCountAnalysis,
    activation_count,
    flop_count,
    flop_count_str,
    flop_count_table,
    jit_handles,
    parameter_count,
    parameter_count_table,
)
from analyzer.compat.fvcore.jit_handles import elementwise_flop_counter, get_shape
from analyzer.tools import TOOLS


class TestModel(nn.Module):
    """The model of fvcore's own example."""

    __test__ = False

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features=1000, out_features=10)
        self.conv = nn.Conv2d(in_channels=3, out_channels=10, kernel_size=1)
        self.act = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.act(self.conv(x)).flatten(1))


class Attention(nn.Module):
    """One head of attention, and a GELU."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(7, 21)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = self.qkv(x).chunk(3, -1)
        return F.gelu(F.scaled_dot_product_attention(query, key, value))


IMAGE = (torch.zeros(1, 3, 10, 10),)
TOKENS = torch.zeros(2, 5, 7)
# Of `Attention`: 2·5 tokens by 7·21 weights; 2 batches of 5·5 scores over 7 numbers, and of 5·7 sums over 5.
LINEAR, PRODUCTS = 1470, 2 * (5 * 5 * 7 + 5 * 7 * 5)


# --- fvcore's README and docstrings -----------------------------------------------------------------------------------


def test_the_example_of_flop_count_analysis() -> None:
    flops = FlopCountAnalysis(TestModel(), IMAGE)
    assert flops.total() == 13000
    assert flops.total("fc") == 10000
    assert flops.by_operator() == Counter({"linear": 10000, "conv": 3000})
    assert flops.by_module() == Counter({"": 13000, "fc": 10000, "conv": 3000, "act": 0})
    assert flops.by_module_and_operator() == {
        "": Counter({"linear": 10000, "conv": 3000}),
        "fc": Counter({"linear": 10000}),
        "conv": Counter({"conv": 3000}),
        "act": Counter(),
    }


def test_the_example_of_activation_count_analysis() -> None:
    acts = ActivationCountAnalysis(TestModel(), IMAGE)
    assert (acts.total(), acts.total("fc")) == (1010, 10)
    assert acts.by_operator() == Counter({"conv": 1000, "linear": 10})
    mega, unsupported = activation_count(TestModel(), IMAGE)
    assert (dict(mega), unsupported) == ({"conv": 0.001, "linear": 1e-05}, Counter())


def test_flop_count_gives_gigas() -> None:
    giga, unsupported = flop_count(TestModel(), IMAGE)
    assert dict(giga) == {"linear": 1e-05, "conv": 3e-06}
    assert giga["nothing"] == 0.0
    assert unsupported == Counter()


class InnerNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(10, 10)
        self.fc2 = nn.Linear(10, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc1(self.fc2(x))


class TestNet(nn.Module):
    __test__ = False

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(10, 10)
        self.fc2 = nn.Linear(10, 10)
        self.inner = InnerNet()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc1(self.fc2(self.inner(x)))


def test_the_example_of_flop_count_str() -> None:
    text = flop_count_str(FlopCountAnalysis(TestNet(), torch.zeros(1, 10)))
    # as the docstring of fvcore 0.1.5.post20221221 prints it
    layer = "Linear(\n{0}  in_features=10, out_features=10, bias=True\n{0}  #params: 0.11K, #flops: 100\n{0})"
    assert text == (
        "TestNet(\n  #params: 0.44K, #flops: 0.4K\n"
        f"  (fc1): {layer.format('  ')}\n  (fc2): {layer.format('  ')}\n"
        "  (inner): InnerNet(\n    #params: 0.22K, #flops: 0.2K\n"
        f"    (fc1): {layer.format('    ')}\n    (fc2): {layer.format('    ')}\n  )\n)"
    )


def test_tables() -> None:
    flops, acts = FlopCountAnalysis(TestModel(), IMAGE), ActivationCountAnalysis(TestModel(), IMAGE)
    assert flop_count_table(flops, activations=acts, max_depth=1, show_param_shapes=False).splitlines() == [
        "| module   | #parameters   | #flops   | #activations   |",
        "|:---------|:--------------|:---------|:---------------|",
        "| model    | 10.05K        | 13K      | 1.01K          |",
        "|  fc      |  10.01K       |  10K     |  10            |",
        "|  conv    |  40           |  3K      |  1K            |",
    ]
    assert parameter_count(TestModel())["fc"] == 10010
    assert parameter_count_table(TestModel(), max_depth=1).splitlines()[2:] == [
        "| model  | 10.1K                |",
        "|  fc    |  10.0K               |",
        "|  conv  |  40                  |",
    ]


# --- what is right by default, and what fvcore says -------------------------------------------------------------------


def test_attention_counts() -> None:
    right = FlopCountAnalysis(Attention(), TOKENS)
    assert right.by_operator() == {"linear": LINEAR, "scaled_dot_product_attention": PRODUCTS}
    assert right.unsupported_ops() == {"aten::gelu": 1}
    said = FlopCountAnalysis(Attention(), TOKENS, faithful=True)  # measured with fvcore 0.1.5.post20221221
    assert said.by_operator() == {"linear": LINEAR}
    assert said.unsupported_ops() == {"aten::scaled_dot_product_attention": 1, "aten::gelu": 1}


def test_attention_has_the_activations_that_it_has_written_out() -> None:
    def by_hand(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return (q @ k.mT).softmax(-1) @ v

    inputs = (torch.zeros(2, 3, 5, 7), torch.zeros(2, 3, 11, 7), torch.zeros(2, 3, 11, 13))
    fused, written = (_counted(ActivationCountAnalysis, f, inputs) for f in (F.scaled_dot_product_attention, by_hand))
    assert fused == written == 2 * 3 * (5 * 11 + 5 * 13)


@pytest.mark.parametrize(
    ("function", "inputs", "right", "said"),
    [
        (torch.baddbmm, ((3, 5, 11), (3, 5, 7), (3, 7, 11)), 1155, 0),
        (torch.mv, ((5, 7), (7,)), 35, 0),
        (torch.matmul, ((5, 7), (7,)), 35, 0),  # fvcore stops with an IndexError
        (torch.matmul, ((5, 7), (3, 7, 11)), 3 * 5 * 7 * 11, 5 * 7 * 11),  # only the right side has a batch
        (partial(torch.einsum, "ij,jk->ik"), ((101, 103), (103, 107)), 101 * 103 * 107, 1113000.0),  # four digits
    ],
)
def test_products(function: Any, inputs: Any, right: int, said: float) -> None:
    given = tuple(torch.zeros(shape) for shape in inputs)
    assert _counted(FlopCountAnalysis, function, given) == right
    assert _counted(FlopCountAnalysis, function, given, faithful=True) == said


def test_recurrent_layers_count_and_cells_count_once() -> None:
    tokens = TensorSpec((2, 5, 7))
    assert FlopCountAnalysis(nn.LSTM(7, 11), tokens).by_operator() == {"lstm": 10 * 44 * (7 + 11)}
    assert FlopCountAnalysis(nn.LSTM(7, 11), tokens, faithful=True).total() == 0
    cell = FlopCountAnalysis(nn.LSTMCell(7, 11), TensorSpec((5, 7)))
    assert cell.by_operator() == {"linear": 5 * 44 * (7 + 11)}
    assert cell.unsupported_ops()["aten::sigmoid_"] == 3


def test_padding_by_name_is_a_convolution() -> None:
    layer = nn.Conv2d(3, 5, 7, padding="same")
    assert FlopCountAnalysis(layer, (2, 3, 11, 13)).by_operator() == {"conv": 2 * 5 * 11 * 13 * 3 * 49}
    assert FlopCountAnalysis(layer, (2, 3, 11, 13), faithful=True).unsupported_ops() == {"aten::_convolution_mode": 1}


def test_norms_have_fvcores_weights_in_the_mode_in_which_the_model_stands() -> None:
    norm, elements = nn.BatchNorm2d(3), 2 * 3 * 5 * 7
    assert FlopCountAnalysis(norm, (2, 3, 5, 7)).total() == 5 * elements
    assert FlopCountAnalysis(norm.eval(), (2, 3, 5, 7)).total() == 2 * elements
    assert FlopCountAnalysis(nn.LayerNorm(7, elementwise_affine=False), (2, 3, 5, 7)).total() == 4 * elements


def test_self_attention_is_one_operator_to_fvcore_where_gradients_are_off() -> None:
    model = nn.TransformerEncoderLayer(12, 2, 19, batch_first=True).eval()
    said = partial(FlopCountAnalysis, model, torch.zeros(2, 5, 12), faithful=True)
    assert said().by_operator()["linear"] == 10 * (12 * 36 + 12 * 12 + 2 * 12 * 19)
    with torch.no_grad():
        flops = said()
        assert flops.by_operator()["linear"] == 10 * 2 * 12 * 19
        assert flops.unsupported_ops() == {"aten::_native_multi_head_attention": 1, "aten::add": 2}


def test_what_nothing_hangs_on_is_no_part_of_a_trace() -> None:
    class Unused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kept, self.lost = nn.Linear(7, 5), nn.Linear(7, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.lost(x)
            return self.kept(x)

    flops = FlopCountAnalysis(Unused(), torch.zeros(2, 7))
    assert (flops.total(), flops.uncalled_modules()) == (2 * 7 * 8, set())
    flops = FlopCountAnalysis(Unused(), torch.zeros(2, 7), faithful=True)
    assert (flops.total(), flops.uncalled_modules()) == (2 * 7 * 5, {"lost"})


# --- handles as people write them -------------------------------------------------------------------------------------


def test_handles_of_detectron2s_kind() -> None:
    flops = FlopCountAnalysis(Attention(), TOKENS).set_op_handle(
        "aten::gelu", elementwise_flop_counter(0, 1), "aten::linear", None
    )
    assert flops.by_operator() == {"scaled_dot_product_attention": PRODUCTS, "gelu": 2 * 5 * 7}
    assert flops.unsupported_ops() == Counter()
    flops = FlopCountAnalysis(Attention(), TOKENS, faithful=True).set_op_handle("aten::linear", None)
    assert flops.by_operator() == {"linear": LINEAR}  # fvcore goes on with the handle that it has


def test_handles_of_vmambas_kind() -> None:
    def attention(inputs: list[Any], outputs: list[Any]) -> int:
        B, L, D = inputs[0].type().sizes()
        _, S, _ = inputs[1].type().sizes()
        assert inputs[0].debugName() == "query"
        return 2 * B * L * S * D

    supported = {"aten::gelu": None, "aten::scaled_dot_product_attention": attention}
    giga, unsupported = flop_count(model=Attention(), inputs=(TOKENS,), supported_ops=supported)
    assert sum(giga.values()) * 1e9 == pytest.approx(LINEAR + 2 * 2 * 5 * 5 * 7)
    assert unsupported == Counter()


class Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: torch.Tensor, A: torch.Tensor, steps: int = 3) -> torch.Tensor:
        return u @ A

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return (*grads, None, None)


@pytest.mark.parametrize("faithful", [False, True])
def test_a_handle_of_an_autograd_function(faithful: bool) -> None:
    def scan(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
        u, A = inputs  # tensors alone, as in a trace
        return Counter({"scan": 9 * u.type().sizes()[0] * A.type().sizes()[1]})

    before = torch.autograd.Function.apply
    inputs = (torch.zeros(5, 7), torch.zeros(7, 11))
    flops = FlopCountAnalysis(_Call(lambda u, A: Scan.apply(u, A) * 2), inputs, faithful=faithful)
    assert flops.by_operator() == ({} if faithful else {"matmul": 385})
    flops.set_op_handle("prim::PythonOp.Scan", scan)
    assert flops.by_operator() == {"scan": 9 * 5 * 11}
    assert flops.unsupported_ops() == {"aten::mul": 1}
    assert torch.autograd.Function.apply == before


def test_values_answer_what_handles_ask() -> None:
    seen: dict[str, Any] = {}

    def convolution(inputs: list[Any], outputs: list[Any]) -> int:
        x, weight, bias, stride = inputs[:4]
        seen.update(
            names=[value.debugName() for value in inputs[:3]],
            kinds=[value.type().kind() for value in (x, stride, bias)],
            stride=[value.toIValue() for value in stride.node().inputs()],
            transposed=inputs[6].toIValue(),
            groups=inputs[8].toIValue(),
            shapes=[get_shape(x), get_shape(weight), get_shape(stride), get_shape(outputs[0])],
            type=str(x.type()),
            made=outputs[0].node().kind(),
        )
        return 1

    layer = nn.Conv2d(6, 10, 3, stride=(1, 2), groups=2, bias=False)
    assert FlopCountAnalysis(layer, (2, 6, 13, 17)).set_op_handle("aten::_convolution", convolution).total() == 1
    assert seen == {
        "names": ["input", "weight", "bias"],
        "kinds": ["TensorType", "ListType", "NoneType"],
        "stride": [1, 2],
        "transposed": False,
        "groups": 2,
        "shapes": [[2, 6, 13, 17], [10, 3, 3, 3], None, [2, 10, 11, 8]],
        "type": "Float(2, 6, 13, 17)",
        "made": "aten::_convolution",
    }


def test_clearing_handles_leaves_nothing_to_count() -> None:
    flops = FlopCountAnalysis(TestModel(), IMAGE).clear_op_handles()
    assert flops.total() == 0
    assert flops.unsupported_ops() == {"aten::_convolution": 1, "aten::linear": 1}


# --- modules, warnings, mistakes --------------------------------------------------------------------------------------


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(7, 7))
        self.second = nn.ModuleDict({"again": self.first[0]})
        self.unused = nn.Linear(7, 5)
        self.nothing = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.nothing(self.second["again"](self.first(x)))


def test_shared_modules_and_ancestors() -> None:
    flops = FlopCountAnalysis(Shared(), torch.zeros(3, 7))
    assert flops.canonical_module_name("second.again") == "first.0"
    assert flops.by_module() == {"": 294, "first": 294, "first.0": 294, "second": 0, "unused": 0, "nothing": 0}
    assert flops.total("second.again") == 294
    assert flops.uncalled_modules() == {"second", "unused"}
    # One of the two calls is made from outside ``first``.
    assert flops.ancestor_mode("caller").total("first") == 147
    said = FlopCountAnalysis(Shared(), torch.zeros(3, 7), faithful=True)
    assert said.uncalled_modules() == {"second", "unused", "nothing"}


def test_copies_keep_settings() -> None:
    flops = FlopCountAnalysis(Attention(), TOKENS).set_op_handle("aten::gelu", lambda inputs, outputs: 3)
    twin = flops.copy(new_inputs=torch.zeros(1, 5, 7)).unsupported_ops_warnings(False)
    assert isinstance(twin, FlopCountAnalysis)
    assert twin.total() == (LINEAR + PRODUCTS) // 2 + 3


def test_what_is_not_counted_is_logged_and_can_be_silenced(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "fvcore.nn.jit_analysis"):
        flops = FlopCountAnalysis(Shared(), torch.zeros(3, 7))
        flops.set_op_handle("aten::linear", None).total()
        flops.total()
    assert [line.splitlines()[-1] for line in caplog.messages] == ["unused"]
    caplog.clear()
    FlopCountAnalysis(Attention(), TOKENS).total()
    assert caplog.messages == ["Unsupported operator aten::gelu encountered 1 time(s)"]
    caplog.clear()
    FlopCountAnalysis(Attention(), TOKENS).unsupported_ops_warnings(False).total()
    FlopCountAnalysis(Shared(), torch.zeros(3, 7)).uncalled_modules_warnings(False).total()
    assert not caplog.messages


def test_mistakes_are_one_sentence() -> None:
    flops = FlopCountAnalysis(TestModel(), IMAGE)
    with pytest.raises(KeyError) as raised:
        flops.total("nowhere")
    assert str(raised.value) == "the model has no module 'nowhere'"
    for mistake in (
        lambda: flops.set_op_handle("aten::relu"),
        lambda: flops.ancestor_mode("parent"),
        lambda: flops.tracer_warnings("some"),
        lambda: FlopCountAnalysis(torch.relu, IMAGE),
        lambda: flop_count_table(TestModel()),
        lambda: flop_count_str(flops, 3),
        lambda: parameter_count(flops),
        lambda: parameter_count_table(TestModel(), max_depth="3"),
        lambda: flop_count(TestModel(), IMAGE, ["aten::gelu"]),
        lambda: flops.copy().set_op_handle("aten::linear", lambda inputs, outputs: "many").total(),
    ):
        with pytest.raises(InputError):
            mistake()
    with pytest.raises(AnalyzerError):
        FlopCountAnalysis(TestModel(), torch.zeros(1, 5, 10, 10)).total()


def test_the_model_stays_as_it_was() -> None:
    def failing(inputs: list[Any], outputs: list[Any]) -> int:
        raise RuntimeError("no")

    model = TestModel()
    before = [(dict(module.__dict__), module.training) for module in model.modules()]
    flop_count_table(FlopCountAnalysis(model, IMAGE), activations=ActivationCountAnalysis(model, IMAGE))
    with pytest.raises(ModelError, match="failing, the handle of aten::linear, raised RuntimeError: no"):
        FlopCountAnalysis(model, IMAGE).set_op_handle("aten::linear", failing).total()
    assert [(module.__dict__, module.training) for module in model.modules()] == before
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


# --- names of operators -----------------------------------------------------------------------------------------------


def test_the_tool_says_what_it_is() -> None:
    assert (TOOLS["fvcore"].unit, TOOLS["fvcore"].label) == ("macs", "flops")


class _Call(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.function(*inputs)


def _counted(kind: Any, function: Any, inputs: tuple[torch.Tensor, ...], **options: Any) -> Any:
    return kind(_Call(function), inputs, **options).total()


def test_handles_have_the_names_of_their_arguments_too() -> None:
    model = nn.Sequential(nn.GroupNorm(1, 7), nn.Linear(3, 5))
    given = {
        "aten::group_norm": jit_handles.norm_flop_counter(affine_arg_index=2),
        "aten::linear": jit_handles.generic_activation_jit(op_name="rows"),
    }
    found = FlopCountAnalysis(model, torch.zeros(2, 7, 3)).set_op_handle(**given).by_operator()
    assert found == {"group_norm": 5 * 2 * 7 * 3, "rows": 2 * 7 * 5}
