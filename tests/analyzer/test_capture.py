"""Which calls become nodes: leaf modules, entered modules, functions, and what a model takes and returns."""

from __future__ import annotations

import functools
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, prune

from analyzer import TensorSpec, analyze
from analyzer.capture import Capture
from analyzer.plugins import installed_rules

X = torch.zeros(3, 7)
IMAGE = torch.zeros(2, 3, 11, 13)


# --- leaf or entered ---


class Doubled(nn.Linear):
    def forward(self, input):
        return F.linear(input, self.weight, self.bias) * 2


class SameForward(nn.Linear):
    """A subclass that changes nothing that forward uses."""

    def extra_repr(self):
        return "same"


class Padded(nn.Conv2d):
    """What weight-standardizing convolutions do: a helper of forward is overridden, forward is not."""

    def _conv_forward(self, input, weight, bias):
        return super()._conv_forward(F.pad(input, (1, 1, 1, 1)), weight, bias)


def hooked(**hooks):
    layer = nn.Linear(7, 5)
    for name, hook in hooks.items():
        getattr(layer, f"register_{name}")(hook)
    return layer


def with_own_forward():
    layer = nn.Linear(7, 5)
    layer.forward = lambda x: F.linear(x, layer.weight) + 1
    return layer


LEAF_OR_ENTERED = [
    ("leaf", nn.Linear(7, 5), ["linear"], "call_module"),
    ("subclass that changes nothing", SameForward(7, 5), ["linear"], "call_module"),
    ("overridden forward", Doubled(7, 5), ["linear", "mul"], "call_function"),
    ("forward of the instance", with_own_forward(), ["linear", "add"], "call_function"),
    (
        "forward hook that returns",
        hooked(forward_hook=lambda m, args, out: out * 2),
        ["linear", "mul"],
        "call_function",
    ),
    ("forward hook that looks", hooked(forward_hook=lambda m, args, out: None), ["linear"], "call_function"),
    ("pre-hook", hooked(forward_pre_hook=lambda m, args: (args[0] - 1,)), ["sub", "linear"], "call_function"),
]


@pytest.mark.parametrize(
    ("model", "names", "kind"), [row[1:] for row in LEAF_OR_ENTERED], ids=[r[0] for r in LEAF_OR_ENTERED]
)
def test_a_module_is_one_node_unless_something_hangs_on_it(model, names, kind, like_torch, ops):
    analysis = like_torch(model, X)
    assert ops(analysis) == names
    linear = next(node for node in analysis.graph if node.op == "linear")
    assert linear.kind == kind
    assert "weight" in linear.params


def test_a_subclass_that_overrides_a_helper_of_forward_is_entered(like_torch, ops):
    analysis = like_torch(Padded(3, 5, 3), IMAGE)
    assert ops(analysis) == ["pad", "conv2d"]
    assert analysis.total("macs") == 2 * 5 * 11 * 13 * 3 * 9  # the padding keeps 11 x 13


def test_a_hook_on_a_container_runs(like_torch, ops):
    model = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 2))
    model.register_forward_hook(lambda m, args, out: {"logits": out})
    assert ops(like_torch(model, X)) == ["linear", "linear"]


def test_hooks_with_keywords_and_always_called(like_torch, ops):
    model = nn.Sequential(nn.Linear(7, 5))
    model[0].register_forward_hook(lambda m, args, kwargs, out: -out, with_kwargs=True)
    model[0].register_forward_pre_hook(lambda m, args, kwargs: (args, kwargs), with_kwargs=True)
    assert ops(like_torch(model, X)) == ["linear", "neg"]


def test_a_global_hook_counts_as_one():
    seen = []
    handle = nn.modules.module.register_module_forward_hook(lambda module, args, out: seen.append(type(module)))
    try:
        analyze(nn.Sequential(nn.Linear(7, 5)), (3, 7))
    finally:
        handle.remove()
    assert seen == [nn.Linear, nn.Sequential]


def test_a_backward_hook_changes_nothing(like_torch, ops):
    model = nn.Linear(7, 5)
    model.register_full_backward_hook(lambda module, grad_in, grad_out: None)
    assert ops(like_torch(model, X)) == ["linear"]


