"""Models inside what torch wraps around them: the numbers are those of the model alone, or of torch's own count."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from analyzer import DataDependentError, ModelError, ShapeError, analyze

X = torch.ones(3, 7)
# 3·7·5 and 3·5·11
MACS, PARAMS = 105 + 165, 40 + 66


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 11)).eval()


class Model(nn.Module):
    """``forward`` is a function of the model and its inputs."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, *args):
        return self.function(self, *args)


# --- TorchScript ----------------------------------------------------------------------------------------------------


@torch.jit.script
def branches_on_data(x):
    if bool(x.sum() > 0):
        return x * 2
    return x


@torch.jit.script
def branches_on_a_constant(x):
    table = torch.arange(3)
    if bool(table.sum() > 2):
        return x @ x.t()
    return x


def test_a_frozen_script_module(like_torch):
    assert like_torch(torch.jit.freeze(torch.jit.script(net())), X).total("macs") == MACS
    assert analyze(torch.jit.freeze(torch.jit.script(net())), X, training=True).total("macs") == MACS


def test_values_in_torchscript(like_torch):
    assert like_torch(branches_on_a_constant, X).total("macs") == 3 * 7 * 3
    with pytest.raises(DataDependentError, match="which only real data has"):
        analyze(branches_on_data, X)


def test_a_script_module_of_several_forwards_is_no_call():
    with pytest.raises(ModelError, match="no attribute 'forward'"):
        analyze(torch.jit.script(nn.LSTM(5, 11)), (7, 3, 5))


# --- torch.compile --------------------------------------------------------------------------------------------------


def test_a_whole_graph_that_torch_would_compile():
    model = torch.compile(net(), backend="eager", fullgraph=True)
    assert analyze(model, X).total("macs") == MACS
    inside = Model(lambda m, x: m.part(x) + torch.tensor(3).item(), part=model)
    assert analyze(inside, X).params == PARAMS


def test_a_compiled_model_still_compiles_afterwards():
    compiled = []

    def backend(graph, inputs):
        compiled.append(graph)
        return graph.forward

    model = torch.compile(net(), backend=backend, fullgraph=True)
    analyze(model, X)
    assert not compiled
    model(X)
    assert len(compiled) == 1


# --- torch.func -----------------------------------------------------------------------------------------------------


def ensemble(m, x):
    params, buffers = torch.func.stack_module_state(list(m.members))

    def one(params, buffers, x):
        return torch.func.functional_call(m.members[0], (params, buffers), (x,))

    return torch.vmap(one, in_dims=(0, 0, None))(params, buffers, x)


def per_sample(m, x):
    params = {name: parameter.detach() for name, parameter in m.net.named_parameters()}

    def loss(params, x):
        return torch.func.functional_call(m.net, params, (x,)).sum()

    return torch.vmap(torch.func.grad(loss), in_dims=(None, 0))(params, x)


def dual(m, x):
    with torch.autograd.forward_ad.dual_level():
        made = torch.autograd.forward_ad.make_dual(x, torch.ones_like(x))
        return torch.autograd.forward_ad.unpack_dual(m.net(made)).tangent


ROW = torch.ones(7)
TRANSFORMS = {
    "vmap of a layer": (lambda m, x: torch.vmap(m.net)(x), X, MACS),
    "vmap in chunks": (lambda m, x: torch.vmap(m.net, chunk_size=2)(x), torch.ones(6, 7), 2 * MACS),
    "vmap over a list": (lambda m, x: torch.vmap(lambda row: torch.stack([row, row]) @ row)(x), X, 3 * 2 * 7),
    "an ensemble": (ensemble, X, 2 * MACS),
    # The gradients of the inputs cost what the products cost.
    "grad": (lambda m, x: torch.func.grad(lambda a: m.net(a).sum())(x), X, 2 * MACS),
    "vmap of grad": (lambda m, x: torch.vmap(torch.func.grad(lambda a: m.net(a).sum()))(x), X, 2 * MACS),
    "vjp": (lambda m, x: torch.func.vjp(m.net, x)[1](torch.ones(3, 11)), X, 2 * MACS),
    # Those of both weights and of what is between them.
    "gradients of each sample": (per_sample, X, MACS + MACS + 165),
    # 11 rows of a Jacobian at once, each a product of vectors.
    "jacrev": (lambda m, x: torch.func.jacrev(m.net)(x), ROW, 12 * (35 + 55)),
    # 7 columns, forward.
    "jacfwd": (lambda m, x: torch.func.jacfwd(m.net)(x), ROW, 90 + 8 * 90),
    # A tangent beside every value, of the inputs and of what follows: the count of torch's FlopCounterMode.
    "jvp": (lambda m, x: torch.func.jvp(m.net, (x,), (torch.ones(3, 7),)), X, 3 * MACS),
    "a dual number": (dual, X, 3 * MACS),
}


@pytest.mark.parametrize(("function", "x", "macs"), TRANSFORMS.values(), ids=TRANSFORMS.keys())
def test_transforms_of_functions(function, x, macs, like_torch):
    analysis = like_torch(Model(function, net=net(), members=nn.ModuleList([net(), net()])), x)
    assert analysis.total("macs") == macs


