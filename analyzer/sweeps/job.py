"""One model of a sweep: the `Job` that asks, the `Result` that answers, and the function that workers run between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from analyzer.errors import InputError
from analyzer.sweeps.deadline import OutOfTime, time_limit

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["Job", "Result", "answer", "import_packages", "one_line", "took_too_long"]

# Options that say how a model is built and fed; the others are those of `analyze`.
BUILDING = ("set", "head", "batch", "seq", "image_size", "dtype", "trust_remote_code")

SIGNS = {"exact": "", "upper": "≤", "lower": "≥", "mixed": "≈"}


@dataclass(frozen=True, slots=True)
class Job:
    """A model to analyze, as it can be sent to another process: what builds it, and not the model.

    Attributes:
        name: what the result is called. In a results file it stands for the job: another job needs another name.
        model: what the command line takes (``"timm:resnet18"``), or a function that builds the model (a class, a
            `functools.partial`), which is called without weights, or an ``nn.Module``. When left out, it is the name.
        args: positional inputs, as `analyze` takes them. Where neither these nor ``kwargs`` are given, the model gets
            what it usually takes.
        kwargs: keyword inputs.
        options: ``training`` (False when left out), ``assume``, ``on_unknown`` and ``rules``, as `analyze` takes them;
            ``batch``, ``seq``, ``image_size``, ``dtype``, ``head`` and ``set``, as on the command line.

    >>> Job("timm:resnet18").model
    'timm:resnet18'
    """

    name: str
    model: str | Callable[..., Any] = ""
    args: Any = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip() or not self.name.isprintable():
            raise InputError(f"the name of a job is a line of text, not {self.name!r}")
        if not self.model:
            object.__setattr__(self, "model", self.name)


@dataclass(frozen=True, slots=True)
class Result:
    """What one model costs, or why nobody knows. The numbers of a model that failed are None.

    Attributes:
        name: the job's.
        params: elements of all parameters.
        macs: total in the convention ``macs``.
        flops: total in the convention ``flops``.
        all: total in the convention ``all``.
        param_bytes: bytes of all parameters.
        peak_bytes: most bytes of activations that are alive at once.
        inputs: the shapes of the inputs that the numbers hold for, as text.
        seconds: time that it took to build and analyze the model.
        bound: how sure the numbers are: ``exact``, ``upper``, ``lower`` or ``mixed``.
        error: what went wrong, in one line; empty where nothing did.

    >>> Result("small", params=40, macs=105, bound="upper").sign, Result("none", error="ShapeError: ...").ok
    ('≤', False)
    """

    name: str
    params: int | None = None
    macs: int | None = None
    flops: int | None = None
    all: int | None = None
    param_bytes: int | None = None
    peak_bytes: int | None = None
    inputs: str = ""
    seconds: float = 0.0
    bound: str = ""
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether there are numbers."""
        return not self.error

    @property
    def sign(self) -> str:
        """What stands in front of the numbers: nothing, ``≤``, ``≥`` or ``≈``."""
        return SIGNS.get(self.bound, "")


def answer(job: Job, timeout: float | None = None) -> Result:
    """Build the model, analyze it, and say what it costs or what went wrong; this is what runs in a worker.

    >>> from torch import nn
    >>> answer(Job("small", lambda: nn.Linear(7, 5), (3, 7))).macs
    105
    """
    start = time.perf_counter()
    try:
        import_packages(job)
        start = time.perf_counter()
        with time_limit(timeout), _one_thread():
            analysis = _analyze(job)
            numbers = _numbers(analysis)
    except OutOfTime:
        numbers = {"error": took_too_long(timeout)}
    except (Exception, SystemExit) as error:
        numbers = {"error": one_line(error)}
    return Result(job.name, seconds=round(time.perf_counter() - start, 4), **numbers)


def one_line(error: BaseException) -> str:
    """The kind of an error and all it says, in one line.

    >>> one_line(InputError("it is called with image", hint="say its shape"))
    'InputError: it is called with image; try say its shape'
    """
    lines = [" ".join(line.split()) for line in str(error).splitlines()]
    text = f"{type(error).__name__}: {'; '.join(filter(None, lines))}".removesuffix(": ")
    return text.encode("utf-8", "backslashreplace").decode()


def took_too_long(timeout: float | None) -> str:
    """The error of a job that was stopped."""
    return f"Timeout: it took more than {timeout:g} s"


def import_packages(job: Job) -> None:
    """Import packages before the clock starts: that takes seconds, once a process, and is not the model's doing."""
    from analyzer import api, zoo  # noqa: F401
    from analyzer.importing import ZOO_PACKAGES, import_named
    from analyzer.plugins import installed_rules

    installed_rules()
    place = job.model.partition(":")[0] if isinstance(job.model, str) else ""
    if place in ZOO_PACKAGES:
        import_named(place)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch from its threads: they do not survive a fork, and a process that waits for them waits for ever."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _analyze(job: Job) -> Analysis:
    from analyzer.api import analyze
    from analyzer.sweeps.inputs import load_job

    how = {name: value for name, value in job.options.items() if name not in BUILDING}
    loaded = load_job(job, {name: job.options[name] for name in BUILDING if name in job.options})
    return analyze(loaded.model, loaded.args, loaded.kwargs, **{"training": False, **how})


def _numbers(analysis: Analysis) -> dict[str, Any]:
    """The fields of a `Result`. Bounds lose their mark: it is told once, in a column of its own."""
    from analyzer.report.figures import ends
    from analyzer.report.numbers import shapes

    upper, lower = analysis.is_upper_bound, analysis.is_lower_bound
    return {
        "params": int(analysis.params),
        "macs": int(analysis.total("macs")),
        "flops": int(analysis.total("flops")),
        "all": int(analysis.total("all")),
        "param_bytes": int(analysis.param_bytes),
        "peak_bytes": int(analysis.memory.peak),
        "inputs": shapes(ends(analysis.graph).inputs),
        "bound": "mixed" if upper and lower else "upper" if upper else "lower" if lower else "exact",
    }
