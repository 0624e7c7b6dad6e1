"""Formulas of one capture against fresh analyses at random sizes: one model of each kind.

``python -m benchmarks formulas`` does so for all of them.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torchvision")
pytest.importorskip("timm")
pytest.importorskip("transformers")

ROOT = Path(__file__).parents[2]
PINNED = {"torchvision:vit_b_16": {"H": 224, "W": 224}}
MODELS = (
    "torchvision:resnet18", "torchvision:swin_t", *PINNED, "timm:ghostnet_100", "transformers:llama",
    "transformers:mixtral", "transformers:bart", "transformers:wav2vec2", "torch.nn:LSTM",
)  # fmt: skip


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    file = tmp_path_factory.mktemp("formulas") / "rows.json"
    only = [word for name in MODELS for word in ("--only", name)]
    command = [sys.executable, "-m", "benchmarks", "formulas", *only, "--json", str(file)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return {row["model"]: row for row in json.loads(file.read_text())["formulas"]}


@pytest.mark.parametrize("name", MODELS)
def test_every_formula_is_true_at_twenty_random_points(rows, name):
    row = rows[name]
    assert row["differs"] == []
    assert row["equal"] == row["points"] == 20


@pytest.mark.parametrize("name", MODELS)
def test_what_is_pinned(rows, name):
    assert {name: size for name, (size, _) in rows[name]["pinned"].items()} == PINNED.get(name, {})
