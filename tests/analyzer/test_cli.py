"""The command flopgraph: what it prints where, its exit codes, its help without torch."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from analyzer import cli
from analyzer.conventions import CONVENTIONS
from analyzer.report import BY, FORMATS, PICTURES

MODEL = """
import torch
from torch import nn
print("on import")

class Net(nn.Module):
    def __init__(self, width=5):
        super().__init__()
        self.fc = nn.Linear(7, width)
        self.drop = nn.Dropout()

    def forward(self, ids, scale=None):
        print("in forward")
        y = self.drop(self.fc(ids))
        return y if scale is None else y * scale

def branchy():
    class Branchy(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x
    return Branchy()

def interrupted():
    raise KeyboardInterrupt
"""


@pytest.fixture
def flopgraph(tmp_path, monkeypatch):
    """Run the command in a folder with ``net.py``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "net.py").write_text(MODEL)
    before = set(sys.modules)

    def run(*args):
        return CliRunner().invoke(cli.app, list(args), prog_name="flopgraph")

    yield run
    for name in set(sys.modules) - before:
        if name.startswith("net"):
            del sys.modules[name]


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


def test_help_imports_neither_torch_nor_networkx():
    done = python(
        "import sys\nsys.argv = ['flopgraph', '--help']\nfrom analyzer.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    code = end.code\n"
        "heavy = {'torch', 'networkx', 'numpy', 'torchvision'} & set(sys.modules)\n"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: flopgraph [OPTIONS]" in done.stdout
    assert "flopgraph torchvision:resnet50 --by node --format csv -o resnet50.csv" in done.stdout
    assert "130  interrupted" in done.stdout


def test_help_is_quick():
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "analyzer", "--help"], capture_output=True, timeout=60, check=True)
        times.append(time.perf_counter() - start)
    assert min(times) < 2.0  # 0.15 s on an idle machine; importing torch alone takes longer than this


def test_help_names_all_that_can_be_chosen(flopgraph):
    text = " ".join(flopgraph("--help").stdout.split())
    for name in (*FORMATS, *BY, *CONVENTIONS):
        assert name in text


def test_version(flopgraph):
    done = flopgraph("--version")
    assert done.exit_code == 0
    assert done.stdout.startswith("flopgraph 0.")


@pytest.mark.parametrize("command", [[], ["analyze"]])
def test_the_name_of_the_default_command_may_be_left_out(command, flopgraph):
    done = flopgraph(*command, "net.py:Net", "--input", "3x7")
    assert done.exit_code == 0
    # 3 x 5 outputs, each 7 products, their 6 sums and a bias
    assert "40 params, 105 MACs, 210 FLOPs" in done.stdout
    assert "evaluation mode" in done.stdout


def test_data_goes_to_stdout_and_all_else_to_stderr(flopgraph):
    done = flopgraph("net.py:Net", "--input", "3x7", "--format", "json")
    assert json.loads(done.stdout)["totals"]["macs"] == 105
    assert "on import" in done.stderr
    assert "in forward" in done.stderr


def test_inputs_by_name_constructor_arguments_and_mode(flopgraph):
    args = ("--kwargs", '{"width": 11}', "--input", "ids=2x7:float32", "--input", "scale=2x11")
    done = flopgraph("net:Net", *args, "--convention", "all", "--by", "op", "--train", "--format", "csv")
    assert done.exit_code == 0, done.stderr
    assert {"op", "linear", "mul"} <= {line.split(",")[0] for line in done.stdout.splitlines()}
    assert "training mode" in flopgraph("net:Net", *args, "--train").stdout


@pytest.mark.parametrize("format", [format for format in FORMATS if format not in ("table", *PICTURES)])
def test_every_format_is_what_export_gives(format, flopgraph):
    from analyzer import analyze
    from analyzer.zoo import load

    loaded = load("net:Net")
    wanted = analyze(loaded.model, (3, 7), training=False).export(format)
    assert flopgraph("net:Net", "--input", "3x7", "--format", format).stdout == wanted


