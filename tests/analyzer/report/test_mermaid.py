"""Mermaid: the whole text of a small model, folding, and names that would be markup."""

from __future__ import annotations

import re

from analyzer.counts import Counts

RESIDUAL = """\
flowchart TB
  n0(["x"])
  n1["stem<br>Conv2d<br>202 MACs, 11.0 %"]:::c1
  subgraph n2["block  Block  844 MACs, 45.9 %"]
    n3["a<br>Linear<br>309 MACs, 16.8 %"]:::c2
    n4["b<br>Linear<br>535 MACs, 29.1 %"]:::c3
    n5["add"]
  end
  n6["head<br>Linear<br>791 MACs, 43.1 %"]:::c5
  n7(["output"])
  n0 -->|"2"| n1
  n1 -->|"2"| n3
  n3 -->|"2"| n4
  n4 -->|"2"| n5
  n1 -->|"2"| n5
  n5 -->|"2"| n6
  n6 -->|"2"| n7
  classDef c1 fill:#fee9d8,color:#1f2328
  classDef c2 fill:#fdd3b1,color:#1f2328
  classDef c3 fill:#fdbe8a,color:#1f2328
  classDef c5 fill:#fb923c,color:#1f2328
"""


def test_the_text_of_a_residual_block(residual, tmp_path):
    assert residual.export("mermaid", convention="macs") == RESIDUAL
    assert residual.save(tmp_path / "net.mmd", convention="macs").read_text() == RESIDUAL


def test_depth_and_folding(repeated):
    assert 'n3["0-3  4 ×<br>Layer<br>' not in repeated.export("mermaid")
    assert '["0-3  4 ×<br>Layer<br>148 MACs, 78.3 %"]' in repeated.export("mermaid", convention="macs", depth=2)


def test_a_name_is_never_markup(hostile, sketch):
    text = hostile.export("mermaid")
    for label in re.findall(r'"([^"]*)"', text):
        assert re.fullmatch(r"[\w .,:/()+×≤≥≈%-]*", re.sub(r"#\d+;|<br>", "", label)), label
    assert "#60;script#62;alert(1)#60;/script#62;" in text
    # `end` and a leading `o` or `x` break Mermaid as names of nodes; as labels in quotes they are nothing special
    s = sketch().input().module("end").node("end", stack=("", "end"), counts=Counts(mac=3))
    assert '["end<br>Block<br>3 MACs, 100.0 %"]' in s.done().export("mermaid", convention="macs")
