"""A difference as rows for people and as records for programs: what is as it was is left out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any

from analyzer.conventions import Convention
from analyzer.difference.matching import Pair
from analyzer.difference.parts import Facts, Part
from analyzer.report.numbers import growth, shape, shapes, sign, signed
from analyzer.report.tree import folded_label, numbered, runs
from analyzer.spec import TensorSpec

__all__ = ["Row", "cells", "records", "rows"]

Write = Callable[..., str]
WORDS = {"inputs": "shape", "outputs": "shape", "parameters": "params", "params": "params", "macs": "cost"}
ABSENT = Facts(0)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        run: pairs that differ in nothing but a running number in their names; most often one.
        level: 0 is the model.
        whole: how often all of it stands in the model; its numbers are the sum.
    """

    run: tuple[Pair, ...]
    level: int
    whole: int

    @property
    def pair(self) -> Pair:
        """The first one, which stands for all."""
        return self.run[0]

    @property
    def name(self) -> str:
        """``1-2``, and what it was called where that was something else."""
        if self.pair.moved and self.pair.a:
            return f"{self.pair.a.path} → {self.pair.part.path}"
        new = folded_label(self.run)
        if self.level and "renamed" not in self.pair.changes:
            return new
        return _arrow(folded_label([pair.a for pair in self.run if pair.a]), new)


def rows(root: Pair, depth: int | None) -> Iterator[Row]:
    """All that differs, parents first, equal neighbours folded.

    Args:
        root: the models.
        depth: how many levels below the model are shown; None for all.
    """
    if root.differs:
        yield from _rows((root,), 0, 1, depth, _signatures(root))


def _rows(
    run: tuple[Pair, ...], level: int, whole: int, depth: int | None, signatures: dict[int, int]
) -> Iterator[Row]:
    whole *= len(run)
    yield Row(run, level, whole)
    if level != depth:
        for below in runs(_inside(run[0]), signatures):
            yield from _rows(tuple(below), level + 1, whole, depth, signatures)


def _inside(pair: Pair) -> list[Pair]:
    """What differs in it. A layer that is one operation goes by its path, and a change of it was told already."""
    return [inner for inner in pair.pairs if inner.differs and not (pair.changes and _is_itself(pair.part, inner.part))]


def _is_itself(module: Part, call: Part) -> bool:
    return call.is_call and (call.path == module.path or call.path.startswith(f"{module.path}:"))


def _signatures(root: Pair) -> dict[int, int]:
    """A number for every pair; equal numbers stand for pairs that may be one row."""
    numbers: dict[Hashable, int] = {}
    signatures: dict[int, int] = {}
    for pair in reversed(list(root.walk())):
        sides = tuple(part and (part.type, part.is_call, part.facts) for part in (pair.a, pair.b))
        below = tuple((not inner.part.is_call and inner.label, signatures[id(inner)]) for inner in pair.pairs)
        key = (pair.changes, sides, _shift(pair), below)
        signatures[id(pair)] = numbers.setdefault(key, len(numbers))
    return signatures


def _shift(pair: Pair) -> Hashable:
    """The old name by its distance to the new one, which neighbours in a row share."""
    if pair.moved:
        return id(pair)  # it is one row, with both paths
    if pair.a is None or "renamed" not in pair.changes:
        return None
    (name, old), (_, new) = numbered(pair.a.label), numbered(pair.label)
    return (name, int(old) - int(new)) if old and new else pair.a.label


def cells(row: Row, weigh: Convention, write: Write) -> tuple[str, ...]:
    """What the table shows of a row: name, type, what changed, shape, parameters, MACs, cost, its growth.

    Args:
        row: the row.
        weigh: the convention; MACs stand in one column alone where they are the cost.
        write: `human` or `exactly`.
    """
    pair, whole = row.pair, row.whole
    a, b = (part.facts if part else None for part in (pair.a, pair.b))
    times = f"  {len(row.run)} ×" if len(row.run) > 1 else ""
    numbers = [_arrow(*(facts and write(facts.params * whole) for facts in (a, b)))]
    for name in ("macs", "cost")[weigh.name == "macs" :]:
        texts = (facts and write(getattr(facts, name) * whole, missing=_missing(facts)) for facts in (a, b))
        numbers.append(_arrow(*texts))
    return (
        f"{'  ' * row.level}{row.name}{times}",
        _arrow(*(part.type if part else None for part in (pair.a, pair.b))),
        _words(pair),
        _shape(pair),
        *numbers,
        _delta(a, b, whole, write),
    )


