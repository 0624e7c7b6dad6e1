"""``flopgraph compare``: what other tools say of a model, what is true, and why they differ."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated

import typer

from analyzer import options as the
from analyzer.cli_model import analyze_loaded, format_of, load, tell_notes, write

__all__ = ["register"]

HELP = """What other tools say of a model, what is true, and the difference broken down to its causes.

The model is analyzed once; none of the tools is run, or need be installed. Tools: thop, ultralytics_thop, ptflops,
ptflops_aten, fvcore, torchinfo, calflops, calflops_macs, deepspeed, deepspeed_macs, flop_counter, flop_counter_cpu.

\b
Examples:
  flopgraph compare torchvision:swin_t --tools thop,ptflops,fvcore,flop_counter
  flopgraph compare timm:vit_base_patch16_224
  flopgraph compare net.py:Net --input 1x3x64x64 --format md
"""

Tools = Annotated[str, typer.Option(metavar="NAME,...", help="Which tools; all when left out.", show_default=False)]


def register(
    app: typer.Typer,
    errors_as_text: Callable[[], AbstractContextManager[None]],
    progress: Callable[[str], AbstractContextManager[None]],
) -> None:
    """Add the command to the command line, which says how it tells of errors and of time."""

    @app.command("compare", help=HELP, no_args_is_help=True)
    def compare_tools(
        model: the.Model,
        tools: Tools = "",
        inputs: the.Inputs = None,
        kwargs: the.Kwargs = "{}",
        set: the.Setting = None,
        head: the.Head = None,
        batch: the.Batch = None,
        seq: the.Seq = None,
        image_size: the.ImageSize = None,
        dtype: the.Dtype = None,
        assume: the.Assume = None,
        trust_remote_code: the.Trust = False,
        format: the.ShortFormat = None,
        output: the.Output = None,
    ) -> None:
        """Compare tools on one model."""
        with errors_as_text():
            with progress(f"analyzing {model}"), contextlib.redirect_stdout(sys.stderr):
                from analyzer.report import comparison
                from analyzer.tools import tool

                written = format_of(format, output)
                comparison.check(written)
                names = [name.strip() for name in tools.split(",") if name.strip()]
                for name in names:
                    tool(name)
                options = {"head": head, "batch": batch, "seq": seq, "trust_remote_code": trust_remote_code}
                loaded = load(model, kwargs, set or [], image_size, dtype, options)
                analysis = analyze_loaded(model, loaded, inputs or [], assume or [], False, "raise")
            tell_notes(loaded)
            compared = analysis.compare(*names)
            if written == "table" and output is None:
                compared.table().print(sys.stdout)
            else:
                write(compared.export(written), output)
