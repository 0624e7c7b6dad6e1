"""Calls that ask a tensor for its values: answered for constants, one clear error for everything else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes

from analyzer.abstract import AbstractTensor
from analyzer.errors import DataDependentError, Diagnostic
from analyzer.frames import user_line
from analyzer.pytree import leaves
from analyzer.recorder import Recorder

__all__ = ["QUESTIONS"]

Answer = Callable[[Recorder, Any, tuple[Any, ...], dict[str, Any]], Any]

_BRANCH = "the model branches on the value of a tensor, which only real data has"
_BRANCHES = frozenset({"__bool__", "is_nonzero", "equal", "allclose"})


def _ask(recorder: Recorder, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The real function on the real, small constants; nothing else has an answer."""
    tensors = [leaf for _, leaf in leaves((args, kwargs), (torch.Tensor,))]
    name = function.__name__
    for tensor in tensors:
        if not recorder.is_known(tensor):
            if name == "__bool__" and (answer := _harmless()) is not None:
                line = str(user_line())
                message = f"a check on the values of a mask is answered {answer}: {line}"
                recorder.assumptions.setdefault(line, Diagnostic("mask-check", "", message))
                return answer
            raise _unknown(recorder, tensor, name)
    with torch._C.DisableTorchFunction(), _disable_current_modes():
        value = [recorder.constants.value(t, name) if isinstance(t, torch.Tensor) else t for t in args]
        return function(*value, **kwargs)


# Checks on the values of a mask, by file and function, which ask whether it could be left out. The products are the
# same either way; the answer that keeps the mask is taken.
_HARMLESS = {
    ("torch/nn/modules/transformer.py", "_detect_is_causal_mask"): False,
    ("transformers/masking_utils.py", "_ignore_causal_mask_sdpa"): False,
    ("transformers/masking_utils.py", "_ignore_bidirectional_mask_sdpa"): False,
}


def _harmless() -> bool | None:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "run_forward":
        for (file, function), answer in _HARMLESS.items():
            if frame.f_code.co_name == function and frame.f_code.co_filename.endswith(file):
                return answer
        frame = frame.f_back
    return None


def _unknown(recorder: Recorder, tensor: torch.Tensor, name: str) -> DataDependentError:
    spec = recorder.abstract_of(tensor)._spec
    if name in _BRANCHES:
        message = _BRANCH
    else:
        message = f"the model asks for the values of a tensor ({name.strip('_')}), which only real data has"
    return DataDependentError(
        f"{message}: it is {spec}",
        hint="decide by shapes or by a plain Python argument, or give the value as a constant that no input is part of",
    )


def _assert(recorder: Recorder, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """torch._assert: checked where the condition is known; a condition on data is taken to hold."""
    condition = args[0] if args else kwargs["condition"]
    if isinstance(condition, AbstractTensor):
        if not recorder.is_known(condition):
            return None
        condition = bool(recorder.constants.value(condition, "assert"))
    assert condition, args[1] if len(args) > 1 else kwargs.get("message", "")
    return None


def _as_it_is(recorder: Recorder, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The tensor itself: what it says of gradients and of Python classes has no part in an analysis."""
    return args[0]


def _metadata(recorder: Recorder, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return function(*args, **kwargs)


_VALUES = "item tolist __bool__ __int__ __float__ __index__ __complex__ is_nonzero equal allclose numpy __array__"
_METADATA = """
    size dim ndimension stride numel nelement element_size storage_offset storage untyped_storage data_ptr get_device
    is_contiguous is_floating_point is_complex is_signed is_tensor is_storage is_same_size is_inference is_pinned
    is_shared is_conj is_neg has_names dim_order result_type can_cast promote_types __len__ __hash__ __format__ __repr__
    register_hook backward _is_view _has_compatible_shallow_copy_type _set_grad_enabled
"""

QUESTIONS: Mapping[str, Answer] = {
    **dict.fromkeys(_VALUES.split(), _ask),
    **dict.fromkeys(_METADATA.split(), _metadata),
    **dict.fromkeys(("requires_grad_", "retain_grad"), _as_it_is),
    "_assert": _assert,
}
