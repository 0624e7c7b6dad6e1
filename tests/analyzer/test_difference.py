"""Two models side by side: who is whom, what changed, and that the numbers are the models' own."""

from __future__ import annotations

import csv
import io
import json
import sys

import pytest
import torch
from rich.console import Console
from torch import nn
from typer.testing import CliRunner

from analyzer import InputError, TensorSpec, analyze, cli, diff

SMALL = (3, 7)


def analysis(*layers, size=SMALL):
    return analyze(nn.Sequential(*layers).eval(), size)


def told(difference):
    """Path -> what changed, of all that differs, the model itself apart."""
    return {record["path"]: record["changes"] for record in difference.records() if record["path"]}


def found(difference):
    """Names of the rows, the model's first."""
    return [row.name for row in difference.rows()]


def test_equal_models_do_not_differ():
    same = diff(analysis(nn.Linear(7, 5), nn.ReLU()), analysis(nn.Linear(7, 5), nn.ReLU()))
    assert not same
    assert (same.records(), same.rows(), same.marks()) == ([], [], {})
    assert str(same).splitlines() == [
        "40 params, 105 MACs, 210 FLOPs",
        "160 B of parameters, 144 B peak",  # 3x7 floats in, 3x5 out: 84 + 60 bytes
        "no module and no call differs",
    ]


def test_a_wider_layer_by_pencil():
    wider = diff(analysis(nn.Linear(7, 5), nn.Linear(5, 2)), analysis(nn.Linear(7, 11), nn.Linear(11, 2)))
    assert told(wider) == {
        "0": ["outputs", "parameters", "params", "macs", "cost"],
        "1": ["inputs", "parameters", "params", "macs", "cost"],
    }
    whole, first, second = wider.records()
    assert (whole["old_macs"], whole["new_macs"], whole["delta_macs"]) == (135, 297, 162)  # 3 (7·5 + 5·2), 3 (7 + 2) 11
    assert (first["old_params"], first["new_params"], first["delta_params"]) == (40, 88, 48)  # 8·5, 8·11
    assert (first["old_outputs"], first["new_outputs"]) == ("3x5 float32", "3x11 float32")
    assert (second["old_flops"], second["new_flops"]) == (60, 132)  # with a bias 2 K an output
    assert wider.summary()[0] == ("52 → 112 params (+115.4 %), 135 → 297 MACs (+120.0 %), 270 → 594 FLOPs (+120.0 %)")
    assert wider.marks() == {"0": "changed", "1": "changed"}


def test_an_item_put_in_front_renames_the_others():
    inserted = diff(
        analysis(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 3)),
        analysis(nn.Linear(7, 5), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 3)),
    )
    assert told(inserted) == {"1": ["added"], "2": ["renamed"], "3": ["renamed"]}
    assert found(inserted) == ["Sequential", "1", "1 → 2", "2 → 3"]
    assert inserted.marks() == {"1": "added", "2": "changed", "3": "changed"}
    assert inserted.summary()[-1] == "1 module added, 2 renamed"


def test_an_item_taken_out_stands_where_it_stood():
    removed = diff(analysis(nn.Linear(7, 5), nn.ReLU(), nn.Dropout()), analysis(nn.Linear(7, 5), nn.Dropout()))
    assert found(removed) == ["Sequential", "1", "2 → 1"]
    assert [record["changes"] for record in removed.records()][1:] == [["removed"], ["renamed"]]
    assert removed.marks() == {"1": "changed"}  # what is at this path on b's page
    row = removed.records()[1]
    assert (row["old_path"], row["new_path"], row["new_type"], row["new_macs"]) == ("1", None, None, None)


def test_one_of_many_equal_items_that_changed_is_that_one():
    def layers(width):
        return [nn.Linear(7, 7) for _ in range(3)] + [nn.Linear(7, 7, bias=width == 0)] + [nn.Linear(7, 7)]

    assert told(diff(analysis(*layers(0)), analysis(*layers(1)))) == {"3": ["parameters", "params", "cost"]}


class Named(nn.Module):
    def __init__(self, **layers):
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x):
        for layer in self.children():
            x = layer(x)
        return x


def named(**layers):
    return analyze(Named(**layers).eval(), SMALL)


