"""What notebooks show, and DataFrames: numbers by pencil, names that stay text, a missing pandas."""

from __future__ import annotations

import sys
from xml.etree import ElementTree

import pytest

from analyzer.errors import InputError


def cells(analysis):
    """The table of the fragment, which is read as XML: it has no entity and no tag that XML does not know."""
    fragment = analysis._repr_html_().replace("<br>", "<br/>").replace(" class=n>", ' class="n">')
    root = ElementTree.fromstring(fragment)
    return [["".join(cell.itertext()) for cell in row] for row in root.iter("tr")], root


def test_rows_are_the_modules_with_their_numbers(residual):
    (head, *rows), root = cells(residual)
    assert head == ["module", "type", "input → output", "params", "MACs", "FLOPs", "share"]
    assert rows[2] == ["block", "Block", "2 → 2", "24", "844", "1.79 k", "47.5 %"]
    assert [row[0] for row in rows] == ["Residual", "stem", "block", "a", "b", "(own operations)", "head"]
    assert "60 params, 1,837 MACs, 3,766 FLOPs" in "".join(root.itertext())


def test_equal_layers_are_folded_and_bounds_have_signs(repeated, bounded):
    assert ["0-3  4 ×", "Layer", "2 → 2", "92", "148", "308", "78.4 %"] in cells(repeated)[0]
    rows = {row[0]: row for row in cells(bounded)[0]}
    assert (rows["near"][5], rows["far"][5], rows["Bounded"][5]) == ("≤3", "≥0", "≈8")


def test_names_stay_text(hostile, hostile_names):
    rows, root = cells(hostile)
    assert set(hostile_names) <= {row[0] for row in rows}
    assert not list(root.iter("script"))


def test_a_model_of_many_layers_shows_fewer_levels(sketch):
    s = sketch().input()
    for index in range(30):
        s.module(f"b{2 * index}").module(f"b{2 * index}.a")
    assert len(cells(s.done())[0]) == 1 + 1 + 30


@pytest.mark.parametrize("by", ["module", "op", "node"])
@pytest.mark.parametrize("name", ["residual", "repeated", "shared", "bounded", "hostile"])
def test_sums_of_a_dataframe_are_the_totals(by, name, request):
    pytest.importorskip("pandas")
    analysis = request.getfixturevalue(name)
    frame = analysis.to_pandas(by=by)
    column = "own_flops" if by == "module" else "flops"
    assert sum(frame[column]) == analysis.total("flops")
    assert sum(frame[column.replace("flops", "macs")]) == analysis.total("macs")


def test_a_dataframe_is_indexed_by_name_and_has_numbers(residual):
    pytest.importorskip("pandas")
    nodes = residual.to_pandas(by="node", convention="all")
    assert nodes.index.name == "id"
    assert nodes.loc["block.b", ["op", "macs", "all"]].to_list() == ["linear", 535, 1065]
    assert str(nodes["macs"].dtype) == "int64"
    modules = residual.to_pandas(depth=1)
    assert modules.index.to_list() == ["", "stem", "block", "head"]
    assert modules.loc["block", "input"] == "2 float32"


def test_without_pandas_one_sentence_says_what_to_install(residual, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match=r"pip install 'flopgraph\[pandas\]'"):
        residual.to_pandas()
