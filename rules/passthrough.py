"""The same values, elsewhere or otherwise: copies, conversions, moves between devices."""

from __future__ import annotations

from typing import Any

import torch

from analyzer.counts import Counts, Traffic
from analyzer.errors import ShapeError
from analyzer.ruleset import RuleSet
from analyzer.spec import TensorSpec
from rules._dims import check_tensor, spellings
from rules._results import number
from rules.create import check_format, like

__all__ = ["RULES", "same"]

RULES = RuleSet()


def same(input: TensorSpec) -> TensorSpec:
    """The same values.

    Cost: nothing, it moves data.
    Source: torch.clone
    """
    return check_tensor(input, "input")


def ordered(input: TensorSpec, *, memory_format: Any = None) -> TensorSpec:
    """The same values, in the given order in memory.

    Cost: nothing, it moves data.
    Source: torch.Tensor.contiguous
    """
    return check_format(check_tensor(input, "input"), memory_format)


def pinned(input: TensorSpec, device: Any = None) -> TensorSpec:
    """The same values where a device can fetch them.

    Cost: nothing, it moves data.
    Source: torch.Tensor.pin_memory
    """
    return check_tensor(input, "input")


RULES.op(*spellings("clone"), torch.ops.aten.lift_fresh, torch.ops.aten.lift, name="clone")(ordered)
RULES.op("contiguous", name="contiguous")(ordered)
RULES.op("pin_memory", name="pin_memory", alias="input")(pinned)
RULES.op(*spellings("resolve_conj", "resolve_neg"), name="resolve_conj")(same)

for _name, _targets in (
    ("detach", [*spellings("detach"), "data"]),
    ("alias", [torch.ops.aten.alias]),
    ("conj", [*spellings("conj"), torch.ops.aten._conj, torch.ops.aten._neg_view]),
):
    RULES.op(*_targets, name=_name, alias="input")(same)


def _moved(out: TensorSpec, input: TensorSpec) -> Traffic:
    """Nothing moves where there is nothing to convert: torch returns the tensor itself."""
    return Traffic() if out == input else Traffic(read=input.nbytes, written=out.nbytes)


@RULES.op("to", alias="input")
def to(
    input: TensorSpec, device: Any = None, dtype: Any = None, non_blocking: bool = False, copy: bool = False,
    *, other: Any = None, memory_format: Any = None,
) -> TensorSpec:  # fmt: skip
    """The same values as another dtype, on another device, or as those of another tensor.

    Cost: nothing, it moves data.
    Source: torch.Tensor.to
    """
    check_format(input, memory_format)
    if isinstance(device, torch.dtype):
        return input.with_dtype(device)
    like_other = device if isinstance(device, TensorSpec) else other
    if like_other is not None:
        return input.with_dtype(like_other.dtype).with_device(like_other.device)
    if dtype is not None and not isinstance(dtype, torch.dtype):
        raise ShapeError(f"dtype must be one of torch's, got {dtype!r}")
    return like(input, dtype, device)


@to.traffic
def _(out: TensorSpec, input: TensorSpec, copy: bool) -> Traffic:
    return Traffic(read=input.nbytes, written=out.nbytes) if copy else _moved(out, input)


def _conversion(name: str, dtype: torch.dtype) -> None:
    def shape(input: TensorSpec, *, memory_format: Any = None) -> TensorSpec:
        return check_format(input, memory_format).with_dtype(dtype)

    shape.__doc__ = f"The same values as {dtype}.\n\nCost: nothing, it moves data.\nSource: torch.Tensor.{name}"
    RULES.op(name, name=name, alias="input")(shape).traffic(_moved)


_CONVERSIONS = {
    "float": torch.float32,
    "half": torch.float16,
    "double": torch.float64,
    "bfloat16": torch.bfloat16,
    "int": torch.int32,
    "long": torch.int64,
    "short": torch.int16,
    "char": torch.int8,
    "byte": torch.uint8,
    "bool": torch.bool,
    "cfloat": torch.complex64,
    "cdouble": torch.complex128,
    "chalf": torch.complex32,
}
for _name, _dtype in _CONVERSIONS.items():
    _conversion(_name, _dtype)

_TYPES = {_dtype: _name.capitalize() for _name, _dtype in _CONVERSIONS.items() if not _dtype.is_complex}
_TYPES[torch.bfloat16] = "BFloat16"
_BY_TYPE = {f"{_name}Tensor": _dtype for _dtype, _name in _TYPES.items()}


@RULES.op("type", name="type")
def type_(input: TensorSpec, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The same values as another dtype; without one, the tensor's type in words.

    Cost: nothing, it moves data.
    Source: torch.Tensor.type
    """
    place = "" if input.device.type == "cpu" else f"{input.device.type}."
    if dtype is None:
        return f"torch.{place}{_TYPES.get(input.dtype, input.dtype_name)}Tensor"
    if isinstance(dtype, torch.dtype):
        return input.with_dtype(dtype)
    words = dtype if isinstance(dtype, str) else f"{dtype.__module__}.{dtype.__name__}"
    *where, name = words.split(".")
    if name not in _BY_TYPE:
        raise ShapeError(f"dtype must be one of torch's, got {dtype!r}")
    out = input.with_dtype(_BY_TYPE[name])
    device = where[-1] if len(where) > 1 else "cpu"
    return out if out.device.type == device else out.with_device(device)


@RULES.op("type_as", alias="input", unread=("other",))
def type_as(input: TensorSpec, other: TensorSpec) -> TensorSpec:
    """The same values as the dtype of other, on its device.

    Cost: nothing, it moves data.
    Source: torch.Tensor.type_as
    """
    return input.with_dtype(check_tensor(other, "other").dtype).with_device(other.device)


type_as.traffic(_moved)


def _move(name: str) -> None:
    def shape(input: TensorSpec, device: Any = None, non_blocking: bool = False) -> TensorSpec:
        return like(input, None, name if device is None else device)

    shape.__doc__ = f"The same values on another device.\n\nCost: nothing, it moves data.\nSource: torch.Tensor.{name}"
    RULES.op(name, name=name, alias="input")(shape).traffic(_moved)


for _name in ("cpu", "cuda", "xpu"):
    _move(_name)


@RULES.op(torch.ops.aten._to_copy, name="to")
def to_copy(input: TensorSpec, *, dtype: torch.dtype | None = None, device: Any = None) -> TensorSpec:
    """The same values as another dtype, on another device.

    Cost: nothing, it moves data.
    Source: torch.Tensor.to
    """
    return like(input, dtype, device)


@RULES.op(*spellings("positive", "__pos__"), alias="input")
def positive(input: TensorSpec) -> TensorSpec:
    """The tensor itself, of numbers.

    Cost: nothing.
    Source: torch.positive
    """
    return input.with_dtype(number(input.dtype))


@RULES.op(*spellings("nan_to_num"))
def nan_to_num(input: TensorSpec, nan: Any = None, posinf: Any = None, neginf: Any = None) -> TensorSpec:
    """Numbers in place of what is none and of the infinities.

    Cost: one cmp an element.
    Source: torch.nan_to_num
    """
    return check_tensor(input, "input")


@nan_to_num.cost
def _(out: TensorSpec) -> Counts:
    return Counts(cmp=out.numel)