def test_names_say_who_is_whom():
    swapped = diff(named(a=nn.ReLU(), b=nn.Linear(7, 7)), named(a=nn.Linear(7, 7), b=nn.ReLU()))
    assert told(swapped) == {
        "a": ["type", "parameters", "params", "macs", "cost"], "b": ["type", "parameters", "params", "macs", "cost"]
    }  # fmt: skip
    activation = diff(named(fc=nn.Linear(7, 5), act=nn.ReLU()), named(fc=nn.Linear(7, 5), act=nn.GELU()))
    assert told(activation) == {"act": ["type"]}
    assert "ReLU → GELU" in str(activation)


def test_a_renamed_module_did_not_go_and_come():
    renamed = diff(
        named(stem=nn.Linear(7, 7), head=nn.Sequential(nn.Linear(7, 3), nn.ReLU())),
        named(stem=nn.Linear(7, 7), classifier=nn.Sequential(nn.Linear(7, 3), nn.ReLU())),
    )
    assert told(renamed) == {"classifier": ["renamed"]}
    assert found(renamed)[-1] == "head → classifier"
    wider = diff(named(fc=nn.Linear(7, 3)), named(out=nn.Linear(7, 5)))
    assert told(wider)["out"][:2] == ["renamed", "outputs"]


def test_equal_neighbours_are_one_row():
    def blocks(width, number):
        return named(
            layers=nn.Sequential(*(nn.Sequential(nn.Linear(7, width), nn.Linear(width, 7)) for _ in range(number)))
        )

    rows = diff(blocks(3, 4), blocks(5, 6)).rows()
    assert [(row.name, row.level, row.whole) for row in rows] == [
        ("Named", 0, 1), ("layers", 1, 1), ("0-3", 2, 4), ("0", 3, 4), ("1", 3, 4), ("4-5", 2, 2)
    ]  # fmt: skip
    text = str(diff(blocks(3, 4), blocks(5, 6)))
    row = next(line for line in text.splitlines() if "0-3  4 ×" in line)
    # 4 blocks, each 3 rows of 7·3·2 or 7·5·2 products
    assert "504 → 840" in row
    one, other = ({f"{name}{i}": nn.Linear(7, 7) for i in range(3)} for name in ("block", "layer"))
    assert found(diff(named(**one), named(**other))) == ["Named", "block0-2 → layer0-2"]


def test_what_is_as_it_was_in_another_parent_moved():
    backbone = {"stem": nn.Linear(7, 7), "act": nn.ReLU(), "body": nn.Sequential(nn.Linear(7, 11), nn.Linear(11, 7))}
    put_in = diff(named(**backbone), named(backbone=Named(**backbone), head=nn.Linear(7, 2)))
    assert told(put_in) == {
        "backbone": ["added"], "backbone.stem": ["moved"], "backbone.body": ["moved"], "head": ["added"],
        "act": ["removed"],
    }  # fmt: skip
    assert "stem → backbone.stem" in found(put_in)
    assert put_in.summary()[-1] == "2 modules added, 1 removed, 2 moved"
    assert put_in.marks() == {
        "backbone": "added", "backbone.stem": "changed", "backbone.act": "added", "backbone.body": "changed",
        "head": "added", "act": "removed",
    }  # fmt: skip
    taken_out = diff(named(backbone=Named(**backbone)), named(**backbone))
    assert told(taken_out)["stem"] == ["moved"]
    assert [record["old_path"] for record in taken_out.records()][1:] == [
        "backbone",
        "backbone.stem",
        None,
        "backbone.body",
    ]


class Residual(nn.Module):
    def __init__(self, gate):
        super().__init__()
        self.fc = nn.Linear(7, 7)
        self.gate = gate

    def forward(self, x):
        y = self.fc(x)
        if self.gate:
            y = y * torch.sigmoid(y)
        return x + y


def test_calls_come_and_go_by_what_they_do():
    gated = diff(analyze(Residual(False).eval(), SMALL), analyze(Residual(True).eval(), SMALL))
    assert told(gated) == {"sigmoid": ["added"], "mul": ["added"]}
    assert [record["kind"] for record in gated.records()] == ["module", "call", "call"]
    assert gated.summary()[-1] == "2 calls added"
    assert gated.records()[0]["delta_flops"] == 21  # 3·7 products with the gate


