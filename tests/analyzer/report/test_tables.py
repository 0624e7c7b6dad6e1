"""Tables: what stands in them at full width, at 80 columns, with colours and without."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from analyzer.errors import InputError


def printed(table, width, **options):
    console = Console(file=io.StringIO(), width=width, **options)
    console.print(table)
    return console.file.getvalue()


def test_the_module_table_in_full(residual):
    text = str(residual.table())
    assert (
        text[: text.index("\n\n")]
        == """\
module                 type       input → output   params     MACs    FLOPs   share
──────────────────────────────────────────────────────────────────────────────────────────────────
Residual               Residual   2 → 2                60   1.84 k   3.77 k   ████████████ 100.0 %
  stem                 Conv2d     2 → 2                17      202      402   █▎            10.7 %
  block                Block      2 → 2                24      844   1.79 k   █████▋        47.5 %
    a                  Linear     2 → 2                11      309      615   █▉            16.3 %
    b                  Linear     2 → 2                13      535   1.06 k   ███▍          28.3 %
    (own operations)                                    0        0      109   ▎              2.9 %
  head                 Linear     2 → 2                19      791   1.58 k   █████         41.8 %"""
    )


def test_tables_by_operation_and_by_node(residual, shared):
    operations = str(residual.table(by="op", convention="macs")).splitlines()
    assert operations[0].split() == ["operation", "calls", "params", "MACs", "share"]
    assert operations[2].split()[:5] == ["linear", "3", "43", "1.64", "k"]
    nodes = str(shared.table(by="node")).splitlines()
    assert [line.split()[0] for line in nodes[2:7]] == ["x", "a.core", "b.core", "head", "output"]
    assert nodes[7].split()[:3] == ["(never", "used)", "10"]


def test_folding_bounds_and_depth_show(repeated, bounded):
    assert "0-3  4 ×" in str(repeated.table())
    assert "0-3" not in str(repeated.table(depth=1))
    text = str(bounded.table())
    assert "≥0" in text
    assert "≤3" in text
    assert "≈8" in text


@pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
@pytest.mark.parametrize("by", ["module", "op", "node"])
@pytest.mark.parametrize("name", ["residual", "repeated", "shared", "bounded", "hostile"])
def test_every_line_fits_its_width(name, by, width, request):
    table = request.getfixturevalue(name).table(by=by, depth=None)
    text = printed(table, width)
    assert max(map(len, text.splitlines())) <= width
    assert "%" in text
    for number in ("params", "MACs", "FLOPs"):
        assert number in text.splitlines()[0]


def test_names_are_text_and_never_markup(hostile, hostile_names):
    for text in (str(hostile.table()), printed(hostile.table(), 140)):
        assert all(f"  {name}" in text for name in hostile_names)


def test_text_has_no_colour_codes_even_where_colours_are_forced(residual, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in str(residual.table())
    assert "\x1b" in printed(residual.table(), 100, force_terminal=True, color_system="standard")


def test_a_stream_that_is_no_terminal_gets_the_full_width(shared, capsys):
    shared.table().print(sys.stdout)
    out = capsys.readouterr().out
    assert out == f"{shared.table()}\n"
    assert "also called elsewhere" in out


def test_a_terminal_gets_what_fits(residual):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    residual.table().print(stream)
    assert "\x1b[1m" in stream.getvalue()


def test_options_that_do_not_exist_are_named(residual):
    with pytest.raises(InputError, match="no table by 'layer'; there are module, op, node"):
        residual.table(by="layer")
    with pytest.raises(InputError, match="no convention"):
        residual.table(convention="gflops")


def test_without_rich_the_extra_is_named(residual, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "rich"] + ["analyzer.report.tables"]:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "rich", None)
    with pytest.raises(InputError, match=r"pip install 'flopgraph\[cli\]'"):
        residual.table()
    assert "Residual" in str(residual)