def test_a_convolution_under_vmap(like_torch):
    layer = nn.Conv2d(3, 5, 3)
    analysis = like_torch(lambda x: torch.vmap(layer)(x), torch.ones(2, 4, 3, 8, 8))
    assert analysis.total("macs") == 2 * 4 * 5 * 6 * 6 * 3 * 3 * 3


# --- operators that call functions ----------------------------------------------------------------------------------


def cond(m, x):
    return torch.cond(x.sum() > 0, lambda a: a[:, :5].sin(), m.fc, (x,))


def nested(m, x):
    return torch.cond(x.sum() > 0, lambda a: torch.cond(a.mean() > 0, m.fc, lambda b: b[:, :5] + 1, (a,)), m.fc, (x,))


def test_data_choose_a_branch(like_torch):
    analysis = like_torch(Model(cond, fc=nn.Linear(7, 5)), X)
    assert analysis.total("macs") == 105
    assert analysis.total("flops") == 2 * 105 + 20  # of the dearer branch alone, and 20 additions of x.sum()
    assert analysis.is_upper_bound
    assert [remark.code for remark in analysis.diagnostics if remark.code != "training-mode"] == ["dearest-branch"]
    assert like_torch(Model(nested, fc=nn.Linear(7, 5)), X).total("macs") == 105


def test_a_branch_that_is_known(like_torch):
    def known(m, x):
        return torch.cond(torch.tensor(x.shape[0]) > 5, m.fc, lambda a: a[:, :5].sin(), (x,))

    analysis = like_torch(Model(known, fc=nn.Linear(7, 5)), X)
    assert analysis.total("macs") == 0
    assert not analysis.is_upper_bound
    said = analyze(Model(cond, fc=nn.Linear(7, 5)), X, assume={"test_wrappers.py:cond": True})
    assert said.total("macs") == 0
    assert not said.is_upper_bound


def test_branches_of_other_shapes():
    with pytest.raises(ShapeError, match="the branches of cond return different things"):
        analyze(lambda x: torch.cond(x.sum() > 0, lambda a: a[1:].clone(), lambda a: a + 1, (x,)), X)


def counted_loop(m, x):
    start = (torch.tensor(0), x)
    return torch._higher_order_ops.while_loop(lambda i, a: i < 4, lambda i, a: (i + 1, m.square(a)), start)


def open_loop(m, x):
    return torch._higher_order_ops.while_loop(lambda a: a.sum() < 4, lambda a: (m.square(a),), (x,))


def test_loops(like_torch):
    model = Model(counted_loop, square=nn.Linear(7, 7))
    assert like_torch(model, X).total("macs") == 4 * 147
    model = Model(open_loop, square=nn.Linear(7, 7))
    with pytest.raises(DataDependentError, match="loops until the value") as caught:
        analyze(model, X)
    assert "assume={" in caught.value.hint
    assert analyze(model, X, assume={"test_wrappers.py:open_loop": 6}).total("macs") == 6 * 147


def scan(m, x):
    from torch._higher_order_ops.scan import scan

    def step(state, row):
        state = torch.tanh(m.fc(row) + m.square(state))
        return state, state.clone()

    return scan(step, torch.zeros(5), x, dim=0)


def associative_scan(m, x):
    from torch._higher_order_ops.associative_scan import associative_scan

    return associative_scan(lambda a, b: a * b, x, dim=0, combine_mode="generic")


def mapped(m, x):
    from torch._higher_order_ops.map import map as mapped_over

    return mapped_over(lambda row, weight: row @ weight, x, m.fc.weight.T)


@pytest.mark.parametrize(("function", "macs"), [(scan, 3 * (35 + 25)), (associative_scan, 0), (mapped, 105)])
def test_scans(function, macs, like_torch):
    assert like_torch(Model(function, fc=nn.Linear(7, 5), square=nn.Linear(5, 5)), X).total("macs") == macs


# --- flexible attention ---------------------------------------------------------------------------------------------

Q, K = torch.ones(2, 4, 256, 8), torch.ones(2, 2, 256, 8)
SCORES = 2 * 4 * 256 * 256


def causal(b, h, q, k):
    return q >= k


FLEX = {
    "plain": (flex_attention, {}, False),
    "scores": (flex_attention, {"score_mod": lambda score, b, h, q, k: score + (q - k)}, False),
    "blocks": (flex_attention, {"block_mask": create_block_mask(causal, None, None, 256, 256, "cpu")}, True),
    "compiled": (torch.compile(flex_attention, backend="eager"), {}, False),
}


@pytest.mark.parametrize(("attention", "options", "bound"), FLEX.values(), ids=FLEX.keys())
def test_flex_attention(attention, options, bound):
    analysis = analyze(lambda q, k, v: attention(q, k, v, enable_gqa=True, **options), (Q, K, K))
    assert analysis.outputs.shape == (2, 4, 256, 8)
    assert analysis.total("macs") == 2 * SCORES * 8
    assert analysis.is_upper_bound is bound


def test_a_block_mask_made_in_forward():
    def model(q):
        mask = create_block_mask(causal, None, None, q.shape[-2], q.shape[-2], device="cpu")
        return F.relu(flex_attention(q, q, q, block_mask=mask))

    assert analyze(model, Q).total("macs") == 2 * SCORES * 8
