"""``flopgraph formula`` and ``flopgraph plot``: costs as formulas of sizes that stay open."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analyzer import options as the
from analyzer.cli_model import analyze_loaded, load, tell_notes, write
from analyzer.errors import AnalyzerError, InputError

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["register"]

HELP = """What a model costs, as a formula of sizes that stay open, and where it holds.

A name in place of a number is a size that stays open. Where no --input is given, the sizes of batch (B), text (S) and
image (H, W) of a known package's model are, but for those that --batch, --seq and --image-size fix.

\b
Examples:
  flopgraph formula torchvision:resnet50
  flopgraph formula torchvision:resnet50 --input 1x3xHxW --assuming 'H % 32 == 0' --assuming 'W % 32 == 0'
  flopgraph formula transformers:llama --input input_ids=BxS:int64 --by module --depth 3 --crossings S
  flopgraph formula transformers:llama --at B=8,S=2048
  flopgraph formula torchvision:resnet50 --at H=512,W=512 --largest B --max-macs 10T
  flopgraph formula net.py:Net --input Bx3x64x64 --format python -o net_cost.py
"""

PLOT_HELP = """What the parts of a model cost as one size grows: stacked, on logarithmic axes, with where parts cross.

\b
Examples:
  flopgraph plot transformers:llama --vary S=128..131072 --at B=1 --by op -o llama.png
  flopgraph plot torchvision:resnet50 --vary H=64..1024 --at B=1,W=224 --depth 1 -o resnet50.svg
"""


def _named(example: str, help: str) -> Any:
    return typer.Option(metavar=example, help=f"{help} May be repeated.", show_default=False)


Hint = Annotated[list[str] | None, _named("NAME=N,...", "The size by which a branch is decided.")]
At = Annotated[list[str] | None, _named("NAME=N,...", "Sizes: a number in place of the formula.")]
Assuming = Annotated[list[str] | None, _named("CONDITION", "What holds too, such as 'H % 32 == 0'.")]
Rows = Annotated[str, typer.Option(metavar="total|module|op", help="What a line is.")]
Parts = Annotated[str, typer.Option(metavar="module|op", help="What a part is.")]
FormulaConvention = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="What counts as cost: flops, macs, all, flop_counter; both MACs and FLOPs when left out."
    ),
]
FormulaFormat = Annotated[str, typer.Option(metavar="text|latex|json|python", help="How formulas are written.")]
Crossings = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Say where parts outgrow each other as this size grows.", show_default=False),
]
Largest = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The largest size of this name within the limits.", show_default=False),
]
MaxMacs = Annotated[str | None, typer.Option(metavar="N", help="The most multiply-accumulates.", show_default=False)]
MaxFlops = Annotated[str | None, typer.Option(metavar="N", help="The most FLOPs.", show_default=False)]
MaxPeak = Annotated[
    str | None, typer.Option(metavar="BYTES", help="The most bytes of live activations.", show_default=False)
]
Vary = Annotated[str, typer.Option(metavar="NAME=FROM..TO", help="The size that grows.", show_default=False)]
Picture = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A .png, .svg or .pdf.")]


def register(
    app: typer.Typer,
    errors_as_text: Callable[[], AbstractContextManager[None]],
    progress: Callable[[str], AbstractContextManager[None]],
) -> None:
    """Add the commands to the command line, which says how it tells of errors and of time."""

    @app.command("formula", help=HELP, no_args_is_help=True)
    def formula(
        context: typer.Context,
        model: the.Model,
        inputs: the.Inputs = None,
        hint: Hint = None,
        by: Rows = "total",
        depth: the.Depth = None,
        convention: FormulaConvention = None,
        at: At = None,
        assuming: Assuming = None,
        crossings: Crossings = None,
        largest: Largest = None,
        max_macs: MaxMacs = None,
        max_flops: MaxFlops = None,
        max_peak: MaxPeak = None,
        format: FormulaFormat = "text",
        output: the.Output = None,
        kwargs: the.Kwargs = "{}",
        set: the.Setting = None,
        head: the.Head = None,
        batch: the.Batch = None,
        seq: the.Seq = None,
        image_size: the.ImageSize = None,
        dtype: the.Dtype = None,
        train: the.Train = False,
        assume: the.Assume = None,
        trust_remote_code: the.Trust = False,
    ) -> None:
        """Write a model's cost as formulas."""
        with errors_as_text():
            with progress(f"analyzing {model}"), contextlib.redirect_stdout(sys.stderr):
                text = _formulas(model, context.params)
            write(text, output)

    @app.command("plot", help=PLOT_HELP, no_args_is_help=True)
    def plot(
        context: typer.Context,
        model: the.Model,
        vary: Vary,
        output: Picture,
        inputs: the.Inputs = None,
        hint: Hint = None,
        by: Parts = "module",
        depth: the.Depth = None,
        convention: the.ConventionName = "flops",
        at: At = None,
        kwargs: the.Kwargs = "{}",
        set: the.Setting = None,
        head: the.Head = None,
        batch: the.Batch = None,
        seq: the.Seq = None,
        image_size: the.ImageSize = None,
        dtype: the.Dtype = None,
        train: the.Train = False,
        assume: the.Assume = None,
        trust_remote_code: the.Trust = False,
    ) -> None:
        """Draw how a model's cost grows."""
        with errors_as_text():
            with progress(f"analyzing {model}"), contextlib.redirect_stdout(sys.stderr):
                text = _plot(model, context.params)
            typer.echo(text, nl=False)


