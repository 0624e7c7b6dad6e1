"""The answer: an `Analysis` holds the graph and says what the model costs, in the convention that is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzer import report
from analyzer.bounds import at_most, is_bound
from analyzer.conventions import Convention, convention
from analyzer.counts import Counts, Traffic
from analyzer.errors import Diagnostic
from analyzer.formula import counts_as_formulas
from analyzer.graph import Graph
from analyzer.interception import paused_collection
from analyzer.node import Node, Parameter, around
from analyzer.passes.active_params import active_params
from analyzer.passes.liveness import MemoryProfile, liveness
from analyzer.report.comparison import Comparison
from analyzer.symbolic.domain import Condition, Domain
from analyzer.symbolic.expression import is_open
from analyzer.tools import TOOLS, tool
from analyzer.tools.comparison import verdicts

if TYPE_CHECKING:
    from analyzer.ruleset import RuleSet

__all__ = ["Analysis"]


class ByModule(dict[str, int]):
    """Path -> cost of every module, by its first name; a shared module's other names find it as well."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(dict.fromkeys(graph.modules, 0))
        self._names = {alias: path for path, info in graph.modules.items() for alias in info.aliases}

    def __missing__(self, name: str) -> int:
        return self[self._names[name]]

    def get(self, name: str, default: Any = None) -> Any:
        """The cost of a module by any of its names; ``default`` where there is none of that name."""
        return super().get(self._names.get(name, name), default)


