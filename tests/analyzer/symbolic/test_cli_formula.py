"""``flopgraph formula`` and ``flopgraph plot``."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from analyzer import cli

NETS = """
import torch
from torch import nn

class Conv(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 5, 7, stride=2, padding=3, bias=False)
        self.head = nn.Linear(5, 11)

    def forward(self, image):
        return self.head(self.stem(image).mean((2, 3)))

class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.scores, self.mlp = Scores(), nn.Linear(7, 77, bias=False)

    def forward(self, x):
        return self.scores(x), self.mlp(x)

class Scores(nn.Module):
    def forward(self, x):
        return x @ x.mT

class Masked(nn.Module):
    def forward(self, x):
        return x[x.sum(1) > 0] @ torch.ones(7, 5)

class Fixed(nn.Module):
    def forward(self, x):
        assert x.shape[1] == 13
        return x @ torch.ones(13, 5)
"""


@pytest.fixture
def flopgraph(tmp_path, monkeypatch):
    """Run the command in a folder with ``net.py``; what it writes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NETS)

    def run(*args, code=0):
        done = CliRunner().invoke(cli.app, list(args), prog_name="flopgraph")
        assert done.exit_code == code, done.output
        return done.stdout if code == 0 else done.stderr

    return run


def test_names_in_an_input_give_formulas(flopgraph):
    told = flopgraph("formula", "nets.py:Conv", "--input", "Bx3xHxW")
    assert told.splitlines()[0] == "MACs     735·B·⌈H/2⌉·⌈W/2⌉ + 55·B"
    assert told.splitlines()[2] == f"params   {5 * 3 * 49 + 5 * 11 + 11}"


def test_by_module_and_by_op(flopgraph):
    call = ("formula", "nets.py:Conv", "--input", "Bx3x16x16", "--convention", "macs")
    assert flopgraph(*call, "--by", "module").splitlines() == [
        f"Conv     {735 * 64 + 55:,}·B", f"  stem   {735 * 64:,}·B", "  head   55·B",
    ]  # fmt: skip
    assert flopgraph(*call, "--by", "op").splitlines() == [f"conv2d   {735 * 64:,}·B", "linear   55·B"]


def test_a_number_at_sizes(flopgraph):
    told = flopgraph("formula", "nets.py:Conv", "--input", "Bx3xHxW", "--at", "B=3,H=17", "--at", "W=4")
    assert told.splitlines()[0] == f"MACs     {3 * (735 * 9 * 2 + 55):,}"


def test_what_holds_too_simplifies(flopgraph):
    call = ("formula", "nets.py:Conv", "--input", "1x3xHxW", "--convention", "macs")
    told = flopgraph(*call, "--assuming", "H % 2 == 0", "--assuming", "W % 4 == 0")
    assert told.startswith("MACs     735·H·W/4 + 55\n")
    assert "W mod 4 = 0" in told


def test_conditions_have_their_lines(flopgraph):
    told = flopgraph("formula", "nets.py:Fixed", "--input", "BxN", "--hint", "N=13")
    assert "N = 13   nets.py:32   assert x.shape[1] == 13" in told
    assert told.startswith("MACs     65·B\n")
    told = flopgraph("formula", "nets.py:Fixed", "--input", "BxN", "--hint", "N=13", "--at", "B=2,N=14", code=2)
    assert "the formula holds where N = 13" in told


def test_formats(flopgraph, tmp_path):
    call = ("formula", "nets.py:Conv", "--input", "Bx3xHxW", "--convention", "macs")
    assert r"735 B \left\lceil \frac{H}{2} \right\rceil" in flopgraph(*call, "--format", "latex")
    document = json.loads(flopgraph(*call, "--format", "json"))
    assert document["formulas"]["params"] == 801
    assert document["formulas"]["macs"]["text"] == "735·B·⌈H/2⌉·⌈W/2⌉ + 55·B"
    flopgraph(*call, "--format", "python", "-o", "cost.py")
    room: dict = {}
    exec((tmp_path / "cost.py").read_text(), room)  # nothing of ours, and no torch
    assert room["macs"](B=3, H=17, W=4) == 3 * (735 * 9 * 2 + 55)
    assert room["PARAMS"] == 801


def test_the_largest_size_within_limits(flopgraph):
    call = ("formula", "nets.py:Conv", "--input", "Bx3xHxW", "--at", "H=16,W=16", "--largest", "B")
    each = 735 * 64 + 55
    assert (
        flopgraph(*call, "--max-macs", "1M") == f"B = 21 is the largest within --max-macs 1.00 M: {21 * each:,} MACs\n"
    )
    peak = (3 * 256 + 5 * 64) * 4  # image and the convolution's output
    assert (
        flopgraph(*call, "--max-peak", "100kB")
        == f"B = 22 is the largest within --max-peak 100 kB: {22 * peak:,} B peak\n"
    )
    assert "--largest takes a name and at least one limit" in flopgraph(*call, code=2)