def _missing(facts: Facts | None) -> bool:
    return facts is not None and facts.bound in ("lower", "mixed")


def _arrow(old: str | None, new: str | None) -> str:
    """Both, where they differ; one, where the other is not there."""
    return f"{old} → {new}" if old and new and old != new else new or old or ""


def _delta(a: Facts | None, b: Facts | None, whole: int, write: Write) -> str:
    old, new = (a or ABSENT).cost * whole, (b or ABSENT).cost * whole
    change = int(new) - int(old)
    unsure = "≈" if change and (sign(old, _missing(a)) or sign(new, _missing(b))) else ""
    return f"{unsure}{signed(change, write(change))} {growth(old, new):>10}".rstrip() if change else ""


def _words(pair: Pair) -> str:
    """What changed; nothing where that is in what stands below alone."""
    return ", ".join(dict.fromkeys(WORDS.get(name, name) for name in pair.changes))


def _shape(pair: Pair) -> str:
    """The tensors that changed: those that come out, or else those that go in, or else the parameters."""
    if pair.a is None or pair.b is None:
        return shapes(pair.part.facts.outputs)
    old, new = pair.a.facts, pair.b.facts
    if old.outputs != new.outputs:
        return _tensors(old.outputs, new.outputs)
    if old.inputs != new.inputs:
        return f"in {_tensors(old.inputs, new.inputs)}"
    before = {name: spec for name, spec, _ in old.parameters}
    changed = [(name, before[name], spec) for name, spec, _ in new.parameters if before.get(name, spec) != spec]
    return "".join(f"{name} {_tensors((was,), (spec,))}" for name, was, spec in changed[:1])


def _tensors(old: tuple[TensorSpec, ...], new: tuple[TensorSpec, ...]) -> str:
    """Old and new shapes, with dtypes where these changed."""
    dtype = [spec.dtype for spec in old] != [spec.dtype for spec in new] and len(old) == len(new)
    return f"{shapes(old, dtype=dtype) or 'none'} → {shapes(new, dtype=dtype) or 'none'}"


def records(root: Pair, weigh: Convention, depth: int | None) -> Iterator[dict[str, Any]]:
    """A record for every module and call that differs, with exact numbers; fields of a side that has none are None."""
    for level, pair in _differing(root, 0):
        if depth is None or level <= depth:
            yield _record(pair, weigh)


def _differing(pair: Pair, level: int) -> Iterator[tuple[int, Pair]]:
    if pair.differs:
        yield level, pair
        for inner in _inside(pair):
            yield from _differing(inner, level + 1)


def _record(pair: Pair, weigh: Convention) -> dict[str, Any]:
    old, new = _fields(pair.a, weigh), _fields(pair.b, weigh)
    numbers = ("params", *dict.fromkeys(("macs", weigh.name)))
    record: dict[str, Any] = {"path": pair.part.path, "kind": "call" if pair.part.is_call else "module"}
    record["changes"] = list(pair.changes)
    for name in old:
        record |= {f"old_{name}": old[name], f"new_{name}": new[name]}
        if name in numbers:
            record[f"delta_{name}"] = (new[name] or 0) - (old[name] or 0)
    return record


def _fields(part: Part | None, weigh: Convention) -> dict[str, Any]:
    facts = part.facts if part else ABSENT
    fields = {
        "path": part and part.path,
        "type": part and part.type,
        "inputs": _text(facts.inputs),
        "outputs": _text(facts.outputs),
        "params": int(facts.params),
        "macs": int(facts.macs),
        weigh.name: int(facts.cost),
        "bound": facts.bound,
    }
    return fields if part else dict.fromkeys(fields)


def _text(specs: tuple[TensorSpec, ...]) -> str:
    return "; ".join(f"{shape(spec)} {spec.dtype_name}" for spec in specs)
