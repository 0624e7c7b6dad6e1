"""What a capture found: frozen nodes in execution order, one networkx MultiDiGraph over them, and torch.fx's view."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import networkx
import torch.fx

from analyzer.errors import AnalyzerError
from analyzer.fxgraph import to_fx
from analyzer.node import ModuleInfo, Node, Parameter

__all__ = ["Graph"]


@dataclass(frozen=True, repr=False)
class Graph:
    """Nodes in execution order, with the model's modules and parameters beside them. Never changed once built.

    The networkx and torch.fx graphs are made from the nodes when first asked for and kept: most analyses ask for
    numbers alone, and building either costs as much as the capture.
    """

    records: tuple[Node, ...]
    modules: Mapping[str, ModuleInfo] = field(default_factory=dict)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    name: str = "model"

    def __repr__(self) -> str:
        return f"Graph({self.name}: {len(self.records)} nodes)"

    def nodes(self) -> tuple[Node, ...]:
        """All nodes, in execution order (which ``networkx.topological_sort`` does not promise)."""
        return self.records

    def __iter__(self) -> Iterator[Node]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    @cached_property
    def _by_id(self) -> dict[str, Node]:
        return {node.id: node for node in self.records}

    def node(self, id: str) -> Node:
        """The node of that id. Raises KeyError with the nearest ids where there is none."""
        try:
            return self._by_id[id]
        except KeyError:
            near = get_close_matches(id, self._by_id, 3, 0.4)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise KeyError(f"no node {id!r} among {len(self)}{hint}") from None

    @cached_property
    def nx(self) -> networkx.MultiDiGraph:
        """The graph for networkx users: a node attribute ``node`` (a `Node`), edge attributes ``slot index spec``.

        Edges are keyed by slot: a call that reads one value twice (``x * x``) has two of them.
        """
        graph = networkx.MultiDiGraph(name=self.name)
        graph.add_nodes_from((node.id, {"node": node}) for node in self.records)
        graph.add_edges_from(
            (edge.source, node.id, edge.slot, {"slot": edge.slot, "index": edge.index, "spec": edge.spec})
            for node in self.records
            for edge in node.inputs
        )
        return graph

    @cached_property
    def fx(self) -> torch.fx.Graph:
        """The same calls as a ``torch.fx.Graph``; ``torch.fx.GraphModule(model, graph.fx)`` runs them.

        Placeholders are the tensor leaves of the inputs, in order; other inputs are part of the calls.
        """
        return to_fx(self.records)

    def replaced(self, changed: Mapping[str, Node]) -> Graph:
        """A copy in which the nodes of these ids are others: what a pass returns."""
        return replace(self, records=tuple(changed.get(node.id, node) for node in self.records))

    def verify(self) -> Graph:
        """Check what every graph must hold and return the graph itself.

        Raises:
            AnalyzerError: two nodes share an id, an edge points forward or to a missing output, two edges share a slot,
                or a parameter is unknown. This is a defect of the analyzer, never of the model.
        """
        seen: dict[str, Node] = {}
        for node in self.records:
            _require(node.id not in seen, f"two nodes are called {node.id!r}")
            slots = [edge.slot for edge in node.inputs]
            _require(len(slots) == len(set(slots)), f"node {node.id!r} has two edges in one slot: {slots}")
            for edge in node.inputs:
                _require(edge.source in seen, f"node {node.id!r} reads {edge.source!r}, which does not come before it")
            for name in node.params:
                _require(name in self.parameters, f"node {node.id!r} reads the unknown parameter {name!r}")
            _require(bool(node.stack), f"node {node.id!r} stands in no module")
            seen[node.id] = node
        return self

    def __getstate__(self) -> dict[str, Any]:
        # Cached views are rebuilt where they are needed: torch.fx graphs do not pickle.
        return {name: self.__dict__[name] for name in ("records", "modules", "parameters", "name")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise AnalyzerError(f"the captured graph is broken: {message}", hint="please report this model")
