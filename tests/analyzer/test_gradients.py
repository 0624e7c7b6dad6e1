"""Models that take gradients in their own forward: shapes as torch has them, a cost that nobody takes for zero."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from analyzer import TensorSpec, analyze

NET = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1)).eval()


def forces(x):
    x = x.requires_grad_()
    return -torch.autograd.grad(NET(x).sum(), x)[0]


def curvature(x):
    x = x.clone().requires_grad_()
    y = NET(x)
    (slope,) = torch.autograd.grad(y, [x], torch.ones_like(y), create_graph=True)
    return y, slope, torch.autograd.grad(slope[:, 0].sum(), (x, slope))


def batched(x):
    x = x.clone().requires_grad_()
    y = NET(x)
    return torch.autograd.grad(y, x, torch.ones(3, *y.shape), is_grads_batched=True)


def by_name(x):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(NET(x).sum(), {"x": x})["x"]


@pytest.mark.parametrize("model", [forces, curvature, batched, by_name])
def test_gradients_have_the_shapes_of_inputs(model):
    answer = analyze(model, (TensorSpec((7, 2)),))
    real = model(torch.randn(7, 2))
    flat = lambda tree: [tuple(leaf.shape) for leaf in torch.utils._pytree.tree_leaves(tree)]  # noqa: E731
    assert flat(answer.outputs) == flat(real)
    assert answer.is_lower_bound
    assert "grad" in {node.op for node in answer.graph if node.status == "inferred"}
    assert "gradients" in str(answer.diagnostics[0])
    assert answer.total("macs") == 7 * 2 * 16 + 7 * 16
