"""The answer: parameters, diagnostics, modes, rules of one's own, pickling."""

from __future__ import annotations

import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer import Counts, RuleError, RuleSet, TensorSpec, analyze


class Net(nn.Module):
    """Frozen, trainable, shared, unused, half-precision parameters, and buffers: sizes are distinct primes."""

    def __init__(self):
        super().__init__()
        self.frozen = nn.Parameter(torch.zeros(11), requires_grad=False)
        self.trainable = nn.Parameter(torch.zeros(13))
        self.small = nn.Parameter(torch.zeros(17, dtype=torch.float16))
        self.unused = nn.Parameter(torch.zeros(19))
        self.a, self.b = nn.Linear(7, 7, bias=False), nn.Linear(7, 7, bias=False)
        self.b.weight = self.a.weight
        self.register_buffer("kept", torch.zeros(23))
        self.register_buffer("transient", torch.zeros(29, dtype=torch.int64), persistent=False)
        self.register_buffer("nothing", None)
        self.spare = nn.Linear(3, 2)

    def forward(self, x):
        x = self.b(self.a(x))
        return x, self.frozen + 1, self.trainable * 2, self.small.float(), self.kept - 1, self.transient[:2]


@pytest.fixture(scope="module")
def net():
    return analyze(Net().eval(), (3, 7))


def test_parameters(net):
    assert net.params == 11 + 13 + 17 + 19 + 49 + 8
    assert net.trainable_params == net.params - 11
    assert net.param_bytes == 4 * (net.params - 17) + 2 * 17
    assert len(net.parameters) == 7


def test_buffers_are_apart(net):
    assert net.buffer_bytes == 4 * 23 + 8 * 29
    assert [buffer.name for buffer in net.buffers] == ["kept", "transient"]
    assert not any(parameter.buffer for parameter in net.parameters)


def test_shared_parameters_are_told(net):
    shared = [parameter for parameter in net.parameters if parameter.aliases]
    assert [(parameter.name, parameter.aliases) for parameter in shared] == [("a.weight", ("b.weight",))]


def test_unused_parameters_are_listed_and_said(net):
    assert [parameter.name for parameter in net.unused_parameters] == ["unused", "spare.weight", "spare.bias"]
    (remark,) = [remark for remark in net.diagnostics if remark.code == "unused-parameters"]
    assert "27" in remark.message
    assert "unused" in remark.message


def test_parameters_of_every_node_and_module(net):
    assert net.graph.node("b").params == ("a.weight",)
    assert net.graph.modules["spare"].parameters == ("spare.weight", "spare.bias")
    assert net.graph.modules[""].buffers == ("kept", "transient")
    assert net.graph.modules["b"].type == "Linear"


def test_params_agree_with_torch(net):
    assert net.params == sum(parameter.numel() for parameter in Net().parameters())


# --- modes ---


