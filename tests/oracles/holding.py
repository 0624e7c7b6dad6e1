"""Hold what ours says against what a tool says, on the table of operations and on whole models."""

from __future__ import annotations

import contextlib
import copy
import importlib
import io
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import torchvision
from table import MODELS, TABLE
from torch import nn

__all__ = ["MODELS", "assert_models_agree", "assert_table_agrees", "the_tool"]

Count = Callable[[nn.Module, tuple[torch.Tensor, ...]], Any]
ULTRALYTICS = Path(sys.prefix) / "ultralytics"
# What a tool has to be equal on, of the table.
SHARE = 0.95


def the_tool(name: str, folder: Path | None = None) -> ModuleType:
    """A tool's module; skips the test where it is not installed. ``folder`` holds one whose name another one has."""
    try:
        if folder is None:
            return importlib.import_module(name)
        with _in_place_of_another(name, folder):
            return importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"{name} is not installed: make oracles ({error})")


@contextlib.contextmanager
def _in_place_of_another(name: str, folder: Path) -> Iterator[None]:
    """Import from a folder what is called like a module that may be imported already."""
    if not folder.is_dir():
        raise ImportError(f"no folder {folder}")
    others = {key: sys.modules.pop(key) for key in list(sys.modules) if key.partition(".")[0] == name}
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for key in [key for key in sys.modules if key.partition(".")[0] == name]:
            del sys.modules[key]
        sys.modules.update(others)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def asked(count: Count, model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Any:
    """What a tool says, called as its README calls it, with gradients on; the exception where it fails."""
    try:
        with quiet():
            return count(model, inputs)
    except Exception as error:
        return error


def assert_table_agrees(theirs: Count, ours: Count, different: dict[str, str] | None = None) -> None:
    """On every operation of the table, both say the same, but for those in ``different``: case -> why.

    Where the tool itself fails there is nothing to compare with.
    """
    different = different or {}
    unequal, failed = {}, []
    for name, (make, inputs) in TABLE.items():
        model = make().eval()
        said = asked(theirs, copy.deepcopy(model), inputs)
        if isinstance(said, Exception) or said is None:
            failed.append(name)
            continue
        mine = asked(ours, model, inputs)
        if isinstance(mine, Exception) or mine != said:
            unequal[name] = f"{name}: the tool says {said}, ours {mine}"
    held = len(TABLE) - len(failed)
    print(f"{held - len(unequal)} of {held} equal; the tool itself fails on {failed}")
    surprises = [line for name, line in unequal.items() if name not in different]
    assert not surprises, "\n".join(surprises)
    assert set(unequal) == set(different), f"equal by now: {set(different) - set(unequal)}"
    assert len(unequal) <= (1 - SHARE) * held, f"{len(unequal)} of {held} differ"


def assert_models_agree(theirs: Count, ours: Count) -> None:
    """On whole models of torchvision, both say exactly the same."""
    for name in MODELS:
        model = getattr(torchvision.models, name)().eval()
        image = torch.zeros(1, 3, 224, 224)
        with quiet():
            said, mine = theirs(copy.deepcopy(model), (image,)), ours(model, (image,))
        assert mine == said, name
