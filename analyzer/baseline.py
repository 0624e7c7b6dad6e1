"""What models cost when they were last looked at: one JSON file for many of them, to be kept with the code."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import BaseFileLock, FileLock  # comes with torch

from analyzer.conventions import convention
from analyzer.errors import InputError
from analyzer.report.records import module_records
from analyzer.report.text import totals

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["COSTS", "DEPTH", "MEASURES", "Baseline", "Entry", "entry"]

SCHEMA = 1
DEPTH = 2
"""Levels of modules whose costs are kept, to say where something changed."""

COSTS = ("params", "macs", "flops")
MEASURES = (*COSTS, "peak", "activation", "param_bytes")

Entry = dict[str, Any]
"""What is kept of a model: its `MEASURES`, how sure they are, and the `COSTS` of its modules by path."""


def entry(analysis: Analysis) -> Entry:
    """What is kept of an analysis.

    >>> from torch import nn
    >>> from analyzer import analyze
    >>> kept = entry(analyze(nn.Sequential(nn.Linear(7, 5)).eval(), (3, 7)))
    >>> kept["macs"], kept["peak"], kept["modules"]
    (105, 144, {'0': {'params': 40, 'macs': 105, 'flops': 210}})
    """
    weigh = convention("flops")
    modules = {
        record["path"]: {name: record[name] for name in COSTS} for record in module_records(analysis, weigh, DEPTH)
    }
    return {
        "params": analysis.params,
        "macs": int(analysis.total("macs")),
        "flops": int(analysis.total("flops")),
        "peak": int(analysis.memory.peak),
        "activation": int(analysis.memory.largest),
        "param_bytes": int(analysis.param_bytes),
        "bound": totals(analysis, weigh).bound,
        "modules": {path: costs for path, costs in modules.items() if path and any(costs.values())},
        "versions": {name: version for name, version in analysis.versions.items() if name != "flopgraph"},
    }


@dataclass(frozen=True)
class Baseline:
    """A file of entries.

    Attributes:
        path: where it is.
        entries: what is kept of every model, by its key.
    """

    path: Path
    entries: dict[str, Entry] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path, *, missing_ok: bool = False) -> Baseline:
        """The file as it is; one without entries where there is none and that is fine.

        Raises:
            InputError: it is not there, cannot be read, or holds something else.
        """
        path = Path(path)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            if missing_ok:
                return cls(path)
            raise InputError(f"there is no baseline {path} yet") from None
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise InputError(f"{path} is no JSON: {error}") from None
        return cls(path, dict(_entries(document, path)))

    def entry(self, key: str) -> Entry:
        """What is kept under a key.

        Raises:
            InputError: nothing is; the sentence names keys like it.
        """
        if key in self.entries:
            return self.entries[key]
        near = get_close_matches(key, self.entries, 3)
        also = f"; there is {', or '.join(near)}" if near else ""
        raise InputError(f"{self.path} has nothing on {key}{also}")

    def write(self, key: str, kept: Entry) -> None:
        """Put an entry in the place of the one under this key; the others that the file has now stay, to the letter.

        The file is sorted, with a number a line, and replaced in one step. Processes that write take turns.

        Raises:
            InputError: it cannot be written.
        """
        with _turn(self.path):
            now = Baseline.read(self.path, missing_ok=True)
            document = {"schema": SCHEMA, "models": {**now.entries, key: kept}}
            draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
            try:
                draft.write_text(
                    json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
                )
                draft.replace(self.path)
            except OSError as error:
                raise InputError(f"{self.path} cannot be written: {error.strerror}") from None


def _turn(path: Path) -> BaseFileLock:
    """To be held while a file is read and written; it leaves nothing beside the file."""
    name = hashlib.sha256(f"{Path.home()} {path.resolve()}".encode()).hexdigest()[:16]
    return FileLock(Path(tempfile.gettempdir()) / f"flopgraph-{name}.lock")


def _entries(document: Any, path: Path) -> Mapping[str, Entry]:
    """The entries of a file, when it is what it should be."""
    models = document.get("models") if isinstance(document, Mapping) else None
    if not isinstance(models, Mapping) or "schema" not in document:
        raise InputError(f'{path} is no baseline: it has no "schema" and "models"')
    if document["schema"] != SCHEMA:
        raise InputError(f"{path} has schema {document['schema']!r}, and this version reads {SCHEMA}")
    for key, kept in models.items():
        wrong = _wrong_field(kept)
        if wrong:
            raise InputError(f"{path} is broken: {wrong} of {key!r} is missing or no whole number from 0 on")
    return models


def _wrong_field(kept: Any) -> str:
    """The first field of an entry that is not what it should be."""
    if not isinstance(kept, Mapping):
        return "everything"
    modules = kept.get("modules")
    if not isinstance(modules, Mapping):
        return "modules"
    for place, numbers, names in (
        ("", kept, MEASURES),
        *((f"{path}: ", each, COSTS) for path, each in modules.items()),
    ):
        for name in names:
            number = numbers.get(name) if isinstance(numbers, Mapping) else None
            if type(number) is not int or number < 0:
                return f"{place}{name}"
    return "" if kept.get("bound") in ("exact", "upper", "lower", "mixed") else "bound"