@dataclass(frozen=True, repr=False)
class Analysis:
    """What a model costs, and where.

    Attributes:
        graph: the captured `Graph`; ``graph.nx`` is the networkx MultiDiGraph, ``graph.fx`` the torch.fx graph.
        outputs: what the model returns, with a `TensorSpec` for every tensor in it.
        params: elements of all parameters, shared ones once.
        diagnostics: remarks: assumptions, bounds, folds, what no rule knew.
        domain: the open dimensions of the inputs, and the conditions under which the numbers hold; None without any.
        versions: the versions of flopgraph, torch and the model's package that the numbers hold for.

    >>> from torch import nn
    >>> from analyzer import analyze
    >>> analysis = analyze(nn.Sequential(nn.Linear(7, 5), nn.ReLU()).eval(), (3, 7))
    >>> analysis.params, analysis.total("macs"), analysis.total("flops"), analysis.outputs
    (40, 105, 210, TensorSpec((3, 5), float32))
    """

    graph: Graph
    outputs: Any
    params: int
    diagnostics: tuple[Diagnostic, ...]
    versions: Mapping[str, str] = field(default_factory=dict)
    rules: RuleSet | None = field(default=None, repr=False, compare=False)
    domain: Domain | None = None

    # --- numbers ------------------------------------------------------------------------------------------------

    @cached_property
    def counts(self) -> Counts:
        """All that is calculated, before any convention weighs it."""
        nodes = [node.counts for node in self.graph if node.counts]
        return Counts(**{kind: sum(getattr(counts, kind) for counts in nodes) for kind in Counts.__dataclass_fields__})

    @cached_property
    def traffic(self) -> Traffic:
        """Bytes read and written if every call's tensors pass through memory once."""
        return sum((node.traffic for node in self.graph), Traffic())

    def total(self, convention_: str | Convention = "flops", /) -> int:
        """The cost of the whole model.

        Args:
            convention_: ``"flops"`` when left out, ``"macs"``, ``"all"``, ``"flop_counter"`` or a `Convention`.

        Raises:
            InputError: there is no such convention.
        """
        total = sum(self.costs(convention_))
        return at_most(total) if self._hangs_on_bounds and not is_open(total) else total

    def costs(self, convention_: str | Convention = "flops", /) -> list[int]:
        """The cost of every node, in execution order: what all other totals add up."""
        weigh = convention(convention_)
        known = self._costs.get(weigh.name)
        if known is None or known[0] is not weigh:
            known = self._costs[weigh.name] = (weigh, weigh.over(self.graph))
        return known[1]

    @cached_property
    def _costs(self) -> dict[str, tuple[Convention, list[int]]]:
        return {}

    def by_module(self, convention_: str | Convention = "flops", /) -> dict[str, int]:
        """Path -> cost of all calls made while that module was on the call stack; ``""`` is everything.

        A module shared by two parents counts in each by what each used, under its first name. A container that is
        never called (a ModuleList) holds the sum of what is below it. Its further names find it too, and are no keys.
        """
        totals = ByModule(self.graph)
        for node, cost in zip(self.graph, self.costs(convention_), strict=True):
            if cost:
                for path in self.owners(node.stack):
                    totals[path] = totals.get(path, 0) + cost
        return totals

    def owners(self, stack: tuple[str, ...]) -> tuple[str, ...]:
        """The modules that a call with this stack counts for: those on it, and never-called containers around them."""
        known = self._owners.get(stack)
        if known is None:
            paths = dict.fromkeys(stack)
            for path in stack:
                parent = around(path, self.graph.modules)
                while parent and parent not in paths and not self.graph.modules[parent].calls:
                    paths[parent] = None
                    parent = around(parent, self.graph.modules)
            known = self._owners[stack] = tuple(paths)
        return known

    @cached_property
    def _owners(self) -> dict[tuple[str, ...], tuple[str, ...]]:
        return {}

    def by_op(self, convention_: str | Convention = "flops", /) -> dict[str, int]:
        """Operation name -> total, the dearest first."""
        totals: Counter[str] = Counter()
        for node, cost in zip(self.graph, self.costs(convention_), strict=True):
            totals[node.op] += cost
        return dict(totals.most_common())

    def why(self, node: Node | str, convention_: str | Convention = "flops", /) -> str:
        """How the cost of a node comes about: what its rule says, and the formula with the values in it.

        Args:
            node: a `Node` or its id.
            convention_: as for `total`.

        Raises:
            KeyError: no node has that id; the nearest ids are named.
        """
        weigh = convention(convention_)
        node = self.graph.node(node) if isinstance(node, str) else node
        rule = self._rule_of(node)
        counts = node.counts
        if rule is not None and rule.cost is not None:
            counts = counts_as_formulas(rule, node.arguments, node.outputs, node.counts)
        return report.why(node, weigh, counts, rule)

    def _rule_of(self, node: Node) -> Any:
        return None if self.rules is None else self.rules.of_call(node.op, node.target)

    # --- open dimensions ----------------------------------------------------------------------------------------

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What the numbers hold for, each with the line that asked."""
        return () if self.domain is None else tuple(self.domain.conditions)

    @property
    def hints(self) -> dict[str, int]:
        """Open dimension -> the size at which its formulas are shown as numbers."""
        return {} if self.domain is None else self.domain.hints

    @property
    def pinned(self) -> dict[str, int]:
        """Open dimensions that the model leaves one size."""
        return {} if self.domain is None else self.domain.pinned

    # --- parameters and memory ----------------------------------------------------------------------------------

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter, shared ones once."""
        return tuple(parameter for parameter in self.graph.parameters.values() if not parameter.buffer)

    @property
    def buffers(self) -> tuple[Parameter, ...]:
        """Every buffer, shared ones once."""
        return tuple(parameter for parameter in self.graph.parameters.values() if parameter.buffer)

    @property
    def unused_parameters(self) -> tuple[Parameter, ...]:
        """Parameters that no call read."""
        return tuple(parameter for parameter in self.parameters if not parameter.used)

    @property
    def trainable_params(self) -> int:
        """Elements of the parameters that require a gradient; the others are frozen."""
        return sum(parameter.spec.numel for parameter in self.parameters if parameter.trainable)

    @cached_property
    def active_params(self) -> int:
        """Elements of the parameters that one token meets: fewer than ``params`` in a mixture of experts."""
        return active_params(self.graph)

    @property
    def param_bytes(self) -> int:
        """Bytes of all parameters."""
        return sum(parameter.spec.nbytes for parameter in self.parameters)

    @property
    def buffer_bytes(self) -> int:
        """Bytes of all buffers."""
        return sum(parameter.spec.nbytes for parameter in self.buffers)

    @cached_property
    def memory(self) -> MemoryProfile:
        """Live activations over the execution order: the peak, where it is, and the largest activation."""
        return liveness(self.graph)

    # --- other tools --------------------------------------------------------------------------------------------

    def compare(self, *tools: str) -> Comparison:
        """What other tools say of this model, what is true, and the difference broken down to its causes.

        None of them needs to be installed. ``print`` the result for a table.

        Args:
            tools: their names; all that are known when left out.

        Raises:
            InputError: no tool of that name is known; the sentence lists those that are.
        """
        asked = [tool(name) for name in tools] if tools else TOOLS.values()
        return Comparison(self.graph.name, verdicts(self.graph, asked), self.is_lower_bound)

    # --- reports ------------------------------------------------------------------------------------------------

    @property
    def is_lower_bound(self) -> bool:
        """Whether something is missing in the totals: a call whose cost no rule knows."""
        return any(map(report.is_uncounted, self.graph))

    @property
    def is_upper_bound(self) -> bool:
        """Whether a total depends on a size that only data knows, and which is taken as the largest possible."""
        counts, traffic = self.counts, self.traffic
        kinds = [getattr(counts, kind) for kind in counts.__dataclass_fields__]
        return self._hangs_on_bounds or any(map(is_bound, (*kinds, traffic.read, traffic.written)))

    @cached_property
    def _hangs_on_bounds(self) -> bool:
        """Whether something is calculated from what was taken at its largest size.

        Sizes carry their mark from call to call, but the model's own code may lose it: ``int(n)``, ``min(n, 100)``.
        """
        reached = {node.id for node in self.graph if node.status == "bounded"}
        if not reached:
            return False
        for node in self.graph:
            if node.status != "bounded" and any(edge.source in reached for edge in node.inputs):
                reached.add(node.id)
                if node.counts:
                    return True
        return False

    def __str__(self) -> str:
        with paused_collection():
            return report.summary(self)

    def __repr__(self) -> str:
        return f"Analysis({self.graph.name}: {self.params:,} params, {self.total():,} FLOPs, {len(self.graph)} nodes)"

    def table(self, *, depth: int | None = 2, convention: str = "flops", by: str = "module") -> Any:
        """A table for people: ``print`` it as plain text, or hand it to ``rich.print``. It needs the extra ``cli``.

        Args:
            depth: how many levels of modules are shown; None for all.
            convention: the cost of the bar and the share.
            by: ``"module"``, ``"op"`` or ``"node"``.

        Raises:
            InputError: rich is not installed, or an option does not exist.

        >>> from torch import nn
        >>> from analyzer import analyze
        >>> table = analyze(nn.Sequential(nn.Linear(7, 5), nn.ReLU()).eval(), (3, 7)).table(by="op")
        >>> print(table)  # doctest: +ELLIPSIS
        operation   calls   params   MACs   FLOPs   share
        ────────────────────────────────────────────────────────────────
        linear          1       40    105     210   ████████████ 100.0 %
        relu            1        0      0       0                    0 %
        ...
        """
        with paused_collection():
            return report.table(self, depth=depth, convention=convention, by=by)

    def export(self, format: str, *, by: str = "module", convention: str = "flops", depth: int | None = None) -> str:
        """The analysis as text.

        ``html`` is a page to look at, ``svg`` a picture, ``dot mermaid`` its source, ``json csv md`` are records (of
        modules, ops or nodes), ``graphml gexf nodelink netron model_explorer model_explorer_data`` the graph for other
        programs. ``png`` and ``pdf`` are for `save` alone.

        Raises:
            InputError: there is no such format, or Graphviz, which draws pictures, is not installed.

        >>> from torch import nn
        >>> from analyzer import analyze
        >>> print(analyze(nn.Linear(7, 5).eval(), (3, 7)).export("csv", by="op"), end="")
        op,calls,params,macs,flops,bytes_read,bytes_written,bound
        linear,1,40,105,210,244,60,exact
        """
        return report.export(self, format, by=by, convention=convention, depth=depth)

    def save(self, path: str | Path, *, format: str | None = None, **options: Any) -> Path:
        """Write `export` to a file; the format is the suffix of its name when left out, pictures among them."""
        return report.save(self, Path(path), format, **options)

    def plot(self, *, depth: int | None = None, convention: str | Convention = "flops") -> Any:
        """A matplotlib Figure: the cost of every stage, and live activations in the order of execution.

        Args:
            depth: how many levels of modules are told apart; as many as one can compare when left out.
            convention: the cost.

        Raises:
            InputError: matplotlib is not installed (extra ``plot``).
        """
        return report.figure(self, depth=depth, convention=convention)

    def to_pandas(self, *, by: str = "module", convention: str | Convention = "flops", depth: int | None = None) -> Any:
        """The records of ``export("csv")`` as a pandas DataFrame: a row a module, an operation or a node.

        Args:
            by: ``"module"``, ``"op"`` or ``"node"``.
            convention: a column beside macs and flops, where it is neither.
            depth: how many levels of modules there are rows for; None for all.

        Raises:
            InputError: pandas is not installed (extra ``pandas``), or an option does not exist.
        """
        return report.to_pandas(self, by=by, convention=convention, depth=depth)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from analyzer.report.notebook import to_html

        return to_html(self)

    def __getstate__(self) -> dict[str, Any]:
        # Rules hold functions; a loaded analysis explains with plain numbers.
        return {**{name: self.__dict__[name] for name in self.__dataclass_fields__}, "rules": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
