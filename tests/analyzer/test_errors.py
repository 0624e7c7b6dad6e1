"""Errors say what, where in the user's own file and in the model, with which values, and what to do."""

from __future__ import annotations

import pickle
import re
import statistics
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import analyzer
from analyzer import (
    AnalyzerError,
    DataDependentError,
    Diagnostic,
    InputError,
    MissingRuleError,
    ModelError,
    RuleError,
    RuleSet,
    ShapeError,
    TensorSpec,
    analyze,
)


def error_of(model, *args, **kwargs) -> AnalyzerError:
    with pytest.raises(AnalyzerError) as caught:
        analyze(model, *args, **kwargs)
    return caught.value


def text_of(error: AnalyzerError) -> str:
    """The message with this file's name and line numbers, which move, made plain."""
    here = re.escape(str(Path(__file__).relative_to(Path.cwd())))
    return re.sub(rf"{here}:\d+|{Path(__file__).name}:\d+", "FILE:LINE", str(error))


# --- models that fail ---


class Narrow(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
        self.head = nn.ModuleDict({"out": nn.Conv2d(4, 2, 3)})

    def forward(self, x):
        x = self.stem(x)
        return self.head["out"](x)


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(7, 1)

    def forward(self, x):
        if self.gate(x).mean() > 0:
            return x * 2
        return x


class Asks(nn.Module):
    def forward(self, x):
        return x[: x.argmax().item()]


class Adds(nn.Module):
    def forward(self, x, y):
        return x + y


class Raises(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = {"a": 1}
        self.block = nn.Sequential(nn.Linear(7, 7))
        self.block.register_forward_hook(lambda module, args, out: self.table["b"])

    def forward(self, x):
        return self.block(x)


class Refuses(nn.Module):
    def forward(self, x):
        if x.shape[1] != 5:
            raise ValueError(f"five features, please, not {x.shape[1]}")
        return x


SNAPSHOTS = {
    "a shape that does not fit": (
        Narrow(),
        (1, 3, 32, 32),
        ShapeError,
        """\
head.out (conv2d): input has 8 channels, weight takes 4
  input   (1, 8, 30, 30) float32   from stem.1
  weight  (2, 4, 3, 3) float32   head.out.weight
  bias    (2,) float32   head.out.bias
  at      FILE:LINE   return self.head["out"](x)""",
    ),
    "shapes that do not broadcast": (
        Adds(),
        (TensorSpec((3, 7)), TensorSpec((3, 5))),
        ShapeError,
        """\
add: shapes (3, 7) and (3, 5) do not broadcast: size 7 against 5 at dimension -1
  input   (3, 7) float32   from input
  other   (3, 5) float32   from input:1
  at      FILE:LINE   return x + y""",
    ),
    "a branch on data": (
        nn.Sequential(nn.Linear(7, 7), Branches()),
        (3, 7),
        DataDependentError,
        """\
1: the model branches on the value of a tensor, which only real data has: it is () bool
  at      FILE:LINE   if self.gate(x).mean() > 0:
  try     say what it is with assume={"FILE:LINE": True}""",
    ),
    "a value of data": (
        Asks(),
        (3, 7),
        DataDependentError,
        """\
the model asks for the values of a tensor (item), which only real data has: it is () int64
  at      FILE:LINE   return x[: x.argmax().item()]
  try     say what it is with assume={"FILE:LINE": 7}""",
    ),
    "an input is missing": (
        Adds(),
        (3, 7),
        InputError,
        """\
these inputs are no call of Adds: missing a required argument: 'y'; it takes (x, y)
  try     analyze(model, kwargs={"x": TensorSpec((...)), "y": TensorSpec((...))})""",
    ),
    "the model raises by itself": (
        Refuses(),
        (3, 7),
        ModelError,
        """\
the model's own code raised ValueError: five features, please, not 7
  at      FILE:LINE   raise ValueError(f"five features, please, not {x.shape[1]}")
  try     the same call fails in torch, or the model needs real values here""",
    ),
    "a KeyError in a hook": (
        Raises(),
        (3, 7),
        ModelError,
        """\
block: the model's own code raised KeyError: 'b'
  at      FILE:LINE   self.block.register_forward_hook(lambda module, args, out: self.table["b"])
  try     the same call fails in torch, or the model needs real values here""",
    ),
}


@pytest.mark.parametrize(("model", "args", "kind", "text"), SNAPSHOTS.values(), ids=SNAPSHOTS.keys())
def test_the_text_of_an_error(model, args, kind, text):
    error = error_of(model, args)
    assert type(error) is kind
    assert text_of(error) == text


def test_the_original_exception_is_the_cause():
    cause = error_of(Refuses(), (3, 7)).__cause__
    assert isinstance(cause, ValueError)
    assert isinstance(error_of(Raises(), (3, 7)).__cause__, KeyError)


def test_an_error_in_a_layer_of_torch_names_the_users_line():
    error = error_of(Narrow(), (1, 5, 32, 32))
    assert error.where == "stem.0 (conv2d)"
    assert error.source.text == "x = self.stem(x)"
    assert error.source.file.endswith("test_errors.py")


def test_an_error_where_all_code_is_torchs_names_the_innermost_line_there():
    shape = error_of(nn.Sequential(nn.Linear(7, 5), nn.Linear(7, 5)), (3, 7))
    assert shape.where == "1 (linear)"
    assert "nn/modules/container.py" in str(shape)
    branch = error_of(nn.AdaptiveLogSoftmaxWithLoss(7, 11, [3]).predict, (X,))
    assert type(branch) is DataDependentError
    assert "torch/nn/modules/adaptive.py" in str(branch)


def test_the_line_inside_a_call_that_spans_several():
    class Spans(nn.Module):
        def forward(self, x):
            return F.relu(
                torch.cat(
                    [x, x[:, :2]],
                )
            )

    error = error_of(Spans(), (3, 7))
    assert error.source.text in ("torch.cat(", "[x, x[:, :2]],")


def test_an_error_inside_a_helper_names_the_helper():
    def helper(x):
        return x.view(4, -1)

    error = error_of(lambda x: helper(x), TensorSpec((3, 7)))
    assert error.source.text == "return x.view(4, -1)"


def test_the_standard_library_is_not_the_users_own_file():
    error = error_of(lambda x: statistics.fmean([x.sum(), x.mean()]), X)
    assert error.source.file.endswith("test_errors.py")
    assert error.source.text.startswith("error = error_of(lambda x: statistics.fmean(")


# --- operators that nobody knows ---

library = torch.library.Library("flopgraph_tests", "DEF")
library.define("unknown(Tensor x, int n) -> Tensor")
library.impl("unknown", lambda x, n: x.repeat(n, 1), "CompositeExplicitAutograd")
library.define("faked(Tensor x, int n) -> Tensor")
library.impl("faked", lambda x, n: x.repeat(n, 1), "CPU")
torch.library.register_fake("flopgraph_tests::faked", lambda x, n: x.new_empty(n * x.shape[0], x.shape[1]), lib=library)
library.define("sized(Tensor x) -> Tensor")
library.impl("sized", lambda x: x[x > 0], "CPU")


class Custom(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.name = name
        self.fc = nn.Linear(7, 7, bias=False)

    def forward(self, x):
        x = self.fc(x)
        return torch.relu(getattr(torch.ops.flopgraph_tests, self.name)(x, 2))


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.custom = Custom("really_unknown")

    def forward(self, x):
        return self.custom(x)


library.define("really_unknown(Tensor x, int n) -> Tensor")
library.impl("really_unknown", lambda x, n: x.repeat(n, 1), "CPU")


def test_an_operator_that_nobody_knows():
    error = error_of(Inner(), (3, 7))
    assert type(error) is MissingRuleError
    text = str(error)
    assert "flopgraph_tests.really_unknown" in text
    assert error.where.startswith("custom")
    assert error.source.text == "return torch.relu(getattr(torch.ops.flopgraph_tests, self.name)(x, 2))"
    assert 'on_unknown="bound"' in error.hint


def test_a_bound_in_its_place():
    analysis = analyze(Inner(), (3, 7), on_unknown="bound")
    assert analysis.outputs == TensorSpec((3, 7))
    (node,) = [node for node in analysis.graph if node.status == "unknown"]
    assert analysis.is_lower_bound
    assert [remark.node for remark in analysis.diagnostics if remark.code == "unknown-shape"] == [node.id]
    assert "≥" in str(analysis)
    assert analysis.total("macs") == 3 * 49


def test_an_operator_with_a_fake_is_inferred_and_a_rule_to_paste_is_given():
    analysis = analyze(Custom("faked"), (3, 7))
    assert analysis.outputs == TensorSpec((6, 7))
    (node,) = [node for node in analysis.graph if node.status == "inferred"]
    (remark,) = [remark for remark in analysis.diagnostics if remark.code == "no-rule"]
    assert remark.node == node.id
    assert analysis.is_lower_bound
    # The stub is Python that works once its two gaps are filled.
    stub = remark.hint.partition("\n")[2].replace("with_shape(...)", "with_shape(n * x.shape[0], x.shape[1])")
    names = {"torch": torch, "RULES": RuleSet()}
    exec(stub, names)
    again = analyze(Custom("faked"), (3, 7), rules=names["RULES"])
    assert again.outputs == analysis.outputs
    assert not again.diagnostics or all(remark.code == "training-mode" for remark in again.diagnostics)


def test_a_composite_operator_is_taken_apart():
    analysis = analyze(Custom("unknown"), (3, 7))
    assert analysis.outputs == TensorSpec((6, 7))


def test_an_operator_rejects_its_arguments():
    error = error_of(lambda x: torch.ops.flopgraph_tests.faked(x), TensorSpec((3, 7)))
    assert "faked" in str(error)
    assert "test_errors.py" in str(error)


# --- wrong inputs ---

FC = nn.Linear(7, 5)

WRONG = {
    "none at all": (lambda: analyze(Adds()), "missing a required argument: 'x'"),
    "one too many": (lambda: analyze(FC, (X, X)), "too many positional arguments"),
    "an unknown keyword": (lambda: analyze(FC, X, {"mask": X}), "unexpected keyword argument 'mask'"),
    "a dict as args": (lambda: analyze(FC, {"input": X}), "args is a tuple of positional inputs, but this is a dict"),
    "a tuple as kwargs": (lambda: analyze(FC, (), (X,)), "kwargs is a dict of keyword inputs, but this is a tuple"),
    "a number as args": (lambda: analyze(FC, 7), "but this is a int: 7"),
    "text as args": (lambda: analyze(FC, "3x7"), "but this is a str"),
    "a class": (lambda: analyze(nn.Linear, (3, 7)), "Linear is a class, not a model"),
    "no model": (lambda: analyze("resnet50", (3, 7)), "but this is a str: 'resnet50'"),
    "no function": (lambda: analyze(torch, (3, 7)), "but this is a module"),
    "a negative size": (lambda: analyze(FC, (3, -7)), r"whole number of 0 or more, but the shape is \(3, -7\)"),
    "a fractional size": (lambda: TensorSpec((3, 7.5)), r"whole number of 0 or more, but the shape is \(3, 7.5\)"),
    "a shape that is a number": (lambda: TensorSpec(7), r"such as \(1, 3, 224, 224\), but this is 7"),
    "a dtype by name": (lambda: TensorSpec((3, 7), "float32"), "such as torch.float32, but this is 'float32'"),
    "an option that does not exist": (
        lambda: analyze(FC, X, on_unknown="ignore"),
        '"raise" or "bound", not \'ignore\'',
    ),
    "rules of another kind": (lambda: analyze(FC, X, rules={}), "rules is a RuleSet, not a dict"),
    "a convention that does not exist": (lambda: analyze(FC, X).total("flop"), "no convention 'flop'; there are"),
}
X = TensorSpec((3, 7))


@pytest.mark.parametrize(("call", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_call(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_a_shape_as_a_shorthand_is_for_modules_and_needs_two_sizes():
    assert analyze(FC, (3, 7)).outputs == TensorSpec((3, 5))
    with pytest.raises(AnalyzerError, match="7"):
        analyze(FC, (7,))


def test_missing_inputs_list_the_parameters_of_forward():
    error = error_of(Adds())
    assert "it takes (x, y)" in str(error)
    assert 'kwargs={"x": TensorSpec((...)), "y": TensorSpec((...))}' in error.hint


# --- rules that are wrong ---


def test_a_rule_whose_code_fails_is_told_from_a_model_that_fails():
    rules = RuleSet()

    @rules.op(torch.relu)
    def relu(input):
        return input.with_shape(input.shape[5])

    error = error_of(lambda x: torch.relu(x), X, rules=rules)
    assert type(error) is RuleError
    assert "'relu'" in str(error)
    assert "IndexError" in str(error)
    assert error.source.text.startswith("error = error_of(lambda x: torch.relu(x)")


def test_a_misspelt_argument_of_a_cost_fails_when_it_is_written():
    rules = RuleSet()

    @rules.op(torch.relu)
    def relu(input):
        return input

    with pytest.raises(RuleError, match="asks for 'inputs', but its shape function takes input, out"):

        @relu.cost
        def _(inputs):
            return None


# --- errors as values ---

KINDS = [ShapeError, DataDependentError, MissingRuleError, InputError, ModelError, RuleError, AnalyzerError]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_errors_pickle(kind):
    error = kind("what", hint="do").locate(
        "a.b (conv2d)", (("input", "(3, 7) float32"),), analyzer.errors.Source("m.py", 7, "x")
    )
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert (again.where, again.hint, again.source) == (error.where, error.hint, error.source)


def test_a_raised_error_pickles():
    error = error_of(Narrow(), (1, 3, 32, 32))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_data_dependence_is_told():
    assert error_of(Branches(), (3, 7)).data_dependent
    assert not error_of(Narrow(), (1, 3, 32, 32)).data_dependent


def test_the_first_place_wins():
    error = ShapeError("what").locate("inner").locate("outer", (("a", "b"),))
    assert str(error) == "inner: what\n  a       b"


def test_a_diagnostic_is_one_line_for_people():
    assert str(Diagnostic("code", "conv", "what", "do")) == "code: conv: what (do)"


def test_the_traceback_of_an_error_is_short():
    """The way through the analyzer is of no use to a user."""
    try:
        analyze(Narrow(), (1, 3, 32, 32))
    except ShapeError as error:
        depth, frame = 0, error.__traceback__
        while frame is not None:
            depth, frame = depth + 1, frame.tb_next
        assert depth == 2
