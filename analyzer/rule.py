"""A rule: the shape and the cost of one operation. The signature of its shape function is the binding.

Call arguments bind first, by torch's functional argument names; what is still open is read from the module by name.
So one rule serves ``nn.Linear(...)``, ``F.linear(...)`` and a method alike.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from torch import nn

from analyzer.counts import Counts, Traffic
from analyzer.errors import RuleError, ShapeError
from analyzer.spec import TensorSpec

__all__ = ["Bound", "Rule", "Signature"]

_OPEN: Any = inspect.Parameter.empty

# Arguments that say how a tensor is stored or drawn, which has no part in its shape or its cost.
_IGNORED = frozenset({
    "out", "layout", "pin_memory", "generator", "requires_grad", "non_blocking", "memory_format", "names", "inplace",
    "_stacklevel",
})  # fmt: skip
# torch takes NumPy's spellings beside its own.
_SPELLINGS = {
    "axis": "dim", "axes": "dim", "dims": "dim", "keepdims": "keepdim",
    "x": "input", "self": "input", "a": "input", "x1": "input", "x2": "other",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bound:
    """What a shape function returns where only data knows the size: the largest possible result, and why.

    Attributes:
        spec: the largest possible result. A size that data decide is an `AtMost`.
        why: how many there really are, in words.
        values: makes the real tensors that the largest result holds, where they are places and other numbers that
            further sizes hang on.

    >>> Bound(TensorSpec((6, 2)), "as many rows as the mask has True values").spec.shape
    (6, 2)
    """

    spec: Any
    why: str
    values: Callable[[], Any] | None = None


class Signature:
    """Parameter names of a shape function, compiled for binding thousands of calls."""

    __slots__ = ("defaults", "keyword_rest", "names", "positional", "required", "rest")

    def __init__(self, function: Callable[..., Any]) -> None:
        parameters = inspect.signature(function).parameters.values()
        self.names: tuple[str, ...] = tuple(
            p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        )
        self.positional: tuple[str, ...] = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
        self.rest: str | None = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        self.keyword_rest = any(p.kind is p.VAR_KEYWORD for p in parameters)
        self.defaults: dict[str, Any] = {
            p.name: p.default for p in parameters if p.name in self.names and p.default is not _OPEN
        }
        self.required: tuple[str, ...] = tuple(name for name in self.names if name not in self.defaults)

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments by name; what is open stays open. A var-positional one is a flat tuple: view(2, 3), view((2, 3)).

        Raises:
            ShapeError: too many arguments, one given twice, or one that the operation does not have.
        """
        bound = dict(zip(self.positional, args, strict=False))
        if self.rest is not None:
            tail: Any = args[len(self.positional) :]
            if len(tail) == 1 and isinstance(tail[0], (tuple, list)):
                tail = tail[0]
            bound[self.rest] = tuple(tail)
        elif len(args) > len(self.positional):
            raise ShapeError(f"takes at most {len(self.positional)} positional arguments, got {len(args)}")
        for name, value in kwargs.items():
            if name not in self.names and name != self.rest:
                if name in _SPELLINGS and _SPELLINGS[name] in self.names:
                    name = _SPELLINGS[name]
                elif name in _IGNORED or self.keyword_rest:
                    continue
                else:
                    raise ShapeError(f"got an unexpected argument {name!r}")
            if name == self.rest:
                bound[name] = tuple(value) if isinstance(value, (tuple, list)) else (value,)
            elif name in bound:
                raise ShapeError(f"got two values for argument {name!r}")
            else:
                bound[name] = value
        return bound

    def complete(self, bound: dict[str, Any]) -> dict[str, Any]:
        """Fill the defaults in. Raises ShapeError where a required argument is missing."""
        for name, default in self.defaults.items():
            if name not in bound:
                bound[name] = default
        for name in self.required:
            if name not in bound:
                raise ShapeError(f"misses its argument {name!r}")
        return bound


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """Shape and cost of one operation, in all its spellings.

    Attributes:
        name: what the operation is called in every table, the same in all spellings, such as ``"linear"``.
        targets: what it serves: module classes, functions, methods by name, aten operators.
        shape: ``shape(**arguments) -> TensorSpec | tuple | Bound``. Its parameters are the binding.
        cost: ``cost(out, ...) -> Counts``, asking by name for ``out`` and any argument; None is zero, said on purpose.
        traffic: ``traffic(out, ...) -> Traffic``; None is every tensor once.
        alias: the argument whose storage the output shares (a view), or None.
        random: whether the values come from a random generator, so that they are never known.
        values: arguments that come as plain numbers and lists where they are constants, as their values decide sizes.
        unread: arguments of which no value is read: ``zeros_like(x)``, ``x.expand_as(other)``.
        masks: arguments whose boolean tensors take as many as they have true elements: where a mask is a constant it
            comes as the index tensors that it stands for.
        attributes: arguments that a module holds under another name: ``{"training": lambda module: ...}``.
        choice: ``choice(out, ...) -> Tensor``: values for the last output, which says what data choose (the k best),
            spread evenly. They stand in where sizes depend on the choice, such as the rows that each expert gets.
    """

    name: str
    targets: tuple[Any, ...]
    shape: Callable[..., Any]
    cost: Callable[..., Counts] | None = None
    traffic: Callable[..., Traffic] | None = None
    alias: str | None = None
    random: bool = False
    values: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    attributes: Mapping[str, Callable[[nn.Module], Any]] = field(default_factory=dict)
    choice: Callable[..., Any] | None = None
    signature: Signature = field(init=False)
    cost_names: tuple[str, ...] = field(init=False, default=())
    traffic_names: tuple[str, ...] = field(init=False, default=())
    choice_names: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "signature", Signature(self.shape))
        allowed = {"out", *self.signature.names, self.signature.rest}
        for part, function in (("cost", self.cost), ("traffic", self.traffic), ("choice", self.choice)):
            if function is None:
                continue
            names = tuple(inspect.signature(function).parameters)
            for name in names:
                if name not in allowed:
                    raise RuleError(
                        f"the {part} of rule {self.name!r} asks for {name!r}, but its shape function takes "
                        f"{', '.join(sorted(filter(None, allowed)))}"
                    )
            object.__setattr__(self, f"{part}_names", names)

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of a function or method call by name, defaults filled in."""
        return self.signature.complete(self.signature.bind(args, kwargs))

    def bind_module(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of a module call by name: those of the call first, then the module's own attributes.

        >>> rule = Rule("scale", (), lambda input, factor=1.0: input)
        >>> rule.bind_module(nn.Identity(), ("x",), {})
        {'input': 'x', 'factor': 1.0}
        """
        bound = self._bind_forward(type(module), args, kwargs)
        for name in self.signature.names:
            if name not in bound:
                value = self.attribute(module, name)
                if value is not _OPEN:
                    bound[name] = value
        return self.signature.complete(bound)

    def _bind_forward(self, cls: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Bind the arguments of a module call, which go by forward's names where the rule knows them, else by place."""
        names, known = _forward_names(cls), self.signature.names
        if not kwargs and not any(name in known for name in names[1:]):
            return self.signature.bind(args, kwargs)
        renamed = {
            name: name if name in known else known[index] if index < len(known) else name
            for index, name in enumerate(names)
        }
        positional = dict(zip(renamed.values(), args, strict=False))
        return self.signature.bind((), positional | {renamed.get(name, name): v for name, v in kwargs.items()})

    def attribute(self, module: nn.Module, name: str) -> Any:
        """What a module holds for the argument ``name``; the argument's default, or `inspect.Parameter.empty`, else."""
        if name in self.attributes:
            return self.attributes[name](module)
        own = module.__dict__
        if name in own:
            return own[name]
        parameters = own["_parameters"]
        if name in parameters:
            return parameters[name]
        buffers = own["_buffers"]
        return buffers[name] if name in buffers else self.signature.defaults.get(name, _OPEN)

    def call_shape(self, bound: Mapping[str, Any]) -> Any:
        """Run the shape function on bound arguments."""
        rest = self.signature.rest
        if rest is None:
            return self.shape(**bound)
        lead = [bound[name] for name in self.signature.positional]
        keywords = {name: bound[name] for name in self.signature.names if name not in self.signature.positional}
        return self.shape(*lead, *bound[rest], **keywords)

    def call_cost(self, bound: Mapping[str, Any], out: Any) -> Counts:
        """Run the cost function on bound arguments and the output spec; no cost function is zero."""
        if self.cost is None:
            return Counts()
        return self.cost(*[out if name == "out" else bound[name] for name in self.cost_names])

    def call_traffic(self, bound: Mapping[str, Any], out: Any) -> Traffic | None:
        """Run the traffic function; None where the rule has none."""
        if self.traffic is None:
            return None
        return self.traffic(*[out if name == "out" else bound[name] for name in self.traffic_names])

    def call_choice(self, bound: Mapping[str, Any], out: Any) -> Any:
        """Run the choice function, on real tensors."""
        assert self.choice is not None
        return self.choice(*[out if name == "out" else bound[name] for name in self.choice_names])

    def check_alias(self) -> None:
        """Raise RuleError unless ``alias`` is one of the arguments."""
        if self.alias is not None and self.alias not in self.signature.names:
            raise RuleError(f"rule {self.name!r} shares the storage of {self.alias!r}, which is no argument of it")


@cache
def _forward_names(cls: Any) -> tuple[str, ...]:
    """Names of forward's own parameters, in order."""
    parameters = list(inspect.signature(cls.forward).parameters.values())[1:]
    return tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)


def tensors(value: Any) -> list[TensorSpec]:
    """Every spec in an argument or a result, in order.

    >>> tensors((TensorSpec((2,)), [None, TensorSpec((3,))]))
    [TensorSpec((2,), float32), TensorSpec((3,), float32)]
    """
    if isinstance(value, TensorSpec):
        return [value]
    if isinstance(value, (tuple, list)):
        return [spec for item in value for spec in tensors(item)]
    if isinstance(value, dict):
        return [spec for item in value.values() for spec in tensors(item)]
    return []