class Moody(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.norm, self.drop = nn.Linear(7, 5), nn.BatchNorm1d(5), nn.Dropout(0.5)

    def forward(self, x):
        x = self.drop(self.norm(self.fc(x)))
        return {"train": x.sum()} if self.training else x


def test_a_model_in_training_mode_is_said_to_be():
    assert [remark.code for remark in analyze(Moody(), (3, 7)).diagnostics] == ["training-mode"]
    assert not analyze(Moody().eval(), (3, 7)).diagnostics
    assert not analyze(lambda x: x, TensorSpec((3,))).diagnostics


@pytest.mark.parametrize("stands", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_training_sets_every_flag_and_puts_it_back(stands, training):
    model = Moody().train(stands)
    model.norm.train(not stands)
    analysis = analyze(model, (3, 7), training=training)
    assert isinstance(analysis.outputs, dict) is training
    assert {info.training for info in analysis.graph.modules.values()} == {training}
    assert (model.training, model.norm.training) == (stands, not stands)
    assert not analysis.diagnostics


def test_training_and_evaluation_count_differently():
    evaluation = analyze(Moody(), (3, 7), training=False)
    training = analyze(Moody(), (3, 7), training=True)
    # evaluation: the norm's scale and shift; dropout is nothing
    assert evaluation.counts.mul == 15
    assert training.counts.mul > evaluation.counts.mul
    assert evaluation.total("macs") == training.total("macs") == 105


# --- rules of one's own ---


class Special(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.width = width

    def forward(self, input):
        return input.repeat(1, self.width)


def test_a_rule_for_a_layer_of_ones_own():
    rules = RuleSet()

    @rules.op(Special)
    def special(input: TensorSpec, width: int) -> TensorSpec:
        return input.with_shape(input.shape[0], input.shape[1] * width)

    @special.cost
    def _(out: TensorSpec, width: int) -> Counts:
        return Counts(func=out.numel * width)

    model = nn.Sequential(nn.Linear(7, 5), Special(11))
    analysis = analyze(model, (3, 7), rules=rules)
    assert analysis.outputs == TensorSpec((3, 55))
    assert analysis.counts.func == 3 * 55 * 11
    assert analysis.graph.node("1").op == "special"
    assert "repeat" in [node.op for node in analyze(model, (3, 7)).graph], "without the rule the layer is entered"


def test_a_rule_of_ones_own_takes_the_place_of_an_installed_one():
    rules = RuleSet()
    rules.elementwise("relu", nn.ReLU, F.relu, torch.relu, "relu", func=3)
    model = nn.Sequential(nn.ReLU())
    assert analyze(model, (3, 7), rules=rules).counts == Counts(func=63)
    assert analyze(model, (3, 7)).counts == Counts(cmp=21)


def test_a_rule_set_that_grows_is_seen():
    rules = RuleSet()
    assert analyze(torch.relu, TensorSpec((3, 7)), rules=rules).counts == Counts(cmp=21)
    rules.elementwise("mine", torch.relu, mul=1)
    assert analyze(torch.relu, TensorSpec((3, 7)), rules=rules).counts == Counts(mul=21)


def test_joined_rule_sets_clash_loudly():
    a, b = RuleSet(), RuleSet()
    a.elementwise("mine", torch.relu, mul=1)
    b.elementwise("theirs", torch.relu, mul=2)
    with pytest.raises(RuleError, match=r"two rules for torch\.relu: 'mine' and 'theirs'"):
        a | b
    assert a.override(b)[torch.relu].name == "theirs"
    assert (a | a)[torch.relu].name == "mine"
    with pytest.raises(RuleError, match=r"two rules for torch\.relu"):
        a.elementwise("again", torch.relu)


def test_a_rule_for_a_subclass_goes_before_its_base():
    class Wide(nn.Linear):
        pass

    rules = RuleSet()

    @rules.op(Wide)
    def wide(input: TensorSpec, weight: TensorSpec) -> TensorSpec:
        return input.with_shape(input.shape[0], weight.shape[0])

    assert [node.op for node in analyze(nn.Sequential(Wide(7, 5)), (3, 7), rules=rules).graph][1] == "wide"


# --- pickling ---


class Unpicklable(nn.Module):
    """Objects of the user's in calls and attributes must not stand in the way."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(7, 5)
        self.secret = lambda: None

    def forward(self, x):
        mask = torch.ones(3, 5, dtype=torch.bool)
        x = self.fc(x).masked_fill(mask, float("-inf"))
        generator = torch.Generator()
        y = torch.bernoulli(torch.sigmoid(x), generator=generator)
        return {"y": y.to(torch.float64, memory_format=torch.contiguous_format), "shape": x.shape}


@pytest.mark.parametrize(
    ("model", "shape"),
    [(Unpicklable(), (3, 7)), (Net(), (3, 7)), (nn.TransformerEncoderLayer(12, 3, 17), (5, 2, 12))],
    ids=["objects of the user's", "parameters", "encoder layer"],
)
def test_an_analysis_survives_pickling(model, shape):
    analysis = analyze(model.eval(), shape)
    _ = analysis.graph.fx, analysis.graph.nx, analysis.counts  # what is cached does not hinder
    again = pickle.loads(pickle.dumps(analysis))
    assert again.outputs == analysis.outputs
    assert again.params == analysis.params
    for convention in ("macs", "flops", "all", "flop_counter"):
        assert again.total(convention) == analysis.total(convention)
        assert again.by_module(convention) == analysis.by_module(convention)
        assert again.by_op(convention) == analysis.by_op(convention)
    assert again.diagnostics == analysis.diagnostics
    assert again.graph.records == analysis.graph.records
    assert again.memory == analysis.memory
    assert again.graph.nx.number_of_edges() == analysis.graph.nx.number_of_edges()
    assert str(again) == str(analysis)
    for node in again.graph:
        assert f"{node.counts.mac:,}" in again.why(node, "macs")


def test_a_pickled_analysis_holds_no_weights():
    model = nn.Linear(1000, 1000)
    assert len(pickle.dumps(analyze(model, (3, 1000)))) < 20_000


def test_an_analysis_keeps_no_model_alive():
    import gc
    import weakref

    model = nn.Sequential(nn.Linear(7, 5), nn.ReLU())
    analysis = analyze(model, (3, 7))
    watched = weakref.ref(model)
    del model
    gc.collect()
    assert watched() is None
    assert analysis.params == 40


# --- other things it is asked ---


def test_by_op_gives_the_dearest_first():
    by_op = analyze(nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 2), nn.LayerNorm(2)), (3, 7)).by_op("flops")
    assert list(by_op.values()) == sorted(by_op.values(), reverse=True)
    assert by_op["linear"] == 3 * 2 * (35 + 10)


def test_versions_are_those_of_torch_and_the_models_package():
    torchvision = pytest.importorskip("torchvision")
    analysis = analyze(torchvision.ops.MLP(7, [5]).eval(), (3, 7))
    assert analysis.versions["torch"] == torch.__version__.partition("+")[0]
    assert analysis.versions["torchvision"] == torchvision.__version__.partition("+")[0]


def test_two_analyses_of_one_model_are_equal():
    model = Net().eval()
    assert analyze(model, (3, 7)) == analyze(model, (3, 7))


def test_another_default_dtype_is_not_remembered():
    def model(x):
        return torch.ones(3) + x

    x = TensorSpec((3,), torch.int64)
    assert analyze(model, x).outputs.dtype is torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        assert analyze(model, x).outputs.dtype is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert analyze(model, x).outputs.dtype is torch.float32


def test_a_shared_module_is_found_by_all_its_names():
    shared = nn.Linear(7, 7)
    model = nn.ModuleDict({"first": shared, "second": nn.Sequential(shared, nn.ReLU())})

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = model

        def forward(self, x):
            return self.parts["second"](self.parts["first"](x))

    costs = analyze(Twice().eval(), (3, 7)).by_module("macs")
    assert costs["parts.first"] == costs["parts.second.0"] == costs.get("parts.second.0") == 2 * 3 * 7 * 7
    assert "parts.second.0" not in costs
    assert costs.get("parts.third") is None
    with pytest.raises(KeyError, match=r"parts\.third"):
        costs["parts.third"]