def test_what_came_is_marked_with_all_that_is_in_it():
    marks = diff(named(a=nn.ReLU()), named(a=nn.ReLU(), b=nn.Sequential(nn.Linear(7, 5)))).marks()
    assert marks == {"b": "added", "b.0": "added"}
    marks = diff(named(a=nn.ReLU(), b=nn.Sequential(nn.Linear(7, 5))), named(a=nn.ReLU())).marks()
    assert marks == {"b": "removed", "b.0": "removed"}


def test_a_dtype_and_weights_alone_are_changes():
    half = diff(
        analysis(nn.Linear(7, 5)),
        analyze(nn.Sequential(nn.Linear(7, 5)).eval().bfloat16(), TensorSpec(SMALL, torch.bfloat16)),
    )
    assert told(half) == {"0": ["inputs", "outputs", "parameters"]}
    assert "3x5 float32 → 3x5 bfloat16" in str(half)
    kernel = diff(
        analysis(nn.Conv1d(3, 5, 3, padding=1), size=(2, 3, 11)),
        analysis(nn.Conv1d(3, 5, 7, padding=3), size=(2, 3, 11)),
    )
    assert "weight 5x3x3 → 5x3x7" in str(kernel)


def test_bounds_and_gaps_keep_their_signs():
    old = analyze(lambda x: x[x > 0] * 2, TensorSpec((7,)))
    new = analyze(lambda x: x[x > 0] * 2, TensorSpec((11,)))
    text = str(diff(old, new))
    assert "≤7 → ≤11" in text
    assert "≈+4" in text
    assert diff(old, new).records()[0]["new_bound"] == "upper"


def test_a_saved_analysis_is_as_good(tmp_path):
    old, new = analysis(nn.Linear(7, 5)), analysis(nn.Linear(7, 11))
    path = old.save(tmp_path / "old.json")
    assert diff(path, new).records() == diff(old, new).records()
    assert diff(json.loads(path.read_text()), new).records() == diff(old, new).records()
    bounded = analyze(lambda x: x[x > 0] * 2, TensorSpec((7,)))
    assert not diff(bounded.save(tmp_path / "bounded.json"), bounded)
    assert "≤7" in str(diff(tmp_path / "bounded.json", old))


def test_names_are_text_wherever_they_go():
    name = "<b>|[red]\x1b[31m"
    hostile = diff(named(a=nn.ReLU()), named(a=nn.ReLU(), **{name: nn.Linear(7, 2)}))
    assert "<b>|[red]\\x1b[31m   Linear" in str(hostile)
    assert "| &nbsp;&nbsp;&lt;b&gt;\\|\\[red\\]" in hostile.export("md")
    assert [row["path"] for row in csv.DictReader(io.StringIO(hostile.export("csv"), newline=""))] == ["", name]


@pytest.mark.parametrize(("width", "gone"), [(200, []), (103, ["type"]), (90, ["type", "shape"])])
def test_a_narrow_terminal_leaves_columns_out(width, gone):
    console = Console(file=io.StringIO(), width=width)
    console.print(diff(analysis(nn.Linear(7, 5)), analysis(nn.Linear(7, 11))).table())
    titles = console.file.getvalue().splitlines()[0].split()
    assert [title for title in ("module", "type", "change", "shape", "params") if title not in titles] == gone


def test_what_is_no_saved_analysis_is_told(tmp_path):
    here = analysis(nn.Linear(7, 5))
    for text, message in (("{", "is no JSON"), ('{"a": 1}', "is no analysis that was saved"), ("[]", "is no analysis")):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(InputError, match=message):
            diff(tmp_path / "a.json", here)
    with pytest.raises(InputError, match=r"b\.json cannot be read: No such file"):
        diff(tmp_path / "b.json", here)
    document = json.loads(here.export("json"))
    with pytest.raises(InputError, match="has schema 99, and this version reads 1"):
        diff(document | {"schema": 99}, here)
    with pytest.raises(InputError, match="was saved without the cost of modules in all"):
        diff(document, here, "all")
    with pytest.raises(InputError, match="no convention 'g'"):
        diff(here, here, "g")


def flopgraph(*arguments):
    return CliRunner().invoke(cli.app, ["diff", *arguments], prog_name="flopgraph")


@pytest.fixture
def nets(tmp_path, monkeypatch):
    text = "from torch import nn\ndef {0}():\n    return nn.Sequential(nn.Linear(7, {1}), nn.ReLU())\n"
    for name, width in (("old", 5), ("new", 11)):
        (tmp_path / f"{name}_net.py").write_text(text.format(name, width))
    monkeypatch.chdir(tmp_path)
    return ("old_net.py:old", "new_net.py:new", "--input", "3x7")


