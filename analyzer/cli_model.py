"""The model and the inputs that a command names: what every command that analyzes one begins with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from analyzer.errors import AnalyzerError, InputError

if TYPE_CHECKING:
    from analyzer.analysis import Analysis
    from analyzer.zoo import Loaded

__all__ = ["analyze_loaded", "format_of", "load", "tell_notes", "write"]


def load(
    model: str,
    kwargs: str,
    settings: list[str],
    image_size: str | None,
    dtype: str | None,
    options: dict[str, Any],
) -> Loaded:
    """Build the model without weights.

    Args:
        model: as the command line takes it.
        kwargs: keyword arguments of its constructor, a JSON object.
        settings: ``NAME=VALUE`` of its configuration.
        image_size: ``HxW``.
        dtype: its name.
        options: more options of `analyzer.zoo.load`.
    """
    from analyzer import zoo

    size = zoo.parse_size(image_size) if image_size else None
    given = dict(map(zoo.parse_setting, settings))
    return zoo.load(model, _json_object(kwargs), set=given, image_size=size, dtype=dtype, **options)


def analyze_loaded(
    model: str,
    loaded: Loaded,
    inputs: list[str],
    assume: list[str],
    train: bool,
    on_unknown: str,
    hints: Mapping[str, int] | None = None,
) -> Analysis:
    """Analyze a model on the inputs given, and on those it usually takes where none are."""
    from analyzer.api import analyze
    from analyzer.zoo import call_of, parse_assumption, parse_input, written

    args, kwargs = call_of(loaded, map(parse_input, inputs), model)
    answers = dict(map(parse_assumption, assume))
    try:
        return analyze(loaded.model, args, kwargs, training=train, assume=answers, on_unknown=on_unknown, hints=hints)
    except AnalyzerError as error:
        if loaded.kwargs and not error.hint:
            usual = " ".join(written(*item) for item in kwargs.items() if item[0] in loaded.kwargs)
            error.hint = f"inputs of your own (--input NAME=...; NAME=null leaves one out) for {usual}"
        raise


def tell_notes(loaded: Loaded) -> None:
    """Write remarks on how the model was built to stderr."""
    for note in loaded.notes:
        typer.echo(f"note: {note}", err=True)


def format_of(format: str | None, output: Path | None) -> str:
    """The format asked for, or that of the file's suffix, or a table."""
    from analyzer.report import SUFFIXES

    suffix = "table" if output is None else output.suffix.removeprefix(".").lower()
    return format or SUFFIXES.get(suffix, suffix)


def write(text: str, output: Path | None) -> None:
    """Write to a file, or to stdout where there is none.

    Raises:
        InputError: the file cannot be written.
    """
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror}") from None


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"--kwargs is no JSON: {error}", hint="--kwargs '{\"num_classes\": 10}'") from None
    if not isinstance(value, dict):
        raise InputError(f"--kwargs takes a JSON object, not {text}", hint="--kwargs '{\"num_classes\": 10}'")
    return value
