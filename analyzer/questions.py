"""Calls that ask a tensor for its values: answered for constants and assumptions, one clear error for the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes

from analyzer.abstract import SPREAD, AbstractTensor
from analyzer.checks import passing_number
from analyzer.errors import DataDependentError, InputError
from analyzer.frames import user_line
from analyzer.pytree import leaves
from analyzer.recorder import Recorder

__all__ = ["QUESTIONS", "Answer"]

Answer = Callable[[Recorder, Any, tuple[Any, ...], dict[str, Any]], Any]

_BRANCH = "the model branches on the value of a tensor, which only real data has"
_BRANCHES = frozenset({"__bool__", "is_nonzero", "equal", "allclose"})
# Others ask for one number.
_WHOLE = frozenset({"tolist", "numpy", "__array__"})
_LISTED = 64


def _ask(recorder: Recorder, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The real function on the real, small constants; for everything else what the caller said to assume."""
    tensors = [leaf for _, leaf in leaves((args, kwargs), (torch.Tensor,))]
    name = function.__name__
    if name == "equal" and (same := _same(recorder, *tensors)) is not None:
        return same
    if len(tensors) == 1 and (answer := recorder.uniform.answer(name, tensors[0])) is not None:
        return answer
    for tensor in tensors:
        if not recorder.is_known(tensor) or (recorder.level(tensor) == SPREAD and recorder.assumptions.find()):
            return _assumed(recorder, tensor, name)
    with torch._C.DisableTorchFunction(), _disable_current_modes():
        value = [recorder.constants.value(recorder.told(t), name) if isinstance(t, torch.Tensor) else t for t in args]
        return function(*value, **kwargs)


def _same(recorder: Recorder, one: torch.Tensor, other: torch.Tensor) -> bool | None:
    """Whether two tensors are equal as far as no value needs to be known: they are one, or differ in shape."""
    first, second = recorder.abstract_of(one), recorder.abstract_of(other)
    if first._spec.shape != second._spec.shape:
        return False
    is_one = first._ref == second._ref and first._seen == second._seen == first._memory.writes
    return True if is_one else None


def _assumed(recorder: Recorder, tensor: torch.Tensor, name: str) -> Any:
    """What the caller said that the values of a tensor are.

    Raises:
        DataDependentError: the caller said nothing.
        InputError: what they said is of another kind.
    """
    spec = recorder.abstract_of(tensor)._spec
    branches = name in _BRANCHES or spec.dtype is torch.bool
    if (branches and spec.numel == 1) or name in _BRANCHES:
        answer = recorder.assumptions.branch()
        if answer is not None:
            return answer
    elif (found := recorder.assumptions.find()) is not None:
        return _as_asked(name, spec, *found, recorder)
    elif name not in _WHOLE and (number := passing_number()) is not None:
        return _as_asked(name, spec, "a check", number, recorder)
    raise _unknown(recorder, tensor, name, branches)


def _as_asked(name: str, spec: Any, key: str, value: Any, recorder: Recorder) -> Any:
    """An assumed value in the form that the question asks for."""
    wanted = torch.Size(spec.shape if name in _WHOLE else ())
    try:
        with torch._C.DisableTorchFunction(), _disable_current_modes():
            tensor = torch.as_tensor(value, dtype=spec.dtype, device="cpu").expand(wanted)
            answer = getattr(tensor, name)()
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"what is asked for at {key} has shape {tuple(wanted)}, assume says {value!r}") from None
    recorder.assumptions.note(key, value)
    return answer


def _unknown(recorder: Recorder, tensor: torch.Tensor, name: str, branches: bool) -> DataDependentError:
    spec = recorder.abstract_of(tensor)._spec
    if branches:
        message = _BRANCH
    else:
        message = f"the model asks for the values of a tensor ({name.strip('_')}), which only real data has"
    line = user_line()
    place = line.place if line is not None else "file.py:123"
    # One number stands for all of a tensor, too: nobody writes an image down.
    listed = bool(spec.shape) and name in _WHOLE and spec.numel <= _LISTED
    example = "True" if branches else "[...]" if listed else "7"
    hint = f'say what it is with assume={{"{place}": {example}}}'
    if inputs := recorder.small_inputs_of(tensor):
        hint += f", or give {' and '.join(inputs)} with values, as Known(tensor)"
    return DataDependentError(f"{message}: it is {spec}", hint=hint)


def _assert(recorder: Recorder, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """torch._assert and _assert_async: checked where the condition is known; a condition on data is taken to hold."""
    condition = args[0] if args else next(iter(kwargs.values()))
    if isinstance(condition, AbstractTensor):
        if not recorder.is_known(condition):
            return None
        condition = recorder.constants.number(recorder.told(condition), "assert")
    assert condition, args[1] if len(args) > 1 else kwargs.get("message", "")
    return None


def _as_it_is(recorder: Recorder, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The tensor itself: where its memory is has no part in an analysis."""
    return args[0]


def _plain(recorder: Recorder, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The tensor without a class of its own: still the same weight."""
    return recorder.abstract_of(args[0])


def _metadata(recorder: Recorder, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return function(*args, **kwargs)


_VALUES = "item tolist __bool__ __int__ __float__ __index__ __complex__ is_nonzero equal allclose numpy __array__"
_METADATA = """
    size dim ndimension stride numel nelement element_size storage_offset storage untyped_storage data_ptr get_device
    is_contiguous is_floating_point is_complex is_signed is_tensor is_storage is_same_size is_inference is_pinned
    is_shared is_conj is_neg has_names dim_order result_type can_cast promote_types __len__ __hash__ __format__ __repr__
    register_hook _is_view _has_compatible_shallow_copy_type _set_grad_enabled
"""

QUESTIONS: Mapping[str, Answer] = {
    **dict.fromkeys(_VALUES.split(), _ask),
    **dict.fromkeys(_METADATA.split(), _metadata),
    "share_memory_": _as_it_is,
    "as_subclass": _plain,
    **dict.fromkeys(("_assert", "_assert_async"), _assert),
}
