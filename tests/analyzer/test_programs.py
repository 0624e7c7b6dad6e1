"""Random programs of views and writes in place: what is captured gives torch's own numbers, by order and by edges."""

from __future__ import annotations

import random
from collections.abc import Callable

import networkx
import pytest
import torch
import torch.fx
from torch import nn

Values = list[torch.Tensor]


def column_written(values: Values, a: torch.Tensor, b: torch.Tensor) -> None:
    a.t()[1].mul_(2)


def row_written(values: Values, a: torch.Tensor, b: torch.Tensor) -> None:
    a[0] = b[1].clone()


def row_copied(values: Values, a: torch.Tensor, b: torch.Tensor) -> None:
    a.unbind(0)[2].copy_(b[3].clone())


def halves_written(values: Values, a: torch.Tensor, b: torch.Tensor) -> None:
    top, bottom = a.chunk(2)
    top += 1
    values.append(torch.cat([top, bottom]))


def out_given(values: Values, a: torch.Tensor, b: torch.Tensor) -> None:
    out = torch.empty(4, 4)
    torch.sub(a, b, out=out)
    values.append(out)


STEPS: list[Callable[[Values, torch.Tensor, torch.Tensor], object]] = [
    column_written,
    row_written,
    row_copied,
    halves_written,
    out_given,
    lambda values, a, b: values.append(a + b),
    lambda values, a, b: values.append((a @ b).tanh()),
    lambda values, a, b: values.append(a[:]),
    lambda values, a, b: values.append(a.transpose(0, 1)),
    lambda values, a, b: values.append(a.reshape(16).view(4, 4)),
    lambda values, a, b: values.append(a.expand(2, 4, 4)[1]),
    lambda values, a, b: values.append(torch.stack([a, b]).sum(0)),
    lambda values, a, b: a.add_(b.clone()),
    lambda values, a, b: a.diagonal().zero_(),
    lambda values, a, b: a.masked_fill_(b > 0, 0.5),
]


class Program(nn.Module):
    def __init__(self, seed: int):
        super().__init__()
        self.seed = seed
        self.weight = nn.Parameter(torch.ones(4, 4) / 3)

    def forward(self, x):
        chance = random.Random(self.seed)
        values = [x.clone(), x * self.weight]
        for _ in range(chance.randint(3, 12)):
            chance.choice(STEPS)(values, chance.choice(values), chance.choice(values))
        return values


def without_what_no_edge_reaches(graph) -> torch.fx.Graph:
    """The torch.fx graph without the calls that the outputs do not depend on, as the edges say."""
    kept = networkx.ancestors(graph.nx, "output") | {"output"}
    for node in reversed(list(graph.fx.nodes)):
        if node.op != "placeholder" and "node" in node.meta and node.meta["node"].id not in kept and not node.users:
            graph.fx.erase_node(node)
    return graph.fx


@pytest.mark.parametrize("seed", range(60))
def test_a_random_program(seed, like_torch):
    torch.manual_seed(seed)
    model, x = Program(seed), torch.randn(4, 4)
    graph = like_torch(model, x).graph
    with torch.no_grad():
        want = model(x)
        for fx in (graph.fx, without_what_no_edge_reaches(graph)):
            torch.testing.assert_close(torch.fx.GraphModule(model, fx)(x), want, rtol=0, atol=0)
