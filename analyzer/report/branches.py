"""Who called what: the modules as a tree of call positions, with the figures that belong to each position itself.

A module has its home where its name says, and a further position wherever else it is called from (a shared layer). So
what stands below a module is exactly what happened while it was on the call stack, and every call stands in one place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analyzer.node import ModuleInfo, Node, around
from analyzer.report.figures import Figures, ends, parameter_owner
from analyzer.report.numbers import plural, words

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["Branch", "grow"]


@dataclass(slots=True, eq=False)
class Branch:
    """One position in the tree.

    Attributes:
        path: the module's first name.
        label: what it is called below its parent.
        info: the module.
        home: whether this is the place that its name says.
        own: figures of the calls that no child made, and of the module's own parameters.
        total: ``own`` and those of all children.
        children: by path, in order.
        nodes: the calls that no child made, in execution order.
        notes: what is worth saying beside the shapes.
    """

    path: str
    label: str
    info: ModuleInfo
    home: bool = True
    own: Figures = field(default_factory=Figures)
    total: Figures = field(default_factory=Figures)
    children: dict[str, Branch] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def walk(self) -> Iterator[Branch]:
        """This branch and all below it, parents first."""
        yield self
        for child in self.children.values():
            yield from child.walk()


def grow(analysis: Analysis, figures: Mapping[str, Figures]) -> Branch:
    """The tree of a model: a branch for every module, called or not.

    Args:
        analysis: the analysis.
        figures: those of every node by id; parameters among them are put where they are defined instead.
    """
    modules = analysis.graph.modules
    info = modules.get("", ModuleInfo("", "function"))
    if not info.calls:
        info = info._replace(calls=(ends(analysis.graph),))
    root = Branch("", analysis.graph.name, info)
    homes = {"": root}
    for path, info in modules.items():
        if path:
            parent = around(path, modules)
            homes[path] = homes[parent].children[path] = Branch(path, path.removeprefix(f"{parent}."), info)
    positions: dict[tuple[str, ...], Branch] = {}
    for node in analysis.graph:
        position = positions.get(node.stack)
        if position is None:
            position = positions[node.stack] = _descend(root, node.stack, modules)
        position.own += _without_params(figures[node.id])
        position.nodes.append(node)
    for parameter in analysis.parameters:
        homes[parameter_owner(parameter.name, analysis)].own += Figures(params=parameter.spec.numel)
    _sum_up(root)
    _annotate(root, analysis)
    return root


def _without_params(figures: Figures) -> Figures:
    return figures + Figures(params=-figures.params) if figures.params else figures


def _descend(root: Branch, stack: tuple[str, ...], modules: Mapping[str, ModuleInfo]) -> Branch:
    """The position of a call stack, containers that are never called put in where they stand."""
    branch, chain = root, {""}
    for path in stack[1:]:
        for step in (*_containers(path, branch.path, modules), path):
            if step not in chain:
                chain.add(step)
                branch = _child(branch, step, modules)
    return branch


def _containers(path: str, above: str, modules: Mapping[str, ModuleInfo]) -> list[str]:
    """The never-called modules right around ``path`` and below ``above``, outermost first."""
    found: list[str] = []
    parent = around(path, modules)
    while parent and parent != above and _is_below(parent, above) and not modules[parent].calls:
        found.insert(0, parent)
        parent = around(parent, modules)
    return found


def _is_below(path: str, above: str) -> bool:
    return not above or path.startswith(f"{above}.")


def _child(branch: Branch, path: str, modules: Mapping[str, ModuleInfo]) -> Branch:
    child = branch.children.get(path)
    if child is None:
        info = modules.get(path, ModuleInfo(path, ""))
        lead = f"{branch.path}." if branch.path else ""
        alias = next((name for name in info.aliases if name.startswith(lead)), path)
        child = branch.children[path] = Branch(path, alias.removeprefix(lead), info, home=False)
    return child


def _sum_up(branch: Branch) -> None:
    branch.total = branch.own
    for child in branch.children.values():
        _sum_up(child)
        branch.total += child.total


def _annotate(root: Branch, analysis: Analysis) -> None:
    away = {branch.path for branch in root.walk() if not branch.home}
    for branch in root.walk():
        if not branch.home:
            branch.notes = (f"is {branch.path}",)
        elif branch.path in away:
            here = branch.total.cost or branch.total.macs
            branch.notes = (
                "also called elsewhere" if here else "called elsewhere",
                *_parameter_notes(branch, analysis),
            )
        else:
            branch.notes = (*_call_notes(branch, analysis), *_parameter_notes(branch, analysis))


def _call_notes(branch: Branch, analysis: Analysis) -> list[str]:
    calls = len(branch.info.calls)
    if calls > 1:
        return [plural(calls, "call")]
    if not branch.path or any(below.info.calls for below in branch.walk()):
        return []
    read = any(analysis.graph.parameters[name].used for below in branch.walk() for name in below.info.parameters)
    return ["parameters read, never called" if read else "never called"]


def _parameter_notes(branch: Branch, analysis: Analysis) -> list[str]:
    """Parameters of this module that are another's too, or that nothing reads."""
    lead = f"{branch.path}." if branch.path else ""
    notes, unused = [], []
    for name in branch.info.parameters:
        parameter = analysis.graph.parameters[name]
        if parameter_owner(name, analysis) != branch.path:
            mine = next((alias for alias in parameter.aliases if alias.rpartition(".")[0] == branch.path), name)
            notes.append(f"{mine.removeprefix(lead)} = {name}")
        elif not parameter.used:
            unused.append(name.removeprefix(lead))
    if unused:
        notes.append(f"{words(unused)} never used")
    return notes
