"""The command line: arguments -> analyze -> report. The only file that imports typer.

torch is imported when there is something to analyze, so that ``--help`` is quick.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

try:
    import typer
    from typer.core import TyperCommand, TyperGroup
except ModuleNotFoundError:
    print("the command flopgraph needs two small packages more: pip install 'flopgraph[cli]'", file=sys.stderr)
    sys.exit(2)

from analyzer.errors import AnalyzerError, InputError

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["app", "main"]

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

HELP = """What a PyTorch model costs, and where, before a single weight exists.

The model is built without weights and never run; every number is exact, or marked with ≤ or ≥.

\b
Examples:
  flopgraph torchvision:resnet50
  flopgraph torchvision:vit_b_16 --by op
  flopgraph torchvision:resnet50 --kwargs '{"num_classes": 10}' --input 8x3x256x256
  flopgraph model.py:make_model --input ids=2x128:int64 --depth 3
  flopgraph package.module:Class --input 1x80x3000 --convention macs
  flopgraph torchvision:resnet50 --by node --format csv -o resnet50.csv
  flopgraph torchvision:resnet50 -o resnet50.graphml
  flopgraph rules
  flopgraph rules torch.nn.functional.conv2d

\b
Exit codes:
  0    the answer is on stdout, or in the file
  1    the model could not be analyzed: what, where and what to do is on stderr
  2    the command is wrong: an option, a model's name, an input, a missing package
  130  interrupted
"""


class Commands(TyperGroup):
    """``flopgraph MODEL`` is ``flopgraph analyze MODEL``: what is no command's name is analyzed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default command in front; a model's name has a colon, so none is a command's."""
        if not args or args[0] not in self.commands:
            args = ["analyze", *args]
        return super().parse_args(ctx, args)


class DefaultCommand(TyperCommand):
    """The command whose name may be left out, and is in its usage line."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """Write ``Usage: flopgraph [OPTIONS] MODEL``."""
        formatter.write_usage(ctx.parent.command_path, " ".join(self.collect_usage_pieces(ctx)))


app = typer.Typer(cls=Commands, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.callback()
def _commands() -> None:
    """What PyTorch models cost."""


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"flopgraph {metadata.version('flopgraph')}")
        raise typer.Exit(OK)


Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="torchvision:NAME, timm:NAME, package.module:Class or path/to/file.py:make_model.",
        show_default=False,
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="[NAME=]SHAPE[:DTYPE]",
        help="One tensor: 1x3x224x224, or mask=2x128:bool for a keyword. May be repeated. "
        "What torchvision's and timm's models usually take is known.",
        show_default=False,
    ),
]
Kwargs = Annotated[
    str, typer.Option(metavar="JSON", help="Keyword arguments of the model's constructor.", show_default=False)
]
ConventionName = Annotated[
    str, typer.Option(metavar="NAME", help="What counts as cost: flops, macs, all, flop_counter.")
]
By = Annotated[str, typer.Option(metavar="module|op|node", help="What a row of a table, csv or md is.")]
Depth = Annotated[
    int | None,
    typer.Option(min=0, metavar="N", help="Levels of modules to show: 2 in a table, else all.", show_default=False),
]
Train = Annotated[bool, typer.Option("--train", help="Analyze the model in training mode.")]
Format = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help="table, json, csv, md, graphml, gexf, dot or nodelink; when left out, the suffix of FILE, else table.",
        show_default=False,
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.", show_default=False)
]
Version = Annotated[bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)]


@app.command(cls=DefaultCommand, help=HELP, no_args_is_help=True)
def analyze(
    model: Model,
    inputs: Inputs = None,
    kwargs: Kwargs = "{}",
    convention: ConventionName = "flops",
    by: By = "module",
    depth: Depth = None,
    train: Train = False,
    format: Format = None,
    output: Output = None,
    version: Version = False,
) -> None:
    """Analyze one model."""
    with _errors_as_text():
        with _progress(f"analyzing {model}"), contextlib.redirect_stdout(sys.stderr):
            from analyzer import report

            format = format or ("table" if output is None else report.format_of(output))
            report.check(format, by, convention)
            analysis = _analyze(model, inputs or [], _json_object(kwargs), train)
        if depth is None and format == "table":
            depth = 2
        if output is not None:
            try:
                report.save(analysis, output, format, by=by, convention=convention, depth=depth)
            except OSError as error:
                raise InputError(f"{output} cannot be written: {error.strerror}") from None
        elif format == "table":
            analysis.table(by=by, convention=convention, depth=depth).print(sys.stdout)
        else:
            typer.echo(analysis.export(format, by=by, convention=convention, depth=depth), nl=False)


RULES_HELP = """What is known about every operation: its formula and shapes, what is counted, by which source.

