"""What tools say beside what is true: causes make up the difference, whatever the tool and the model."""

from __future__ import annotations

import csv
import io
import json

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from analyzer import InputError, TensorSpec, analyze, cli
from analyzer.tools import TOOLS


class Attention(nn.Module):
    """One head by hand, with an odd number of everything."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(7, 21)
        self.weight = nn.Parameter(torch.zeros(7, 11))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        return torch.softmax(q @ k.transpose(-2, -1), -1) @ v @ self.weight


MODELS = {
    "convolution and its BatchNorm": (
        lambda: nn.Sequential(nn.Conv2d(3, 5, 7, bias=False), nn.BatchNorm2d(5), nn.ReLU()),
        (2, 3, 13, 17),
    ),
    "attention": (Attention, (2, 5, 7)),
    "encoder layer": (lambda: nn.TransformerEncoderLayer(12, 2, 19, batch_first=True), (3, 5, 12)),
    "LSTM": (lambda: nn.LSTM(7, 11), (5, 3, 7)),
    "transposed": (lambda: nn.ConvTranspose2d(3, 5, 3, stride=2), (2, 3, 13, 17)),
    "shared": (lambda: nn.Sequential(layer := nn.Linear(7, 7), nn.GELU(), layer), (3, 7)),
}


@pytest.mark.parametrize("model", MODELS)
def test_causes_make_up_the_difference(model):
    make, size = MODELS[model]
    analysis = analyze(make().eval(), size)
    for verdict in analysis.compare().verdicts:
        assert verdict.true == analysis.total(verdict.unit)
        assert sum(cause.amount for cause in verdict.causes) == verdict.said - verdict.true, verdict.tool.name
        assert all(cause.reason and cause.amount for cause in verdict.causes), verdict.tool.name
        assert verdict.true_params == analysis.params


def test_an_lstm_by_pencil():
    verdict = analyze(nn.LSTM(7, 11).eval(), (5, 3, 7)).compare("flop_counter_cpu").verdicts[0]
    # 15 steps of rows; 44 gates of 7 + 11 products and 2 biases each: 2·18 additions and products, less the 2 that
    # open a sum, and 2 biases; then 44 sums of both, and per hidden 3 products and 1 sum
    assert verdict.true == 15 * (44 * (2 * 18 - 2 + 2 + 1) + 11 * 4)
    assert (verdict.said, verdict.difference) == (0, -verdict.true)
    (cause,) = verdict.causes
    assert (cause.reason, cause.calls, cause.first) == ("recurrent layers in a fused kernel not seen", 1, "lstm")


def test_the_minus_one_of_a_dot_product():
    verdict = analyze(nn.Linear(7, 5, bias=False).eval(), (3, 7)).compare("flop_counter").verdicts[0]
    assert (verdict.said, verdict.true) == (210, 195)
    (cause,) = verdict.causes
    assert (cause.reason, cause.amount) == ("dot products counted as 2K, not 2K − 1", 15)


def test_a_tool_that_is_right_has_no_cause():
    compared = analyze(nn.Linear(7, 5).eval(), (3, 7)).compare("flop_counter")
    assert compared.verdicts[0].causes == ()
    assert [line.split() for line in str(compared).splitlines()[2:]] == [
        ["flop_counter", "2.14", "210", "FLOPs", "210", "FLOPs", "0", "the", "same"]
    ]


def test_bounds_and_gaps_carry_their_signs():
    bounded = analyze(lambda x: x[x > 0] @ x[x > 0], TensorSpec((7,))).compare("flop_counter")
    assert "≤13 FLOPs" in str(bounded)
    assert bounded.records()[0]["bound"] == "upper"


class Scores(nn.Module):
    """Products of two values of its own: with a softmax between them they are attention, without one they are not."""

    def __init__(self, softmax):
        super().__init__()
        self.softmax = softmax

    def forward(self, x):
        scores = (x @ x.mT / 3).masked_fill(torch.ones(5, 5).tril() == 0, -1.0)
        return (scores.softmax(-1) if self.softmax else scores) @ x


@pytest.mark.parametrize(
    ("softmax", "reason"), [(True, "attention products not seen"), (False, "matrix products not seen")]
)
def test_attention_is_said_only_of_what_surrounds_a_softmax(softmax, reason):
    (cause,) = analyze(Scores(softmax), (2, 5, 7)).compare("thop").verdicts[0].causes
    assert (cause.reason, cause.calls, cause.first) == (reason, 2, "matmul")
    assert cause.amount == -2 * 2 * 5 * 5 * 7


def test_attention_in_one_call_is_said_to_be_its_products():
    def attention(x):
        return nn.functional.scaled_dot_product_attention(x, x, x)

    verdict = analyze(attention, (torch.zeros(2, 3, 5, 7),)).compare("flop_counter").verdicts[0]
    assert verdict.said == 2 * 2 * 3 * 5 * 5 * (7 + 7)
    assert [cause.reason for cause in verdict.causes] == ["attention counted as its two products alone"]


def test_causes_name_what_is_not_counted():
    def mixed(x):
        return torch.fft.fft(x).real.mean(0) + x.norm(dim=0)

    reasons = {
        cause.reason for cause in analyze(mixed, (torch.zeros(5, 7),)).compare("flop_counter").verdicts[0].causes
    }
    assert reasons == {
        "Fourier transforms not counted",
        "sums, means and norms not counted",
        "additions and products of elements not counted",
    }


class Conv1D(nn.Module):
    """A linear layer by a name that GPT-2 gave it."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(7, 11)), nn.Parameter(torch.zeros(11))

    def forward(self, x):
        return torch.addmm(self.bias, x.flatten(0, 1), self.weight).view(*x.shape[:2], 11)