def _formulas(model: str, given: dict[str, Any]) -> str:
    from analyzer.conventions import convention
    from analyzer.report import formulas
    from analyzer.zoo import parse_named_sizes

    if given["by"] not in ("total", "module", "op"):
        raise InputError(f"formulas are by total, module or op, and not by {given['by']!r}")
    if given["format"] not in formulas.FORMATS:
        raise InputError(f"formulas have the formats {', '.join(formulas.FORMATS)}, and not {given['format']!r}")
    names = [given["convention"]] if given["convention"] else ["macs", "flops"]
    weighs = [convention(name) for name in names]
    sizes = parse_named_sizes(given["at"] or [], "--at")
    limits = _limits(given)
    analysis = analyze_open(model, given)
    if given["largest"]:
        return _largest(analysis, given["largest"], limits, sizes)
    if given["by"] == "module":
        lines = formulas.by_module(analysis, weighs[-1], given["depth"])
    elif given["by"] == "op":
        lines = formulas.by_op(analysis, weighs[-1])
    else:
        lines = formulas.totals(analysis, weighs)
    lines = formulas.assuming(lines, given["assuming"] or [])
    if given["crossings"]:
        fixed = {name: size for name, size in sizes.items() if name != given["crossings"]}
        told = [f"{line}\n" for line in formulas.crossings(lines, given["crossings"], fixed)]
        return "".join(told) or f"no part outgrows another as {given['crossings']} grows\n"
    return formulas.export(analysis, lines, given["format"], sizes)


def _limits(given: dict[str, Any]) -> dict[str, int]:
    from analyzer.quantities import parse_quantity

    names = [name for name in ("max_macs", "max_flops", "max_peak") if given[name] is not None]
    if bool(names) != bool(given["largest"]):
        raise InputError("--largest takes a name and at least one limit", hint="--largest B --max-macs 10T")
    return {name: parse_quantity(given[name], f"--{name.replace('_', '-')}", bytes="peak" in name) for name in names}


def _largest(analysis: Analysis, name: str, limits: dict[str, int], sizes: dict[str, int]) -> str:
    """The size within all limits, and a line on each: what it allows, and what that takes."""
    from analyzer.report.numbers import human
    from analyzer.symbolic.search import largest

    numbers = {
        "max_macs": analysis.total("macs"),
        "max_flops": analysis.total("flops"),
        "max_peak": analysis.memory.peak if "max_peak" in limits else 0,
    }
    words = {"max_peak": " B peak", "max_macs": " MACs", "max_flops": " FLOPs"}
    found = {}
    for limit, budget in limits.items():
        size = largest(numbers[limit], name, budget, **sizes)
        cost = numbers[limit].at(**{**sizes, name: size})  # type: ignore[attr-defined]
        option = f"--{limit.replace('_', '-')} {human(budget, 'B' if limit == 'max_peak' else '')}"
        found[size] = f"{name} = {size:,} is the largest within {option}: {cost:,}{words[limit]}\n"
    return "".join(found[size] for size in sorted(found))


def _plot(model: str, given: dict[str, Any]) -> str:
    from analyzer.conventions import convention
    from analyzer.report import charts, formulas, growth
    from analyzer.zoo import parse_named_sizes, parse_range

    charts.check(given["output"])
    if given["by"] not in ("module", "op"):
        raise InputError(f"parts are by module or op, and not by {given['by']!r}")
    weigh = convention(given["convention"])
    name, low, high = parse_range(given["vary"])
    sizes = parse_named_sizes(given["at"] or [], "--at")
    analysis = analyze_open(model, given)
    drawn = growth.figure(analysis, name, low, high, sizes, weigh, given["by"], given["depth"])
    drawn.savefig(given["output"], dpi=160)
    lines = growth.parts(analysis, weigh, given["by"], given["depth"])
    return "".join(f"{line}\n" for line in formulas.crossings(lines, name, sizes))


def analyze_open(model: str, given: dict[str, Any]) -> Analysis:
    """Analyze a model with open sizes: those in its --input, and those of its usual inputs that no option fixes.

    A model that refuses some sizes, as those with a table of positions do, is tried with fewer open ones.
    """
    from analyzer.zoo import parse_named_sizes
    from analyzer.zoo.opening import load_open, open_names, openings

    inputs, hints = given["inputs"] or [], parse_named_sizes(given["hint"] or [], "--hint")
    options = {"head": given["head"], "trust_remote_code": given["trust_remote_code"]}

    def built(**sizes: int | None) -> Any:
        settings = given["set"] or []
        return load(model, given["kwargs"], settings, given["image_size"], given["dtype"], {**options, **sizes})

    loaded, tokens = load_open(built, given["batch"], given["seq"])
    tell_notes(loaded)
    refusal: AnalyzerError | None = None
    for opened, usual in openings(loaded, given["image_size"] is None):
        names = open_names(opened, inputs, model)
        if not names:
            break
        wanted = {name: size for name, size in (tokens | usual).items() if name in names} | hints
        try:
            analysis = analyze_loaded(model, opened, inputs, given["assume"] or [], given["train"], "raise", wanted)
        except AnalyzerError as error:
            refusal = refusal or error
            continue
        if refusal is not None:
            typer.echo(f"note: not open for every size: {refusal.message}", err=True)
        return analysis
    raise refusal or InputError(f"no size of {model} is open", hint="--input Bx3xHxW, --input input_ids=BxS:int64")
