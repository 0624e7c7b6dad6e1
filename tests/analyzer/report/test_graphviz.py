"""DOT and the pictures that Graphviz makes of it: clusters, colours, hostile names, and no Graphviz at all."""

from __future__ import annotations

import shutil
import sys
from xml.etree import ElementTree

import networkx
import pytest

from analyzer.errors import InputError
from analyzer.report import graphviz

drawn_by_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


def parsed(analysis, **options):
    pydot = pytest.importorskip("pydot")
    (graph,) = pydot.graph_from_dot_data(analysis.export("dot", **options))
    return graph


def flat(graph):
    """Nodes and edges of a pydot graph and of the clusters in it."""
    nodes = {node.get_name(): node for node in graph.get_nodes()}
    for cluster in graph.get_subgraphs():
        nodes |= flat(cluster)
    return {name: node for name, node in nodes.items() if name not in ("node", "edge", "graph")}


def test_pydot_reads_clusters_nodes_and_edges(residual):
    graph = parsed(residual)
    (block,) = graph.get_subgraphs()
    assert "<b>block</b>" in block.get_label()
    assert [node.get_label().count("Linear") for node in block.get_nodes()] == [1, 1, 0]
    assert len(flat(graph)) == 7
    assert len(graph.get_edges()) == 7
    assert {edge.get_label() for edge in graph.get_edges()} == {'" 2"'}
    assert networkx.is_directed_acyclic_graph(networkx.nx_pydot.from_pydot(graph))


def test_a_node_says_what_it_costs_and_the_dearest_is_darkest(residual):
    text = residual.export("dot", convention="macs")
    (head,) = [line for line in text.splitlines() if "<b>head</b>" in line]
    assert "791 MACs, 43.1 %" in head  # 791 / 1837
    assert 'fillcolor="#fb923c"' in head
    assert "19 params" in head
    assert "model.py:7" in head
    assert text.count('fillcolor="#fb923c"') == 1


def test_folded_layers_carry_their_number(repeated):
    assert "<b>0-3  4 ×</b>" in repeated.export("dot")
    assert "4 equal neighbours, together" in repeated.export("dot")
    assert "fc" not in repeated.export("dot", depth=2)


def test_bounds_carry_their_signs(bounded):
    text = bounded.export("dot")
    assert "≤3 FLOPs" in text
    (far,) = [line for line in text.splitlines() if "<b>far</b>" in line]
    assert "≥0 FLOPs" in far
    assert "dashed" in far


def test_pydot_reads_hostile_names(hostile):
    graph = parsed(hostile)
    assert len(flat(graph)) == len(hostile.graph)
    labels = " ".join(node.get_label() for node in flat(graph).values())
    assert "<b>&lt;script&gt;alert(1)&lt;/script&gt;</b>" in labels
    assert "<script>" not in labels


@drawn_by_graphviz
def test_the_svg_holds_every_name_as_text(hostile, hostile_names):
    svg = ElementTree.fromstring(hostile.export("svg"))
    written = {text.text for text in svg.findall(".//{*}text")}
    assert set(hostile_names) <= written
    assert not list(svg.findall(".//{*}script"))


@drawn_by_graphviz
def test_pictures_are_files(residual, tmp_path):
    for suffix, start in (("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")):
        assert residual.save(tmp_path / f"net.{suffix}", depth=1).read_bytes().startswith(start)
    assert "block" in (tmp_path / "net.svg").read_text()
    for format in ("png", "pdf"):
        with pytest.raises(InputError, match=f"^{format} is no text: it is written to a file alone"):
            residual.export(format)


def test_without_graphviz_one_sentence_says_what_to_install(residual, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(
        InputError, match=r"^svg is drawn by Graphviz, whose program dot is missing: install the package"
    ):
        residual.save(tmp_path / "net.svg")
    assert not list(tmp_path.iterdir())
    assert residual.export("dot").startswith("digraph")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (
            "import time; time.sleep(60)",
            "Graphviz found no layout in 0.5 s: draw fewer levels with depth, or write html",
        ),
        ("import sys; sys.exit('no \\x1b memory')", r"Graphviz could not draw the graph: no \x1b memory"),
    ],
)
def test_what_graphviz_cannot_do_is_told(program, message, tmp_path, monkeypatch):
    fake = tmp_path / "dot"
    fake.write_text(f"#!{sys.executable}\n{program}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(fake))
    monkeypatch.setattr(graphviz, "PATIENCE", 0.5)
    with pytest.raises(InputError) as told:
        graphviz.picture("digraph {}", "svg")
    assert str(told.value) == message
