"""``flopgraph sweep``: many models at once, in processes of their own.

The models are built there and so are their names listed: this process imports neither torch nor a model package, and
answers to Ctrl-C at once.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analyzer import options as the

if TYPE_CHECKING:
    from analyzer.sweeps import Job, Result

__all__ = ["register"]

HELP = """What many models cost: one row a model, in the order in which the answers come.

A model is written as for flopgraph MODEL, or as a pattern over the names of torchvision, timm or transformers. A model
that fails, hangs or crashes is a row with its error. Models that are in FILE already are not analyzed again.

\b
Examples:
  flopgraph sweep 'timm:vit_*' 'torchvision:*' --jobs 2 -o zoo.csv
  flopgraph sweep 'timm:*' -o zoo.csv --timeout 60 --plot pareto.png
  flopgraph sweep 'transformers:*' --seq 512 -o types.jsonl
  flopgraph sweep torchvision:resnet50 net.py:Net --batch 8

\b
Exit codes:
  0    every model gave an answer
  1    some did not: their rows hold the reasons
  2    the command is wrong
  130  interrupted: FILE holds what was done, and the same command goes on from there
"""

REASONS = 5  # errors that the summary shows

Patterns = Annotated[
    list[str], typer.Argument(metavar="MODEL...", help="Models, and patterns such as 'timm:vit_*'.", show_default=False)
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, metavar="N", help="How many models at once.")]
Results = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Append to a .csv or .jsonl file; else CSV on stdout.",
        show_default=False,
    ),
]
Timeout = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Time that one model may take.", show_default=False)
]
Retry = Annotated[bool, typer.Option("--retry", help="Analyze again what failed according to FILE.")]
Plot = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Draw parameters against MACs: a .png, .svg or .pdf.", show_default=False),
]


def register(app: typer.Typer, errors_as_text: Callable[[], AbstractContextManager[None]]) -> None:
    """Add the command to the command line, which says how it tells of errors."""

    @app.command("sweep", help=HELP, no_args_is_help=True)
    def sweep_models(
        patterns: Patterns,
        jobs: Jobs = 1,
        output: Results = None,
        timeout: Timeout = None,
        batch: the.Batch = None,
        seq: the.Seq = None,
        image_size: the.ImageSize = None,
        dtype: the.Dtype = None,
        head: the.Head = None,
        set: the.Setting = None,
        train: the.Train = False,
        retry: Retry = False,
        plot: Plot = None,
    ) -> None:
        """Analyze many models."""
        with errors_as_text():
            asked = {"batch": batch, "seq": seq, "image_size": image_size, "dtype": dtype, "head": head, "set": set}
            given = {name: value for name, value in asked.items() if value} | ({"training": True} if train else {})
            results = _sweep(patterns, given, jobs, output, timeout, retry, plot)
        if not all(result.ok for result in results):
            raise typer.Exit(1)


def _sweep(
    patterns: list[str],
    given: dict[str, Any],
    workers: int,
    output: Path | None,
    timeout: float | None,
    retry: bool,
    plot: Path | None,
) -> list[Result]:
    from analyzer.sweeps import pareto, sweep

    if plot is not None:
        pareto.check(plot)
    start, results = time.monotonic(), []
    with _workers(workers) as pool:
        jobs = pool.submit(_jobs, patterns, given).result()
        answers = sweep(jobs, pool, timeout=timeout, results=output, retry=retry, max_pending=2 * workers)
        with _bar(len(jobs)) as advance:
            for result in answers if output is not None else _printed(answers):
                results.append(result)
                advance(result)
    typer.echo(_summary(results, time.monotonic() - start, output), err=True)
    if plot is not None:
        pareto.save(results, plot)
    return results


def _jobs(patterns: list[str], given: dict[str, Any]) -> list[Job]:
    """The jobs of a command. Options are part of their names, as the same model costs something else with others."""
    from analyzer.sweeps import Job
    from analyzer.sweeps.patterns import expand
    from analyzer.zoo import parse_input, parse_setting, parse_size

    options = dict(given)
    if "image_size" in given:
        options["image_size"] = parse_size(given["image_size"])
    if "set" in given:
        options["set"] = dict(map(parse_setting, given["set"]))
    if "dtype" in given:
        parse_input(f"scalar:{given['dtype']}")  # a wrong one is told now, and not once a model
    words = "".join(f" {word}" for name, value in given.items() for word in _option(name, value))
    return [Job(text + words, text, options=options) for text in expand(patterns)]


def _option(name: str, value: Any) -> list[str]:
    """An option as it was given.

    >>> _option("image_size", "336"), _option("set", ["width=5", "depth=2"]), _option("training", True)
    (['--image-size 336'], ['--set width=5', '--set depth=2'], ['--train'])
    """
    if name == "training":
        return ["--train"]
    values = value if isinstance(value, list) else [value]
    return [f"--{name.replace('_', '-')} {item}" for item in values]


@contextmanager
def _workers(count: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that come from a clean one, which imports torch once: one in place of a dead one is there at once."""
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["analyzer.sweeps.inputs"])
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin)
    try:
        yield pool
    except BaseException:
        for process in multiprocessing.active_children():  # nobody waits for what they do
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _begin() -> None:
    """Make a worker quiet: Ctrl-C is for the first process, and stdout is for results."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout = sys.stderr
    warnings.simplefilter("ignore")


def _printed(results: Iterable[Result]) -> Iterator[Result]:
    """Print results as CSV as they come."""
    from analyzer.sweeps.file import header_of, line_of

    typer.echo(header_of("csv"), nl=False)
    for result in results:
        typer.echo(line_of(result, "csv"), nl=False)
        yield result


@contextmanager
def _bar(total: int) -> Iterator[Callable[[Result], None]]:
    """A bar on the terminal that says how many are done and how many failed."""
    if not sys.stderr.isatty():
        yield lambda result: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    failures, name = TextColumn("{task.fields[failed]}"), TextColumn("[dim]{task.description}")
    columns = (BarColumn(), MofNCompleteColumn(), failures, TimeRemainingColumn(elapsed_when_finished=True), name)
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task, failed = progress.add_task("", total=total, failed=""), 0

        def advance(result: Result) -> None:
            nonlocal failed
            failed += not result.ok
            progress.update(task, advance=1, description=result.name, failed=f"{failed} failed" if failed else "")

        yield advance


def _summary(results: list[Result], seconds: float, output: Path | None) -> str:
    """How many models gave an answer, and why the first of the others did not."""
    failed = [result for result in results if not result.ok]
    where = f", in {output}" if output is not None else ""
    lines = [f"{len(results) - len(failed):,} ok, {len(failed):,} failed, {seconds:.1f} s{where}"]
    lines += [f"  {result.name}   {result.error:.200}" for result in failed[:REASONS]]
    if len(failed) > REASONS:
        lines.append(f"  and {len(failed) - REASONS} more")
    return "\n".join(lines)
