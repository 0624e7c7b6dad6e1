"""The command line: arguments -> analyze -> report. This file and the options beside it alone import typer.

torch is imported when there is something to analyze, so that ``--help`` is quick.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

try:
    import typer
    from typer.core import TyperCommand, TyperGroup
except ModuleNotFoundError:
    print("the command flopgraph needs two small packages more: pip install 'flopgraph[cli]'", file=sys.stderr)
    sys.exit(2)

from analyzer import cli_check, cli_compare, cli_diff, cli_formula, cli_sweep, options as the
from analyzer.cli_model import analyze_loaded, load, tell_notes
from analyzer.cli_open import page_file, show
from analyzer.errors import AnalyzerError, InputError

__all__ = ["app", "main"]

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

HELP = """What a PyTorch model costs, and where, before a single weight exists.

The model is built without weights and never run; every number is exact, or marked with ≤ or ≥.

\b
Examples:
  flopgraph torchvision:resnet50 --batch 8 --image-size 256
  flopgraph timm:vit_base_patch16_224 --by op
  flopgraph transformers:llama --head causal-lm --set num_hidden_layers=80 --seq 2048
  flopgraph path/to/config.json --dtype bfloat16
  flopgraph diffusers:UNet2DConditionModel
  flopgraph model.py:make_model --input ids=2x128:int64 --kwargs '{"width": 64}'
  flopgraph package.module:Class --input 1x80x3000 --convention macs --depth 3
  flopgraph torchvision:resnet50 --by node --format csv -o resnet50.csv
  flopgraph torchvision:resnet50 -o resnet50.html --open
  flopgraph torchvision:resnet50 -o resnet50.svg --plot stages.png
  flopgraph torchvision:resnet50 -o resnet50.graphml
  flopgraph sweep 'timm:vit_*' --jobs 2 -o zoo.csv
  flopgraph compare torchvision:swin_t --tools thop,fvcore
  flopgraph diff torchvision:resnet50 torchvision:wide_resnet50_2
  flopgraph check torchvision:resnet50 --max-params 26M --max-macs 4.2G
  flopgraph formula torchvision:resnet50
  flopgraph plot transformers:llama --vary S=128..131072 --at B=1 -o llama.png
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


@app.command(cls=DefaultCommand, help=HELP, no_args_is_help=True)
def analyze(
    model: the.Model,
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
    convention: the.ConventionName = "flops",
    by: the.By = "module",
    depth: the.Depth = None,
    format: the.Format = None,
    output: the.Output = None,
    open: the.Open = False,
    plot: the.Plot = None,
    version: the.Version = False,
) -> None:
    """Analyze one model."""
    with _errors_as_text():
        with _progress(f"analyzing {model}"), contextlib.redirect_stdout(sys.stderr):
            from analyzer import report
            from analyzer.report import charts

            if open:
                output, format = page_file(model, output, format), "html"
            format = format or ("table" if output is None else report.format_of(output))
            weigh = report.check(format, by, convention)
            if plot is not None:
                charts.check(plot)
            options = {"head": head, "batch": batch, "seq": seq, "trust_remote_code": trust_remote_code}
            loaded = load(model, kwargs, set or [], image_size, dtype, options)
            analysis = analyze_loaded(model, loaded, inputs or [], assume or [], train, on_unknown)
        tell_notes(loaded)
        if plot is not None:
            charts.save(analysis, plot, weigh, depth)
        if depth is None and format == "table":
            depth = 2
        if output is not None:
            try:
                report.save(analysis, output, format, by=by, convention=convention, depth=depth)
            except OSError as error:
                raise InputError(f"{output} cannot be written: {error.strerror}") from None
            if open:
                show(output)
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


@app.command("rules", help=RULES_HELP)
def list_rules(name: the.RuleName = None, markdown: the.Markdown = False) -> None:
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


@contextlib.contextmanager
def _errors_as_text() -> Iterator[None]:
    """Errors that are meant for people go to stderr as they read, and become exit codes."""
    try:
        yield
    except AnalyzerError as error:
        from analyzer.zoo.spoken import spoken

        typer.echo(f"{type(error).__name__}: {spoken(error)}", err=True)
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


cli_sweep.register(app, _errors_as_text)
cli_compare.register(app, _errors_as_text, _progress)
cli_diff.register(app, _errors_as_text, _progress)
cli_check.register(app, _errors_as_text, _progress)
cli_formula.register(app, _errors_as_text, _progress)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no reason to fail
    app(prog_name="flopgraph")
