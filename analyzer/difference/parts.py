"""One side of a comparison of models: what a saved analysis says, as a tree of modules and of the calls they make."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from analyzer.bounds import AtMost, at_most
from analyzer.conventions import Convention
from analyzer.errors import InputError
from analyzer.node import around
from analyzer.report.documents import SCHEMA, document
from analyzer.report.figures import Figures
from analyzer.spec import TensorSpec

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["Facts", "Part", "Side", "is_document", "read_document", "side"]

ENDS = ("input", "constant", "output")


class Facts(NamedTuple):
    """What is compared of a module or a call, beside its name and its type.

    Attributes:
        calls: how often it is called.
        inputs: tensors into its first call.
        outputs: tensors out of it.
        parameters: its own parameters and buffers, by their names in it.
        params: elements of all parameters in it; 0 for a call.
        macs: multiply-accumulates.
        cost: cost in the convention that was asked for.
        bound: how sure these are: ``exact``, ``upper``, ``lower`` or ``mixed``.
    """

    calls: int = 1
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    parameters: tuple[tuple[str, TensorSpec, bool], ...] = ()
    params: int = 0
    macs: int = 0
    cost: int = 0
    bound: str = "exact"


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A module, or a call that it makes itself.

    Attributes:
        path: the module's path, or the id of the node.
        label: what it is called below its parent.
        type: the module's class, or the operation.
        is_call: whether it is a call and not a module.
        facts: what is compared.
        parts: the modules in it, and behind them its own calls in execution order.
    """

    path: str
    label: str
    type: str
    is_call: bool
    facts: Facts
    parts: list[Part] = field(default_factory=list)

    def walk(self) -> Iterator[Part]:
        """This part and all in it, parents first."""
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(frozen=True, slots=True)
class Side:
    """A model.

    Attributes:
        name: what people call it, or nothing.
        root: its modules and calls.
        figures: the totals.
        param_bytes: bytes of all parameters.
        peak: the most bytes of activations alive at once.
    """

    name: str
    root: Part
    figures: Figures
    param_bytes: int
    peak: int


def side(source: Analysis | Mapping[str, Any] | str | Path, weigh: Convention, name: str = "") -> Side:
    """The side of an analysis, of its JSON document, or of the file that holds one.

    Args:
        source: where it comes from.
        weigh: the convention of its costs.
        name: what people call the model.

    Raises:
        InputError: the file is no saved analysis, or its numbers are of other conventions.
    """
    if isinstance(source, (str, Path)):
        told, value = str(source), read_document(Path(source))
    else:
        told, value = "the document", source if isinstance(source, Mapping) else document(source, weigh)
    if not is_document(value):
        raise InputError(f"{told} is no analysis that was saved as JSON", hint='analysis.save("model.json")')
    if value["schema"] != SCHEMA:
        raise InputError(f"{told} has schema {value['schema']}, and this version reads {SCHEMA}: save it again")
    if weigh.name not in value["modules"][0]:
        hint = f'analysis.save("model.json", convention="{weigh.name}")'
        raise InputError(f"{told} was saved without the cost of modules in {weigh.name}", hint=hint)
    return _side(value, weigh, name)


def is_document(value: Any) -> bool:
    """Whether a JSON value looks like a saved analysis (and not like a model's ``config.json``)."""
    names = ("schema", "modules", "nodes", "totals", "memory", "parameters")
    return isinstance(value, Mapping) and all(name in value for name in names)


def read_document(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        InputError: it cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{path} is no JSON: {error}") from None


def _side(source: Mapping[str, Any], weigh: Convention, name: str) -> Side:
    totals = source["totals"]
    root = _tree(source, weigh)
    facts = root.facts
    figures = Figures(totals["params"], facts.macs, 0, facts.cost, at_least=facts.bound in ("lower", "mixed"))
    peak = _marked(source["memory"]["peak_bytes"], totals)
    return Side(name, root, figures, totals["param_bytes"], peak)


def _tree(source: Mapping[str, Any], weigh: Convention) -> Part:
    """The modules, each below the one that its path says, and in each the calls that no module in it makes."""
    parameters: dict[str, list[tuple[str, TensorSpec, bool]]] = {}
    for item in source["parameters"]:
        short = item["name"].removeprefix(f"{item['module']}.")
        parameters.setdefault(item["module"], []).append((short, _spec(item), item["trainable"]))
    parts: dict[str, Part] = {}
    for module in source["modules"]:
        path = module["path"]
        # Where the model's own code lost the mark of a bound, the totals alone have it.
        record = module if path else module | source["totals"]
        facts = _facts(record, weigh, module["input"], module["output"])
        own = tuple(parameters.get(path, ()))
        facts = facts._replace(calls=module["calls"], parameters=own, params=module["params"])
        parent = around(path, parts)
        part = parts[path] = Part(path, path.removeprefix(f"{parent}.") or source["name"], module["type"], False, facts)
        if path:
            parts[parent].parts.append(part)
    for node in source["nodes"]:
        if node["op"] not in ENDS:
            label = node["id"].rpartition(".")[2]
            facts = _facts(node, weigh, node["inputs"], node["outputs"])
            parts[node["module"]].parts.append(Part(node["id"], label, node["op"], True, facts))
    return parts[""]


def _facts(record: Mapping[str, Any], weigh: Convention, inputs: Any, outputs: Any) -> Facts:
    macs, cost = (_marked(record[name], record) for name in ("macs", weigh.name))
    return Facts(1, tuple(map(_spec, inputs)), tuple(map(_spec, outputs)), macs=macs, cost=cost, bound=record["bound"])


def _marked(number: int, record: Mapping[str, Any]) -> int:
    """A number with the mark of an upper bound where its record says that something in it is one."""
    marked: int = at_most(int(number)) if record["bound"] in ("upper", "mixed") else int(number)
    return marked


def _spec(record: Any) -> TensorSpec:
    """A tensor out of a record, or as it is."""
    if isinstance(record, TensorSpec):
        return record
    bounded = record.get("at_most", ())
    sizes = (AtMost(size) if dim in bounded else size for dim, size in enumerate(record["shape"]))
    return TensorSpec(sizes, getattr(torch, record["dtype"]))
