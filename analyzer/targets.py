"""What a rule serves, by any of its names: functions, methods, properties, module classes, operators."""

from __future__ import annotations

import types
from typing import Any

import torch
from torch import nn

from analyzer.errors import RuleError

__all__ = ["describe_target", "in_place_twins", "resolve_target"]


def resolve_target(target: Any) -> Any:
    """The key under which calls of ``target`` arrive: a method's name becomes the method, a property its descriptor.

    An operator of a library that need not be installed goes by its qualified name, ``"torchvision::nms"``.

    >>> resolve_target("relu") is torch.Tensor.relu
    True
    """
    if not isinstance(target, str) or "::" in target:
        return target
    try:
        return getattr(torch.Tensor, target)
    except AttributeError:
        raise RuleError(f"torch.Tensor has no method {target!r}") from None


def describe_target(target: Any) -> str:
    """How a target is written in the user's code, such as ``torch.nn.functional.linear``.

    >>> describe_target(torch.Tensor.relu), describe_target(nn.ReLU), describe_target(torch.relu)
    ('torch.Tensor.relu', 'torch.nn.ReLU', 'torch.relu')
    """
    if isinstance(target, str):
        return f"torch.ops.{target.replace('::', '.')}" if "::" in target else f"torch.Tensor.{target}"
    if isinstance(target, type):
        module = "torch.nn" if target.__module__.startswith("torch.nn.modules") else target.__module__
        return f"{module}.{target.__qualname__}"
    name = getattr(target, "__name__", None) or str(target)
    kinds = (types.MethodDescriptorType, types.WrapperDescriptorType, types.GetSetDescriptorType)
    if isinstance(target, kinds) or getattr(target, "__qualname__", "").startswith(("Tensor.", "TensorBase.")):
        names = (name, *(key for key, value in vars(torch.Tensor).items() if value is target))
        found = next((key for key in names if getattr(torch.Tensor, key, None) is target), name)
        return f"torch.Tensor.{found}"
    module = getattr(target, "__module__", None) or "torch"
    module = {"torch._C._nn": "torch.nn.functional", "torch.functional": "torch", "_operator": "operator"}.get(
        module, module
    )
    if module == "torch.nn.functional" and getattr(nn.functional, name, None) is not target:
        name = next((key for key, value in vars(nn.functional).items() if value is target), name)
    return f"{module}.{name}"


def in_place_twins(target: Any) -> list[Any]:
    """The spelling of a method or function that writes its result over its first argument: relu_ for relu."""
    owner: Any
    if isinstance(target, str):
        owner, name = (None, "") if "::" in target else (torch.Tensor, target)
    else:
        name = getattr(target, "__name__", "")
        home = getattr(target, "__module__", None) or "torch"
        owner = {"torch": torch, "torch._C._nn": torch._C._nn, "torch.nn.functional": nn.functional}.get(home)
    if owner is None or isinstance(target, type) or not name or name.startswith("_"):
        return []
    twin = getattr(owner, name + "_", None)
    return [] if twin is None else [twin]
