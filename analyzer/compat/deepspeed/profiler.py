"""get_model_profile and FlopsProfiler of DeepSpeed 0.19.8, from a static analysis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import torch
from torch import nn

from analyzer.analysis import Analysis
from analyzer.compat.arguments import require
from analyzer.compat.calls import run
from analyzer.compat.deepspeed.report import UNMEASURED, aggregated, report
from analyzer.compat.numbers import macs_to_string, number_to_string, params_to_string
from analyzer.compat.profiles import Counter, Profile, called, input_of_shape
from analyzer.errors import InputError
from analyzer.pytree import map_tensors
from analyzer.spec import TensorSpec
from analyzer.tools.deepspeed import DEEPSPEED, DEEPSPEED_MACS, PATCHES

__all__ = ["FlopsProfiler", "get_model_profile"]

_COUNTER = Counter(DEEPSPEED, DEEPSPEED_MACS, PATCHES, trained=False, repeats=False)


def get_model_profile(
    model: nn.Module,
    input_shape: tuple[int, ...] | None = None,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    print_profile: bool = True,
    detailed: bool = True,
    module_depth: int = -1,
    top_modules: int = 1,
    warm_up: int = 1,
    as_string: bool = True,
    output_file: str | None = None,
    ignore_modules: Sequence[type] | None = None,
    mode: str = "forward",
    *,
    faithful: bool = False,
) -> tuple[Any, Any, Any]:
    """FLOPs, MACs and parameters of a model in evaluation mode.

    Every product counts 2 FLOPs and 1 MAC, whoever makes it. A bias of a convolution, activations, normalization,
    pooling, softmax, resizing, additions and products of elements count FLOPs as in DeepSpeed.

    Args:
        model: the model; it may be without weights.
        input_shape: the shape of its one input.
        args: positional inputs: tensors, `TensorSpec`, or anything else that the model takes.
        kwargs: keyword inputs.
        print_profile: whether to print a report.
        detailed: whether the report lists all modules.
        module_depth: how many levels of modules the report sums up; -1 for all but the innermost.
        top_modules: how many classes of each level it names.
        warm_up: only a number in the report's heading, as nothing is run.
        as_string: whether the results are text.
        output_file: where the report is written, instead of being printed.
        ignore_modules: classes whose modules count nothing.
        mode: ``"forward"``, or ``"generate"`` for the model's ``generate``, which then ends no sequence early.
        faithful: what DeepSpeed 0.19.8 itself says: einsum and recurrent layers without MACs, operators ``+`` and ``*``
            not seen, ignored modules in the module around them, and its other faults.

    Returns:
        FLOPs, MACs and parameters.

    Raises:
        InputError: the inputs are missing, or the file cannot be written.
        AnalyzerError: as `analyze` does.

    >>> get_model_profile(nn.Linear(7, 5), (3, 7), print_profile=False)
    ('210 ', '105 MACs', '40')
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"model is an nn.Module, not a {type(model).__name__}")
    for name, number in (("module_depth", module_depth), ("top_modules", top_modules)):
        require(name, number, Integral, "a whole number")
    if input_shape is not None:
        args = [input_of_shape(model, input_shape)]
    analysis = called(model, args, kwargs or {}, mode, "mode")
    profile = _COUNTER.profile(model, [analysis], faithful=faithful, ignored=ignore_modules or ())
    if print_profile:
        _write(report(profile, warm_up, module_depth, top_modules, detailed, None, not faithful), output_file)
    flops, macs, params = profile.total
    return (number_to_string(flops), macs_to_string(macs), params_to_string(params)) if as_string else profile.total[:]


def _write(text: str, output_file: str | None) -> None:
    if not output_file:
        print(text)
        return
    path = Path(output_file)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"output_file {output_file!r} cannot be written: {error.strerror}") from None


