"""flopgraph sweep: patterns, rows, exit codes, and that it goes on where it stood."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time

import pytest

from analyzer.errors import InputError
from analyzer.sweeps.file import COLUMNS
from analyzer.sweeps.patterns import expand, names

pytest.importorskip("torchvision")

MODELS = """
import os, time
from torch import nn
print("on import")

def small(): return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5))
def raises(): raise ValueError("no luck")
def kills(): os._exit(3)
def sleeps(): time.sleep(300)
"""


@pytest.fixture
def flopgraph(tmp_path):
    """Run the command as it is run, in a folder with ``net.py``."""
    (tmp_path / "net.py").write_text(MODELS)
    command = [sys.executable, "-m", "analyzer", "sweep"]
    options = {"cwd": tmp_path, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

    def run(*args, wait=True):
        if not wait:
            return subprocess.Popen([*command, *args], start_new_session=True, **options)
        return subprocess.run([*command, *args], timeout=300, check=False, **options)

    return run


def rows(path):
    with open(path, newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def test_patterns_are_the_shells():
    found = expand(["torchvision:resnet?01", "torchvision:resnet101", "torchvision:mnasnet0_[57]*"])
    assert found == ["torchvision:resnet101", "torchvision:mnasnet0_5", "torchvision:mnasnet0_75"]
    assert expand(["torchvision:*"]) == [f"torchvision:{name}" for name in names("torchvision")]
    assert expand(["net.py:Net", "no:such"]) == ["net.py:Net", "no:such"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("torchvision:ressnet*", "no model of torchvision fits 'ressnet\\*'\n  try     did you mean resnet"),
        ("net.py:*", "there is no list of the models of 'net.py', but of torchvision, timm, transformers"),
    ],
)
def test_a_pattern_that_fits_nothing_is_an_error(pattern, message):
    with pytest.raises(InputError, match=message):
        expand([pattern])


@pytest.mark.parametrize(("source", "name"), [("timm", "resnet18"), ("transformers", "llama")])
def test_sources_have_names(source, name):
    pytest.importorskip(source)
    assert name in names(source)


def test_rows_exit_codes_and_resuming(flopgraph, tmp_path):
    models = ("torchvision:resnet18", "net.py:raises", "net.py:kills", "net.py:sleeps")
    options = ("--jobs", "2", "-o", "zoo.csv", "--timeout", "5")
    done = flopgraph(*models, *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-4].startswith("1 ok, 3 failed, ")
    found = rows(tmp_path / "zoo.csv")
    assert tuple(found["torchvision:resnet18"]) == COLUMNS
    assert found["torchvision:resnet18"]["macs"] == "1814073344"
    assert [found[name]["error"].partition(":")[0] for name in models] == ["", "ModelError", "Died", "Timeout"]

    before = (tmp_path / "zoo.csv").read_text()
    done = flopgraph("torchvision:resnet18", *options)
    assert (done.returncode, (tmp_path / "zoo.csv").read_text()) == (0, before)
    assert done.stderr.startswith("1 ok, 0 failed, ")


def test_csv_on_stdout_and_options_in_the_names(flopgraph):
    done = flopgraph("torchvision:resnet18", "--batch", "2", "--image-size", "64x96", "--train")
    assert done.returncode == 0
    (row,) = csv.DictReader(done.stdout.splitlines())
    assert row["name"] == "torchvision:resnet18 --batch 2 --image-size 64x96 --train"
    assert row["inputs"] == "2x3x64x96"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("torchvision:resnet18", "--plot", "a.bmp"), "InputError: a picture is a file that ends in .png, .svg, .pdf"),
        (("torchvision:resnet18", "-o", "a.txt"), "InputError: results are written to a file that ends in"),
    ],
)
def test_a_wrong_command_is_told_in_a_sentence(flopgraph, args, message):
    done = flopgraph(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)


@pytest.mark.skipif(os.name != "posix", reason="a signal to a group of processes")
def test_an_interrupt_ends_it_at_once_and_leaves_a_file_to_go_on_from(flopgraph, tmp_path):
    running = flopgraph("torchvision:resnet18", "net.py:sleeps", "-o", "zoo.csv", wait=False)
    start = time.monotonic()
    path = tmp_path / "zoo.csv"
    while time.monotonic() - start < 120 and not (path.exists() and b"resnet18" in path.read_bytes()):
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGINT)
    output, errors = running.communicate(timeout=90)
    assert (running.returncode, output) == (130, "")
    assert errors.endswith("interrupted\n")
    assert list(rows(path)) == ["torchvision:resnet18"]
