"""Whole models against independent numbers, to the last digit.

torchvision.jsonl holds a model a line, one of each family: how it is built, what it is fed, and what torch itself
said. Where its numbers come from: each model was run under torch 2.14.1's FlopCounterMode, on meta, in evaluation and
under no_grad, with torchvision 0.29.1. ``flops`` are the floating point operations of all matrix products and
convolutions, 2 a multiply-accumulate; ``modules`` the same by module, where given; ``outputs`` the shape and dtype of
every output.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analyzer import TensorSpec, analyze, skeleton

torchvision = pytest.importorskip("torchvision")

ROWS = [json.loads(line) for line in (Path(__file__).parent / "torchvision.jsonl").read_text().splitlines()]


def leaves(tree: Any, path: str = "") -> dict[str, tuple[tuple[int, ...], str]]:
    """Path -> (shape, dtype) of every tensor, in the file's trees and in an analysis' outputs alike."""
    if isinstance(tree, TensorSpec):
        return {path: (tree.shape, tree.dtype_name)}
    if isinstance(tree, dict) and set(tree) == {"t", "s"}:
        return {path: (tuple(tree["s"]), tree["t"])}
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return {k: v for key, item in items if key != "_cls" for k, v in leaves(item, f"{path}.{key}").items()}


@pytest.fixture(scope="module", params=ROWS, ids=[row["name"] for row in ROWS])
def case(request):
    row = request.param
    model = skeleton(torchvision.models.get_model, row["name"], **row["options"]).eval()
    return row, analyze(model, tuple(TensorSpec(shape) for shape in row["inputs"]))


def test_parameters(case):
    row, analysis = case
    assert analysis.params == row["params"]


def test_multiply_accumulates(case):
    row, analysis = case
    assert 2 * analysis.total("macs") == row["flops"]


def test_flop_counter(case):
    row, analysis = case
    assert analysis.total("flop_counter") == row["flops"]


def test_outputs(case):
    row, analysis = case
    assert leaves(analysis.outputs) == leaves(row["outputs"])


def test_modules(case):
    row, analysis = case
    by_module = analysis.by_module("macs")
    for name, flops in row.get("modules", {}).items():
        assert 2 * by_module[name] == flops, name


def test_every_call_is_ruled(case):
    row, analysis = case
    assert {node.status for node in analysis.graph} <= {"ruled", "folded"}
    assert not analysis.is_lower_bound
    assert not analysis.is_upper_bound
    auxiliary = ["unused-parameters"] if row["name"] == "googlenet" else []  # heads of training alone
    assert [remark.code for remark in analysis.diagnostics] == auxiliary


def test_one_of_every_family_is_here():
    assert len(ROWS) == 16
    assert sum("modules" in row for row in ROWS) >= 6