class FlopsProfiler:
    """Profile the calls that a training script makes of its model, from the shapes of what it is given.

    Between `start_profile` and `stop_profile` a hook on the model notes the shapes of its inputs; the calls themselves
    are the script's own, and are analyzed when a number is asked for. Where nothing shall run, `profile` stands for a
    call.

    Args:
        model: the model.
        ds_engine: DeepSpeed's engine, for the sizes of its report. Its latencies are not shown.
        recompute_fwd_factor: of no use here, where a backward pass has no latency.
        faithful: as in `get_model_profile`.

    >>> profiler = FlopsProfiler(nn.Linear(7, 5))
    >>> profiler.start_profile()
    >>> profiler.profile(TensorSpec((3, 7)))
    >>> profiler.get_total_flops(), profiler.get_total_macs(as_string=True), profiler.get_total_params()
    (210, '105 MACs', 40)
    >>> profiler.end_profile()
    """

    def __init__(
        self, model: nn.Module, ds_engine: Any = None, recompute_fwd_factor: float = 0.0, *, faithful: bool = False
    ) -> None:
        if not isinstance(model, nn.Module):
            raise InputError(f"model is an nn.Module, not a {type(model).__name__}")
        self.model = model
        self.ds_engine = ds_engine
        self.recompute_fwd_factor = recompute_fwd_factor
        self.started = False
        self._faithful = faithful
        self._ignored: Sequence[type] = ()
        self._hook: Any = None
        self._calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self._analyses: list[Analysis] = []

    def start_profile(self, ignore_list: Sequence[type] | None = None) -> None:
        """Begin to note the model's calls; modules of the classes in ``ignore_list`` count nothing."""
        self.reset_profile()
        self._ignored = ignore_list or ()
        self.started = True
        self._listen()

    def stop_profile(self) -> None:
        """Note no further calls, and take the hook off the model."""
        if self._hook is not None:
            self._hook.remove()
        self._hook = None

    def reset_profile(self) -> None:
        """Forget the calls so far."""
        self._calls.clear()
        self._analyses.clear()

    def end_profile(self) -> None:
        """Stop, and forget everything."""
        self.stop_profile()
        self.reset_profile()
        self.started = False

    def profile(self, *args: Any, **kwargs: Any) -> None:
        """Note a call of the model without making it: the inputs may be `TensorSpec`."""
        self._calls.append(map_tensors(TensorSpec.of, (args, kwargs), (torch.Tensor,)))

    def get_total_flops(self, as_string: bool = False) -> Any:
        """FLOPs of all calls."""
        flops = self._profile().total.flops
        return number_to_string(flops) if as_string else flops

    def get_total_macs(self, as_string: bool = False) -> Any:
        """MACs of all calls."""
        macs = self._profile().total.macs
        return macs_to_string(macs) if as_string else macs

    def get_total_params(self, as_string: bool = False) -> Any:
        """Parameters of the model."""
        params = self._profile().total.params
        return params_to_string(params) if as_string else params

    def get_total_duration(self, as_string: bool = False) -> Any:
        """Not a number, or "unmeasured": nothing is timed."""
        return UNMEASURED if as_string else math.nan

    def print_model_profile(
        self,
        profile_step: int = 1,
        module_depth: int = -1,
        top_modules: int = 1,
        detailed: bool = True,
        output_file: str | None = None,
    ) -> None:
        """Print the report, or write it to a file; as in DeepSpeed, nothing before `start_profile`."""
        if not self.started:
            return
        profile = self._profile()
        self.flops, self.macs, self.params = profile.total
        known = not self._faithful
        text = report(profile, profile_step, module_depth, top_modules, detailed, self.ds_engine, known)
        _write(text, output_file)

    def print_model_aggregated_profile(self, module_depth: int = -1, top_modules: int = 1) -> None:
        """Print the classes with the most parameters and MACs at each depth."""
        print(aggregated(self._profile(), module_depth, top_modules))

    def _listen(self) -> None:
        if self._hook is None:
            note = lambda module, args, kwargs: self.profile(*args, **kwargs)  # noqa: E731
            self._hook = self.model.register_forward_pre_hook(note, with_kwargs=True)

    def _profile(self) -> Profile:
        """What every module costs, over the calls so far; the model is analyzed without the hook."""
        if not self.started:
            raise InputError("no profile is running: call start_profile() first")
        listening = self._hook is not None
        self.stop_profile()
        try:
            for args, kwargs in self._calls[len(self._analyses) :]:
                self._analyses.append(run(self.model, list(args), kwargs).analysis)
        finally:
            if listening:
                self._listen()
        return _COUNTER.profile(self.model, self._analyses, faithful=self._faithful, ignored=self._ignored)
