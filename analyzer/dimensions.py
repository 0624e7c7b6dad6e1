"""Dimensions that stay open: names, and torch.export's ``Dim`` and ``dynamic_shapes=``, in the specs of the inputs."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.export.dynamic_shapes import Dim

from analyzer.errors import InputError
from analyzer.pytree import leaves, map_tensors
from analyzer.spec import TensorSpec
from analyzer.symbolic.domain import Condition, Domain, Name
from analyzer.symbolic.expression import Expression
from analyzer.symbolic.source import FUNCTIONS, compiled

__all__ = ["inherited", "open_names", "opened", "with_dynamic_shapes"]

# What a formula as Python's source calls.
_TAKEN = frozenset(FUNCTIONS)


def open_names(inputs: Any, hints: Mapping[str, int] | None) -> tuple[Name, ...]:
    """The names of dimensions that stay open, each with the size that decides branches.

    Raises:
        InputError: a hint is for no name of the inputs, or is no size; a name has two ranges.

    >>> open_names(TensorSpec(("B", 3, Dim("H", min=32, max=64))), {"B": 5})
    (Name(name='B', hint=5, least=1, most=None), Name(name='H', hint=64, least=32, most=64))
    """
    found: dict[str, Name] = {}
    for _, spec in leaves(inputs, (TensorSpec,), boxes=True):  # a cache too, which an open analysis returned
        for axis, dim in enumerate(spec.shape):
            if isinstance(dim, Expression):
                found |= {name.name: name for name in dim.domain.names if name.name in dim.names}
                continue
            name = _name_of(dim)
            if name is None:
                continue
            if name.name not in found:
                hint = _default_hint(axis, spec.ndim, {known.hint for known in found.values()})
                found[name.name] = replace(name, hint=_within(name, hint))
            elif isinstance(dim, Dim) and replace(found[name.name], hint=name.hint) != name:
                raise InputError(f"{name.name} has two ranges: {found[name.name]}, and {name}")
    for given, size in (hints or {}).items():
        if given not in found:
            raise InputError(f"hints has {given!r}, and the open dimensions are {', '.join(found) or 'none'}")
        if not hasattr(size, "__index__") or isinstance(size, (bool, torch.Tensor)) or size < 1:
            raise InputError(f"the hint of {given} is a size of 1 or more, not {size!r}")
        if not found[given].allows(int(size)):
            raise InputError(f"{found[given]}, and its hint is {size:,}")
        found[given] = replace(found[given], hint=int(size))
    return tuple(found.values())


def _name_of(dim: Any) -> Name | None:
    """A dimension that stays open, without its hint; None for a size."""
    root = getattr(dim, "root", dim)  # 2*B is made of B
    if isinstance(root, Dim) and not hasattr(root, "value"):
        least, most = (int(root.min), int(root.max) if isinstance(root.max, int) else None)
        dim, ends = root.__name__, (max(least, 1), most)
    elif isinstance(dim, str):
        ends = (1, None)
    else:
        return None
    if keyword.iskeyword(dim) or dim in _TAKEN:
        raise InputError(f"{dim!r} cannot name a dimension: Python has it for something else")
    return Name(dim, 0, *ends)


def _default_hint(axis: int, ndim: int, taken: set[int]) -> int:
    """A batch of 2, images of about 224, sequences of about 128; no two alike, or equal sizes would decide branches."""
    size, step = (2, 1) if axis == 0 else (224, 32) if ndim >= 4 and axis >= 2 else (128, 32)
    while size in taken:
        size += step
    return size


def _within(name: Name, size: int) -> int:
    return max(name.least, size if name.most is None else min(size, name.most))


def opened(inputs: Any, sizes: Mapping[str, Any]) -> Any:
    """The inputs with these sizes in place of names.

    >>> opened(TensorSpec(("B", 2 * Dim("H") + 1)), {"B": 3, "H": 5})
    TensorSpec((3, 11), float32)
    """

    def sized(dim: Any) -> Any:
        if isinstance(dim, str):
            return sizes[dim]
        if isinstance(dim, Expression):
            text, below = dim.code
            return compiled(text)(sizes) // below
        if hasattr(dim, "root"):
            return dim.fn(sizes[dim.root.__name__])
        if isinstance(dim, Dim):
            return dim.value if hasattr(dim, "value") else sizes[dim.__name__]
        return dim

    return map_tensors(lambda spec: spec.with_shape(*map(sized, spec.shape)), inputs, (TensorSpec,))


def inherited(inputs: Any) -> Iterator[Condition]:
    """The conditions under which the inputs themselves have their shapes, where they come from an open analysis."""
    domains: dict[int, Domain] = {}
    for _, spec in leaves(inputs, (TensorSpec,), boxes=True):
        domains |= {id(dim.domain): dim.domain for dim in spec.shape if isinstance(dim, Expression)}
    for domain in domains.values():
        yield from domain.conditions


# --- torch.export's dynamic_shapes= -----------------------------------------------------------------------------------


def with_dynamic_shapes(
    model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], shapes: Any
) -> tuple[tuple[Any, ...], dict[str, Any], dict[str, int]]:
    """The inputs with the dimensions open that ``dynamic_shapes=`` of torch.export names, and the sizes that they had.

    Raises:
        InputError: it is not of the inputs' structure, or one name has two sizes.
    """
    named = _by_parameter(model, args, kwargs)
    shapes = shapes.dynamic_shapes(model, args, kwargs) if hasattr(shapes, "dynamic_shapes") else shapes
    if isinstance(shapes, (tuple, list)):
        if len(shapes) != len(named):
            raise InputError(f"dynamic_shapes has {len(shapes)} entries for {len(named)} inputs: {', '.join(named)}")
        shapes = dict(zip(named, shapes, strict=True))
    if not isinstance(shapes, Mapping):
        raise InputError(f"dynamic_shapes is a dict by the names of inputs, or a tuple, not {shapes!r:.80}")
    strangers = [str(name) for name in shapes if name not in named]
    if strangers:
        raise InputError(f"dynamic_shapes has {strangers[0]!r}, and the inputs are {', '.join(named)}")
    hints: dict[str, int] = {}
    made = {name: _open(value, shapes.get(name), name, hints) for name, value in named.items()}
    values = list(made.values())[: len(args)]
    return tuple(values), {name: made[name] for name in kwargs}, hints


def _by_parameter(model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Every input by the name of its parameter, the positional ones first, as torch.export has it."""
    forward = getattr(model, "forward", model)
    try:
        parameters = inspect.signature(forward).parameters
        known = [name for name, one in parameters.items() if one.kind is not one.VAR_POSITIONAL]
    except (TypeError, ValueError):  # builtins say nothing about their parameters
        known = []
    names = [*known[: len(args)], *(f"args_{index}" for index in range(len(known), len(args)))]
    return {**dict(zip(names, args, strict=True)), **kwargs}


