"""What a command line can hold, as values: inputs, answers, settings, sizes, dtypes."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import torch

from analyzer.errors import InputError
from analyzer.spec import Known, TensorSpec
from analyzer.zoo.request import did_you_mean

__all__ = [
    "parse_assumption", "parse_dtype", "parse_input", "parse_named_sizes", "parse_range", "parse_setting", "parse_size",
]  # fmt: skip

LARGEST = 2**63 - 1  # torch's own limit on a size
_SIZE = r"(?:[0-9]+|[A-Z][A-Za-wyz0-9_]*)"  # a number, or the name of an open one; an x stands between two
_SHAPE = re.compile(rf"(scalar|{_SIZE}(?:x{_SIZE})*)(?::(?:torch\.)?(\w+))?")
_VALUES = re.compile(r"(\[.*\]|true|false|null)(?::(?:torch\.)?(\w+))?", re.DOTALL)


def parse_input(text: str) -> tuple[str, Any]:
    """An input as it is written: ``[name=]SIZExSIZE...[:dtype]``, ``scalar``, or JSON for one with values.

    >>> parse_input("1x3x224x224")
    ('', TensorSpec((1, 3, 224, 224), float32))
    >>> parse_input("ids=2x128:int64")
    ('ids', TensorSpec((2, 128), int64))
    >>> parse_input("Bx3xHxW")  # names begin with a capital letter, and stand for sizes that stay open
    ('', TensorSpec(('B', 3, 'H', 'W'), float32))
    >>> parse_input("grid_thw=[[1, 28, 28]]"), parse_input("use_cache=false"), parse_input("mask=null")
    (('grid_thw', Known([[1, 28, 28]])), ('use_cache', False), ('mask', None))

    Raises:
        InputError: it is written otherwise, or torch has no such dtype.
    """
    match = re.fullmatch(r"(?:([A-Za-z_]\w*)=)?(.*)", text, re.DOTALL)
    name, written = match.groups() if match else (None, text)
    if found := _SHAPE.fullmatch(written):
        sizes, dtype = found.groups()
        shape = () if sizes == "scalar" else tuple(int(size) if size.isdigit() else size for size in sizes.split("x"))
        if (largest := max((size for size in shape if isinstance(size, int)), default=0)) > LARGEST:
            raise InputError(f"a size is at most {LARGEST:,}, but {text!r} says {largest:.3g}")
        return name or "", TensorSpec(shape, parse_dtype(dtype or "float32"))  # type: ignore[arg-type]
    values = _VALUES.fullmatch(written)
    if values is None:
        forms = "1x3x224x224, Bx3xHxW with names, name=2x128:int64, or name=[[1,28,28]] with its numbers"
        raise InputError(f"an input is written {forms}, but this is {text!r}")
    return name or "", _values(values[1], values[2], text)


def _values(written: str, dtype: str | None, text: str) -> Any:
    try:
        value = json.loads(written)
    except json.JSONDecodeError as error:
        raise InputError(f"the numbers of an input are JSON, and {text!r} is none: {error}") from None
    if not isinstance(value, list):
        return value
    known = Known(value)
    return Known(known.tensor.to(parse_dtype(dtype))) if dtype else known


def parse_dtype(name: str) -> torch.dtype:
    """One of torch's dtypes by its name.

    >>> parse_dtype("bfloat16")
    torch.bfloat16

    Raises:
        InputError: torch has no such dtype.
    """
    dtype = getattr(torch, name.removeprefix("torch."), None)
    if not isinstance(dtype, torch.dtype):
        known = [item for item in dir(torch) if isinstance(getattr(torch, item), torch.dtype)]
        raise InputError(f"torch has no dtype {name!r}", hint=did_you_mean(name, known))
    return dtype


def parse_size(text: str) -> tuple[int, int]:
    """Height and width of an image; one number is both.

    >>> parse_size("480x640"), parse_size("336")
    ((480, 640), (336, 336))

    Raises:
        InputError: it is written otherwise.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,8})(?:x([1-9][0-9]{0,8}))?", text)
    if match is None:
        raise InputError(f"an image size is written 480x640 or 336, but this is {text!r}")
    return int(match[1]), int(match[2] or match[1])


def parse_named_sizes(texts: Iterable[str], option: str) -> dict[str, int]:
    """Sizes of open dimensions: ``B=8,H=512``.

    >>> parse_named_sizes(["B=8,H=512", "W=512"], "--at")
    {'B': 8, 'H': 512, 'W': 512}

    Raises:
        InputError: they are written otherwise.
    """
    found = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        match = re.fullmatch(r"([A-Za-z_]\w*)=([0-9]{1,19})", part)
        if match is None:
            raise InputError(f"{option} takes names and sizes such as B=8,S=2048, but one is {part!r}")
        found[match[1]] = int(match[2])
    return found


def parse_range(text: str) -> tuple[str, int, int]:
    """A name and its smallest and largest size: ``S=128..131072``.

    >>> parse_range("S=128..131072")
    ('S', 128, 131072)

    Raises:
        InputError: it is written otherwise.
    """
    match = re.fullmatch(r"([A-Za-z_]\w*)=([1-9][0-9]{0,18})\.\.([1-9][0-9]{0,18})", text)
    if match is None or int(match[2]) >= int(match[3]):
        raise InputError(f"a range is a name and two sizes such as S=128..131072, but this is {text!r}")
    return match[1], int(match[2]), int(match[3])


def parse_assumption(text: str) -> tuple[str, Any]:
    """An answer to what only data decide: ``file.py:123=True``.

    >>> parse_assumption("model.py:41=[3, 5]")
    ('model.py:41', [3, 5])

    Raises:
        InputError: it is written otherwise.
    """
    return _pair(text, ast.literal_eval, "an assumption is written model.py:41=True")


def parse_setting(text: str) -> tuple[str, str]:
    """A value of the configuration: ``num_hidden_layers=80``. Its type is that of the value that it replaces.

    >>> parse_setting("vision_config.hidden_size=1280")
    ('vision_config.hidden_size', '1280')

    Raises:
        InputError: it is written otherwise.
    """
    return _pair(text, str, "a setting is written num_hidden_layers=80")


def _pair(text: str, read: Callable[[str], Any], form: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    try:
        if sign and name.strip() and value.strip():
            return name.strip(), read(value.strip())
    except (ValueError, SyntaxError):
        pass
    raise InputError(f"{form}, but this is {text!r}")
