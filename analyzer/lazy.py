"""Lazy modules: their parameters' shapes are inferred in the capture alone; the user's module stays lazy."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from analyzer.abstract import AbstractTensor
from analyzer.node import Attribute
from analyzer.recorder import Recorder
from analyzer.spec import TensorSpec
from analyzer.state import UNINITIALIZED

__all__ = ["infer_lazy", "is_uninitialized"]


def is_uninitialized(module: nn.Module) -> bool:
    """Whether a module has parameters without a shape yet."""
    if not isinstance(module, nn.modules.lazy.LazyModuleMixin):
        return False
    return any(isinstance(t, UNINITIALIZED) for t in (*module._parameters.values(), *module._buffers.values()))


class _Pending:
    """Stands for an uninitialized parameter and takes the shape that ``initialize_parameters`` gives it."""

    def __init__(self, like: torch.Tensor) -> None:
        self.spec = TensorSpec((), like.dtype, like.device)
        self._kind = type(like)

    def _claimed(self) -> Any:
        return self._kind

    __class__: Any = property(_claimed)  # initialize_parameters asserts that it is given what it knows

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        self.spec = TensorSpec(shape, dtype or self.spec.dtype, device or self.spec.device)

    def fill_(self, value: Any) -> None:
        pass


def infer_lazy(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], path: str, recorder: Recorder
) -> nn.Module:
    """A twin of a lazy module, of the class that it becomes, with abstract tensors of the inferred shapes.

    The module's own ``initialize_parameters`` works the shapes out, on the twin, at its first call. Nothing is
    allocated.
    """
    known = recorder.twins.get(id(module))
    if known is not None:
        return known
    twin = module.__class__.__new__(module.__class__)
    own = module.__dict__
    twin.__dict__.update(own)
    held: dict[str, _Pending] = {}
    for group in ("_parameters", "_buffers"):
        twin.__dict__[group] = dict(own[group])
        for name, tensor in own[group].items():
            if isinstance(tensor, UNINITIALIZED):
                held[name] = _Pending(tensor)
                twin.__dict__[group].pop(name)
                twin.__dict__[name] = held[name]
    twin.__dict__["reset_parameters"] = lambda: None
    twin.__dict__["has_uninitialized_params"] = lambda: True
    twin.initialize_parameters(*args, **kwargs)  # type: ignore[operator]
    prefix = f"{path}." if path else ""
    for name, pending in held.items():
        del twin.__dict__[name]
        full = prefix + name
        recorder.lazy[full] = pending.spec
        original = own["_parameters"].get(name, own["_buffers"].get(name))
        group = "_parameters" if name in own["_parameters"] else "_buffers"
        twin.__dict__[group][name] = AbstractTensor.make(pending.spec, Attribute(full), recorder.memory_of(original))
    for name in ("_forward_pre_hooks", "_forward_hooks"):
        hooks = own[name]
        own_hook = nn.modules.lazy.LazyModuleMixin._infer_parameters
        lazy = {key for key, hook in hooks.items() if getattr(hook, "__func__", None) is own_hook}
        twin.__dict__[name] = type(hooks)((key, hook) for key, hook in hooks.items() if key not in lazy)
    for name in ("reset_parameters", "has_uninitialized_params"):
        twin.__dict__.pop(name)
    becomes = getattr(module, "cls_to_become", None)
    if becomes is not None:
        twin.__class__ = becomes
    recorder.twins[id(module)] = twin
    return twin