REPARAMETRIZED = [
    ("parametrized weight_norm", lambda: parametrizations.weight_norm(nn.Linear(7, 5))),
    ("parametrized spectral_norm", lambda: parametrizations.spectral_norm(nn.Linear(7, 5))),
    ("parametrized orthogonal", lambda: parametrizations.orthogonal(nn.Linear(7, 5))),
    ("weight_norm by hooks", lambda: nn.utils.weight_norm(nn.Linear(7, 5))),
    ("spectral_norm by hooks", lambda: nn.utils.spectral_norm(nn.Linear(7, 5))),
    ("pruning hook", lambda: prune.l1_unstructured(nn.Linear(7, 5), "weight", 0.3)),
]


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("make", [row[1] for row in REPARAMETRIZED], ids=[row[0] for row in REPARAMETRIZED])
def test_a_weight_that_is_computed_before_the_call(make, training, like_torch, ops):
    model = make().train(training)
    names = ops(like_torch(model, X))
    assert names[-1] == "linear"
    assert len(names) > 1, "what makes the weight is part of the cost"


def test_containers_are_entered(like_torch):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(7, 7), nn.Linear(7, 7)) for _ in range(2))
            self.heads = nn.ModuleDict({"small": nn.Linear(7, 2), "large": nn.Linear(7, 5)})

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return {name: head(x) for name, head in self.heads.items()}

    analysis = like_torch(Net(), X)
    stacks = [node.stack for node in analysis.graph if node.op == "linear"]
    assert stacks[0] == ("", "blocks.0", "blocks.0.0")
    assert stacks[-1] == ("", "heads.large")
    by_module = analysis.by_module("macs")
    assert by_module["blocks.1"] == 3 * 7 * 7 * 2
    assert by_module["blocks"] == 3 * 7 * 7 * 4, "a list that is never called holds what is below it"
    assert by_module["heads"] == 3 * 7 * (2 + 5)
    assert by_module[""] == analysis.total("macs") == 3 * 7 * 7 * 4 + 3 * 7 * 7


def test_the_capture_is_a_torch_fx_tracer():
    capture = Capture(installed_rules())
    assert isinstance(capture, torch.fx.Tracer)
    graph = capture.trace(nn.Sequential(nn.Linear(7, 5)), {"input": TensorSpec((3, 7))})
    assert [node.op for node in graph.nodes] == ["placeholder", "call_module", "output"]


# --- parameters, sharing, modules from elsewhere ---


class Bare(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(7))
        self.tables = nn.ParameterList([nn.Parameter(torch.ones(5, 7)), nn.Parameter(torch.ones(2, 5))])
        self.named = nn.ParameterDict({"shift": nn.Parameter(torch.ones(2))})
        self.register_buffer("mean", torch.zeros(7))

    def forward(self, x):
        x = (x - self.mean) * self.scale
        for table in self.tables:
            x = x @ table.T
        return x + self.named["shift"]


def test_bare_parameters_and_buffers_are_no_nodes_but_params_of_their_calls(like_torch):
    analysis = like_torch(Bare(), X)
    read = {node.op: node.params for node in analysis.graph if node.params}
    assert read["sub"] == ("mean",)
    assert read["mul"] == ("scale",)
    assert read["add"] == ("named.shift",)
    assert analysis.params == 7 + 35 + 10 + 2
    assert analysis.total("macs") == 3 * 7 * 5 + 3 * 5 * 2
    assert not analysis.unused_parameters


def test_a_module_called_twice(like_torch):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(7, 7, bias=False)

        def forward(self, x):
            return self.fc(self.fc(x))

    analysis = like_torch(Twice(), X)
    assert [node.id for node in analysis.graph if node.op == "linear"] == ["fc", "fc:1"]
    assert len(analysis.graph.modules["fc"].calls) == 2
    assert analysis.params == 49
    assert analysis.by_module("macs")["fc"] == 2 * 3 * 49