def _open(value: Any, shape: Any, where: str, hints: dict[str, int]) -> Any:
    """An input, or a structure of them, with dimensions open."""
    if shape is None:
        return value
    if isinstance(value, TensorSpec):
        return value.with_shape(*_dims(value, shape, where, hints))
    if isinstance(value, Mapping) and isinstance(shape, Mapping):
        return {key: _open(item, shape.get(key), f"{where}_{key}", hints) for key, item in value.items()}
    if isinstance(value, (tuple, list)) and isinstance(shape, Sequence) and len(value) == len(shape):
        parts = zip(value, shape, strict=True)
        return type(value)(_open(item, dims, f"{where}_{index}", hints) for index, (item, dims) in enumerate(parts))
    raise InputError(f"dynamic_shapes has {shape!r:.80} for {where}, which is {value!r:.80}")


def _dims(spec: TensorSpec, shape: Any, where: str, hints: dict[str, int]) -> Iterator[Any]:
    if isinstance(shape, (tuple, list)):
        if len(shape) != spec.ndim:
            raise InputError(f"dynamic_shapes has {len(shape)} sizes for {where}, which has the shape {spec.shape}")
        shape = dict(enumerate(shape))
    if not isinstance(shape, Mapping):
        raise InputError(f"dynamic_shapes has {shape!r:.80} for {where}, which has the shape {spec.shape}")
    by_axis = {axis + spec.ndim if isinstance(axis, int) and axis < 0 else axis: dim for axis, dim in shape.items()}
    if not set(by_axis) <= set(range(spec.ndim)):
        raise InputError(f"dynamic_shapes has the axes {list(shape)} for {where}, which has the shape {spec.shape}")
    for axis, size in enumerate(spec.shape):
        dim = _dim(by_axis.get(axis), f"{where}_{axis}")
        if dim is None or isinstance(size, str):
            yield size
            continue
        root = getattr(dim, "root", dim)
        hint = size if root is dim else (size - dim.fn(0)) // (dim.fn(1) - dim.fn(0))
        if not isinstance(dim, int) and hints.setdefault(root.__name__, hint) != hint:
            raise InputError(f"{root.__name__} is {hints[root.__name__]} and {hint} in the inputs")
        if (dim if isinstance(dim, int) else dim.fn(hint) if root is not dim else size) != size:
            raise InputError(f"dynamic_shapes has {dim} for dimension {axis} of {where}, which is {size}")
        yield dim


def _dim(dim: Any, name: str) -> Any:
    """A `Dim`, a size, or None where the size stays as it is. AUTO and DYNAMIC take the input's name and the axis."""
    kind = getattr(getattr(dim, "type", None), "name", "")
    if kind in ("AUTO", "DYNAMIC"):
        return Dim(name, min=dim.min, max=dim.max)
    if dim is None or kind == "STATIC":
        return None
    if isinstance(dim, Dim):
        return dim.value if hasattr(dim, "value") else dim
    if isinstance(dim, int) and not isinstance(dim, bool):
        return dim
    raise InputError(f"a dimension is a Dim of torch.export, a size or None in dynamic_shapes, not {dim!r:.80}")
