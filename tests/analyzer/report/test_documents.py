"""JSON, CSV and Markdown read back: exact numbers, stable names, hostile text."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from analyzer.errors import Diagnostic, InputError

MODULE_FIELDS = [
    "path", "type", "depth", "calls", "input", "output",
    "params", "macs", "flops", "bytes_read", "bytes_written",
    "own_params", "own_macs", "own_flops", "own_bytes_read", "own_bytes_written", "bound", "notes",
]  # fmt: skip
NODE_FIELDS = [
    "id", "op", "target", "module", "shape", "dtype", "status", "source",
    "params", "macs", "flops", "bytes_read", "bytes_written", "bound",
]  # fmt: skip
OP_FIELDS = ["op", "calls", "params", "macs", "flops", "bytes_read", "bytes_written", "bound"]
ALL = ["residual", "repeated", "shared", "bounded", "hostile"]


def rows(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(("by", "fields"), [("module", MODULE_FIELDS), ("node", NODE_FIELDS), ("op", OP_FIELDS)])
def test_field_names_are_stable(by, fields, residual):
    assert list(rows(residual.export("csv", by=by))[0]) == fields
    assert residual.export("md", by=by).splitlines()[0] == f"| {' | '.join(fields)} |"


def test_a_further_convention_is_a_further_field(residual):
    (whole, *_) = rows(residual.export("csv", convention="all"))
    assert (whole["flops"], whole["all"]) == ("3766", "3766")
    assert (
        rows(residual.export("csv", by="op", convention="flop_counter"))[0]["flop_counter"] == "3270"
    )  # 2 (309 + 535 + 791)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("depth", [0, 1, 2, None])
def test_own_columns_of_modules_add_up(name, depth, request):
    analysis = request.getfixturevalue(name)
    table = rows(analysis.export("csv", depth=depth))
    for field, total in (("params", analysis.params), ("macs", analysis.total("macs")), ("flops", analysis.total())):
        assert sum(int(row[f"own_{field}"]) for row in table) == total
        assert int(table[0][field]) == total
    assert all(int(row["depth"]) <= (99 if depth is None else depth) for row in table)


@pytest.mark.parametrize("name", ALL)
def test_operations_and_nodes_add_up(name, request):
    analysis = request.getfixturevalue(name)
    for by in ("op", "node"):
        table = rows(analysis.export("csv", by=by))
        assert sum(int(row["macs"]) for row in table) == analysis.total("macs")
        assert sum(int(row["flops"]) for row in table) == analysis.total()
    unused = sum(item.spec.numel for item in analysis.unused_parameters)
    assert sum(int(row["params"]) for row in rows(analysis.export("csv", by="op"))) == analysis.params
    assert sum(int(row["params"]) for row in rows(analysis.export("csv", by="node"))) == analysis.params - unused


def test_modules_agree_with_by_module(shared):
    table = {row["path"]: int(row["macs"]) for row in rows(shared.export("csv"))}
    assert table == shared.by_module("macs") == {"": 41, "a": 11, "a.core": 24, "b": 13, "head": 17, "aux": 0}


def test_numbers_are_exact_beyond_64_bits(hostile):
    whole = rows(hostile.export("csv"))[0]
    assert int(whole["macs"]) == 8 * 2**70
    assert json.loads(hostile.export("json"))["totals"]["macs"] == 8 * 2**70
    assert f"{8 * 2**70:,}" in hostile.export("md")


def test_hostile_names_survive_csv_and_json(hostile, hostile_names):
    assert [row["path"] for row in rows(hostile.export("csv"))] == ["", *hostile_names]
    document = json.loads(hostile.export("json"))
    assert [module["path"] for module in document["modules"]] == ["", *hostile_names]
    assert [node["id"] for node in document["nodes"]] == ["x", *hostile_names, "x*x", "output"]


def test_hostile_names_are_text_in_markdown(hostile, hostile_names):
    lines = hostile.export("md").splitlines()
    table = lines[: lines.index("")]
    assert "<script" not in "".join(lines)
    for line, name in zip(table[3:], hostile_names, strict=True):
        cells = re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1]
        assert len(cells) == len(MODULE_FIELDS)
        shown = re.sub(r"\\(.)", r"\1", cells[0].strip())
        assert shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == name


def test_the_json_document_holds_everything(shared):
    document = json.loads(shared.export("json", convention="all"))
    assert document["schema"] == 1
    assert document["versions"] == {"flopgraph": "0.1.0", "torch": "2.14.1"}
    assert (document["mode"], document["convention"]) == ("evaluation", "all")
    assert document["inputs"] == [{"shape": [2], "dtype": "float32", "bytes": 8}]
    assert document["outputs"] == {"shape": [2], "dtype": "float32", "bytes": 8}
    totals = document["totals"]
    assert (totals["params"], totals["param_bytes"], totals["buffer_bytes"]) == (15, 60, 8)
    assert (totals["macs"], totals["flops"], totals["all"], totals["counts"]["mac"]) == (41, 82, 82, 41)
    assert (totals["bytes_read"], totals["bytes_written"], totals["bound"]) == (9, 15, "exact")
    assert document["memory"] == {"peak_bytes": 16, "peak_node": "a.core", "largest_bytes": 8, "largest_node": "x"}
    assert {item["op"]: item["calls"] for item in document["ops"]} == {"linear": 3, "(never used)": 0}


def test_parameters_are_told_once_with_all_their_names_and_readers(shared):
    parameters = {item["name"]: item for item in json.loads(shared.export("json"))["parameters"]}
    tied = parameters["a.core.weight"]
    assert (tied["elements"], tied["bytes"], tied["shared_with"]) == (5, 20, ["head.weight"])
    assert tied["read_by"] == ["a.core", "b.core", "head"]
    assert parameters["a.mean"]["kind"] == "buffer"
    assert [name for name, item in parameters.items() if not item["used"]] == ["b.extra", "aux.weight"]


def test_nodes_hold_their_edges(residual):
    nodes = {node["id"]: node for node in json.loads(residual.export("json"))["nodes"]}
    assert [(edge["slot"], edge["source"]) for edge in nodes["block.add"]["inputs"]] == [
        ("input", "block.b"),
        ("other", "stem"),
    ]
    assert nodes["stem"]["counts"] == {"mac": 202, "dot": 2}
    assert nodes["stem"]["source"] == "model.py:7"


def test_what_a_model_returns_keeps_its_form(sketch):
    from dataclasses import replace

    from analyzer.spec import TensorSpec

    analysis = replace(sketch().input().done(), outputs={"a": (TensorSpec((3,)), None), "b": [2, 0.5]})
    tensor = {"shape": [3], "dtype": "float32", "bytes": 12}
    assert json.loads(analysis.export("json"))["outputs"] == {"a": [tensor, None], "b": [2, 0.5]}


def test_bounds_and_remarks_are_in_the_data(bounded, sketch):
    assert {row["path"]: row["bound"] for row in rows(bounded.export("csv"))} == {
        "": "mixed", "near": "upper", "far": "lower", "sure": "exact",
    }  # fmt: skip
    s = sketch().input()
    s.diagnostics.append(Diagnostic("training-mode", "", "the model stands in training mode", "call model.eval()"))
    assert json.loads(s.done().export("json"))["diagnostics"] == [
        {
            "code": "training-mode",
            "node": "",
            "message": "the model stands in training mode",
            "hint": "call model.eval()",
        }
    ]


def test_what_does_not_exist_is_named(residual):
    with pytest.raises(
        InputError, match="no format 'xml'; there are table, json, csv, md, html, graphml, gexf, nodelink, "
    ):
        residual.export("xml")
    with pytest.raises(InputError, match="no table by 'layer'; there are module, op, node"):
        residual.export("csv", by="layer")
    with pytest.raises(InputError, match="no convention 'gflops'"):
        residual.export("csv", convention="gflops")


@pytest.mark.parametrize(
    ("name", "format"), [("a.json", None), ("a.csv", None), ("a.md", None), ("a.txt", "csv"), ("a.GraphML", None)]
)
def test_saving_takes_the_format_from_the_suffix(name, format, residual, tmp_path):
    path = residual.save(tmp_path / name, format=format, convention="macs")
    wanted = format or path.suffix.lower().removeprefix(".")
    assert path.read_text(encoding="utf-8") == residual.export(wanted, convention="macs")


def test_a_suffix_of_no_format_is_an_error(residual, tmp_path):
    with pytest.raises(InputError, match=r"'a\.xlsx' ends in no known format"):
        residual.save(tmp_path / "a.xlsx")