def test_where_parts_cross(flopgraph):
    call = ("formula", "nets.py:Mixer", "--input", "BxSx7", "--convention", "macs", "--by", "module")
    told = flopgraph(*call, "--crossings", "S", "--at", "B=3")
    assert told == "scores outgrows mlp at S = 78\n"  # 7·S² and 7·77·S
    assert flopgraph(*call, "--crossings", "B", "--at", "S=5") == "no part outgrows another as B grows\n"


def test_wrong_commands_are_one_sentence(flopgraph):
    call = ("formula", "nets.py:Conv", "--input")
    assert "no size of nets.py:Conv is open" in flopgraph(*call, "1x3x16x16", code=2)
    assert "formulas have the formats text, latex" in flopgraph(*call, "Bx3x16x16", "--format", "csv", code=2)
    assert "formulas are by total, module or op" in flopgraph(*call, "Bx3x16x16", "--by", "node", code=2)
    assert "--at takes names and sizes such as B=8" in flopgraph(*call, "Bx3x16x16", "--at", "B:8", code=2)
    assert "an input is written" in flopgraph(*call, "bx3x16x16", code=2)
    assert "hints has 'Q'" in flopgraph(*call, "Bx3x16x16", "--hint", "Q=8", code=2)
    assert "such as S=128..131072" in flopgraph("plot", "nets.py:Mixer", "--vary", "S=9..3", "-o", "x.png", code=2)


def test_usual_inputs_are_opened_where_the_model_allows_it(flopgraph):
    pytest.importorskip("torchvision")
    told = flopgraph("formula", "torchvision:alexnet", "--convention", "macs")
    assert "B·" in told
    assert "⌊" in told
    told = flopgraph("formula", "torchvision:vit_b_16", "--convention", "macs")
    assert "H = 224" in told
    assert "W = 224" in told
    fixed = flopgraph("formula", "torchvision:resnet18", "--convention", "macs", "--image-size", "224")
    assert fixed.startswith("MACs     1,814,073,344·B\n")  # torchvision's table: 1.81 G


def test_a_size_that_data_decide_is_the_largest_it_can_be(flopgraph):
    told = flopgraph("formula", "nets.py:Masked", "--input", "Nx7")
    assert told.startswith("MACs     35·N\n")
    assert "at most: a size that only data decide" in told


def test_a_text_that_must_be_short_has_its_own_hint(flopgraph):
    """CLIP's text has 77 tokens at most, and its images are 224 high and wide."""
    pytest.importorskip("transformers")
    told = flopgraph("formula", "transformers:clip", "--convention", "macs")
    assert "S ≤ 77" in told
    assert "H = 224" in told


def test_texts_are_opened(flopgraph):
    pytest.importorskip("transformers")
    settings = ("--set", "num_hidden_layers=2", "--set", "hidden_size=36", "--set", "intermediate_size=44")
    call = ("formula", "transformers:bert", *settings, "--convention", "macs")
    each = 2 * (4 * 36**2 + 2 * 36 * 44)  # and the pooler on one token of each sequence
    assert flopgraph(*call).startswith(f"MACs     144·B·S² + {each:,}·B·S + 1,296·B\n")
    assert flopgraph(*call, "--batch", "3").startswith(f"MACs     432·S² + {3 * each:,}·S + 3,888\n")


def test_a_plot_is_a_picture_and_says_where_parts_cross(flopgraph, tmp_path):
    pytest.importorskip("matplotlib")
    call = ("plot", "nets.py:Mixer", "--input", "BxSx7", "--convention", "macs", "--depth", "1", "-o", "mixer.svg")
    assert flopgraph(*call, "--vary", "S=8..1024", "--at", "B=3") == "scores outgrows mlp at S = 78\n"
    drawn = (tmp_path / "mixer.svg").read_text()
    assert drawn.count("PolyCollection") == 2
    assert "say the size of B too" in flopgraph(*call, "--vary", "S=8..1024", code=2)
    assert "no cost depends on H" in flopgraph(*call, "--vary", "H=8..1024", "--at", "B=3", code=2)


def test_errors_have_the_names_that_were_given(flopgraph):
    told = flopgraph("formula", "nets.py:Conv", "--input", "BxHxW", "--hint", "B=3,H=5,W=7", code=1)
    assert "(5, ⌈H/2⌉, ⌈W/2⌉) float32" in told
    assert not re.search(r"\bs[0-9]", told)
