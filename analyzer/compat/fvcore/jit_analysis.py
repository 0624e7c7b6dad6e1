"""What ``FlopCountAnalysis`` and ``ActivationCountAnalysis`` share: numbers by module and by operator, and handles."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Self

from torch import nn
from torch.jit._trace import TracerWarning

from analyzer.compat.calls import run
from analyzer.compat.fvcore.counting import Rules, Statistics, count
from analyzer.compat.fvcore.functions import functions_as_modules, records_of_functions
from analyzer.errors import InputError
from analyzer.node import Node
from analyzer.tools.fvcore import IGNORED
from analyzer.tools.fvcore_handles import Handle

__all__ = ["JitModelAnalysis", "ModuleNameError"]

_IGNORED_OPS = set(IGNORED)
# By fvcore's own name, so that a script's line that makes it quiet still does.
_LOGGER = logging.getLogger("fvcore.nn.jit_analysis")


class ModuleNameError(InputError, KeyError):
    """There is no module of that name."""


class JitModelAnalysis:
    """A count of a model's operators, by module and by operator, as handles say it.

    The model is analyzed when a number is first asked for, and again after handles change. It is not run, and stands
    as before afterwards.

    Args:
        model: the module; its training mode counts as it stands.
        inputs: a tensor, or a tuple of what forward takes by position. Tensors may be `TensorSpec`.
        faithful: give fvcore's own figures, its faults among them.

    Source: fvcore/nn/jit_analysis.py, 0.1.5.post20221221.

    >>> import torch
    >>> analysis = JitModelAnalysis(nn.Sequential(nn.Linear(7, 5), nn.ReLU()), torch.zeros(3, 7))
    >>> _ = analysis.set_op_handle("aten::relu", lambda inputs, outputs: 2).unsupported_ops_warnings(False)
    >>> analysis.by_module(), analysis.unsupported_ops()
    (Counter({'': 2, '1': 2, '0': 0}), Counter({'aten::linear': 1}))
    """

    # What a class counts where no handle is asked: operators of its own, and a function of any call.
    _defaults: Mapping[str, Handle] = {}
    _right: Callable[[Node], int] | None = None

    def __init__(self, model: nn.Module, inputs: Any, *, faithful: bool = False) -> None:
        if not isinstance(model, nn.Module):
            raise InputError(f"the model is an nn.Module, not a {type(model).__name__}")
        self._model = model
        self._inputs = inputs
        self._faithful = faithful
        self._named_modules = dict(model.named_modules(remove_duplicate=False))
        self._aliases = _aliases(model)
        self._stats: Statistics | None = None
        self._op_handles: dict[str, Handle] = dict(self._defaults)
        self._ignored_ops = set(_IGNORED_OPS)
        self._cleared = False
        self._enable_warn_unsupported_ops = True
        self._enable_warn_uncalled_mods = True
        self._warn_trace = "no_tracer_warning"
        self._ancestor_mode = "owner"

    # --- numbers ----------------------------------------------------------------------------------------------------

    def total(self, module_name: str = "") -> int:
        """The count of a module, or of the whole model."""
        return sum(self.by_operator(module_name).values())

    def by_operator(self, module_name: str = "") -> Counter[str]:
        """Operator name -> count, in a module or in the whole model."""
        return self._analyze().counts[self.canonical_module_name(module_name)]

    def by_module(self) -> Counter[str]:
        """Module path -> count of all its operators, for every module."""
        return Counter({path: sum(counts.values()) for path, counts in self._analyze().counts.items()})

    def by_module_and_operator(self) -> dict[str, Counter[str]]:
        """Module path -> operator name -> count."""
        return self._analyze().counts

    def unsupported_ops(self, module_name: str = "") -> Counter[str]:
        """How often operators occur that are neither counted nor ignored: ``{"aten::gelu": 1}``."""
        return self._analyze().unsupported_ops[self.canonical_module_name(module_name)]

    def uncalled_modules(self) -> set[str]:
        """Modules that are never called. fvcore adds those whose call does nothing, such as ``nn.Identity``."""
        return self._analyze().uncalled_modules

    # --- settings ---------------------------------------------------------------------------------------------------

    def set_op_handle(self, *args: Any, **kwargs: Handle | None) -> Self:
        """Count operators by functions of one's own.

        Args:
            args: names and handles in turn, ``"aten::gelu", handle``. A handle is given the inputs and the outputs of
                an operator, lists of values as ``torch.jit`` has them, and returns a number, or numbers by name.
                None for a handle leaves the operator out.
            kwargs: the same as a mapping.
        """
        if len(args) % 2:
            raise InputError("set_op_handle takes names and handles in turn; one is missing")
        self._stats = None
        given: dict[str, Handle | None] = {**dict(zip(args[::2], args[1::2], strict=True)), **kwargs}
        for name, handle in given.items():
            if handle is None:
                self._ignored_ops.add(name)
                if not self._faithful:  # fvcore goes on counting an operator that it has a handle for
                    self._op_handles.pop(name, None)
            else:
                self._op_handles[name] = handle
                if not self._faithful:
                    self._ignored_ops.discard(name)
        return self

    def clear_op_handles(self) -> Self:
        """Forget all handles, those that the class brings too: nothing is counted until others are set."""
        self._op_handles, self._ignored_ops, self._cleared, self._stats = {}, set(_IGNORED_OPS), True, None
        return self

    def canonical_module_name(self, name: str) -> str:
        """The name under which a module is counted: its first one, where it is shared."""
        try:
            return self._aliases[name]
        except (KeyError, TypeError):
            raise ModuleNameError(f"the model has no module {name!r}") from None

    def copy(self, new_model: nn.Module | None = None, new_inputs: Any = None) -> Self:
        """The same settings on another model, or on other inputs."""
        model = self._model if new_model is None else new_model
        twin = type(self)(model, self._inputs if new_inputs is None else new_inputs, faithful=self._faithful)
        twin._op_handles, twin._ignored_ops = dict(self._op_handles), set(self._ignored_ops)
        twin._cleared, twin._ancestor_mode, twin._warn_trace = self._cleared, self._ancestor_mode, self._warn_trace
        twin._enable_warn_unsupported_ops = self._enable_warn_unsupported_ops
        twin._enable_warn_uncalled_mods = self._enable_warn_uncalled_mods
        return twin

    def tracer_warnings(self, mode: str) -> Self:
        """Which warnings of the model's own are shown: ``"all"``, ``"no_tracer_warning"`` or ``"none"``."""
        self._warn_trace = _one_of(mode, ("all", "no_tracer_warning", "none"), "tracer_warnings")
        return self

    def ancestor_mode(self, mode: str) -> Self:
        """Whom an operator counts for.

        ``"owner"``: the module that was running, and those that its name lies in. ``"caller"``: all that were running.
        """
        self._ancestor_mode = _one_of(mode, ("owner", "caller"), "ancestor_mode")
        self._stats = None
        return self

    def unsupported_ops_warnings(self, enabled: bool) -> Self:
        """Whether operators that are not counted are logged."""
        self._enable_warn_unsupported_ops = enabled
        return self

    def uncalled_modules_warnings(self, enabled: bool) -> Self:
        """Whether modules that are never called are logged."""
        self._enable_warn_uncalled_mods = enabled
        return self

    # --- work -------------------------------------------------------------------------------------------------------

    def _analyze(self) -> Statistics:
        if self._stats is None:
            args = self._inputs if isinstance(self._inputs, tuple) else (self._inputs,)
            with warnings.catch_warnings():
                if self._warn_trace == "none":
                    warnings.simplefilter("ignore")
                elif self._warn_trace == "no_tracer_warning":
                    warnings.filterwarnings("ignore", category=TracerWarning)
                with functions_as_modules():
                    found = run(self._model, args)
            right = None if self._faithful or self._cleared else type(self)._right
            defaults = {} if self._cleared else self._defaults
            in_place = [path for path, module in self._named_modules.items() if getattr(module, "inplace", False)]
            is_owner = self._ancestor_mode == "owner"
            rules = Rules(self._op_handles, defaults, self._ignored_ops, right, is_owner, self._faithful, in_place)
            functions = records_of_functions(found.calls)
            self._stats = count(found.analysis.graph, dict.fromkeys(self._aliases.values()), rules, functions)
            self._log(self._stats)
        return self._stats

    def _log(self, stats: Statistics) -> None:
        if self._enable_warn_unsupported_ops:
            for kind, times in stats.unsupported_ops[""].items():
                _LOGGER.warning("Unsupported operator %s encountered %d time(s)", kind, times)
        for kind, times in stats.failed.items():
            _LOGGER.warning("fvcore itself fails on %s, %d time(s) here; taken for 0", kind, times)
        uncalled = sorted(path for path in stats.uncalled_modules if _has_forward(self._named_modules[path]))
        if self._enable_warn_uncalled_mods and uncalled:
            _LOGGER.warning(
                "The following modules are never called. Where forward() or another method of theirs is called "
                "directly, the count is their caller's.\n%s",
                ", ".join(uncalled),
            )


def _one_of(value: str, choices: tuple[str, ...], name: str) -> str:
    if value not in choices:
        raise InputError(f"{name} takes one of {', '.join(choices)}, not {value!r}")
    return value


def _aliases(model: nn.Module) -> dict[str, str]:
    """Every name of every module -> its first one."""
    first: dict[int, str] = {}
    return {name: first.setdefault(id(module), name) for name, module in model.named_modules(remove_duplicate=False)}


def _has_forward(module: nn.Module) -> bool:
    """Whether a module is there to be called: containers are not, and Identity leaves no trace."""
    silent = (nn.ModuleList, nn.ModuleDict, nn.Module, nn.Identity)
    return all(type(module).forward is not each.forward for each in silent)
