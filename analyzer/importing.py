"""Import the module that a command line names, by a dotted name or by a path, and say in a sentence what went wrong."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from analyzer.errors import InputError, ModelError
from analyzer.frames import source_of_error
from analyzer.plugins import installed_rules

__all__ = ["import_named"]

ZOO_PACKAGES = ("torchvision", "timm", "transformers", "diffusers")


def import_named(place: str) -> ModuleType:
    """The module of a dotted name or at a path; the current folder counts, as with ``python -m``.

    Raises:
        InputError: there is no such module or file, or it imports a package that is not installed.
        ModelError: its own code raised.

    >>> import_named("torch.nn").__name__
    'torch.nn'
    """
    if place.endswith(".py") or os.sep in place:
        return _from_file(Path(place))
    installed_rules()  # before a folder of the user's called rules could be found in their place
    folder = os.getcwd()
    if folder not in sys.path and "" not in sys.path:
        sys.path.insert(0, folder)
    with _told(place):
        return importlib.import_module(place)


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise InputError(f"there is no file {str(path)!r}")
    installed_rules()
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_"  # a file may be called torch.py
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{str(path)!r} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class up by its module's name
    try:
        with _told(name):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Say which module is missing, or what the module's own code raised on import, and where."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = error.name or name
        if missing == name or name.startswith(f"{missing}."):
            hint = "pip install 'flopgraph[zoo]'" if missing in ZOO_PACKAGES else ""
            raise InputError(f"there is no module {missing!r}", hint=hint) from None
        problem = InputError(f"{name} imports {missing}, which is not installed")
        raise problem.locate("", (), source_of_error(error.__traceback__)) from None
    except Exception as error:
        failed = ModelError(f"importing {name} raised {type(error).__name__}: {error}")
        raise failed.locate("", (), source_of_error(error.__traceback__)) from error
