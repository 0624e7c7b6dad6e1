"""The nets that catch every torch call of a capture.

First net, a TorchFunctionMode: every torch call written in Python, with or without abstract tensors in it. Second and
third net, a TorchDispatchMode: what gets past the first (TorchScript, C++ composites, legacy constructors) arrives as
aten operators, and is never run.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch._C._dynamo.eval_frame import set_eval_frame
from torch._C._functorch import is_functorch_wrapped_tensor, maybe_current_level
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from analyzer.pytree import leaves

__all__ = ["DispatchNet", "FunctionNet", "is_transformed", "is_transforming", "overrides", "without_override_checks"]

Handler = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]


class FunctionNet(TorchFunctionMode):
    """Hands every torch function to ``handler(function, args, kwargs)``."""

    def __init__(self, handler: Handler) -> None:
        super().__init__()
        self._handler = handler

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if types not in _silent:
            if not any(map(overrides, types)):
                _silent.add(types)
            # A Python function of torch asks again while a tensor class has already handed the call on.
            elif torch._C._is_torch_function_enabled():
                return NotImplemented
        set_eval_frame(None)  # inside ``torch.compile``, the compiler would look at what follows, and at the analyzer
        return self._handler(func, args, kwargs or {})


# Classes of arguments of which none has an idea of its own.
_silent: set[tuple[type, ...]] = {()}
_default: Any = vars(torch.Tensor)["__torch_function__"]


@cache
def overrides(cls: Any) -> bool:
    """Whether a tensor class has its own idea of what calls of torch do.

    One that wraps other tensors, such as quantized weights, stands for the value that they make up: rules know it.
    """
    if hasattr(cls, "__tensor_flatten__"):
        return False
    own = next(base for base in cls.__mro__ if "__torch_function__" in vars(base))
    return vars(own)["__torch_function__"] not in (_default, torch._C._disabled_torch_function_impl)


class DispatchNet(TorchDispatchMode):
    """Hands every aten operator to ``handler(operator, args, kwargs)``, and the operators that call functions."""

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Else torch wraps the method below, and imports its compiler for it: a second, and 120 MB.
        return False

    def __init__(self, handler: Handler) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._handler = handler

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self._handler(func, args, kwargs or {})


def is_transforming() -> bool:
    """Whether torch.func or forward-mode differentiation is at work on any tensor at all; asked at every call."""
    return maybe_current_level() is not None or forward_ad._current_level >= 0


def is_transformed(*values: Any) -> bool:
    """Whether torch.func or forward-mode differentiation is at work on one of these tensors.

    Sizes of such a tensor leave out what is mapped over, and a call of it is more than one call. It is torch's to take
    apart: the aten operators arrive with all sizes, and with those of the derivatives.
    """
    if forward_ad._current_level >= 0:
        return any(True for _ in leaves(values, (torch.Tensor,)))
    if maybe_current_level() is None:
        return False
    return any(is_functorch_wrapped_tensor(tensor) for _, tensor in leaves(values, (torch.Tensor,)))


def _no(*tensors: Any) -> bool:
    return False


_CHECKS = dict.fromkeys(("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic"), _no)
_entered: dict[types.FunctionType, types.FunctionType] = {}


def without_override_checks(function: types.FunctionType) -> types.FunctionType:
    """The same Python code with its ``has_torch_function*`` checks answering no, so that it runs and can be followed.

    The function itself is not touched: other threads may be using it.
    """
    twin = _entered.get(function)
    if twin is None:
        twin = types.FunctionType(
            function.__code__,
            {**function.__globals__, **_CHECKS},
            function.__name__,
            function.__defaults__,
            function.__closure__,
        )
        twin.__kwdefaults__ = function.__kwdefaults__
        _entered[function] = twin
    return twin
