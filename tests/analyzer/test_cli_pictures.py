"""Pictures and files for other programs from the command line."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from analyzer import cli

MODEL = """
from torch import nn

def net():
    return nn.Sequential(nn.Linear(7, 5), nn.Sequential(nn.Linear(5, 3), nn.ReLU()))
"""


@pytest.fixture
def flopgraph(tmp_path, monkeypatch):
    """Run the command in a folder with ``pictures_net.py``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures_net.py").write_text(MODEL)

    def run(*args):
        args = ("pictures_net.py:net", "--input", "3x7", *args)
        return CliRunner().invoke(cli.app, list(args), prog_name="flopgraph")

    return run


def test_a_suffix_asks_for_a_format_in_front_of_json_too(flopgraph, tmp_path):
    for name in (
        "net.mmd",
        "net.netron",
        "net.model_explorer.json",
        "net.model_explorer_data.json",
        "net.nodelink.json",
    ):
        done = flopgraph("-o", name, "--convention", "macs")
        assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    assert (tmp_path / "net.mmd").read_text().startswith("flowchart TB\n")
    assert json.loads((tmp_path / "net.netron").read_text())["signature"] == "netron:flopgraph"
    assert json.loads((tmp_path / "net.model_explorer.json").read_text())["label"] == "Sequential"
    data = json.loads((tmp_path / "net.model_explorer_data.json").read_text())["Sequential"]["results"]
    assert (data["0"], data["1.0"]) == ({"value": 105}, {"value": 45})
    assert json.loads((tmp_path / "net.nodelink.json").read_text())["directed"] is True


def test_depth_cuts_a_picture(flopgraph):
    assert "ReLU" in flopgraph("--format", "mermaid").stdout
    assert "ReLU" not in flopgraph("--format", "mermaid", "--depth", "1").stdout
    assert "ReLU" not in flopgraph("--format", "dot", "--depth", "1").stdout


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_pictures_go_to_files_and_svg_to_stdout_too(flopgraph, tmp_path):
    assert flopgraph("-o", "net.png").exit_code == 0
    assert (tmp_path / "net.png").read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in flopgraph("--format", "svg").stdout
    done = flopgraph("--format", "png")
    assert done.exit_code == 2
    assert "InputError: png is no text: it is written to a file alone" in done.stderr


def test_without_graphviz_the_command_stops_before_the_work(flopgraph, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    done = flopgraph("-o", "net.svg", "--input", "nonsense")
    assert done.exit_code == 2
    assert done.stderr.startswith("InputError: svg is drawn by Graphviz, whose program dot is missing")


def test_a_figure_beside_the_table(flopgraph, tmp_path):
    pytest.importorskip("matplotlib")
    done = flopgraph("--plot", "stages.png")
    assert done.exit_code == 0
    assert "150 MACs" in done.stdout
    assert (tmp_path / "stages.png").read_bytes().startswith(b"\x89PNG")
    done = flopgraph("--plot", "stages.jpg", "--input", "nonsense")
    assert done.exit_code == 2
    assert "a figure is a file that ends in .png, .svg, .pdf, not 'stages.jpg'" in done.stderr
