"""Ways through small graphs, drawn on paper first."""

from __future__ import annotations

import networkx
import pytest
import torch
from torch import nn

from analyzer import CONVENTIONS, InputError, TensorSpec, analyze
from analyzer.passes import between, branches, critical_path, nodes_of, subgraph


class Block(nn.Module):
    """3·7·11 + 3·11·5 MACs on one side, 3·7·5 on the other.

    wide ───► relu ───► narrow ──► add
      ▲                             ▲
    input ──► shortcut ─────────────┘
    """

    def __init__(self):
        super().__init__()
        self.wide, self.narrow, self.shortcut = nn.Linear(7, 11), nn.Linear(11, 5), nn.Linear(7, 5)

    def forward(self, x):
        return self.narrow(self.wide(x).relu()) + self.shortcut(x)


class Net(nn.Module):
    """Two blocks in a list that is never called, and a head that is called twice."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.grow, self.head = nn.Linear(5, 7), nn.Linear(5, 5)

    def forward(self, x):
        x = self.blocks[1](self.grow(self.blocks[0](x)))
        return self.head(self.head(x))


@pytest.fixture(scope="module")
def block():
    return analyze(Block().eval(), (3, 7)).graph


@pytest.fixture(scope="module")
def net():
    return analyze(Net().eval(), (3, 7)).graph


def ids(nodes):
    return [node.id for node in nodes]


def test_the_heaviest_path_goes_where_most_is_calculated(block):
    path = critical_path(block, CONVENTIONS["macs"])
    assert ids(path.nodes) == ["input", "wide", "relu", "narrow", "add", "output"]
    assert path.costs == (0, 231, 0, 165, 0, 0)
    assert path.cost == 396
    # with the shortcut at a thousand times its price, the way is the other one
    dear = critical_path(block, lambda node: 1000 * (node.id == "shortcut") + node.counts.mac)
    assert ids(dear.nodes) == ["input", "shortcut", "add", "output"]
    assert dear.cost == 1000 + 105


@pytest.mark.parametrize("kind", list(CONVENTIONS))
def test_networkx_finds_a_path_of_the_same_weight(kind, net):
    weigh = CONVENTIONS[kind]
    graph = networkx.DiGraph()
    graph.add_weighted_edges_from((edge.source, node.id, weigh(node)) for node in net for edge in node.inputs)
    assert critical_path(net, weigh).cost == networkx.dag_longest_path_length(graph)


def test_of_equal_paths_one_that_reaches_the_end_is_given(block):
    path = critical_path(block, lambda node: 0)
    assert (path.nodes[0].id, path.nodes[-1].id) == ("input", "output")


def test_between_two_layers_lie_the_calls_of_every_way(block, net):
    assert ids(between(block, "wide", "narrow")) == ["relu"]
    assert ids(between(block, "input", "add")) == ["wide", "relu", "narrow", "shortcut"]
    assert ids(between(block, "narrow", "wide")) == []
    assert ids(between(block, "narrow", "shortcut")) == []
    assert ids(between(net, "blocks.0", "blocks.1")) == ["grow"]


def test_branches_of_a_residual_connection(block):
    found = branches(block, "add")
    assert (found.fork.id, found.join.id) == ("input", "add")
    assert [ids(branch) for branch in found.branches] == [["wide", "relu", "narrow"], ["shortcut"]]


def test_a_shortcut_is_an_empty_branch_and_a_chain_is_one_branch():
    graph = analyze(lambda x: torch.cat([x.exp().sin(), x, x.cos()]), TensorSpec((3, 7))).graph
    assert [ids(branch) for branch in branches(graph, "cat").branches] == [["exp", "sin"], [], ["cos"]]
    assert [ids(branch) for branch in branches(graph, "sin").branches] == [[]]
    assert branches(graph, "sin").fork.id == "exp"


def test_branches_that_share_calls_have_them_both():
    def tangled(x):
        y = x.exp()
        return (y.sin() + y.cos()) * (y.sin() + x)

    found = branches(analyze(tangled, TensorSpec((3, 7))).graph, "mul")
    assert found.fork.id == "input"
    assert [ids(branch) for branch in found.branches] == [
        ["exp", "sin", "cos", "add"],
        ["exp", "sin:1", "add:1"],
    ]


def test_branches_from_several_inputs_have_no_fork():
    graph = analyze(lambda x, y: x.exp() + y, (TensorSpec((3,)), TensorSpec((3,)))).graph
    found = branches(graph, "add")
    assert found.fork is None
    assert [len(branch) for branch in found.branches] == [2, 1]
    assert branches(graph, "input").branches == ()


def test_a_module_is_all_calls_below_it_and_a_container_that_is_never_called_too(net):
    assert ids(nodes_of(net, "blocks.0")) == [
        "blocks.0.wide", "blocks.0.relu", "blocks.0.narrow", "blocks.0.shortcut", "blocks.0.add",
    ]  # fmt: skip
    assert len(nodes_of(net, "blocks")) == 10
    assert ids(nodes_of(net, "head")) == ["head", "head:1"]
    assert nodes_of(net, "") == net.nodes()
    assert ids(nodes_of(net, "head:1")) == ["head:1"]


def test_a_shared_module_goes_by_all_its_names():
    model = nn.Sequential(nn.Linear(5, 5), nn.ReLU())
    model.again = model[0]
    graph = analyze(model.eval(), (3, 5)).graph
    assert ids(nodes_of(graph, "again")) == ids(nodes_of(graph, "0"))
    assert len(nodes_of(graph, "again")) == 2


def test_a_subgraph_has_the_edges_inside_and_networkx_knows_those_across(net):
    part = subgraph(net, "blocks.1")
    assert part.number_of_edges() == 4  # wide-relu-narrow-add and shortcut-add
    outside = set(net.nx) - set(part)
    assert {(a, b) for a, b, *_ in networkx.edge_boundary(net.nx, outside, part)} == {
        ("grow", "blocks.1.wide"),
        ("grow", "blocks.1.shortcut"),
    }
    macs = sum(CONVENTIONS["macs"](node) for _, node in part.nodes(data="node"))
    assert macs == 3 * (7 * 11 + 11 * 5 + 7 * 5)


@pytest.mark.parametrize("call", [nodes_of, subgraph, lambda graph, name: between(graph, "input", name)])
def test_a_wrong_name_is_told_with_the_nearest(call, net):
    with pytest.raises(InputError, match=r"^no module and no node 'block.0'; did you mean .*blocks\.0"):
        call(net, "block.0")