def test_a_shared_module_counts_in_each_parent_what_it_used(like_torch):
    class Half(nn.Module):
        def __init__(self, core, times):
            super().__init__()
            self.core, self.times = core, times

        def forward(self, x):
            for _ in range(self.times):
                x = self.core(x)
            return x

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            core = nn.Linear(7, 7, bias=False)
            self.a, self.b = Half(core, 1), Half(core, 2)

        def forward(self, x):
            return self.b(self.a(x))

    analysis = like_torch(Whole(), X)
    by_module = analysis.by_module("macs")
    assert (by_module["a"], by_module["b"], by_module["a.core"]) == (3 * 49, 2 * 3 * 49, 3 * 3 * 49)
    assert "b.core" not in by_module
    assert analysis.graph.modules["a.core"].aliases == ("b.core",)
    assert analysis.params == 49
    assert analysis.graph.parameters["a.core.weight"].aliases == ("b.core.weight",)


def test_a_tied_parameter_is_counted_once_and_told(like_torch):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(11, 7)
            self.head = nn.Linear(7, 11, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, ids):
            return self.head(self.embed(ids))

    analysis = like_torch(Tied(), torch.zeros(2, 3, dtype=torch.int64))
    assert analysis.params == 77
    assert analysis.graph.parameters["embed.weight"].aliases == ("head.weight",)
    assert analysis.graph.node("head").params == ("embed.weight",)


def test_modules_built_in_forward(like_torch, ops):
    class Builds(nn.Module):
        def forward(self, x):
            return nn.Linear(7, 5)(nn.Tanh()(x))

    analysis = like_torch(Builds(), X)
    assert ops(analysis)[-2:] == ["tanh", "linear"]
    assert analysis.total("macs") == 3 * 7 * 5


SHARED = nn.Linear(7, 5)


def uses_a_global(x):
    return SHARED(x) * 2


