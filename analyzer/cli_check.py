"""``flopgraph check``: a gate for continuous integration."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer

from analyzer import options as the
from analyzer.cli_model import analyze_loaded, load, tell_notes
from analyzer.errors import InputError

__all__ = ["register"]

HELP = """Stop where a model costs more than it may, or than it did.

Limits are numbers such as 26M, 4.2G or 10MB. A baseline is a file that keeps what models cost, each by the options it
is built and called with; --update writes this model's into it. A number that is at most so much (≤) counts as that; one
that is at least so much (≥), for want of a rule, passes no limit without --allow-missing.

\b
Examples:
  flopgraph check torchvision:resnet50 --max-params 26M --max-macs 4.2G --max-peak 10MB
  flopgraph check net.py:Net --input 1x3x64x64 --baseline costs.json --update
  flopgraph check net.py:Net --input 1x3x64x64 --baseline costs.json --tolerance 1%

\b
Exit codes:
  0  the model stays within all limits
  1  it does not: a line a limit is on stdout; or it could not be analyzed: that is on stderr
  2  the command or the baseline is wrong
"""


def _limit(what: str, metavar: str = "N") -> Any:
    return typer.Option(metavar=metavar, help=f"The most {what}.", show_default=False)


Params = Annotated[str | None, _limit("elements of parameters")]
Macs = Annotated[str | None, _limit("multiply-accumulates")]
Flops = Annotated[str | None, _limit("FLOPs")]
Peak = Annotated[str | None, _limit("bytes of activations alive at once", "BYTES")]
Activation = Annotated[str | None, _limit("bytes of one activation", "BYTES")]
ParamBytes = Annotated[str | None, _limit("bytes of parameters", "BYTES")]
BaselineFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="What models cost before, as JSON.", show_default=False)
]
Tolerance = Annotated[str, typer.Option(metavar="N%", help="By how much it may cost more than before.")]
Update = Annotated[bool, typer.Option("--update", help="Write what the model costs now into the baseline.")]
AllowMissing = Annotated[bool, typer.Option("--allow-missing", help="Let pass what calls of unknown cost add to.")]


def register(
    app: typer.Typer,
    errors_as_text: Callable[[], AbstractContextManager[None]],
    progress: Callable[[str], AbstractContextManager[None]],
) -> None:
    """Add the command to the command line, which says how it tells of errors and of time."""

    @app.command("check", help=HELP, no_args_is_help=True)
    def check_model(
        context: typer.Context,
        model: the.Model,
        max_params: Params = None,
        max_macs: Macs = None,
        max_flops: Flops = None,
        max_peak: Peak = None,
        max_activation: Activation = None,
        max_param_bytes: ParamBytes = None,
        baseline: BaselineFile = None,
        tolerance: Tolerance = "0%",
        update: Update = False,
        allow_missing: AllowMissing = False,
        inputs: the.Inputs = None,
        kwargs: the.Kwargs = "{}",
        set: the.Setting = None,
        head: the.Head = None,
        batch: the.Batch = None,
        seq: the.Seq = None,
        image_size: the.ImageSize = None,
        dtype: the.Dtype = None,
        train: the.Train = False,
        assume: the.Assume = None,
        on_unknown: the.OnUnknown = "raise",
        trust_remote_code: the.Trust = False,
    ) -> None:
        """Check one model."""
        given = context.params
        with errors_as_text():
            with progress(f"analyzing {model}"), contextlib.redirect_stdout(sys.stderr):
                from analyzer.limits import check
                from analyzer.measures import LIMITS

                limits = {name: given[name] for name in LIMITS if given[name] is not None}
                kept = _kept(model, given, limits)
                options = {"head": head, "batch": batch, "seq": seq, "trust_remote_code": trust_remote_code}
                loaded = load(model, kwargs, set or [], image_size, dtype, options)
                analysis = analyze_loaded(model, loaded, inputs or [], assume or [], train, on_unknown)
            tell_notes(loaded)
            if update and baseline is not None:
                _update(model, given, analysis)
            if limits or kept is not None:
                rest: dict[str, Any] = {"baseline": kept, "tolerance": tolerance, "allow_missing": allow_missing}
                found = check(analysis, **limits, **rest)
                for finding in found.findings:
                    typer.echo(f"{model}: {finding.told(option=True)}")
                raise typer.Exit(0 if found.passed else 1)


def _kept(model: str, given: dict[str, Any], limits: dict[str, str]) -> dict[str, Any] | None:
    """What the baseline has on the model, every option looked at before the model is; None where nothing is compared.

    Raises:
        InputError: an option is wrong, or the baseline has nothing on it.
    """
    from analyzer.baseline import Baseline
    from analyzer.measures import LIMITS
    from analyzer.quantities import parse_quantity, parse_tolerance

    for name, limit in limits.items():
        parse_quantity(limit, f"--{name.replace('_', '-')}", bytes=bool(LIMITS[name].unit))
    parse_tolerance(given["tolerance"], "--tolerance")
    path = given["baseline"]
    if path is None:
        if given["update"]:
            raise InputError("--update says no file", hint="--baseline costs.json --update")
        if not limits:
            raise InputError("there is nothing to check", hint="--max-macs 4.2G, or --baseline costs.json")
        return None
    if given["update"]:
        Baseline.read(path, missing_ok=True)
        return None
    if not path.exists():
        raise InputError(f"there is no baseline {path} yet", hint="--update")
    before = Baseline.read(path)
    try:
        return before.entry(_key(model, given))
    except InputError as error:
        error.hint = "--update"
        raise


def _update(model: str, given: dict[str, Any], analysis: Any) -> None:
    from analyzer.baseline import Baseline, entry

    path, key = given["baseline"], _key(model, given)
    Baseline(path).write(key, entry(analysis))
    typer.echo(f"{model}: written to {path}")


def _key(model: str, given: dict[str, Any]) -> str:
    """The command's words that say what is analyzed: the model, and the options that it is built and called with.

    >>> _key("net.py:Net", {"inputs": ["1x3", "2x5"], "batch": 2, "train": True, "kwargs": "{}", "max_macs": "4G"})
    'net.py:Net --batch 2 --input 1x3 --input 2x5 --train'
    """
    words = [model]
    for name, usual in BUILT_WITH.items():
        value = given.get(name)
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if item not in (None, False, usual):
                option = f"--{'input' if name == 'inputs' else name.replace('_', '-')}"
                words += [option] if item is True else [option, str(item)]
    return shlex.join(words)


BUILT_WITH = dict.fromkeys(("assume", "batch", "dtype", "head", "image_size", "inputs")) | {
    "kwargs": "{}", "on_unknown": "raise", "seq": None, "set": None, "train": None
}  # fmt: skip
"""The options that say what is analyzed, and what they are when left out."""