def test_a_layer_by_the_name_of_a_convolution():
    (cause,) = analyze(Conv1D(), (3, 5, 7)).compare("torchinfo").verdicts[0].causes
    assert cause.reason == "layers with Conv in their name counted as convolutions"
    assert cause.amount == (7 + 1) * 11 * 3 * 11 - 3 * 5 * 7 * 11  # by the 11 outputs, where the 5 tokens ought to be


def test_parameters_that_look_the_same_have_all_digits():
    class Many(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Linear(70, 50))
            self.scale = nn.Parameter(torch.ones(()))

    assert "reports 3,550 of 3,551 parameters" in str(analyze(Many(), (3, 70)).compare("thop"))


def test_an_unknown_tool_is_told():
    with pytest.raises(InputError, match=r"no tool 'nonsense' is known; there are .*flop_counter"):
        analyze(nn.Linear(7, 5), (3, 7)).compare("nonsense")


def flopgraph(*arguments):
    return CliRunner().invoke(cli.app, ["compare", *arguments], prog_name="flopgraph")


@pytest.fixture
def net(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text("from torch import nn\ndef net():\n    return nn.Linear(7, 5, bias=False)\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command(net):
    done = flopgraph("net.py:net", "--input", "3x7", "--tools", "flop_counter, flop_counter_cpu")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].split() == ["tool", "says", "true", "difference", "because"]
    assert "dot products counted as 2K, not 2K − 1 (1 call: linear)" in done.stdout


def test_files(net):
    command = ("net.py:net", "--input", "3x7", "--tools", "flop_counter")
    record = json.loads(flopgraph(*command, "--format", "json").stdout)["verdicts"][0]
    assert (record["said"], record["true"], record["amount"], record["calls"]) == (210, 195, 15, 1)
    (row,) = csv.DictReader(io.StringIO(flopgraph(*command, "--format", "csv").stdout))
    assert (row["said"], row["cause"]) == ("210", record["cause"])
    assert flopgraph(*command, "-o", "out.md").exit_code == 0
    assert "| flop_counter 2.14 | 210 | 195 | +15 | in FLOPs |" in (net / "out.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("net.py:net", "--input", "3x7", "--tools", "nonsense"), "no tool 'nonsense' is known"),
        (("net.py:net", "--input", "3x7", "--format", "dot"), "no format 'dot' of a comparison"),
        (("net.py:net", "--input", "3x7", "-o", "out.gv"), "no format 'dot' of a comparison"),
    ],
)
def test_wrong_commands_are_2(net, arguments, message):
    done = flopgraph(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


def test_tools_of_the_help_are_those_that_there_are():
    text = " ".join(flopgraph("--help").stdout.split())
    assert f"Tools: {', '.join(TOOLS)}." in text
