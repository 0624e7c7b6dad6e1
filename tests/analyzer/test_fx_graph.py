"""graph.fx runs and gives the model's own numbers; graph.nx has every node and edge; every graph holds together."""

from __future__ import annotations

import networkx
import pytest
import torch
import torch.fx
import torch.nn.functional as F
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

from analyzer import AnalyzerError, TensorSpec, analyze, skeleton
from analyzer.graph import Graph

torchvision = pytest.importorskip("torchvision")


class Functional(nn.Module):
    """Keywords, lists, slices, several outputs, parameters used bare."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 7))
        self.register_buffer("shift", torch.randn(7))

    def forward(self, x, y, factor=2.0):
        a = F.linear(x - self.shift, weight=self.weight) * factor
        b, c = torch.split(torch.cat([a, y], dim=1), [3, 7], dim=1)
        values, indices = torch.max(c[:, 1:5], dim=1, keepdim=True)
        return {"b": b.softmax(-1), "pair": (values, indices), "stack": torch.stack([b, b], 0)[..., ::2]}


class Chunks(nn.Module):
    """Methods, negative numbers, an ellipsis, None, an in-place write, one value read twice."""

    def forward(self, x):
        a, b = x.chunk(2, dim=-1)
        y = (a * a + b.pow(2)).clamp(min=0.1).sqrt()
        y.mul_(3).add_(1, alpha=2)
        return y[None, ..., :-1].permute(0, 2, 1).contiguous().view(1, -1), y.sum(), [a, -b]


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.act(self.norm(self.conv(x)) + x), self.conv(x)


RUNNABLE = {
    "resnet18": (lambda: torchvision.models.resnet18(), (torch.randn(1, 3, 64, 64),)),
    "mobilenet_v3_small": (lambda: torchvision.models.mobilenet_v3_small(), (torch.randn(1, 3, 64, 64),)),
    "densenet, checkpointed blocks and cats": (
        lambda: torchvision.models.DenseNet(4, (2, 2), 8, num_classes=3),
        (torch.randn(1, 3, 32, 32),),
    ),
    "encoder layer": (lambda: nn.TransformerEncoderLayer(12, 3, 17), (torch.randn(5, 2, 12),)),
    "multihead attention": (lambda: nn.MultiheadAttention(12, 3), tuple(torch.randn(3, 5, 2, 12))),
    "functional": (Functional, (torch.randn(3, 7), torch.randn(3, 5))),
    "chunks": (Chunks, (torch.randn(3, 8),)),
    "residual": (Residual, (torch.randn(2, 3, 5, 7),)),
    "nested results": (lambda: nn.Sequential(nn.LSTM(7, 5)), (torch.randn(3, 2, 7),)),
    "nothing but the input": (nn.Identity, (torch.randn(3),)),
}


@pytest.mark.parametrize(("make", "args"), RUNNABLE.values(), ids=RUNNABLE.keys())
def test_the_torch_fx_graph_gives_the_models_own_numbers(make, args):
    torch.manual_seed(7)
    model = make().eval()
    analysis = analyze(model, args)
    graph = analysis.graph.fx
    assert isinstance(graph, torch.fx.Graph)
    graph.lint()
    with torch.no_grad():
        want = model(*tree_map(torch.clone, args))
        got = torch.fx.GraphModule(model, graph)(*tree_map(torch.clone, args))
    assert [leaf.shape for leaf in tree_leaves(got)] == [leaf.shape for leaf in tree_leaves(want)]
    for mine, real in zip(tree_leaves(got), tree_leaves(want), strict=True):
        torch.testing.assert_close(mine, real, rtol=0, atol=0)


def test_one_tensor_given_thrice_is_read_from_its_first_placeholder():
    model, x = nn.MultiheadAttention(12, 3).eval(), torch.randn(5, 2, 12)
    graph = analyze(model, (x, x, x)).graph.fx
    with torch.no_grad():
        got, want = torch.fx.GraphModule(model, graph)(x, x, x), model(x, x, x)
    torch.testing.assert_close(got, want, rtol=0, atol=0)


def test_keyword_inputs_are_placeholders_in_their_order():
    model = Functional().eval()
    x, y = torch.randn(3, 7), torch.randn(3, 5)
    analysis = analyze(model, (x,), {"y": y, "factor": 3.0})
    got = torch.fx.GraphModule(model, analysis.graph.fx)(x, y)
    torch.testing.assert_close(got["b"], model(x, y=y, factor=3.0)["b"], rtol=0, atol=0)


class Properties(nn.Module):
    def forward(self, x):
        return x.T @ x, x.mT.real, torch.max(x, 1).indices, x.shape[0]


class Writes(nn.Module):
    def forward(self, x):
        x = x.clone()
        x[:, 0] = 5
        y = x[1:]
        y *= 2
        out = torch.empty(3, 7)
        torch.mul(x, 3, out=out)
        return x, out


class Tables(nn.Module):
    """Tensors that no module registers: a plain attribute, and constants made on the way."""

    def __init__(self):
        super().__init__()
        self.table = torch.randn(7)

    def forward(self, x):
        return x * self.table + torch.arange(7) + torch.tensor([1.0] * 7)


@pytest.mark.parametrize("cls", [Properties, Writes, Tables], ids=lambda cls: cls.__name__)
def test_what_runs_through_the_torch_fx_graph(cls):
    model, x = cls(), torch.randn(3, 7)
    graph = analyze(model, x).graph.fx
    graph.lint()
    got = torch.fx.GraphModule(model, graph)(x)
    for mine, real in zip(tree_leaves(got), tree_leaves(model(x)), strict=True):
        torch.testing.assert_close(mine, real, rtol=0, atol=0)


library = torch.library.Library("flopgraph_fx_tests", "DEF")
library.define("halves(Tensor x) -> (Tensor, Tensor)")
library.impl("halves", lambda x: (x[:, :3].clone(), x[:, 3:].clone()), "CPU")
torch.library.register_fake(
    "flopgraph_fx_tests::halves", lambda x: (x.new_empty(len(x), 3), x.new_empty(len(x), x.shape[1] - 3)), lib=library
)

SPELT = {
    "several results without a rule": lambda x: torch.ops.flopgraph_fx_tests.halves(x)[1] + 1,
    "logsigmoid": lambda x: F.logsigmoid(x),
    "reversed power": lambda x: (2**x, x**2, torch.pow(2, x)),
    "reversed operators": lambda x: (1 - x, 2 / x, 5 // x, 7 % x, -x, ~(x > 0)),
    "a slice of steps": lambda x: x[::2, 1:-1].flip(0),
    "an einsum": lambda x: torch.einsum("ij,kj->ik", x, x),
    "a keyword": lambda x: torch.sum(input=x, dim=1, keepdim=True),
}


@pytest.mark.parametrize("function", SPELT.values(), ids=SPELT.keys())
def test_calls_are_found_again_by_their_names(function):
    x = torch.randn(3, 7)
    got = torch.fx.GraphModule(nn.Module(), analyze(function, x).graph.fx)(x)
    for mine, real in zip(tree_leaves(got), tree_leaves(function(x)), strict=True):
        torch.testing.assert_close(mine, real, rtol=0, atol=0)


def test_a_function_over_modules_runs_from_a_dict_of_them():
    layer, x = nn.Linear(7, 5), torch.randn(3, 7)

    def function(x):
        return layer(x).relu()

    graph = analyze(function, x).graph.fx
    torch.testing.assert_close(torch.fx.GraphModule({"layer": layer}, graph)(x), function(x), rtol=0, atol=0)


def test_another_batch_runs_through_the_graph():
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.MaxPool2d(2)).eval()
    module = torch.fx.GraphModule(model, analyze(model, (1, 3, 11, 13)).graph.fx)
    x = torch.randn(4, 3, 17, 19)
    torch.testing.assert_close(module(x), model(x), rtol=0, atol=0)


def test_every_torch_fx_node_carries_its_record():
    analysis = analyze(Residual().eval(), (2, 3, 5, 7))
    ids = {node.id for node in analysis.graph}
    carried = {node.meta["node"].id for node in analysis.graph.fx.nodes if "node" in node.meta}
    assert carried == ids
    kinds = [node.op for node in analysis.graph.fx.nodes]
    assert (kinds[0], kinds[-1]) == ("placeholder", "output")


# --- networkx ---


def test_the_networkx_graph_has_every_node_and_edge():
    analysis = analyze(Functional(), (torch.zeros(3, 7), torch.zeros(3, 5)))
    graph = analysis.graph.nx
    assert isinstance(graph, networkx.MultiDiGraph)
    assert list(graph.nodes) == [node.id for node in analysis.graph]
    assert graph.number_of_edges() == sum(len(node.inputs) for node in analysis.graph)
    assert all(graph.nodes[node.id]["node"] is node for node in analysis.graph)
    for source, target, data in graph.edges(data=True):
        assert data["spec"] in graph.nodes[source]["node"].outputs
        assert data["slot"] in [edge.slot for edge in graph.nodes[target]["node"].inputs]
    assert networkx.is_directed_acyclic_graph(graph)


def test_a_value_that_is_read_twice_has_two_edges():
    analysis = analyze(lambda x: x * x, TensorSpec((3, 7)))
    assert analysis.graph.nx.number_of_edges("input", "mul") == 2


def test_a_value_that_is_read_thrice_by_one_call_has_three_edges():
    analysis = analyze(lambda x: torch.cat([x, x, x]), TensorSpec((3, 7)))
    assert analysis.graph.nx.number_of_edges("input", "cat") == 3
    assert len({edge.slot for edge in analysis.graph.node("cat").inputs}) == 3


def test_edges_name_which_output_they_take():
    analysis = analyze(lambda x: torch.max(x, 1)[1] + torch.max(x, 1)[0], TensorSpec((3, 7)))
    add = next(node for node in analysis.graph if node.op == "add")
    assert [(edge.index, edge.spec.dtype) for edge in add.inputs] == [(1, torch.int64), (0, torch.float32)]


def test_nodes_stand_in_execution_order():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.last, self.first = nn.Linear(5, 2), nn.Linear(7, 5)

        def forward(self, x):
            return self.last(self.first(x).relu())

    ids = [node.id for node in analyze(Net(), (3, 7)).graph.nodes()]
    assert ids == ["input", "first", "relu", "last", "output"]


def test_sources_and_stacks_are_on_every_call():
    analysis = analyze(Residual().eval(), (2, 3, 5, 7))
    add = next(node for node in analysis.graph if node.op == "add")
    assert add.source.file.endswith("test_fx_graph.py")
    assert add.source.text == "return self.act(self.norm(self.conv(x)) + x), self.conv(x)"
    assert analysis.graph.node("conv").stack == ("", "conv")


def test_a_misspelt_node_is_told_its_neighbours():
    analysis = analyze(nn.Sequential(nn.Linear(7, 5)), (3, 7))
    with pytest.raises(KeyError, match="did you mean input"):
        analysis.graph.node("inputs")


# --- whole models ---

MODELS = [
    "alexnet", "vgg11_bn", "resnext50_32x4d", "densenet121", "googlenet", "inception_v3", "squeezenet1_0",
    "shufflenet_v2_x0_5", "mnasnet0_5", "efficientnet_b0", "convnext_tiny", "regnet_y_400mf", "swin_t", "vit_b_16",
    "maxvit_t", "fcn_resnet50", "lraspp_mobilenet_v3_large", "r3d_18", "raft_small",
]  # fmt: skip
OPTIONS = {name: {"weights_backbone": None} for name in ("fcn_resnet50", "lraspp_mobilenet_v3_large")}
INPUTS = {
    "inception_v3": ((1, 3, 299, 299),),
    "maxvit_t": ((1, 3, 224, 224),),
    "r3d_18": ((1, 3, 8, 64, 64),),
    "raft_small": ((1, 3, 128, 128), (1, 3, 128, 128)),
    "lraspp_mobilenet_v3_large": ((1, 3, 128, 128),),
}


@pytest.mark.parametrize("name", MODELS)
def test_graphs_of_torchvision_hold_together(name):
    model = skeleton(torchvision.models.get_model, name, weights=None, **OPTIONS.get(name, {})).eval()
    analysis = analyze(model, tuple(TensorSpec(shape) for shape in INPUTS.get(name, ((1, 3, 224, 224),))))
    graph = analysis.graph.verify()
    graph.fx.lint()
    assert graph.nx.number_of_nodes() == len(graph)
    assert not analysis.unused_parameters or name in ("googlenet", "inception_v3")
    assert {node.status for node in graph} <= {"ruled", "folded"}
    assert sum(node.op == "input" for node in graph) == len(INPUTS.get(name, (1,)))


def test_verify_finds_a_broken_graph():
    graph = analyze(nn.Sequential(nn.Linear(7, 5), nn.ReLU()), (3, 7)).graph
    with pytest.raises(AnalyzerError, match="does not come before it"):
        Graph(tuple(reversed(graph.records)), graph.modules, graph.parameters).verify()
    with pytest.raises(AnalyzerError, match="two nodes are called"):
        Graph((*graph.records, graph.records[0]), graph.modules, graph.parameters).verify()
    with pytest.raises(AnalyzerError, match="unknown parameter"):
        Graph(graph.records, graph.modules, {}).verify()
