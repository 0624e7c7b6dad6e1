"""Gradients that a model takes in its own forward: torch's shapes, and products as its FlopCounterMode counts them."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from analyzer import ModelError, ShapeError, analyze

X = torch.ones(3, 7)


class Products(TorchDispatchMode):
    """Counts as FlopCounterMode does, whose hooks on modules do not go with ``torch.autograd.grad``."""

    flops = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if (
            func._overloadpacket not in flop_registry
            and (taken := self.apart(func, args, kwargs)) is not NotImplemented
        ):
            return taken
        out = func(*args, **kwargs)
        count = flop_registry.get(func._overloadpacket)
        self.flops += count(*args, **kwargs, out_val=out) if count else 0
        return out

    def apart(self, func, args, kwargs):
        with self:
            return func.decompose(*args, **kwargs)


class Model(nn.Module):
    """``forward`` is a function of the model and its input."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.net = nn.Sequential(nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 11))
        self.conv = nn.Sequential(nn.Conv1d(1, 3, 2), nn.ReLU(), nn.Conv1d(3, 5, 2))

    def forward(self, x):
        return self.function(self, x)


def forces(m, x):
    x = x.requires_grad_()
    energy = m.net(x).sum()
    return energy, -torch.autograd.grad(energy, x)[0]


def forces_of_a_copy(m, x):
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        y = m.net(x)
        (found,) = torch.autograd.grad([y], [x], [torch.ones_like(y)], create_graph=True, allow_unused=True)
    return found.norm(dim=-1)


def a_step_of_descent(m, x):
    loss = m.net(x).pow(2).mean()
    weights = tuple(m.net.parameters())
    return [w - 0.1 * g for w, g in zip(weights, torch.autograd.grad(loss, weights), strict=True)]


def backward(m, x):
    x = x.detach().requires_grad_()
    m.net(x).sum().backward()
    return x.grad, m.net[0].weight.grad * 2


def backward_of_chosen(m, x):
    torch.autograd.backward([m.net(x).sum()], inputs=[m.net[2].weight])
    return m.net[2].weight.grad


def a_trained_copy(m, x):
    net = copy.deepcopy(m.net)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loss = net(x).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return net(x)


def convolutions(m, x):
    x = x.requires_grad_()
    return torch.autograd.grad(m.conv(x[:, None]).sum(), (x, m.conv[0].weight))


def attention(m, x):
    x = x.requires_grad_()
    scores = (x @ x.T).softmax(-1)
    return torch.autograd.grad((scores @ x).sum(), x)


def unused(m, x):
    y = x.clone().requires_grad_()
    return torch.autograd.grad(m.net(x.requires_grad_()).sum(), (x, y), allow_unused=True)


def jacobian(m, x):
    return torch.autograd.functional.jacobian(m.net, x[0])


def cut(m, x):
    x = x.requires_grad_()
    return torch.autograd.grad((m.net(x).detach().sum() + (x * 2).sum()), x)


def batched(m, x):
    x = x.clone().requires_grad_()
    y = m.net(x)
    return torch.autograd.grad(y, x, torch.ones(2, *y.shape), is_grads_batched=True)


def by_name(m, x):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(m.net(x).sum(), {"x": x})["x"]


MODELS = [
    forces, forces_of_a_copy, a_step_of_descent, backward, backward_of_chosen, a_trained_copy, convolutions, attention,
    unused, jacobian, cut, batched, by_name,
]  # fmt: skip


@pytest.mark.parametrize("function", MODELS)
def test_gradients_in_forward(function, described):
    model = Model(function)
    analysis = analyze(model, X)
    assert [p.grad for p in model.parameters()] == [None] * 8
    assert not X.requires_grad
    with Products() as products:
        real = model(X.clone())
    assert described(analysis.outputs) == described(real)
    assert analysis.total("macs") * 2 == products.flops
    assert any(remark.code == "backward-estimated" for remark in analysis.diagnostics)
    analysis.graph.verify()


def test_second_derivatives():
    def second(m, x):
        x = x.requires_grad_()
        (first,) = torch.autograd.grad(m.net(x).sum(), x, create_graph=True)
        return torch.autograd.grad(first.sum(), x)

    analysis = analyze(Model(second), X)
    assert analysis.outputs[0].shape == (3, 7)
    # There and back; then back over the way back, which took two operands, and over the way there.
    assert analysis.total("macs") == 270 + 270 + 2 * 270 + 270


def test_what_torch_refuses():
    with pytest.raises(ShapeError, match="no single number needs grad_outputs"):
        analyze(lambda x: torch.autograd.grad(x * 2, x), X)
    with pytest.raises(ModelError, match="appears to not have been used"):
        analyze(lambda x: torch.autograd.grad(x.sum(), torch.ones(2).requires_grad_()), X)


def test_what_requires_gradients():
    def asks(x):
        first = x * 2
        x.requires_grad = True
        second = x * 2
        with torch.no_grad():
            third = x * 2
        told = first, second, third, second.detach(), second + first, second > 0
        return [tensor.requires_grad for tensor in told], x.grad is None

    assert analyze(asks, X).outputs == ([False, True, False, False, True, False], True)
