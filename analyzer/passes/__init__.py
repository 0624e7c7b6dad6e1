"""Graph -> Graph, or Graph -> facts. One file each; a pass never changes the graph it is given."""

from __future__ import annotations

from analyzer.passes.parts import nodes_of, subgraph
from analyzer.passes.paths import Branches, CriticalPath, between, branches, critical_path

__all__ = ["Branches", "CriticalPath", "between", "branches", "critical_path", "nodes_of", "subgraph"]
