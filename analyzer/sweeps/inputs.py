"""The model of a job, built, and its inputs: those that were given, or those it usually takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from torch import nn

from analyzer.errors import InputError
from analyzer.zoo import Loaded, default_inputs, load
from analyzer.zoo.build import build
from analyzer.zoo.request import Request

if TYPE_CHECKING:
    from analyzer.sweeps.job import Job

__all__ = ["load_job"]

OF_USUAL_INPUTS = ("batch", "seq")


def load_job(job: Job, options: Mapping[str, Any]) -> Loaded:
    """The model of a job and its inputs.

    Args:
        job: what is asked for.
        options: those of its options that say how the model is built and fed.

    Raises:
        InputError: an option does not go with the model, or with the inputs that the job has.
    """
    given = bool(job.kwargs) or not (isinstance(job.args, (tuple, list)) and not job.args)
    for name in OF_USUAL_INPUTS:
        if given and options.get(name):
            raise InputError(f"{name} is for the inputs that a model usually takes, and this job has inputs of its own")
    loaded = load(job.model, **options) if isinstance(job.model, str) else _built(job.name, job.model, options)
    return Loaded(loaded.model, job.args, job.kwargs) if given else loaded


def _built(name: str, factory: Callable[..., Any], options: Mapping[str, Any]) -> Loaded:
    """What a function builds. Only named models have a configuration that could be changed."""
    size = options.get("image_size")
    request = Request(name, **{**options, "image_size": (size, size) if isinstance(size, int) else size})
    request.refuse("set", "head", "seq", "dtype", "trust_remote_code")
    if isinstance(factory, nn.Module):
        return Loaded(factory, default_inputs(factory, None, request))
    model = build(factory, {}, name)
    return Loaded(model, default_inputs(model, getattr(factory, "func", factory), request))  # a partial's function