def test_the_command(nets):
    done = flopgraph(*nets)
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split()[:4] == ["module", "type", "change", "shape"]
    assert lines[3].split() == [
        *["0", "Linear", "shape,", "params,", "cost", "3x5", "→", "3x11"],
        *["40", "→", "88", "105", "→", "231", "210", "→", "462", "+252", "+120.0", "%"],
    ]
    assert "old_net.py:old → new_net.py:new" in lines
    assert lines[-1] == "2 modules changed"
    macs = flopgraph(*nets, "--convention", "macs", "--depth", "0").stdout
    assert "FLOPs" not in macs
    assert "Linear" not in macs


def test_files_of_the_command(nets, tmp_path):
    document = json.loads(flopgraph(*nets, "--format", "json").stdout)
    assert (document["old"]["macs"], document["new"]["macs"], document["new"]["name"]) == (105, 231, "new_net.py:new")
    assert [item["path"] for item in document["differences"]] == ["", "0", "1"]
    rows = list(csv.DictReader(io.StringIO(flopgraph(*nets, "--format", "csv").stdout)))
    assert (rows[1]["changes"], rows[1]["delta_params"]) == ("outputs; parameters; params; macs; cost", "48")
    assert flopgraph(*nets, "-o", "out.md").exit_code == 0
    assert (
        "| &nbsp;&nbsp;0 | Linear | shape, params, cost | 3x5 → 3x11 | 40 → 88 |" in (tmp_path / "out.md").read_text()
    )
    same = ("old_net.py:old", "old_net.py:old", "--input", "3x7")
    assert flopgraph(*same, "--format", "csv").stdout == "path,kind,changes\n"
    assert flopgraph(*same, "--format", "md").stdout.splitlines()[1] == "40 params, 105 MACs, 210 FLOPs  "
    assert json.loads(flopgraph(*same, "--format", "json").stdout)["differences"] == []


def test_the_command_takes_a_saved_analysis(nets, tmp_path):
    analyze(nn.Sequential(nn.Linear(7, 5), nn.ReLU()).eval(), SMALL).save(tmp_path / "old.json")
    assert (
        flopgraph("old.json", nets[1], "--input", "3x7", "--format", "csv").stdout
        == flopgraph(*nets, "--format", "csv").stdout
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("old_net.py:old",), 2, "Missing argument 'B'"),
        (("old_net.py:old", "gone.py:x", "--input", "3x7"), 2, "there is no file 'gone.py'"),
        (("--format", "xml"), 2, "no format 'xml' of a difference; there are table, json, csv, md"),
        (("--convention", "g"), 2, "no convention 'g'"),
        (("--inputs", "3x7"), 2, "No such option: --inputs"),
        (("-o", "no/such.csv"), 2, "no/such.csv cannot be written"),
        (("--input", "3x8"), 1, "ShapeError: 0 (linear): input has 8 features, weight takes 7"),
    ],
)
def test_what_is_wrong_is_told(nets, arguments, code, message):
    models = arguments if ".py" in arguments[0] else (*nets[: 2 if "3x8" in arguments else 4], *arguments)
    done = flopgraph(*models)
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_page_is_the_new_models_with_what_differs_marked():
    a = analyze(nn.Sequential(nn.Linear(7, 5)).eval(), (3, 7))
    b = analyze(nn.Sequential(nn.Linear(7, 5), nn.ReLU()).eval(), (3, 7))
    text = diff(a, b).export("html")
    assert text.startswith("<!doctype html>")
    assert text != b.export("html")
    with pytest.raises(InputError, match="a saved analysis has no graph to draw"):
        diff(a, json.loads(b.export("json"))).export("html")


def test_without_rich_print_shows_the_totals(monkeypatch):
    monkeypatch.setitem(sys.modules, "analyzer.report.difference_table", None)
    wider = diff(analysis(nn.Linear(7, 5)), analysis(nn.Linear(7, 6)))
    assert str(wider).splitlines()[0] == (
        "40 → 48 params (+20.0 %), 105 → 126 MACs (+20.0 %), 210 → 252 FLOPs (+20.0 %)"
    )
    with pytest.raises(InputError, match=r"pip install 'flopgraph\[cli\]'"):
        wider.table()
