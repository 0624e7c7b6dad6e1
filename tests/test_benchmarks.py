"""The benchmarks run and say what they measured; how fast is no matter of a test."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(file, *arguments):
    command = [sys.executable, "-m", "benchmarks", *arguments, "--rounds", "2", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout, json.loads(file.read_text())


def test_models_and_views(tmp_path):
    text, found = run(tmp_path / "figures.json", "--only", "alexnet")
    assert "alexnet" in text
    assert list(found) == ["environment", "models", "views"]
    [row] = found["models"]
    assert row["calls"] == 22
    assert row["same_count"]
    assert min(row[name] for name in ("analyze", "fx", "forward", "counter")) > 0
    [row] = found["views"]
    assert min(row[name] for name in ("analyze", "total", "by_module", "nx", "fx")) > 0


def test_depth(tmp_path):
    _, found = run(tmp_path / "figures.json", "depth", "--only", "10")
    [row] = found["depth"]
    assert row["layers"] == 10
    assert 0 < row["kept"] <= row["peak"]


def test_symbolic(tmp_path):
    text, found = run(tmp_path / "figures.json", "symbolic", "--only", "resnet50")
    assert "open ÷ plain" in text
    [row] = found["symbolic"]
    assert row["conditions"] == 0
    assert min(row[name] for name in ("plain", "open", "first", "million")) > 0