class Owner(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(7, 5)

    def forward(self, x):
        return self.fc(x)

    def features(self, x):
        return F.relu(self.fc(x))


def closure():
    layer = nn.Linear(7, 5)

    def function(x):
        return layer(x).relu()

    return function


def partial_over():
    layer = nn.Linear(7, 5)
    return functools.partial(lambda x, factor: layer(x) * factor, factor=3)


FUNCTIONS = [
    ("lambda of torch", lambda x: x.sum(0), 0),
    ("a torch function", torch.sigmoid, 0),
    ("closure over a module", closure(), 40),
    ("a function that uses a global module", uses_a_global, 40),
    ("bound method of a module", Owner().features, 40),
    ("partial of a function", functools.partial(torch.add, alpha=2, other=torch.zeros(7)), 0),
    ("partial over a lambda over a module", partial_over(), 40),
    ("a callable object", type("Call", (), {"__call__": lambda self, x: x * 2})(), 0),
]


@pytest.mark.parametrize(("function", "params"), [row[1:] for row in FUNCTIONS], ids=[row[0] for row in FUNCTIONS])
def test_any_callable_over_tensors(function, params, like_torch):
    analysis = like_torch(function, X)
    assert analysis.params == params


def test_a_function_takes_a_tuple_of_ints_as_ints():
    analysis = analyze(lambda rows, columns: torch.zeros(rows, columns), (3, 5))
    assert analysis.outputs == TensorSpec((3, 5))


def test_a_method_of_a_module_may_be_analyzed_on_a_callable_object_that_holds_one(like_torch):
    class Holder:
        def __init__(self):
            self.net = nn.Linear(7, 5)

        def __call__(self, x):
            return self.net(x)

    assert like_torch(Holder(), X).params == 40


# --- inputs and outputs ---

Pair = namedtuple("Pair", "left right")


@dataclass
class Batch:
    x: torch.Tensor
    scale: float = 2.0
    mask: torch.Tensor | None = None


class Text(OrderedDict):
    """Like transformers' ModelOutput: a dict whose entries are attributes too."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


TREES: list[tuple[str, Any, tuple[Any, ...], dict[str, Any]]] = [
    ("list in, tuple out", lambda xs: (xs[0] + xs[1], xs), ([X, X],), {}),
    (
        "dict in, dict out",
        lambda d: {"y": d["a"] @ d["b"].T, "n": 3, "s": "text", "none": None},
        ({"a": X, "b": X},),
        {},
    ),
    ("namedtuple in and out", lambda p: Pair(p.right, p.left * 2), (Pair(X, X),), {}),
    ("dataclass in and out", lambda b: Batch(b.x * b.scale, 3.0), (Batch(X),), {}),
    ("nested", lambda t: [{"a": (t["b"][0][1], t["b"][0][0])}], ({"b": [(X, X[0])]},), {}),
    ("ordered dict", lambda d: OrderedDict((k, v.sum()) for k, v in d.items()), (OrderedDict(a=X, b=X),), {}),
    ("subclass of dict", lambda x: Text(logits=x.T, loss=x.sum()).logits, (X,), {}),
    ("keywords", lambda x, *, y, factor=1: (x + y) * factor, (X,), {"y": X, "factor": 5}),
    ("numbers and text", lambda x, n, how, flag: F.pad(x, (0, n), how) if flag else x, (X, 2, "constant", True), {}),
    ("None and defaults", lambda x, mask=None: x if mask is None else x + mask, (X, None), {}),
    ("var-positional", lambda *xs: torch.cat(xs), (X, X, X), {}),
    ("the input itself", lambda x: x, (X,), {}),
    ("the same output twice", lambda x: (lambda y: (y, y))(x + 1), (X,), {}),
    ("no tensor at all", lambda x: x.shape[0], (X,), {}),
    ("a weightless constant", lambda x: torch.ones(2, dtype=torch.int16), (X,), {}),
    ("a torch.Size", lambda x: x.shape, (X,), {}),
    ("structseq", lambda x: torch.max(x, 1), (X,), {}),
    ("field of a structseq", lambda x: x.max(dim=0).indices, (X,), {}),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), [row[1:] for row in TREES], ids=[row[0] for row in TREES])
def test_what_a_model_takes_and_returns(function, args, kwargs, like_torch):
    like_torch(function, *args, **kwargs)


def test_inputs_are_nodes_in_order_with_their_places():
    analysis = analyze(lambda a, b, c: a["x"] + b[0] + c, ({"x": X}, [X.clone()]), {"c": X.clone()})
    inputs = [node for node in analysis.graph if node.op == "input"]
    assert len(inputs) == 3
    add = [node for node in analysis.graph if node.op == "add"]
    assert {edge.source for edge in add[0].inputs} == {inputs[0].id, inputs[1].id}


def test_one_tensor_given_twice_is_one_input_and_one_spec_given_twice_is_two():
    """nn.MultiheadAttention asks whether its query is its key."""
    spec = TensorSpec((3, 7))
    inputs = [
        sum(node.op == "input" for node in analyze(lambda a, b: a + b, pair).graph)
        for pair in ((X, X), (X, X.clone()), (spec, spec))
    ]
    assert inputs == [1, 2, 2]


def test_parameters_may_be_outputs(like_torch):
    class Returns(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2, 3))
            self.register_buffer("table", torch.zeros(5, dtype=torch.int32))

        def forward(self, x):
            return x, self.weight, self.table

    like_torch(Returns(), X)


class Shapes(nn.Module):
    """Python control flow on what is known statically just runs."""

    def forward(self, x):
        if x.shape[0] > 2 and x.ndim == 2 and x.dtype.is_floating_point and not x.is_cuda:
            x = x[: x.size(0) // 2]
        for _ in range(len(x)):
            x = x + x.new_ones(x.shape[-1])
        assert x.numel() == 7
        return x.reshape(x.shape[1], -1).to(torch.get_default_dtype())


def test_control_flow_on_shapes(like_torch, ops):
    assert ops(like_torch(Shapes(), X)).count("add") == 1


def test_a_module_that_forward_replaces_goes_by_the_same_path():
    class Switch(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(7, 7))

        def forward(self, x):
            self.body = nn.Sequential(self.body[0], nn.ReLU())
            return self.body(x)

    model = Switch().eval()
    costs = analyze(model, (3, 7)).by_module("macs")
    assert (costs["body"], costs["body.0"]) == (147, 147)
    assert "sequential" not in costs
    assert len(model.body) == 1