\b
Examples:
  flopgraph rules
  flopgraph rules --markdown
  flopgraph rules torch.nn.functional.conv2d
  flopgraph rules nn.LSTM
"""
RuleName = Annotated[
    str | None,
    typer.Argument(
        metavar="OPERATION",
        help="Explain one: torch.nn.functional.conv2d, nn.Conv2d, or a bare conv2d.",
        show_default=False,
    ),
]
Markdown = Annotated[bool, typer.Option("--markdown", help="As a Markdown table.")]


@app.command("rules", help=RULES_HELP)
def list_rules(name: RuleName = None, markdown: Markdown = False) -> None:
    """List the rules, or explain one."""
    with _errors_as_text():
        with _progress("reading rules"), contextlib.redirect_stdout(sys.stderr):
            from analyzer import report
            from analyzer.plugins import installed_rules
            from analyzer.report import rulebook

            rules = installed_rules()
            found = rulebook.entries(rules)
        if markdown:
            typer.echo(rulebook.to_markdown(rulebook.find(found, name) if name else found), nl=False)
        elif name:
            typer.echo(rulebook.explanation(found, name), nl=False)
        else:
            report.listing(rules).print(sys.stdout)


def _analyze(model: str, inputs: list[str], kwargs: dict[str, Any], train: bool) -> Analysis:
    """Build the model without weights and analyze it on the inputs given, or on those it usually takes."""
    from analyzer.api import analyze
    from analyzer.zoo import load, missing_inputs, parse_input

    parsed = [parse_input(text) for text in inputs]
    loaded = load(model, kwargs)
    args = tuple(spec for name, spec in parsed if not name) or loaded.args
    keywords = {name: spec for name, spec in parsed if name}
    if missing := missing_inputs(loaded.model, args, keywords):
        example = " ".join(f"--input {name}=1x3x224x224" for name in missing)
        raise InputError(f"{model} is called with {', '.join(missing)}: say their shapes", hint=example)
    return analyze(loaded.model, args, keywords, training=train)


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"--kwargs is no JSON: {error}", hint="--kwargs '{\"num_classes\": 10}'") from None
    if not isinstance(value, dict):
        raise InputError(f"--kwargs takes a JSON object, not {text}", hint="--kwargs '{\"num_classes\": 10}'")
    return value


@contextlib.contextmanager
def _errors_as_text() -> Iterator[None]:
    """Errors that are meant for people go to stderr as they read, and become exit codes."""
    try:
        yield
    except AnalyzerError as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise typer.Exit(USAGE if isinstance(error, InputError) else FAILED) from None
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(INTERRUPTED) from None


@contextlib.contextmanager
def _progress(text: str, after: float = 1.0) -> Iterator[None]:
    """A line on the terminal that counts the seconds, once there are some; gone when it is done."""
    terminal = sys.stderr
    if not terminal.isatty():
        yield
        return
    done = threading.Event()

    def show() -> None:
        start, wait = time.monotonic(), after
        while not done.wait(wait):
            terminal.write(f"\r{text} ... {time.monotonic() - start:.0f} s")
            terminal.flush()
            wait = 0.25
        if wait != after:
            terminal.write("\r\x1b[K")
            terminal.flush()

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no reason to fail
    app(prog_name="flopgraph")