def test_the_suffix_of_the_file_is_the_format(flopgraph, tmp_path):
    done = flopgraph("net.py:Net", "--input", "3x7", "-o", "net.csv", "--depth", "0")
    assert (done.exit_code, done.stdout) == (0, "")
    assert len((tmp_path / "net.csv").read_text().splitlines()) == 2
    assert flopgraph("net.py:Net", "--input", "3x7", "-o", "net.txt").exit_code == 0
    assert "105 MACs" in (tmp_path / "net.txt").read_text()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ["net.py:Net"],
            "net.py:Net is called with ids: say their shapes\n  try     --input ids=1x3x224x224",
        ),
        (["net.py:Nett"], "there is no 'Nett' in net"),
        (["net.py:Net", "--input", "3y7"], "with its numbers, but this is '3y7'"),
        (["net.py:Net", "--kwargs", "{"], "--kwargs is no JSON"),
        (["net.py:Net", "--kwargs", "[1]"], "--kwargs takes a JSON object, not [1]"),
        (["net.py:Net", "--kwargs", '{"w": 1}'], "unexpected keyword argument 'w'"),
        (["net.py:Net", "--input", "3x7", "--format", "xml"], "no format 'xml'; there are table, json,"),
        (["net.py:Net", "--input", "3x7", "--by", "layer"], "no table by 'layer'; there are module, op, node"),
        (["net.py:Net", "--input", "3x7", "--convention", "g"], "no convention 'g'; there are macs, flops"),
        (["net.py:Net", "--input", "3x7", "-o", "a.xlsx"], "'a.xlsx' ends in no known format"),
        (["net.py:Net", "--input", "3x7", "-o", "no/such/a.csv"], "a.csv cannot be written: No such file or directory"),
        (["net.py:Net", "--depth", "-1"], "--depth"),
        (["net.py:Net", "--nope"], "No such option: --nope"),
    ],
)
def test_a_wrong_command_is_2_and_a_sentence(args, message, flopgraph):
    done = flopgraph(*args)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failed_analysis_is_1_and_says_where(flopgraph):
    done = flopgraph("net.py:Net", "--input", "3x11")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "ShapeError: fc (linear): input has 11 features, weight takes 7" in done.stderr
    assert "net.py:14   y = self.drop(self.fc(ids))" in done.stderr
    done = flopgraph("net.py:branchy", "--input", "3")
    assert done.exit_code == 1
    assert "DataDependentError" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupt_is_130(flopgraph):
    done = flopgraph("net.py:interrupted")
    assert (done.exit_code, done.stdout) == (130, "")


def test_without_typer_the_extra_is_named():
    done = python("import sys; sys.modules['typer'] = None\nfrom analyzer.cli import main")
    assert done.returncode == 2
    assert done.stderr == "the command flopgraph needs two small packages more: pip install 'flopgraph[cli]'\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_shows_on_a_terminal_once_it_takes_long(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with cli._progress("analyzing x", after=0.01):
        time.sleep(0.2)
    assert stream.getvalue().startswith("\ranalyzing x ... 0 s")
    assert stream.getvalue().endswith("\r\x1b[K")


def test_progress_is_silent_where_it_is_quick_or_nobody_watches(monkeypatch):
    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        with cli._progress("analyzing x", after=0.01 if not stream.isatty() else 60):
            time.sleep(0.05)
        assert stream.getvalue() == ""


def test_rules_are_listed():
    done = CliRunner().invoke(cli.app, ["rules"])
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("family\toperation\ttargets")
    assert "\nconv\tconv2d\tnn.Conv2d, F.conv2d, torch.conv2d\t" in done.stdout
    done = CliRunner().invoke(cli.app, ["rules", "--markdown"])
    assert done.exit_code == 0
    assert "\n## conv\n" in done.stdout
    assert "\n| conv2d | nn.Conv2d, F.conv2d, torch.conv2d | " in done.stdout


@pytest.mark.parametrize("name", ["torch.nn.functional.conv2d", "conv2d", "nn.Conv2d"])
def test_one_rule_is_explained(name):
    done = CliRunner().invoke(cli.app, ["rules", name])
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("conv2d\n  Convolution y = x * W + b\n")
    assert "  spellings  torch.nn.Conv2d, torch.nn.functional.conv2d, torch.conv2d\n" in done.stdout
    assert "  file       rules/conv.py:" in done.stdout
    done = CliRunner().invoke(cli.app, ["rules", name, "--markdown"])
    assert done.stdout.count("\n| ") == 3


def test_a_rule_that_is_not_there_is_2():
    done = CliRunner().invoke(cli.app, ["rules", "conv22d"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no rule is called 'conv22d'" in done.stderr
    assert "did you mean" in done.stderr
    assert "conv2d" in done.stderr


def test_the_help_of_rules_imports_neither_torch_nor_networkx():
    done = python(
        "import sys\nsys.argv = ['flopgraph', 'rules', '--help']\nfrom analyzer.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    code = end.code\n"
        "sys.exit(f'{code} {sys.modules.keys()}' if code or {'torch', 'networkx'} & set(sys.modules) else 0)"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: flopgraph rules [OPTIONS] [OPERATION]" in done.stdout


def test_the_main_job():
    pytest.importorskip("torchvision")
    done = CliRunner().invoke(cli.app, ["torchvision:resnet50", "--depth", "1"])
    assert done.exit_code == 0, done.stderr
    assert "25,557,032 params" in done.stdout
    assert "4,089,184,256 MACs" in done.stdout
